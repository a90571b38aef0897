"""What must hold of every scenario that was played; each fault of it is one sentence."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from tests.proofs.simulation import model
from tests.proofs.simulation.flows import PROGRAM
from tests.proofs.simulation.scenario import Asked, Node
from tests.proofs.simulation.stage import Body, Played
from wfc import codec
from wfc.errors import WfcError
from wfc.eventlog.event import (
    TERMINAL,
    Event,
    FailureKind,
    Recorded,
    RunCancelled,
    RunCancelRequested,
    RunCompleted,
    RunCreated,
    RunFailed,
    RunRestarted,
    RunStarted,
    StepCancelled,
    StepCompleted,
    StepCreated,
    StepFailed,
    StepRetrying,
    StepStarted,
)
from wfc.eventlog.fold import fold
from wfc.ids import DefinitionId, RunId
from wfc.runtime.execution import Execution
from wfc.runtime.operations import Cancelled, Completed, Failed, Outcome, Restarted
from wfc.runtime.sandbox import load_template
from wfc.runtime.template import Template
from wfc.worlds.chunks import Form

_FLOW: Final = DefinitionId("simulated_flows:flow")
_TEMPLATE: Final[Template] = load_template(PROGRAM.version, _FLOW)
_LIMITED: Final = "simulated_flows:limited"


def judge(played: Played) -> list[str]:
    """Give all that is wrong with how a scenario went; nothing, if it went well."""
    if played.stuck is not None:
        return [f"stuck ({played.stuck}): {_where(played)}"]
    wrong = [*played.errors, *played.world.exceeded]
    for run_id, log in played.logs().items():
        wrong += [f"{run_id}: {each}" for each in _of_log(run_id, log, played)]
    for asked in played.scenario.runs:
        wrong += [f"{asked.name}: {each}" for each in _of_outcome(asked, played)]
    wrong += _of_bodies(played)
    wrong += _of_limits(played)
    return wrong


def _where(played: Played) -> str:
    rows = played.tables.runs.values()
    left = [f"{row.run_id} is {row.status} ({row.blocked})" for row in rows if not row.status.ended]
    tables = played.tables
    rest = (len(tables.attempts), len(tables.messages), len(tables.slots))
    return ", ".join(left) or "attempts {}, messages {}, slots {}".format(*rest)


# --- logs ----------------------------------------------------------------------------------------


def _of_log(run_id: RunId, log: list[Recorded], played: Played) -> Iterator[str]:
    if played.tables.runs[run_id].blocked is not None:
        yield f"it is blocked: {played.tables.runs[run_id].blocked}"
    try:
        fold(log)
    except WfcError as error:
        yield f"its log is not legal: {error}"
        return
    ends = [each for each in log if isinstance(each.event, TERMINAL)]
    if len(ends) != 1 or ends[0] is not log[-1]:
        yield f"its log has {len(ends)} ends"
        return
    if [each.position for each in log] != list(range(1, len(log) + 1)):
        yield "the positions of its log are not dense"
    if any(one.recorded_at > other.recorded_at for one, other in itertools.pairwise(log)):
        yield "its log goes back in time"
    yield from _replayed(run_id, log)
    yield from _outputs(log)
    yield from _streams(run_id, log, played)


def _replayed(run_id: RunId, log: list[Recorded]) -> Iterator[str]:
    """Deliver the last chapter to a fresh execution: it must come to the end that is recorded."""
    end = log[-1].event
    if isinstance(end, RunCancelled) and end.forced:
        return
    if isinstance(end, RunFailed) and end.kind is not FailureKind.USER:
        yield f"it failed by {end.kind}: {codec.decode_error(end.error)!r}"
        return
    begins = [each for each in log if isinstance(each.event, RunCreated | RunRestarted)][-1]
    created = log[0].event
    assert isinstance(created, RunCreated)
    for pieces in (1, len(log)):
        execution = Execution(_TEMPLATE, run_id, begins, quiet_until=len(log))
        execution.created = created
        rest = log[begins.position - 1 : -1]
        outcome = execution.deliver(rest if pieces == 1 else rest[:1])
        for each in () if pieces == 1 else rest[1:]:
            outcome = execution.deliver([each])
        execution.drop()
        if not _same(outcome, end):
            yield f"a replay in {pieces} pieces comes to {outcome}, the log ends by {end}"


def _same(outcome: Outcome, end: Event) -> bool:
    match outcome:
        case Completed():
            return isinstance(end, RunCompleted) and outcome.output == end.output
        case Failed():
            return isinstance(end, RunFailed) and outcome.error == end.error
        case Cancelled() | Restarted():
            # A run that is to be cancelled begins no other chapter.
            return isinstance(end, RunCancelled)
    return False


def _outputs(log: list[Recorded]) -> Iterator[str]:
    """A step's output depends on its arguments alone, whoever ran it however often."""
    for operation, (key, ended) in _steps(log).items():
        if isinstance(ended, StepCompleted) and codec.decode(ended.output) != f"{key}!":
            yield f"step {operation} of {key} gave {codec.decode(ended.output)!r}"


