"""What steps and workflow code log is kept with the run: once, and at no price for the silent."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.flows import Journal
from tests.runtime.house import House, until
from tests.runtime.log_flows import PROGRAM
from wfc.clock import VirtualClock
from wfc.ids import RunId
from wfc.runtime import log_capture, logbook
from wfc.runtime.limits import Limits
from wfc.runtime.run import Run
from wfc.runtime.worker import Worker
from wfc.worlds.chunks import Form
from wfc.worlds.open import open_world

FLOWS: Any = PROGRAM.module
LOGS = "wfc.logs"


@pytest.fixture(params=["memory", "sqlite"])
async def house(
    request: pytest.FixtureRequest, tmp_path: Path, journal: Journal
) -> AsyncIterator[House]:
    clock = VirtualClock()
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/world.db"
    world = open_world(url, clock)
    await world.open()
    made = await House(world, clock, PROGRAM.version).open()
    yield made
    journal.gate.set()
    journal.thread_gate.set()
    await made.close()


@pytest.fixture(autouse=True)
def _levels() -> Iterator[None]:
    """Leave loggers as they are by default: the root hears WARNING and up."""
    root, before = logging.getLogger(), logging.getLogger().level
    root.setLevel(logging.WARNING)
    yield
    root.setLevel(before)
    for name in ("app.talk", "app.apart", "app"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def worker(house: House, level: int | None = logging.INFO, **limits: Any) -> Worker:
    return house.worker(chapter=Limits(log_level=level), **limits)


async def kept(house: House, run: Run[Any]) -> list[tuple[Any, ...]]:
    """Give the lines of a run: level, logger, message, step, attempt; resets as such."""
    page = await house.world.read_chunks(RunId(run.id), LOGS, 0, 10_000)
    rows: list[tuple[Any, ...]] = []
    values = [value async for value in run.stream(LOGS)] if page.closed else []
    for chunk in page.chunks:
        if chunk.form is Form.RESET:
            rows.append(("reset", chunk.attempt, int(chunk.body)))
        elif values:
            one = values.pop(0)
            assert one.keys() == {"time", "level", "logger", "message", "step_id", "attempt"}
            assert abs((datetime.now(UTC) - one["time"]).total_seconds()) < 3600
            assert (chunk.operation_id, chunk.attempt) == (one["step_id"], one["attempt"])
            step = one["step_id"] and one["step_id"].partition("~")[0]
            rows.append((one["level"], one["logger"], one["message"], step, one["attempt"]))
        else:
            rows.append((chunk.operation_id, chunk.attempt))
    return rows


async def retrying(house: House, run: Run[Any], count: int) -> None:
    """Wait until so many attempts have failed."""
    watch = house.world.watch(f"run:{run.id}")
    while (await house.log(run)).count("step_retrying") < count:
        await watch.changed(1)
    watch.close()


TALK = [
    ("INFO", "wfc.workflow", "begins hi", None, 0),
    ("INFO", "app.talk", "says hi", "says", 1),
    ("WARNING", "app.apart", "apart", "says", 1),
    ("WARNING", "app.talk", "goes on", None, 0),
    ("INFO", "app.talk", "is awake", None, 0),
    ("INFO", "app.talk", "thread hi", "says_in_thread", 1),
    ("INFO", "wfc.workflow", "ends", None, 0),
]


@pytest.mark.parametrize("always_replay", [False, True])
async def test_lines_are_kept_once_in_their_order(
    house: House, journal: Journal, *, always_replay: bool
) -> None:
    """Of coroutines, threads and workflow code; whatever the handlers of the process want."""
    run = await house.start(FLOWS.talks, "hi")
    for _ in range(2):
        one = worker(house, always_replay=always_replay)
        await one.run_until_idle()
        await one.stop()
        house.advance(days=1)
    assert await run.result() is None
    assert await kept(house, run) == TALK


async def test_nothing_is_written_but_what_is_written_anyway(
    house: House, journal: Journal
) -> None:
    """Lines go along: as many appends as without them, and none to a stream alone."""
    counts = []
    writes: list[Any] = []
    write_chunks = house.world.write_chunks

    async def counted(*args: Any, **kwargs: Any) -> Any:
        writes.append(args)
        return await write_chunks(*args, **kwargs)

    house.world.write_chunks = counted  # type: ignore[method-assign]  # a counter around it
    for level in (None, logging.INFO):
        house.appends = 0
        run = await house.start(FLOWS.talks, "hi")
        one = worker(house, level)
        await one.run_until_idle()
        house.advance(days=1)
        await one.run_until_idle()
        await one.stop()
        counts.append(house.appends)
        assert await run.streams() == ([] if level is None else [LOGS])
    assert counts[0] == counts[1]
    assert writes == []


async def test_a_run_that_logs_nothing_has_no_such_stream(house: House, journal: Journal) -> None:
    run = await house.start(FLOWS.plain, 5)
    await worker(house).run_until_idle()
    assert await run.result() == 5
    assert await run.streams() == []


async def test_a_level_is_obeyed(house: House, journal: Journal) -> None:
    """Also that of a logger that the application has set; the root's says what it prints."""
    logging.getLogger("app.talk").setLevel(logging.ERROR)
    run = await house.start(FLOWS.talks, "hi")
    one = worker(house, logging.WARNING)
    await one.run_until_idle()
    house.advance(days=1)
    await one.run_until_idle()
    assert await kept(house, run) == [("WARNING", "app.apart", "apart", "says", 1)]


