"""What whoever registers and forgets versions is promised: kept as they are while needed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import pytest

from wfc.clock import VirtualClock
from wfc.errors import VersionUnknown
from wfc.eventlog.event import (
    Event,
    FailureKind,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunRestarted,
    RunUpgraded,
)
from wfc.ids import DefinitionId, RunId, VersionId
from wfc.worlds.promises.given import (
    OTHER,
    PLAIN,
    RUN,
    VERSION,
    child_of,
    claimed,
    created,
    joined,
    log,
    owned,
    released,
    started,
    wrote,
)
from wfc.worlds.protocol import (
    Child,
    Environment,
    NewRun,
    Unowned,
    VersionRow,
    World,
)

HERE: Final = Environment(python="3.12", wfc="0.1.0", platform="linux-x86_64")
THERE: Final = Environment(python="3.13", wfc="0.1.0", platform="darwin-arm64")
OLD: Final = VersionId("old")
NEW: Final = VersionId("new")
_LIVES: Final[Sequence[tuple[Event | None, list[VersionId], list[VersionId]]]] = (
    (None, [], []),
    (RunCompleted(output=b""), [VERSION], [VERSION]),
    (RunCancelled(reason=None), [VERSION], [VERSION]),
    (RunFailed(error=b"", kind=FailureKind.USER), [], [VERSION]),
)
"""How a run ended, and what may be pruned then if failed runs need their version, and if not."""


async def _registered(world: World, *versions: VersionId) -> None:
    """Register versions, the oldest first; the last one is active."""
    for version in versions:
        await world.register_version(version, version.encode())


async def _names(world: World) -> list[VersionId]:
    return [row.version for row in await world.versions()]


async def _pruned(
    world: World, keep: int = 0, failed_since: int = 0, *, dry_run: bool = False
) -> list[VersionId]:
    rows = await world.prune_versions(keep=keep, failed_since=failed_since, dry_run=dry_run)
    return [row.version for row in rows]


class Versions:
    """Registering, activating, pruning."""

    async def test_a_version_is_kept_as_it_is(self, world: World, clock: VirtualClock) -> None:
        """To register it again changes neither archive, label nor time."""
        at = clock.now_us()
        assert await world.register_version(VERSION, b"archive", label="one")
        clock.advance(timedelta(seconds=1))
        assert not await world.register_version(VERSION, b"another", label="two")
        assert await world.version_archive(VERSION) == b"archive"
        row = VersionRow(version=VERSION, registered_at=at, label="one", active=True, size=7)
        assert await world.versions() == [row]

    async def test_a_new_version_is_active_unless_told_otherwise(self, world: World) -> None:
        """A known one stays as it stands: a worker of an old build may begin again any time."""
        await _registered(world, OLD)
        await world.register_version(NEW, b"2", activate=False)
        assert [(row.version, row.active) for row in await world.versions()] == [
            (NEW, False),
            (OLD, True),
        ]
        await world.register_version(NEW, b"2")
        assert [row.active for row in await world.versions()] == [False, True]

    async def test_one_version_is_active(self, world: World) -> None:
        """The one that was activated last, however old it is."""
        await _registered(world, OLD, NEW)
        for version, active in ((OLD, [False, True]), (OLD, [False, True]), (NEW, [True, False])):
            await world.activate_version(version)
            assert [row.active for row in await world.versions()] == active

    async def test_what_is_not_registered_cannot_be_active(self, world: World) -> None:
        """And the active one stays so."""
        await _registered(world, OLD)
        with pytest.raises(VersionUnknown):
            await world.activate_version(NEW)
        assert [row.active for row in await world.versions()] == [True]

    async def test_an_unknown_version_is_none(self, world: World) -> None:
        """And an empty world lists none."""
        assert await world.version_archive(VERSION) is None
        assert await world.versions() == []
        assert await world.open_runs() == {}

    async def test_a_large_archive_reads_back(self, world: World) -> None:
        """Builds of real projects are megabytes."""
        archive = bytes(range(256)) * 20_000
        await world.register_version(VERSION, archive)
        assert await world.version_archive(VERSION) == archive
        assert [row.size for row in await world.versions()] == [len(archive)]

    async def test_environments_add_up(self, world: World) -> None:
        """Each once, whoever comes first, sorted."""
        await world.register_version(VERSION, b"", environment=THERE)
        for environment in (HERE, THERE, None):
            await world.register_version(VERSION, b"", environment=environment)
        assert [row.environments for row in await world.versions()] == [(HERE, THERE)]

    async def test_the_first_fingerprints_stay(self, world: World) -> None:
        """Who registers without saying them leaves room for who does."""
        checkout = DefinitionId("shop:checkout")
        await world.register_version(VERSION, b"")
        assert [row.fingerprints for row in await world.versions()] == [None]
        for fingerprint in ("a", "b"):
            await world.register_version(VERSION, b"", fingerprints={checkout: fingerprint})
        assert [row.fingerprints for row in await world.versions()] == [{checkout: "a"}]

    async def test_many_may_register_at_once(self, world: World) -> None:
        """One of them has registered it, and all of their environments stand there."""
        environments = [
            Environment(python=f"3.{minor}", wfc="0", platform="x") for minor in range(8)
        ]
        answers = await asyncio.gather(
            *(world.register_version(VERSION, b"", environment=each) for each in environments)
        )
        assert sorted(answers) == [False] * 7 + [True]
        (row,) = await world.versions()
        assert set(row.environments) == set(environments)

    async def test_open_runs_are_counted_by_version(self, world: World) -> None:
        """Owned, released and waiting ones; not those that have ended."""
        await released(world, None, RunId("released"))
        owner = await owned(world)
        await started(world, RunId("waiting"), created(version=NEW))
        assert await world.open_runs() == {VERSION: 2, NEW: 1}
        wrote(await world.append(RUN, [RunCompleted(output=b"")], guard=owner))
        assert await world.open_runs() == {VERSION: 1, NEW: 1}

    # -- pruning

    async def test_the_active_and_the_newest_versions_stay(self, world: World) -> None:
        """Of the others nothing stays: neither archive nor environments."""
        names = [VersionId(f"v{number}") for number in range(5)]
        await _registered(world, *names)
        await world.activate_version(names[1])
        assert await _pruned(world, keep=2) == [names[2], names[0]]
        assert await _names(world) == [names[4], names[3], names[1]]
        assert await world.version_archive(names[0]) is None
        assert await _pruned(world, keep=2) == []

    async def test_a_dry_run_forgets_nothing(self, world: World) -> None:
        """And `only` spares what was not shown before."""
        await _registered(world, VersionId("older"), OLD, NEW)
        assert await _pruned(world, dry_run=True) == [OLD, VersionId("older")]
        assert await _names(world) == [NEW, OLD, VersionId("older")]
        rows = await world.prune_versions(keep=0, failed_since=0, only={OLD})
        assert [row.version for row in rows] == [OLD]
        assert await _names(world) == [NEW, VersionId("older")]

    @pytest.mark.parametrize(("end", "now", "later"), _LIVES)
    async def test_a_version_stays_while_a_run_may_need_it(
        self,
        world: World,
        clock: VirtualClock,
        end: Event | None,
        now: list[VersionId],
        later: list[VersionId],
    ) -> None:
        """An open run does, and one that failed not long ago: it may be revived."""
        owner = await owned(world)
        await _registered(world, VERSION, NEW)
        if end is not None:
            wrote(await world.append(RUN, [end], guard=owner))
        failed_since = clock.now_us()
        assert await _pruned(world, failed_since=failed_since, dry_run=True) == now
        assert await _pruned(world, failed_since=failed_since + 1) == later

    async def test_an_environment_does_not_outlive_its_version(self, world: World) -> None:
        """Who registers it again begins with none; it is new, and becomes the active one."""
        await world.register_version(OLD, b"1", environment=HERE, label="first")
        await _registered(world, NEW)
        assert await _pruned(world) == [OLD]
        assert await world.register_version(OLD, b"1", label="second")
        row = (await world.versions())[0]
        assert (row.version, row.label, row.environments, row.active) == (OLD, "second", (), True)

    # -- what was pruned cannot be depended on

    async def test_no_run_begins_on_a_pruned_version(self, world: World) -> None:
        """Whoever starts one registers the version again first; one never seen is no matter."""
        await _registered(world, OLD, NEW)
        await _pruned(world)
        with pytest.raises(VersionUnknown, match="pruned"):
            await world.append(RUN, [created(version=OLD)], guard=NewRun())
        assert await world.run(RUN) is None
        await world.register_version(OLD, b"again", activate=False)
        await started(world, RUN, created(version=OLD))
        await started(world, OTHER, created(version=VersionId("never seen")))

    async def test_no_run_moves_to_a_pruned_version(self, world: World) -> None:
        """Neither by upgrade nor by restart, nor does a child begin on one."""
        await _registered(world, VERSION, NEW)
        await released(world, None, OTHER)
        owner = await owned(world)
        await world.register_version(VersionId("newest"), b"")
        await world.prune_versions(keep=0, failed_since=0, only={NEW})
        upgrade = RunUpgraded(from_version=VERSION, to_version=NEW, fingerprint="g")
        again = RunRestarted(chapter=2, arguments=b"", seed=bytes(32), version=NEW, fingerprint="g")
        with pytest.raises(VersionUnknown):
            await world.append(OTHER, [upgrade], guard=Unowned(len(await log(world, OTHER))))
        with pytest.raises(VersionUnknown):
            await world.append(RUN, [again], guard=owner)
        await world.activate_version(VERSION)
        assert len(await log(world)) == owner.length

    async def test_no_child_begins_on_a_pruned_version(self, world: World) -> None:
        """Nothing of the append is written."""
        await joined(world)
        await started(world, RUN, created(version=NEW))
        owner = await claimed(world)
        await _registered(world, VERSION, NEW)
        assert await _pruned(world) == [VERSION]
        child = Child(run_id=OTHER, event=child_of(RUN))
        with pytest.raises(VersionUnknown):
            await world.append(RUN, [PLAIN[-2]], guard=owner, create=[child])
        assert await world.run(OTHER) is None
        assert len(await log(world)) == owner.length

    async def test_a_prune_and_a_start_exclude_each_other(self, world: World) -> None:
        """Whichever comes first, no run is left without its version."""
        await _registered(world, VersionId("newest"))
        for number in range(20):
            version, run_id = VersionId(f"v{number}"), RunId(f"run_{number}")
            await world.register_version(version, b"", activate=False)
            event = created(version=version)
            acts = [
                world.append(run_id, [event], guard=NewRun()),
                world.prune_versions(keep=0, failed_since=0, only={version}),
            ]
            await asyncio.gather(*acts[:: (-1) ** number], return_exceptions=True)
            held = await world.version_archive(version) is not None
            assert held == (await world.run(run_id) is not None)
