"""The interpreter of one run: fed events in log order, it says what the workflow's code asks
for.

No await, no clock, no database. An event is delivered only after its commit; per event the run
clock is set, what the event answers is resolved, and the loop runs until idle. A whole history
delivered at once and the same events delivered one by one come to the same.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import FrameType
from typing import Any, Final, NoReturn

from wfc import abi, fault
from wfc.errors import EffectInWorkflow, TurnTooLong
from wfc.eventlog.event import (
    FailureKind,
    HookCreated,
    HookReceived,
    Recorded,
    RunCreated,
    RunWoken,
    Scalar,
    WaitCompleted,
)
from wfc.eventlog.renames import Renames
from wfc.ids import DefinitionId, OperationId, RunId, Site, operation_id
from wfc.manifests.sites import site_of
from wfc.runtime import bounds, context, dropping, heard, inherited, refusals
from wfc.runtime.delivery import CHANGES
from wfc.runtime.draws import Draws
from wfc.runtime.driving import Driving
from wfc.runtime.heard import ENDS
from wfc.runtime.limits import Limits
from wfc.runtime.lines import Said
from wfc.runtime.loop import Loop, RunTimer
from wfc.runtime.operations import AttributesAsked, Outcome, Suspended, WaitAsked
from wfc.runtime.outcomes import kind_of, outcome_of
from wfc.runtime.pending import Ending, Pending, PendingAttributes, PendingTimer, PendingWait, Place
from wfc.runtime.state import NONE, State
from wfc.runtime.template import Template

_LIMITS: Final = Limits()


class Execution(State):
    """One live run (one chapter of it); see the module."""

    __slots__ = ()

    def __init__(
        self,
        template: Template,
        run_id: RunId,
        opening: Recorded,
        *,
        limits: Limits = _LIMITS,
        quiet_until: int | None = None,
        heard_until: int | None = None,
        renames: Renames | None = None,
        unequal: frozenset[int] = frozenset(),
    ) -> None:
        """Prepare to execute a chapter that `opening` began; no code runs yet. `quiet_until` and
        `heard_until` say which lines were written before: see `wfc.runtime.heard`; `renames` and
        `unequal` what upgrades have made of the history: see `wfc.runtime.reading`.
        """
        super().__init__(
            template,
            run_id,
            opening,
            limits,
            quiet_until=quiet_until,
            heard_until=heard_until,
            renames=renames,
            unequal=unequal,
        )
        self.inherited = inherited.inherited_by(self.begun, renames)
        self.loop = Loop(self)  # type: ignore[abstract]  # the rest is refused, by methods set in a loop

    # -- the door -------------------------------------------------------------------------------

    def deliver(self, recorded: Sequence[Recorded]) -> Outcome:
        """Take events in, in log order, and run the code until it waits again.

        The first call starts the code, also if `recorded` is empty; the opening may stand in it.
        """
        if self.quiet_until is None and self.heard_until is None:
            self.quiet_until = recorded[-1].position if recorded else 0
        self.batch, self.cursor, self.live_from, self.ahead = recorded, 0, None, None
        self.asked = self.withdrawn = NONE
        self.told = ()
        fault.point("events.delivering")
        with Driving(self.loop):
            try:
                self._drive()
            except (SystemExit, TurnTooLong) as error:
                kind = FailureKind.USER if isinstance(error, SystemExit) else FailureKind.LIMIT
                self.fail(error, kind)
            except BaseException:
                self.kill()  # KeyboardInterrupt: the host stops, and this execution with it
                raise
            outcome = self.variables.run(outcome_of, self)
        self.batch, self.ahead, self.told = (), None, ()
        self.asked = self.withdrawn = NONE
        self.ended = not isinstance(outcome, Suspended)
        fault.point("events.delivered")
        return outcome

    def drop(self) -> None:
        """Free everything without running user code; a second call does nothing."""
        dropping.drop(self)
        self.free()
        self.ended = True

    # -- what an event does ---------------------------------------------------------------------

    def _drive(self) -> None:
        if self.main is None and self.failure is None:
            self.now = self._begins_at()
            self._start()
            self._turn()
        batch = self.batch
        while self.cursor < len(batch):
            recorded = batch[self.cursor]
            self.cursor += 1
            if recorded.position <= self.opening.position:
                continue
            self.now = max(self.now, recorded.recorded_at)
            self.position = recorded.position
            change = CHANGES.get(type(recorded.event))
            if change is None or self.failure is not None:
                continue
            if self.restarts_with is not None:
                self._hand_on(recorded)
            else:
                change(self, recorded)
                if self.loop.ready:
                    self._turn()

    def _hand_on(self, recorded: Recorded) -> None:
        """Take in what comes when the chapter has ended and the next has not begun."""
        event = recorded.event
        if not isinstance(event, HookReceived) or inherited.hear(self, recorded):
            return
        pending = self.pending.get(event.operation_id)
        if pending is not None:
            pending.take(recorded)

    def _begins_at(self) -> int:
        """Give the run clock at the start: a delayed run begins when it was due, or was woken."""
        begun = self.begun
        if not isinstance(begun, RunCreated) or begun.not_before is None:
            return self.now
        for each in self.batch:
            if isinstance(each.event, RunWoken):
                return each.recorded_at
            if type(each.event) in CHANGES:
                break
        return max(self.now, begun.not_before)

    def _start(self) -> None:
        self.variables.run(self._enter)
        try:
            self.main = self.variables.run(self._call)
        except Exception as error:  # noqa: BLE001 - decorators and validators are user code
            self.fail(error, kind_of(error))

    def _enter(self) -> None:
        context.current.set(self)
        context.alive.set(self.alive)

    def _call(self) -> asyncio.Task[Any]:
        arguments = self.template.decode_arguments(self.begun.arguments)
        self.namespaces = self.template.instantiate()
        args, kwargs = self.template.spread(arguments)
        coroutine = self.namespaces.workflow(*args, **kwargs)
        if not inspect.iscoroutine(coroutine):
            raise TypeError(f"{self.template.workflow} gave {coroutine!r}, which is no coroutine")
        return self.loop.create_task(coroutine, context=self.variables)

    def _turn(self) -> None:
        """Run the code until it waits, then see to the end of the body."""
        loop = self.loop
        loop.run_until_idle()
        if self.settled or not self.alive or self.main is None or not self.main.done():
            return
        if self.left is None:
            # As `asyncio.run` does: what the body left behind is cancelled, once, and may clean up.
            self.left = [task for task in loop.tasks() if not task.done()]
            for task in self.left:
                task.cancel()
            loop.run_until_idle()
        self.settled = all(task.done() for task in self.left) or not self.can_wake()

    def poison(self, error: EffectInWorkflow) -> None:
        """End the run because of a guard hit, whether or not the code catches it."""
        self.fail(error, FailureKind.USER)

    # -- asking ---------------------------------------------------------------------------------

    def name(self, site: Site) -> OperationId:
        """Name the next operation at `site`."""
        if self.renames is not None:
            site = self.renames.in_log(site)
        occurrence = self.counters.get(site, 0)
        self.counters[site] = occurrence + 1
        if self.chapter == 1:
            return f"{site}#{occurrence}"  # type: ignore[return-value]  # `operation_id`, on a hot path
        return operation_id(site, occurrence, self.chapter)

    def answer_at_hand(self, name: OperationId) -> Ending | None:
        """Give the event that ends the operation `name` if it is the next one and nothing else is
        to run before it; it counts as delivered.

        Awaiting it would let the loop become idle and then deliver just this event, so the code may
        as well go on at once. A task that is about to be cancelled has to pass through the loop.
        """
        if self.cursor >= len(self.batch) or self.loop.ready:
            return None
        event: Any = self.batch[self.cursor].event
        if type(event) not in ENDS or event.operation_id != name:
            return None
        task: Any = asyncio.current_task(self.loop)
        if task is None or task._must_cancel or self.position >= self.warn_at:  # noqa: SLF001 - asyncio's only sign
            return None
        return event  # type: ignore[no-any-return]  # one of `ENDS`

    def stands_at_hand(self, step: DefinitionId, digest: bytes) -> bool:  # noqa: ARG002 - others ask more
        """Tell whether the outcome of a step at hand is taken though the code would call `step`
        with other arguments, whose digest this is; `overlooks` says the same while delivering.
        """
        return self.batch[self.cursor].position in self.unequal

    def take_at_hand(self) -> None:
        """Count the event given by `answer_at_hand` as delivered."""
        recorded = self.batch[self.cursor]
        self.cursor += 1
        self.position = recorded.position
        self.now = max(self.now, recorded.recorded_at)

    def ask(self, pending: Pending) -> None:
        """Open an operation. Raises `LimitExceeded`."""
        name = pending.operation.operation_id
        bounds.check(self, name)
        self.pending[name] = pending
        if self.asked is NONE:
            self.asked = {}
        self.asked[name] = pending.operation

    def hook_ahead(self, name: OperationId) -> HookCreated | None:
        """Give what the log says of a hook that the code makes now, if it was made before.

        Its token may not be the one that the code would choose: that of a fork was taken, and of an
        upgraded run outside knows the old one.
        """
        if self.ahead is None:
            coming = (each.event for each in self.batch[self.cursor :])
            self.ahead = {one.operation_id: one for one in coming if isinstance(one, HookCreated)}
        return self.ahead.get(name)

    def left_behind(self, chosen: str) -> inherited.Inherited | None:
        """Give the hook of an earlier chapter that a hook with this token takes over."""
        return inherited.claimable(self, chosen) if self.inherited else None

    async def parked(self) -> Any:
        """Wait for ever: what operations of a dead execution do."""
        await self.loop.create_future()

    def call_step(
        self,
        definition: abi.Definition,
        frame: FrameType,
        arguments: tuple[tuple[Any, ...], Mapping[str, Any]],
        captures: abi.Captures | None,
    ) -> Coroutine[Any, Any, Any]:
        """Ask for a step on behalf of the code in `frame`; see `wfc.runtime.steps`."""
        plan = self.plans.get(definition.id) or self.template.plan(definition)
        return plan.call(self, frame, arguments, captures)

    async def wait(
        self,
        name: OperationId,
        wake_at: int,
        place: Place | None,
        give: Callable[[WaitCompleted | None], Any],
    ) -> Any:
        """Wait durably until `wake_at`, and give what `give` makes of the event that ended it.

        None stands for an instant that has passed, which records nothing. A coroutine around this
        one would do for `give`, and each of thousands of sleeping runs would keep it.
        """
        if not self.alive:
            await self.parked()
        if wake_at <= self.now:
            await _step_aside()
            return give(None)
        at_hand = self.answer_at_hand(name)
        if isinstance(at_hand, WaitCompleted):
            self.take_at_hand()
            return give(at_hand)
        operation = WaitAsked(operation_id=name, wake_at=wake_at)
        answer: asyncio.Future[WaitCompleted] = self.loop.create_future()
        pending = PendingWait(operation, self.position, place, answer)
        self.ask(pending)
        try:
            completed = await answer
        except BaseException:
            self.withdraw(pending)
            raise
        return give(completed)

    def set_attributes(self, site: Site, changes: Mapping[str, Scalar | None]) -> None:
        """Ask for a change of attributes, which the code sees at once."""
        operation = AttributesAsked(operation_id=self.name(site), changes=dict(changes))
        self.ask(PendingAttributes(operation, self.position, None))

    def restart(self, arguments: bytes) -> None:
        """End this chapter; nothing of it runs any more, not even `finally`."""
        inherited.leave_open(self)
        self.restarts_with = arguments
        self.kill()

    # -- the loop's port ------------------------------------------------------------------------

    def now_us(self) -> int:
        """Give the run clock: when the event being delivered was recorded."""
        return self.now

    def ask_timer(self, timer: RunTimer, wake_at: int, site: Site) -> None:
        """Make a durable wait that schedules `timer`."""
        if self.alive:
            operation = WaitAsked(operation_id=self.name(site), wake_at=wake_at)
            pending = PendingTimer(operation, self.position, timer, self.loop)
            self.ask(pending)
            timer.pending = pending

    def withdraw_timer(self, timer: RunTimer) -> None:
        """Give up the wait of a cancelled timer."""
        if timer.pending is not None:
            self.withdraw(timer.pending)

    def report(self, details: dict[str, Any]) -> None:
        """Log an error that nobody awaits, as asyncio's loops do."""
        error = details.get("exception")
        text = str(details.get("message") or "an error that nobody awaits")
        self.say(logging.ERROR, text if error is None else f"{text}: {error!r}", error)

    def refuse(self, method: str, group: str) -> NoReturn:
        """Refuse a method that the loop of a run does not have."""
        refusals.refuse_loop_method(method, group)

    # -- what shims read ------------------------------------------------------------------------

    @property
    def started_at(self) -> int:
        """When this chapter began."""
        return self.opening.recorded_at

    @property
    def replaying(self) -> bool:
        """Tell whether the present turn ran before, so that its output was seen already."""
        return heard.replaying(self)

    @property
    def payload_max(self) -> int:
        """Give the bytes that one value may take."""
        return self.limits.payload

    @property
    def depth_max(self) -> int:
        """Give how many runs may stand above a child run."""
        return self.limits.depth

    @property
    def attributes_max(self) -> int:
        """Give the number of attributes that the run may have."""
        return self.limits.attributes

    def say(self, level: int, text: str, error: BaseException | None = None) -> None:
        """Write a live line of the run; a line that a replay makes again is dropped."""
        heard.say(self, level, text, error)

    @property
    def log_level(self) -> int | None:
        """Give the level from which on the lines of the run are kept, if they are."""
        return self.limits.log_level

    def keep(self, record: logging.LogRecord) -> None:
        """Keep a line of a live turn, until whoever delivers takes it."""
        if self.alive and not heard.replaying(self):
            if self.said is None:
                self.said = Said()
            self.said.add(record, self.position)

    def labels(self) -> dict[str, str]:
        """Give the extra fields of the run's log lines."""
        return heard.labels(self)

    def draws(self, frame: FrameType, operation: str) -> Draws:
        """Give the generator for one call of `operation` by the code in `frame`."""
        return self.draws_of(self.name(site_of(frame, operation)))

    def draws_of(self, name: OperationId, *, own: bool = False) -> Draws:
        """Give the generator for the operation `name`, under its oldest name.

        A fork has the seed of another run; with `own` each of them draws its own.
        """
        if self.drawn is None:
            self.drawn = Draws(self.begun.seed)
        oldest = name if self.renames is None else self.renames.oldest(name)
        return self.drawn.at(f"{self.run_id} {oldest}" if own else oldest)


class _StepAside:
    """Let everything that is ready run first, as `asyncio.sleep(0)` does."""

    def __await__(self) -> Any:
        yield


async def _step_aside() -> None:
    await _StepAside()
