"""The world in memory is the model: SQLite answers every random history of calls as it does."""

from __future__ import annotations

import os
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from wfc.clock import Clock, VirtualClock
from wfc.cron import Timing
from wfc.errors import WfcError
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import (
    AttributesSet,
    Event,
    FailureKind,
    HookDisposed,
    HookReceived,
    RunCancelRequested,
    RunCompleted,
    RunCreated,
    RunFailed,
    RunPaused,
    RunStarted,
    RunUnpaused,
    RunUpgraded,
    RunWoken,
    StepCancelled,
    StepRetrying,
)
from wfc.ids import DefinitionId, RunId, VersionId, WorkerId
from wfc.worlds.memory import MemoryWorld
from wfc.worlds.postgres import PostgresWorld
from wfc.worlds.promises.given import (
    VERSION,
    created,
    hook_created,
    step_created,
    step_done,
    step_id,
)
from wfc.worlds.protocol import (
    Attempt,
    AttemptOf,
    AuditFilter,
    Callback,
    Child,
    Gate,
    GateState,
    Guard,
    Limit,
    Message,
    NewRun,
    Note,
    OpenHook,
    OpenRun,
    Owner,
    Queued,
    Rate,
    Release,
    Resume,
    RunFilter,
    ScheduleRow,
    TakenEnd,
    Unowned,
    World,
)
from wfc.worlds.sqlite import SqliteWorld

SEEDS = 12
SOAK_SEEDS = 100 * int(os.environ.get("WFC_SOAK", "5"))
CALLS = 120
RUNS = [RunId(f"run_{number}") for number in range(4)]
WORKERS = [WorkerId(f"worker_{number}") for number in range(3)]
LIMITS = ["queue:free", "policy:shop:checkout", "policy:shop:charge"]
TOKENS = ["red", "blue", "green"]
NAMES = ["nightly", "hourly"]
CALLBACKS = [
    Callback(name="any"),
    Callback(name="failed", status=RunStatus.FAILED),
    Callback(name="other", workflow=DefinitionId("shop:other")),
]


