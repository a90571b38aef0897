"""Run a log through code to see whether the two agree. Nothing is written, and no step runs.

On the version that it is on, a log must agree as a worker wants it. On another one it must agree as
an upgrade wants it: sites are mapped, and what has come to nothing may be gone.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wfc import codec
from wfc.errors import TurnTooLong
from wfc.eventlog.entity import Run as Row
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import (
    FailureKind,
    Recorded,
    RunCompleted,
    RunCreated,
    RunFailed,
    RunRestarted,
    RunUpgraded,
)
from wfc.ids import RunId, VersionId
from wfc.runtime.client import Client
from wfc.runtime.dry_replay import UNSETTLED, delivered
from wfc.runtime.execution import Execution
from wfc.runtime.judging import may_revive
from wfc.runtime.logs import chapters_of, created_of, version_in_force
from wfc.runtime.operations import Completed, Failed, Outcome, Suspended
from wfc.runtime.reading import Reading
from wfc.runtime.verdict import Verdict

SPINS: Final = f"{UNSETTLED}: the code runs on and on and lets nobody end it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What one chapter came to. `problem` says how code and log contradict each other, `upgrade`
    what would move the run to the version on which it was replayed, if it is on another one.
    """

    outcome: Outcome
    events: int
    problem: str | None = None
    upgrade: RunUpgraded | None = None


async def replay_all(
    client: Client, run_id: RunId, log: Sequence[Recorded], version: VersionId | None = None
) -> list[Replay]:
    """Deliver each chapter of a log to the version in force at its end, or all to `version`.

    Raises `VersionUnknown`, `BundleBroken`, `BundleUnloadable`.
    """
    return [
        await replay(client, run_id, chapter, created_of(log), version, retry_failed=False)
        for chapter in chapters_of(log)
    ]


async def replay(
    client: Client,
    run_id: RunId,
    chapter: Sequence[Recorded],
    created: RunCreated,
    version: VersionId | None = None,
    *,
    retry_failed: bool = True,
) -> Replay:
    """Deliver one chapter, from its opening on; with `retry_failed` a failed run is revived.

    Raises as `replay_all`.
    """
    if version is None or version == version_in_force(chapter):
        return await _as_a_worker(client, run_id, chapter, created)
    judged = await client.upgrader.judged(
        _row_of(run_id, chapter, created), chapter, version, retry_failed=retry_failed, prove=True
    )
    outcome = judged.outcome or Suspended()
    problem = None if judged.verdict else refusal_of(judged.verdict)
    return Replay(
        outcome=outcome,
        events=len(chapter),
        problem=problem or _problem(outcome, chapter[-1]),
        upgrade=judged.event,
    )


async def _as_a_worker(
    client: Client, run_id: RunId, chapter: Sequence[Recorded], created: RunCreated
) -> Replay:
    code = client.upgrader.code
    template = await code.template(version_in_force(chapter), created.workflow)
    reading = Reading.of(chapter, template.hints)
    execution = Execution(
        template,
        run_id,
        chapter[0],
        limits=client.upgrader.limits,
        heard_until=sys.maxsize,
        renames=reading.renames,
        unequal=reading.unequal,
    )
    execution.created = created
    outcome: Outcome = Suspended()
    problem: str | None = None
    try:
        for each in delivered(execution, reading.read(chapter), client.upgrader.deliver):
            outcome = each
            await asyncio.sleep(0)  # others have their turn too
    except TurnTooLong:
        problem = SPINS
    finally:
        execution.drop()
    problem = problem or _problem(outcome, chapter[-1])
    return Replay(outcome=outcome, events=len(chapter), problem=problem)


def _row_of(run_id: RunId, chapter: Sequence[Recorded], created: RunCreated) -> Row:
    """Describe a run that has this chapter; whatever else ended it, it counts as open."""
    opening, last = chapter[0].event, chapter[-1].event
    assert isinstance(opening, RunCreated | RunRestarted)
    kind = last.kind if isinstance(last, RunFailed) and may_revive(last.kind) else None
    return Row(
        run_id=run_id,
        workflow=created.workflow,
        version=version_in_force(chapter),
        fingerprint=opening.fingerprint,
        status=RunStatus.SUSPENDED if kind is None else RunStatus.FAILED,
        created_at=chapter[0].recorded_at,
        failure_kind=kind,
        length=len(chapter),
    )


def refusal_of(verdict: Verdict) -> str:
    """Say in one line each why a run may not move."""
    return "\n".join(f"{one.code}: {one.sentence}" for one in verdict.reasons)


def _problem(outcome: Outcome, last: Recorded) -> str | None:
    if isinstance(outcome, Failed) and outcome.kind is FailureKind.DIVERGENCE:
        return _told(outcome)
    if isinstance(outcome, Failed) and outcome.kind is FailureKind.LIMIT:
        return None if isinstance(last.event, RunFailed) else _told(outcome) or SPINS
    if not isinstance(last.event, RunCompleted):
        return None
    if not isinstance(outcome, Completed):
        return f"the run had completed at event {last.position}, and the code {_ends(outcome)}"
    if outcome.output != last.event.output:
        return f"the run had completed at event {last.position} with another result"
    return None


def _ends(outcome: Outcome) -> str:
    if isinstance(outcome, Failed):
        return f"fails ({outcome.kind}): {_told(outcome)}"
    return f"is {type(outcome).__name__.lower()}"


def _told(failed: Failed) -> str:
    return str(codec.decode_error(failed.error))
