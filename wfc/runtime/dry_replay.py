"""Deliver a run's history to other code and see whether it agrees; nothing is written or called.

This is the authority on upgrades: the new code is run over what the log says, up to its head.
What it asks for that the log holds must be what was asked then; what the log holds it must ask for,
unless that has not come to anything yet and may be withdrawn.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from wfc import codec
from wfc.errors import Diverged, TurnTooLong
from wfc.eventlog.event import (
    AttributesSet,
    ChildCompleted,
    ChildFailed,
    FailureKind,
    HookConflicted,
    HookDisposed,
    Recorded,
    RunCreated,
    StepCancelled,
    StepCompleted,
    StepCreated,
    StepFailed,
    StepRetrying,
    StepStarted,
    WaitCause,
    WaitCompleted,
    WaitCreated,
)
from wfc.ids import DefinitionId, OperationId, RunId, Site
from wfc.runtime.delivery import CHANGES
from wfc.runtime.execution import Execution
from wfc.runtime.limits import Limits
from wfc.runtime.logs import PAGE
from wfc.runtime.operations import (
    ChildAsked,
    Failed,
    Operation,
    Outcome,
    StepAsked,
    Suspended,
    WaitAsked,
)
from wfc.runtime.outcomes import kind_of
from wfc.runtime.pending import INPUT, Pending, PendingAttributes, Problem
from wfc.runtime.reading import Reading
from wfc.runtime.template import Template
from wfc.runtime.verdict import Waiver
from wfc.runtime.watchdog import Deliver

INPUT_OF_RUN: Final = "WFC602"
UNASKED: Final = "WFC651"
RESULT: Final = "WFC654"
PAYLOAD: Final = "WFC655"
ENDED: Final = "WFC656"
RAISED: Final = "WFC657"
UNSETTLED: Final = "WFC659"
_ENDS: Final = (
    StepCompleted, StepFailed, StepCancelled, WaitCompleted, HookDisposed, HookConflicted,
    ChildCompleted, ChildFailed,
)  # fmt: skip


@dataclass(slots=True)
class Fact:
    """An operation as the log knows it. `ended` is its last word, if any."""

    kind: str  # step, wait, hook, child
    attempted: bool = False
    ended: Any = None

    @property
    def came_to_nothing(self) -> bool:
        """Tell whether no code has had anything of it: it was given up."""
        match self.ended:
            case WaitCompleted(cause=WaitCause.ABANDONED) | StepCancelled():
                return True
        return False


def facts_of(recorded: Iterable[Recorded]) -> dict[OperationId, Fact]:
    """Say of each operation in a log (as the present code reads it) how far it has come."""
    found: dict[OperationId, Fact] = {}
    for each in recorded:
        event: Any = each.event
        name = getattr(event, "operation_id", None)
        if name is None or isinstance(event, AttributesSet):
            continue
        fact = found.get(name)
        if fact is None:
            fact = found[name] = Fact(kind=event.name.partition("_")[0])
        if isinstance(event, StepStarted | StepRetrying):
            fact.attempted = True
        if isinstance(event, _ENDS):
            fact.ended = event
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """The first event that the code contradicts. `rule` is the code of the rule of replay."""

    recorded: Recorded
    rule: str
    text: str
    asked: tuple[Pending, ...] = ()
    at_head: bool = False
    """Whether the whole history was delivered before."""


@dataclass(slots=True, kw_only=True)
class Replayed:
    """What a dry replay came to."""

    replayed: int = 0
    """Events of the history that were delivered before it ended."""
    disagreement: Disagreement | None = None
    outcome: Outcome = field(default_factory=Suspended)
    withdrawn: list[OperationId] = field(default_factory=list)
    """What the log holds and the code does without; none of it has come to anything."""
    unequal: list[int] = field(default_factory=list)
    accepted: list[int] = field(default_factory=list)
    """Of these, what only stands because the caller accepts it."""
    waivable: set[Waiver] = field(default_factory=set)
    """What the caller could accept so that the replay gets further."""
    open: dict[OperationId, Operation] = field(default_factory=dict)
    unknown: list[OperationId] = field(default_factory=list)
    """Operations that are asked for behind the head, where the old code asked for nothing."""
    reached: Collection[Site] = ()
    """Every call place that the code came to, by its name in the log."""


class DryExecution(Execution):
    """An execution whose contradictions are noted instead of failing a run."""

    __slots__ = ("_facts", "accepted", "failed_at", "history", "misread_at", "result")

    def __init__(
        self,
        template: Template,
        run_id: RunId,
        opening: Recorded,
        history: Sequence[Recorded],
        *,
        accept: Collection[Waiver] = (),
        reading: Reading,
        limits: Limits,
    ) -> None:
        """Prepare to replay a chapter; `history` is what is to be delivered."""
        super().__init__(
            template,
            run_id,
            opening,
            limits=limits,
            quiet_until=_FOR_EVER,
            renames=reading.renames,
            unequal=reading.accepted,
        )
        self.history = history
        self._facts: Mapping[OperationId, Fact] | None = None
        self.accepted = frozenset(accept)
        self.result = Replayed()
        self.failed_at: int | None = None
        self.misread_at: tuple[int, OperationId, Exception] | None = None

    def fail(self, error: BaseException, kind: FailureKind) -> None:
        """Note in whose turn it was."""
        if self.failed_at is None:
            self.failed_at = self.position
        super().fail(error, kind)

    # -- code and history

    def overlooks(self, pending: Pending, recorded: Recorded, problem: Problem) -> bool:
        """Let an event stand that means the same as what is asked for, or that is accepted."""
        if problem.rule != INPUT:
            return False
        if not (self._means_the_same(pending, recorded) or self._accepts(recorded)):
            self.result.waivable.add(Waiver.INPUTS)
            return False
        self.result.unequal.append(recorded.position)
        return True

    def stands_at_hand(self, step: DefinitionId, digest: bytes) -> bool:
        """Let the outcome at hand stand on the same terms."""
        recorded = self.batch[self.cursor]
        event: Any = recorded.event
        if not (self._reads_as(event.created, step, digest) or self._accepts(recorded)):
            return False  # delivery says what is wrong
        self.result.unequal.append(recorded.position)
        return True

    def _means_the_same(self, pending: Pending, recorded: Recorded) -> bool:
        event: Any = recorded.event
        if isinstance(event, AttributesSet):
            return True  # a recorded write stands, whatever would be written now
        asked = pending.operation
        if isinstance(asked, ChildAsked):
            plan = self.template.children.get(asked.workflow)
            return plan is not None and plan.was_given(asked.arguments, event.digest)
        created = event if isinstance(event, StepCreated) else getattr(event, "created", None)
        return isinstance(asked, StepAsked) and self._reads_as(created, asked.step, asked.digest)

    def _reads_as(
        self, created: StepCreated | None, step: DefinitionId, digest: bytes | None
    ) -> bool:
        if created is None or created.arguments is None:
            return False
        return self.template.plan_of(step).reads_as(created.arguments, digest)

    def _accepts(self, recorded: Recorded) -> bool:
        """Tell whether somebody has decided to overlook what an event differs in."""
        if Waiver.INPUTS in self.accepted:
            self.result.accepted.append(recorded.position)
            return True
        return recorded.position in self.unequal

    def fact(self, name: OperationId) -> Fact | None:
        """Say how far an operation has come; most replays never ask."""
        if self._facts is None:
            self._facts = facts_of(self.history)
        return self._facts.get(name)

    def passes_over(self, recorded: Recorded, name: OperationId) -> bool:
        """Withdraw an operation that nobody asks for, if it has not come to anything."""
        if name in self.result.withdrawn:
            return True
        if isinstance(recorded.event, AttributesSet):
            self.result.withdrawn.append(name)  # nobody waits for a write; what it wrote stands
            return True
        fact = self.fact(name)
        if fact is None or (fact.ended is not None and not fact.came_to_nothing):
            return False
        waiver = _NEEDS.get(fact.kind) if fact.ended is None else None
        if fact.kind == "step" and not fact.attempted:
            waiver = None
        if waiver is not None and waiver not in self.accepted:
            self.result.waivable.add(waiver)
            return False
        self.result.withdrawn.append(name)
        return True

    def dispute(self, recorded: Recorded, problem: Problem | None) -> None:
        """Note the first contradiction and go no further."""
        if self.result.disagreement is None:
            rule, text = problem if problem is not None else self._missing()
            self.result.disagreement = Disagreement(
                recorded=recorded, rule=rule, text=text, asked=tuple(self.pending.values())
            )
        self.fail(Diverged(self.result.disagreement.text), FailureKind.DIVERGENCE)

    def _missing(self) -> tuple[str, str]:
        if not self.settled:
            return UNASKED, "the code did not ask for this"
        main = self.main
        if main is not None and not main.cancelled() and main.exception() is not None:
            error = main.exception()
            assert error is not None
            rule = UNSETTLED if kind_of(error) is FailureKind.LIMIT else RAISED
            return rule, f"the code had raised {type(error).__name__} before: {error}"
        return ENDED, "the code ended before it asked for this"

    def misread(self, name: OperationId, error: Exception) -> None:
        """Note that a recorded result does not fit; whether the code catches that is no matter."""
        if self.misread_at is None:
            self.misread_at = (self.position, name, error)


_SPINS: Final = "the code runs on and on without waiting for anything"
_FOR_EVER: Final = 2**62
"""No line of workflow code is written."""
_NEEDS: Final = {
    "step": Waiver.UNFINISHED,
    "hook": Waiver.HOOKS,
    "child": Waiver.CHILDREN,
}


def replay(
    template: Template,
    run_id: RunId,
    opening: Recorded,
    history: Sequence[Recorded],
    *,
    accept: Collection[Waiver] = (),
    reading: Reading,
    limits: Limits,
    created: RunCreated | None = None,
    deliver: Deliver = Execution.deliver,
) -> Replayed:
    """Deliver a history, as the present code reads it, to a fresh execution of `template`.

    `created` is how the run began, where the opening does not say it; `deliver` may end a turn that
    spins.
    """
    execution = DryExecution(
        template,
        run_id,
        opening,
        history,
        accept=accept,
        reading=reading,
        limits=limits,
    )
    execution.created = created or execution.created
    result = execution.result
    try:
        for outcome in delivered(execution, history, deliver):
            result.outcome = outcome
        _conclude(execution, history)
    except TurnTooLong:
        # The code caught the interruption and went on for as long again.
        at = _at(history, execution.position) or opening
        result.disagreement = Disagreement(recorded=at, rule=UNSETTLED, text=_SPINS)
    finally:
        execution.drop()
    return result


def delivered(
    execution: Execution, history: Sequence[Recorded], deliver: Deliver = Execution.deliver
) -> Iterator[Outcome]:
    """Deliver a history by the page, up to where the code has failed or spins."""
    for start in range(0, max(1, len(history)), PAGE):
        yield deliver(execution, history[start : start + PAGE])
        if execution.failure is not None:
            return


def _conclude(execution: DryExecution, history: Sequence[Recorded]) -> None:
    result = execution.result
    head = history[-1].position if history else execution.opening.position
    disputed = result.disagreement
    misread = execution.misread_at
    if misread is not None and (disputed is None or misread[0] <= disputed.recorded.position):
        position, name, error = misread
        fact = execution.fact(name)
        of_hook = fact is not None and fact.kind == "hook"
        result.disagreement = Disagreement(
            recorded=_at(history, position) or execution.opening,
            rule=PAYLOAD if of_hook else RESULT,
            text=f"the {'payload' if of_hook else 'result'} of {name} does not fit: {error}",
        )
    elif disputed is None and isinstance(result.outcome, Failed):
        result.disagreement = _failed(execution, history, result.outcome)
    stop = result.disagreement
    result.replayed = head if stop is None else max(0, stop.recorded.position - 1)
    result.open = execution.open
    result.reached = frozenset(execution.counters)
    # The code cannot tell events apart that it hears nothing of, such as the start of the run.
    last = next((one.position for one in reversed(history) if type(one.event) in CHANGES), 0)
    result.unknown = [
        name
        for name, pending in execution.pending.items()
        if not pending.known
        and pending.position < last
        and not isinstance(pending, PendingAttributes)
    ]


def _failed(execution: DryExecution, history: Sequence[Recorded], outcome: Failed) -> Disagreement:
    """Say what a failure of the code at the head, or before it, means."""
    at = execution.position if execution.failed_at is None else execution.failed_at
    recorded = _at(history, at) or execution.opening
    error = codec.read_error(outcome.error)
    if execution.main is None:
        recorded, rule = execution.opening, INPUT_OF_RUN
        text = f"the input cannot be taken: {error.message}"
    elif outcome.kind is FailureKind.LIMIT:
        rule, text = UNSETTLED, error.message or _SPINS
    else:
        rule, text = RAISED, f"the code raises {error.type.rpartition(':')[2]}: {error.message}"
    at_head = rule == RAISED and (not history or at >= history[-1].position)
    return Disagreement(recorded=recorded, rule=rule, text=text, at_head=at_head)


def _at(history: Sequence[Recorded], position: int) -> Recorded | None:
    return next((each for each in history if each.position == position), None)


def deadlines_kept(replayed: Replayed, history: Sequence[Recorded]) -> list[OperationId]:
    """List the open waits whose deadline the new code would set otherwise: the old one stands."""
    asked = {name: one for name, one in replayed.open.items() if isinstance(one, WaitAsked)}
    if not asked:
        return []
    kept = {
        event.operation_id: event.wake_at
        for event in (each.event for each in history)
        if isinstance(event, WaitCreated)
    }
    return [name for name, one in asked.items() if kept.get(name, one.wake_at) != one.wake_at]
