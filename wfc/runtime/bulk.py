"""Many runs at once: lists by filter, cancellation in bulk."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from wfc.clock import to_datetime, to_us
from wfc.errors import LogError, OptionInvalid
from wfc.eventlog import entity
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import CancelCause, RunCancelRequested, Scalar
from wfc.ids import DefinitionId, RunId, VersionId
from wfc.runtime.answers import CancelAnswer, Page, RunSummary
from wfc.runtime.client import Client
from wfc.runtime.options import (
    check_given_attributes,
    check_instant,
    check_number,
    check_text,
    refused,
)
from wfc.runtime.run import tell
from wfc.worlds.protocol import Refusal, RunFilter, World

BULK_MAX: Final = 500
_PAGE_MAX: Final = 200
_OPEN: Final = frozenset(status.value for status in RunStatus if not status.ended)


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
    check_number("limit", limit, 1, _PAGE_MAX)
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


async def cancel_all(
    client: Client,
    runs: RunFilter | Sequence[RunId],
    *,
    reason: str | None,
    dry_run: bool,
) -> dict[RunId, CancelAnswer]:
    """Ask every run to stop. Raises `ValueError` for more than `BULK_MAX` ids."""
    if isinstance(runs, RunFilter):
        names = await _found(client.world, runs)
    elif len(runs) > BULK_MAX:
        raise ValueError(f"{len(runs)} ids were given; cancel at most {BULK_MAX} at once")
    else:
        names = list(runs)
    return {name: await _cancel(client, name, reason=reason, dry_run=dry_run) for name in names}


async def _found(world: World, where: RunFilter) -> list[RunId]:
    """Read all pages before the first cancellation, which would move what follows."""
    open_only = replace(where, statuses=(where.statuses or _OPEN) & _OPEN)
    if not open_only.statuses:
        return []
    names: list[RunId] = []
    cursor: str | None = None
    while True:
        page = await world.list_runs(open_only, cursor=cursor, limit=_PAGE_MAX)
        names.extend(row.run_id for row in page.runs)
        cursor = page.next
        if cursor is None:
            return names


async def _cancel(
    client: Client, run_id: RunId, *, reason: str | None, dry_run: bool
) -> CancelAnswer:
    row = await client.world.run(run_id)
    if row is None:
        return CancelAnswer.NOT_FOUND
    if row.status.ended:
        return CancelAnswer.ENDED
    if dry_run:
        return CancelAnswer.WOULD_CANCEL
    if row.cancel_requested:
        return CancelAnswer.REQUESTED
    request = RunCancelRequested(
        reason=reason, cause=CancelCause.BULK, actor=client.actor, channel=client.channel
    )
    try:
        refusal = await tell(client, run_id, [request])
    except LogError:
        return CancelAnswer.UNREADABLE  # it must not keep the others from being cancelled
    return CancelAnswer.ENDED if refusal is Refusal.OVER else CancelAnswer.REQUESTED
