"""End callbacks: told at least once, three times tried, whoever ended the run."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.runtime.flows import FLOWS
from tests.runtime.house import House, until
from wfc import codec
from wfc.api import App
from wfc.errors import (
    LeaseLost,
    OptionInvalid,
    RunCancelled,
    RunFailed,
    WorldCorrupt,
    WorldUnreachable,
)
from wfc.eventlog.entity import RunStatus
from wfc.ids import DefinitionId, WorkerId
from wfc.runtime import callbacks
from wfc.runtime.callbacks import ATTEMPTS, Callbacks, Herald, forget_unseen, names_without_taker
from wfc.runtime.registry import Registry
from wfc.runtime.worker import Worker
from wfc.runtime.worker_limits import WorkerLimits
from wfc.types import RunEnd
from wfc.worlds.protocol import Callback, Telling

TOLD: list[RunEnd] = []
TROUBLE: list[BaseException] = []
_NAME = f"{__name__}:tell"


async def tell(end: RunEnd) -> None:
    TOLD.append(end)
    if TROUBLE:
        raise TROUBLE.pop(0)


async def also(end: RunEnd) -> None:
    TOLD.append(end)


async def hangs(end: RunEnd) -> None:
    TOLD.append(end)
    await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def _begin_anew() -> None:
    TOLD.clear()
    TROUBLE.clear()


@pytest.fixture
def known() -> Callbacks:
    made = Callbacks()
    made.register(tell)
    return made


@pytest.fixture
async def worker(house: House, known: Callbacks) -> Worker:
    return hired(house, known)


def hired(house: House, known: Callbacks) -> Worker:
    made = Worker(house.world, Registry(house.version), limits=WorkerLimits(), callbacks=known)
    house.workers.append(made)
    return made


async def standing(house: House) -> list[tuple[Telling, int]]:
    return [(row.status, row.attempts) for row in await house.world.deliveries()]


async def test_a_completed_run_is_told_with_its_output(house: House, worker: Worker) -> None:
    """As `result` gives it, with attributes and time."""
    await worker.run_until_idle()
    run = await house.start(FLOWS.chain, 3, attributes={"tier": "free"})
    assert await worker.run_until_idle() is None
    (end,) = TOLD
    assert end == RunEnd(
        run_id=run.id,
        workflow=DefinitionId("runtime_flows:chain"),
        status=RunStatus.COMPLETED,
        output=3,
        error=None,
        attributes={"tier": "free"},
        ended_at=datetime(2030, 1, 1, tzinfo=UTC),
        idempotency_key=end.idempotency_key,
    )
    assert end.idempotency_key.startswith(f"{run.id}/")
    assert await standing(house) == [(Telling.DONE, 1)]


async def test_a_failed_run_is_told_with_its_error(house: House, worker: Worker) -> None:
    """The error that `result` raises, with its cause."""
    await worker.run_until_idle()
    run = await house.start(FLOWS.refuses, 3)
    await worker.run_until_idle()
    (end,) = TOLD
    assert (end.status, end.output) == (RunStatus.FAILED, None)
    with pytest.raises(RunFailed) as raised:
        await run.result("10s")
    assert isinstance(end.error, RunFailed)
    assert end.error.kind == raised.value.kind == "user"
    assert repr(end.error.cause) == repr(raised.value.cause)


async def test_a_run_that_nobody_began_is_told_when_it_is_cancelled(
    house: House, worker: Worker
) -> None:
    """Its end is written by the client."""
    await worker.run_until_idle()
    run = await house.start(FLOWS.chain, 3, delay="1h")
    await run.cancel("enough", force=True)
    await worker.run_until_idle()
    (end,) = TOLD
    assert end.status is RunStatus.CANCELLED
    assert isinstance(end.error, RunCancelled)
    assert end.error.reason == "enough"


async def test_a_run_beyond_its_timeout_is_told(house: House, worker: Worker) -> None:
    """It has failed, by its own kind."""
    await worker.run_until_idle()
    await house.start(FLOWS.waits, 3, timeout="1h")
    await worker.run_until_idle()
    house.advance(hours=1)
    await worker.run_until_idle()
    (end,) = TOLD
    assert isinstance(end.error, RunFailed)
    assert end.error.kind == "timeout"


async def test_a_callback_that_fails_is_tried_again(
    house: House, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    """After a pause, with the same key; what it did in the end is kept."""
    await worker.run_until_idle()
    TROUBLE.append(OSError("no network"))
    await house.start(FLOWS.chain, 3)
    with caplog.at_level(logging.WARNING, "wfc.worker"):
        due = await worker.run_until_idle()
    assert "attempt 1 of 3" in caplog.text
    assert due == house.clock.now_us() + 1_000_000
    (row,) = await house.world.deliveries()
    assert row.error is not None
    assert repr(codec.decode_error(row.error)) == "OSError('no network')"
    house.advance(seconds=1)
    assert await worker.run_until_idle() is None
    assert len({end.idempotency_key for end in TOLD}) == 1
    assert await standing(house) == [(Telling.DONE, 2)]


async def test_trouble_that_the_callback_has_with_a_world_is_its_own(
    house: House, worker: Worker
) -> None:
    """It may write to worlds itself; its attempts are counted like others."""
    await worker.run_until_idle()
    TROUBLE.extend(WorldUnreachable("gone") for _ in range(9))
    await house.start(FLOWS.chain, 3)
    for _ in range(4):
        await worker.run_until_idle()
        house.advance(minutes=1)
    assert await standing(house) == [(Telling.FAILED, 3)]


@pytest.mark.parametrize("raised", [asyncio.CancelledError, SystemExit, KeyboardInterrupt])
async def test_what_ends_a_process_elsewhere_is_an_outcome_here(
    house: House, worker: Worker, raised: type[BaseException]
) -> None:
    """A task that the callback cancelled itself, an exit: the worker goes on."""
    await worker.run_until_idle()
    TROUBLE.append(raised())
    await house.start(FLOWS.chain, 3)
    await worker.run_until_idle()
    house.advance(minutes=1)
    await worker.run_until_idle()
    assert await standing(house) == [(Telling.DONE, 2)]


async def test_a_worker_that_stops_gives_back_what_waits_for_a_slot(
    house: House, known: Callbacks
) -> None:
    """It was never begun."""
    worker = Worker(
        house.world,
        Registry(house.version),
        limits=WorkerLimits(bodies=1, drain_s=0.01, probe_s=0.01),
        callbacks=known,
    )
    house.workers.append(worker)
    await worker.run_until_idle()
    await house.start(FLOWS.chain, 3)
    await hired(house, Callbacks()).run_until_idle()
    await worker.slots.taken()
    assert await worker._herald.take()
    await until(lambda: len(worker._chores) > 0)
    await worker.stop()
    assert TOLD == []
    assert await standing(house) == [(Telling.PENDING, 0)]


async def test_it_fails_for_good_after_three_attempts(house: House, worker: Worker) -> None:
    """And its last error can be read."""
    await worker.run_until_idle()
    TROUBLE.extend(OSError(number) for number in range(9))
    await house.start(FLOWS.chain, 3)
    for _ in range(5):
        await worker.run_until_idle()
        house.advance(minutes=1)
    assert len(TOLD) == ATTEMPTS
    assert await standing(house) == [(Telling.FAILED, 3)]
    (row,) = await house.world.deliveries()
    assert row.error is not None
    assert repr(codec.decode_error(row.error)) == "OSError(2)"


async def test_a_callback_that_kills_its_workers_uses_its_attempts_up(
    house: House, worker: Worker
) -> None:
    """It is not told a fourth time."""
    await worker.run_until_idle()
    await house.start(FLOWS.chain, 3)
    await hired(house, Callbacks()).run_until_idle()
    for number in range(ATTEMPTS):
        dead = WorkerId(f"worker_{number}")
        await house.world.join(dead, lease_s=1)
        assert len(await house.world.take_ends(dead, [_NAME], 1)) == 1
        house.advance(minutes=1)
        await house.world.sweep()
    fresh = hired(house, worker._herald._callbacks)
    await fresh.run_until_idle()
    assert TOLD == []
    assert await standing(house) == [(Telling.FAILED, ATTEMPTS + 1)]


async def test_only_the_ends_that_it_wants_are_told(house: House) -> None:
    """By workflow and by status."""
    chosen = Callbacks()
    chosen.register(tell, workflow=DefinitionId("runtime_flows:chain"))
    chosen.register(also, status="failed")
    worker = hired(house, chosen)
    await worker.run_until_idle()
    for flow in (FLOWS.chain, FLOWS.refuses, FLOWS.fan_out):
        await house.start(flow, 1)
    await worker.run_until_idle()
    assert sorted(end.workflow for end in TOLD) == [
        "runtime_flows:chain",
        "runtime_flows:refuses",
    ]


async def test_a_worker_without_the_callback_leaves_it_to_others(
    house: House, worker: Worker
) -> None:
    """The end waits for a taker."""
    await worker.run_until_idle()
    await house.start(FLOWS.chain, 3)
    assert await hired(house, Callbacks()).run_until_idle() is None
    assert await standing(house) == [(Telling.PENDING, 0)]
    assert TOLD == []
    await worker.run_until_idle()
    assert len(TOLD) == 1


async def test_a_worker_at_work_tells_at_once(house: House, known: Callbacks) -> None:
    """It hears of the end, and does not wait for its next sweep."""
    worker = hired(house, known)
    worker.options = WorkerLimits(sweep_s=3600.0)
    await worker.start()
    run = await house.start(FLOWS.chain, 3)
    await until(lambda: bool(TOLD))
    assert TOLD[0].run_id == run.id


async def test_a_worker_that_stops_gives_back_what_it_tells(house: House) -> None:
    """That is no fault of the callback, so the try does not count."""
    slow = Callbacks()
    slow.register(hangs)
    worker = hired(house, slow)
    worker.options = WorkerLimits(drain_s=0.01, probe_s=0.01)
    await worker.start()
    await house.start(FLOWS.chain, 3)
    await until(lambda: bool(TOLD))
    await worker.stop()
    assert await standing(house) == [(Telling.PENDING, 0)]


async def test_trouble_with_the_world_is_waited_out(
    house: House, known: Callbacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost lease, too: the worker joins anew."""
    monkeypatch.setattr(callbacks, "_WORLD_AGAIN_S", 0.001)
    worker = hired(house, known)
    herald = Herald(worker, known)
    errors: list[Exception] = [WorldUnreachable("gone"), LeaseLost("lost"), WorldUnreachable("x")]
    tried: list[Exception] = []

    async def troubled() -> bool:
        tried.append(errors[len(tried) % len(errors)])
        raise tried[-1]

    monkeypatch.setattr(herald, "take", troubled)
    serving = asyncio.create_task(herald.serve())
    await until(lambda: len(tried) > len(errors))
    assert not serving.done()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