class Pair:
    """Both worlds under one clock; a call goes to both, and both must say the same."""

    def __init__(self, seed: int, make: Callable[[Clock], World]) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - a dose, not a secret
        self.clock = VirtualClock()
        self.worlds: tuple[World, World] = (
            MemoryWorld(self.clock),
            make(self.clock),
        )
        self.held: dict[Gate, int] = {}
        self.receipts: tuple[list[int], list[int]] = ([], [])
        self.ends: list[tuple[WorkerId, TakenEnd]] = []

    async def both(self, call: Callable[[World], Awaitable[Any]]) -> Any:
        answers = []
        for world in self.worlds:
            try:
                answers.append(await call(world))
            except WfcError as error:
                answers.append((type(error), str(error)))
        assert answers[0] == answers[1]
        return answers[0]

    def event(self) -> Event:
        chance = self.chance
        number = chance.randrange(3)
        idempotency_id = chance.choice([None, None, "i", "j"])
        return chance.choice(
            [
                RunStarted(worker_id=WORKERS[0]),
                RunCompleted(output=b"done"),
                RunFailed(error=b"error", kind=FailureKind.USER),
                RunCancelRequested(reason=chance.choice("ab"), idempotency_id=idempotency_id),
                RunPaused(),
                RunUnpaused(idempotency_id=idempotency_id),
                RunUnpaused(),
                RunWoken(),
                RunUpgraded(from_version=VERSION, to_version=VersionId("v2"), fingerprint="g"),
                AttributesSet(changes={chance.choice("abc"): chance.choice([1, True, "x", None])}),
                step_created(number),
                step_done(number, chance.choice([b"small", bytes(40_000)])),
                StepRetrying(operation_id=step_id(number), attempt=1, error=b"", retry_at=0),
                StepCancelled(operation_id=step_id(number), attempt=1),
                hook_created(TOKENS[number], number),
                HookReceived(
                    operation_id=hook_created(number=number).operation_id,
                    receipt_id="r",
                    payload=b"p",
                    idempotency_id=idempotency_id,
                ),
                HookDisposed(operation_id=hook_created(number=number).operation_id),
            ]
        )

    async def guard(self, run_id: RunId) -> Guard:
        """Mostly one that fits, so that histories get somewhere."""
        chance = self.chance
        run = await self.worlds[0].run(run_id)
        if run is None:
            return NewRun()
        fence = run.fence - (chance.random() < 0.1)
        length = run.length - (chance.random() < 0.1)
        guards: list[Guard] = [
            NewRun(),
            OpenRun(chance.choice([None, length])),
            OpenHook(chance.choice(TOKENS)),
            AttemptOf(step_id(chance.randrange(3)), chance.randrange(4)),
            Unowned(length),
        ]
        owner: list[Guard] = [Owner(fence, length)] * 5
        return chance.choice(owner + guards)

    def message(self) -> Queued:
        chance = self.chance
        run_id = chance.choice(RUNS)
        attempt = Attempt(run_id, step_id(chance.randrange(3)))
        message: Message = attempt if chance.random() < 2 / 3 else Resume(run_id)
        return Queued(
            message=message,
            not_before=chance.choice([0, 0, self.clock.now_us() + chance.randrange(20_000_000)]),
            priority=chance.choice([0, 0, 5, -5]),
            gate=chance.choice([None, Gate("policy:shop:charge"), Gate("policy:shop:charge", "a")]),
            queue=chance.choice([None, None, "gpu"]),
        )

    def opening(self, not_before: int | None = None) -> RunCreated:
        chance = self.chance
        opening = created(
            attributes={"a": 1},
            priority=chance.choice([0, 3]),
            not_before=not_before,
            queue=chance.choice([None, "free", "free"]),
        )
        key, own = chance.choice([None, "ann", "bob"]), chance.choice([None, None, "", "ann"])
        return replace(opening, queue_key=key, limit_key=own)

    async def define(self) -> None:
        chance = self.chance
        rate = Rate(chance.randrange(1, 3), chance.choice([2_000_000, 7_000_000]))
        limit = Limit(
            name=chance.choice(LIMITS),
            concurrency=chance.choice([None, 1, 1, 2]),
            rate=chance.choice([None, rate]),
            active=chance.random() < 0.5,
        )
        await self.both(lambda world: world.define_limits([limit]))

    async def append(self) -> None:
        chance = self.chance
        run_id = chance.choice(RUNS)
        guard = await self.guard(run_id)
        events = [self.event() for _ in range(chance.choice([0, 1, 1, 1, 2]))]
        if isinstance(guard, NewRun):
            not_before = chance.choice([None, None, self.clock.now_us() + 9_000_000])
            opening = self.opening(not_before)
            events = [opening, *events]
        messages = [self.message() for _ in range(chance.choice([0, 0, 1, 2]))]
        child = Child(run_id=chance.choice(RUNS), event=self.opening())
        create = [child] if chance.random() < 0.05 and child.run_id != run_id else []
        claim = chance.choice([None, *WORKERS])
        wake_at = chance.choice([None, self.clock.now_us() + chance.randrange(20_000_000)])
        for_child = chance.random() < 0.2
        release = Release(wake_at=wake_at, for_child=for_child) if chance.random() < 0.3 else None
        if isinstance(guard, Owner):
            claim = None
        else:
            release = None
        await self.both(
            lambda world: world.append(
                run_id,
                events,
                guard=guard,
                messages=messages,
                create=create,
                claim=claim,
                release=release,
            )
        )

    async def take(self) -> None:
        worker_id, limit = self.chance.choice(WORKERS), self.chance.randrange(1, 5)

        async def call(world: World) -> object:
            taken = await world.take(worker_id, limit)
            known = self.receipts[self.worlds.index(world)]
            known.extend(one.receipt for one in taken)
            return [one.message for one in taken]

        await self.both(call)

    async def done(self) -> None:
        if not self.receipts[0]:
            return
        place = self.chance.randrange(len(self.receipts[0]))
        for world, receipts in zip(self.worlds, self.receipts, strict=True):
            await world.done([receipts.pop(place)])

    async def renew(self) -> None:
        worker_id = self.chance.choice(WORKERS)

        async def call(world: World) -> object:
            renewal = world.renew(worker_id, lease_s=10)
            return renewal.fenced, sorted(renewal.cancelled)

        await self.both(call)

    async def put_schedule(self) -> None:
        """Mostly by somebody who has seen the last change."""
        chance, now = self.chance, self.clock.now_us()
        name = chance.choice(NAMES)
        known = await self.worlds[0].schedule(name)
        revision = 0 if known is None else known.revision
        paused = chance.random() < 0.2
        row = ScheduleRow(
            name=name,
            workflow=DefinitionId("shop:checkout"),
            arguments=chance.choice([b"a", b"b", None]) if known else b"a",
            timing=Timing(every_us=5_000_000),
            attributes={"n": chance.randrange(3)},
            paused=paused,
            next_at=None if paused else chance.choice([None, now, now + 5_000_000]),
            waiting=tuple(range(chance.randrange(3))),
            revision=revision - (chance.random() < 0.1),
        )
        run_id = RunId(f"schedule:{name}:{chance.randrange(4)}")
        run = Child(run_id=run_id, event=created()) if chance.random() < 0.7 else None
        note = Note(action="schedule.changed", details={"count": 1})
        alone = chance.random() < 0.7
        await self.both(lambda world: world.put_schedule(row, run=run, alone=alone, note=note))

    async def take_ends(self) -> None:
        worker_id = self.chance.choice(WORKERS)
        names = self.chance.choice([["any"], ["any", "failed"], []])
        limit = self.chance.randrange(1, 4)
        answer = await self.both(lambda world: world.take_ends(worker_id, names, limit))
        if isinstance(answer, list):
            self.ends += [(worker_id, taken) for taken in answer]

    async def settle_end(self) -> None:
        """By who took it, or took it once."""
        if not self.ends:
            return
        worker_id, taken = self.chance.choice(self.ends)
        error = self.chance.choice([None, b"error"])
        again_at = None if error is None else self.chance.choice([None, self.clock.now_us() + 1])
        if self.chance.random() < 0.2:
            await self.both(lambda world: world.give_back_end(worker_id, taken))
        else:
            await self.both(
                lambda world: world.settle_end(worker_id, taken, error=error, again_at=again_at)
            )

    async def note(self) -> None:
        within_us = self.chance.choice([None, 2_000_000])
        note = Note(action=self.chance.choice("ab"), details={"count": 1})
        await self.both(lambda world: world.note(note, within_us=within_us))

    async def forget(self) -> None:
        since = self.clock.now_us() - 8_000_000
        known = self.chance.sample(CALLBACKS, 2)
        await self.both(lambda world: world.register_callbacks(known))
        if self.chance.random() < 0.3:
            await self.both(lambda world: world.forget_callbacks(unseen_since=since))
            await self.both(lambda world: world.forget_audit(before=since))
            await self.both(lambda world: world.delete_schedule(NAMES[0]))

    async def call(self) -> None:
        """Make one random call and compare all that can be read."""
        chance = self.chance
        run_id, worker_id = chance.choice(RUNS), chance.choice(WORKERS)
        operation_id = step_id(chance.randrange(3))
        reason = chance.choice([None, None, "why"])
        message = self.message()
        served = chance.choice([[], [], ["gpu"], ["cpu"]])
        calls: list[tuple[int, Callable[[], Awaitable[object]]]] = [
            (12, self.append),
            (3, self.take),
            (2, self.done),
            (3, self.renew),
            (4, lambda: self.both(lambda world: world.claim(run_id, worker_id))),
            (
                4,
                lambda: self.both(
                    lambda world: world.claim_attempt(run_id, operation_id, worker_id)
                ),
            ),
            (2, lambda: self.both(lambda world: world.join(worker_id, lease_s=10, queues=served))),
            (2, self.define),
            (1, lambda: self.both(lambda world: world.leave(worker_id))),
            (2, lambda: self.both(lambda world: world.enqueue(message))),
            (2, lambda: self.both(lambda world: world.sweep())),
            (1, lambda: self.both(lambda world: world.block(run_id, reason))),
            (3, self.put_schedule),
            (3, self.take_ends),
            (3, self.settle_end),
            (1, self.note),
            (1, self.forget),
        ]
        weights = [weight for weight, _ in calls]
        (chosen,) = chance.choices([one for _, one in calls], weights)
        await chosen()
        self.clock.advance(timedelta(seconds=chance.choice([0, 0, 0, 1, 1, 3, 11])))

    def raised(self, state: GateState, most: int | None) -> None:
        """See that a limit is not exceeded, but for what was there when it was lowered."""
        before = self.held.get(state.gate, 0)
        assert most is None or state.held <= max(most, before)
        self.held[state.gate] = state.held

    async def compare(self) -> None:
        """Compare all that a reader sees."""
        await self.both(lambda world: world.list_runs(RunFilter()))
        await self.both(lambda world: world.next_due())
        await self.both(lambda world: world.workers())
        await self.both(lambda world: world.gates())
        for state in await self.worlds[0].gates():
            most = state.limit.concurrency
            self.raised(state, most)
        await self.both(lambda world: world.schedules())
        await self.both(due_by_name)
        await self.both(lambda world: world.callbacks())
        await self.both(lambda world: world.deliveries())
        await self.both(lambda world: world.next_end(["any", "failed"]))
        await self.both(lambda world: world.audit(AuditFilter()))
        await self.both(lambda world: world.late_runs())
        await self.both(lambda world: world.backlog(stuck_before=world.now_us() - 60_000_000))
        await self.both(lambda world: world.backlog(stuck_before=world.now_us()))
        for run_id in RUNS:
            await self.both(lambda world, run_id=run_id: world.standings(run_id))  # type: ignore[misc] # likewise
            await self.both(lambda world, run_id=run_id: world.history(run_id))  # type: ignore[misc] # the default binds the loop's value


