"""`wfc inspect RUN`: where one run stands, its steps, its events."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from wfc import codec
from wfc.api import get_run
from wfc.cli import hooks as hooks_command
from wfc.cli import output
from wfc.cli.common import Common, command_app
from wfc.cli.doctor_ends import WITHHELD, error_of
from wfc.cli.run_rows import summary
from wfc.cli.session import opened_on, readable, row_of
from wfc.cli.stream import chunk, line_row
from wfc.cli.why import to_plain as why_to_plain
from wfc.config import Session
from wfc.errors import CannotDecrypt, OptionInvalid, RunNotFound, WfcError
from wfc.eventlog.event import RunUpgraded
from wfc.ids import RunId
from wfc.runtime.answers import Recorded, Step
from wfc.runtime.lines import NAMESPACE
from wfc.runtime.run import Run
from wfc.runtime.streams import PAGE
from wfc.worlds.protocol import RunFilter
from wfc.worlds.rules import PAGE_MAX

_TELLING: Final = frozenset(
    {"operation_id", "step", "attempt", "workflow", "output", "error", "reason", "cause"}
)
"""An error that cannot be read here: a text, as all errors are in lists."""
_UNSAID: Final[tuple[object, ...]] = (None, {}, False)
app = command_app()


@app.command()
def inspect(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Its id, or an exported file.")],
    *,
    steps: Annotated[bool, typer.Option("--steps", help="Only its steps.")] = False,
    events: Annotated[bool, typer.Option("--events", help="Only its events.")] = False,
    hooks: Annotated[bool, typer.Option("--hooks", help="Only its hooks.")] = False,
    streams: Annotated[bool, typer.Option("--streams", help="Only its streams.")] = False,
    children: Annotated[bool, typer.Option("--children", help="Only runs it started.")] = False,
    logs: Annotated[bool, typer.Option("--logs", help="Only what it has logged.")] = False,
    event: Annotated[int, typer.Option("--event", metavar="N", help="One event, whole.")] = 0,
) -> None:
    """Show one run: its state, steps, events, hooks, streams, children and log."""
    asked = {
        "event": event,
        "events": events,
        "steps": steps,
        "hooks": hooks,
        "streams": streams,
        "children": children,
        "logs": logs,
    }
    only = [name for name, wanted in asked.items() if wanted]
    if len(only) > 1:
        raise OptionInvalid(f"--{only[0]} and --{only[1]} each show one thing: give one of them.")
    asyncio.run(_inspect(Common.of(context), run, "".join(only), event))


async def _inspect(common: Common, named: str, only: str, event: int) -> None:
    async with opened_on(common.load(), named) as (session, run_id):
        row = await row_of(session, run_id)
        run: Run[Any] = get_run(run_id)
        if only == "event":
            await _one_event(common, session, run, event)
        elif only == "events":
            data = [_event(session, each) for each in await run.events()]
            output.result(common, "events", data, rows=[_event_row(each) for each in data])
        elif only == "steps":
            data = [_step(each) for each in await run.steps()]
            output.result(common, "steps", data, rows=[_step_row(each) for each in data])
        elif only == "hooks":
            data = [hooks_command.summary(each) for each in await run.hooks()]
            rows = [{name: one[name] for name in hooks_command.SHOWN} for one in data]
            output.result(common, "hooks", data, rows=rows)
        elif only == "logs":
            data = await _logs(session, row.run_id)
            output.result(common, "logs", data, rows=[line_row(each) for each in data])
        elif only:
            listed = _streams if only == "streams" else _children
            output.result(common, only, await listed(session, row.run_id))
        else:
            data_of_run = {
                **summary(row, session.world.now_us()),
                "why": why_to_plain(await run.why()),
                "result": _field(session, "output", row.output),
                "error": _field(session, "error", row.error),
                "parent": row.parent_id,
                "children": await _children(session, row.run_id),
                "callbacks": await _callbacks(session, row.run_id),
                "steps": [_step(each) for each in await run.steps()],
            }
            _whole(common, data_of_run)


async def _one_event(common: Common, session: Session, run: Run[Any], number: int) -> None:
    log = await run.events()
    if not 0 < number <= len(log):
        message = f"run {run.id} has the events 1 to {len(log)}, and no event {number}"
        raise RunNotFound(message)
    data = _event(session, log[number - 1])
    rows = [{"field": name, "value": value} for name, value in data.items()]
    output.result(common, "event", data, rows=rows)


async def _children(session: Session, run_id: RunId) -> list[dict[str, Any]]:
    """List the runs that a run has started, the earliest first."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = await session.world.list_runs(
            RunFilter(parent_id=run_id), cursor=cursor, limit=PAGE_MAX
        )
        found += [
            {"id": each.run_id, "workflow": each.workflow, "status": each.status}
            for each in page.runs
        ]
        cursor = page.next
        if cursor is None:
            return found[::-1]


