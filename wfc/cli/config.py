"""`wfc config show`: every setting, its value and where it comes from."""

from __future__ import annotations

import typer

from wfc.cli import output
from wfc.cli.common import Common, command_app
from wfc.settings import shown

app = command_app()


@app.callback()
def config() -> None:
    """Show every setting and where its value comes from."""


@app.command()
def show(context: typer.Context) -> None:
    """Print name, value and origin of every setting, secrets as ***."""
    common = Common.of(context)
    loaded = common.load()
    settings = [
        {"setting": name, "value": value, "origin": origin} for name, value, origin in shown(loaded)
    ]
    data = {"root": str(loaded.root), "settings": settings}
    output.result(common, "config", data, rows=settings)
