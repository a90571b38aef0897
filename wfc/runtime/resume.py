"""One run in the hands of this worker: deliver what is new, append the news, launch what is asked.

What the code asks for is put where it is carried out (`decisions`, `inline`); what waits to be
written stands in the outbox, which says what the next append holds. What was written comes back as
recorded events and only then leaves it. So an append that the world refuses because the log went on
costs nothing: the missed events are followed, and the next batch is made from what is true then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from wfc import codec, fault
from wfc.errors import CorruptEvent, LimitExceeded, PayloadTooLarge, TurnTooLong, WorkerLost
from wfc.eventlog.event import (
    ChildCreated,
    ChildFailed,
    Event,
    FailureKind,
    HookConflicted,
    HookCreated,
    Recorded,
    RunCancelRequested,
    RunRestarted,
    RunStarted,
    RunUnpaused,
    RunUpgraded,
    RunWoken,
    StepRetrying,
    StepStarted,
    WaitCreated,
)
from wfc.ids import RunId
from wfc.runtime.chapters import completed, ledger_at
from wfc.runtime.children import PendingChild
from wfc.runtime.decisions import Decisions
from wfc.runtime.desk import PAGE, Desk
from wfc.runtime.execution import Execution
from wfc.runtime.inline import InlineBodies, Tenure
from wfc.runtime.interrupts import is_from_user
from wfc.runtime.ledger import Ledger
from wfc.runtime.operations import Failed, Operation, Outcome, Suspended, Told
from wfc.runtime.outbox import Outbox, is_decided
from wfc.runtime.parking import Parked
from wfc.runtime.reading import Reading
from wfc.worlds.protocol import Appended, Claimed, Owner, Refusal, Refused, Release

if TYPE_CHECKING:
    from wfc.runtime.otel import Telemetry

_LOG: Final = logging.getLogger("wfc.worker")
LOSSES_MAX: Final = 5


class LiveRun:
    """A run that this worker owns: from its claim to its release."""

    def __init__(self, run_id: RunId, desk: Desk, parked: Parked | None = None) -> None:
        """Go on from what was `parked`, if anything was; else `drive` reads the log."""
        self.run_id = run_id
        self.tenure = Tenure()
        self._desk = desk
        self._loop = asyncio.get_running_loop()
        self.outbox = Outbox(run_id, desk, Ledger() if parked is None else parked.ledger)
        self.bodies = InlineBodies(run_id, desk, self.outbox, self.tenure, self.poke)
        self.decisions = Decisions(desk, self.outbox, self.bodies)
        self.execution = None if parked is None else parked.execution
        self.reading = Reading() if parked is None else parked.reading
        self._known_length = 0
        self._chapter_at = 1
        # The code has run through the log up to here, whoever ran it.
        self._heard = 0 if parked is None else parked.heard
        self._unsure = False  # a lost owner may have run it further
        self._log_has_news = False
        self._poked = False
        self._waiter: asyncio.Future[None] | None = None
        self.trial: asyncio.Event | None = None
        """Set it once the run has got anywhere, for others wait until it has."""

    # -- what the worker sees

    @property
    def ledger(self) -> Ledger:
        """The open ends of the log, as far as it was read."""
        return self.outbox.ledger

    @property
    def quiet(self) -> bool:
        """Tell whether nothing can happen before an alarm or news from outside."""
        waiter = self._waiter
        return waiter is not None and not waiter.done() and not self.bodies.running

    @property
    def has_news(self) -> bool:
        """Tell whether somebody wrote to the log and nobody here has read it."""
        return self._log_has_news and not self.ledger.ended

    def park(self) -> Parked | None:
        """Give what the next turn can go on from, and let go of it; None if there is nothing."""
        has_place = self.execution is not None or self._desk.always_replay
        if not has_place or self.tenure.fence is not None or self.ledger.ended:
            return None
        execution, self.execution = self.execution, None
        return Parked(self.ledger, execution, self._heard, self.reading)

    def poke(self) -> None:
        """Let the run look at itself again."""
        self._poked = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def hear(self) -> None:
        """Read the log: somebody else wrote to it."""
        self._log_has_news = self.outbox.nursery.news = True
        self.poke()

    def drain(self) -> None:
        """Begin nothing more, and release the run when its bodies have ended."""
        self.tenure.stopping = True
        self.bodies.unstart_all()
        self.poke()

    def stop_bodies(self) -> None:
        """Cancel the bodies that still run; their attempts do not count."""
        self.bodies.cut_short()
        self.poke()

    def drop(self) -> None:
        """Forget the run without writing: somebody else owns it, or it has ended."""
        self.tenure.fence = None
        self.bodies.drop()
        self._drop_execution()
        self.poke()

    def acquit(self) -> None:
        """Say that the run got somewhere without killing the worker."""
        if self.trial is not None:
            self.trial.set()
            self.trial = None

    async def release_unread(self) -> None:
        """Give the lease back without having understood the log."""
        fence, self.tenure.fence = self.tenure.fence, None
        self.drop()
        behind = fence is not None
        while behind and (row := await self._desk.run_of(self.run_id)) is not None:
            # By the row, since the log could not be read; others may write to it meanwhile.
            guard = Owner(fence or 0, row.length)
            answer = await self._desk.append(self.run_id, [], guard=guard, release=Release())
            behind = isinstance(answer, Refused) and answer.reason is Refusal.BEHIND

    # -- from claim to release

    async def drive(self, claimed: Claimed, recorded: Sequence[Recorded] = ()) -> None:
        """Execute the run until it is released, over or lost. `recorded` is the log, if it was
        created by the claim itself.
        """
        self.tenure.fence, self.decisions.loss = claimed.fence, claimed.loss
        self._heard = max(self._heard, claimed.heard)
        self._unsure = claimed.loss
        self._known_length = 0 if recorded else claimed.length
        self._chapter_at = claimed.chapter_at
        self.outbox.queued = set(claimed.attempts)
        if claimed.losses >= LOSSES_MAX:
            self.ledger.stand_at(claimed.length)
            self.decisions.fail(_poison(self.run_id, claimed.losses), FailureKind.POISON)
        elif recorded:
            await self._begin(recorded)
        else:
            await self._catch_up(claimed.length)
        while self.tenure.fence is not None:
            await self._cycle()

    async def _cycle(self) -> None:
        self._poked = False
        if self.bodies.trouble is not None:
            trouble, self.bodies.trouble = self.bodies.trouble, None
            raise trouble
        if self._log_has_news:
            self._log_has_news = False
            self._follow(await self._desk.history(self.run_id, self.ledger.length))
        ledger = self.outbox.ledger
        at_rest = ledger.paused or ledger.ended
        if self.execution is None and self.outbox.end is None and not at_rest:
            await self._rebuild()
        await self.outbox.nursery.attend(self._desk, self.ledger)
        await self._complete_restart()
        self.decisions.ring(self.execution)
        if self.tenure.fence is None or self.ledger.ended:
            self.drop()
            return
        batch = self.outbox.batch(
            may_release=self._may_release(),
            hurry=self.tenure.stopping and bool(self.bodies.backlog),
            for_child=bool(self.ledger.children) and self._waits_for_child(),
        )
        if batch is None:
            await self._news()
            return
        self.ledger.law.check_all(batch.events)
        fault.point("run.appending")
        answer = await self._desk.append(
            self.run_id,
            batch.events,
            guard=Owner(self.tenure.fence, self.ledger.length),
            messages=batch.messages,
            create=batch.create,
            release=batch.release,
            chunks=batch.chunks,
        )
        fault.point("run.appended")
        if isinstance(answer, Appended):
            self.outbox.sent(batch)
            self.acquit()
            if batch.release is not None:
                self.tenure.fence = None
            self._follow(answer.recorded)
            if self._desk.telemetry is not None:
                await self._tell(self._desk.telemetry, batch.events)
        else:
            await self._refused(answer)
        if self.ledger.ended:
            self.drop()

    async def _tell(self, telemetry: Telemetry, events: Sequence[Event]) -> None:
        """Tell of a run that was begun, or ended, by what was just written."""
        created, opening = self.ledger.created, self.ledger.opening
        if created is None or opening is None:
            return
        if any(isinstance(each, RunStarted) for each in events):
            telemetry.begun(created, opening.recorded_at, self._desk.now_us())
        if self.ledger.ended:
            row = await self._desk.run_of(self.run_id)
            if row is not None:
                telemetry.ended(row, created)

    async def _complete_restart(self) -> None:
        """Say on what code the next chapter begins; a run that is cancelled begins none."""
        ledger, outbox = self.ledger, self.outbox
        if isinstance(outbox.end, RunRestarted) and not ledger.paused and ledger.cancel is None:
            attributes, hooks = outbox.attributes_then(), outbox.handed_on
            try:
                outbox.end = await completed(outbox.end, ledger, attributes, hooks, self._desk)
            except PayloadTooLarge as error:
                self.decisions.fail(error, FailureKind.LIMIT)
        if isinstance(outbox.end, RunRestarted) and ledger.cancel is not None:
            outbox.end = outbox.cancelled(ledger.cancel.reason)

    async def _refused(self, answer: Refused) -> None:
        """Learn why nothing was written."""
        if answer.reason is Refusal.BEHIND:
            self._follow(answer.events)
        elif answer.reason is Refusal.EXISTS:
            await self.outbox.nursery.look_up(self._desk)
        else:
            _LOG.info("run %s was taken away (%s)", self.run_id, answer.reason)
            self.drop()

    def _may_release(self) -> bool:
        """Tell whether nothing is left to be done here, but for what the next append says."""
        if self.bodies.running:
            return False
        if self.tenure.stopping or self.ledger.paused:
            return True
        return not (self.bodies.backlog or self.decisions.retries_soon(self.execution))

    def _waits_for_child(self) -> bool:
        """Tell whether the code waits for the end of a child run, which may need its slot."""
        open_ends = () if self.execution is None else self.execution.pending.values()
        return any(isinstance(one, PendingChild) and one.waiting for one in open_ends)

    async def _news(self) -> None:
        """Wait until there is something to do."""
        if self._poked:
            return
        due = self.decisions.due
        if due:
            self._desk.alarm(due[0][0], self)
        self._waiter = self._loop.create_future()
        if not self.bodies.running:
            self.acquit()
            self._desk.settled()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # -- reading the log

    async def _begin(self, recorded: Sequence[Recorded]) -> None:
        """Start from a log that is known whole."""
        for each in recorded:
            self.ledger.note(each)
        execution = await self._fresh()
        self.decisions.take_in(self._deliver(execution, recorded))
        self.decisions.set_deadline()

    async def _catch_up(self, length: int) -> None:
        if self.execution is None or length < self.ledger.length:
            await self._rebuild()
            return
        self.execution.heard_until = self._heard  # another owner may have run it on meanwhile
        while self.ledger.length < length:
            missed = await self._desk.history(self.run_id, self.ledger.length)
            if not missed:
                raise self._gone()
            self._follow(missed)
        self.decisions.due.clear()
        self.decisions.set_deadline()
        self._review()

    async def _rebuild(self) -> None:
        """Deliver the whole history to a fresh execution."""
        self._forget_code()
        self._known_length = max(self._known_length, self.ledger.length)
        withdrawn: list[Operation] = []
        told: list[Told] = []
        owned = 0
        outcome: Outcome = Suspended()
        self.outbox.ledger = await self._blank()
        while page := await self._desk.history(self.run_id, self.ledger.length):
            is_later = self.execution is not None
            if self.reading.learn(page) and is_later:
                # The events that were delivered are to be read in another way: begin again.
                self._forget_code()
                self.outbox.ledger = await self._blank()
                withdrawn.clear()
                told.clear()
                continue
            for each in page:
                self.ledger.note(each)
                if is_decided(each.event):
                    owned = each.position
            outcome = self._deliver(self.execution or await self._fresh(), page)
            withdrawn.extend(outcome.withdrawn)
            told.extend(outcome.chunks)
            if len(page) < PAGE:
                break
        if self.ledger.length < self._known_length:
            raise self._gone()  # before a body runs again whose outcome may be what is missing
        self._unsure = False
        self.decisions.set_deadline()
        for operation in withdrawn:
            self.decisions.give_up(operation)
        # Whoever wrote that event had delivered all before it, and wrote its chunks along.
        self.outbox.tell(each for each in told if each.position >= owned)
        if not isinstance(outcome, Suspended):
            self.decisions.close(outcome)
        self._review()

    def _gone(self) -> CorruptEvent:
        return CorruptEvent(self.run_id, self.ledger.length + 1, "it is not in the log")

    async def _blank(self) -> Ledger:
        """Give a ledger that reads the present chapter next."""
        known = self.ledger
        at = 0 if known.opening is None else known.opening.position
        self._chapter_at = max(self._chapter_at, at)
        return await ledger_at(self.run_id, self._chapter_at, known.created, self._desk)

    def _review(self) -> None:
        """Take up all that is open, unless what was read ended or paused the code."""
        if self.execution is not None:
            self.decisions.review(self.execution)

    async def _fresh(self) -> Execution:
        opening, created = self.ledger.opening, self.ledger.created
        assert opening is not None
        assert created is not None
        assert self.ledger.version is not None
        template = await self._desk.template(self.ledger.version, created.workflow)
        self.reading.hints = template.hints
        self.execution = Execution(
            template,
            self.run_id,
            opening,
            limits=self._desk.limits,
            quiet_until=self._known_length if self._unsure else None,
            heard_until=self._heard,
            renames=self.reading.renames,
            unequal=self.reading.unequal,
        )
        self.execution.created = created
        return self.execution

    def _follow(self, recorded: Sequence[Recorded]) -> None:
        """Take in what the log holds now."""
        for each in recorded:
            self.ledger.note(each)
            self.outbox.settle(each.event)
            react = _REACTIONS.get(type(each.event))
            if react is not None:
                react(self, each.event)
        if self.ledger.ended or not recorded:
            return
        if any(isinstance(each.event, RunUpgraded | RunRestarted) for each in recorded):
            self._forget_code()  # it is another one now: the next cycle makes it
            self.outbox.end = None
        elif self.ledger.paused:
            self._forget_code()
            self.outbox.end = None  # a fresh execution comes to the same end
        elif self.execution is not None and isinstance(self.outbox.end, RunRestarted):
            # What has come for the hooks meanwhile goes along.
            self.decisions.close(self._deliver(self.execution, recorded))
        elif self.execution is None or self.outbox.end is not None:
            return
        elif self._desk.always_replay and not self._runs_closure():
            self._forget_code()  # the next cycle rebuilds it from the whole history
        else:
            self.decisions.take_in(self._deliver(self.execution, recorded))

    def _runs_closure(self) -> bool:
        """Tell whether a body under way is part of the execution itself."""
        return any(call.closure is not None for call, _ in self.bodies.running.values())

    def _deliver(self, execution: Execution, recorded: Sequence[Recorded]) -> Outcome:
        try:
            outcome: Outcome = self._desk.deliver(execution, self.reading.read(recorded))
        except TurnTooLong as error:
            # It came when the code had just gone back to waiting; still the turn was too long.
            problem = LimitExceeded(f"a turn of run {self.run_id} took too long {error}")
            outcome = Failed(error=codec.encode_error(problem), kind=FailureKind.LIMIT)
        except KeyboardInterrupt as error:
            if is_from_user(error):
                raise  # it only struck here, and is meant for the whole process
            outcome = Failed(error=codec.encode_error(error), kind=FailureKind.USER)
        self._heard = max(self._heard, execution.position)
        if execution.said is not None:
            self.outbox.say(execution.said.written())
            execution.said = None
        return outcome

    def _forget_code(self) -> None:
        """Drop the execution, and what it has asked for: a fresh one asks again."""
        self._drop_execution()
        self.decisions.forget()

    def _drop_execution(self) -> None:
        if self.execution is not None:
            execution, self.execution = self.execution, None
            execution.drop()


_REACTIONS: Final[dict[type[Event], Callable[[LiveRun, Any], None]]] = {
    StepStarted: lambda run, event: run.bodies.started(event),
    StepRetrying: lambda run, event: run.decisions.pauses(event),
    WaitCreated: lambda run, event: run.decisions.waits(event),
    HookCreated: lambda run, _event: run.bodies.fill(),
    HookConflicted: lambda run, _event: run.bodies.fill(),
    ChildCreated: lambda run, _event: run.bodies.fill(),
    ChildFailed: lambda run, _event: run.bodies.fill(),
    RunWoken: lambda run, event: run.decisions.woken(event, run.execution),
    RunCancelRequested: lambda run, _event: run.decisions.set_deadline(),
    RunUnpaused: lambda run, _event: run.decisions.set_deadline(),
}
"""What a live run does about an event of its log, beside delivering it."""


def _poison(run_id: RunId, losses: int) -> Exception:
    return WorkerLost(
        f"run {run_id} was lost with its worker {losses} times in a row without a new event, so "
        "executing it probably kills the worker. It is not tried again; see what the workers "
        "logged last, or move the run to other code."
    )
