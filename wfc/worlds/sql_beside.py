"""What a world with tables keeps beside its runs: schedules, callbacks, audit, versions; and how it
forgets runs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from wfc.ids import DefinitionId, RunId, VersionId, WorkerId
from wfc.worlds import (
    rules,
    sql_audit,
    sql_ends,
    sql_gc,
    sql_leases,
    sql_schedules,
    sql_versions,
)
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
from wfc.worlds.sql_access import SqlAccess
from wfc.worlds.sql_transaction import Transaction


class SqlBeside(SqlAccess):
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
        if run is not None:
            rules.check_batch(run.run_id, [run.event], NewRun())
        return await self._write(
            lambda transaction: sql_schedules.put(transaction, row, run, note, alone=alone)
        )

    async def schedule(self, name: str) -> ScheduleRow | None:
        """Read a schedule."""
        rows = await self._read(sql_schedules.SELECT_ONE, (name,))
        return sql_schedules.row_of(rows[0], self._vault) if rows else None

    async def schedules(self) -> list[ScheduleRow]:
        """Read all schedules, by name."""
        rows = await self._read(sql_schedules.SELECT)
        return [sql_schedules.row_of(row, self._vault) for row in rows]

    async def delete_schedule(self, name: str, *, note: Note | None = None) -> bool:
        """Forget a schedule."""
        return await self._write(lambda transaction: sql_schedules.delete(transaction, name, note))

    async def due_schedules(self, limit: int = 100) -> DueSchedules:
        """Read schedules of which a firing may be due."""
        values = {"now": self.now_us(), "limit": limit}
        rows = await self._read(sql_schedules.DUE, values)
        ((next_at,),) = await self._read(sql_schedules.NEXT, values)
        due = [sql_schedules.row_of(row, self._vault) for row in rows]
        return DueSchedules(rows=tuple(due), next_at=next_at)

    # -- end callbacks

    async def register_callbacks(self, callbacks: Sequence[Callback]) -> None:
        """Know callbacks, each as it was told last."""
        await self._write(lambda transaction: sql_ends.register(transaction, callbacks))

    async def callbacks(self) -> list[CallbackRow]:
        """Read the callbacks that are known."""
        return sql_ends.callbacks_of(await self._read(sql_ends.CALLBACKS))

    async def take_ends(
        self, worker_id: WorkerId, names: Collection[str], limit: int
    ) -> list[TakenEnd]:
        """Take ends that are due."""

        def work(transaction: Transaction) -> list[TakenEnd]:
            sql_leases.must_live(transaction, worker_id)
            return sql_ends.take(transaction, worker_id, names, limit)

        return await self._write(work)

    async def settle_end(
        self,
        worker_id: WorkerId,
        taken: TakenEnd,
        *,
        error: bytes | None = None,
        again_at: int | None = None,
    ) -> bool:
        """Keep how a try came out."""
        return await self._write(
            lambda transaction: sql_ends.settle(transaction, worker_id, taken, error, again_at)
        )

    async def give_back_end(self, worker_id: WorkerId, taken: TakenEnd) -> None:
        """Let others tell an end."""
        await self._write(lambda transaction: sql_ends.give_back(transaction, worker_id, taken))

    async def next_end(self, names: Collection[str]) -> int | None:
        """Give the instant at which the first end becomes due."""
        rows = await self._read(*sql_ends.next_due(names))
        due: int | None = rows[0][0]
        return due

    async def deliveries(
        self,
        *,
        run_id: RunId | None = None,
        statuses: Collection[Telling] = (),
        limit: int = 200,
    ) -> list[DeliveryRow]:
        """Read how the telling of ends stands."""
        rows = await self._read(*sql_ends.listed(run_id, statuses, limit))
        return [sql_ends.delivery_of(row, self._vault) for row in rows]

    async def forget_callbacks(self, *, unseen_since: int) -> int:
        """Forget callbacks that no worker has had since then."""
        return await self._write(
            lambda transaction: sql_ends.forget_unseen(transaction, unseen_since)
        )

    # -- audit

    async def note(self, note: Note, *, within_us: int | None = None) -> None:
        """Keep a fact."""

        def work(transaction: Transaction) -> None:
            if within_us is None or not sql_audit.join(transaction, note, within_us):
                sql_audit.add(transaction, note)

        await self._write(work)

    async def audit(
        self, where: AuditFilter, *, before: int | None = None, limit: int = 50
    ) -> list[Noted]:
        """Read facts, newest first."""
        values = sql_audit.values_of(where, before, limit)
        return sql_audit.rows_of(await self._read(sql_audit.SELECT, values))

    async def forget_audit(self, *, before: int) -> int:
        """Remove facts that were noted before an instant."""
        return await self._write(lambda transaction: sql_audit.forget(transaction, before))

    # -- retention

    async def expired(self, *, kept_us: int | None, limit: int = 5) -> Expired:
        """Count the runs that `gc` would remove, and name the first."""
        values = sql_gc.values_of(self.now_us(), kept_us, limit)
        ((count,),) = await self._read(sql_gc.COUNTED, values)
        listed = await self._read(sql_gc.LISTED, values)
        return Expired(count=count, run_ids=tuple(RunId(run_id) for run_id, _ in listed))

    async def gc(self, *, kept_us: int | None, limit: int = 200) -> tuple[RunId, ...]:
        """Remove expired runs with all that belongs to them, and name them."""
        return await self._write(lambda transaction: sql_gc.collect(transaction, kept_us, limit))

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

        def work(transaction: Transaction) -> bool:
            row = VersionRow(
                version=version,
                registered_at=transaction.now_us,
                label=label,
                active=False,
                size=len(archive),
                fingerprints=fingerprints,
            )
            new = sql_versions.register(transaction, row, archive, environment, activate=activate)
            if new and activate and note is not None:
                sql_audit.add(transaction, note)
            return new

        return await self._write(work, len(archive))

    async def activate_version(self, version: VersionId, *, note: Note | None = None) -> None:
        """Make a registered version the active one."""

        def work(transaction: Transaction) -> None:
            sql_versions.activate(transaction, version)
            if note is not None:
                sql_audit.add(transaction, note)

        await self._write(work)

    async def version_archive(self, version: VersionId) -> bytes | None:
        """Read a build back."""
        rows = await self._read("SELECT archive FROM bundles WHERE version = ?", (version,))
        return rows[0][0] if rows else None

    async def versions(self) -> list[VersionRow]:
        """List the registered versions, newest first."""
        listed = await self._read(sql_versions.LISTED)
        return sql_versions.rows_of(listed, await self._read(sql_versions.ENVIRONMENTS))

    async def open_runs(self) -> dict[VersionId, int]:
        """Count the runs that have not ended, by version."""
        return dict(await self._read(sql_versions.OPEN_RUNS))

    async def prune_versions(
        self,
        *,
        keep: int,
        failed_since: int,
        only: Collection[VersionId] | None = None,
        dry_run: bool = False,
    ) -> list[VersionRow]:
        """Forget the versions that nobody needs, and give them, newest first."""
        return await self._write(
            lambda transaction: sql_versions.prune(
                transaction, keep, failed_since, only, dry_run=dry_run
            )
        )
