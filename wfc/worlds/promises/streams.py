"""What a world promises of streams: dense indexes, fenced writers, and an end for every reader."""
# ruff: noqa: PLR2004 - expected values are literals in a test

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from wfc.clock import VirtualClock
from wfc.errors import StreamClosed, StreamTooLarge
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import (
    ChildCreated,
    Event,
    FailureKind,
    Parent,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunRestarted,
    RunUpgraded,
)
from wfc.ids import DefinitionId, OperationId, RunId, VersionId
from wfc.worlds import chunks as chunk_rules
from wfc.worlds.chunks import ChunkRow, Epilogue, Form
from wfc.worlds.promises.given import (
    ALICE,
    BOB,
    OTHER,
    RUN,
    VERSION,
    claimed,
    created,
    joined,
    owned,
    queued_step,
    started,
    step_done,
    step_ended,
    step_id,
    taken_step,
    wrote,
)
from wfc.worlds.protocol import (
    AttemptOf,
    Child,
    CopiedStreams,
    NewChunk,
    NewRun,
    OpenRun,
    Owner,
    Refusal,
    Refused,
    StreamRow,
    StreamWrite,
    Unowned,
    World,
    WritingStep,
    Written,
)

OUT: Final = "out"
_EPILOGUE: Final[Epilogue] = {
    RunStatus.COMPLETED: (NewChunk(form=Form.RAW, body=b"finish"),),
    RunStatus.CANCELLED: (
        NewChunk(form=Form.RAW, body=b"abort"),
        NewChunk(form=Form.RAW, body=b"finish"),
    ),
}
_RESTARTED: Final = RunRestarted(
    chapter=2, arguments=b"", seed=bytes(32), version=VERSION, fingerprint="f" * 32
)


def raw(*bodies: bytes, key: str | None = None) -> tuple[NewChunk, ...]:
    """Make chunks of bytes."""
    return tuple(NewChunk(form=Form.RAW, body=body, key=key) for body in bodies)


def by(number: int = 0, attempt: int = 1, *, begins: bool = False) -> WritingStep:
    """Name the attempt that writes."""
    return WritingStep(operation_id=step_id(number), attempt=attempt, begins=begins)


def to_out(*bodies: bytes, step: WritingStep | None = None, close: bool = False) -> StreamWrite:
    """Write these bytes to the stream that most tests have."""
    return StreamWrite(namespace=OUT, chunks=raw(*bodies), step=step, close=close)


async def put(world: World, guard: Owner | AttemptOf, *bodies: bytes, close: bool = False) -> int:
    """Write bytes, and insist that they were written; give the length."""
    answer = await world.write_chunks(RUN, to_out(*bodies, close=close), guard=guard)
    assert isinstance(answer, Written), answer
    return answer.length


async def bodies(
    world: World, start: int = 0, run_id: RunId = RUN, namespace: str = OUT
) -> list[bytes]:
    """Read all from an index on."""
    page = await world.read_chunks(run_id, namespace, start, 100_000)
    assert [one.index for one in page.chunks] == list(range(start, start + len(page.chunks)))
    return [one.body for one in page.chunks]


async def child_of_other(world: World) -> tuple[Owner, Owner]:
    """Make `RUN` a child of `OTHER`, and give the guards of `OTHER` and of `RUN`."""
    above = await owned(world, OTHER)
    name, workflow = OperationId("start~a#0"), DefinitionId("shop:ship")
    event = ChildCreated(operation_id=name, run_id=RUN, workflow=workflow, digest=bytes(16))
    parent = Parent(run_id=OTHER, operation_id=name)
    child = Child(run_id=RUN, event=replace(created(), parent=parent, root_id=OTHER, depth=1))
    wrote(await world.append(OTHER, [event], guard=above, create=[child]))
    return Owner(above.fence, above.length + 1), await claimed(world)


