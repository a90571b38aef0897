"""Programs under test: source text to a version, and a log that a test writes by hand."""

from __future__ import annotations

import hashlib
import inspect
import itertools
import textwrap
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from wfc import codec
from wfc.compiler.compile import gather_module, write_module
from wfc.compiler.facts import ModuleSource
from wfc.determinism import Rules
from wfc.eventlog.event import (
    AttributesSet,
    ChildCompleted,
    Event,
    Recorded,
    RunCreated,
    StepCompleted,
    StepCreated,
    StepFailed,
    WaitCause,
    WaitCompleted,
    WaitCreated,
)
from wfc.ids import DefinitionId, ModuleName, OperationId, RunId, VersionId
from wfc.manifests.bundle import Bundle
from wfc.manifests.store import Version
from wfc.policies import Policy
from wfc.runtime.execution import Execution
from wfc.runtime.limits import Limits
from wfc.runtime.operations import (
    AttributesAsked,
    ChildAsked,
    Completed,
    Operation,
    Outcome,
    StepAsked,
    WaitAsked,
)
from wfc.runtime.sandbox import load_template
from wfc.runtime.template import Template

RUN = RunId("run_1")
START_US = 1_900_000_000_000_000
SEED = bytes(range(32))
_numbers = itertools.count()
_EXECUTIONS: weakref.WeakSet[Execution] = weakref.WeakSet()

STEPS = """
import asyncio
from wfc.runtime.workflow_api import (
    changed, get_workflow_metadata, remove_attributes, restart, set_attributes, sleep,
)

async def add(left: int, right: int = 1) -> int:
    "use step"

async def say(text: str) -> str:
    "use step"

def double(number: int) -> int:
    "use step"

"""


def version_of(
    modules: Mapping[str, str],
    *,
    classes: Iterable[str] = (),
    environment: tuple[str, ...] = (),
    pure: tuple[str, ...] = (),
) -> Version:
    """Compile modules; every module-level name of each belongs to its workflow bundle."""
    bundles: dict[ModuleName, Bundle] = {}
    for name, indented in modules.items():
        text = textwrap.dedent(indented)
        is_package = any(other.startswith(name + ".") for other in modules)
        source = ModuleSource(
            name=ModuleName(name),
            path=name.replace(".", "/") + ".py",
            filename=f"/nowhere/{name}.py",
            text=text,
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            is_package=is_package,
        )
        gathered = gather_module(source)
        everything = [symbol.name for symbol in gathered.facts.symbols]
        compiled = write_module(source, gathered, reached=everything)
        if text:
            assert compiled.workflow is not None, (text, compiled.diagnostics)
            bundles[source.name] = compiled.workflow
    digest = hashlib.sha256(repr((modules, next(_numbers))).encode()).hexdigest()
    workflows = [
        entry.id
        for bundle in bundles.values()
        for entry in bundle.entries
        if entry.kind == "workflow"
    ]
    return Version(
        id=VersionId(digest[:16]),
        workflow=bundles,
        step={},
        fingerprints=dict.fromkeys(workflows, digest),
        classes=frozenset(classes),
        rules=Rules(packages=tuple(modules), environment=environment, pure=pure),
    )


def template_of(
    body: str, *, workflow: str = "flow", head: str = STEPS, **options: Any
) -> Template:
    """Compile one module ``app`` and load its workflow."""
    version = version_of({"app": head + textwrap.dedent(body)}, **options)
    return load_template(version, DefinitionId(f"app:{workflow}"))


