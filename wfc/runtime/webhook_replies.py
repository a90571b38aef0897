"""Answers that steps give to callers of a webhook: each travels as a stream of its run, by receipt.

So the caller may wait at any process, and whoever repeats the request later finds the same answer.
"""

from __future__ import annotations

import asyncio
from typing import Final

from wfc.errors import AnsweredBefore, EffectInWorkflow, OutsideWorkflow, StreamClosed
from wfc.ids import RunId
from wfc.runtime import context
from wfc.runtime.attempt import get_step_metadata
from wfc.runtime.writable import StreamName
from wfc.worlds.chunks import Form, NewChunk
from wfc.worlds.protocol import World

_LOOK_S: Final = 1.0
"""How long a look may be put off if a hint is lost."""
_PAGE: Final = 16


def namespace_of(receipt_id: str) -> str:
    """Name the stream that holds the answer to what came under a receipt."""
    return f"wfc.response/{receipt_id}"


async def send(reply_to: tuple[str, str] | None, data: bytes) -> None:
    """Write the answer to a request, by run and receipt; on disk when this returns.

    Raises `AnsweredBefore`, `EffectInWorkflow` in workflow code, and `OutsideWorkflow` outside of
    steps and for requests that nobody waits for.
    """
    if context.current.get() is not None:
        raise EffectInWorkflow(
            "`respond` was called in workflow code, where a replay would answer again. Give the "
            "request to a step, and respond there.",
            guard="WFC806",
        )
    attempt = context.attempt.get()
    if attempt is None:
        raise OutsideWorkflow(
            "`respond` was called where no step of a run is being executed. Give the request to a "
            "step, and respond there."
        )
    if reply_to is None:
        raise OutsideWorkflow(
            "nobody waits for an answer to this request: its webhook was made without "
            '`response="manual"`, and answered when it came.'
        )
    run_id, receipt_id = reply_to
    stream = StreamName(RunId(run_id), namespace_of(receipt_id))
    step = get_step_metadata()
    # By its key, an answer that an attempt of this step gave before is known, and not given again.
    answer = NewChunk(form=Form.VALUE, body=data, key=f"{step.run_id}/{step.step_id}")
    try:
        await attempt.write_stream(stream, [answer], close=True)
    except StreamClosed:
        raise AnsweredBefore(
            f"the request {receipt_id} was answered before, or its run has ended. Respond once."
        ) from None


async def wait(world: World, run_id: RunId, receipt_id: str, patience_s: float) -> bytes | None:
    """Wait for an answer; None if none came in time, or none will.

    It is looked for once before any patience is needed, so a repeated request finds an old one.
    """
    namespace = namespace_of(receipt_id)
    watch = world.watch(f"stream:{run_id}")
    loop = asyncio.get_running_loop()
    until = loop.time() + patience_s
    try:
        while True:
            page = await world.read_chunks(run_id, namespace, 0, _PAGE)
            found = [chunk.body for chunk in page.chunks if chunk.form is Form.VALUE]
            left_s = until - loop.time()
            if found or page.closed or left_s <= 0:
                return found[-1] if found else None
            await watch.changed(min(left_s, _LOOK_S))
    finally:
        watch.close()
