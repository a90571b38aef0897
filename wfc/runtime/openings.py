"""The first event of a run that nobody calls: a schedule starts it, by what the world has kept."""

from __future__ import annotations

import os
from typing import Final

from wfc.clock import to_datetime
from wfc.errors import CannotDecrypt
from wfc.eventlog.event import Channel, Origin, RunCreated
from wfc.ids import RunId, VersionId
from wfc.policies import declared
from wfc.runtime.environment import capture
from wfc.runtime.retention import retention_of
from wfc.runtime.upgrade_code import Codebase
from wfc.runtime.version_cache import workflow_in
from wfc.worlds.protocol import ScheduleRow
from wfc.worlds.schedules import prefix_of

_ZERO: Final = "+00:00"


def firing_id(name: str, at: int) -> RunId:
    """Name the run that a schedule starts for an instant: the same for all who would start it."""
    return RunId(prefix_of(name) + to_datetime(at).isoformat().replace(_ZERO, "Z"))


async def opening_of(
    code: Codebase,
    version_id: VersionId,
    row: ScheduleRow,
    *,
    fire_at: int,
    actor: str | None,
    channel: Channel,
) -> RunCreated:
    """Give the first event of a run that a schedule starts on a version.

    Raises `NoSuchWorkflow`, `VersionUnknown`, `BundleBroken`, `BundleUnloadable`, `CannotDecrypt`.
    """
    if row.arguments is None:
        raise CannotDecrypt(
            f"the arguments of the schedule {row.name!r} are sealed under an encryption key that "
            "is not here, so nothing was started.\nAdd that key to WFC_ENCRYPTION_KEYS."
        )
    version = await code.version(version_id)
    workflow = workflow_in(version, row.workflow)
    template = await code.template(version_id, workflow)
    function = template.function(workflow)
    declaration = declared(function)
    timeout_s = None if declaration is None else declaration.given.get("timeout_s")
    return RunCreated(
        workflow=workflow,
        version=version.id,
        fingerprint=version.fingerprints[workflow],
        changes=template.changes,
        arguments=row.arguments,
        seed=os.urandom(32),
        environment=capture(version.rules),
        attributes=dict(row.attributes),
        timeout_s=None if timeout_s is None else float(timeout_s),
        retention_s=retention_of(function, None),
        goal_s=None if declaration is None else declaration.goal_s,
        origin=Origin(kind="schedule", schedule=row.name, fire_at=fire_at),
        actor=actor,
        channel=channel,
    )
