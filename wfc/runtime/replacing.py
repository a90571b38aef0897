"""Move many runs on behalf of a client; those that may not move can be replaced by new ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from wfc.errors import OptionInvalid, RunIdConflict
from wfc.eventlog.event import CancelCause, RunCancelRequested, RunCreated
from wfc.ids import RunId, is_run_id
from wfc.runtime.client import Client
from wfc.runtime.rerunning import rerun
from wfc.runtime.run import client_worker_hears, tell
from wfc.runtime.upgrade_many import Many, upgrade_many
from wfc.runtime.verdict import UpgradeReport, Verdict
from wfc.worlds.protocol import RunFilter

__all__ = ["Many", "upgrade_all"]
_OTHERWISE = ("stay", "rerun")


async def upgrade_all(
    client: Client, runs: RunFilter | Sequence[RunId], *, otherwise: str, many: Many
) -> UpgradeReport:
    """Move runs, and do with the others what `otherwise` says. Raises `OptionInvalid`."""
    if otherwise not in _OTHERWISE:
        raise OptionInvalid(f"`otherwise` = {otherwise!r}: it is 'stay' or 'rerun'.")

    async def instead(verdict: Verdict) -> RunId:
        return await _replaced(client, verdict)

    if otherwise == "rerun":
        many = replace(many, instead=instead)
    report = await upgrade_many(client.upgrader, runs, many)
    for verdict in report.verdicts:
        if verdict.moved:
            client_worker_hears(client, verdict.run_id)
    return report


async def _replaced(client: Client, verdict: Verdict) -> RunId:
    """Cancel a run and begin it anew on the version that it could not move to.

    The new run is begun first: whoever dies in between leaves both, and a cancelled run that
    nothing replaces would be worse.
    """
    new = await _begun_anew(client, verdict)
    request = RunCancelRequested(
        reason=f"superseded by {new}",
        cause=CancelCause.BULK,
        actor=client.actor,
        channel=client.channel,
    )
    await tell(client, verdict.run_id, [request])
    return new


async def _begun_anew(client: Client, verdict: Verdict) -> RunId:
    """Begin the new run under a name that says which run it replaces.

    The name is always the same, so whoever was killed and tries again finds the run he began.
    """
    old, name = verdict.run_id, RunId(f"{verdict.run_id}.2")
    if not is_run_id(name):
        return await rerun(client, old, version=verdict.to_version)
    try:
        new = await rerun(client, old, version=verdict.to_version, run_id=name)
    except RunIdConflict:
        (begun,) = await client.world.history(name, 0, 1)
        origin = begun.event.origin if isinstance(begun.event, RunCreated) else None
        if origin is not None and origin.run_id == old:
            return name
        return await rerun(client, old, version=verdict.to_version)
    return new
