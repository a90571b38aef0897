"""Steps in processes of their own: whatever they do, the worker lives on and the log is right."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.runtime.house import until
from tests.runtime.process_flows import SOURCE
from wfc import api, codec
from wfc.config import Session
from wfc.errors import ConfigError, FatalError, RunFailed, StepCrashed, StepError, StepTimeout
from wfc.eventlog.event import StepFailed, StepRetrying
from wfc.runtime.otel import Telemetry
from wfc.runtime.processes import ProcessSetup, WarmProcesses, cores
from wfc.runtime.step_process import StepProcess
from wfc.settings import load_settings


@pytest.fixture
async def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Session]:
    async with project(tmp_path, monkeypatch, "memory:") as session:
        yield session


@asynccontextmanager
async def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: str
) -> AsyncIterator[Session]:
    """A worker for a project with such steps."""
    (tmp_path / "lonely_flows.py").write_text(SOURCE)
    (tmp_path / "wfc.toml").write_text('packages = ["lonely_flows"]\n')
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    async with api.runtime(settings=load_settings(tmp_path, world=world)) as session:
        yield session
    del sys.modules["lonely_flows"]


def flow(name: str = "alone") -> Any:
    return getattr(sys.modules["lonely_flows"], name)


async def done(*args: Any) -> Any:
    return await (await api.start(flow(), *args)).result("60s")


async def failure(*args: Any) -> Any:
    with pytest.raises(RunFailed) as caught:
        await (await api.start(flow(), *args)).result("60s")
    return caught.value.cause


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def warm(session: Session) -> WarmProcesses:
    assert session.worker is not None
    assert isinstance(session.worker.processes, WarmProcesses)
    return session.worker.processes


async def test_a_process_is_warm_and_knows_what_it_works_for(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    """One process serves call after call, and a body in it may ask what any body may."""
    first, second = await done("where")
    assert first == second != os.getpid()
    run = await api.start(flow(), "what")
    with caplog.at_level(logging.WARNING):
        run_id, step_id, attempt, most, of_run, pid = await run.result("60s")
    (step,) = await run.steps()
    assert (run_id, step_id, attempt, most, of_run, pid) == (run.id, step.id, 1, 3, run.id, first)
    assert (await api.get_run(run.id).attributes()) == {"seen": 1}
    assert "step lonely_flows:what" in caplog.messages
    lines = [(one["level"], one["message"]) async for one in run.stream("wfc.logs")]
    assert lines[-2:] == [("WARNING", "step lonely_flows:what"), ("INFO", "in a process")]
    (told,) = [each.__dict__ for each in caplog.records if each.name == "shop"]
    assert (told["wfc_run"], told["wfc_step"], told["wfc_attempt"]) == (run_id, step_id, 1)
    assert "wfc." in str(await failure("wrong"))
    assert await done("own_loop") == 5
    assert await (await api.start(flow("nested"))).result("60s") == 5
    assert warm(session).pids == {first}
    assert len(warm(session).pids) <= cores()


async def test_a_body_in_a_process_writes_to_streams(session: Session) -> None:
    """Its worker holds the lease and writes for it; what is refused is told there."""
    run = await api.start(flow("speaks"))
    assert "a chunk of the stream 'default'" in await run.result("60s")
    assert [value async for value in run.stream()] == list(range(201))


async def test_a_write_may_be_larger_than_any_frame(session: Session) -> None:
    run = await api.start(flow("shouted"), 65)
    assert await run.result("60s") is None
    assert await run.tail_index() == 64


async def test_what_a_body_left_behind_speaks_for_no_other(session: Session) -> None:
    """Tasks and threads live on in the process; the attempts that follow are none of theirs."""
    run = await api.start(flow("left_over"))
    told = await run.result("60s")
    assert [line.partition(":")[0] for line in told] == ["task", "task", "thread", "thread"]
    assert [value async for value in run.stream()] == ["mine", "still mine"]
    assert await run.attributes() == {}


async def test_only_the_process_that_was_called_answers(session: Session) -> None:
    """A body that forks comes back twice, and is heard once."""
    run = await api.start(flow("forked"))
    assert await run.result("60s") == ["of the parent"] * 3
    assert len(warm(session).pids) == 1


async def test_a_process_that_was_told_to_end_is_not_called_again(session: Session) -> None:
    """Whoever told it: the next body is not the one that pays."""
    run = await api.start(flow("told_to_end"))
    assert len(set(await run.result("60s"))) == 3


async def test_errors_come_back_with_class_cause_and_frames(
    session: Session, tmp_path: Path
) -> None:
    """The error is judged where it is whole: predicates see the user's own class."""
    error = await failure("refuse")
    assert type(error).__name__ == "Refusal"
    assert (error.args, error.code) == (("not today", 7), 7)
    assert isinstance(error.__cause__, KeyError)
    assert error.__notes__[0] == ("step `refuse` failed, attempt 1 of 1")
    error = await failure("judged", str(tmp_path))
    assert error.code == 2
    assert [name for name in ("judged1", "judged2", "judged3") if (tmp_path / name).exists()] == [
        "judged1",
        "judged2",
    ]
    assert isinstance(await failure("leaving"), StepError)
    run = await api.start(flow(), "refuse")
    with pytest.raises(RunFailed):
        await run.result("60s")
    (failed,) = [
        r.event for r in await session.world.history(run.id) if isinstance(r.event, StepFailed)
    ]
    assert codec.read_error(failed.error).frames[0].function == "refuse"