class Streams:
    """Streams."""

    async def test_chunks_get_dense_indexes_when_they_are_committed(
        self, world: World, clock: VirtualClock
    ) -> None:
        """In the order of the writer, with who wrote them, and when."""
        owner = await owned(world)
        wanted = to_out(b"a", b"b", step=by(1, 2))
        assert await world.write_chunks(RUN, wanted, guard=owner) == Written(2)
        clock.advance(timedelta(seconds=1))
        assert await put(world, owner, b"c") == 3
        page = await world.read_chunks(RUN, OUT)
        at = clock.now_us()
        assert page.chunks == (
            ChunkRow(
                index=0,
                form=Form.RAW,
                body=b"a",
                recorded_at=at - 1_000_000,
                operation_id=step_id(1),
                attempt=2,
            ),
            ChunkRow(
                index=1,
                form=Form.RAW,
                body=b"b",
                recorded_at=at - 1_000_000,
                operation_id=step_id(1),
                attempt=2,
            ),
            ChunkRow(index=2, form=Form.RAW, body=b"c", recorded_at=at),
        )
        assert (page.length, page.closed) == (3, False)
        assert await world.tail_index(RUN, OUT) == 2

    async def test_for_every_index_the_rest_follows(self, world: World) -> None:
        """all[0:k] + read(k) == all, for every k, also by pages."""
        owner = await owned(world)
        for number in range(7):
            await put(world, owner, b"%d" % number, b"%d'" % number)
        whole = await bodies(world)
        assert len(whole) == 14
        for k in range(16):
            assert whole[:k] + await bodies(world, k) == whole
        paged: list[bytes] = []
        while page := (await world.read_chunks(RUN, OUT, len(paged), 3)).chunks:
            paged += [one.body for one in page]
        assert paged == whole

    async def test_many_writers_leave_no_gap(self, world: World) -> None:
        """And each finds its chunks in its own order."""
        owner = await owned(world)
        writes = [
            world.write_chunks(RUN, to_out(b"%d:0" % n, b"%d:1" % n, step=by(n)), guard=owner)
            for n in range(20)
        ]
        answers = await asyncio.gather(*writes)
        lengths = [one.length for one in answers if isinstance(one, Written)]
        assert sorted(lengths) == list(range(2, 42, 2))
        found = await bodies(world)
        assert len(found) == 40
        for n in range(20):
            assert found.index(b"%d:0" % n) + 1 == found.index(b"%d:1" % n)

    async def test_a_page_holds_not_much_more_than_4_mib(self, world: World) -> None:
        """However many chunks are asked for; one chunk it holds in any case."""
        owner = await owned(world)
        large = bytes(chunk_rules.CHUNK_BYTES_MAX)
        for _ in range(6):
            await put(world, owner, large)
        assert len((await world.read_chunks(RUN, OUT, 0, 100)).chunks) == 4
        assert len((await world.read_chunks(RUN, OUT, 5, 100)).chunks) == 1
        assert (await world.read_chunks(RUN, OUT, 6, 100)).chunks == ()

    async def test_streams_of_a_run_are_apart(self, world: World, clock: VirtualClock) -> None:
        """Each namespace has indexes of its own; they are listed by name."""
        owner = await owned(world)
        await put(world, owner, b"abc", b"d")
        wanted = StreamWrite(namespace="log", chunks=raw(b"x"), close=True)
        assert await world.write_chunks(RUN, wanted, guard=owner) == Written(1)
        assert await bodies(world, namespace="log") == [b"x"]
        now = clock.now_us()
        assert await world.streams(RUN) == [
            StreamRow(namespace="log", length=1, size=1, closed=True, created_at=now),
            StreamRow(namespace=OUT, length=2, size=4, closed=False, created_at=now),
        ]
        assert await world.streams(OTHER) == []

    async def test_a_stream_nobody_wrote_to_is_empty(self, world: World) -> None:
        """It may still come while its run is open."""
        assert await world.tail_index(RUN, OUT) == -1
        assert (await world.read_chunks(RUN, OUT)).closed, "there is no such run"
        owner = await owned(world)
        page = await world.read_chunks(RUN, OUT)
        assert (page.chunks, page.length, page.closed) == ((), 0, False)
        assert await world.tail_index(RUN, OUT) == -1
        wrote(await world.append(RUN, [RunCompleted(output=b"")], guard=owner))
        assert (await world.read_chunks(RUN, OUT)).closed
        assert await world.streams(RUN) == []

    # -- who may write

    async def test_an_owner_writes_whatever_it_has_seen_of_the_log(self, world: World) -> None:
        """Bodies write while decisions are made."""
        owner = await owned(world)
        wrote(await world.append(RUN, [step_done()], guard=owner))
        assert await put(world, Owner(owner.fence, 0), b"a") == 1
        assert await put(world, Owner(owner.fence, 99), b"b") == 2

    async def test_a_worker_that_lost_its_lease_writes_nothing(self, world: World) -> None:
        """Its chunks would stand among those of its successor."""
        owner = await owned(world)
        await put(world, owner, b"a")
        await world.leave(ALICE)
        await joined(world, BOB)
        assert (await world.write_chunks(RUN, to_out(b"b"), guard=owner)) == Refused(
            reason=Refusal.FENCED
        )
        mine = await claimed(world, RUN, BOB)
        assert (await world.write_chunks(RUN, to_out(b"b"), guard=owner)) == Refused(
            reason=Refusal.FENCED
        )
        assert await put(world, mine, b"c") == 2
        assert await bodies(world) == [b"a", b"c"]

    async def test_an_attempt_writes_while_it_is_wanted(self, world: World) -> None:
        """Whoever owns the run."""
        owner = await queued_step(world)
        none = AttemptOf(step_id(0), 1)
        assert await world.write_chunks(RUN, to_out(b"a"), guard=none) == Refused(
            reason=Refusal.FENCED
        )
        await joined(world, BOB)
        attempt = AttemptOf(step_id(0), (await taken_step(world)).fence)
        assert await put(world, attempt, b"a") == 1
        wrong = AttemptOf(step_id(0), attempt.fence + 1)
        assert await world.write_chunks(RUN, to_out(b"b"), guard=wrong) == Refused(
            reason=Refusal.FENCED
        )
        wrote(await world.append(RUN, [step_ended()], guard=owner))
        assert await world.write_chunks(RUN, to_out(b"b"), guard=attempt) == Refused(
            reason=Refusal.MISSING
        )
        assert await bodies(world) == [b"a"]

    async def test_a_run_may_be_written_to_by_steps_of_another(self, world: World) -> None:
        """A child that was given the stream: its own lease counts."""
        owner = await owned(world)
        child = await owned(world, OTHER, BOB)
        wanted = to_out(b"a", step=by())
        assert await world.write_chunks(RUN, wanted, guard=child, writer=OTHER) == Written(1)
        (chunk,) = (await world.read_chunks(RUN, OUT)).chunks
        assert (chunk.writer, chunk.operation_id) == (OTHER, step_id(0))
        assert await world.read_chunks(OTHER, OUT) == await world.read_chunks(OTHER, "none")
        wrong = Owner(child.fence + 1, 0)
        assert await world.write_chunks(RUN, wanted, guard=wrong, writer=OTHER) == Refused(
            reason=Refusal.FENCED
        )
        wrote(await world.append(RUN, [RunCompleted(output=b"")], guard=owner))
        assert await world.write_chunks(RUN, wanted, guard=child, writer=OTHER) == Refused(
            reason=Refusal.CLOSED
        )
        wrote(await world.append(OTHER, [RunCompleted(output=b"")], guard=child))
        assert await world.write_chunks(RUN, wanted, guard=child, writer=OTHER) == Refused(
            reason=Refusal.OVER
        )

    async def test_a_run_that_is_not_there_has_no_streams(self, world: World) -> None:
        """Neither as the one that is written to, nor as the one that writes."""
        owner = await owned(world)
        for run_id, writer in ((OTHER, RUN), (RUN, OTHER)):
            answer = await world.write_chunks(run_id, to_out(b"a"), guard=owner, writer=writer)
            assert answer == Refused(reason=Refusal.MISSING)

    # -- keys and repeated attempts

    async def test_a_known_key_is_written_once(self, world: World) -> None:
        """So that whoever replays may write again without harm, also after the close."""
        owner = await owned(world)
        first = StreamWrite(namespace=OUT, chunks=(*raw(b"a", key="1"), *raw(b"a", key="1")))
        assert await world.write_chunks(RUN, first, guard=owner) == Written(1)
        again = StreamWrite(namespace=OUT, chunks=(*raw(b"a", key="1"), *raw(b"b", key="2")))
        assert await world.write_chunks(RUN, again, guard=owner) == Written(2)
        await put(world, owner, close=True)
        assert await world.write_chunks(RUN, again, guard=owner) == Written(2)
        new = StreamWrite(namespace=OUT, chunks=raw(b"c", key="3"))
        assert await world.write_chunks(RUN, new, guard=owner) == Refused(reason=Refusal.CLOSED)
        assert await bodies(world) == [b"a", b"b"]

    async def test_a_step_that_writes_anew_says_what_is_void(self, world: World) -> None:
        """Only of itself, and with an index of its own."""
        owner = await owned(world)
        writes = [
            to_out(b"x", step=by(1, begins=True)),
            to_out(b"a", step=by(begins=True)),
            to_out(b"b", step=by()),
            to_out(b"c", step=by(0, 2, begins=True)),
            to_out(step=by(0, 3, begins=True)),
        ]
        for wanted in writes:
            assert isinstance(await world.write_chunks(RUN, wanted, guard=owner), Written)
        page = await world.read_chunks(RUN, OUT)
        assert [(one.form, one.body, one.attempt) for one in page.chunks] == [
            (Form.RAW, b"x", 1),
            (Form.RAW, b"a", 1),
            (Form.RAW, b"b", 1),
            (Form.RESET, b"1", 2),
            (Form.RAW, b"c", 2),
            (Form.RESET, b"1", 3),
        ]

    # -- the end

    async def test_a_closed_stream_takes_nothing_more(self, world: World) -> None:
        """The mark has no index; closing again does nothing."""
        owner = await owned(world)
        assert await put(world, owner, b"a", close=True) == 1
        assert await world.write_chunks(RUN, to_out(b"b"), guard=owner) == Refused(
            reason=Refusal.CLOSED
        )
        assert await put(world, owner, close=True) == 1
        page = await world.read_chunks(RUN, OUT)
        assert (page.length, page.closed) == (1, True)
        with pytest.raises(StreamClosed):
            await world.append(RUN, [step_done()], guard=owner, chunks=[to_out(b"b")])
        assert len(await world.history(RUN)) == 2, "all or nothing"

    async def test_a_step_that_is_repeated_opens_what_it_closed(self, world: World) -> None:
        """It was lost before its outcome was recorded, and does all of it again; others may not."""
        owner = await owned(world)
        child = await owned(world, OTHER, BOB)
        first = to_out(b"a", step=by(begins=True), close=True)
        assert await world.write_chunks(RUN, first, guard=owner) == Written(1)
        for wanted, guard, writer in (
            (to_out(b"x", step=by(1, begins=True)), owner, RUN),
            (to_out(b"x", step=by(begins=True)), child, OTHER),
            (to_out(b"x", step=by()), owner, RUN),
            (to_out(b"x"), owner, RUN),
        ):
            answer = await world.write_chunks(RUN, wanted, guard=guard, writer=writer)
            assert answer == Refused(reason=Refusal.CLOSED)
        again = to_out(b"a", step=by(0, 2, begins=True))
        assert await world.write_chunks(RUN, again, guard=owner) == Written(3)
        assert await bodies(world) == [b"a", b"0", b"a"]
        assert not (await world.read_chunks(RUN, OUT)).closed
        closing = to_out(step=by(0, 2), close=True)
        assert await world.write_chunks(RUN, closing, guard=owner) == Written(3)
        assert (await world.read_chunks(RUN, OUT)).closed

    async def test_a_stream_may_be_closed_before_anything_is_written(self, world: World) -> None:
        """Whoever waits for it learns that nothing comes."""
        assert await put(world, await owned(world), close=True) == 0
        page = await world.read_chunks(RUN, OUT)
        assert (page.length, page.closed) == (0, True)

    @pytest.mark.parametrize(
        ("end", "last"),
        [
            (RunCompleted(output=b""), [b"finish"]),
            (RunCancelled(), [b"abort", b"finish"]),
            (RunFailed(error=b"", kind=FailureKind.USER), []),
        ],
    )
    async def test_the_end_of_a_run_closes_its_streams(
        self, world: World, end: Event, last: list[bytes]
    ) -> None:
        """Each behind what was kept for this end."""
        owner = await owned(world)
        kept = StreamWrite(namespace=OUT, chunks=raw(b"a"), epilogue=_EPILOGUE)
        await world.write_chunks(RUN, kept, guard=owner)
        closed = StreamWrite(namespace="closed", epilogue=_EPILOGUE, close=True)
        await world.write_chunks(RUN, closed, guard=owner)
        await world.write_chunks(RUN, StreamWrite(namespace="plain"), guard=owner)
        wrote(await world.append(RUN, [end], guard=owner, chunks=[to_out(b"b")]))
        assert await bodies(world) == [b"a", b"b", *last]
        for namespace, length in ((OUT, 2 + len(last)), ("closed", 0), ("plain", 0)):
            page = await world.read_chunks(RUN, namespace)
            assert (page.length, page.closed) == (length, True), namespace
        assert await world.write_chunks(RUN, to_out(b"c"), guard=owner) == Refused(
            reason=Refusal.OVER
        )

    async def test_whoever_ends_a_run_closes_its_streams(self, world: World) -> None:
        """A forced cancel too, over a worker that still writes."""
        owner = await owned(world)
        kept = StreamWrite(namespace=OUT, chunks=raw(b"a"), epilogue=_EPILOGUE)
        await world.write_chunks(RUN, kept, guard=owner)
        wrote(await world.append(RUN, [RunCancelled(forced=True)], guard=OpenRun()))
        assert await bodies(world) == [b"a", b"abort", b"finish"]
        assert (await world.read_chunks(RUN, OUT)).closed

    async def test_a_run_that_is_revived_goes_on_writing(self, world: World) -> None:
        """What a step closed stays closed; what was written stays, and keeps its index."""
        owner = await owned(world)
        await put(world, owner, b"a")
        await world.write_chunks(RUN, StreamWrite(namespace="done", close=True), guard=owner)
        failed = RunFailed(error=b"", kind=FailureKind.USER)
        answer = wrote(await world.append(RUN, [failed], guard=owner))
        new = VersionId("fedcba9876543210")
        upgraded = RunUpgraded(from_version=VERSION, to_version=new, fingerprint="g")
        wrote(await world.append(RUN, [upgraded], guard=Unowned(answer.length)))
        again = await claimed(world)
        assert await put(world, again, b"b") == 2
        assert (await world.read_chunks(RUN, "done")).closed
        assert not (await world.read_chunks(RUN, OUT)).closed

    async def test_a_restart_leaves_streams_open(self, world: World) -> None:
        """The next chapter writes on where the last one ended."""
        owner = await owned(world)
        await put(world, owner, b"a")
        wrote(await world.append(RUN, [_RESTARTED], guard=owner))
        assert await put(world, owner, b"b") == 2

    async def test_a_restart_forgets_who_has_written(self, world: World) -> None:
        """Steps of a chapter that is over write no more, so nothing of theirs becomes void: neither
        in streams of the run nor in those of a run above it that it was given.
        """
        _, guard = await child_of_other(world)
        wanted = to_out(b"a", step=by(begins=True))
        for to in (RUN, OTHER):
            answer = await world.write_chunks(to, wanted, guard=guard, writer=RUN)
            assert answer == Written(1)
        wrote(await world.append(RUN, [_RESTARTED], guard=guard))
        for to in (RUN, OTHER):
            answer = await world.write_chunks(to, wanted, guard=guard, writer=RUN)
            assert answer == Written(2), "no chunk says that the first is void"

    async def test_a_restart_keeps_what_others_may_write(self, world: World) -> None:
        """A child goes on, and says what is void in its parent's stream."""
        above, guard = await child_of_other(world)
        wanted = to_out(b"a", step=by(begins=True))
        assert await world.write_chunks(OTHER, wanted, guard=guard, writer=RUN) == Written(1)
        wrote(await world.append(OTHER, [_RESTARTED], guard=above))
        assert await world.write_chunks(OTHER, wanted, guard=guard, writer=RUN) == Written(3)

    async def test_a_step_goes_by_its_present_name(self, world: World) -> None:
        """Its attempt began before the run was moved to code that calls it otherwise."""
        await queued_step(world)
        await joined(world, BOB)
        attempt = AttemptOf(step_id(0), (await taken_step(world)).fence)
        wanted = to_out(b"a", step=by(begins=True))
        await world.write_chunks(RUN, wanted, guard=attempt)
        await world.leave(ALICE)
        length = len(await world.history(RUN))
        upgraded = RunUpgraded(
            from_version=VERSION,
            to_version=VersionId("fedcba9876543210"),
            fingerprint="g",
            site_map={"charge~a1b2": "pay~a1b2"},
        )
        wrote(await world.append(RUN, [upgraded], guard=Unowned(length)))
        assert await put(world, attempt, b"b") == 2
        renamed = StreamWrite(
            namespace=OUT,
            step=WritingStep(operation_id=OperationId("pay~a1b2#0"), attempt=2, begins=True),
        )
        await world.write_chunks(RUN, renamed, guard=attempt)
        page = await world.read_chunks(RUN, OUT, 2)
        assert [(one.form, one.body) for one in page.chunks] == [(Form.RESET, b"0")]

    async def test_what_an_outcome_brings_goes_by_the_present_name(self, world: World) -> None:
        """As the outcome itself does, whose attempt began before the run was moved."""
        await queued_step(world)
        await joined(world, BOB)
        attempt = AttemptOf(step_id(0), (await taken_step(world)).fence)
        await world.leave(ALICE)
        upgraded = RunUpgraded(
            from_version=VERSION,
            to_version=VersionId("fedcba9876543210"),
            fingerprint="g",
            site_map={"charge~a1b2": "pay~a1b2"},
        )
        length = len(await world.history(RUN))
        wrote(await world.append(RUN, [upgraded], guard=Unowned(length)))
        wanted = to_out(b"a", step=by(begins=True)), to_out(b"b")
        outcome = [step_ended(0)]
        wrote(await world.append(RUN, outcome, guard=attempt, chunks=wanted))
        page = await world.read_chunks(RUN, OUT)
        assert [one.operation_id for one in page.chunks] == ["pay~a1b2#0", None]

    # -- what may be missing

    async def test_what_is_spare_is_left_out_where_it_would_be_refused(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By a stream that is closed, or full, or for a chunk too large; the rest is written."""
        monkeypatch.setattr(chunk_rules, "CHUNKS_MAX", 3)
        owner = await owned(world)
        large = bytes(chunk_rules.CHUNK_BYTES_MAX + 1)
        await put(world, owner, b"a", b"b")
        for spare in (to_out(b"c", b"d"), to_out(large)):
            wanted = replace(spare, spare=True)
            assert await world.write_chunks(RUN, wanted, guard=owner) == Written(2)
            wrote(await world.append(RUN, [], guard=owner, chunks=[wanted]))
        fitting = replace(to_out(b"c"), spare=True)
        assert await world.write_chunks(RUN, fitting, guard=owner) == Written(3)
        await world.write_chunks(RUN, to_out(close=True), guard=owner)
        late = replace(to_out(b"d"), spare=True)
        assert await world.write_chunks(RUN, late, guard=owner) == Written(3)
        wrote(await world.append(RUN, [step_done()], guard=owner, chunks=[late]))
        assert await bodies(world) == [b"a", b"b", b"c"]
        assert (await world.read_chunks(RUN, OUT)).closed

    # -- limits

    async def test_a_chunk_has_a_limit(self, world: World) -> None:
        """And the others that came with it are not written either."""
        owner = await owned(world)
        large = bytes(chunk_rules.CHUNK_BYTES_MAX)
        with pytest.raises(StreamTooLarge, match=r"a chunk of 1,048,577 bytes for the stream"):
            await world.write_chunks(RUN, to_out(b"a", large + b"."), guard=owner)
        with pytest.raises(StreamTooLarge):
            await world.append(RUN, [step_done()], guard=owner, chunks=[to_out(large + b".")])
        assert await world.streams(RUN) == []
        assert len(await world.history(RUN)) == 2
        assert await put(world, owner, large) == 1

    @pytest.mark.parametrize(("limit", "value"), [("CHUNKS_MAX", 3), ("STREAM_BYTES_MAX", 6)])
    async def test_a_stream_has_limits(
        self, world: World, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
    ) -> None:
        """Of chunks, and of bytes; what ends it may pass them."""
        monkeypatch.setattr(chunk_rules, limit, value)
        owner = await owned(world)
        assert await put(world, owner, b"aa", b"bb", b"cc") == 3
        with pytest.raises(StreamTooLarge, match="would have 4 chunks and 8 bytes"):
            await world.write_chunks(RUN, to_out(b"dd"), guard=owner)
        await world.write_chunks(RUN, StreamWrite(namespace=OUT, epilogue=_EPILOGUE), guard=owner)
        wrote(await world.append(RUN, [RunCompleted(output=b"")], guard=owner))
        assert await bodies(world) == [b"aa", b"bb", b"cc", b"finish"]

    # -- news, copies, retention

    async def test_news_of_streams_are_told(self, world: World) -> None:
        """Also that a run has ended, to whoever waits for a stream that never came."""
        owner = await owned(world)
        watch, others = world.watch(f"stream:{RUN}"), world.watch(f"run:{RUN}")
        await put(world, owner, b"a")
        assert await watch.changed(1.0)
        assert not await others.changed(0.0)
        await put(world, owner, close=True)
        assert await watch.changed(1.0)
        wrote(await world.append(RUN, [step_done()], guard=owner, chunks=[_log(b"a")]))
        assert await watch.changed(1.0)
        end = Owner(owner.fence, owner.length + 1)
        wrote(await world.append(RUN, [RunCompleted(output=b"")], guard=end))
        assert await watch.changed(1.0)
        for one in (watch, others):
            one.close()

    async def test_a_copied_log_takes_along_what_its_steps_wrote(self, world: World) -> None:
        """Of their last attempts, without what others wrote, with indexes of its own."""
        owner = await owned(world)
        child = await owned(world, OTHER, BOB)
        for wanted in (
            to_out(b"lost", step=by(0, begins=True)),
            to_out(b"x", step=by(1, begins=True)),
            to_out(b"a", step=by(0, 2, begins=True)),
            StreamWrite(namespace=OUT, chunks=raw(b"w"), epilogue=_EPILOGUE),
            StreamWrite(namespace="closed", step=by(0), chunks=raw(b"k", key="k"), close=True),
            StreamWrite(namespace="other", step=by(1), close=True),
        ):
            assert isinstance(await world.write_chunks(RUN, wanted, guard=owner), Written)
        given = to_out(b"c", step=by(7))
        await world.write_chunks(RUN, given, guard=child, writer=OTHER)
        fork = RunId("run_fork")
        copied = CopiedStreams(
            run_id=RUN, steps=frozenset({step_id(0)}), writers=frozenset({OTHER})
        )
        guard = NewRun(streams=copied)
        wrote(await world.append(fork, [created()], guard=guard, claim=ALICE))
        page = await world.read_chunks(fork, OUT)
        assert [(one.index, one.body, one.attempt) for one in page.chunks] == [
            (0, b"a", 2),
            (1, b"c", 1),
        ]
        assert not page.closed
        assert await bodies(world, 0, fork, "closed") == [b"k"]
        assert (await world.read_chunks(fork, "closed")).closed
        assert not (await world.read_chunks(fork, "other")).closed
        wrote(await world.append(fork, [RunCancelled(forced=True)], guard=OpenRun()))
        assert await bodies(world, 2, fork) == [b"abort", b"finish"]

    async def test_streams_go_with_their_run(self, world: World, clock: VirtualClock) -> None:
        """A reader that comes later finds an end, and a new run of the id a new stream."""
        await joined(world, ALICE)
        await started(world)
        owner = await claimed(world)
        await put(world, owner, b"a", b"b")
        wrote(await world.append(RUN, [RunCompleted(output=b"")], guard=owner))
        clock.advance(timedelta(days=1))
        await joined(world, ALICE)
        await world.done([one.receipt for one in await world.take(ALICE, 10)])
        assert await world.gc(kept_us=0) == (RUN,)
        assert await world.streams(RUN) == []
        page = await world.read_chunks(RUN, OUT)
        assert (page.chunks, page.length, page.closed) == ((), 0, True)
        again = await owned(world)
        assert await put(world, again, b"c") == 1


def _log(body: bytes) -> StreamWrite:
    return StreamWrite(namespace="log", chunks=raw(body))