@pytest.mark.parametrize("method", ["settle_end", "history"])
async def test_an_outcome_is_written_when_the_world_is_back(
    house: House, worker: Worker, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """While the worker lives nobody else would take the end."""
    monkeypatch.setattr(callbacks, "_WORLD_AGAIN_S", 0.001)
    await worker.run_until_idle()
    await house.start(FLOWS.chain, 3)
    await hired(house, Callbacks()).run_until_idle()
    real, failures = getattr(house.world, method), [WorldUnreachable("gone"), WorldUnreachable("x")]

    async def troubled(*args: Any, **kwargs: Any) -> Any:
        if failures:
            raise failures.pop()
        return await real(*args, **kwargs)

    monkeypatch.setattr(house.world, method, troubled)
    await worker.run_until_idle()
    assert len(TOLD) == 1
    assert await standing(house) == [(Telling.DONE, 1)]


async def test_a_world_beyond_help_ends_the_worker(
    house: House, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is waited for that does not come back."""

    async def damaged(*_: Any, **__: Any) -> Any:
        message = "damaged"
        raise WorldCorrupt(message)

    await worker.run_until_idle()
    await house.start(FLOWS.chain, 3)
    monkeypatch.setattr(house.world, "settle_end", damaged)
    with pytest.raises(WorldCorrupt):
        await worker.run_until_idle()


async def test_who_has_no_callbacks_looks_for_none(house: House) -> None:
    """Nor does the world hear of it."""
    herald = Herald(hired(house, Callbacks()), Callbacks())
    await herald.serve()
    await herald.introduce()
    assert not await herald.take()
    assert await house.world.callbacks() == []


async def test_callbacks_say_that_they_are_there(house: House, worker: Worker) -> None:
    """Every hour; those of whom nobody speaks for a month are forgotten."""
    await worker.run_until_idle()
    (first,) = await house.world.callbacks()
    await worker._herald.introduce()
    house.advance(hours=1)
    await worker._herald.introduce()
    (second,) = await house.world.callbacks()
    assert second.seen_at == first.seen_at + 3_600_000_000
    await house.start(FLOWS.chain, 3)
    await hired(house, Callbacks()).run_until_idle()
    house.advance(days=30)
    assert await forget_unseen(house.world) == 0
    house.advance(seconds=1)
    assert await forget_unseen(house.world) == 1
    assert await house.world.callbacks() == []
    assert await standing(house) == [(Telling.UNTAKEN, 0)]


async def test_two_callbacks_may_not_have_one_name() -> None:
    """A delivery would not know whom it is for; the same one may be told twice."""
    made = Callbacks()
    made.register(tell)
    made.register(tell)
    assert made.names() == (_NAME,)
    assert made._known[_NAME].tell is tell

    async def other(end: RunEnd) -> None: ...

    other.__qualname__ = "tell"
    with pytest.raises(OptionInvalid, match="two end callbacks are called"):
        made.register(other)


@pytest.mark.parametrize("wrong", [print, 7, lambda _: None, type("Tell", (), {})()])
def test_what_cannot_be_told_is_refused(wrong: Any) -> None:
    """It takes a coroutine function."""
    with pytest.raises(OptionInvalid, match="an end callback is an `async def`"):
        Callbacks().register(wrong)


def test_a_callback_stands_at_module_level() -> None:
    """The next process must find it."""

    async def inner(end: RunEnd) -> None: ...

    with pytest.raises(OptionInvalid, match="Define it at module level"):
        Callbacks().register(inner)


def test_a_status_must_be_an_end() -> None:
    """The words are told."""
    with pytest.raises(OptionInvalid, match="'completed', 'failed', 'cancelled' are"):
        Callbacks().register(tell, status="running")


def test_an_app_registers_callbacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is made, and by its decorator."""
    made = Callbacks()
    monkeypatch.setattr(callbacks, "REGISTERED", made)
    app = App(on_run_end=tell)
    assert app.on_run_end(workflow="m:w", status=RunStatus.FAILED)(also) is also
    App(on_run_end=[tell, also])
    assert made.names() == (_NAME, f"{__name__}:also")
    App().on_run_end("m:w", "failed")(also)
    assert made.all()[1] == Callback(
        name=f"{__name__}:also", workflow=DefinitionId("m:w"), status=RunStatus.FAILED
    )
    assert names_without_taker([*made.all(), Callback(name="gone")], made) == ["gone"]


async def test_a_callback_that_hangs_has_failed(house: House) -> None:
    """After its time: it would keep a slot, and be the only thing that the run waits for."""
    known = Callbacks()
    known.register(hangs, timeout_s=0.001)
    worker = hired(house, known)
    await worker.run_until_idle()
    await house.start(FLOWS.chain, 1)
    for _ in range(ATTEMPTS):
        await worker.run_until_idle()
        house.advance(hours=1)
    assert await standing(house) == [(Telling.FAILED, ATTEMPTS)]
    (row,) = await house.world.deliveries()
    assert row.error is not None
    assert "it took longer than 0.001 s" in str(codec.decode_error(row.error))
    assert worker.slots._free == worker.options.bodies


async def test_a_timeout_of_its_own_is_its_error(house: House, worker: Worker) -> None:
    """It is not taken for ours."""
    await worker.run_until_idle()
    TROUBLE.append(TimeoutError("the mail server"))
    await house.start(FLOWS.chain, 1)
    await worker.run_until_idle()
    (row,) = await house.world.deliveries()
    assert row.error is not None
    assert str(codec.decode_error(row.error)) == "the mail server"


@pytest.mark.parametrize("timeout", [0, -1, "soon", "0s"])
def test_a_timeout_is_a_length_of_time(timeout: Any) -> None:
    with pytest.raises(OptionInvalid, match="timeout"):
        App().on_run_end(timeout=timeout)