@pytest.mark.parametrize(
    ("how", "says"),
    [("exit", "exit status 3"), ("segfault", "SIGSEGV"), ("kill", "SIGKILL (so the kernel")],
)
async def test_a_dead_process_is_an_error_like_any(
    session: Session, tmp_path: Path, how: str, says: str
) -> None:
    """It is counted, and the next attempt has a new process."""
    run = await api.start(flow(), "leave", str(tmp_path), how)
    assert await run.result("60s") == f"{how} survived"
    log = await session.world.history(run.id)
    (retrying,) = [each.event for each in log if isinstance(each.event, StepRetrying)]
    error = codec.decode_error(retrying.error)
    assert isinstance(error, StepCrashed)
    assert says in str(error)
    assert (retrying.attempt, retrying.counted) == (1, True)


async def test_memory_is_limited(session: Session) -> None:
    """A body that wants too much gets a `MemoryError`, and its process is not used again."""
    before, _ = await done("where")
    run = await api.start(flow(), "swallow")
    assert await run.result("60s") == 2**20
    log = await session.world.history(run.id)
    (retrying,) = [each.event for each in log if isinstance(each.event, StepRetrying)]
    assert isinstance(codec.decode_error(retrying.error), MemoryError)
    after, _ = await done("where")
    assert before != after
    error = await failure("tiny")
    assert isinstance(error, FatalError)
    assert "before the body begins" in str(error)
    assert await done("roomy") == 1


async def test_a_body_ends_at_its_deadline(session: Session, tmp_path: Path) -> None:
    """SIGTERM lets it clean up, though it never awaits; SIGKILL ends who does not listen."""
    assert await done("spin", str(tmp_path)) == "second"
    assert (tmp_path / "cleaned1").exists()
    warm(session)._grace_s = 0.2
    assert isinstance(await failure("deaf", str(tmp_path)), StepTimeout)
    with pytest.raises(ProcessLookupError):
        os.kill(int(read(tmp_path / "deaf")), 0)


async def test_a_cancelled_body_is_told(session: Session, tmp_path: Path) -> None:
    run = await api.start(flow(), "wait", str(tmp_path))
    await until(lambda: read(tmp_path / "waits") != "")
    assert await run.cancel(reason="enough")
    await until(lambda: read(tmp_path / "told") != "")
    pid = int(read(tmp_path / "waits"))
    await until(lambda: pid not in warm(session).pids)
    assert read(tmp_path / "told") == "True"


async def test_runs_are_started_and_resumed_from_within(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the worker's world, whatever the settings say, with its keys; which no program inherits
    that the body may begin.
    """
    monkeypatch.setenv("WFC_ENCRYPTION_KEYS", f"k1:{base64.b64encode(b'k' * 32).decode()}")
    monkeypatch.setenv("WFC_WEB_TOKEN", "t" * 32)
    world = f"sqlite:///{tmp_path}/other.db"
    async with project(tmp_path, monkeypatch, world):
        run = await api.start(flow("reaches"), "t-1")
        assert await run.result("60s") == ["by-t-1", None, None, "sync-t-1", "hello"]
        assert await api.get_run("by-t-1").result("60s") == 21
        assert await api.get_run("sync-t-1").result("60s") == 2


async def test_a_world_in_memory_is_out_of_reach(session: Session) -> None:
    """It is said so; another world of that name would lose what is written to it."""
    run = await api.start(flow("reaches"), "t-1")
    with pytest.raises(RunFailed) as caught:
        await run.result("60s")
    assert isinstance(caught.value.cause, ConfigError)
    assert "memory of another process" in str(caught.value.cause)


async def test_processes_end_with_their_worker(session: Session) -> None:
    pid, _ = await done("where")
    assert session.worker is not None
    await session.worker.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_process_works_within_the_span_of_its_step(session: Session) -> None:
    """What its body opens is a child of that, and says whose it is; without a span it is none's."""
    assert session.worker is not None
    (silent, _) = await done("traced")
    assert silent[:2] == [0, 0]
    spans = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    session.worker.telemetry = Telemetry(provider)
    run = await api.start(flow(), "traced")
    told = await run.result("60s")
    steps = [each for each in spans.get_finished_spans() if each.name == "wfc.step"]
    assert len(steps) == len(told) == 2
    for (trace_id, span_id, inner, attributes), step in zip(told, steps, strict=True):
        assert step.context is not None
        assert (trace_id, span_id) == (step.context.trace_id, step.context.span_id)
        assert inner == trace_id
        assert attributes == dict(step.attributes or {})


class Stubborn:
    """A process that takes its time to end."""

    def __init__(self) -> None:
        self.is_alive = True
        self.spent = False
        self.pid = 1
        self.may_go = asyncio.Event()

    async def end(self, _: float) -> None:
        await self.may_go.wait()
        self.is_alive = False


async def test_a_process_whose_end_nobody_awaited_is_not_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever cancels twice leaves it to the end of all."""
    stubborn = Stubborn()

    async def started(*_: object) -> Stubborn:
        return stubborn

    async def use() -> None:
        async with processes.lent():
            await asyncio.Event().wait()

    monkeypatch.setattr(StepProcess, "start", started)
    processes = WarmProcesses(
        ProcessSetup(command=tuple, opening=dict), cast("Any", None), limit=1, grace_s=60
    )
    user = asyncio.create_task(use())
    await until(lambda: processes.pids == {1})
    for _ in range(2):
        user.cancel()
        await asyncio.wait([user], timeout=0)
    await asyncio.wait([user])
    assert processes.pids == {1}
    closing = asyncio.create_task(processes.close())
    await asyncio.wait([closing], timeout=0)
    stubborn.may_go.set()
    await closing
    assert not stubborn.is_alive
