"""An attempt as a frame: what its own process has to know, and what comes back.

The policy travels inside an event of the log, whose form is kept for ever anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wfc.eventlog import wire
from wfc.eventlog.event import StepCreated
from wfc.ids import DefinitionId, OperationId, RunId, VersionId
from wfc.runtime.attempt import Call, Ended, Scene

_PLAIN = (
    "workflow", "version", "chapter", "attempt", "first_started_at", "started_at", "spent",
    "body_version",
)  # fmt: skip


def to_fields(call: Call, now: int) -> dict[str, Any]:
    """Describe `call`; `now` is the world's clock."""
    created = StepCreated(
        operation_id=call.operation_id,
        step=call.step,
        arguments=call.arguments,
        digest=call.digest,
        policy=call.policy,
        closure=False,
    )
    return {
        **{name: getattr(call, name) for name in _PLAIN},
        "run_id": call.run_id,
        "payload_max": int(call.payload_max),  # settings hold a kind of their own
        "created": wire.encode(0, created),
        "scene": call.workflow_metadata(),
        "now": now,
    }


def of_fields(fields: Mapping[str, Any], scene: Scene) -> Call:
    """Make the call again, in the process that is to run it."""
    run_id = RunId(fields["run_id"])
    created = wire.decode(fields["created"], run_id=run_id, position=1).event
    assert isinstance(created, StepCreated)
    version = fields["body_version"]
    return Call(
        run_id=run_id,
        workflow=DefinitionId(fields["workflow"]),
        version=VersionId(fields["version"]),
        chapter=fields["chapter"],
        operation_id=OperationId(created.operation_id),
        step=created.step,
        arguments=created.arguments,
        digest=created.digest,
        policy=created.policy,
        attempt=fields["attempt"],
        first_started_at=fields["first_started_at"],
        started_at=fields["started_at"],
        spent=fields["spent"],
        payload_max=fields["payload_max"],
        body_version=None if version is None else VersionId(version),
        scene=scene,
    )


def ended_fields(ended: Ended) -> dict[str, Any]:
    """Describe how an attempt ended."""
    return {"payload": ended.payload, "failed": ended.failed, "retry_at": ended.retry_at}


def ended_of(call: Call, fields: Mapping[str, Any]) -> Ended:
    """Make an outcome of what the process said."""
    return Ended(call, fields["payload"], failed=fields["failed"], retry_at=fields["retry_at"])