def _steps(log: list[Recorded]) -> dict[str, tuple[str, Any]]:
    """Find, by operation, the key that a step was called with and how it ended."""
    created: dict[str, StepCreated] = {}
    ended: dict[str, Any] = {}
    for each in log:
        event = each.event
        if isinstance(event, StepCreated):
            created[event.operation_id] = event
        elif isinstance(event, StepCompleted | StepFailed | StepRetrying | StepCancelled):
            if event.created is not None:
                created[event.operation_id] = event.created
            if not isinstance(event, StepRetrying):
                ended[event.operation_id] = event
    found = {}
    for name, one in created.items():
        assert one.arguments is not None
        found[name] = codec.decode(one.arguments)["key"], ended.get(name)
    return found


def _streams(run_id: RunId, log: list[Recorded], played: Played) -> Iterator[str]:
    """Read a stream from every index; without what resets void, each step wrote its chunks once."""
    stream = played.tables.streams.get(run_id, {}).get("words")
    if stream is None:
        return
    rows = stream.rows
    if [row.index for row in rows] != list(range(len(rows))):
        yield "the indexes of its stream are not dense"
    said: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row.form is Form.RESET:
            said[str(row.operation_id)].clear()
        else:
            said[str(row.operation_id)].append(codec.decode(row.body))
    for operation, (key, ended) in _steps(log).items():
        if not isinstance(ended, StepCompleted) or not operation.partition(":")[2]:
            chunks = said.get(operation, [])
            whole = [f"{key} {number}" for number in range(len(chunks))]
        else:
            chunks, whole = said.get(operation, []), []
        if isinstance(ended, StepCompleted) and "writes~" in operation:
            node = _find(played, key)
            chunks, whole = said.get(operation, []), [f"{key} {n}" for n in range(node[2])]
        if chunks != whole:
            yield f"step {operation} of {key} wrote {chunks}"


def _find(played: Played, key: str) -> Node:
    def search(node: Node) -> Iterator[Node]:
        if node[0] == "stream" and node[1] == key:
            yield node
        for part in model.inner_nodes(node):
            yield from search(part)

    return next(found for asked in played.scenario.runs for found in search(asked.node))


# --- outcomes ------------------------------------------------------------------------------------


def _of_outcome(asked: Asked, played: Played) -> Iterator[str]:
    row = played.tables.runs[RunId(asked.name)]
    log = row.log
    expected = model.run_ends(asked, losing=played.scenario.doubting)
    end = log[-1].event
    asked_to_cancel = any(isinstance(each.event, RunCancelRequested) for each in log)
    if asked_to_cancel and row.run_id not in played.cancelled:
        yield "it was to be cancelled, and nobody had asked for that"
    match end:
        case RunCompleted(output=output):
            value = codec.decode(output)
            if expected.returns is None or not model.fits(expected.returns, value):
                yield f"it gave {value}, expected is {expected}"
            yield from _attributes(asked, played)
        case RunFailed(error=error):
            cause = codec.decode_error(error)
            if type(cause).__name__ not in expected.raises:
                yield f"it failed by {cause!r}, expected is {expected}"
        case RunCancelled() if not asked_to_cancel:
            yield "it was cancelled, and nobody had asked for that"
    yield from _cleaned_up(asked, log)


def _attributes(asked: Asked, played: Played) -> Iterator[str]:
    allowed = model.attributes(asked.node)
    found: dict[str, Any] = dict(played.tables.runs[RunId(asked.name)].attributes)
    for key, value in found.items():
        if allowed.get(key, value + 1) != value:
            yield f"its attribute {key} is {value}"


def _cleaned_up(asked: Asked, log: list[Recorded]) -> Iterator[str]:
    """What the cancellation of a run has interrupted was cleaned up, in the same chapter."""
    end = log[-1].event
    if not isinstance(end, RunCancelled) or end.forced:
        return
    chapter = max((e.event.chapter for e in log if isinstance(e.event, RunRestarted)), default=1)
    prefix = "" if chapter == 1 else f"{chapter}:"
    done = {
        key: ended
        for name, (key, ended) in _steps(log).items()
        if name.startswith(prefix) and (prefix or ":" not in name)
    }
    for key, cleanup in _guards(asked.node):
        if isinstance(done.get(key), StepCancelled) and not isinstance(
            done.get(cleanup), StepCompleted
        ):
            yield f"{key} was interrupted, and {cleanup} did not clean up"


