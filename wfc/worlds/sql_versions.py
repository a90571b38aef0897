"""Registered versions in tables."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any, Final

from wfc.eventlog.entity import RunStatus
from wfc.ids import VersionId
from wfc.worlds import rules
from wfc.worlds.feed import VERSIONS
from wfc.worlds.protocol import Environment, VersionRow
from wfc.worlds.sql_transaction import Transaction

# The index holds every column that is listed: the rows themselves hold archives of megabytes.
LISTED: Final = """
SELECT version, registered_at, label, active, size, fingerprints
FROM bundles INDEXED BY bundles_listed ORDER BY number DESC
"""
ENVIRONMENTS: Final = "SELECT version, python, wfc, platform FROM environments"
_OPEN: Final = ", ".join(f"'{status.value}'" for status in RunStatus if not status.ended)
# By status, for which there is an index.
OPEN_RUNS: Final = f"SELECT version, count(*) FROM runs WHERE status IN ({_OPEN}) GROUP BY version"  # noqa: S608 - names of statuses
_NEEDED: Final = f"""
SELECT version FROM runs WHERE status IN ({_OPEN})
UNION SELECT version FROM runs WHERE status = 'failed' AND ended_at >= ?
"""  # noqa: S608 - likewise

_LOCK: Final = "versions"


def rows_of(
    listed: Iterable[tuple[Any, ...]], environments: Iterable[tuple[Any, ...]]
) -> list[VersionRow]:
    """Make rows of what `LISTED` and `ENVIRONMENTS` have found."""
    ran_in: dict[str, list[Environment]] = {}
    for version, python, wfc, platform in environments:
        environment = Environment(python=python, wfc=wfc, platform=platform)
        ran_in.setdefault(version, []).append(environment)
    return [
        VersionRow(
            version=version,
            registered_at=registered_at,
            label=label,
            active=bool(active),
            size=size,
            environments=tuple(sorted(ran_in.get(version, ()))),
            fingerprints=None if fingerprints is None else json.loads(fingerprints),
        )
        for version, registered_at, label, active, size, fingerprints in listed
    ]


def register(
    transaction: Transaction,
    row: VersionRow,
    archive: bytes,
    environment: Environment | None,
    *,
    activate: bool,
) -> bool:
    """Keep a version unless it is known, and add what is new about it; tell whether it is new."""
    told = None if row.fingerprints is None else json.dumps(dict(sorted(row.fingerprints.items())))
    added = transaction.execute(
        "INSERT INTO bundles (version, archive, label, registered_at, active, size, fingerprints)"
        " VALUES (?, ?, ?, ?, 0, ?, ?) ON CONFLICT (version) DO NOTHING",
        (row.version, archive, row.label, row.registered_at, row.size, told),
    )
    new = added.rowcount > 0
    if new:
        transaction.execute("DELETE FROM pruned WHERE version = ?", (row.version,))
    elif told is not None:
        transaction.execute(
            "UPDATE bundles SET fingerprints = ? WHERE version = ? AND fingerprints IS NULL",
            (told, row.version),
        )
    if environment is not None:
        transaction.execute(
            "INSERT INTO environments (version, python, wfc, platform)"
            " VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (row.version, environment.python, environment.wfc, environment.platform),
        )
    if new and activate:
        _activate(transaction, row.version)
    transaction.news.add(VERSIONS)
    return new


def activate(transaction: Transaction, version: VersionId) -> None:
    """Make a version the active one. Raises `VersionUnknown`."""
    known = transaction.execute("SELECT 1 FROM bundles WHERE version = ?", (version,)).fetchone()
    if known is None:
        raise rules.unregistered(version)
    _activate(transaction, version)
    transaction.news.add(VERSIONS)


def _activate(transaction: Transaction, version: VersionId) -> None:
    # Only the rows that change: each is written whole, with its archive.
    transaction.execute(
        "UPDATE bundles SET active = 1 - active"
        " WHERE (version = ? AND active = 0) OR (version <> ? AND active = 1)",
        (version, version),
    )


def prune(
    transaction: Transaction,
    keep: int,
    failed_since: int,
    only: Collection[VersionId] | None,
    *,
    dry_run: bool,
) -> list[VersionRow]:
    """Forget the versions that nobody needs, and give them, newest first."""
    transaction.lock(_LOCK)
    rows = rows_of(transaction.execute(LISTED), transaction.execute(ENVIRONMENTS))
    needed = {row.version for row in rows[:keep]} | {row.version for row in rows if row.active}
    needed.update(version for (version,) in transaction.execute(_NEEDED, (failed_since,)))
    unneeded = [
        row for row in rows if row.version not in needed and (only is None or row.version in only)
    ]
    for row in () if dry_run else unneeded:
        transaction.execute("DELETE FROM bundles WHERE version = ?", (row.version,))
        transaction.execute("DELETE FROM environments WHERE version = ?", (row.version,))
        transaction.execute(
            "INSERT INTO pruned (version) VALUES (?) ON CONFLICT DO NOTHING", (row.version,)
        )
        transaction.news.add(VERSIONS)
    return unneeded


def must_not_be_pruned(transaction: Transaction, version: VersionId) -> None:
    """Refuse that a run depends on what is gone. Raises `VersionUnknown`."""
    transaction.lock(_LOCK, shared=True)
    # An older wfc that registers a version again does not know that it has to be taken off here.
    found = transaction.execute(
        "SELECT 1 FROM pruned WHERE version = ?"
        " AND NOT EXISTS (SELECT 1 FROM bundles WHERE version = ?)",
        (version, version),
    ).fetchone()
    if found is not None:
        raise rules.pruned(version)
