"""What an upgrade calls otherwise: the request of an attempt that began before it."""

from __future__ import annotations

from dataclasses import replace

from wfc.eventlog.renames import Renames
from wfc.worlds.protocol import Attempt, AttemptOf, Queued
from wfc.worlds.request import Request


def presently(request: Request, renames: Renames) -> Request:
    """Give a request of an attempt as if it had begun under the step's present name."""
    guard = request.guard
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
    )


def _presently(queued: Queued, renames: Renames) -> Queued:
    message = queued.message
    if not isinstance(message, Attempt):
        return queued
    name = renames.operation(message.operation_id)
    return replace(queued, message=replace(message, operation_id=name))
