"""What workflow code gets instead of clocks, randomness, the environment, and output."""

from __future__ import annotations

import asyncio
import datetime as dt
import inspect
import logging
import os
import pathlib
import platform
import random
import sys
import time
import types
import uuid
from typing import Any

import pytest

from tests.runtime.histories import SEED, START_US, Log, output_of, run_program, template_of
from wfc import codec
from wfc.clock import to_datetime
from wfc.determinism import Rules, Verdict, is_mixed, lookup, shimmed
from wfc.errors import EffectInWorkflow
from wfc.runtime.draws import Draws
from wfc.runtime.environment import PUBLIC_URL, capture
from wfc.runtime.operations import Failed
from wfc.runtime.shims import SHIMS, SWAPPED
from wfc.runtime.shims.asynchronous import TaskSet

FLOW = 'async def flow():\n    "use workflow"\n'
BEGUN = to_datetime(START_US + 1000)


def test_every_shim_of_the_table_is_there() -> None:
    """Compiler and sandbox cannot disagree on what has a shim."""
    missing = []
    for entry in shimmed():
        there = entry.name in SHIMS or entry.name.rpartition(".")[0] in SWAPPED
        whole = any(name.startswith(entry.name + ".") for name in SHIMS)
        newer = entry.name.startswith(("uuid.uuid", "random.binomialvariate"))
        if not (there or whole or newer):
            missing.append(entry.name)
    assert missing == []


def test_no_shim_is_of_a_refused_name() -> None:
    """What is provided is what the table allows."""
    refused = [name for name in SHIMS if lookup(name).verdict is Verdict.REFUSED]
    assert refused == []
    assert is_mixed("asyncio")


# --- clock -------------------------------------------------------------------------------------


def test_the_clock_by_every_name() -> None:
    """All tell the time of the event being delivered; local time is UTC."""
    found = run_program("""
import datetime
import time
import time as t
from datetime import UTC, date, datetime as when, timezone, timedelta
from time import time as now

stamp = when.now

class Keeper:
    clock = when

    def __init__(self, at: when):
        self.at = at

def default(clock=when.utcnow, *, day=date.today):
    return [clock(), day()]

async def flow():
    "use workflow"
    import datetime as inner
    return [
        [when.now(UTC), when.now(), when.today(), when.utcnow(), datetime.datetime.now(UTC),
         inner.datetime.now(timezone(timedelta(hours=2))), stamp(UTC), date.today(),
         datetime.date.today(), *default()],
        [now(), time.time(), t.monotonic(), time.perf_counter()],
        [time.time_ns(), time.monotonic_ns(), time.perf_counter_ns()],
        [time.gmtime().tm_year, time.localtime().tm_hour, time.strftime("%Y"), time.asctime(),
         time.strftime("%Y", time.gmtime(0)), time.localtime(0).tm_hour,
         time.asctime(time.gmtime(0))],
        asyncio.get_running_loop().time(),
    ]
""")
    naive = BEGUN.replace(tzinfo=None)
    assert found[0] == [
        BEGUN,
        naive,
        naive,
        naive,
        BEGUN,
        BEGUN,
        BEGUN,
        BEGUN.date(),
        BEGUN.date(),
        naive,
        BEGUN.date(),
    ]
    assert found[1] == [BEGUN.timestamp()] * 4
    assert found[2] == [(START_US + 1000) * 1000] * 3
    year = str(BEGUN.year)
    assert found[3] == [
        BEGUN.year, BEGUN.hour, year, time.asctime(BEGUN.utctimetuple()), "1970", 0,
        "Thu Jan  1 00:00:00 1970",
    ]  # fmt: skip
    assert found[4] == BEGUN.timestamp()


