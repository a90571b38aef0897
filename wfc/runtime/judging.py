"""May this run move? One run, two versions, and what the run's own history says of the new one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from wfc import codec
from wfc.errors import CodecError
from wfc.eventlog.entity import Run as Row
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import (
    Channel,
    Event,
    FailureKind,
    HookCreated,
    HookDisposed,
    Recorded,
    RunCreated,
    RunFailed,
    RunUpgraded,
    StepCancelled,
    StepFailed,
    WaitCause,
    WaitCompleted,
)
from wfc.eventlog.renames import Renames, site_map_of
from wfc.ids import OperationId, Site, VersionId, split_operation_id
from wfc.manifests.levels import Level, Reason
from wfc.runtime.dry_replay import Disagreement, Replayed, deadlines_kept, replay
from wfc.runtime.execution import Execution
from wfc.runtime.limits import Limits
from wfc.runtime.operations import (
    Cancelled,
    ChildAsked,
    Completed,
    Failed,
    HookAsked,
    Operation,
    Outcome,
    StepAsked,
    WaitAsked,
)
from wfc.runtime.pending import INPUT
from wfc.runtime.reading import Reading
from wfc.runtime.template import Template
from wfc.runtime.upgrade_code import Edit
from wfc.runtime.verdict import OVER, Answer, Call, Divergence, Offer, Verdict, Waiver
from wfc.runtime.watchdog import Deliver

UNHELD: Final = "WFC684"
_REVIVED: Final = frozenset(
    {FailureKind.USER, FailureKind.DIVERGENCE, FailureKind.DEADLOCK, FailureKind.CODEC}
    | {FailureKind.LIMIT, FailureKind.POISON}
)
_SHOWN_MAX: Final = 80
_ARGUMENTS_MAX: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One run and the version that it may move to. `history` is its whole log."""

    row: Row
    history: Sequence[Recorded]
    to: VersionId
    edit: Edit | None
    template: Template | None
    """The new code; None if the new version has no such workflow."""
    accept: frozenset[Waiver] = frozenset()
    retry_failed: bool = True
    prove: bool = False
    """Replay also where nothing has changed: the environment may have."""
    limits: Limits = field(default_factory=Limits)
    deliver: Deliver = Execution.deliver


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict, the event that would carry it out (None: there is nothing to write), and what the
    code came to if the history was replayed.
    """

    verdict: Verdict
    event: RunUpgraded | None = None
    outcome: Outcome | None = None


def judge(case: Case) -> Judged:
    """Compare, replay and say; nothing is written. Raises `LogError` for a log of our own fault."""
    row, edit = case.row, case.edit
    if row.status.ended and not _is_revivable(row):
        return Judged(verdict=_over(case))
    if edit is None or edit.workflow is None or case.template is None:
        return Judged(verdict=_gone(case))
    level = edit.compared.level
    failed = row.status is RunStatus.FAILED
    is_same = row.version == case.to or (level is Level.IDENTICAL and edit.depends_alike)
    if is_same and not failed and not case.prove:
        # The same bundle: nothing has to be proven, and nothing to be written.
        return Judged(verdict=_verdict(case, Answer.MOVE, is_there=True))
    return _Replaying(case, edit, case.template).judged()


def _is_revivable(row: Row) -> bool:
    return row.status is RunStatus.FAILED and may_revive(row.failure_kind or FailureKind.USER)


def may_revive(kind: FailureKind) -> bool:
    """Tell whether a run that failed so may go on after an upgrade."""
    return kind in _REVIVED


class _Replaying:
    """The dry replay of one case, and the words for what it came to."""

    def __init__(self, case: Case, edit: Edit, template: Template) -> None:
        self.case = case
        self.edit = edit
        self.failed = case.row.status is RunStatus.FAILED
        self.reading = Reading.of(case.history)
        # A log has no gaps: where its chapter begins tells how much lies before.
        self.chapter = case.history[self.reading.begins - 1 :]
        self.opening = self.chapter[0]
        self.current = self.reading.read(self.chapter)
        """The log as the old code reads it."""
        self.before = self.reading.renames or Renames()
        self.retracted = _retracted(self.current, retry=case.retry_failed) if self.failed else ()
        self.site_map = site_map_of(
            {pair.old: pair.new for pair in edit.compared.sites.pairs}, edit.old_sites, self.before
        )
        self.event = RunUpgraded(
            from_version=case.row.version,
            to_version=case.to,
            fingerprint=edit.fingerprint,
            site_map=self.site_map,
            changes=edit.changes,
            retracted=self.retracted,
        )
        self.template = template

    def judged(self) -> Judged:
        """Replay, and say what follows."""
        head = self.chapter[-1]
        virtual = Recorded(
            position=head.position + 1, recorded_at=head.recorded_at, event=self.event
        )
        moved = Reading.of([*self.chapter, virtual], self.template.hints)
        present = [one for one in moved.read(self.chapter) if type(one.event) is not RunFailed]
        replayed = replay(
            self.template,
            self.case.row.run_id,
            self.opening,
            present,
            accept=self.case.accept,
            reading=moved,
            limits=self.case.limits,
            created=self._created(),
            deliver=self.case.deliver,
        )
        stop = replayed.disagreement
        if stop is not None and not self._fails_again(stop):
            return Judged(verdict=self._refused(replayed, stop), outcome=replayed.outcome)
        former = self._former_names() if replayed.withdrawn else {}
        event = replace(
            self.event,
            withdrawn=tuple(former.get(name, name) for name in replayed.withdrawn),
            unequal=tuple(sorted(replayed.unequal)),
            accepted=tuple(sorted(replayed.accepted)),
        )
        verdict = _verdict(
            self.case,
            Answer.MOVE,
            notes=tuple(self._notes(replayed, present, stop)),
            replayed=replayed,
            ahead=self._ahead(replayed),
            site_map={Site(old): Site(new) for old, new in self.site_map.items()},
        )
        written = event if self._needs(event) else None
        verdict = replace(verdict, is_there=written is None)
        return Judged(verdict=verdict, event=written, outcome=replayed.outcome)

    def _needs(self, event: RunUpgraded) -> bool:
        """Tell whether a move has to be written: code of the same meaning may run anywhere, unless
        the run comes back to life or does without something that it recorded.
        """
        same = self.edit.compared.level is Level.IDENTICAL or self.edit.means_the_same
        told = event.withdrawn or event.unequal or event.accepted
        return self.failed or not same or bool(told)

    def _created(self) -> RunCreated | None:
        first = self.case.history[0].event
        return first if isinstance(first, RunCreated) else None

    def _former_names(self) -> Mapping[OperationId, OperationId]:
        """Map what operations are called now to what the old code calls them."""
        present = Renames((self.event,))
        names = (getattr(one.event, "operation_id", None) for one in self.current)
        return {present.operation(name): name for name in names if name is not None}

    def _fails_again(self, stop: Disagreement) -> bool:
        """Tell whether the run merely fails as on the old code, at the head of its history.

        It has failed there; or it is about to, which is known if both codes are proven to do alike.
        """
        alike = self.edit.compared.level <= Level.COMPATIBLE
        return stop.at_head and (self.failed or alike)

    # -- words

    def _refused(self, replayed: Replayed, stop: Disagreement) -> Verdict:
        divergence = self._divergence(stop)
        reason = Reason(
            code=stop.rule,
            sentence=_sentence(divergence, stop),
            old_span=divergence.old_span,
            new_span=divergence.new_span,
            event=stop.recorded.position,
        )
        explained = tuple(
            one.reason for one in self.edit.compared.findings if one.level >= Level.IF_RECORDED
        )
        return _verdict(
            self.case,
            Answer.STAY,
            reasons=(reason, *explained),
            waivable=frozenset(one.value for one in replayed.waivable),
            offers=tuple(_offers(self.case, replayed.waivable)),
            replayed=replayed,
            divergence=divergence,
        )

    def _divergence(self, stop: Disagreement) -> Divergence:
        event: Any = stop.recorded.event
        name: OperationId = getattr(event, "operation_id", OperationId(""))
        site = self._old_site(name)
        old_span = self.edit.old_spans.get(site)
        at = self.edit.compared.sites.to_new(site) if site else None
        asked = tuple(self._asked(one.operation) for one in stop.asked)
        recorded = _recorded_call(event, self._former(name), old_span, self.template)
        new_span = self.edit.new_spans.get(at) if at else None
        return Divergence(
            position=stop.recorded.position,
            event=event.name,
            rule=stop.rule,
            recorded=recorded,
            asked=asked,
            old_span=old_span,
            new_span=new_span or (asked[0].span if asked else None),
            difference=_difference(stop, name, self.template),
        )

    def _former(self, name: OperationId) -> OperationId:
        return self._former_names().get(name, name)

    def _old_site(self, name: OperationId) -> Site:
        """Give the place in the old code that a present name belongs to."""
        if not name:
            return Site("")
        _, site, _ = split_operation_id(self._former(name))
        return Site(site.rpartition("@")[0] or site)

    def _asked(self, operation: Operation) -> Call:
        _, site, _ = split_operation_id(operation.operation_id)
        plain = Site(site.rpartition("@")[0] or site)
        arguments = None
        match operation:
            case StepAsked():
                kind, name = "step", str(operation.step)
                arguments = _shown(operation.arguments, self.template)
            case WaitAsked():
                kind, name = "wait", plain.partition("~")[0]
            case HookAsked():
                kind, name = "hook", plain.partition("~")[0]
            case ChildAsked():
                kind, name = "child", str(operation.workflow)
                arguments = _shown(operation.arguments, self.template)
            case _:
                kind, name = "attributes", "set_attributes"
        return Call(
            operation_id=operation.operation_id,
            kind=kind,
            name=name,
            span=self.edit.new_spans.get(plain),
            arguments=arguments,
        )

    def _notes(
        self, replayed: Replayed, present: Sequence[Recorded], stop: Disagreement | None
    ) -> list[Reason]:
        notes = [
            self._note("WFC671", f"{_word(name)} is called now, behind the run's last event", name)
            for name in replayed.unknown
        ]
        notes += [
            self._note("WFC672", f"{_word(name)} keeps the deadline that it has", name)
            for name in deadlines_kept(replayed, present)
        ]
        notes += self._streams_split(replayed)
        if stop is not None:
            notes.append(
                Reason(code="WFC674", sentence=f"the run fails again at once: {stop.text}")
            )
        elif isinstance(replayed.outcome, Completed | Cancelled | Failed):
            notes.append(Reason(code="WFC674", sentence="the run ends as soon as it has moved"))
        return notes

    def _streams_split(self, replayed: Replayed) -> list[Reason]:
        """Say which streams, that the code has come to, are asked for with other arguments."""
        reached = {site.rpartition("@")[0] or site for site in replayed.reached}
        return [
            Reason(
                code="WFC673",
                sentence=f"{one.reason.sentence}, and what follows goes where the new code says",
                new_span=one.reason.new_span,
            )
            for one in self.edit.compared.findings
            if one.reason.code == "WFC612" and one.old_site and one.new_site in reached
        ]

    def _note(self, code: str, sentence: str, name: OperationId) -> Reason:
        _, site, _ = split_operation_id(name)
        place = self.edit.new_spans.get(site.rpartition("@")[0] or site)
        return Reason(code=code, sentence=sentence, new_span=place)

    def _ahead(self, replayed: Replayed) -> tuple[Site, ...]:
        """List the changed places that this run has not come to."""
        reached = {site.rpartition("@")[0] or site for site in replayed.reached}
        changed = [one.site for one in self.edit.compared.findings if one.site is not None]
        return tuple(dict.fromkeys(site for site in changed if site not in reached))


# --- the log -------------------------------------------------------------------------------------


def _retracted(current: Sequence[Recorded], *, retry: bool) -> tuple[OperationId, ...]:
    """List what a revived run takes back: what its failure brought along, and its cause."""
    ends = [at for at, one in enumerate(current) if isinstance(one.event, RunFailed)]
    if not ends:
        return ()
    end = ends[-1]
    names: list[OperationId] = []
    for one in reversed(current[:end]):
        if not _follows_a_failure(one.event):
            break
        names.append(one.event.operation_id)  # type: ignore[attr-defined]  # each of them has one
    failure = current[end].event
    assert isinstance(failure, RunFailed)
    # The run's end disposed of these, without an event of their own.
    names += [name for name in _open_hooks(current[:end]) if name not in names]
    cause = _cause_of(failure, current[:end]) if retry else None
    if cause is not None and cause not in names:
        names.append(cause)
    return tuple(reversed(names))


def _follows_a_failure(event: Event) -> bool:
    match event:
        case StepCancelled() | WaitCompleted(cause=WaitCause.ABANDONED):
            return True
        case HookDisposed():
            return event.channel in {Channel.RUNTIME, Channel.CODE}
    return False


def _open_hooks(current: Sequence[Recorded]) -> list[OperationId]:
    """List the hooks that were never disposed of."""
    found: dict[OperationId, None] = {}
    for one in current:
        if isinstance(one.event, HookCreated):
            found[one.event.operation_id] = None
        elif isinstance(one.event, HookDisposed):
            found.pop(one.event.operation_id, None)
    return list(found)


def _cause_of(failure: RunFailed, before: Sequence[Recorded]) -> OperationId | None:
    """Find the step whose final failure the run failed with, if it was one."""
    try:
        wanted = set(_errors_in(codec.read_error(failure.error)))
    except CodecError:
        return None
    for one in reversed(before):
        if isinstance(one.event, StepFailed):
            try:
                error = codec.read_error(one.event.error)
            except CodecError:
                continue
            if (error.type, error.message) in wanted:
                return one.event.operation_id
    return None


def _errors_in(error: codec.ErrorValue | None) -> list[tuple[str, str]]:
    if error is None:
        return []
    inner = [*_errors_in(error.cause), *_errors_in(error.context)]
    inner += [found for one in error.group for found in _errors_in(one)]
    return [(error.type, error.message), *inner]


# --- words ---------------------------------------------------------------------------------------


def _verdict(
    case: Case,
    answer: Answer,
    *,
    replayed: Replayed | None = None,
    **more: Any,
) -> Verdict:
    edit = case.edit
    return Verdict(
        run_id=case.row.run_id,
        workflow=case.row.workflow,
        from_version=case.row.version,
        to_version=case.to,
        level=edit.compared.level if edit is not None else Level.BREAKING,
        answer=answer,
        replayed=0 if replayed is None else replayed.replayed,
        history_length=len(case.history),
        **more,
    )


def _over(case: Case) -> Verdict:
    """Say that a run has ended, in a way from which no upgrade brings it back."""
    status = case.row.status.value
    if case.row.status is RunStatus.FAILED:
        status = "failed because its time was over"
    sentence = f"the run is {status}; nothing follows that in its log"
    return _verdict(
        case,
        Answer.STAY,
        reasons=(Reason(code=OVER, sentence=sentence, event=len(case.history)),),
        offers=tuple(_offers(case, ())),
    )


def _gone(case: Case) -> Verdict:
    """Say that the new version does not hold the run's workflow, or nobody the old version."""
    edit = case.edit
    reasons = tuple(one.reason for one in edit.compared.findings) if edit is not None else ()
    if edit is None:
        sentence = f"the bundle of {case.row.version} is not held here"
        reasons = (Reason(code=UNHELD, sentence=sentence),)
    elif not reasons:
        sentence = f"version {case.to} has no workflow {case.row.workflow}"
        reasons = (Reason(code="WFC601", sentence=sentence),)
    # Where the workflow is gone there is nothing that could be begun anew.
    offers = () if edit is not None and edit.workflow is None else tuple(_offers(case, ()))
    return _verdict(case, Answer.STAY, reasons=reasons, offers=offers)


