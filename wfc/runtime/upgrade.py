"""Move a run to another version: judge, write one `run_upgraded`, and if the log went on, again."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final, Protocol

from wfc import fault
from wfc.durations import Duration, seconds
from wfc.errors import (
    BuildTooNew,
    BundleBroken,
    CompileError,
    EffectInWorkflow,
    RunBusy,
    RunNotFound,
    VersionUnknown,
)
from wfc.eventlog.event import Channel, Recorded
from wfc.ids import DefinitionId, RunId, VersionId
from wfc.manifests.levels import Reason
from wfc.runtime.execution import Execution
from wfc.runtime.heartbeat import Turns
from wfc.runtime.judging import UNHELD, Case, Deliver, Judged, judge
from wfc.runtime.limits import Limits
from wfc.runtime.operations import Outcome
from wfc.runtime.template import Template
from wfc.runtime.upgrade_code import Codebase, Edit
from wfc.runtime.verdict import Answer, Verdict, Waiver
from wfc.worlds.protocol import Appended, Refusal, Refused, Unowned, World

_PAGE: Final = 2000
_TRIES: Final = 5
_LOOK_AGAIN_S: Final = 0.5
_REPLAY_S: Final = 5.0
UNLOADABLE: Final = (BundleBroken, BuildTooNew, CompileError, EffectInWorkflow, VersionUnknown)
"""Why a bundle cannot be had here."""


class Who(Protocol):
    """On whose behalf a run is moved."""

    world: World
    actor: str | None
    channel: Channel


class Upgrader:
    """Judges and moves runs of one world; what it has read of versions it keeps."""

    def __init__(
        self,
        who: Who,
        *,
        limits: Limits | None = None,
        deliver: Deliver | None = None,
    ) -> None:
        """Act for `who`; `deliver` guards against replays that never end."""
        self.who = who
        self.world = who.world
        self.code = Codebase(who.world)
        self._limits = limits or Limits()
        self._deliver = deliver or _deliver

    async def judge(
        self,
        run_id: RunId,
        to: VersionId,
        *,
        accept: Collection[str] = (),
        retry_failed: bool = True,
    ) -> tuple[Judged, int]:
        """Say whether a run may move, and how long its log was then. Nothing is written.

        Raises `RunNotFound`, `VersionUnknown` (`to`), `ValueError` (`accept`), `LogError`.
        """
        waivers = frozenset(Waiver(one) for one in accept)
        await self.code.version(to)
        row = await self.world.run(run_id)
        if row is None:
            raise RunNotFound(f"no run has the id {run_id!r}. `wfc runs` lists those that exist.")
        history = await whole_log(self.world, run_id)
        edit, template = await self._code_of(row.version, to, row.workflow)
        case = Case(
            row=row,
            history=history,
            to=to,
            edit=edit,
            template=template,
            accept=waivers,
            retry_failed=retry_failed,
            limits=self._limits,
            deliver=self._deliver,
        )
        judged = judge(case)
        if judged.verdict.answer is Answer.STAY and not row.status.ended:
            judged = replace(judged, verdict=await self._stays(case, judged.verdict))
        return judged, len(history)

    async def upgrade(
        self,
        run_id: RunId,
        to: VersionId,
        *,
        dry_run: bool = False,
        accept: Collection[str] = (),
        retry_failed: bool = True,
        timeout: Duration = 10.0,  # noqa: ASYNC109 - how long to wait for whoever executes it
    ) -> Verdict:
        """Move a run if its history allows it. Raises `RunBusy` besides what `judge` raises."""
        deadline = asyncio.get_running_loop().time() + seconds(timeout)
        lost = 0
        while True:
            judged, length = await self.judge(run_id, to, accept=accept, retry_failed=retry_failed)
            if dry_run or not judged.verdict or judged.event is None:
                return judged.verdict
            event = replace(judged.event, actor=self.who.actor, channel=self.who.channel)
            fault.point("upgrade.appending")
            answer = await self.world.append(run_id, [event], guard=Unowned(length))
            fault.point("upgrade.appended")
            if isinstance(answer, Appended):
                return replace(judged.verdict, moved=True)
            lost += answer.reason is not Refusal.HELD
            await self._wait(run_id, answer, deadline, lost)

    async def _wait(self, run_id: RunId, answer: Refused, deadline: float, lost: int) -> None:
        """Wait for whoever executes the run; raise `RunBusy` when it took too long."""
        left = deadline - asyncio.get_running_loop().time()
        if lost > _TRIES or (answer.reason is Refusal.HELD and left <= 0):
            why = "is being executed" if answer.reason is Refusal.HELD else "changes too fast"
            raise RunBusy(
                f"run {run_id} {why} and could not be moved in time. Nothing was written; try "
                "again, or pause it first: a paused run is released."
            )
        if answer.reason is not Refusal.HELD:
            return
        watch = self.world.watch(f"run:{run_id}")
        try:
            await watch.changed(min(_LOOK_AGAIN_S, left))
        finally:
            watch.close()

    async def _code_of(
        self, old: VersionId, new: VersionId, workflow: DefinitionId
    ) -> tuple[Edit | None, Template | None]:
        try:
            await self.code.manifest(old)
        except UNLOADABLE:
            return None, None  # the old version is not held, or cannot be read
        edit = await self.code.edit(old, new, workflow)
        name = workflow if edit is None else edit.workflow
        if name is None:
            return edit, None
        return edit, await self.code.template(new, name)

    async def _stays(self, case: Case, verdict: Verdict) -> Verdict:
        """See that a run that does not move can go on where it is; else it can do neither."""
        row = case.row
        try:
            template = await self.code.template(row.version, row.workflow)
        except UNLOADABLE as error:
            first = str(error).partition("\n")[0]
            reason = Reason(
                code=UNHELD, sentence=f"the bundle of {row.version} cannot be had here: {first}"
            )
            others = (one for one in verdict.reasons if one.code != UNHELD)
            return replace(verdict, answer=Answer.CANNOT, reasons=(reason, *others))
        edit = await self.code.edit(row.version, row.version, row.workflow)
        own = judge(
            replace(
                case,
                to=row.version,
                edit=edit,
                template=template,
                accept=frozenset(),
                prove=True,
            )
        )
        if own.verdict:
            return verdict
        reasons = tuple(
            replace(one, sentence=f"nor does it replay on its own version here: {one.sentence}")
            for one in own.verdict.reasons[:1]
        )
        return replace(verdict, answer=Answer.CANNOT, reasons=(*verdict.reasons, *reasons))


def _deliver(execution: Execution, recorded: Sequence[Recorded]) -> Outcome:
    """Replay a run, and end it where the code spins: nobody else would."""
    turns = Turns(_REPLAY_S)
    alarm = threading.Timer(_REPLAY_S, turns.interrupt, (math.inf,))
    alarm.daemon = True
    alarm.start()
    try:
        return turns.deliver(execution, recorded)
    finally:
        alarm.cancel()


async def whole_log(world: World, run_id: RunId) -> list[Recorded]:
    """Read all events of a run."""
    log: list[Recorded] = []
    while page := await world.history(run_id, len(log), _PAGE):
        log.extend(page)
        if len(page) < _PAGE:
            break
    return log
