"""A state machine over the gates: no limit is exceeded, no slot is wasted, and nobody starves."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from wfc.clock import VirtualClock
from wfc.eventlog.event import (
    FailureKind,
    RunCancelled,
    RunCancelRequested,
    RunCompleted,
    RunFailed,
    RunPaused,
    RunUnpaused,
    RunWoken,
)
from wfc.ids import RunId, WorkerId
from wfc.worlds.memory import MemoryWorld
from wfc.worlds.promises.given import created
from wfc.worlds.protocol import (
    Appended,
    Claimed,
    Gate,
    Limit,
    NewRun,
    OpenRun,
    Owner,
    Rate,
    Release,
    SlotState,
    World,
)
from wfc.worlds.sqlite import SqliteWorld

WORKERS = [WorkerId("worker_a"), WorkerId("worker_b")]
LEASE_S = 10.0
QUEUES = {"queue:open": False, "queue:active": True}
OWN = "policy:shop:checkout"


class Gates(RuleBasedStateMachine):
    """Runs begin, rest, wake, halt, die and end, in any order."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.clock = VirtualClock()
        self.runner = asyncio.Runner()
        self.count = 0
        self.owned: dict[RunId, tuple[WorkerId, Owner]] = {}
        self.limits: dict[str, Limit] = {}
        self.world = self.make()
        self.do(self.world.open())
        for worker_id in WORKERS:
            self.do(self.world.join(worker_id, lease_s=LEASE_S))

    def make(self) -> World:
        return MemoryWorld(self.clock)

    def do(self, work: Any) -> Any:
        return self.runner.run(work)

    def teardown(self) -> None:
        try:
            self.drain()
        finally:
            self.do(self.world.close())
            self.runner.close()

    # -- what happens

    @initialize(
        concurrency=st.lists(st.sampled_from([None, 1, 1, 2]), min_size=3, max_size=3),
        rate=st.sampled_from([None, Rate(1, 3_000_000), Rate(2, 3_000_000)]),
    )
    def define(self, concurrency: list[int | None], rate: Rate | None) -> None:
        names = [*QUEUES, OWN]
        limits = [
            Limit(
                name=name,
                concurrency=most,
                rate=rate if name == "queue:open" else None,
                active=QUEUES.get(name, False),
            )
            for name, most in zip(names, concurrency, strict=True)
        ]
        self.limits = {limit.name: limit for limit in limits}
        self.do(self.world.define_limits(limits))

    @rule(
        queue=st.sampled_from([None, "open", "active"]),
        key=st.sampled_from([None, "ann", "bob"]),
        own=st.booleans(),
        priority=st.sampled_from([-1, 0, 0, 1]),
        delay_s=st.sampled_from([0, 0, 0, 2]),
    )
    def start(
        self, *, queue: str | None, key: str | None, own: bool, priority: int, delay_s: int
    ) -> None:
        not_before = self.clock.now_us() + delay_s * 1_000_000 if delay_s else None
        opening = created(queue=queue, priority=priority, not_before=not_before)
        opening = replace(opening, queue_key=key, limit_key="" if own else None)
        self.count += 1
        run_id = RunId(f"run_{self.count}")
        assert isinstance(self.do(self.world.append(run_id, [opening], guard=NewRun())), Appended)

    @rule(worker_id=st.sampled_from(WORKERS), limit=st.integers(1, 4))
    def work(self, worker_id: WorkerId, limit: int) -> None:
        """Take messages and claim what they name."""
        taken = self.do(self.world.take(worker_id, limit))
        for one in taken:
            self.claim(worker_id, one.message.run_id)
        self.do(self.world.done([one.receipt for one in taken]))

    def claim(self, worker_id: WorkerId, run_id: RunId) -> None:
        answer = self.do(self.world.claim(run_id, worker_id))
        if isinstance(answer, Claimed):
            assert run_id not in self.owned, "admitted twice"
            self.owned[run_id] = worker_id, Owner(answer.fence, answer.length)
            standings = self.do(self.world.standings(run_id))
            run = self.do(self.world.run(run_id))
            assert run.cancel_requested or all(
                each.state is SlotState.HELD for each in standings
            ), "a run without its slots is executed"

    @precondition(lambda self: self.owned)
    @rule(data=st.data(), for_child=st.booleans(), delay_s=st.sampled_from([None, 0, 1, 4]))
    def release(self, *, data: st.DataObject, for_child: bool, delay_s: int | None) -> None:
        run_id = data.draw(st.sampled_from(sorted(self.owned)))
        _, owner = self.owned.pop(run_id)
        wake_at = None if delay_s is None else self.clock.now_us() + delay_s * 1_000_000
        release = Release(wake_at=wake_at, for_child=for_child)
        self.appended(self.world.append(run_id, [], guard=owner, release=release))

    @precondition(lambda self: self.owned)
    @rule(data=st.data(), fails=st.booleans())
    def end(self, *, data: st.DataObject, fails: bool) -> None:
        run_id = data.draw(st.sampled_from(sorted(self.owned)))
        _, owner = self.owned.pop(run_id)
        failed = RunFailed(error=b"", kind=FailureKind.USER)
        event = failed if fails else RunCompleted(output=b"")
        self.appended(self.world.append(run_id, [event], guard=owner))

    @precondition(lambda self: self.count)
    @rule(data=st.data(), what=st.sampled_from(["wake", "cancel", "force", "pause", "block"]))
    def tell(self, data: st.DataObject, what: str) -> None:
        """Do something to a run from outside, unless it is executed just now."""
        run_id = RunId(f"run_{data.draw(st.integers(1, self.count))}")
        run = self.do(self.world.run(run_id))
        if run_id in self.owned or run.status.ended:
            return
        if what == "block":
            self.do(self.world.block(run_id, None if run.blocked else "why"))
        elif what == "pause":
            event: Any = RunUnpaused() if run.paused else RunPaused()
            self.appended(self.world.append(run_id, [event], guard=OpenRun()))
        elif what == "cancel" and not run.cancel_requested:
            self.appended(self.world.append(run_id, [RunCancelRequested()], guard=OpenRun()))
        elif what == "force":
            event = RunCancelled(reason=None, forced=True)
            self.appended(self.world.append(run_id, [event], guard=OpenRun()))
        elif what == "wake" and (run.not_before or 0) <= self.clock.now_us():
            self.appended(self.world.append(run_id, [RunWoken()], guard=OpenRun()))

    def appended(self, work: Any) -> None:
        assert isinstance(self.do(work), Appended)

    @rule(worker_id=st.sampled_from(WORKERS))
    def die(self, worker_id: WorkerId) -> None:
        """A worker is killed, which others find out; it comes back empty."""
        self.do(self.world.leave(worker_id))
        self.owned = {name: one for name, one in self.owned.items() if one[0] != worker_id}
        self.do(self.world.join(worker_id, lease_s=LEASE_S))

    @rule()
    def lose(self) -> None:
        """All messages that are due are lost with whoever took them."""
        taken = self.do(self.world.take(WORKERS[0], 1000))
        self.do(self.world.done([one.receipt for one in taken]))

    @rule(by_s=st.sampled_from([1, 1, 3]))
    def wait(self, by_s: int) -> None:
        self.clock.advance(timedelta(seconds=by_s))
        for worker_id in WORKERS:
            assert not self.world.renew(worker_id, lease_s=LEASE_S).fenced

    # -- what always holds

    @invariant()
    def no_limit_is_exceeded(self) -> None:
        """A rate opens while nobody writes, and then a call is due, or a sweep."""
        if self.limits:
            self.check(swept=False)

    def check(self, *, swept: bool) -> None:
        for state in self.do(self.world.gates()):
            most = state.limit.concurrency
            assert most is None or state.held <= most
            # A slot is free and somebody waits: only a rate, or another gate, holds it up.
            free = most is None or state.held < most
            told = swept or state.limit.rate is None
            if state.waiting and free and told and state.opens_at is None:
                self.held_up_elsewhere(state.gate, swept=swept)

    def held_up_elsewhere(self, gate: Gate, *, swept: bool) -> None:
        states = {each.gate: each for each in self.do(self.world.gates())}
        for number in range(1, self.count + 1):
            rows = self.do(self.world.standings(RunId(f"run_{number}")))
            here = [row for row in rows if row.gate == gate and row.state is SlotState.WAITING]
            if not here or here[0].opens_at is not None:
                continue
            others = [row for row in rows if row.gate != gate and row.state is SlotState.WAITING]
            assert any(_is_shut(states[row.gate], swept=swept) for row in others), "wasted"

    # -- nobody starves

    def drain(self) -> None:
        """Let everything go on, and end whatever runs: in the end nobody is left."""
        for number in range(1, self.count + 1):
            run_id = RunId(f"run_{number}")
            run = self.do(self.world.run(run_id))
            if run.blocked:
                self.do(self.world.block(run_id, None))
            if run.paused and not run.status.ended:
                self.appended(self.world.append(run_id, [RunUnpaused()], guard=OpenRun()))
            if not run.status.ended and run_id not in self.owned:
                self.appended(self.world.append(run_id, [RunWoken()], guard=OpenRun()))
        for _ in range(4 * self.count + 4):
            self.do(self.world.sweep())
            self.check(swept=True)
            self.work(WORKERS[0], 1000)
            for run_id, (_, owner) in list(self.owned.items()):
                del self.owned[run_id]
                done = RunCompleted(output=b"")
                self.do(self.world.append(run_id, [done], guard=owner))
            self.no_limit_is_exceeded()
            self.wait(1)
        for number in range(1, self.count + 1):
            run = self.do(self.world.run(RunId(f"run_{number}")))
            assert run.status.ended, f"{run.run_id} starves"
        assert not any(state.held for state in self.do(self.world.gates()))


def _is_shut(state: Any, *, swept: bool) -> bool:
    if state.limit.rate is not None and not swept:
        return True  # or it has just opened
    most = state.limit.concurrency
    return state.opens_at is not None or (most is not None and state.held >= most)


class SqliteGates(Gates):
    """The same on a file."""

    def make(self) -> World:
        self.folder = tempfile.TemporaryDirectory()
        return SqliteWorld(Path(self.folder.name) / "world.db", clock=self.clock)

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


_LOOSE = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
Gates.TestCase.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=_LOOSE
)
SqliteGates.TestCase.settings = settings(
    max_examples=5, stateful_step_count=25, deadline=None, suppress_health_check=_LOOSE
)


class TestGatesInMemory(Gates.TestCase):  # type: ignore[misc,valid-type]  # hypothesis makes it
    """In memory."""


class TestGatesInSqlite(SqliteGates.TestCase):  # type: ignore[misc,valid-type]  # likewise
    """On a file."""


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_gates_for_long() -> None:
    """Many more examples."""
    from hypothesis.stateful import run_state_machine_as_test  # noqa: PLC0415 - only here

    long = settings(max_examples=3000, stateful_step_count=50, deadline=None)
    run_state_machine_as_test(Gates, settings=long)
