"""`wfc resume TOKEN JSON`: send a value to the hook that has a token."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import typer

from wfc.cli import output
from wfc.cli.arguments import read_json_text
from wfc.cli.common import Common, command_app
from wfc.cli.session import opened, wait_for_reaction
from wfc.errors import InputInvalid, SchemaUnavailable
from wfc.runtime import hook_door
from wfc.types import Receipt

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
    asyncio.run(_resume(Common.of(context), token, value, idempotency_id or None))


def _value(given: str) -> Any:
    text = read_json_text(given)
    try:
        return json.loads(text)
    except ValueError as problem:
        raise InputInvalid(
            f"the value is no JSON: {problem}. Text is written in quotes: '\"yes\"'."
        ) from None


async def _resume(common: Common, token: str, value: Any, idempotency_id: str | None) -> None:
    loaded = common.load()

    async def send(*, with_code: bool) -> Receipt:
        async with opened(loaded, with_code=with_code) as session:
            receipt = await hook_door.send(
                session, token, value, idempotency_id=idempotency_id, as_json=True
            )
            data = {
                "run": receipt.run_id,
                "receipt_id": receipt.receipt_id,
                "position": receipt.position,
                "duplicate": receipt.duplicate,
            }
            output.result(common, "receipt", data, rows=[data])
            if not receipt.duplicate:
                await wait_for_reaction(common, session, [receipt.run_id])
            return receipt

    try:
        await send(with_code=False)
    except SchemaUnavailable:
        # Without `jsonschema` the hook's own type can judge, which takes a build of the project.
        await send(with_code=True)