def test_datetimes_stay_real() -> None:
    """Made, parsed, compared, matched, in pydantic fields and dataclasses."""
    assert run_program("""
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pydantic import BaseModel, TypeAdapter

class Event(BaseModel):
    at: datetime
    day: date | None = None

@dataclass
class Stamp:
    at: datetime

async def flow():
    "use workflow"
    made = datetime(2030, 1, 2, tzinfo=UTC)
    match made:
        case datetime(year=year):
            pass
    return [
        isinstance(made, datetime), isinstance(Event(at="2030-01-02T00:00:00Z").at, datetime),
        Event(at=made).at == made, Stamp(made).at + timedelta(days=1) > made, year,
        datetime.fromisoformat("2030-01-02").year, datetime.strptime("2030", "%Y").year,
        datetime.fromtimestamp(0).hour, datetime.fromtimestamp(0, UTC).hour,
        date.fromtimestamp(0).year, date(2030, 1, 1).year, issubclass(datetime, date),
        TypeAdapter(datetime).validate_python(made) == made,
        TypeAdapter(date).validate_python("2030-01-02").day, {datetime: 1}[type(made)],
        datetime.combine(date(2030, 1, 1), made.timetz()).year,
    ]
""") == [True, True, True, True, 2030, 2030, 2030, 0, 0, 1970, 2030, True, True, 2, 1, 2030]


def test_the_clock_outside_of_runs_is_the_machines() -> None:
    """Shims act real there."""
    real, shim = SWAPPED["datetime.datetime"]
    assert abs(shim.now(dt.UTC) - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)
    assert shim(2030, 1, 1) == dt.datetime(2030, 1, 1)  # noqa: DTZ001 - a naive one on purpose
    assert type(shim(2030, 1, 1)) is real
    assert shim.fromtimestamp(0, dt.UTC).year == 1970
    assert shim.fromtimestamp(0) == dt.datetime.fromtimestamp(0)  # noqa: DTZ006 - likewise
    day = SWAPPED["datetime.date"][1]
    assert day.today() - dt.date.today() <= dt.timedelta(days=1)  # noqa: DTZ011 - likewise
    for name in ("time", "time_ns", "monotonic", "perf_counter_ns"):
        assert SHIMS[f"time.{name}"]() <= getattr(time, name)()
    assert SHIMS["time.gmtime"](0).tm_year == 1970
    assert SHIMS["time.localtime"](0) == time.localtime(0)
    assert SHIMS["time.strftime"]("%Y", time.gmtime(0)) == "1970"
    assert SHIMS["time.asctime"](time.gmtime(0)) == time.asctime(time.gmtime(0))


# --- randomness --------------------------------------------------------------------------------

DRAWS = """
import random
import uuid
from random import choice, shuffle

def draws():
    deck = list(range(10))
    shuffle(deck)
    return [
        random.random(), random.randint(1, 6), choice("abc"), deck, random.sample(range(100), 3),
        random.choices("ab", k=3), random.gauss(0, 1), random.uniform(1, 2), random.randbytes(3),
        random.getrandbits(1000), random.Random().random(), random.Random(5).random(),
        uuid.uuid4(), uuid.uuid1(), random.triangular(), random.expovariate(1.0),
    ]

async def flow():
    "use workflow"
    return [draws(), draws()]
"""


def test_draws_follow_from_the_seed() -> None:
    """The same run draws the same, another seed draws otherwise, each call draws anew."""
    template = template_of(DRAWS)
    one = output_of(Log(template).start())
    assert output_of(Log(template).start()) == one
    other = output_of(Log(template, seed=bytes(32)).start())
    for place, (first, second) in enumerate(zip(*one, strict=True)):
        if place in {1, 2, 5}:  # few values: they may repeat
            continue
        assert (first == second) == (place == 11)
        assert (first == other[0][place]) == (place == 11)
    assert one[0][12].version == 4
    assert one[0][13].version == 1
    assert one[0][11] == random.Random(5).random()  # noqa: S311 - no secret


def test_an_added_draw_shifts_no_other() -> None:
    """A draw belongs to its call place."""
    body = "import random\n" + FLOW + "    {}return random.random()\n"
    plain = run_program(body.format(""))
    assert run_program(body.format("random.randint(1, 5); ")) == plain


def test_seeding_gives_the_stdlibs_own_sequence() -> None:
    """In the run alone; the host's generator is left alone."""
    state = random.getstate()
    assert run_program("""
import random

async def flow():
    "use workflow"
    random.seed(7)
    first = [random.random(), random.getstate()[0]]
    state = random.getstate()
    second = random.random()
    random.setstate(state)
    again = random.random()
    random.seed()
    return [first, second == again, random.random() == again]
""") == [[random.Random(7).random(), 3], True, False]  # noqa: S311 - no secret
    assert random.getstate() == state


