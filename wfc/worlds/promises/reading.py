"""What readers are promised: dense histories, exact filters, stable pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from wfc.clock import VirtualClock
from wfc.errors import ConfigError, WorldUnreachable
from wfc.eventlog.event import Parent, RunCompleted
from wfc.ids import DefinitionId, OperationId, RunId, VersionId
from wfc.worlds.promises.given import (
    ALICE,
    OTHER,
    RUN,
    VERSION,
    created,
    owned,
    released,
    started,
    step_done,
    wrote,
)
from wfc.worlds.protocol import Owner, RunFilter, World
from wfc.worlds.rules import write_cursor


async def _population(world: World, clock: VirtualClock) -> None:
    """Write four runs, a second apart, that differ in everything a filter knows."""
    owner = await owned(world, RunId("a"))
    wrote(await world.append(RunId("a"), [RunCompleted(output=b"")], guard=owner))
    clock.advance(timedelta(seconds=1))
    event = created(workflow="shop:ship", attributes={"tier": "free", "seats": 1}, queue="slow")
    await started(world, RunId("b"), event)
    clock.advance(timedelta(seconds=1))
    await owned(world, RunId("c"))
    clock.advance(timedelta(seconds=1))
    child = created(version=VersionId("fedc"), attributes={"tier": "free", "seats": True})
    parent = Parent(run_id=RunId("c"), operation_id=OperationId("start~a#0"))
    event = type(child)(
        workflow=child.workflow,
        version=child.version,
        fingerprint=child.fingerprint,
        arguments=child.arguments,
        seed=child.seed,
        attributes=child.attributes,
        parent=parent,
    )
    await started(world, RunId("d"), event)


class Reading:
    """Histories and lists."""

    async def test_a_history_is_read_in_pieces(self, world: World) -> None:
        """From any place, up to any limit, dense and in order."""
        owner = await owned(world)
        events = [step_done(number) for number in range(8)]
        wrote(await world.append(RUN, events, guard=owner))
        positions = [
            [one.position for one in await world.history(RUN, after, limit)]
            for after, limit in ((0, 3), (3, 3), (9, 3), (10, 3))
        ]
        assert positions == [[1, 2, 3], [4, 5, 6], [10], []]

    async def test_a_long_history_is_whole(self, world: World) -> None:
        """More than one page of it."""
        owner = await owned(world)
        for start in range(0, 2500, 500):
            batch = [step_done(number) for number in range(start, start + 500)]
            wrote(await world.append(RUN, batch, guard=Owner(owner.fence, start + 2)))
        first = await world.history(RUN)
        assert await world.history(RUN, veiled=True) == first
        rest = await world.history(RUN, len(first))
        assert [one.position for one in first + rest] == list(range(1, 2503))

    async def test_an_unknown_run_is_empty(self, world: World) -> None:
        """No history, no view, no attributes."""
        assert await world.history(RUN) == []
        assert await world.run(RUN) is None
        assert await world.attributes(RUN) == {}

    @pytest.mark.parametrize(
        ("where", "found"),
        [
            ({}, "dcba"),
            ({"workflow": DefinitionId("shop:ship")}, "b"),
            ({"workflow": DefinitionId("shop:none")}, ""),
            ({"statuses": frozenset({"completed"})}, "a"),
            ({"statuses": frozenset({"pending"})}, "db"),
            ({"statuses": frozenset({"running"})}, "c"),
            ({"statuses": frozenset({"running", "completed"})}, "ca"),
            ({"statuses": frozenset({"suspended"})}, ""),
            ({"version": VersionId("fedc")}, "d"),
            ({"queue": "slow"}, "b"),
            ({"parent_id": RunId("c")}, "d"),
            ({"attributes": {"tier": "free"}}, "db"),
            ({"attributes": {"tier": "free", "seats": 1}}, "b"),
            ({"attributes": {"seats": True}}, "d"),
            ({"attributes": {"seats": "1"}}, ""),
            ({"search": "FREE"}, "db"),
            ({"search": "shop:SHIP"}, "b"),
            ({"search": "%"}, ""),
            ({"created_from": 1}, "dcb"),
            ({"created_until": 2}, "ba"),
            ({"created_from": 1, "created_until": 2}, "b"),
            ({"statuses": frozenset({"pending"}), "version": VERSION}, "b"),
        ],
    )
    async def test_a_filter_finds_what_it_says(
        self, world: World, clock: VirtualClock, where: dict[str, Any], found: str
    ) -> None:
        """Newest first; a time is from and including, until and excluding."""
        begin = clock.now_us()
        await _population(world, clock)
        wanted = dict(where)
        for name in ("created_from", "created_until"):
            if name in wanted:
                wanted[name] = begin + wanted[name] * 1_000_000
        page = await world.list_runs(RunFilter(**wanted))
        assert "".join(run.run_id for run in page.runs) == found
        assert page.next is None
        for run in page.runs:
            assert run == await world.run(run.run_id)

    async def test_a_lapsed_lease_is_not_running(self, world: World, clock: VirtualClock) -> None:
        """A list tells the lease as it is now."""
        await owned(world)
        clock.advance(timedelta(hours=1))
        suspended = await world.list_runs(RunFilter(statuses=frozenset({"suspended"})))
        running = await world.list_runs(RunFilter(statuses=frozenset({"running"})))
        assert (len(suspended.runs), len(running.runs)) == (1, 0)

    async def test_pages_follow_each_other(self, world: World, clock: VirtualClock) -> None:
        """Each run is on one page, also if times are equal and new runs come meanwhile."""
        for number in range(7):
            await started(world, RunId(f"run_{number}"))
            clock.advance(timedelta(seconds=number % 2))
        where, cursor, seen = RunFilter(), None, []
        for number in range(3):
            page = await world.list_runs(where, cursor=cursor, limit=3)
            seen += [run.run_id for run in page.runs]
            cursor = page.next
            clock.advance(timedelta(seconds=1))
            await started(world, RunId(f"new_{number}"))
        assert cursor is None
        assert seen == [f"run_{number}" for number in (6, 5, 4, 3, 2, 1, 0)]

    async def test_a_full_last_page_has_no_next(self, world: World) -> None:
        """Nobody is sent to an empty page."""
        await started(world)
        await started(world, OTHER)
        page = await world.list_runs(RunFilter(), limit=2)
        assert (len(page.runs), page.next) == (2, None)

    async def test_a_cursor_belongs_to_its_filter(self, world: World) -> None:
        """Another list with it would skip runs silently."""
        await started(world)
        await started(world, OTHER)
        cursor = (await world.list_runs(RunFilter(), limit=1)).next
        with pytest.raises(ConfigError):
            await world.list_runs(RunFilter(queue="slow"), cursor=cursor)

    @pytest.mark.parametrize(
        "cursor", ["", "x", "bm9uc2Vuc2U=", "W10=", "ü", "W251bGwsIDEsIDJd", "WzFlOTk5LCAiciIsIDJd"]
    )
    async def test_a_made_up_cursor_is_refused(self, world: World, cursor: str) -> None:
        """With the sentence that says what a cursor is."""
        with pytest.raises(ConfigError):
            await world.list_runs(RunFilter(), cursor=cursor)

    @pytest.mark.parametrize(
        "place", [(1 << 70, "r"), (-(1 << 70), "r"), (5, "\0"), (5, "\ud800"), (5, 6), ("x", "r")]
    )
    async def test_a_cursor_to_where_nothing_can_be_is_refused(
        self, world: World, place: tuple[int, RunId]
    ) -> None:
        """Before a database refuses it in words of its own."""
        with pytest.raises(ConfigError, match="no cursor"):
            await world.list_runs(RunFilter(), cursor=write_cursor(RunFilter(), *place))

    @pytest.mark.parametrize("limit", [-1, 0, 201])
    async def test_a_page_has_a_size(self, world: World, limit: int) -> None:
        """From 1 to 200."""
        with pytest.raises(ConfigError):
            await world.list_runs(RunFilter(), limit=limit)

    # -- open and close

    async def test_a_world_serves_only_while_it_is_open(self, world: World) -> None:
        """Whoever forgets to open it is told so; to close it twice does nothing."""
        await started(world)
        await world.close()
        await world.close()
        with pytest.raises(WorldUnreachable):
            await world.run(RUN)
        with pytest.raises(WorldUnreachable):
            await world.join(ALICE, lease_s=1)
        await world.open()
        assert await world.run(RUN) is not None

    async def test_a_sound_world_passes_its_check(self, world: World) -> None:
        """`check` reads settings back and probes for damage."""
        await released(world)
        await world.check()

    async def test_the_clock_is_the_one_given(self, world: World, clock: VirtualClock) -> None:
        """All instants are those of one clock."""
        clock.advance(timedelta(days=3))
        assert world.now_us() == clock.now_us()
