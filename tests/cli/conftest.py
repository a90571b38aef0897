"""A project with runs in its world, and the command line to look at them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from wfc import abi, codec
from wfc.cli.main import main
from wfc.eventlog.event import (
    Event,
    FailureKind,
    HookCreated,
    RunCompleted,
    RunCreated,
    RunFailed,
    StepCompleted,
    StepCreated,
    StepRetrying,
    StepStarted,
    WaitCreated,
)
from wfc.ids import DefinitionId, OperationId, RunId, VersionId, WorkerId
from wfc.policies import Policy
from wfc.worlds.open import open_world
from wfc.worlds.protocol import Appended, NewRun, OpenRun, StreamWrite

WORKFLOW = DefinitionId("shop:checkout")
CHARGE = DefinitionId("shop:charge")
VERSION = VersionId("v" * 16)


@dataclass
class Receipt:
    """A type that the command line cannot import."""

    number: str
    cents: int


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project; the working directory is in it, and nobody has imported its code."""
    monkeypatch.delitem(abi.registered, WORKFLOW, raising=False)
    (tmp_path / "wfc.toml").write_text('world = "sqlite:///runs.db"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def wfc(project: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run the command line in the project."""
    assert project.is_dir()

    def run(*words: str) -> Said:
        capsys.readouterr()
        code = main(list(words))
        printed = capsys.readouterr()
        return Said(code, printed.out, printed.err)

    return run


@pytest.fixture
def put(project: Path) -> Callable[..., None]:
    """Write a run into the project's world."""

    def put(
        run_id: str, *events: Event, chunks: Sequence[StreamWrite] = (), **attributes: Any
    ) -> None:
        asyncio.run(_write(project, run_id, events, chunks, attributes))

    return put


async def _write(
    project: Path,
    run_id: str,
    events: Sequence[Event],
    chunks: Sequence[StreamWrite],
    attributes: dict[str, Any],
) -> None:
    world = open_world(f"sqlite:///{project / 'runs.db'}")
    await world.open()
    created = RunCreated(
        workflow=WORKFLOW,
        version=VERSION,
        fingerprint="f",
        arguments=codec.encode({"order_id": run_id}, path="a test"),
        seed=bytes(32),
        attributes=attributes,
    )
    try:
        begun = await world.append(RunId(run_id), [created], guard=NewRun(), chunks=chunks)
        assert isinstance(begun, Appended)
        if events:
            answer = await world.append(RunId(run_id), list(events), guard=OpenRun())
            assert isinstance(answer, Appended)
    finally:
        await world.close()


def charged(output: Any) -> StepCompleted:
    """The step `charge` returned at its second attempt."""
    return StepCompleted(
        operation_id=OperationId("charge~1#0"),
        attempt=2,
        started_at=1,
        version=VERSION,
        output=codec.encode(output, path="a test"),
    )


def charge_failed_once() -> tuple[Event, ...]:
    """The step `charge` was asked for, failed its first attempt, and began its second."""
    created = StepCreated(
        operation_id=OperationId("charge~1#0"),
        step=CHARGE,
        arguments=codec.encode({"order_id": "o-1"}, path="a test"),
        digest=b"d" * 16,
        policy=Policy(),
    )
    return (
        StepRetrying(
            operation_id=OperationId("charge~1#0"),
            attempt=1,
            error=codec.encode_error(ConnectionError("451 greylisted")),
            retry_at=1,
            created=created,
        ),
        StepStarted(
            operation_id=OperationId("charge~1#0"), attempt=2, worker_id=WorkerId("worker_1")
        ),
    )


def hooked(token: str, number: int = 0, **more: Any) -> HookCreated:
    """The run takes values under a token."""
    return HookCreated(
        operation_id=OperationId(f"create_hook~1#{number}"),
        token=token,
        **{"hook_id": f"hook_{number}", **more},
    )


def completed(output: Any) -> RunCompleted:
    """The run returned."""
    return RunCompleted(output=codec.encode(output, path="a test"))


def failed(error: Exception) -> RunFailed:
    """The run failed."""
    return RunFailed(error=codec.encode_error(error), kind=FailureKind.USER)


def asleep() -> WaitCreated:
    """The run sleeps for a long time."""
    return WaitCreated(operation_id=OperationId("sleep~1#0"), wake_at=4_000_000_000_000_000)
