"""`wfc versions`: what builds the world holds, which one is active, and which nobody needs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wfc.api import list_versions
from wfc.cli import output
from wfc.cli.chosen import may
from wfc.cli.common import Common, command_app
from wfc.cli.filters import duration, to_us_of
from wfc.cli.session import opened
from wfc.config import build_version
from wfc.runtime.version_names import version_named
from wfc.runtime.versions import activation, register
from wfc.types import VersionSummary
from wfc.worlds.protocol import Note

if TYPE_CHECKING:
    from wfc.config import Session
    from wfc.worlds.protocol import VersionRow

_KIB = 1024
app = command_app(invoke_without_command=True)
Wanted = Annotated[str, typer.Argument(metavar="V", help="An id, its beginning, or a label.")]


@app.callback()
def versions(context: typer.Context) -> None:
    """List the registered versions, newest first."""
    if context.invoked_subcommand is None:
        asyncio.run(_list(Common.of(context)))


async def _list(common: Common) -> None:
    async with opened(common.load()):
        data = [_data(one) for one in await list_versions()]
    output.result(common, "versions", data, rows=[_row(one) for one in data])


@app.command()
def show(context: typer.Context, version: Wanted) -> None:
    """Show one version, with the fingerprint of each of its workflows."""
    asyncio.run(_show(Common.of(context), version))


async def _show(common: Common, wanted: str) -> None:
    async with opened(common.load()) as session:
        data = await _one(session, wanted)
    rows = [{"field": name, "value": value} for name, value in data.items()]
    output.result(common, "version", data, rows=rows)


@app.command()
def activate(context: typer.Context, version: Wanted) -> None:
    """Make a version the active one: its step bodies are preferred, and upgrades move to it."""
    asyncio.run(_activate(Common.of(context), version))


async def _activate(common: Common, wanted: str) -> None:
    async with opened(common.load()) as session:
        found = await version_named(session.world, wanted)
        note = activation(found, session.actor, session.channel)
        await session.world.activate_version(found, note=note)
        data = await _one(session, found)
    output.result(common, "version", data, text=f"version {found} is active")


@app.command(name="register")
def register_build(
    context: typer.Context,
    *,
    label: Annotated[
        str, typer.Option(metavar="L", help="What to call it; else the commit of git.")
    ] = "",
    no_activate: Annotated[
        bool, typer.Option("--no-activate", help="Let the active version stay so: a canary.")
    ] = False,
) -> None:
    """Build the project and register the version, which is then the active one if it is new."""
    asyncio.run(_register(Common.of(context), label or None, activate=not no_activate))


async def _register(common: Common, label: str | None, *, activate: bool) -> None:
    loaded = common.load()
    version = await asyncio.to_thread(build_version, loaded)
    async with opened(loaded) as session:
        new = await register(
            session.world,
            version,
            root=loaded.root,
            label=label,
            activate=activate,
            actor=session.actor,
            channel=session.channel,
        )
        data = await _one(session, version.id)
    standing = "active" if data["active"] else "not active"
    told = "registered" if new else "was registered before"
    text = f"version {version.id} {told}; it is {standing}"
    output.result(common, "version", {**data, "new": new}, text=text)


@app.command()
def prune(
    context: typer.Context,
    *,
    keep: Annotated[int, typer.Option(min=0, metavar="N", help="The newest that stay.")] = 5,
    older_than: Annotated[
        str, typer.Option(metavar="D", help="A run that failed longer ago needs no version.")
    ] = "30d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show which.")] = False,
) -> None:
    """Forget versions that no run needs, and that are neither active nor among the newest."""
    kept_us = to_us_of(duration("--older-than", older_than) or "30d")
    asyncio.run(_prune(Common.of(context), keep, kept_us, dry_run=dry_run))


async def _prune(common: Common, keep: int, kept_us: int, *, dry_run: bool) -> None:
    async with opened(common.load()) as session:
        world = session.world
        failed_since = world.now_us() - kept_us
        found = await world.prune_versions(keep=keep, failed_since=failed_since, dry_run=True)
        names = [row.version for row in found]
        if may(common, "prune", names, destructive=True, dry_run=dry_run, noun="version"):
            # Judged once more: what was shown may be needed by now.
            found = await world.prune_versions(keep=keep, failed_since=failed_since, only=names)
            await world.note(
                Note(
                    action="versions.pruned",
                    actor=session.actor,
                    channel=session.channel,
                    details={"versions": ", ".join(row.version for row in found)},
                )
            )
        elif not dry_run:
            found = []
    data = [_pruned(row, pruned=not dry_run) for row in found]
    output.result(common, "pruned", data)


def _pruned(row: VersionRow, *, pruned: bool) -> dict[str, Any]:
    return {"id": row.version, "label": row.label, "size": row.size, "pruned": pruned}


async def _one(session: Session, wanted: str) -> dict[str, Any]:
    """Describe the version that `wanted` means. Raises `VersionUnknown`, `AmbiguousName`."""
    found = await version_named(session.world, wanted)
    (one,) = [each for each in await list_versions() if each.id == found]
    return _data(one)


def _data(one: VersionSummary) -> dict[str, Any]:
    return {
        "id": one.id,
        "label": one.label,
        "active": one.active,
        "registered_at": output.rfc3339(one.registered_at),
        "environments": [
            {"python": each.python, "wfc": each.wfc, "platform": each.platform}
            for each in one.environments
        ],
        "changed": None if one.changed is None else list(one.changed),
        "workflows": dict(one.workflows),
        "open_runs": one.open_runs,
        "size": one.size,
    }


def _row(data: dict[str, Any]) -> dict[str, Any]:
    """Give what people read of a version."""
    ran_in = (f"{each['python']} {each['wfc']} {each['platform']}" for each in data["environments"])
    return {
        "id": data["id"],
        "label": data["label"],
        "active": "active" if data["active"] else "",
        "registered_at": data["registered_at"],
        "environments": ", ".join(ran_in),
        "changed": ", ".join(data["changed"] or ()),
        "open_runs": data["open_runs"],
        "held": f"{data['size'] / _KIB:.1f} KiB",
    }
