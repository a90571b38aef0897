"""Views of runs in memory."""

from __future__ import annotations

from wfc.eventlog.entity import Run, RunStatus
from wfc.worlds import rules
from wfc.worlds.memory_tables import RunRow, Tables
from wfc.worlds.protocol import (
    RunFilter,
    RunPage,
)


def view(tables: Tables, run: RunRow) -> Run:
    """Give a run as others see it."""
    status = run.status
    if run.owner is not None and tables.lives(run.owner):
        status = RunStatus.RUNNING
    return Run(
        run_id=run.run_id,
        workflow=run.workflow,
        version=run.version,
        fingerprint=run.fingerprint,
        status=status,
        created_at=run.created_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
        length=len(run.log),
        chapter=run.chapter,
        fence=run.fence,
        owner=run.owner,
        queue=run.queue,
        priority=run.priority,
        not_before=run.not_before,
        wake_at=run.wake_at,
        paused=run.paused,
        cancel_requested=run.cancel_requested,
        blocked=run.blocked,
        losses=run.losses,
        parent_id=run.parent_id,
        root_id=run.root_id,
        output=run.output,
        error=run.error,
        failure_kind=run.failure_kind,
        cancel_reason=run.cancel_reason,
        arguments_digest=run.arguments_digest,
        late_at=run.late_at,
        attributes=dict(run.attributes),
    )


def list_runs(
    tables: Tables, where: RunFilter, *, cursor: str | None = None, limit: int = 50
) -> RunPage:
    """Read views of runs, newest first."""
    rules.check_page(limit)
    views = [view(tables, run) for run in tables.runs.values()]
    found = sorted(
        (one for one in views if _matches(one, where, tables.now_us())),
        key=lambda one: (one.created_at, one.run_id),
        reverse=True,
    )
    if cursor is not None:
        place = rules.read_cursor(where, cursor)
        found = [one for one in found if (one.created_at, one.run_id) < place]
    page = tuple(found[:limit])
    more = len(found) > limit
    last = rules.write_cursor(where, page[-1].created_at, page[-1].run_id) if more else None
    return RunPage(runs=page, next=last)


def _matches(one: Run, where: RunFilter, now_us: int) -> bool:
    since, until = where.created_from, where.created_until
    return (
        where.workflow in {None, one.workflow}
        and (not where.statuses or one.status in where.statuses)
        and where.version in {None, one.version}
        and where.queue in {None, one.queue}
        and where.parent_id in {None, one.parent_id}
        and (since is None or one.created_at >= since)
        and (until is None or one.created_at < until)
        and where.late in {None, one.is_late(now_us)}
        and (where.search is None or _holds_text(one, where.search.lower()))
        and all(
            key in one.attributes
            and rules.scalar_text(one.attributes[key]) == rules.scalar_text(value)
            for key, value in where.attributes.items()
        )
    )


def _holds_text(one: Run, text: str) -> bool:
    values = map(rules.scalar_text, one.attributes.values())
    return any(text in held.lower() for held in (one.run_id, one.workflow, *values))