async def _streams(session: Session, run_id: RunId) -> list[dict[str, Any]]:
    """List the streams of a run, by name; `size` is in bytes."""
    return [
        {
            "namespace": each.namespace,
            "tail_index": each.length - 1,
            "size": each.size,
            "closed": each.closed,
            "created_at": output.rfc3339(each.created_at),
        }
        for each in await session.world.streams(run_id)
    ]


async def _logs(session: Session, run_id: RunId) -> list[dict[str, Any]]:
    """List the log lines of a run, as `wfc stream RUN wfc.logs` does."""
    found: list[dict[str, Any]] = []
    while True:
        page = await session.world.read_chunks(run_id, NAMESPACE, len(found), PAGE)
        found += [chunk(session, run_id, NAMESPACE, row) for row in page.chunks]
        if not page.chunks:
            return found


async def _callbacks(session: Session, run_id: RunId) -> list[dict[str, Any]]:
    """List who is told of the run's end, and how that stands."""
    return [
        {
            "callback": row.callback,
            "status": row.status,
            "attempts": row.attempts,
            "changed_at": output.rfc3339(row.changed_at),
            "error": error_of(row).removeprefix(": ") or None,
        }
        for row in await session.world.deliveries(run_id=run_id)
    ]


def _whole(common: Common, data: Mapping[str, Any]) -> None:
    if common.json or common.jsonl:
        output.result(common, "run", dict(data))
        return
    lists = ("children", "callbacks", "steps")
    shown = {
        name: value for name, value in data.items() if name not in lists and value not in _UNSAID
    }
    shown["why"] = shown["why"]["sentence"]
    output.table(common, [{"field": name, "value": value} for name, value in shown.items()])
    if data["steps"]:
        output.table(common, [_step_row(step) for step in data["steps"]])
    for name in ("children", "callbacks"):
        if data[name]:
            output.table(common, data[name])


def _step(step: Step) -> dict[str, Any]:
    return {
        "id": step.id,
        "name": step.name,
        "status": step.status,
        "attempt": step.attempt,
        "arguments": readable(step.arguments),
        "output": readable(step.output),
        "error": _error(step.error),
        "started_at": output.rfc3339(step.started_at),
        "ended_at": output.rfc3339(step.ended_at),
    }


def _error(error: BaseException | None) -> str | None:
    if isinstance(error, CannotDecrypt):
        return WITHHELD
    return None if error is None else f"{type(error).__name__}: {error}"


def _step_row(step: Mapping[str, Any]) -> dict[str, Any]:
    outcome = step["error"] if step["error"] is not None else step["output"]
    return {
        "step": step["name"],
        "status": step["status"],
        "attempt": step["attempt"],
        "started_at": step["started_at"],
        "outcome": outcome,
        "id": step["id"],
    }


def _event(session: Session, recorded: Recorded) -> dict[str, Any]:
    fields = dataclasses.asdict(recorded.event)
    return {
        "position": recorded.position,
        "recorded_at": output.rfc3339(recorded.recorded_at),
        "name": recorded.event.name,
        **{name: _field(session, name, value) for name, value in fields.items()},
    }


def _field(session: Session, name: str, value: Any) -> Any:
    """Give a field as people read it: values and not bytes."""
    if isinstance(value, dict):
        return {key: _field(session, key, below) for key, below in value.items()}
    if isinstance(value, int) and name.endswith("_at"):
        return output.rfc3339(value)
    return _payload(session, name, value) if isinstance(value, bytes) else readable(value)


def _payload(session: Session, name: str, value: bytes) -> Any:
    if codec.is_withheld(value):
        return WITHHELD if name == "error" else codec.decode(value)
    if name in {"seed", "digest"}:
        return value.hex()
    try:
        if name == "error":
            return repr(codec.decode_error(value, types=session.types))
        return readable(codec.decode(value, types=session.types))
    except WfcError as problem:
        return f"({len(value)} bytes: {problem})"


def _event_row(event: Mapping[str, Any]) -> dict[str, Any]:
    heads = ("position", "recorded_at", "name")
    return {**{name: event[name] for name in heads}, "about": _about(event)}


def _about(event: Mapping[str, Any]) -> dict[str, Any]:
    """Give the fields that tell most, and how many operations an upgrade took back."""
    if event["name"] == RunUpgraded.name:
        counts = {name: len(event[name]) for name in ("withdrawn", "retracted")}
        taken = {name: count for name, count in counts.items() if count}
        return {"from": event["from_version"], "to": event["to_version"], **taken}
    return {name: event[name] for name in event if name in _TELLING and event[name] is not None}
