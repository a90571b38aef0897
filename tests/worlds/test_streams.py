"""Streams of both worlds under any history of calls: what is promised of indexes always holds."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from wfc.clock import VirtualClock
from wfc.errors import StreamTooLarge
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import FailureKind, RunCancelled, RunFailed, RunUpgraded
from wfc.ids import VersionId
from wfc.worlds import chunks as rules
from wfc.worlds.chunks import ChunkPage, ChunkRow, Form
from wfc.worlds.memory import MemoryWorld
from wfc.worlds.promises.given import ALICE, BOB, OTHER, RUN, VERSION, owned, step_id, wrote
from wfc.worlds.protocol import (
    Claimed,
    NewChunk,
    OpenRun,
    Owner,
    Refused,
    StreamWrite,
    Unowned,
    World,
    WritingStep,
    Written,
)
from wfc.worlds.sqlite import SqliteWorld

NAMESPACES: Final = ("default", "ui~1")
CHUNKS = st.lists(
    st.builds(
        NewChunk,
        form=st.sampled_from([Form.RAW, Form.VALUE]),
        body=st.binary(max_size=8),
        key=st.none() | st.sampled_from("abc"),
    ),
    max_size=4,
).map(tuple)
STEPS = st.none() | st.builds(
    WritingStep,
    operation_id=st.sampled_from([step_id(0), step_id(1)]),
    attempt=st.integers(1, 3),
    begins=st.booleans(),
)
WRITES = st.builds(
    StreamWrite,
    namespace=st.sampled_from(NAMESPACES),
    chunks=CHUNKS,
    step=STEPS,
    close=st.integers(0, 9).map(lambda n: n == 0),
    epilogue=st.none()
    | st.dictionaries(st.sampled_from([RunStatus.CANCELLED, RunStatus.FAILED]), CHUNKS),
)


class Streams(RuleBasedStateMachine):
    """Two worlds that are told the same; the model is the list of all that was ever read."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._folder = tempfile.TemporaryDirectory()
        self._worlds: list[World] = []
        self._owner = Owner(0, 0)
        self._ended = False
        self._read: dict[str, list[ChunkRow]] = {name: [] for name in NAMESPACES}
        self._moves = 0
        self._version = VERSION

    def teardown(self) -> None:
        for world in self._worlds:
            self._runner.run(world.close())
        self._runner.close()
        self._folder.cleanup()

    def both(self, ask: Any) -> Any:
        """Ask both worlds, and insist that they answer alike."""
        answers = [self._runner.run(ask(world)) for world in self._worlds]
        assert answers[0] == answers[1]
        return answers[0]

    @initialize()
    def begin(self) -> None:
        clock = VirtualClock()
        file = Path(self._folder.name) / "world.db"
        self._worlds = [MemoryWorld(clock), SqliteWorld(file, clock=clock)]
        for world in self._worlds:
            self._runner.run(world.open())
        self._owner = self.both(owned)
        self.both(lambda world: owned(world, OTHER, BOB))

    @rule(write=WRITES, other=st.booleans(), stale=st.integers(0, 5))
    def write(self, *, write: StreamWrite, other: bool, stale: int) -> None:
        """As the run's own worker or that of another run, or as one that lost its lease."""
        guard = Owner(1 if other else self._owner.fence, 0)
        if stale == 0:
            guard = Owner(guard.fence + 7, 0)
        writer = OTHER if other else None
        answer = self.both(lambda world: world.write_chunks(RUN, write, guard=guard, writer=writer))
        if stale == 0:
            assert isinstance(answer, Refused)
        if isinstance(answer, Written):
            page = self.page(write.namespace)
            assert page.length == answer.length
            if write.close:
                assert page.closed

    @precondition(lambda self: not self._ended)
    @rule(write=WRITES)
    def write_too_much(self, write: StreamWrite) -> None:
        """Nothing of it is written."""
        large = NewChunk(form=Form.RAW, body=bytes(rules.CHUNK_BYTES_MAX + 1))
        wanted = StreamWrite(namespace=write.namespace, chunks=(*write.chunks, large))

        async def ask(world: World) -> object:
            try:
                return await world.write_chunks(RUN, wanted, guard=self._owner)
            except StreamTooLarge as error:
                return str(error)

        assert isinstance(self.both(ask), str | Refused)

    @precondition(lambda self: not self._ended)
    @rule(failed=st.booleans(), write=WRITES)
    def end(self, *, failed: bool, write: StreamWrite) -> None:
        """By its owner, with chunks of its own, or by force."""
        if failed:
            end = RunFailed(error=b"", kind=FailureKind.USER)
            length = len(self.both(lambda world: world.history(RUN)))
            guard = Owner(self._owner.fence, length)
            closed = self.page(write.namespace).closed
            more = [] if closed else [write]
            wrote(self.both(lambda world: world.append(RUN, [end], guard=guard, chunks=more)))
        else:
            forced = RunCancelled(forced=True)
            wrote(self.both(lambda world: world.append(RUN, [forced], guard=OpenRun())))
        self._ended = True
        assert all(self.page(name).closed for name in NAMESPACES)

    @precondition(lambda self: self._ended)
    @rule()
    def revive(self) -> None:
        """Only a failed run goes on."""
        log = self.both(lambda world: world.history(RUN))
        if not isinstance(log[-1].event, RunFailed):
            return
        self._moves += 1
        before, self._version = self._version, VersionId(f"{self._moves:016x}")
        moved = RunUpgraded(
            from_version=before,
            to_version=self._version,
            fingerprint="g",
            site_map={"charge~a1b2": f"charge~{self._moves}"} if self._moves == 1 else {},
        )
        wrote(self.both(lambda world: world.append(RUN, [moved], guard=Unowned(len(log)))))
        answer = self.both(lambda world: world.claim(RUN, ALICE))
        assert isinstance(answer, Claimed)
        self._owner, self._ended = Owner(answer.fence, 0), False

    @rule()
    def reopen(self) -> None:
        """The process that kept the file ends, and another goes on."""
        old = self._worlds[1]
        assert isinstance(old, SqliteWorld)
        self._runner.run(old.close())
        self._worlds[1] = SqliteWorld(old.path, clock=old._clock)
        self._runner.run(self._worlds[1].open())

    def page(self, namespace: str) -> ChunkPage:
        page: ChunkPage = self.both(lambda world: world.read_chunks(RUN, namespace, 0, 10_000))
        return page

    @invariant()
    def what_was_read_stays_and_the_rest_follows(self) -> None:
        """Indexes are dense; all[0:k] + read(k) == all; the tail is that of the last chunk."""
        if not self._worlds:
            return
        for name in NAMESPACES:
            page = self.page(name)
            whole = list(page.chunks)
            assert [one.index for one in whole] == list(range(page.length))
            assert whole[: len(self._read[name])] == self._read[name]
            self._read[name] = whole
            for k in {1, len(whole) // 2, len(whole)}:
                rest = self.both(
                    lambda world, name=name, k=k: world.read_chunks(RUN, name, k, 10_000)
                )
                assert whole[:k] + list(rest.chunks) == whole
            assert self.both(lambda world, name=name: world.tail_index(RUN, name)) == len(whole) - 1
            for one in whole:
                assert one.form is not Form.RESET or 0 <= int(one.body) <= one.index
        self.both(lambda world: world.streams(RUN))


_USUAL: Final = settings(
    max_examples=10,
    stateful_step_count=10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
Streams.TestCase.settings = _USUAL
TestStreams = Streams.TestCase


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_many_more_histories_of_streams() -> None:
    """The same, with a larger dose."""
    many = settings(_USUAL, max_examples=100, stateful_step_count=25)
    run_state_machine_as_test(Streams, settings=many)
