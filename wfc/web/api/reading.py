"""Endpoints that show runs: GET, role `read`, and no event is written by any of them."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping
from typing import Any, Final

from wfc import codec
from wfc.errors import ConfigError, WfcError
from wfc.eventlog.entity import Run
from wfc.eventlog.event import Recorded, RunCreated, RunRestarted
from wfc.ids import RunId, is_run_id
from wfc.manifests.store import spans_of_version
from wfc.runtime.lines import NAMESPACE
from wfc.runtime.logs import created_of
from wfc.runtime.run import Run as Handle
from wfc.runtime.webhook_door import Refusal
from wfc.web.api.asking import Asked
from wfc.web.api.models import (
    Counted,
    EventView,
    HookView,
    Link,
    Listed,
    RunItem,
    RunView,
    StepView,
    StreamView,
    Told,
    WaitView,
    rfc3339,
)
from wfc.web.api.views import (
    actions_of,
    counts_of,
    error_of,
    hook_view,
    item_of,
    reason_of,
    run_item,
    step_view,
    wait_view,
)
from wfc.web.trace import Span
from wfc.web.trees import Painter
from wfc.web.watched import WatchedRun
from wfc.worlds.chunks import Form
from wfc.worlds.protocol import ChunkRow, RunFilter
from wfc.worlds.rules import PAGE_MAX

COUNTED_MAX: Final = 10_000
_UNSHOWN: Final = frozenset({"seed", "operation_id"})
"""Fields of events that are told otherwise, or not: who has the seed knows every default token."""


# --- lists -------------------------------------------------------------------------------------


async def runs(asked: Asked) -> Listed[RunItem]:
    """List runs, newest first."""
    world, query = asked.session.world, asked.query
    try:
        page = await world.list_runs(query.where(), cursor=query.cursor, limit=query.limit)
    except ConfigError as error:
        raise bad_cursor(error) from None
    now = world.now_us()
    return Listed(items=[item_of(run, now) for run in page.runs], next=page.next)


async def count_runs(asked: Asked) -> Counted:
    """Count runs, as far as 10,000."""
    world, count, cursor = asked.session.world, 0, None
    while count < COUNTED_MAX:
        page = await world.list_runs(asked.query.where(), cursor=cursor, limit=PAGE_MAX)
        count, cursor = count + len(page.runs), page.next
        if cursor is None:
            return Counted(count=count, exact=True)
    return Counted(count=count, exact=False)


# --- one run -----------------------------------------------------------------------------------


async def run(asked: Asked) -> RunView:
    """Show one run: where it stands and why, how it ended, where it came from."""
    row, seen, painter = await _looked_at(asked)
    world, types = asked.session.world, asked.types
    why = await Handle(row.run_id, _client(asked)).why()
    created = created_of(seen.log)
    opening = _opening(seen.log)
    return RunView(
        **run_item(row, world.now_us()),
        reason=reason_of(why, painter),
        arguments=painter.payload(opening.arguments, types, "/arguments"),
        output=painter.payload(row.output, types, "/output"),
        error=error_of(row.error, painter),
        counts=counts_of(seen.trace.spans.values()),
        origin=_origin(created),
        callbacks=[
            Told(
                callback=each.callback,
                status=each.status.value,
                attempts=each.attempts,
                changed_at=rfc3339(each.changed_at),
                error=_message(each.error, painter),
            )
            for each in await world.deliveries(run_id=row.run_id)
        ],
        actions=actions_of(row),
        goal_at=rfc3339(row.late_at),
    )


def _message(data: bytes | None, painter: Painter) -> str | None:
    error = error_of(data, painter)
    return None if error is None else error.unreadable or f"{error.type}: {error.message}"


def _opening(log: list[Recorded]) -> RunCreated | RunRestarted:
    """Give what the present chapter began with."""
    for each in reversed(log):
        if isinstance(each.event, (RunCreated, RunRestarted)):
            return each.event
    raise AssertionError("a log begins with `run_created`")


def _origin(created: RunCreated) -> dict[str, Any] | None:
    origin = created.origin
    if origin is None:
        return None
    return {
        "kind": origin.kind,
        "run_id": origin.run_id,
        "at": origin.at,
        "edited": origin.edited,
        "schedule": origin.schedule,
        "fire_at": rfc3339(origin.fire_at),
    }


async def events(asked: Asked) -> Listed[EventView]:
    """Show events of a run, the earliest first; `next` is what to ask `after`."""
    _, seen, painter = await _looked_at(asked)
    query = asked.query
    found: list[EventView] = []
    for chapter, each in _chaptered(seen.log):
        if each.position <= query.after:
            continue
        view = _event(asked, painter, each, chapter)
        if _is_wanted(query, view):
            if len(found) == query.limit:
                return Listed(items=found, next=str(found[-1].position))
            found.append(view)
    return Listed(items=found)


def _is_wanted(query: Any, view: EventView) -> bool:
    if query.chapter is not None and view.chapter != query.chapter:
        return False
    if query.type and view.type not in query.type:
        return False
    return query.site is None or (view.operation_id or "").partition("#")[0] == query.site


async def event(asked: Asked) -> EventView:
    """Show one event."""
    _, seen, painter = await _looked_at(asked)
    text = asked.named("position")
    position = int(text) if text.isdecimal() and len(text) < len(str(1 << 62)) else 0
    if not 0 < position <= len(seen.log):
        raise missing("no-such-event", f"The run has the events 1 to {len(seen.log)}.")
    for chapter, each in _chaptered(seen.log):
        if each.position == position:
            return _event(asked, painter, each, chapter)
    raise AssertionError("positions are dense")


def _chaptered(log: list[Recorded]) -> Iterator[tuple[int, Recorded]]:
    chapter = 1
    for each in log:
        if isinstance(each.event, RunRestarted):
            chapter = each.event.chapter
        yield chapter, each


def _event(asked: Asked, painter: Painter, recorded: Recorded, chapter: int) -> EventView:
    event = recorded.event
    fields = {
        one.name: _field(asked, painter, one.name, getattr(event, one.name))
        for one in dataclasses.fields(event)
        if one.name not in _UNSHOWN
    }
    return EventView(
        position=recorded.position,
        recorded_at=rfc3339(recorded.recorded_at) or "",
        type=event.name,
        chapter=chapter,
        operation_id=getattr(event, "operation_id", None),
        fields=fields,
    )


def _field(asked: Asked, painter: Painter, name: str, value: Any) -> Any:
    """Show a field of an event: payloads as trees, instants as such, tokens masked."""
    if isinstance(value, bytes):
        return _payload(asked, painter, name, value)
    if name in {"token", "url"} and value is not None:
        return f"{str(value)[:4]}…"
    if isinstance(value, int) and name.endswith(("_at", "not_before")):
        return rfc3339(value)
    return _parts(asked, painter, name, value)


def _payload(asked: Asked, painter: Painter, name: str, value: bytes) -> Any:
    if name == "digest":
        return value.hex()
    if name == "error":
        found = error_of(value, painter)
        return None if found is None else found.model_dump()
    return painter.payload(value, asked.types, f"/{name}")


def _parts(asked: Asked, painter: Painter, name: str, value: Any) -> Any:
    """Show what is made of fields, field by field."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {
            str(key): _field(asked, painter, str(key), below)
            for key, below in value.items()
            if key not in _UNSHOWN
        }
    if isinstance(value, (tuple, list, frozenset)):
        return [_field(asked, painter, "", below) for below in value]
    return None if value is None else painter.tree(value, f"/{name}")


