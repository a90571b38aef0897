"""Spans folded from logs: in pieces as at once, and with the states that the log's fold gives."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.golden.histories import releases
from tests.runtime.house import House
from tests.web.api.conftest import Begin
from wfc.eventlog.entity import StepStatus
from wfc.eventlog.event import Recorded
from wfc.eventlog.fold import fold
from wfc.ids import RunId
from wfc.runtime.exported import SUFFIX, read
from wfc.web.trace import Trace
from wfc.web.watched import KEPT, WatchedRuns

HISTORIES = [path for release in releases() for path in sorted(release.glob(f"*{SUFFIX}"))]


def traced(log: list[Recorded]) -> Trace:
    trace = Trace()
    trace.take(log)
    return trace


def plain(trace: Trace) -> list[dict[str, Any]]:
    return [dataclasses.asdict(span) for span in trace.spans.values()]


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_a_log_in_pieces_is_the_log(path: Any) -> None:
    """Wherever it is cut, and what changed behind the cut is told."""
    log = list(read(path).log)
    whole = traced(log)
    for cut in range(len(log)):
        pieces = traced(log[:cut])
        pieces.take(log[cut:])
        assert plain(pieces) == plain(whole)
        assert {span.id for span in pieces.changed_after(cut)} <= set(whole.spans)
    assert whole.changed_after(whole.position) == []


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_spans_have_the_states_of_the_fold(path: Any) -> None:
    """Steps that the fold knows, and where they stand; segments never overlap."""
    log = list(read(path).log)
    trace, state = traced(log), fold(log)
    for name, step in state.steps.items():
        span = trace.spans.get(name)
        if span is not None and state.end is None:
            assert StepStatus(span.status) is step.status
    for span in trace.spans.values():
        ends = [segment.since for segment in span.segments]
        assert ends == sorted(ends)
        for before, after in zip(span.segments, span.segments[1:], strict=False):
            assert before.until is not None
            assert before.until <= after.since


async def test_only_what_is_new_is_read(shop: House, begin: Begin) -> None:
    """Of runs that are remembered; the last looked at are."""
    await begin("waits")
    watched = WatchedRuns()
    first = await watched.get(shop.world, RunId("o-1"))
    calls: list[int] = []
    history = shop.world.history

    async def counted(run_id: RunId, after: int = 0, *rest: Any, **more: Any) -> Any:
        calls.append(after)
        return await history(run_id, after, *rest, **more)

    shop.world.history = counted  # type: ignore[method-assign]  # a counter around the real one
    assert await watched.get(shop.world, RunId("o-1")) is first
    assert calls == [len(first.log)]
    for number in range(KEPT):
        await watched.get(shop.world, RunId(f"none-{number}"))
    assert await watched.get(shop.world, RunId("o-1")) is not first
