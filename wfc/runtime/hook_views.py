"""Hooks as those outside of the run see them."""

from __future__ import annotations

from typing import Any

from wfc import codec
from wfc.clock import to_datetime
from wfc.errors import CodecError
from wfc.eventlog.entity import Hook
from wfc.eventlog.event import HookKind
from wfc.ids import DefinitionId, RunId, split_operation_id
from wfc.runtime.answers import HookSummary
from wfc.worlds.protocol import HookRow


def summary_of(
    run_id: RunId, workflow: DefinitionId, hook: Hook, types: codec.Types
) -> HookSummary:
    """Describe a hook; metadata that cannot be read here is the error that says why."""
    schema = _read(hook.schema, types)
    _, site, _ = split_operation_id(hook.operation_id)
    return HookSummary(
        id=hook.hook_id,
        # What is sent to an approval goes by its id; its token never leaves.
        token=hook.hook_id if hook.kind is HookKind.APPROVAL else hook.token,
        kind=hook.kind,
        status=hook.status,
        run_id=run_id,
        workflow=workflow,
        site=site,
        received=hook.received,
        json_schema=schema.get("json", schema) if isinstance(schema, dict) else None,
        metadata=_read(hook.metadata, types),
        created_at=to_datetime(hook.created_at),
        disposed_at=None if hook.disposed_at is None else to_datetime(hook.disposed_at),
    )


def summary_of_row(row: HookRow, types: codec.Types) -> HookSummary:
    """Describe a hook that a world found."""
    return summary_of(row.run_id, row.workflow, row.hook, types)


def _read(data: bytes | None, types: codec.Types) -> Any:
    if data is None:
        return None
    try:
        return codec.decode(data, types=types)
    except CodecError as problem:
        return problem
