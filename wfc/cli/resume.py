"""`wfc resume TOKEN JSON`: send a value to the hook that has a token."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from wfc.cli.arguments import read_json_text
from wfc.cli.common import Common, command_app
from wfc.cli.sending import send
from wfc.errors import InputInvalid
from wfc.runtime import hook_door

app = command_app()


@app.command()
def resume(
    context: typer.Context,
    token: Annotated[
        str, typer.Argument(metavar="TOKEN", help="Of the hook, or the id of an approval.")
    ],
    payload: Annotated[
        str, typer.Argument(metavar="JSON", help="The value, @FILE, or - for stdin.")
    ],
    *,
    idempotency_id: Annotated[
        str, typer.Option(metavar="ID", help="However often it is sent with this, it lands once.")
    ] = "",
) -> None:
    """Send a value to a hook; exit 3 if no hook has the token, 5 if it was disposed."""
    value = _value(payload)
    once = idempotency_id or None
    send(
        Common.of(context),
        lambda session: hook_door.send(session, token, value, idempotency_id=once, as_json=True),
    )


def _value(given: str) -> Any:
    text = read_json_text(given)
    try:
        return json.loads(text)
    except ValueError as problem:
        raise InputInvalid(
            f"the value is no JSON: {problem}. Text is written in quotes: '\"yes\"'."
        ) from None
