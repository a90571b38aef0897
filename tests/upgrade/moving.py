"""Runs that move, without a world: two builds, a history of the first, and what becomes of it.

A tale runs the old code to its end with scripted steps. Every beginning of its history is a run
that somebody may want to move: `judged` asks, `finished` moves it and runs on with the new code.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from textwrap import dedent
from typing import Any

from tests.runtime.histories import RUN, SEED, START_US, created
from wfc import codec
from wfc.compiler.build import build
from wfc.compiler.project import Project
from wfc.eventlog.entity import Run as Row
from wfc.eventlog.event import (
    AttributesSet,
    Channel,
    ChildCompleted,
    ChildCreated,
    Event,
    HookDisposed,
    HookReceived,
    Recorded,
    RunCancelled,
    RunCompleted,
    RunCreated,
    RunFailed,
    RunStarted,
    RunUpgraded,
    StepCancelled,
    StepCompleted,
    StepFailed,
    StepRetrying,
    StepStarted,
    WaitCause,
    WaitCompleted,
    WaitCreated,
)
from wfc.eventlog.fold import fold
from wfc.ids import DefinitionId, OperationId, WorkerId
from wfc.manifests.markers import changes_in
from wfc.manifests.store import Version
from wfc.runtime.execution import Execution
from wfc.runtime.judging import Case, Judged, judge
from wfc.runtime.operations import (
    AttributesAsked,
    Cancelled,
    ChildAsked,
    Completed,
    Failed,
    HookAsked,
    Operation,
    Outcome,
    StepAsked,
    Suspended,
    WaitAsked,
)
from wfc.runtime.reading import Reading
from wfc.runtime.template import Template
from wfc.runtime.upgrade_code import Codebase
from wfc.runtime.verdict import Waiver
from wfc.runtime.watchdog import Watchdog
from wfc.worlds.protocol import VersionRow

Steps = Mapping[str, Callable[..., Any]]
WORKER = WorkerId("worker_1")


@lru_cache(maxsize=500)
def built(text: str | tuple[tuple[str, str], ...], settings: str = "") -> Version:
    """Build the module `app.flows` of this text, or modules by path (``flows.py``)."""
    files = dict(text) if isinstance(text, tuple) else {"flows.py": text}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "app").mkdir()
        (root / "app" / "__init__.py").touch()
        (root / "pyproject.toml").write_text(f"[tool.wfc]\n{settings}")
        for name, content in files.items():
            (root / "app" / name).write_text(dedent(content))
        result = build(Project.at(root), out=None)
    assert result.version is not None, [one.sentence for one in result.diagnostics]
    return result.version


class Registered:
    """What a codebase asks a world whose versions are all at hand: what they were registered on."""

    def __init__(self, *rows: VersionRow) -> None:
        self.rows = list(rows)

    async def versions(self) -> list[VersionRow]:
        return self.rows

    def codebase(self) -> Codebase:
        """Make a codebase that reads no archive."""
        return Codebase(self)  # type: ignore[arg-type]  # the rest of a world is not asked


REGISTERED = Registered()
_CODE = REGISTERED.codebase()


@dataclass
class Driver:
    """Drives one execution and writes the log that a worker would write."""

    template: Template
    steps: Steps
    history: list[Recorded]
    reading: Reading = field(default_factory=Reading)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    now: int = START_US
    queued: bool = False
    """Whether a step's creation, the start of its attempt and its outcome are written apart."""

    def write(self, *events: Event) -> None:
        for event in events:
            self.now += 1000
            position = len(self.history) + 1
            self.history.append(Recorded(position=position, recorded_at=self.now, event=event))

    def run(self, *, turns: int = 200) -> Outcome:
        """Go on until the code ends; give what it came to."""
        self.reading.learn(self.history)
        self.reading.hints = self.template.hints
        self.now = max(self.now, self.history[-1].recorded_at)
        execution = Execution(
            self.template,
            RUN,
            self.history[0],
            renames=self.reading.renames,
            unequal=self.reading.unequal,
        )
        try:
            outcome = execution.deliver(self.reading.read(self.history))
            self._give_up(outcome, execution)
            for _ in range(turns):
                if not isinstance(outcome, Suspended):
                    break
                length = len(self.history)
                self._answer(execution)
                outcome = execution.deliver(self.reading.read(self.history[length:]))
                self._give_up(outcome, execution)
        finally:
            execution.drop()
        return outcome

    def _give_up(self, outcome: Outcome, execution: Execution) -> None:
        """Record what the code does not wait for any more."""
        while outcome.withdrawn:
            length = len(self.history)
            for operation in outcome.withdrawn:
                if isinstance(operation, StepAsked) or self._known(operation.operation_id):
                    self.write(self._given_up(operation))
            if len(self.history) == length or not isinstance(outcome, Suspended):
                return
            outcome = execution.deliver(self.history[length:])

    def _given_up(self, operation: Operation) -> Event:
        name = operation.operation_id
        if isinstance(operation, WaitAsked):
            return WaitCompleted(operation_id=name, cause=WaitCause.ABANDONED)
        if isinstance(operation, HookAsked):
            return HookDisposed(operation_id=name, channel=Channel.CODE)
        assert isinstance(operation, StepAsked)
        folded = fold(self.history)
        state, first = folded.step(name), folded.law.spent_on(name) + 1
        if state is not None:
            return StepCancelled(operation_id=name, attempt=max(first, state.attempt))
        return StepCancelled(operation_id=name, attempt=first, created=created(operation))

    def _known(self, name: OperationId) -> bool:
        events = self.reading.read(self.history)
        return any(getattr(one.event, "operation_id", None) == name for one in events)

    def _answer(self, execution: Execution) -> None:
        """Announce what is new, and end the operation that ends first."""
        operations = list(execution.open.values())
        for one in operations:
            if isinstance(one, WaitAsked) and not self._known(one.operation_id):
                self.write(WaitCreated(operation_id=one.operation_id, wake_at=one.wake_at))
                return
            if isinstance(one, HookAsked) and not self._known(one.operation_id):
                self.write(one.created)
                return
            if isinstance(one, ChildAsked) and not self._known(one.operation_id):
                self.write(
                    ChildCreated(
                        operation_id=one.operation_id,
                        run_id=one.run_id,
                        workflow=one.workflow,
                        digest=one.digest,
                    )
                )
                return
            if isinstance(one, AttributesAsked):
                self.write(AttributesSet(operation_id=one.operation_id, changes=one.changes))
                return
        steps = [one for one in operations if isinstance(one, StepAsked)]
        awaited = [
            one
            for one in operations
            if isinstance(one, HookAsked) and execution.pending[one.operation_id].wakes
        ]
        if awaited and not steps:
            payload = codec.encode(self.steps["hook"](), path="payload")
            name = awaited[0].operation_id
            self.write(HookReceived(operation_id=name, receipt_id="rcpt_1", payload=payload))
            return
        for one in operations:
            if isinstance(one, ChildAsked):
                output = codec.encode(self.steps[one.workflow.rpartition(":")[2]](), path="output")
                self.write(ChildCompleted(operation_id=one.operation_id, output=output))
                return
        waits = [one for one in operations if isinstance(one, WaitAsked)]
        chosen = self.choose(steps, min(waits, key=self._deadline) if waits else None)
        if isinstance(chosen, StepAsked):
            self.write(*(self._begun(chosen) or self._done(chosen)))
        else:
            self.now = max(self.now, self._deadline(chosen))
            self.write(WaitCompleted(operation_id=chosen.operation_id, cause=WaitCause.ELAPSED))

    def choose(self, steps: list[StepAsked], first: WaitAsked | None) -> StepAsked | WaitAsked:
        """Say what ends next: the first step, or the first wait if there is none."""
        if steps:
            return steps[0]
        assert first is not None, "a deadlock is an outcome"
        return first

    def _deadline(self, asked: WaitAsked) -> int:
        for one in self.reading.read(self.history):
            if isinstance(one.event, WaitCreated) and one.event.operation_id == asked.operation_id:
                return one.event.wake_at
        return asked.wake_at

    def is_queued(self, asked: StepAsked) -> bool:  # noqa: ARG002 - others ask more
        """Tell whether this step's events are written apart."""
        return self.queued

    def _begun(self, asked: StepAsked) -> Sequence[Event]:
        """Give what comes before an outcome, one event at a time, if it is written apart."""
        if not self.is_queued(asked):
            return ()
        state = fold(self.history).step(asked.operation_id)
        if state is None:
            return [created(asked)]
        if state.status.value == "running":
            return ()
        spent = fold(self.history).law.spent_on(asked.operation_id)
        attempt = max(state.attempt, spent) + 1
        return [StepStarted(operation_id=asked.operation_id, attempt=attempt, worker_id=WORKER)]

    def _done(self, asked: StepAsked) -> Sequence[Event]:
        name = asked.operation_id
        spent = fold(self.history).law.spent_on(name)
        state = fold(self.history).step(name)
        made = None if state is not None else created(asked)
        attempt = (state.attempt if state is not None else spent) + 1
        before: list[Event] = []
        if state is not None:
            if state.status.value != "running":
                before = [StepStarted(operation_id=name, attempt=attempt, worker_id=WORKER)]
            else:
                attempt = state.attempt
        assert asked.arguments is not None
        arguments = codec.decode_arguments(asked.arguments, {}, self.template.types)
        word = asked.step.rpartition(":")[2]
        self.calls.append((word, arguments))
        version = self.template.version
        try:
            value = self.steps[word](**arguments)
        except Exception as error:  # noqa: BLE001 - it is the step's outcome
            failed = codec.encode_error(error)
            return [
                *before,
                StepFailed(
                    operation_id=name, attempt=attempt, started_at=self.now, version=version,
                    error=failed, created=made,
                ),
            ]  # fmt: skip
        output = codec.encode(value, path="output")
        return [
            *before,
            StepCompleted(
                operation_id=name, attempt=attempt, started_at=self.now, version=version,
                output=output, created=made,
            ),
        ]  # fmt: skip

    def end(self, outcome: Outcome) -> None:
        """Write the end of the run."""
        match outcome:
            case Completed():
                self.write(RunCompleted(output=outcome.output))
            case Failed():
                self.write(RunFailed(error=outcome.error, kind=outcome.kind))
            case Cancelled():
                self.write(RunCancelled(reason=outcome.reason))


