"""Facts about no single run, in memory."""

from __future__ import annotations

from dataclasses import replace

from wfc.worlds.audit import AuditFilter, Note, Noted, added
from wfc.worlds.memory_tables import Tables


def add(tables: Tables, note: Note) -> None:
    """Keep a fact."""
    number = next(tables.audit_numbers)
    tables.audit.append(Noted(number=number, at=tables.now_us(), note=note))


def join(tables: Tables, note: Note, within_us: int) -> bool:
    """Add the numbers of a fact to those of the last one of its kind, if that is young enough."""
    since = tables.now_us() - within_us
    for place, one in reversed(list(enumerate(tables.audit))):
        if one.at < since:
            return False
        if _kind(one.note) == _kind(note):
            details = added(one.note.details, note.details)
            tables.audit[place] = replace(one, note=replace(one.note, details=details))
            return True
    return False


def _kind(note: Note) -> tuple[object, ...]:
    return note.action, note.actor, note.channel


def listed(tables: Tables, where: AuditFilter, before: int | None, limit: int) -> list[Noted]:
    """Read facts, newest first."""
    found = [one for one in reversed(tables.audit) if _fits(one, where, before)]
    return found[:limit]


def _fits(one: Noted, where: AuditFilter, before: int | None) -> bool:
    return (
        (before is None or one.number < before)
        and where.action in {None, one.note.action}
        and where.actor in {None, one.note.actor}
        and (where.since is None or one.at >= where.since)
        and (where.until is None or one.at < where.until)
    )


def forget(tables: Tables, before: int) -> int:
    """Let old facts go, and say how many."""
    kept = [one for one in tables.audit if one.at >= before]
    gone = len(tables.audit) - len(kept)
    tables.audit = kept
    return gone