def test_a_state_can_be_asked_for_before_any_seed() -> None:
    """It is drawn from the run."""
    body = """
import random

async def flow():
    "use workflow"
    state = random.getstate()
    first = random.random()
    random.setstate(state)
    return [first, random.random() == first]
"""
    first, same = run_program(body)
    assert same
    assert run_program(body) == [first, True]
    assert run_program(
        body.replace(
            "    state = random.getstate()\n",
            "    state = (3, (0,) * 624 + (624,), None)\n    random.setstate(state)\n",
        )
    )[1]


def test_the_primitives_of_draws() -> None:
    """Uniform, bounded, refused when negative."""
    draws = Draws(SEED)
    values = [draws.at(f"x#{n}").random() for n in range(500)]
    assert 0 <= min(values) < 0.05
    assert 0.95 < max(values) < 1
    assert all(draws.at("y#0").getrandbits(bits) < 2**bits for bits in (0, 1, 7, 8, 63, 600))
    with pytest.raises(ValueError, match="non-negative"):
        draws.getrandbits(-1)


def test_randomness_outside_of_runs_is_real() -> None:
    """Shims act real there."""
    SHIMS["random.seed"](3)
    assert SHIMS["random.random"]() == random.Random(3).random()  # noqa: S311 - no secret
    state = SHIMS["random.getstate"]()
    SHIMS["random.setstate"](state)
    assert random.getstate() == state
    assert SHIMS["uuid.uuid4"]() != SHIMS["uuid.uuid4"]()
    assert SHIMS["uuid.uuid1"](1).node == 1
    assert SHIMS["random.Random"](3).random() == random.Random(3).random()  # noqa: S311 - no secret
    assert SHIMS["random.Random"]().random() != SHIMS["random.Random"]().random()
    if hasattr(uuid, "uuid7"):
        assert SHIMS["uuid.uuid7"]().version == 7
        assert SHIMS["uuid.uuid6"]().version == 6


def test_later_kinds_of_uuid_in_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 6 and 7 by the run clock, drawn from the seed; the stdlib has them since 3.14."""
    seen: list[uuid.UUID] = []

    def keep() -> None:
        seen.extend([SHIMS["uuid.uuid6"](), SHIMS["uuid.uuid6"](1, 2), SHIMS["uuid.uuid7"]()])

    module = types.ModuleType("keeper")
    module.keep = keep  # type: ignore[attr-defined]  # made here
    monkeypatch.setitem(sys.modules, "keeper", module)
    program = "from keeper import keep\n" + FLOW + "    keep()\n"
    run_program(program, pure=("keeper",))
    run_program(program, pure=("keeper",))
    assert [each.version for each in seen[:3]] == [6, 6, 7]
    assert all(each.variant == uuid.RFC_4122 for each in seen)
    assert seen[:3] == seen[3:]
    assert seen[2].int >> 80 == (START_US + 1000) // 1000


# --- environment -------------------------------------------------------------------------------


def test_the_environment_is_that_of_the_beginning() -> None:
    """Listed names as recorded, unset ones absent, the platform too."""
    template = template_of(
        """
import os
import platform
from os import environ, getenv

async def flow():
    "use workflow"
    return [
        os.environ["REGION"], getenv("REGION"), getenv("UNSET", "none"), "UNSET" in environ,
        list(environ), len(environ), platform.system(),
    ]
""",
        environment=("REGION", "UNSET"),
    )
    recorded = {"REGION": "eu", "platform.system": "Plan9"}
    assert output_of(Log(template, environment=recorded).start()) == [
        "eu", "eu", "none", False, ["REGION"], 1, "Plan9",
    ]  # fmt: skip
    lost = template_of("import platform\n" + FLOW + "    return platform.machine()\n")
    outcome = Log(lost).start()
    assert isinstance(outcome, Failed)
    assert codec.decode_error(outcome.error).guard == "WFC206"  # type: ignore[attr-defined]  # a guard's


def test_capturing_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listed variables that are set, the platform, the public URL."""
    monkeypatch.setenv("REGION", "eu")
    monkeypatch.delenv("UNSET", raising=False)
    found = capture(Rules(environment=("REGION", "UNSET")), public_url="https://x.test")
    assert found["REGION"] == "eu"
    assert "UNSET" not in found
    assert found["platform.system"] == platform.system()
    assert found[PUBLIC_URL] == "https://x.test"
    assert PUBLIC_URL not in capture(Rules())