async def trace(asked: Asked) -> dict[str, Any]:
    """Give the spans of a run in columns; those that changed behind `after`, if it says so."""
    row, seen, painter = await _looked_at(asked)
    places = await _places(asked, row)
    spans = seen.trace.changed_after(asked.query.after)
    columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    for span in spans:
        for name, value in _row(span, painter, places).items():
            columns[name].append(value)
    return {
        "position": seen.trace.position,
        "count": len(spans),
        "created_at": rfc3339(seen.trace.created_at),
        "started_at": rfc3339(seen.trace.started_at),
        "ended_at": rfc3339(seen.trace.ended_at),
        "now": rfc3339(asked.session.world.now_us()),
        "columns": columns,
    }


_COLUMNS: Final = (
    "id", "kind", "name", "site", "chapter", "status", "since", "until", "segments", "attempts",
    "attempts_max", "error", "child", "hook", "wake_at", "retry_at", "at",
)  # fmt: skip


def _row(span: Span, painter: Painter, places: Mapping[str, str]) -> dict[str, Any]:
    """Give a span in microseconds since the epoch, which browsers count with."""
    error = error_of(span.error, painter)
    return {
        "id": span.id,
        "kind": span.kind,
        "name": span.name,
        "site": span.site,
        "chapter": span.chapter,
        "status": span.status,
        "since": span.since,
        "until": span.until,
        "segments": [[one.kind, one.since, one.until, one.attempt] for one in span.segments],
        "attempts": len(span.attempts),
        "attempts_max": span.attempts_max,
        "error": None if error is None else error.unreadable or f"{error.type}: {error.message}",
        "child": span.child,
        "hook": span.hook_id,
        "wake_at": span.wake_at,
        "retry_at": span.retry_at,
        "at": places.get(span.site),
    }


async def steps(asked: Asked) -> Listed[StepView]:
    """List the steps of a run in the order of the log; `next` is what to ask `after`."""
    row, seen, painter = await _looked_at(asked)
    query, places = asked.query, await _places(asked, row)
    found = [
        span
        for span in seen.trace.spans.values()
        if span.kind == "step"
        and (not query.status or span.status in query.status)
        and query.chapter in {None, span.chapter}
    ]
    shown = found[query.after : query.after + query.limit]
    end = query.after + len(shown)
    return Listed(
        items=[step_view(span, painter, asked.types, places) for span in shown],
        next=str(end) if end < len(found) else None,
    )


