"""Tables of the settings as the world and the runtime take them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfc.settings import Loaded
from wfc.worlds.limits import Limit

if TYPE_CHECKING:
    # Whoever only looks at runs, or asks something of one, needs neither compiler nor interpreter.
    from wfc.runtime.queues import Queues
    from wfc.runtime.worker_limits import WorkerLimits
    from wfc.settings_tables import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePlaces:
    """Where a project's modules are imported from, and what else it names: types and its app."""

    root: Path
    sources: tuple[Path, ...]
    types: tuple[str, ...] = ()
    app: str | None = None


def code_places(loaded: Loaded) -> CodePlaces:
    """Give the places that settings name."""
    return CodePlaces(
        root=loaded.root,
        sources=loaded.source_roots(),
        types=tuple(loaded.settings.types),
        app=loaded.settings.app or None,
    )


def world_url(loaded: Loaded, url: str = "") -> str:
    """Give the URL of the settings' world (or of another): a relative SQLite path begins at the
    project, wherever the process stands.
    """
    url = url or loaded.world
    head, path = "sqlite:///", url.removeprefix("sqlite:///")
    if path == url or path.startswith("/") or path == ":memory:":
        return url
    target = loaded.root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    return f"{head}{target}"


def policy_keywords(settings: Settings) -> Mapping[str, Any]:
    """Give `[tool.wfc.policy]` as keywords of `@policy`."""
    table = settings.policy
    keywords: dict[str, Any] = {
        "attempts": table.attempts,
        "backoff": table.backoff.model_dump(mode="python"),
    }
    if table.timeout is not None:
        keywords["timeout"] = table.timeout
    if table.total is not None:
        keywords["total"] = table.total
    return keywords


def queues_of(settings: Settings) -> Queues:
    """Give `[tool.wfc.queues]` as a registry takes them."""
    from wfc.runtime.queues import Queues, named_queue  # noqa: PLC0415 - see the top

    return Queues(
        {
            name: named_queue(
                name,
                concurrency=table.concurrency,
                rate=table.rate,
                by=table.by,
                slots=table.slots,
            )
            for name, table in settings.queues.items()
        }
    )


def named_limits(settings: Settings) -> list[Limit]:
    """Give the limits of `[tool.wfc.queues]`."""
    return [queue.limit for queue in queues_of(settings).named.values()] if settings.queues else []


def retention_s(settings: Settings) -> float | None:
    """Give `[tool.wfc] retention` in seconds; None keeps ended runs for ever."""
    return None if settings.retention is None else settings.retention.total_seconds()


def log_level(settings: Settings) -> int:
    """Give `[tool.wfc] capture_logs` as the standard library counts levels."""
    return logging.getLevelNamesMapping()[settings.capture_logs]


def worker_limits(settings: Settings) -> WorkerLimits:
    """Give `[tool.wfc.worker]` and `[tool.wfc.limits]` as a worker takes them."""
    from wfc.runtime.heartbeat import Pulse  # noqa: PLC0415 - likewise
    from wfc.runtime.limits import Limits  # noqa: PLC0415 - see the top
    from wfc.runtime.worker_limits import WorkerLimits  # noqa: PLC0415 - likewise

    table = settings.worker
    return WorkerLimits(
        bodies=table.concurrency,
        executions=table.executions,
        threads=table.threads,
        drain_s=table.drain.total_seconds(),
        lease_s=table.lease.total_seconds(),
        sweep_s=table.sweep.total_seconds(),
        retention_s=retention_s(settings),
        audit_retention_s=None
        if settings.audit_retention is None
        else settings.audit_retention.total_seconds(),
        pulse=Pulse(every_s=table.heartbeat.total_seconds()),
        chapter=Limits(
            events=settings.limits.events,
            pending=settings.limits.pending_operations,
            payload=settings.limits.payload,
            attributes=settings.limits.attributes,
            depth=settings.limits.children_depth,
            log_level=log_level(settings),
        ),
    )
