"""Move a run to another version: judge, write one `run_upgraded`, and if the log went on, again."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final, Protocol

from wfc import fault
from wfc.durations import Duration, seconds
from wfc.errors import (
    BuildTooNew,
    BundleBroken,
    BundleUnloadable,
    HookConflictError,
    RunBusy,
    RunNotFound,
    VersionUnknown,
)
from wfc.eventlog.entity import Run as Row
from wfc.eventlog.event import Channel, Recorded
from wfc.ids import DefinitionId, RunId, VersionId
from wfc.manifests.levels import Reason
from wfc.runtime.judging import UNHELD, Case, Judged, judge
from wfc.runtime.limits import Limits
from wfc.runtime.logs import read_log
from wfc.runtime.registry import Registry
from wfc.runtime.template import Template
from wfc.runtime.upgrade_code import Codebase, Edit
from wfc.runtime.verdict import Answer, Verdict, Waiver
from wfc.runtime.watchdog import Deliver, Watchdog
from wfc.worlds.protocol import Appended, Refusal, Refused, Unowned, World

_TRIES: Final = 5
_LOOK_AGAIN_S: Final = 0.5
UNLOADABLE: Final = (BundleBroken, BundleUnloadable, BuildTooNew, VersionUnknown)
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
        registry: Registry | None = None,
        *,
        limits: Limits | None = None,
        deliver: Deliver | None = None,
    ) -> None:
        """Act for `who`, with the code of `registry`; `deliver` ends turns that never end."""
        self.who = who
        self.world = who.world
        self.code = Codebase(who.world, registry)
        self.limits = limits or Limits()
        self.deliver: Deliver = deliver or Watchdog().deliver

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
        row = await self.world.run(run_id)
        if row is None:
            raise RunNotFound(f"no run has the id {run_id!r}. `wfc runs` lists those that exist.")
        history = await read_log(self.world, run_id)
        judged = await self.judged(row, history, to, accept=accept, retry_failed=retry_failed)
        return judged, len(history)

    async def judged(
        self,
        row: Row,
        history: Sequence[Recorded],
        to: VersionId,
        *,
        accept: Collection[str] = (),
        retry_failed: bool = True,
        prove: bool = False,
    ) -> Judged:
        """Judge a run that is known whole. Raises as `judge`, but for `RunNotFound`."""
        waivers = frozenset(Waiver(one) for one in accept)
        await self.code.version(to)
        edit, template = await self._code_of(row.version, to, row.workflow)
        case = Case(
            row=row,
            history=history,
            to=to,
            edit=edit,
            template=template,
            accept=waivers,
            retry_failed=retry_failed,
            prove=prove,
            limits=self.limits,
            deliver=self.deliver,
        )
        judged = judge(case)
        if judged.verdict.answer is Answer.STAY and not row.status.ended:
            judged = replace(judged, verdict=await self._stays(case, judged.verdict))
        return judged

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
            try:
                answer = await self.world.append(run_id, [event], guard=Unowned(length))
            except HookConflictError as error:
                # A hook that is to be open again has lost its token meanwhile.
                reason = Reason(code=error.code, sentence=str(error))
                return replace(judged.verdict, answer=Answer.STAY, reasons=(reason,))
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
        if edit is None or edit.workflow is None:
            return edit, None
        return edit, await self.code.template(new, edit.workflow)

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
