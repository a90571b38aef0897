"""Saying yes or no to a hook that asks for it: an approval, or one whose type has `approved`."""

from __future__ import annotations

from typing import Any

from wfc import codec
from wfc.errors import HookNotFound, InputInvalid
from wfc.eventlog.event import HookKind
from wfc.runtime import hook_door
from wfc.runtime.answers import Receipt
from wfc.runtime.client import Client
from wfc.worlds.protocol import HookFilter, HookRow, World

REASON_MAX: int = 2000
"""Characters that a reason may have."""


async def decide(
    client: Client, name: str, *, approved: bool, reason: str | None = None
) -> Receipt:
    """Send a yes or no to the hook that has this id or token; on return it is on disk.

    An approval takes one decision: the same again is the receipt of the first, another one raises
    `IdempotencyMismatch`. Raises `InputInvalid` for a hook that asks for something else, and what
    `resume_hook` raises.
    """
    if reason is not None and len(reason) > REASON_MAX:
        raise InputInvalid(
            f"the reason has {len(reason):,} characters, and {REASON_MAX:,} are taken."
        )
    row = await _find(client.world, name)
    once = decision_key(row.hook.hook_id) if row.hook.kind is HookKind.APPROVAL else None
    return await hook_door.send(
        client,
        row.hook.token,
        _payload(row, approved=approved, reason=reason),
        idempotency_id=once,
        as_json=True,
    )


def decision_key(hook_id: str) -> str:
    """Give the idempotency id of every decision about an approval: the first one counts."""
    return f"wfc.decision:{hook_id}"


async def _find(world: World, name: str) -> HookRow:
    """Find a hook by token, else by id: people name hooks by it."""
    try:
        return await hook_door.find(world, name)
    except HookNotFound:
        found = (await world.list_hooks(HookFilter(hook_id=name), limit=1)).hooks
        if not found:
            raise
        return found[0]


def _payload(row: HookRow, *, approved: bool, reason: str | None) -> Any:
    """Make what the hook takes. Raises `InputInvalid` if it takes no decisions."""
    schema = None if row.hook.schema is None else codec.decode(row.hook.schema)["json"]
    if schema == {"type": "boolean"}:
        if reason is not None:
            raise InputInvalid(
                f"the hook {row.hook.hook_id} takes a yes or no alone, and no reason. Leave it off."
            )
        return approved
    fields = schema.get("properties", {}) if isinstance(schema, dict) else {}
    if row.hook.kind is not HookKind.APPROVAL:
        _check(row, fields, reason)
    return {"approved": approved} | ({} if reason is None else {"reason": reason})


def _check(row: HookRow, fields: dict[str, Any], reason: str | None) -> None:
    asked = fields.get("approved")
    if not isinstance(asked, dict) or asked.get("type") != "boolean":
        raise InputInvalid(
            f"the hook {row.hook.hook_id} asks for no yes or no: its type has no field `approved`. "
            "Nothing was written. Send what it takes by `wfc resume TOKEN JSON`."
        )
    if reason is not None and "reason" not in fields:
        raise InputInvalid(
            f"the hook {row.hook.hook_id} keeps no reason: its type has no such field. Nothing was "
            "written. Leave the reason off, or let the workflow ask for one."
        )
