"""The gates of a SQLite world cost nothing where nobody asks for them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from wfc.eventlog.event import RunCompleted, RunStarted
from wfc.worlds.promises.given import (
    ALICE,
    OTHER,
    RUN,
    claimed,
    created,
    emptied,
    joined,
    owned,
    step_created,
    step_done,
    step_ended,
    step_id,
    taken_step,
    wrote,
)
from wfc.worlds.protocol import Attempt, AttemptOf, Limit, NewRun, Owner, Queued, Release
from wfc.worlds.sqlite import SqliteWorld

GATES = re.compile(r"\b(FROM|INTO|UPDATE|JOIN)\s+(slots|limits|rates)\b", re.IGNORECASE)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SqliteWorld]:
    made = SqliteWorld(tmp_path / "world.db")
    await made.open()
    yield made
    await made.close()


def overheard(world: SqliteWorld) -> list[str]:
    """Give the list that statements of the writer go into."""
    heard: list[str] = []
    writer = world._writer
    assert writer is not None
    writer._committer._connection.set_trace_callback(heard.append)
    return heard


async def test_a_plain_run_asks_for_no_gate(world: SqliteWorld) -> None:
    """From its start to its end, a queued step, a release and a claim among it."""
    await joined(world)
    heard = overheard(world)
    owner = await owned(world)
    answer = wrote(await world.append(RUN, [step_done(0)], guard=owner))
    message = Queued(message=Attempt(RUN, step_id(1)))
    guard = Owner(owner.fence, answer.length)
    wrote(
        await world.append(
            RUN, [step_created(1)], guard=guard, messages=[message], release=Release()
        )
    )
    await emptied(world)
    held = await taken_step(world, ALICE, 1)
    wrote(await world.append(RUN, [step_ended(1)], guard=AttemptOf(step_id(1), held.fence)))
    await emptied(world)
    wrote(await world.append(RUN, [RunCompleted(output=b"")], guard=await claimed(world)))
    assert len(heard) > 20
    assert [statement for statement in heard if GATES.search(statement)] == []


async def test_a_step_of_a_chain_takes_two_statements(world: SqliteWorld) -> None:
    """The head of the run moves, and the event is written."""
    owner = await owned(world)
    heard = overheard(world)
    wrote(await world.append(RUN, [step_done(0)], guard=owner))
    written = [each for each in heard if not each.startswith(("BEGIN", "COMMIT", "PRAGMA"))]
    assert len(written) == 2


async def test_an_admission_takes_a_few_statements(world: SqliteWorld) -> None:
    """However many wait behind it."""
    await joined(world)
    await world.define_limits([Limit(name="queue:free", concurrency=1)])
    opening = created(queue="free")
    for number in range(200):
        answer = await world.append(OTHER[:4] + f"{number}", [opening], guard=NewRun())  # type: ignore[arg-type]  # a bare string
        wrote(answer)
    await emptied(world)
    first = OTHER[:4] + "0"
    owner = await claimed(world, first)  # type: ignore[arg-type]  # likewise
    started = RunStarted(worker_id=ALICE)
    heard = overheard(world)
    end = [started, RunCompleted(output=b"")]
    wrote(await world.append(first, end, guard=owner))  # type: ignore[arg-type]  # likewise
    assert len([each for each in heard if GATES.search(each)]) < 20