class Tale:
    """A run of the old code, and the new code that it may move to."""

    def __init__(
        self,
        old: Version,
        new: Version,
        *args: Any,
        steps: Steps,
        workflow: str = "app.flows:flow",
        queued: bool = False,
    ) -> None:
        self.old, self.new, self.steps = old, new, steps
        self.workflow = DefinitionId(workflow)
        self.code = _CODE
        for version in (old, new):
            self.code.add(version)
        template = asyncio.run(self.code.template(old.id, self.workflow))
        bound = template.signature.bind(*args)
        payload, _ = codec.encode_arguments(
            dict(bound.arguments), call="start", annotations=template.annotations,
            types=template.types,
        )  # fmt: skip
        self.driver = Driver(template, steps, [], queued=queued)
        self.driver.write(
            RunCreated(
                workflow=self.workflow,
                version=old.id,
                fingerprint=template.fingerprint,
                changes=changes_in(old.manifest).get(self.workflow, ()),
                arguments=payload,
                seed=SEED,
            ),
            RunStarted(worker_id=WORKER),
        )
        self.outcome = self.driver.run()
        self.driver.end(self.outcome)

    @property
    def history(self) -> list[Recorded]:
        return self.driver.history

    def judged(
        self,
        length: int,
        *,
        accept: Collection[str] = (),
        history: Sequence[Recorded] | None = None,
        retry_failed: bool = True,
        to: Version | None = None,
    ) -> Judged:
        """Say what becomes of the run as it was after `length` events."""
        log = list(self.history[:length]) if history is None else list(history)
        return judged(
            self.code, log, to or self.new, self.workflow,
            accept=accept, retry_failed=retry_failed,
        )  # fmt: skip

    def finished(self, length: int, **options: Any) -> tuple[Driver, Outcome]:
        """Move the run as it was after `length` events, and run on with the new code."""
        found = self.judged(length, **options)
        assert found.verdict, found.verdict.reasons
        log = options.get("history")
        history = list(self.history[:length] if log is None else log)
        return self.gone_on(history, found, to=options.get("to"))

    def gone_on(
        self, history: list[Recorded], found: Judged, *, to: Version | None = None
    ) -> tuple[Driver, Outcome]:
        """Write the move and run to the end."""
        version = to or self.new
        current = fold(history).version
        name = self.workflow
        assert current is not None
        template = asyncio.run(
            self.code.template(version.id if found.event is not None else current, name)
        )
        driver = Driver(
            template, self.steps, history,
            now=history[-1].recorded_at, queued=self.driver.queued,
        )  # fmt: skip
        if found.event is not None:
            driver.write(found.event)
        outcome = driver.run()
        driver.end(outcome)
        fold(driver.history)  # every event may stand where it stands
        return driver, outcome

    def letters(self) -> str:
        """Give the answer for each length of the history, from 2 on: M, S or C."""
        return "".join(
            self.judged(length).verdict.answer.value[0].upper()
            for length in range(2, len(self.history) + 1)
        )


