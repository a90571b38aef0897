"""One turn of a conversation as its readers see it: the stream `ui~<turn>` of the run.

Workflow code tells the frame (start, what tools came to, finish) as keyed chunks of the run's own
commits; each model step writes what the model says while it says it. So there is no log entry per
chunk, and what is made again by a replay, or by another worker, is known by its key and ignored.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable
from contextvars import ContextVar
from typing import Any, Final

from pydantic_ai import RunContext

from wfc.agent.dangling import closing
from wfc.agent.framing import Frame, Framing, stored
from wfc.agent.stamps import CallsApart
from wfc.errors import WfcError
from wfc.eventlog.entity import RunStatus
from wfc.ids import DefinitionId, RunId, Site
from wfc.runtime import context
from wfc.runtime.attempt import Call, get_step_metadata
from wfc.runtime.closures import closure_step
from wfc.runtime.live import Live
from wfc.runtime.retry import Closure
from wfc.runtime.scene import RunScene
from wfc.runtime.writable import TURN, StreamName
from wfc.worlds.chunks import Epilogue, NewChunk, StreamWrite

_CLOSE: Final = Site("agent.close_parts")
BATCH: Final = 32
BATCH_S: Final = 0.02

current_turn: Final[ContextVar[Turn | None]] = ContextVar("wfc_turn", default=None)
"""The turn that an agent's run in workflow code belongs to."""
live_step: Final[ContextVar[LiveWriter | None]] = ContextVar("wfc_live_step", default=None)
"""Where the model step whose attempt runs here writes to."""


def namespace_of(number: str) -> str:
    """Name the stream of a turn."""
    return f"{TURN}{number}"


class Turn:
    """The stream of one turn, in the hands of workflow code."""

    def __init__(self, execution: Live, number: str) -> None:
        """Tell turn `number` of a run; nothing is told before `open`."""
        self.base = number
        self.number = number
        self.steps = 0
        self.parts = 0
        self.stream = StreamName(execution.run_id, namespace_of(number))
        self._execution = execution
        self._count = 0
        self._unsure: list[NewChunk] = []
        self._in_step = False
        self._error_text = ""
        self.is_open = self.was_opened = False
        self.framing = Framing(f"t{number}")

    # -- told by the run's own commits

    @property
    def next_number(self) -> str:
        """What the next part of the turn is called, once people have answered."""
        return f"{self.base}.{self.parts + 1}"

    def pause(self) -> None:
        """End this part: people are waited for, and readers need not be."""
        self.end_step()
        self.finish("tool-calls", close=True)

    def go_on(self) -> None:
        """Begin the next part, with a stream of its own."""
        self.number = self.next_number
        self.parts += 1
        self.stream = StreamName(self.stream.run_id, namespace_of(self.number))
        self.framing.prefix = f"t{self.number}"
        self._count, self._unsure = 0, []
        self.open(error_text=self._error_text)

    def open(self, *, error_text: str) -> None:
        """Begin the stream. The tail that any end of the run writes is stored with it."""
        self._error_text = error_text
        self.is_open = self.was_opened = True
        name = f"{self.stream.run_id}~{self.number}"
        start = {"type": "start", "messageMetadata": {"wfc": name}}
        self._tell([start], epilogue=self._epilogue(error_text))

    def frames(self, frames: Iterable[Frame]) -> None:
        """Tell frames; nothing if there are none."""
        told = list(frames)
        if told:
            self._tell(told)

    def end_step(self) -> None:
        """End the step under way, if one is."""
        if self._in_step:
            self._in_step = False
            self._tell([{"type": "finish-step"}])

    def finish(self, reason: str | None, *, close: bool, send: bool = True) -> None:
        """End the stream: `finish` is the last frame, then no reader waits any more."""
        frame = {"type": "finish"} if reason is None else {"type": "finish", "finishReason": reason}
        self._tell([frame] if send else [], close=close)
        self.is_open = not close

    def _tell(
        self, frames: list[Frame], *, close: bool = False, epilogue: Epilogue | None = None
    ) -> None:
        chunks = []
        for frame in frames:
            chunks.append(stored(frame, f"w{self._count}"))
            self._count += 1
        self._unsure += chunks
        self._execution.tell(
            StreamWrite(
                namespace=self.stream.namespace,
                chunks=tuple(chunks),
                close=close,
                epilogue=epilogue,
                spare=True,
            )
        )

    async def close_parts(self) -> None:
        """Close what was left open when the model, or a tool, was stopped half-way.

        What was written is known from the stream alone; a step looks, and its start is committed
        before, behind all that the stopped attempt had on its way.
        """
        step = DefinitionId(f"wfc.agent:{_CLOSE}")
        body = Closure(call=_Closing(self.stream, f"{self.number}.{self.steps}").run)
        with contextlib.suppress(WfcError):  # then the parts stay open, and the end still comes
            await closure_step(step, body, policy={"attempts": 1}, site=_CLOSE)

    def _epilogue(self, error_text: str) -> Epilogue:
        error, abort = {"type": "error", "errorText": error_text}, {"type": "abort"}
        finish = {"type": "finish"}
        ends: dict[RunStatus, list[Frame]] = {
            RunStatus.COMPLETED: [finish],
            RunStatus.FAILED: [error, finish],
            RunStatus.CANCELLED: [abort, finish],
        }
        return {
            status: tuple(stored(frame, f"e{n}") for n, frame in enumerate(frames))
            for status, frames in ends.items()
        }

    # -- written while the model speaks

    def next_step(self) -> LiveStep:
        """Give what the next model step writes with."""
        self.end_step()
        self.steps += 1
        self._in_step = True
        before, self._unsure = tuple(self._unsure), []
        return LiveStep(self.stream, f"t{self.number}.s{self.steps}", before)