def _offers(case: Case, waivable: Collection[Waiver]) -> list[Offer]:
    run, to = case.row.run_id, case.to
    offers = [
        Offer(
            name="waive",
            sentence=_WAIVED[one],
            command=f"wfc upgrade {run} --to {to} --accept {one.value}",
        )
        for one in sorted(waivable)
    ]
    if not case.row.status.ended:
        # Two runs of one order would charge twice: the old one has to end before.
        offers.append(
            Offer(
                name="rerun",
                sentence="Cancel it, and start anew with the same input on that version.",
                command=f"wfc upgrade {run} --to {to} --otherwise rerun",
            )
        )
    else:
        offers.append(
            Offer(
                name="rerun",
                sentence="Start anew with the same input on that version.",
                command=f"wfc rerun {run} --version {to}",
            )
        )
        offers.append(
            Offer(
                name="fork",
                sentence="Begin a new run with what this one recorded before an event.",
                command=f"wfc fork {run} --at EVENT --version {to}",
            )
        )
    return offers


_WAIVED: Final[Mapping[Waiver, str]] = {
    Waiver.INPUTS: "Let recorded calls stand, though the new code would call with other arguments.",
    Waiver.UNFINISHED: "Drop steps that were attempted and that the new code asks for no more.",
    Waiver.HOOKS: "Dispose of hooks that the new code has no more.",
    Waiver.CHILDREN: "Cancel child runs that the new code has no more.",
}


