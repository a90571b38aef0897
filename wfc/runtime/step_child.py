"""Inside the process of a step: take a call, run its body in the main thread, say how it ended.

The main thread is where signals land. SIGTERM raises `SystemExit` in the midst of the body, so that
its `finally` blocks run; who does not end then is killed from outside.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from queue import SimpleQueue
from typing import Any, Final

from wfc import codec
from wfc.errors import OutsideWorkflow
from wfc.eventlog.event import Scalar
from wfc.ids import OperationId
from wfc.manifests.store import from_archive
from wfc.runtime import context, log_context
from wfc.runtime.attempt import Body, Call, Ended, run_here
from wfc.runtime.frames import Pipe, frame
from wfc.runtime.memory_limit import Limited
from wfc.runtime.metadata import WorkflowMetadata
from wfc.runtime.outlets import UNFLUSHED_MAX, too_late
from wfc.runtime.process_calls import ended_fields, of_fields
from wfc.runtime.registry import Registry
from wfc.runtime.telemetry import within
from wfc.runtime.writable import StreamName
from wfc.worlds.protocol import NewChunk

TERMINATED: Final = 143
"""The exit status of a process that SIGTERM has ended, as shells say it."""


class StepChild:
    """Runs the calls that come through a pipe, one at a time."""

    def __init__(self, pipe: Pipe, registry: Registry, gone: Callable[[], None]) -> None:
        """Run steps of `registry`; `gone` is called, in a thread, once the worker is not there."""
        self._pipe = pipe
        self._registry = registry
        self._gone = gone
        self._calls: SimpleQueue[Mapping[str, Any] | None] = SimpleQueue()
        self._scene: PipeScene | None = None
        self._call: Call | None = None
        self._terminated = False

    def serve(self) -> None:
        """Serve until the worker is gone. Raises `SystemExit` after `terminate`."""
        threading.Thread(target=self.listen, name="wfc-pipe", daemon=True).start()
        with asyncio.Runner() as runner:
            while (fields := self._calls.get()) is not None:
                ended = self._attempt(fields, runner)
                if not self._pipe.is_ours:
                    os._exit(0)  # a fork that came back from the body; its parent speaks
                self._pipe.send("ended", **ended)
                if self._terminated:
                    raise SystemExit(TERMINATED)

    def terminate(self, *_: object) -> None:
        """Stop the body, if one runs, and end: the handler of SIGTERM."""
        self._terminated = True
        if self._call is not None:
            self._call.given_up = True
        raise SystemExit(TERMINATED)

    def listen(self) -> None:
        """Hear the worker, until it is gone."""
        while (said := self._pipe.receive()) is not None:
            word, fields = said
            if word == "call":
                self._calls.put(fields)
            elif self._scene is not None:
                self._scene.answered(fields["error"])
        self._calls.put(None)
        self._gone()

    def _attempt(self, fields: Mapping[str, Any], runner: asyncio.Runner) -> dict[str, Any]:
        offset_us = fields["now"] - _monotonic_us()
        self._scene = PipeScene(self._pipe, fields["scene"])
        call = self._call = of_fields(fields, self._scene)
        limited: list[Limited] = []

        def body_of() -> Body:
            limited.append(Limited(self._body(call, fields["archive"]), call.policy.memory_bytes))
            return limited[0]

        def awaited(work: Coroutine[Any, Any, Any]) -> Any:
            # A runner keeps the context of its first day.
            return runner.run(work, context=contextvars.copy_context())

        def run() -> Ended:
            context.attempt.set(call)
            # What the body opens is a child of the worker's span of this attempt.
            with within(fields["span"]):
                return run_here(call, body_of, awaited, lambda: offset_us + _monotonic_us())

        ended = contextvars.copy_context().run(run)
        self._scene.leave()
        self._call = None
        # What ran out of memory has left the heap in pieces, and the next body would suffer for it.
        # What was told to end, by whomever, is about to.
        spent = self._terminated or any(each.exhausted for each in limited)
        return {**ended_fields(ended), "spent": spent}

    def _body(self, call: Call, archive: bytes | None) -> Body:
        if call.body_version is None:
            return self._registry.step(call.step)
        if archive is not None:
            self._registry.add(from_archive(archive))
        known = {each.id: each for each in self._registry.versions.known()}
        return self._registry.older_step(known[call.body_version], call.step)


_Asker = tuple[asyncio.AbstractEventLoop, "asyncio.Future[bytes | None]"]
"""Who waits for an answer, and on which loop."""


def _monotonic_us() -> int:
    return time.monotonic_ns() // 1000


class PipeScene:
    """The run around a body, asked for through the pipe."""

    def __init__(self, pipe: Pipe, metadata: WorkflowMetadata) -> None:
        """Know the run as it was when the attempt began."""
        self._pipe = pipe
        self._metadata = metadata
        self._waiting: deque[_Asker] = deque()
        self._over = False
        self._lock = threading.Lock()  # answers come in the order of what was asked

    def workflow_metadata(self) -> WorkflowMetadata:
        """Describe the run."""
        return self._metadata

    async def set_attributes(
        self,
        changes: Mapping[str, Scalar | None],
        operation_id: OperationId,  # noqa: ARG002 - the worker knows for whom it asks
    ) -> None:
        """Have the worker write attributes. Raises what it met."""
        late = OutsideWorkflow(
            "set_attributes(...) was called by what an attempt left behind in its process, after "
            "its body had ended. Await in the step whatever speaks for it."
        )
        await self._asked("attributes", late, changes=dict(changes))

    async def _asked(self, word: str, late: Exception, **fields: Any) -> None:
        """Ask the worker and wait for its answer. Raises what it met, or `late` if the body has
        ended: the worker would take it for the next one.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes | None] = loop.create_future()
        data = frame(word, fields)
        with self._lock:
            if self._over:
                raise late
            self._waiting.append((loop, answer))
            self._pipe.send_frame(data)
        error = await answer
        if error is not None:
            raise codec.decode_error(error)

    async def write_stream(
        self,
        call: Call,  # noqa: ARG002 - the worker knows for whom it asks
        to: StreamName,
        chunks: Sequence[NewChunk],
        *,
        close: bool,
    ) -> None:
        """Have the worker write to a stream. Raises what it met."""
        told = [[one.form.value, one.body] for one in chunks]
        # One frame has an end, a write of many chunks need not have one.
        for first in range(0, max(1, len(told)), UNFLUSHED_MAX // 2):
            part = told[first : first + UNFLUSHED_MAX // 2]
            last = first + len(part) == len(told)
            await self._asked(
                "stream", too_late(to), to=list(to), chunks=part, close=close and last
            )

    def leave(self) -> None:
        """Let nothing more be asked: the body has ended."""
        with self._lock:
            self._over = True

    def answered(self, error: bytes | None) -> None:
        """Hear, in the thread that listens, what came of the first that is still open."""
        loop, answer = self._waiting.popleft()
        with contextlib.suppress(RuntimeError):  # the loop of a thread that has ended meanwhile
            loop.call_soon_threadsafe(_settle, answer, error)


def _settle(answer: asyncio.Future[bytes | None], error: bytes | None) -> None:
    if not answer.done():  # the body may have been cancelled while it waited
        answer.set_result(error)


class PipeHandler(logging.Handler):
    """Sends log records to the worker, which gives them to its own handlers."""

    def __init__(self, pipe: Pipe) -> None:
        """Speak through `pipe`."""
        super().__init__()
        self._pipe = pipe
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record as text: its arguments may be anything."""
        if not self._pipe.is_ours:
            if logging.lastResort is not None and record.levelno >= logging.lastResort.level:
                logging.lastResort.handle(record)
            return
        try:
            raised = record.exc_info and self._formatter.formatException(record.exc_info)
            self._pipe.send(
                "log",
                name=record.name,
                levelno=record.levelno,
                levelname=record.levelname,
                msg=record.getMessage(),
                created=record.created,
                pathname=record.pathname,
                filename=record.filename,
                module=record.module,
                lineno=record.lineno,
                funcName=record.funcName,
                process=record.process,
                threadName=record.threadName,
                exc_text=raised or record.exc_text,
                **{name: getattr(record, name, "") for name in log_context.FIELDS},
            )
        except Exception:  # noqa: BLE001 - as every handler: a line of a log stops no program
            self.handleError(record)
