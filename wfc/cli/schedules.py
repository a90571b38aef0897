"""`wfc schedules`: what starts runs by the clock, and what can be done about it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer

from wfc.api import get_schedule, list_schedules
from wfc.cli import output, workflows
from wfc.cli.arguments import bind
from wfc.cli.chosen import may
from wfc.cli.common import Common, command_app
from wfc.cli.filters import attributes, duration
from wfc.cli.session import hint_if_nobody_works, opened
from wfc.config import current_session
from wfc.errors import InputInvalid, LimitExceeded, OptionInvalid
from wfc.runtime.schedules import ScheduleOptions, put
from wfc.types import Schedule

_SHOWN = ("name", "workflow", "when", "tz", "next_at", "last_at", "state")
app = command_app(invoke_without_command=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of a schedule.")]


@app.callback()
def schedules(context: typer.Context) -> None:
    """List the schedules, by name."""
    if context.invoked_subcommand is None:
        asyncio.run(_list(Common.of(context)))


@app.command(name="list")
def list_all(context: typer.Context) -> None:
    """List the schedules, by name."""
    asyncio.run(_list(Common.of(context)))


async def _list(common: Common) -> None:
    async with opened(common.load()):
        data = [_data(one) for one in await list_schedules()]
    rows = [{name: one[name] for name in _SHOWN} for one in data]
    output.result(common, "schedules", data, rows=rows)


@app.command()
def show(context: typer.Context, name: Name) -> None:
    """Show one schedule, whole."""

    async def look(one: Schedule) -> Schedule:
        return one

    asyncio.run(_act(Common.of(context), name, look, said=None))


@app.command()
def create(
    context: typer.Context,
    name: Name,
    workflow: Annotated[str, typer.Argument(help="module:qualname, or a name that is unique.")],
    arguments: Annotated[
        list[str], typer.Argument(metavar="ARG|NAME=ARG", help="Arguments, in order or by name.")
    ] = [],  # noqa: B006 - typer copies it
    *,
    given: Annotated[
        str, typer.Option("--input", metavar="JSON", help="Arguments as JSON, @file, or - (stdin).")
    ] = "",
    cron: Annotated[str, typer.Option(metavar="C", help="When, as cron: '0 3 * * *'.")] = "",
    every: Annotated[str, typer.Option(metavar="D", help="Or how often: 15m.")] = "",
    tz: Annotated[str, typer.Option(metavar="ZONE", help="The zone of --cron.")] = "UTC",
    overlap: Annotated[
        str, typer.Option(metavar="P", help="While a run is open: skip, queue, allow.")
    ] = "skip",
    catch_up: Annotated[
        str, typer.Option(metavar="P", help="What was missed: latest, all, none.")
    ] = "latest",
    attribute: Annotated[
        list[str], typer.Option(metavar="K=V", help="Attribute of its runs; repeat.")
    ] = [],  # noqa: B006 - likewise
) -> None:
    """Make a schedule, or let the one of this name be as it is said here."""
    try:
        options = ScheduleOptions(
            name=name,
            cron=cron or None,
            every=duration("--every", every),
            tz=tz,
            overlap=overlap,
            catch_up=catch_up,
            attributes=attributes(attribute),
        )
    except (OptionInvalid, LimitExceeded) as problem:
        raise InputInvalid(str(problem)) from None
    call = (workflow, arguments, given or None)
    asyncio.run(_create(Common.of(context), options, call))


async def _create(
    common: Common, options: ScheduleOptions, call: tuple[str, list[str], str | None]
) -> None:
    async with opened(common.load(), with_code=True) as session:
        _, function = workflows.find(session, call[0])
        args, kwargs = bind(function, call[1], call[2])
        made = await put(session, current_session, function, options, (args, kwargs))
        data = _data(made)
        fires = "is paused" if made.next_at is None else f"fires next at {data['next_at']}"
        output.result(common, "schedule", data, text=f"schedule {made.name} {fires}")
        await hint_if_nobody_works(common, session)


@app.command()
def pause(context: typer.Context, name: Name) -> None:
    """Let a schedule fire no more until it is resumed."""
    asyncio.run(_act(Common.of(context), name, Schedule.pause, said="is paused"))


@app.command()
def resume(context: typer.Context, name: Name) -> None:
    """Let a paused schedule fire again, from now on."""
    asyncio.run(_act(Common.of(context), name, Schedule.resume, said="fires again"))


async def _act(
    common: Common,
    name: str,
    act: Callable[[Schedule], Awaitable[Schedule]],
    *,
    said: str | None,
) -> None:
    async with opened(common.load()):
        data = _data(await act(await get_schedule(name)))
    rows = [{"field": field, "value": value} for field, value in data.items()]
    text = None if said is None else f"schedule {name} {said}"
    output.result(common, "schedule", data, text=text, rows=rows)


@app.command()
def trigger(context: typer.Context, name: Name) -> None:
    """Begin a run of a schedule now, whatever else is open or paused."""
    asyncio.run(_trigger(Common.of(context), name))


async def _trigger(common: Common, name: str) -> None:
    async with opened(common.load()) as session:
        one = await get_schedule(name)
        run = await one.trigger()
        data = {"id": run.id, "schedule": name, "workflow": one.workflow}
        output.result(common, "triggered", data, text=run.id)
        await hint_if_nobody_works(common, session)


@app.command()
def delete(context: typer.Context, name: Name) -> None:
    """Forget a schedule; runs that it began go on."""
    asyncio.run(_delete(Common.of(context), name))


async def _delete(common: Common, name: str) -> None:
    async with opened(common.load()):
        one = await get_schedule(name)
        gone = may(common, "delete", [name], destructive=True, dry_run=False, noun="schedule")
        gone = gone and await one.delete()
    text = f"schedule {name} {'is deleted' if gone else 'stays'}"
    output.result(common, "deleted", {"name": name, "deleted": gone}, text=text)


@app.command(name="next")
def next_firings(
    context: typer.Context,
    name: Name,
    *,
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, max=1000, metavar="N", help="How many.")
    ] = 5,
) -> None:
    """Show when a schedule fires next, as if it were not paused."""
    asyncio.run(_next(Common.of(context), name, count))


async def _next(common: Common, name: str, count: int) -> None:
    async with opened(common.load()):
        times = await (await get_schedule(name)).next(count)
    output.result(common, "firings", [{"at": output.rfc3339(at)} for at in times])


def _data(one: Schedule) -> dict[str, Any]:
    """Give what programs read of a schedule."""
    return {
        "name": one.name,
        "workflow": one.workflow,
        "when": one.cron if one.cron is not None else f"every {one.every_s:g} s",
        "cron": one.cron,
        "every_s": one.every_s,
        "tz": one.tz,
        "overlap": one.overlap,
        "catch_up": one.catch_up,
        "start": output.rfc3339(one.start),
        "end": output.rfc3339(one.end),
        "attributes": dict(one.attributes),
        "state": _state(one),
        "paused": one.paused,
        "created_at": output.rfc3339(one.created_at),
        "next_at": output.rfc3339(one.next_at),
        "last_at": output.rfc3339(one.last_at),
        "last_run": one.last_run_id,
        "waiting": one.waiting,
        "skipped": one.skipped,
        "problem": one.problem,
    }


def _state(one: Schedule) -> str:
    if one.problem is not None:
        return "failing"
    if one.paused:
        return "paused"
    return "over" if one.next_at is None else "active"