async def step(asked: Asked) -> StepView:
    """Show one step."""
    row, seen, painter = await _looked_at(asked)
    spans: Mapping[str, Span] = seen.trace.spans  # type: ignore[assignment]  # asked by any text
    span = spans.get(asked.named("operation_id"))
    if span is None or span.kind != "step":
        raise missing("no-such-step", "The run has no step of this id.")
    return step_view(span, painter, asked.types, await _places(asked, row))


async def waits(asked: Asked) -> Listed[WaitView]:
    """List the sleeps of a run."""
    _, seen, _ = await _looked_at(asked)
    spans = seen.trace.spans.values()
    return Listed(items=[wait_view(span) for span in spans if span.kind == "wait"])


async def hooks_of_run(asked: Asked) -> Listed[HookView]:
    """List the hooks of a run's present chapter."""
    row, _, painter = await _looked_at(asked)
    found = await Handle(row.run_id, _client(asked)).hooks()
    return Listed(items=[hook_view(each, painter) for each in found])


async def children(asked: Asked) -> Listed[Link]:
    """List the runs that a run has started, newest first."""
    row = await row_of(asked)
    query = asked.query
    try:
        page = await asked.session.world.list_runs(
            RunFilter(parent_id=row.run_id), cursor=query.cursor, limit=query.limit
        )
    except ConfigError as error:
        raise bad_cursor(error) from None
    items = [
        Link(id=each.run_id, workflow=each.workflow, status=each.status.value) for each in page.runs
    ]
    return Listed(items=items, next=page.next)


async def streams(asked: Asked) -> Listed[StreamView]:
    """List the streams of a run."""
    row = await row_of(asked)
    return Listed(
        items=[
            StreamView(
                namespace=each.namespace,
                tail_index=each.length - 1,
                size=each.size,
                closed=each.closed,
                created_at=rfc3339(each.created_at),
            )
            for each in await asked.session.world.streams(row.run_id)
        ]
    )


async def logs(asked: Asked) -> dict[str, Any]:
    """Give log lines of a run from the index `start` on; `next` is where to go on."""
    row, _, painter = await _looked_at(asked)
    query = asked.query
    page = await asked.session.world.read_chunks(row.run_id, NAMESPACE, query.start, query.limit)
    lines = []
    for chunk in page.chunks:
        value = _line(chunk)
        if value is not None and _is_said(query, value):
            message = painter.text(str(value.get("message", "")))
            lines.append({"index": chunk.index, **value, "message": message})
    return {"items": lines, "next": query.start + len(page.chunks), "closed": page.closed}


def _line(chunk: ChunkRow) -> dict[str, Any] | None:
    if chunk.form is Form.RESET:
        return None
    try:
        value = codec.decode(chunk.body)
    except WfcError as problem:
        return {"message": f"({str(problem).partition(chr(10))[0]})"}
    if codec.is_withheld(chunk.body):
        return {"message": "(encrypted)"}
    return {**value, "time": rfc3339(value["time"])} if isinstance(value, dict) else None


def _is_said(query: Any, line: Mapping[str, Any]) -> bool:
    levels = logging.getLevelNamesMapping()
    if query.level is not None:
        said = levels.get(str(line.get("level")), logging.CRITICAL)
        if said < levels[query.level]:
            return False
    if query.step is not None and line.get("step_id") != query.step:
        return False
    return query.attempt is None or line.get("attempt") == query.attempt


# --- in common ---------------------------------------------------------------------------------


async def row_of(asked: Asked) -> Run:
    """Read the row of the run that the path names. Raises `Refusal` (404)."""
    run_id = asked.named("run_id")
    row = await asked.session.world.run(RunId(run_id)) if is_run_id(run_id) else None
    if row is None:
        raise missing("no-such-run", "No run has this id.")
    return row


async def _looked_at(asked: Asked) -> tuple[Run, WatchedRun, Painter]:
    """Read a run's row and log, and learn what is secret in it."""
    row = await row_of(asked)
    seen = await asked.site.watched.get(asked.session.world, row.run_id)
    painter = Painter(asked.site.payloads, asked.site.redact, seen.secrets)
    if painter.payloads == "redacted":
        seen.learn(painter, asked.types)
    return row, seen, painter


async def _places(asked: Asked, row: Run) -> Mapping[str, str]:
    """Say by site which line asks for it, in the code that the run is on."""
    try:
        version = await asked.session.upgrader.code.version(row.version)
    except WfcError:
        return {}  # what happened can be told without the code that asked for it
    return {site: f"{place.path}:{place.line}" for site, place in spans_of_version(version).items()}


def _client(asked: Asked) -> Any:
    async def client() -> Any:
        return asked.session

    return client


def missing(code: str, detail: str) -> Refusal:
    """Refuse what names nothing."""
    return Refusal(status=404, code=code, title="There is no such thing", detail=detail)


def bad_cursor(error: Exception) -> Refusal:
    """Refuse a cursor that this list did not give."""
    return Refusal(
        status=400,
        code="bad-cursor",
        title="Not a cursor of this list",
        detail=f"{error} A cursor belongs to the filters that it was given for.",
    )
