"""What an upgrade calls otherwise: requests of attempts that began, and of senders that looked a
hook up, before it.
"""

from __future__ import annotations

from dataclasses import replace

from wfc.eventlog.renames import Renames
from wfc.worlds.protocol import Attempt, AttemptOf, OpenHook, Queued, StreamWrite
from wfc.worlds.request import Request


def presently(request: Request, renames: Renames) -> Request:
    """Give a request of an attempt or a sender as if it had begun under the present name."""
    guard = request.guard
    if isinstance(guard, OpenHook):
        return replace(request, events=[renames.event(event) for event in request.events])
    if not isinstance(guard, AttemptOf):
        return request
    name = renames.operation(guard.operation_id)
    if name == guard.operation_id:
        return request
    return replace(
        request,
        guard=replace(guard, operation_id=name),
        events=[renames.event(event) for event in request.events],
        messages=[_presently(queued, renames) for queued in request.messages],
        chunks=[_written(wanted, renames) for wanted in request.chunks],
    )


def _written(wanted: StreamWrite, renames: Renames) -> StreamWrite:
    step = wanted.step
    if step is None:
        return wanted
    name = renames.operation(step.operation_id)
    return replace(wanted, step=replace(step, operation_id=name))


def _presently(queued: Queued, renames: Renames) -> Queued:
    message = queued.message
    if not isinstance(message, Attempt):
        return queued
    name = renames.operation(message.operation_id)
    return replace(queued, message=replace(message, operation_id=name))