async def due_by_name(world: World) -> object:
    """Read what is due; in which order is left to the world."""
    due = await world.due_schedules()
    return sorted(row.name for row in due.rows), due.next_at


async def _play(seed: int, make: Callable[[Clock], World]) -> None:
    pair = Pair(seed, make)
    for world in pair.worlds:
        await world.open()
    try:
        await pair.both(lambda world: world.define_limits([Limit(name=name) for name in LIMITS]))
        for worker_id in WORKERS:
            await pair.both(lambda world, name=worker_id: world.join(name, lease_s=10))  # type: ignore[misc] # the default binds the loop's value
        for _ in range(CALLS):
            await pair.call()
            await pair.compare()
    finally:
        for world in pair.worlds:
            await world.close()


def _sqlite(path: Path, clock: Clock) -> World:
    return SqliteWorld(path, clock=clock)


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_sqlite_answers_as_the_model(tmp_path: Path, seed: int) -> None:
    """A seed that fails reproduces its failure."""
    await _play(seed, partial(_sqlite, tmp_path / "world.db"))


@pytest.mark.soak
@pytest.mark.timeout(0)
async def test_sqlite_answers_as_the_model_for_long(tmp_path: Path) -> None:
    """Many seeds."""
    for seed in range(SEEDS, SEEDS + SOAK_SEEDS):
        await _play(seed, partial(_sqlite, tmp_path / f"world{seed}.db"))


@pytest.fixture
def url(postgres_url: str) -> str:
    return postgres_url


@pytest.mark.parametrize("seed", range(3))
async def test_postgres_answers_as_the_model(url: str, seed: int) -> None:
    """Like SQLite."""
    await _play(seed, lambda clock: PostgresWorld(url, clock=clock))


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("seed", range(3, 3 + SOAK_SEEDS // 10))
async def test_postgres_answers_as_the_model_for_long(url: str, seed: int) -> None:
    """Many seeds."""
    await _play(seed, lambda clock: PostgresWorld(url, clock=clock))
