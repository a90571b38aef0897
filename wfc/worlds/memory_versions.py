"""Registered versions in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace

from wfc.eventlog.entity import RunStatus
from wfc.ids import VersionId
from wfc.worlds import rules
from wfc.worlds.memory_tables import Tables
from wfc.worlds.protocol import Environment, VersionRow


def register(
    tables: Tables,
    row: VersionRow,
    archive: bytes,
    environment: Environment | None,
    *,
    activate: bool,
) -> bool:
    """Keep a version unless it is known, and add what is new about it; tell whether it is new."""
    known = tables.versions.get(row.version)
    archive, kept = known or (bytes(archive), row)
    environments = set(kept.environments) | ({environment} if environment else set())
    kept = replace(
        kept,
        environments=tuple(sorted(environments)),
        fingerprints=row.fingerprints if kept.fingerprints is None else kept.fingerprints,
    )
    tables.versions[row.version] = archive, kept
    tables.pruned.discard(row.version)
    if known is None and activate:
        _activate(tables, row.version)
    return known is None


def activate(tables: Tables, version: VersionId) -> None:
    """Make a version the active one. Raises `VersionUnknown`."""
    if version not in tables.versions:
        raise rules.unregistered(version)
    _activate(tables, version)


def _activate(tables: Tables, version: VersionId) -> None:
    tables.versions = {
        name: (archive, replace(row, active=name == version))
        for name, (archive, row) in tables.versions.items()
    }


def open_runs(tables: Tables) -> dict[VersionId, int]:
    """Count the runs that have not ended, by version."""
    return dict(Counter(run.version for run in tables.runs.values() if not run.status.ended))


def unneeded(
    tables: Tables, keep: int, failed_since: int, only: Collection[VersionId] | None
) -> list[VersionRow]:
    """Give the versions that may be forgotten, newest first."""
    rows = [row for _, row in reversed(tables.versions.values())]
    needed = {row.version for row in rows[:keep]} | {row.version for row in rows if row.active}
    for run in tables.runs.values():
        if not run.status.ended or (
            run.status is RunStatus.FAILED and (run.ended_at or 0) >= failed_since
        ):
            needed.add(run.version)
    return [
        row for row in rows if row.version not in needed and (only is None or row.version in only)
    ]


def forget(tables: Tables, rows: Iterable[VersionRow]) -> None:
    """Forget versions, and that they may be depended on."""
    for row in rows:
        del tables.versions[row.version]
        tables.pruned.add(row.version)
