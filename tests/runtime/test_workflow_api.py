"""What workflow code calls by name."""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import Coroutine, Mapping
from datetime import timedelta
from typing import Any

import pytest

from tests.runtime.histories import START_US, Log, output_of, run_program, template_of
from wfc.clock import to_datetime
from wfc.errors import OutsideWorkflow
from wfc.eventlog.event import AttributesSet, Parent, Scalar, WaitCause, WaitCompleted
from wfc.ids import DefinitionId, OperationId, RunId, VersionId
from wfc.runtime import context, workflow_api
from wfc.runtime.metadata import WorkflowMetadata
from wfc.runtime.operations import AttributesAsked, Failed, WaitAsked

BEGUN = START_US + 1000


@pytest.mark.parametrize(
    ("form", "seconds"),
    [('"1h30m"', 5400), ("90", 90), ("0.5", 0.5), ("timedelta(days=3)", 259200),
     ("datetime(2100, 1, 1, tzinfo=UTC)", None)],
)  # fmt: skip
def test_sleep_takes_every_form(form: str, seconds: float | None) -> None:
    """The wait ends at the right instant."""
    log = Log(
        template_of(f"""
from datetime import UTC, datetime, timedelta

async def flow():
    "use workflow"
    return (await sleep({form})).early
""")
    )
    log.start()
    asked = log.named("sleep")
    assert isinstance(asked, WaitAsked)
    if seconds is None:
        assert to_datetime(asked.wake_at).year == 2100
    else:
        assert asked.wake_at == BEGUN + seconds * 1_000_000
    woken = WaitCompleted(operation_id=asked.operation_id, cause=WaitCause.WOKEN)
    assert output_of(log.deliver(woken)) is True


def test_a_past_sleep_completes_at_once() -> None:
    """Others run in between, nothing is recorded."""
    assert run_program("""
from datetime import UTC, datetime

async def flow():
    "use workflow"
    seen = []
    async def other():
        seen.append("other")
    task = asyncio.create_task(other())
    seen.append((await sleep(datetime(2000, 1, 1, tzinfo=UTC))).early)
    seen.append((await sleep(0)).early)
    return seen
""") == ["other", False, False]


@pytest.mark.parametrize("form", ['"soon"', "-1", "float('nan')", "datetime(2030, 1, 1)"])
def test_wrong_sleeps_raise_at_the_call(form: str) -> None:
    """With the accepted forms."""
    text = run_program(f"""
from datetime import datetime

async def flow():
    "use workflow"
    try:
        await sleep({form})
    except ValueError as error:
        return str(error)
""")
    assert '"3 days"' in text


def test_markers() -> None:
    """True if the version knows the id."""
    template = template_of("""
async def flow():
    "use workflow"
    return [changed("a"), changed("b")]
""")
    assert output_of(Log(template, changes=("a",)).start()) == [True, False]


def test_attributes_are_those_of_the_log_and_the_codes_own() -> None:
    """Outside writes when delivered, own writes at once; None and `remove_attributes` remove."""
    log = Log(
        template_of("""
async def flow():
    "use workflow"
    seen = [get_workflow_metadata().attributes]
    await set_attributes({"state": "open", "old": None})
    seen.append(get_workflow_metadata().attributes)
    await add(1)
    seen.append(get_workflow_metadata().attributes)
    await remove_attributes("state", "by")
    seen.append(get_workflow_metadata().attributes)
    return seen
"""),
        attributes={"old": 1},
    )
    outcome = log.start()
    (asked,) = [each for each in outcome.asked if isinstance(each, AttributesAsked)]
    assert asked.changes == {"state": "open", "old": None}
    outside = AttributesSet(changes={"by": "me"})
    log.deliver(outside, log.completed(asked))
    assert output_of(log.deliver(log.completed("add", 2))) == [
        {"old": 1}, {"state": "open"}, {"state": "open", "by": "me"}, {},
    ]  # fmt: skip
    assert output_of(log.replay())[2] == {"state": "open", "by": "me"}


def test_other_attributes_than_recorded_are_a_divergence() -> None:
    """They are compared as arguments of steps are."""
    log = Log(
        template_of("""
async def flow():
    "use workflow"
    await set_attributes({"a": 1})
    await add(1)
""")
    )
    log.start()
    (asked,) = [each for each in log.execution.open.values() if isinstance(each, AttributesAsked)]
    for event in (
        AttributesSet(changes={"a": 2}, operation_id=asked.operation_id),
        WaitCompleted(operation_id=asked.operation_id, cause=WaitCause.ELAPSED),
    ):
        outcome = log.deliver(event)
        assert isinstance(outcome, Failed)
        assert outcome.kind == "divergence"
        del log.recorded[1:]
        log.replay()