async def test_the_application_sees_what_it_saw(
    house: House, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    """Lines that are kept, and are below its levels, reach none of its handlers."""
    run = await house.start(FLOWS.talks, "hi")
    await worker(house).run_until_idle()
    assert [each.message for each in caplog.records] == ["apart", "goes on"]
    assert not logging.getLogger("app.talk").isEnabledFor(logging.INFO)
    assert len(await house.world.streams(RunId(run.id))) == 1


async def test_logging_that_is_switched_off_stays_so(house: House, journal: Journal) -> None:
    """By `logging.disable`, or for one logger."""
    logging.getLogger("app.talk").disabled = True
    logging.disable(logging.INFO)
    try:
        run = await house.start(FLOWS.talks, "hi")
        one = worker(house)
        await one.run_until_idle()
        house.advance(days=1)
        await one.run_until_idle()
    finally:
        logging.disable(logging.NOTSET)
        logging.getLogger("app.talk").disabled = False
    assert await kept(house, run) == [("WARNING", "app.apart", "apart", "says", 1)]


async def test_a_repeated_attempt_says_that_the_earlier_lines_are_void(
    house: House, journal: Journal
) -> None:
    run = await house.start(FLOWS.retries)
    await worker(house).start()
    for attempt in (1, 2):
        await retrying(house, run, attempt)
        house.advance(minutes=1)
    await run.result()
    rows = await kept(house, run)
    assert [row for row in rows if row[0] == "reset"] == [("reset", 2, 0), ("reset", 3, 0)]
    assert [row[2:] for row in rows if row[0] == "INFO"] == [
        ("tries 1", "flaky", 1),
        ("tries 2", "flaky", 2),
        ("tries 3", "flaky", 3),
    ]
    [first, _] = [row[2] for row in rows if row[0] == "ERROR"]
    assert first.startswith("failed\nTraceback (most recent call last):\n")
    assert first.endswith("OSError: again")


async def test_a_long_body_is_heard_while_it_runs(
    house: House, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what a lost worker has written of it is void once the step is tried again."""
    monkeypatch.setattr(logbook, "GATHER_S", 0.001)
    run = await house.start(FLOWS.holds, 3)
    first = worker(house, lease_s=1)
    await first.start()
    watch = house.world.watch(f"stream:{run.id}")
    while await house.world.tail_index(RunId(run.id), LOGS) < 2:
        await watch.changed(1)
    watch.close()
    await house.logged(run, "step_started")
    first.owned.drop_all()
    journal.gate.set()
    house.advance(days=1)
    other = worker(house)
    await other.run_until_idle()
    assert await run.result() is None
    rows = await kept(house, run)
    began = rows.index(("INFO", "app.talk", "before 0", "held", 1))
    assert [row for row in rows if row[0] == "reset"] == [("reset", 2, began)]
    assert [row[2:] for row in rows if row[0] != "reset" and row[-1] == 2] == [
        *((f"before {number}", "held", 2) for number in range(3)),
        ("after", "held", 2),
    ]
    assert [row[2] for row in rows if row[0] != "reset" and row[-1] == 0] == ["holds"]


async def test_an_attempt_that_says_too_much_is_cut(house: House, journal: Journal) -> None:
    """At 1 MiB, with a mark; also where a single line is more."""
    for size, count, whole in ((100_000, 30, 10), (2 << 20, 2, 0), (20 << 20, 1, 0)):
        run = await house.start(FLOWS.too_much, size, count)
        await worker(house).run_until_idle()
        assert await run.result() is None
        rows = await kept(house, run)
        assert len(rows) == whole + 1
        assert rows[-1][:2] == ("WARNING", LOGS)
        assert "1,048,576 bytes" in rows[-1][2]


async def test_workflow_code_that_says_too_much_is_cut(house: House, journal: Journal) -> None:
    """Each turn for itself, so that a run that lives for years is heard to its end."""
    run = await house.start(FLOWS.says_much, 100_000, 30)
    await worker(house).run_until_idle()
    rows = await kept(house, run)
    assert len(rows) == 12
    assert rows[-2][:2] == ("WARNING", LOGS)
    assert rows[-1][2] == "afterwards"


async def test_whatever_is_logged_stops_no_step(
    house: House, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a surrogate pair, a format that does not fit, a thread of the body's own."""
    monkeypatch.setattr(logging, "raiseExceptions", False)
    run = await house.start(FLOWS.oddly)
    await worker(house).run_until_idle()
    assert await run.result() is None
    assert [row[2] for row in await kept(house, run)] == [
        "half \\ud800",
        "a record whose message cannot be made: TypeError",
        "in a thread of its own",
    ]


async def test_a_thread_that_was_given_up_is_not_heard_any_more(
    house: House, journal: Journal
) -> None:
    run = await house.start(FLOWS.leaks)
    one = worker(house)
    await one.run_until_idle()
    journal.thread_gate.set()
    await until(lambda: "late" in journal.calls)
    rows = [row[2] for row in await kept(house, run)]
    assert rows[0] == "goes on"
    assert "too late" not in rows
    assert one.threads.leaked <= 1


async def test_a_step_that_nobody_wants_any_more_is_heard_as_far_as_it_came(
    house: House, journal: Journal
) -> None:
    run = await house.start(FLOWS.given_up)
    await worker(house).run_until_idle()
    assert await run.result() is None
    assert [row[2] for row in await kept(house, run)] == ["before 0"]


async def test_a_worker_that_stops_takes_the_lines_along(house: House, journal: Journal) -> None:
    """With the outcome that says so; the attempt is repeated, and says it again."""
    run = await house.start(FLOWS.holds, 1)
    first = worker(house, drain_s=0)
    await first.start()
    await until(lambda: bool(journal.calls))
    await first.stop()
    journal.gate.set()
    await worker(house).run_until_idle()
    rows = await kept(house, run)
    assert [row[2] for row in rows if row[0] != "reset"] == [
        "holds", "before 0", "before 0", "after"
    ]  # fmt: skip
    assert [row[0] for row in rows] == ["INFO", "INFO", "reset", "INFO", "INFO"]


async def test_a_queued_attempt_brings_its_lines(house: House, journal: Journal) -> None:
    """Any worker may run it, and stop in the midst of it."""
    run = await house.start(FLOWS.holds, 1)
    first = worker(house, inline_steps=0, announce_after_s=0, drain_s=0)
    await first.start()
    await until(lambda: bool(journal.calls))
    await first.stop()
    journal.gate.set()
    other = worker(house)
    await other.run_until_idle()
    assert await run.result() is None
    rows = await kept(house, run)
    assert [row[2] for row in rows if row[0] != "reset"] == [
        "holds", "before 0", "before 0", "after"
    ]  # fmt: skip


def test_the_methods_are_wrapped_once() -> None:
    log_capture.install()
    wrapped = logging.Logger.callHandlers, logging.Logger.isEnabledFor
    log_capture.install()
    assert (logging.Logger.callHandlers, logging.Logger.isEnabledFor) == wrapped