class _Closing:
    """The body of the step that closes what a stopped attempt has left open."""

    def __init__(self, stream: StreamName, name: str) -> None:
        self._stream = stream
        self._name = name

    async def run(self) -> None:
        attempt = context.attempt.get()
        assert isinstance(attempt, Call)
        assert isinstance(attempt.scene, RunScene)
        frames = [json.loads(row.body) for row in await attempt.scene.read_stream(self._stream)]
        chunks = [stored(frame, f"x{self._name}.{n}") for n, frame in enumerate(closing(frames))]
        if chunks:
            await attempt.write_stream(self._stream, chunks)


class LiveStep:
    """What the attempts of one model step write to the stream of a turn.

    `before` are the frames told since the last step: whoever comes first writes them, so the order
    of the stream hangs on no race between the run's commit and the model.
    """

    def __init__(self, stream: StreamName, name: str, before: tuple[NewChunk, ...]) -> None:
        """Write to `stream`, with keys and ids that begin with `name`."""
        self._stream = stream
        self._name = name
        self._before = before

    @contextlib.asynccontextmanager
    async def written_live(self) -> AsyncIterator[None]:
        """Let the model call inside write its stream."""
        attempt = get_step_metadata().attempt
        writer = LiveWriter(self._stream, self._name, attempt)
        # A first attempt may have been lost before it wrote: then a reset alone would take the
        # parts of the step before away.
        opening = [stored({"type": "start-step"}, f"{self._name}.start")]
        if attempt > 1:
            opening.append(stored({"type": "reset-step"}, f"{self._name}.a{attempt}.reset"))
        await writer.put_stored([*self._before, *opening])
        token = live_step.set(writer)
        try:
            yield
        except Exception:
            await writer.frames(await writer.framing.closing())
            raise
        finally:
            live_step.reset(token)
            await writer.flush()


class LiveWriter:
    """The pen of one attempt: gathers frames for 20 ms, or 32 of them."""

    def __init__(self, stream: StreamName, name: str, attempt: int) -> None:
        """Write for this attempt."""
        self.framing = Framing(name)
        self._stream = stream
        self._prefix = f"{name}.a{attempt}"
        self._count = 0
        self._waiting: list[NewChunk] = []
        self._due: asyncio.TimerHandle | None = None
        self._sending: asyncio.Task[None] | None = None

    async def frames(self, frames: Iterable[Frame]) -> None:
        """Write frames, soon. Raises as `Writable.write` does."""
        for frame in frames:
            self._waiting.append(stored(frame, f"{self._prefix}.{self._count}"))
            self._count += 1
        if len(self._waiting) >= BATCH:
            await self.flush()
        elif self._waiting and self._due is None:
            self._due = asyncio.get_running_loop().call_later(BATCH_S, self._send)

    async def put_stored(self, chunks: list[NewChunk]) -> None:
        """Write chunks at once."""
        await self._write(chunks)

    async def flush(self) -> None:
        """Hand all over that waits."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if self._sending is not None:
            await self._sending
        waiting, self._waiting = self._waiting, []
        if waiting:
            await self._write(waiting)

    def _send(self) -> None:
        self._due = None
        if self._sending is None or self._sending.done():
            waiting, self._waiting = self._waiting, []
            self._sending = asyncio.get_running_loop().create_task(self._write(waiting))

    async def _write(self, chunks: list[NewChunk]) -> None:
        attempt = context.attempt.get()
        assert attempt is not None
        await attempt.write_stream(self._stream, chunks)


async def write_live(run_context: RunContext[Any], events: Any) -> None:
    """Write the stream of a model while it speaks: pydantic-ai's handler of a model step."""
    writer = live_step.get()
    if writer is None:
        return
    apart = CallsApart(run_context.messages)
    async for event in events:
        await writer.frames(await writer.framing.frames(apart.renamed(event)))


def run_of(name: str) -> tuple[RunId, str]:
    """Take the outside name of a turn's stream apart: ``<run>~<turn>``. Raises `ValueError`."""
    run_id, separator, number = name.rpartition("~")
    if not separator:
        raise ValueError(f"{name!r} names no turn: ``<run>~<turn>`` does")
    return RunId(run_id), number
