"""`wfc db`: the tables of a world brought up to date, looked over, and copied."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from wfc.cli import output
from wfc.cli.common import Common, command_app
from wfc.cli.session import opened

app = command_app()


@app.command()
def migrate(context: typer.Context) -> None:
    """Bring the tables up to date; workers of the release before may go on meanwhile."""
    asyncio.run(_migrate(Common.of(context)))


async def _migrate(common: Common) -> None:
    # Whoever opens a world brings it up to date.
    async with opened(common.load()) as session:
        world, schema = session.world, await session.world.schema()
    told = "has no tables" if schema is None else f"is up to date (schema {schema})"
    output.result(
        common, "migrated", {"world": world.url, "schema": schema}, text=f"{world.url} {told}"
    )


@app.command()
def check(context: typer.Context) -> None:
    """See that the world keeps what it acknowledges, can be written, and is not damaged."""
    asyncio.run(_check(Common.of(context)))


async def _check(common: Common) -> None:
    async with opened(common.load()) as session:
        world = session.world
        await world.check()
        schema = await world.schema()
    data = {"world": world.url, "schema": schema, "sound": True}
    output.result(common, "checked", data, text=f"{world.url} is sound")


@app.command()
def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The new file.")],
) -> None:
    """Write all that the world holds at one instant to a new file; work goes on meanwhile.

    Of SQLite it is a database that can be put in the place of the other, of PostgreSQL a file for
    pg_restore. What is encrypted stays so: keep the keys elsewhere.
    """
    common = Common.of(context)
    url = asyncio.run(_backup(common, file))
    size = file.stat().st_size
    data = {"world": url, "file": str(file), "size": size}
    output.result(common, "backup", data, text=f"{file}: {size} bytes")


async def _backup(common: Common, file: Path) -> str:
    async with opened(common.load()) as session:
        await session.world.backup(file)
        return session.world.url