def judged(
    code: Codebase,
    log: list[Recorded],
    to: Version,
    workflow: DefinitionId,
    *,
    accept: Collection[str] = (),
    retry_failed: bool = True,
) -> Judged:
    """Judge a run with this log."""
    state = fold(log)
    assert state.version is not None
    version = state.version
    edit = asyncio.run(code.edit(version, to.id, workflow))
    name = workflow if edit is None else edit.workflow
    template = None if name is None else asyncio.run(code.template(to.id, name))
    kind = state.end.kind if isinstance(state.end, RunFailed) else None
    row = Row(
        run_id=RUN, workflow=workflow, version=version, fingerprint=state.fingerprint,
        status=state.status, created_at=START_US, failure_kind=kind, length=len(log),
    )  # fmt: skip
    return judge(
        Case(
            row=row, history=log, to=to.id, edit=edit, template=template,
            accept=frozenset(map(Waiver, accept)), retry_failed=retry_failed,
            deliver=Watchdog(0.5).deliver,
        )
    )  # fmt: skip


def steps_in(history: Sequence[Recorded]) -> list[str]:
    """Name the steps that completed, in order."""
    return [
        one.event.operation_id.partition("~")[0]
        for one in history
        if isinstance(one.event, StepCompleted)
    ]


__all__ = ["Driver", "Operation", "RunUpgraded", "StepRetrying", "Tale", "built", "judged"]
