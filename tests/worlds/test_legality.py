"""What reaches a log is what the pure fold accepts, whoever writes and by whatever right."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.eventlog.test_fold import (
    ASLEEP,
    AWAKE,
    BEGUN,
    BORN,
    CANCEL,
    CONFLICTED,
    DISPOSED,
    GROWN,
    HOOKED,
    LOST,
    RECEIVED,
    STEP,
    WAIT,
    WORKER,
    cancelled,
    completed,
    created,
    failed,
    restarted,
    retrying,
    run_failed,
    started,
    upgraded,
)
from wfc.errors import IllegalEvent
from wfc.eventlog.event import (
    AttributesSet,
    Event,
    FailureKind,
    Recorded,
    RunCancelled,
    RunCompleted,
    RunPaused,
    RunStarted,
    RunUpgraded,
    RunWoken,
    StepCreated,
    StepRetrying,
)
from wfc.eventlog.fold import State
from wfc.ids import OperationId, RunId, WorkerId
from wfc.runtime.ledger import Ledger
from wfc.worlds.memory import MemoryWorld
from wfc.worlds.protocol import (
    Appended,
    Attempt,
    AttemptOf,
    Claimed,
    ClaimedAttempt,
    Guard,
    NewRun,
    OpenRun,
    Owner,
    Queued,
    Refusal,
    Refused,
    Unowned,
    World,
)
from wfc.worlds.sqlite import SqliteWorld

RUN = RunId("run_1")
HELPER = WorkerId("worker_2")
EVENTS: list[Event] = [
    created(), started(1), started(2), started(3), retrying(1), retrying(2),
    retrying(1, first=True), retrying(1, counted=False), completed(), completed(2),
    completed(first=True), failed(), failed(first=True), cancelled(), cancelled(first=True),
    HOOKED, RECEIVED, DISPOSED, CONFLICTED, ASLEEP, AWAKE, BORN, GROWN, LOST, CANCEL,
    RunCancelled(), RunCancelled(forced=True), RunCompleted(output=b"o"), run_failed(),
    run_failed(FailureKind.TIMEOUT), run_failed(FailureKind.DIVERGENCE), upgraded(),
    upgraded(STEP), upgraded(withdrawn=(STEP, WAIT, HOOKED.operation_id)), restarted(2),
    restarted(3), RunPaused(), RunWoken(), RunStarted(worker_id=WORKER),
    AttributesSet(changes={"n": 1}),
]  # fmt: skip
ENDS = (RunCompleted, RunCancelled)
WAYS = st.sampled_from(["owner", "outside", "outside", "attempt"])
"""An attempt needs its row, so it is tried more often than it is had."""
MOVES = st.lists(st.tuples(st.sampled_from(EVENTS), WAYS), max_size=25)


class Play:
    """One run, written to by its owner, by a worker with an attempt, and by anybody."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.state = State()
        self.ledger = Ledger()
        self.written = 0
        self.fence = 0

    async def begin(self) -> None:
        for worker in (WORKER, HELPER):
            await self.world.join(worker, lease_s=1000)
        self.take(await self.world.append(RUN, BEGUN, guard=NewRun()))

    def take(self, answer: Appended | Refused) -> None:
        assert isinstance(answer, Appended), answer
        self.read(answer.recorded)

    def read(self, recorded: Sequence[Recorded]) -> None:
        for each in recorded:
            self.state.apply(each)
            self.ledger.note(each)

    def may_follow(self, event: Event) -> bool:
        try:
            self.state.law.check(event)
        except IllegalEvent:
            return False
        return True

    async def play(self, event: Event, way: str) -> None:
        """Write an event by some right; it must land exactly if the fold accepts it."""
        event = self.at_home(event)
        expected, length = self.may_follow(event), self.state.length
        answer: Appended | Refused | None = None
        with suppress(IllegalEvent):
            answer = await self.write(event, way)
        if isinstance(answer, Appended):
            assert expected, (event, way)
            self.written += 1
            self.take(answer)
            return
        if answer is not None and answer.reason is Refusal.ALREADY:
            expected = False
        elif way == "attempt" and answer is not None:
            assert answer.reason in {Refusal.OVER, Refusal.MISSING, Refusal.FENCED}
            expected = False  # without the right to the step, nothing is written about it
        assert not expected, (event, way, answer)
        assert await self.world.history(RUN, length) == []

    async def write(self, event: Event, way: str) -> Appended | Refused:
        guard: Guard = OpenRun()
        if way == "attempt":
            claimed = await self.world.claim_attempt(RUN, self.home(STEP), HELPER)
            if isinstance(claimed, ClaimedAttempt):
                self.fence = claimed.fence
            guard = AttemptOf(self.home(STEP), self.fence)
        elif self.state.end is not None:
            guard = Unowned(self.state.length)
        elif way == "owner":
            claimed_run = await self.world.claim(RUN, WORKER)
            row_of = await self.world.run(RUN)
            assert row_of is not None
            assert isinstance(claimed_run, Claimed) or row_of.owner == WORKER or row_of.paused
            self.ledger.law.check_all([event])  # as an owner does before it appends
            if row_of.owner == WORKER:
                guard = Owner(row_of.fence, self.state.length)
        return await self.world.append(RUN, [event], guard=guard, messages=self.queued(event))

    def queued(self, event: Event) -> list[Queued]:
        if isinstance(event, StepCreated | StepRetrying):
            return [Queued(message=Attempt(RUN, event.operation_id))]
        return []

    def home(self, name: OperationId) -> OperationId:
        chapter = self.state.chapter
        return name if chapter == 1 else OperationId(f"{chapter}:{name}")

    def at_home(self, event: Event) -> Event:
        """Let an event be about the present chapter, and an upgrade about the present version."""
        changes: dict[str, Any] = {}
        if isinstance(event, RunUpgraded):
            assert self.state.version is not None
            changes = {"from_version": self.state.version, "to_version": self.state.version}
            for field in ("withdrawn", "retracted"):
                changes[field] = tuple(map(self.home, getattr(event, field)))
        name = getattr(event, "operation_id", None)
        if name is not None:
            changes["operation_id"] = self.home(name)
        brought = getattr(event, "created", None)
        if brought is not None:
            changes["created"] = replace(brought, operation_id=self.home(name or STEP))
        return replace(event, **changes)