def _sentence(divergence: Divergence, stop: Disagreement) -> str:
    if divergence.difference:
        word = _word(divergence.recorded.operation_id) or divergence.event
        return f"{word}: {divergence.difference}"
    name = divergence.recorded.name
    if stop.rule == "WFC651" and divergence.asked:
        return f"recorded {name}, the new code asks for {divergence.asked[0].name}"
    if divergence.recorded.operation_id:
        return f"recorded {name}: {stop.text}"
    return stop.text


def _recorded_call(event: Any, name: OperationId, span: Any, template: Template) -> Call:
    created = getattr(event, "created", None) or event
    step = getattr(created, "step", None)
    kind = event.name.partition("_")[0]
    arguments = _shown(getattr(created, "arguments", None), template) if step else None
    shown = str(step) if step else (_word(name) or event.name)
    return Call(operation_id=name, kind=kind, name=shown, span=span, arguments=arguments)


def _word(name: OperationId) -> str:
    """Give what people call an operation: ``charge`` of ``charge~9c01d2ab#0``."""
    return split_operation_id(name)[1].partition("~")[0] if name else ""


def _read(arguments: bytes | None, template: Template) -> Mapping[str, Any] | None:
    if arguments is None:
        return None
    try:
        found = codec.decode(arguments, types=template.types)
    except CodecError:
        return None
    return found if isinstance(found, dict) else None