class Log:
    """The log of one run, written by the test, and the execution that follows it."""

    def __init__(
        self,
        template: Template,
        *args: Any,
        limits: Limits | None = None,
        quiet_until: int | None = None,
        **created: Any,
    ) -> None:
        bound = template.signature.bind(*args)
        self.template = template
        self.recorded: list[Recorded] = []
        self.now = START_US
        self.asked: dict[OperationId, Operation] = {}
        self.withdrawn: list[Operation] = []
        payload, _ = codec.encode_arguments(dict(bound.arguments), call="start")
        self._limits = limits or Limits()
        self._quiet_until = quiet_until
        self.write(
            RunCreated(
                workflow=template.workflow,
                version=template.version,
                fingerprint=template.fingerprint,
                arguments=payload,
                **{"seed": SEED, **created},
            )
        )
        self.execution = self.fresh()

    def fresh(self) -> Execution:
        """Give an execution that has seen nothing yet."""
        execution = Execution(
            self.template,
            RUN,
            self.recorded[0],
            limits=self._limits,
            quiet_until=self._quiet_until,
        )
        _EXECUTIONS.add(execution)
        return execution

    def write(self, event: Event, *, after_us: int = 1000) -> Recorded:
        """Append an event without delivering it."""
        self.now += after_us
        recorded = Recorded(position=len(self.recorded) + 1, recorded_at=self.now, event=event)
        self.recorded.append(recorded)
        return recorded

    def deliver(self, *events: Event, after_us: int = 1000) -> Outcome:
        """Append events and deliver them at once."""
        fresh = [self.write(event, after_us=after_us) for event in events]
        return self._heard(self.execution.deliver(fresh))

    def start(self) -> Outcome:
        """Start the code."""
        return self._heard(self.execution.deliver(self.recorded))

    def replay(self, upto: int | None = None) -> Outcome:
        """Deliver what is written to a fresh execution, and go on with that."""
        self.execution.drop()
        self.execution = self.fresh()
        self.asked.clear()
        self.withdrawn.clear()
        return self._heard(self.execution.deliver(self.recorded[:upto]))

    def _heard(self, outcome: Outcome) -> Outcome:
        self.asked.update({each.operation_id: each for each in outcome.asked})
        self.withdrawn.extend(outcome.withdrawn)
        return outcome

    def named(self, name: str, occurrence: int | None = None) -> Operation:
        """Find the open operation whose name begins so."""
        found = [
            each
            for each in self.execution.open.values()
            if each.operation_id.partition("~")[0].partition("#")[0] == name
            and (occurrence is None or each.operation_id.endswith(f"#{occurrence}"))
        ]
        assert len(found) == 1, (name, list(self.execution.open))
        return found[0]

    def completed(self, operation: Operation | str, output: Any = None) -> Event:
        """Make the event that ends an operation well."""
        asked = self.named(operation) if isinstance(operation, str) else operation
        match asked:
            case StepAsked():
                return StepCompleted(
                    operation_id=asked.operation_id,
                    attempt=1,
                    started_at=self.now,
                    version=self.template.version,
                    output=codec.encode(output, path="output"),
                    created=created(asked),
                )
            case WaitAsked():
                return WaitCompleted(operation_id=asked.operation_id, cause=WaitCause.ELAPSED)
            case ChildAsked():
                data = codec.encode(output, path="output")
                return ChildCompleted(operation_id=asked.operation_id, output=data)
        assert isinstance(asked, AttributesAsked)
        return AttributesSet(changes=asked.changes, operation_id=asked.operation_id)

    def failed(self, operation: Operation | str, error: BaseException) -> Event:
        """Make the event that ends a step badly."""
        asked = self.named(operation) if isinstance(operation, str) else operation
        assert isinstance(asked, StepAsked)
        return StepFailed(
            operation_id=asked.operation_id,
            attempt=1,
            started_at=self.now,
            version=self.template.version,
            error=codec.encode_error(error),
            created=created(asked),
        )

    def arguments(self, operation: Operation) -> dict[str, Any]:
        """Read the arguments of a step."""
        assert isinstance(operation, StepAsked)
        assert operation.arguments is not None
        return codec.decode_arguments(
            operation.arguments, annotations={}, types=self.template.types
        )

    def run(
        self, steps: Mapping[str, Callable[..., Any]] | None = None, *, turns: int = 1000
    ) -> Outcome:
        """Answer what is open, one after the other, until the code ends."""
        steps = {**BODIES, **(steps or {})}
        outcome = self.start()
        for _ in range(turns):
            if self.execution.ended or not self.execution.open:
                break
            outcome = self.deliver(self.answer(self.next(), steps))
        return outcome

    def next(self) -> Operation:
        """Give what ends first: the oldest step, else the wait that is due first."""
        operations = list(self.execution.open.values())
        waits = [each for each in operations if isinstance(each, WaitAsked)]
        others = [each for each in operations if not isinstance(each, WaitAsked)]
        return others[0] if others else min(waits, key=lambda each: each.wake_at)

    def answer(self, asked: Operation, steps: Mapping[str, Callable[..., Any]]) -> Event:
        """Do what was asked."""
        match asked:
            case StepAsked():
                try:
                    value = steps[asked.step.rpartition(":")[2]](**self.arguments(asked))
                except Exception as error:  # noqa: BLE001 - it is the step's outcome
                    return self.failed(asked, error)
                return self.completed(asked, value)
            case WaitAsked():
                self.now = max(self.now, asked.wake_at - 1000)
        return self.completed(asked)


def drop_histories() -> None:
    """Drop every execution that a test made."""
    for execution in list(_EXECUTIONS):
        execution.drop()
    _EXECUTIONS.clear()


def created(asked: StepAsked) -> StepCreated:
    """Make the announcement of a step."""
    return StepCreated(
        operation_id=asked.operation_id,
        step=asked.step,
        arguments=asked.arguments,
        digest=asked.digest,
        policy=Policy(),
    )


def announced(operation: Operation) -> Event:
    """Make the event that announces an operation."""
    if isinstance(operation, StepAsked):
        return created(operation)
    assert isinstance(operation, WaitAsked)
    return WaitCreated(operation_id=operation.operation_id, wake_at=operation.wake_at)


BODIES: Mapping[str, Callable[..., Any]] = {
    "add": lambda left, right=1: left + right,
    "say": lambda text: text,
    "double": lambda number: 2 * number,
}


def output_of(outcome: Outcome) -> Any:
    """Read what a completed run gave."""
    assert isinstance(outcome, Completed), describe(outcome)
    return codec.decode(outcome.output)


def describe(outcome: Outcome) -> str:
    """Say what came out, errors decoded."""
    error = getattr(outcome, "error", None)
    if error is None:
        return repr(outcome)
    return f"{outcome.kind}: {codec.read_error(error)}"  # type: ignore[attr-defined]  # failures have a kind


def run_program(
    body: str, *args: Any, steps: Mapping[str, Callable[..., Any]] | None = None, **options: Any
) -> Any:
    """Run workflow ``flow`` of a program to its end and give what it returned."""
    log = Log(template_of(body, **options), *args)
    return output_of(log.run(steps))


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Give the signature, for assertions about stubs."""
    return inspect.signature(function)


def with_position(recorded: Sequence[Recorded], position: int, event: Event) -> list[Recorded]:
    """Replace one event of a history."""
    return [replace(each, event=event) if each.position == position else each for each in recorded]
