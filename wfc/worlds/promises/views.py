"""What an append does to the rows that are read without the log."""

from __future__ import annotations

from datetime import timedelta

import pytest

from wfc.clock import VirtualClock
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import (
    AttributesSet,
    Event,
    FailureKind,
    RunPaused,
    RunRestarted,
    RunUnpaused,
    RunUpgraded,
)
from wfc.ids import RunId, VersionId
from wfc.worlds.promises.given import (
    ALICE,
    CANCEL,
    ENDS,
    LEASE_S,
    OTHER,
    RUN,
    VERSION,
    created,
    hook_created,
    owned,
    queued_step,
    started,
    statuses,
    step_id,
    wrote,
)
from wfc.worlds.protocol import (
    Appended,
    NewRun,
    OpenRun,
    Over,
    Owner,
    Queued,
    Resume,
    Unowned,
    World,
)


class Views:
    """Rows of runs and attributes."""

    async def test_a_start_fills_the_view(self, world: World, clock: VirtualClock) -> None:
        """The row of a run says what its first event said."""
        event = created(attributes={"tier": "free"}, queue="slow", priority=7, not_before=5)
        await started(world, RUN, event)
        run = await world.run(RUN)
        assert run is not None
        assert (run.workflow, run.version, run.fingerprint) == ("shop:checkout", VERSION, "f" * 32)
        assert (run.status, run.length, run.chapter) == (RunStatus.PENDING, 1, 1)
        assert (run.created_at, run.started_at, run.ended_at) == (clock.now_us(), None, None)
        assert (run.queue, run.priority, run.not_before) == ("slow", 7, 5)
        assert run.attributes == await world.attributes(RUN) == {"tier": "free"}

    async def test_equal_arguments_have_equal_digests(self, world: World) -> None:
        """Two starts with one id can be told alike by the row."""
        for number, arguments in enumerate((b"a", b"a", b"b")):
            await started(world, RunId(f"run_{number}"), created(arguments=arguments))
        digests = [
            run.arguments_digest
            for run in [await world.run(RunId(f"run_{number}")) for number in range(3)]
            if run is not None
        ]
        assert digests[0] == digests[1] != digests[2]

    async def test_an_owned_run_is_running(self, world: World, clock: VirtualClock) -> None:
        """Running is the lease: without it the run is suspended, and pending before its start."""
        await owned(world)
        await started(world, OTHER)
        assert await statuses(world) == [RunStatus.RUNNING, RunStatus.PENDING]
        clock.advance(timedelta(seconds=LEASE_S + 1))
        assert await statuses(world) == [RunStatus.SUSPENDED, RunStatus.PENDING]

    @pytest.mark.parametrize(("end", "status"), ENDS, ids=str)
    async def test_an_end_clears_up(
        self, world: World, clock: VirtualClock, end: Event, status: RunStatus
    ) -> None:
        """It frees the lease, forgets messages and attempts, and disposes the hooks."""
        owner = await queued_step(world)
        answer = wrote(await world.append(RUN, [hook_created(), CANCEL], guard=owner))
        await world.enqueue(Queued(message=Resume(RUN)))
        wrote(await world.append(RUN, [end], guard=Owner(owner.fence, answer.length)))
        run = await world.run(RUN)
        assert run is not None
        assert (run.status, run.owner, run.ended_at) == (status, None, clock.now_us())
        assert await world.take(ALICE, 10) == []
        assert await world.claim(RUN, ALICE) == Over()
        assert await world.claim_attempt(RUN, step_id(0), ALICE) == Over()
        wrote(await world.append(OTHER, [created()], guard=NewRun(), claim=ALICE))
        taken = wrote(await world.append(OTHER, [hook_created()], guard=Owner(1, 1)))
        assert taken.recorded[0].event == hook_created()

    async def test_the_end_says_how(self, world: World) -> None:
        """Output, error, kind and reason are in the row."""
        rows = []
        for number, (end, _) in enumerate(ENDS):
            run_id = RunId(f"run_{number}")
            owner = await owned(world, run_id)
            wrote(await world.append(run_id, [end], guard=owner))
            run = await world.run(run_id)
            assert run is not None
            rows.append((run.output, run.error, run.failure_kind, run.cancel_reason))
        assert rows == [
            (b"done", None, None, None),
            (None, b"error", FailureKind.USER, None),
            (None, None, None, "enough"),
        ]

    async def test_an_upgrade_reopens_a_failed_run(self, world: World) -> None:
        """And only a failed one."""
        upgraded = RunUpgraded(
            from_version=VERSION, to_version=VersionId("fedc"), fingerprint="new"
        )
        for run_id, (end, status) in zip((RUN, OTHER), ENDS[:2], strict=True):
            owner = await owned(world, run_id)
            wrote(await world.append(run_id, [end], guard=owner))
            answer = await world.append(run_id, [upgraded], guard=Unowned(3))
            assert isinstance(answer, Appended) == (status is RunStatus.FAILED)
        run = await world.run(OTHER)
        assert run is not None
        assert (run.status, run.version, run.fingerprint) == (RunStatus.SUSPENDED, "fedc", "new")
        assert (run.ended_at, run.error, run.failure_kind) == (None, None, None)
        assert [one.message for one in await world.take(ALICE, 10)] == [Resume(OTHER)]

    async def test_facts_from_outside_are_in_the_row(self, world: World) -> None:
        """Paused and cancel requested are read without the log."""
        await started(world)
        seen = []
        for event in (RunPaused(), RunUnpaused(), CANCEL):
            wrote(await world.append(RUN, [event], guard=OpenRun()))
            run = await world.run(RUN)
            assert run is not None
            seen.append((run.paused, run.cancel_requested))
        assert seen == [(True, False), (False, False), (False, True)]

    async def test_a_restart_begins_a_chapter(self, world: World) -> None:
        """The row names the chapter and the code that it runs on."""
        owner = await owned(world)
        restarted = RunRestarted(
            chapter=2,
            arguments=b"",
            seed=bytes(32),
            version=VersionId("fedc"),
            fingerprint="new",
        )
        wrote(await world.append(RUN, [restarted], guard=owner))
        run = await world.run(RUN)
        assert run is not None
        assert (run.chapter, run.version, run.fingerprint) == (2, "fedc", "new")

    async def test_attributes_keep_value_and_type(self, world: World) -> None:
        """Later writes win, None removes, and 1, 1.0 and True stay apart."""
        await started(world, RUN, created(attributes={"a": "x", "b": 1}))
        changes = {"b": None, "c": 1, "d": 1.0, "e": True, "a": "ü\u2028"}
        wrote(await world.append(RUN, [AttributesSet(changes=changes)], guard=OpenRun()))
        kept = await world.attributes(RUN)
        assert kept == {"a": "ü\u2028", "c": 1, "d": 1.0, "e": True}
        assert [type(kept[key]) for key in "cde"] == [int, float, bool]