def _shown(arguments: bytes | None, template: Template) -> str | None:
    found = _read(arguments, template)
    if found is None:
        return None
    text = ", ".join(f"{name}={value!r}" for name, value in found.items())
    return text if len(text) <= _ARGUMENTS_MAX else f"{text[: _ARGUMENTS_MAX - 3]}..."


def _difference(stop: Disagreement, name: OperationId, template: Template) -> str:
    """Say what differs in the arguments, shortly: ``cents: 4200 -> 4300``."""
    same = next((one for one in stop.asked if one.operation.operation_id == name), None)
    event: Any = stop.recorded.event
    created = getattr(event, "created", None) or event
    if stop.rule != INPUT or same is None or not isinstance(same.operation, StepAsked):
        return ""
    before = _read(getattr(created, "arguments", None), template)
    after = _read(same.operation.arguments, template)
    if before is None or after is None:
        return ""
    told = [
        f"{key}: {_value(before, key)} -> {_value(after, key)}"
        for key in {**before, **after}
        if before.get(key, _ABSENT) != after.get(key, _ABSENT)
    ]
    text = ", ".join(told)
    return text if len(text) <= _SHOWN_MAX else f"{text[: _SHOWN_MAX - 3]}..."


_ABSENT: Final = object()


def _value(arguments: Mapping[str, Any], key: str) -> str:
    return repr(arguments[key]) if key in arguments else "absent"
