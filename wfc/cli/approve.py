"""`wfc approve ID`: say yes to a hook that asks for a decision."""

from __future__ import annotations

from typing import Annotated

import typer

from wfc.cli.common import Common, command_app
from wfc.cli.sending import send
from wfc.runtime.approving import decide

app = command_app()


@app.command()
def approve(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="ID|TOKEN", help="Of the approval, or of the hook.")
    ],
    *,
    reason: Annotated[str, typer.Option(metavar="T", help="Why, for whoever asked.")] = "",
) -> None:
    """Say yes to a hook that asks; exit 3 if there is none, 5 if it was decided otherwise."""
    common = Common.of(context)
    send(common, lambda session: decide(session, name, approved=True, reason=reason or None))