@pytest.mark.parametrize("changes", ['{"wfc.x": 1}', '{"": 1}', '{"a": []}'])
def test_wrong_attributes_are_refused_at_the_await(changes: str) -> None:
    """As from outside."""
    assert (
        run_program(f"""
async def flow():
    "use workflow"
    try:
        await set_attributes({changes})
    except (TypeError, ValueError):
        return "refused"
""")
        == "refused"
    )


def test_metadata_of_the_run() -> None:
    """Who it is, when it began, whose child it is."""
    template = template_of("""
async def flow():
    "use workflow"
    found = get_workflow_metadata()
    return [
        found.run_id, found.chapter, found.workflow, found.version, found.started_at,
        found.parent_id, found.root_id,
    ]
""")
    assert output_of(Log(template).start()) == [
        "run_1", 1, "app:flow", template.version, to_datetime(BEGUN), None, "run_1",
    ]  # fmt: skip
    parent = Parent(run_id=RunId("run_0"), operation_id=OperationId("start#0"))
    child = Log(template, parent=parent, root_id=RunId("run_r"))
    assert output_of(child.start())[-2:] == ["run_0", "run_r"]


def test_restart_binds_its_arguments() -> None:
    """A wrong call is a TypeError; a task of its own may not restart."""
    found = run_program("""
async def other():
    try:
        await restart(1)
    except RuntimeError as error:
        return str(error)

async def flow(n: int = 0):
    "use workflow"
    try:
        restart(1, 2)
    except TypeError as error:
        seen = [str(error)]
    return seen + [await asyncio.create_task(other())]
""")
    assert found[0] == "restart(): app:flow: too many positional arguments"
    assert "main task" in found[1]


CALLS: dict[str, Any] = {
    "sleep": lambda: workflow_api.sleep(1),
    "changed": lambda: workflow_api.changed("a"),
    "restart": lambda: workflow_api.restart(1),
    "set_attributes": lambda: workflow_api.set_attributes({"a": 1}),
    "remove_attributes": lambda: workflow_api.remove_attributes("a"),
    "get_workflow_metadata": workflow_api.get_workflow_metadata,
}


@pytest.mark.parametrize("name", CALLS)
def test_outside_of_a_run_each_says_so(name: str) -> None:
    """With what to do instead."""
    with pytest.raises(OutsideWorkflow):
        CALLS[name]()


def test_every_public_name_is_tested_outside() -> None:
    """The list above is whole."""
    assert set(CALLS) == set(workflow_api.__all__)


class _Attempt:
    """What a step's attempt offers."""

    def __init__(self) -> None:
        self.written: list[Mapping[str, Scalar | None]] = []

    def workflow_metadata(self) -> WorkflowMetadata:
        return WorkflowMetadata(
            run_id=RunId("run_9"),
            chapter=1,
            workflow=DefinitionId("app:flow"),
            version=VersionId("v"),
            started_at=to_datetime(0) + timedelta(days=1),
            attributes={},
            parent_id=None,
            root_id=RunId("run_9"),
        )

    def set_attributes(self, changes: Mapping[str, Scalar | None]) -> Coroutine[Any, Any, None]:
        async def write() -> None:
            self.written.append(changes)

        return write()

    async def write_stream(self, to: Any, chunks: Any, *, close: bool = False) -> None:
        raise NotImplementedError


async def test_in_a_step_they_ask_the_attempt() -> None:
    """Metadata and attributes are for steps too."""
    attempt = _Attempt()
    token = context.attempt.set(attempt)
    try:
        assert workflow_api.get_workflow_metadata().run_id == "run_9"
        await workflow_api.set_attributes({"a": 1})
        await workflow_api.remove_attributes("b", "c")
    finally:
        context.attempt.reset(token)
    assert attempt.written == [{"a": 1}, {"b": None, "c": None}]


def test_operations_of_a_dropped_run_park() -> None:
    """Library code that swallows cancellation and tries again gets nowhere."""
    tried: list[str] = []
    library = types.ModuleType("stubborn")

    async def insist(*operations: Any) -> None:
        for operation in operations * 2:
            with contextlib.suppress(BaseException):
                tried.append("asked")
                await operation()

    library.insist = insist  # type: ignore[attr-defined]  # made here
    sys.modules["stubborn"] = library
    try:
        log = Log(
            template_of(
                """
from functools import partial
from stubborn import insist

async def flow():
    "use workflow"
    await insist(
        partial(add, 1), partial(sleep, 5), partial(set_attributes, {"a": 1}),
        partial(asyncio.sleep, 5), partial(restart),
    )
""",
                pure=("stubborn",),
            )
        )
        log.start()
        assert len(log.execution.open) == 1
        log.execution.drop()
        assert log.execution.open == {}
        assert len(tried) <= 10
    finally:
        del sys.modules["stubborn"]


def test_arguments_of_the_next_chapter_must_be_recordable() -> None:
    """Else the error is raised where `restart` is awaited."""
    assert (
        run_program("""
async def flow(n=0):
    "use workflow"
    try:
        await restart(print)
    except Exception as error:
        return type(error).__name__
""")
        == "Unserialisable"
    )
