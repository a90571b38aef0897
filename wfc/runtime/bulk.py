"""Many runs at once: filters and lists. What is asked of many at once stands in `controls`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from wfc.clock import to_datetime, to_us
from wfc.errors import OptionInvalid
from wfc.eventlog import entity
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import Scalar
from wfc.ids import DefinitionId, RunId, VersionId
from wfc.runtime.answers import Page, RunSummary
from wfc.runtime.options import (
    check_given_attributes,
    check_instant,
    check_number,
    check_text,
    refused,
)
from wfc.worlds.protocol import RunFilter, World

PAGE_MAX: Final = 200


def run_filter(
    *,
    workflow: DefinitionId | None,
    status: RunStatus | str | Iterable[RunStatus | str] | None,
    version: VersionId | None,
    queue: str | None,
    attributes: Mapping[str, Scalar] | None,
    parent: RunId | None,
    since: datetime | None,
    until: datetime | None,
    late: bool | None = None,
) -> RunFilter:
    """Make the world's filter of what a caller gave. Raises `OptionInvalid`."""
    for name, text in (("version", version), ("queue", queue), ("parent", parent)):
        check_text(name, text)
    for name, instant in (("since", since), ("until", until)):
        check_instant(name, instant)
    if late is not None and not isinstance(late, bool):
        raise refused("late", late, "is neither True nor False")
    given = () if status is None else [status] if isinstance(status, str) else status
    if not isinstance(given, Iterable):
        raise _no_status(given)
    return RunFilter(
        workflow=workflow,
        statuses=frozenset(_status(word) for word in given),
        version=version,
        queue=queue,
        parent_id=parent,
        attributes=check_given_attributes("attributes", attributes),
        created_from=None if since is None else to_us(since),
        created_until=None if until is None else to_us(until),
        late=late,
    )


def _status(word: RunStatus | str) -> str:
    words = [status.value for status in RunStatus]
    if word in words:
        return str(word)
    raise _no_status(word)


def _no_status(word: object) -> OptionInvalid:
    words = [status.value for status in RunStatus]
    near = difflib.get_close_matches(str(word), words, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return OptionInvalid(
        f"`status` = {word!r} is no status of a run.{hint} There are: {', '.join(words)}."
    )


async def list_page(
    world: World, where: RunFilter, *, cursor: str | None, limit: int
) -> Page[RunSummary]:
    """Read one page of runs. Raises `OptionInvalid`, and `ConfigError` for an alien cursor."""
    check_number("limit", limit, 1, PAGE_MAX)
    check_text("cursor", cursor)
    page = await world.list_runs(where, cursor=cursor, limit=limit)
    return Page(items=tuple(summary_of(row, world.now_us()) for row in page.runs), next=page.next)


def summary_of(row: entity.Run, now_us: int) -> RunSummary:
    """Give a run's row as a list shows it now."""
    return RunSummary(
        id=row.run_id,
        workflow=row.workflow,
        version=row.version,
        status=row.status,
        created_at=to_datetime(row.created_at),
        started_at=None if row.started_at is None else to_datetime(row.started_at),
        ended_at=None if row.ended_at is None else to_datetime(row.ended_at),
        queue=row.queue,
        paused=row.paused,
        blocked=row.blocked,
        attributes=row.attributes,
        late=row.is_late(now_us),
    )