def test_the_environment_outside_of_runs_is_real(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shims act real there."""
    environ = SHIMS["os.environ"]
    monkeypatch.setenv("WFC_TEST_A", "1")
    assert environ["WFC_TEST_A"] == SHIMS["os.getenv"]("WFC_TEST_A") == "1"
    environ["WFC_TEST_A"] = "2"
    assert os.environ["WFC_TEST_A"] == "2"
    del environ["WFC_TEST_A"]
    assert "WFC_TEST_A" not in environ
    assert len(environ) == len(os.environ)
    assert SHIMS["platform.system"]() == platform.system()


def test_paths_without_a_disk_are_paths() -> None:
    """They join, travel as plain paths, and refuse what reaches the disk."""
    found = run_program("""
from pathlib import Path, PurePath

BASE = Path("/data")

async def flow():
    "use workflow"
    kinds = [isinstance(BASE, Path), isinstance(BASE, PurePath)]
    return [BASE / "x.txt", Path("a").name, *kinds, str(BASE)]
""")
    assert found == [pathlib.Path("/data/x.txt"), "a", True, True, "/data"]
    assert type(found[0]) is type(pathlib.Path())


# --- output ------------------------------------------------------------------------------------

TALK = """
import io
import logging

log = logging.getLogger(__name__)

async def flow():
    "use workflow"
    print("begin", 1, sep="-")
    log.info("first %s", "line", extra={"colour": "red"})
    await add(1)
    print("second", sep=None)
    log.getChild("sub").warning("careful")
    logging.info("root")
    await add(2)
    print("third")
    text = io.StringIO()
    print("kept", file=text, end="")
    return text.getvalue()
"""


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Give the messages and forget them."""
    found = [each.getMessage() for each in caplog.records]
    caplog.clear()
    return found


def test_lines_appear_once(caplog: pytest.LogCaptureFixture) -> None:
    """Live ones go to the host's logging with the run; a replay makes them again in silence."""
    caplog.set_level(logging.INFO)
    template = template_of(TALK)
    log = Log(template)
    log.start()
    record = caplog.records[1]
    assert (record.name, vars(record)["colour"]) == ("app", "red")
    for each in caplog.records:
        assert vars(each)["run_id"] == "run_1"
        assert vars(each)["workflow"] == "app:flow"
        assert vars(each)["version"] == template.version
    assert lines(caplog) == ["begin-1", "first line"]
    log.deliver(log.completed("add", 2))
    assert [each.name for each in caplog.records] == ["wfc.workflow", "app.sub", "root"]
    assert lines(caplog) == ["second", "careful", "root"]
    log.replay()  # the last turn of a history is taken for news: nobody may have run it
    assert lines(caplog) == ["second", "careful", "root"]
    assert output_of(log.deliver(log.completed("add", 3))) == "kept"
    assert lines(caplog) == ["third"]
    assert output_of(log.replay()) == "kept"
    assert lines(caplog) == ["third"]


def test_a_history_may_come_in_pages(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever makes the execution says how long the log is; all earlier turns are silent."""
    caplog.set_level(logging.INFO)
    log = Log(template_of(TALK), quiet_until=3)
    log.start()
    assert lines(caplog) == []
    log.deliver(log.completed("add", 2))
    assert lines(caplog) == []
    log.deliver(log.completed("add", 3))
    assert lines(caplog) == ["third"]


def test_output_outside_of_runs_is_real(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Shims act real there."""
    SHIMS["builtins.print"]("a", "b", sep="+")
    assert capsys.readouterr().out == "a+b\n"
    SHIMS["logging.getLogger"]("x@123").warning("heard")
    assert [(each.name, each.getMessage()) for each in caplog.records] == [("x", "heard")]
    with pytest.raises(EffectInWorkflow):
        SHIMS["logging.getLogger"]("x").setLevel(10)


# --- asyncio outside of runs, and its sets -----------------------------------------------------


async def test_asyncio_outside_of_runs_is_real() -> None:
    """Shims act real there."""

    async def give(value: int) -> int:
        return value

    assert await SHIMS["asyncio.sleep"](0, "x") == "x"
    assert await SHIMS["asyncio.wait_for"](give(1), 5) == 1
    task = asyncio.ensure_future(give(2))
    done, pending = await SHIMS["asyncio.wait"]([task])
    assert (done, pending) == ({task}, set())
    assert [await each for each in SHIMS["asyncio.as_completed"]([give(3)])] == [3]
    assert await SHIMS["asyncio.to_thread"](len, "abc") == 3
    async with SHIMS["asyncio.timeout"](5), SHIMS["asyncio.timeout_at"](None):
        pass
    assert SHIMS["asyncio.all_tasks"]() == {asyncio.current_task()}


def test_shims_of_coroutine_functions_say_so() -> None:
    """Frameworks ask."""
    for name in ("sleep", "wait_for", "wait", "to_thread"):
        assert inspect.iscoroutinefunction(SHIMS[f"asyncio.{name}"])


WRONG = {
    "asyncio.wait(add(1))": "TypeError",
    "asyncio.wait([])": "ValueError",
    "asyncio.wait([add(1)])": "TypeError",
    "asyncio.wait([asyncio.ensure_future(add(1))], return_when='SOON')": "ValueError",
    "asyncio.sleep(float('nan'))": "ValueError",
    "asyncio.sleep(float('inf'))": "ValueError",
}


@pytest.mark.filterwarnings("ignore:coroutine")
@pytest.mark.parametrize("call", WRONG)
def test_wrong_uses_raise_as_the_stdlibs_do(call: str) -> None:
    """The same classes of error."""
    assert (
        run_program(f"""
async def flow():
    "use workflow"
    try:
        await {call}
    except (TypeError, ValueError) as error:
        return type(error).__name__
""")
        == WRONG[call]
    )


def test_as_completed_takes_no_coroutine() -> None:
    """And, as of 3.13, can be iterated asynchronously on every Python."""
    assert run_program("""
async def flow():
    "use workflow"
    try:
        asyncio.as_completed(asyncio.get_running_loop().create_future())
    except TypeError as error:
        seen = [type(error).__name__]
    tasks = [asyncio.create_task(add(n)) for n in range(3)]
    async for task in asyncio.as_completed(tasks, timeout=60):
        seen.append(task in tasks)
    return seen
""") == ["TypeError", True, True, True]


def test_a_step_in_a_thread_is_a_step() -> None:
    """Also through `partial` and as a method; the place is that of `to_thread`."""
    log = Log(
        template_of("""
from functools import partial

async def flow():
    "use workflow"
    return [
        await asyncio.to_thread(double, 1),
        await asyncio.to_thread(partial(double, 2)),
        await asyncio.to_thread(double, number=3),
    ]
""")
    )
    assert output_of(log.run()) == [2, 4, 6]
    names = [name.partition("#")[0] for name in log.asked]
    assert len(set(names)) == 3
    assert all(name.startswith("double~") for name in names)


def test_sets_of_tasks_keep_an_order() -> None:
    """The order of creation, through every operation of sets; other members keep theirs."""
    loop = asyncio.new_event_loop()
    futures = [loop.create_future() for _ in range(20)]
    some = TaskSet(futures[:10])
    assert list(some) == futures[:10]
    some.add(futures[15])
    some.discard(futures[0])
    assert list(some) == [*futures[1:10], futures[15]]
    assert list(some | set(futures[15:17]))[:10] == [*futures[1:10], futures[15]]
    assert list(some & set(futures[2:4])) == futures[2:4]
    assert list(some - set(futures[2:16])) == futures[1:2]
    assert some.union([futures[0]]) == {*some, futures[0]}
    assert list(some.copy()) == list(some)
    with pytest.raises(TypeError):
        some | 5  # type: ignore[operator]  # a wrong one on purpose
    assert some.pop() is futures[1]
    assert repr(TaskSet()) == "set()"
    assert repr(TaskSet([1, 2])) == "{1, 2}"
    with pytest.raises(KeyError):
        TaskSet().pop()
    loop.close()


def test_a_history_of_draws_is_the_same_everywhere() -> None:
    """A golden value: no release may change what a seed gives."""
    draws = Draws(bytes(32))
    found: list[Any] = [draws.at("random~0#0").random(), draws.at("x~1#2").getrandbits(16)]
    assert found == [0.18305591291861079, 34583], found