def _guards(node: Node) -> Iterator[tuple[str, str]]:
    """Find steps in guards that nothing but the end of the whole run interrupts."""
    if node[0] == "guard" and not model.inner_nodes(node[1]):
        yield node[1][1], node[2]
    if node[0] in ("guard", "seq", "try"):
        for part in model.inner_nodes(node):
            yield from _guards(part)


# --- bodies and limits ---------------------------------------------------------------------------


class Told:
    """What the logs say of a step: the highest attempt, how many of its attempts do not count, when
    its outcome was written, and since when nobody wants it any more.
    """

    def __init__(self) -> None:
        self.attempt = 1
        self.uncounted = 0
        self.recorded_at: int | None = None
        self.unwanted_at: int | None = None

    def note(self, event: Any, number: int) -> None:
        """Take an event about the step in."""
        if isinstance(event, StepCompleted | StepFailed):
            self.recorded_at = number
        if isinstance(event, StepCancelled):
            self.unwanted_at = number
        if isinstance(event, StepRetrying) and not event.counted:
            self.uncounted += 1
        if isinstance(event, StepCompleted | StepFailed | StepStarted | StepRetrying):
            self.attempt = max(self.attempt, event.attempt)


def _of_bodies(played: Played) -> Iterator[str]:
    """No body of a recorded step begins again, and none more often than attempts are counted."""
    told: dict[tuple[RunId, str], Told] = defaultdict(Told)
    leaves: dict[RunId, int] = {}
    """When a run left its first chapter: what was asked for in it is not wanted any more."""
    for run_id, log in played.logs().items():
        for each in log:
            number = played.world.written[run_id, each.position]
            told[run_id, getattr(each.event, "operation_id", "")].note(each.event, number)
            if isinstance(each.event, (RunRestarted, *TERMINAL)):
                leaves.setdefault(run_id, number)
    began: dict[tuple[RunId, str], list[Body]] = defaultdict(list)
    for body in played.bodies:
        began[body.run_id, body.step_id].append(body)
    for place, bodies in began.items():
        step = told[place]
        unwanted_at = min(step.unwanted_at or leaves[place[0]], leaves[place[0]])
        for body in bodies:
            unwanted = body.number > unwanted_at  # its start may have been written before that
            if not (body.holds or unwanted or played.scenario.losing):
                yield f"a body of {place} began on {body.place}, which held nothing"
            if body.holds and step.recorded_at is not None and body.number > step.recorded_at:
                yield f"a body of {place} began after its outcome was recorded"
        count, most = sum(body.holds for body in bodies), step.attempt + step.uncounted
        if step.recorded_at is not None and count > most:
            yield f"{count} bodies of {place} began, in {most} attempts"


def _of_limits(played: Played) -> Iterator[str]:
    """By the logs: how many had begun and not ended at the same time."""
    changes: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for run_id, log in played.logs().items():
        created, inside = log[0].event, Inside()
        assert isinstance(created, RunCreated)
        for each in log:
            for name, change in inside.changes(each.event):
                changes[name].append((played.world.written[run_id, each.position], change))
        if created.queue == "one" and not _gives_way(played, run_id):
            positions = [
                each.position for each in log if isinstance(each.event, (RunStarted, *TERMINAL))
            ]
            for position, change in zip(positions, (1, -1), strict=True):
                changes["queue one"].append((played.world.written[run_id, position], change))
    for name, times in changes.items():
        yield from _most(name, times)


def _gives_way(played: Played, run_id: RunId) -> bool:
    """Tell whether a run may go without its slot: while it waits for a child, or when it is to be
    cancelled.
    """
    rows = played.tables.runs
    return rows[run_id].cancel_requested or any(row.parent_id == run_id for row in rows.values())


class Inside:
    """Which limited steps of a run are between start and end, going through its log."""

    def __init__(self) -> None:
        self._limited: set[str] = set()
        self._inside: set[str] = set()

    def changes(self, event: Event) -> Iterator[tuple[str, int]]:
        """Take an event in, and say by how many more or less go then."""
        name = getattr(event, "operation_id", "")
        if isinstance(event, StepCreated) and event.step == _LIMITED:
            self._limited.add(name)
        elif isinstance(event, StepStarted) and name in self._limited:
            self._inside.add(name)
            yield _LIMITED, 1
        elif isinstance(event, (RunRestarted, *TERMINAL)):
            yield _LIMITED, -len(self._inside)
            self._inside.clear()
        elif not isinstance(event, StepStarted) and name in self._inside:
            self._inside.discard(name)
            yield _LIMITED, -1


def _most(name: str, times: list[tuple[int, int]]) -> Iterator[str]:
    count = 0
    for _, change in sorted(times):
        count += change
        if count > 1:
            yield f"{count} of {name} went at once, at most 1 may"
            return