async def _play(world: World, moves: Sequence[tuple[Event, str]]) -> Play:
    await world.open()
    try:
        play = Play(world)
        await play.begin()
        for event, way in moves:
            await play.play(event, way)
        recorded = await world.history(RUN)
        whole = State()
        for each in recorded:
            whole.apply(each)
        assert whole.length == play.state.length
        return play
    finally:
        await world.close()


@given(MOVES)
def test_memory_writes_what_the_fold_accepts(moves: list[tuple[Event, str]]) -> None:
    """Whatever comes in whatever order."""
    asyncio.run(_play(MemoryWorld(), moves))


@settings(max_examples=25)
@given(MOVES)
def test_sqlite_writes_what_the_fold_accepts(moves: list[tuple[Event, str]]) -> None:
    """Whatever comes in whatever order."""
    with TemporaryDirectory() as folder:
        asyncio.run(_play(SqliteWorld(Path(folder) / "world.db"), moves))


@pytest.mark.parametrize("make", [lambda _: MemoryWorld(), lambda path: SqliteWorld(path / "w.db")])
def test_a_long_life_is_written_whole(make: Callable[[Path], World], tmp_path: Path) -> None:
    """The moves above get somewhere: nothing of a life that goes well is refused."""
    life: list[tuple[Event, str]] = [
        (created(), "owner"), (started(1), "attempt"), (retrying(1), "attempt"),
        (started(2), "attempt"), (completed(2), "attempt"), (HOOKED, "owner"),
        (RECEIVED, "outside"), (DISPOSED, "owner"), (ASLEEP, "owner"), (AWAKE, "outside"),
        (BORN, "owner"), (LOST, "owner"), (restarted(2), "owner"), (failed(first=True), "owner"),
        (run_failed(), "owner"), (upgraded(STEP), "outside"), (created(), "owner"),
        (started(2), "attempt"), (CANCEL, "outside"), (cancelled(2), "owner"),
        (RunCancelled(), "owner"),
    ]  # fmt: skip
    play = asyncio.run(_play(make(tmp_path), life))
    assert play.written == len(life)
