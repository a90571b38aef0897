"""What a world in memory keeps beside its runs: schedules, callbacks, audit, versions; and how it
forgets runs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from wfc.ids import DefinitionId, RunId, VersionId, WorkerId
from wfc.worlds import (
    memory_audit,
    memory_ends,
    memory_gc,
    memory_schedules,
    rules,
)
from wfc.worlds import memory_versions as versions
from wfc.worlds.feed import (
    AUDIT,
    ENDS,
    HOOKS,
    RUNS,
    SCHEDULES,
    VERSIONS,
    run_topic,
)
from wfc.worlds.memory_access import MemoryAccess
from wfc.worlds.protocol import (
    AuditFilter,
    Callback,
    CallbackRow,
    Child,
    DeliveryRow,
    DueSchedules,
    Environment,
    Expired,
    NewRun,
    Note,
    Noted,
    Put,
    ScheduleRow,
    TakenEnd,
    Telling,
    VersionRow,
)


class MemoryBeside(MemoryAccess):
    """The half of a world that no run asks for while it goes."""

    # -- schedules

    async def put_schedule(
        self,
        row: ScheduleRow,
        *,
        run: Child | None = None,
        alone: bool = False,
        note: Note | None = None,
    ) -> Put:
        """Write a schedule, if it still has the revision that `row` names."""
        self._must_be_open()
        if run is not None:
            rules.check_batch(run.run_id, [run.event], NewRun())
        with self._lock:
            answer = memory_schedules.put(self._tables, row, run, note, alone=alone)
        told, self._tables.told = self._tables.told, set()
        self._publish(SCHEDULES, AUDIT, RUNS, *map(run_topic, told))
        return answer

    async def schedule(self, name: str) -> ScheduleRow | None:
        """Read a schedule."""
        self._must_be_open()
        return self._tables.schedules.get(name)

    async def schedules(self) -> list[ScheduleRow]:
        """Read all schedules, by name."""
        self._must_be_open()
        return [row for _, row in sorted(self._tables.schedules.items())]

    async def delete_schedule(self, name: str, *, note: Note | None = None) -> bool:
        """Forget a schedule."""
        self._must_be_open()
        with self._lock:
            gone = memory_schedules.delete(self._tables, name, note)
        self._publish(SCHEDULES, AUDIT)
        return gone

    async def due_schedules(self, limit: int = 100) -> DueSchedules:
        """Read schedules of which a firing may be due."""
        self._must_be_open()
        return memory_schedules.due(self._tables, limit)

    # -- end callbacks

    async def register_callbacks(self, callbacks: Sequence[Callback]) -> None:
        """Know callbacks, each as it was told last."""
        self._must_be_open()
        with self._lock:
            memory_ends.register(self._tables, callbacks)
        self._publish(ENDS)

    async def callbacks(self) -> list[CallbackRow]:
        """Read the callbacks that are known."""
        self._must_be_open()
        return [row for _, row in sorted(self._tables.callbacks.items())]

    async def take_ends(
        self, worker_id: WorkerId, names: Collection[str], limit: int
    ) -> list[TakenEnd]:
        """Take ends that are due."""
        self._must_be_open()
        with self._lock:
            return memory_ends.take(self._tables, worker_id, names, limit)

    async def settle_end(
        self,
        worker_id: WorkerId,
        taken: TakenEnd,
        *,
        error: bytes | None = None,
        again_at: int | None = None,
    ) -> bool:
        """Keep how a try came out."""
        self._must_be_open()
        with self._lock:
            kept = memory_ends.settle(self._tables, worker_id, taken, error, again_at)
        self._publish(ENDS, run_topic(taken.message.run_id))
        return kept

    async def give_back_end(self, worker_id: WorkerId, taken: TakenEnd) -> None:
        """Let others tell an end."""
        self._must_be_open()
        with self._lock:
            memory_ends.give_back(self._tables, worker_id, taken)
        self._publish(ENDS)

    async def next_end(self, names: Collection[str]) -> int | None:
        """Give the instant at which the first end becomes due."""
        self._must_be_open()
        return memory_ends.next_due(self._tables, names)

    async def deliveries(
        self,
        *,
        run_id: RunId | None = None,
        statuses: Collection[Telling] = (),
        limit: int = 200,
    ) -> list[DeliveryRow]:
        """Read how the telling of ends stands."""
        self._must_be_open()
        return memory_ends.listed(self._tables, run_id, statuses, limit)

    async def forget_callbacks(self, *, unseen_since: int) -> int:
        """Forget callbacks that no worker has had since then."""
        self._must_be_open()
        with self._lock:
            given_up = memory_ends.forget_unseen(self._tables, unseen_since)
        self._publish(ENDS)
        return given_up

    # -- audit

    async def note(self, note: Note, *, within_us: int | None = None) -> None:
        """Keep a fact."""
        self._must_be_open()
        with self._lock:
            if within_us is None or not memory_audit.join(self._tables, note, within_us):
                memory_audit.add(self._tables, note)
        self._publish(AUDIT)

    async def audit(
        self, where: AuditFilter, *, before: int | None = None, limit: int = 50
    ) -> list[Noted]:
        """Read facts, newest first."""
        self._must_be_open()
        return memory_audit.listed(self._tables, where, before, limit)

    async def forget_audit(self, *, before: int) -> int:
        """Remove facts that were noted before an instant."""
        self._must_be_open()
        with self._lock:
            return memory_audit.forget(self._tables, before)

    # -- retention

    async def expired(self, *, kept_us: int | None, limit: int = 5) -> Expired:
        """Count the runs that `gc` would remove, and name the first."""
        self._must_be_open()
        found = [run.run_id for run in memory_gc.expired(self._tables, kept_us)]
        return Expired(count=len(found), run_ids=tuple(found[:limit]))

    async def gc(self, *, kept_us: int | None, limit: int = 200) -> tuple[RunId, ...]:
        """Remove expired runs with all that belongs to them, and name them."""
        self._must_be_open()
        with self._lock:
            removed = memory_gc.collect(self._tables, kept_us, limit)
        self._publish(*([RUNS, HOOKS] if removed else []), *map(run_topic, removed))
        return removed

    # -- versions

    async def register_version(
        self,
        version: VersionId,
        archive: bytes,
        *,
        label: str | None = None,
        activate: bool = True,
        environment: Environment | None = None,
        fingerprints: Mapping[DefinitionId, str] | None = None,
        note: Note | None = None,
    ) -> bool:
        """Keep a build, and tell whether it is new."""
        self._must_be_open()
        row = VersionRow(
            version=version,
            registered_at=self.now_us(),
            label=label,
            active=False,
            size=len(archive),
            fingerprints=None if fingerprints is None else dict(fingerprints),
        )
        with self._lock:
            new = versions.register(self._tables, row, archive, environment, activate=activate)
            if new and activate and note is not None:
                memory_audit.add(self._tables, note)
        self._publish(VERSIONS)
        return new

    async def activate_version(self, version: VersionId, *, note: Note | None = None) -> None:
        """Make a registered version the active one."""
        self._must_be_open()
        with self._lock:
            versions.activate(self._tables, version)
            if note is not None:
                memory_audit.add(self._tables, note)
        self._publish(VERSIONS)

    async def version_archive(self, version: VersionId) -> bytes | None:
        """Read a build back."""
        self._must_be_open()
        kept = self._tables.versions.get(version)
        return None if kept is None else kept[0]

    async def versions(self) -> list[VersionRow]:
        """List the registered versions, newest first."""
        self._must_be_open()
        return [row for _, row in reversed(self._tables.versions.values())]

    async def open_runs(self) -> dict[VersionId, int]:
        """Count the runs that have not ended, by version."""
        self._must_be_open()
        return versions.open_runs(self._tables)

    async def prune_versions(
        self,
        *,
        keep: int,
        failed_since: int,
        only: Collection[VersionId] | None = None,
        dry_run: bool = False,
    ) -> list[VersionRow]:
        """Forget the versions that nobody needs, and give them, newest first."""
        self._must_be_open()
        with self._lock:
            unneeded = versions.unneeded(self._tables, keep, failed_since, only)
            if not dry_run:
                versions.forget(self._tables, unneeded)
        self._publish(VERSIONS)
        return unneeded
