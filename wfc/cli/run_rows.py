"""What lists of runs tell of each run, to programs and to people."""

from __future__ import annotations

from typing import Any

from wfc.cli import output
from wfc.eventlog.entity import Run


def summary(run: Run, now_us: int) -> dict[str, Any]:
    """Give what programs read of a run, as of now."""
    return {
        "id": run.run_id,
        "workflow": run.workflow,
        "status": run.status,
        "version": run.version,
        "created_at": output.rfc3339(run.created_at),
        "started_at": output.rfc3339(run.started_at),
        "ended_at": output.rfc3339(run.ended_at),
        "wake_at": output.rfc3339(run.wake_at),
        "queue": run.queue,
        "paused": run.paused,
        "blocked": run.blocked,
        "events": run.length,
        "attributes": dict(run.attributes),
        "late": run.is_late(now_us),
    }


def rows_of(data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give what people read of runs."""
    names = ("id", "workflow", "status", "created_at", "ended_at", "events")
    return [{**{name: run[name] for name in names}, "status": _status(run)} for run in data]


def _status(run: dict[str, Any]) -> str:
    """Give where a run stands, and what keeps workers from taking it."""
    names = ("paused", "blocked", "late")
    marks = [mark for mark in names if run[mark] and run["ended_at"] is None]
    return ", ".join([str(run["status"]), *marks])
