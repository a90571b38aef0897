"""Closure steps: recorded calls whose body is a closure of live code.

Library code that runs inside a workflow (an agent's loop) makes them. No other process can call
such a body by name: its attempts run with the run's lease, by whoever has the live execution, or
has rebuilt it from the history. There are no arguments to record or to compare; what the body
returns passes the codec like any result, so a step never shares an object with a workflow.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final

from wfc import codec
from wfc.errors import CodecError
from wfc.eventlog.event import StepCompleted, StepFailed
from wfc.ids import DefinitionId, Site
from wfc.manifests.sites import site_of
from wfc.runtime import context
from wfc.runtime.live import Live
from wfc.runtime.operations import StepAsked
from wfc.runtime.pending import PendingStep, Place
from wfc.runtime.retry import Closure

_NO_POLICY: Final[Mapping[str, Any]] = {}


def closure_step(
    step: DefinitionId,
    body: Callable[[], Awaitable[Any]] | Closure,
    *,
    policy: Mapping[str, Any] = _NO_POLICY,
    annotation: Any = None,
    site: Site | None = None,
) -> Coroutine[Any, Any, Any]:
    """Call `body` as a recorded step named `step`; awaited, it gives the result for `annotation`.

    `body` runs on the worker's own loop, not in the workflow, and may do anything; a `Closure` says
    how its errors are judged, too. `policy` holds keywords of `wfc.policy`; `site` is given where
    the caller is a library. The call is found again by replay, which must come to it anew. Raises
    what the body raised last, `OutsideWorkflow`, and `CodecError` for a result that cannot be read.
    """
    execution = context.needed(f"the closure step {step}")
    frame = execution.on_behalf_of or sys._getframe(1)  # noqa: SLF001 - sites are found so
    name = execution.name(site or site_of(frame, step.rpartition(":")[2]))
    closure = body if isinstance(body, Closure) else Closure(call=body)
    asked = StepAsked(
        operation_id=name, step=step, arguments=None, digest=None, policy=policy, body=closure
    )
    return _answered(execution, asked, (frame.f_code, frame.f_lasti), annotation)


async def _answered(execution: Live, asked: StepAsked, place: Place, annotation: Any) -> Any:
    if not execution.alive:
        await execution.parked()
    answer: asyncio.Future[StepCompleted | StepFailed] = execution.loop.create_future()
    pending = PendingStep(asked, execution.position, place, answer)
    execution.ask(pending)
    try:
        event = await answer
    except BaseException:
        execution.withdraw(pending)
        raise
    types = execution.template.types
    if isinstance(event, StepFailed):
        raise codec.decode_error(event.error, types=types)
    try:
        return codec.decode(event.output, annotation=annotation, types=types)
    except CodecError as error:
        execution.misread(asked.operation_id, error)
        raise
