"""The process of a step, as its worker sees it: started, given a call, ended if need be."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, create_subprocess_exec
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final

from wfc import codec
from wfc.errors import StepCrashed
from wfc.ids import VersionId
from wfc.runtime.attempt import Call, Ended
from wfc.runtime.frames import frame, next_frame
from wfc.runtime.process_calls import ended_of, to_fields
from wfc.runtime.telemetry import present_span
from wfc.runtime.writable import StreamName
from wfc.worlds.chunks import Form
from wfc.worlds.protocol import NewChunk
from wfc.worlds.vault import VARIABLE as KEYS

Archive = Callable[[VersionId], Awaitable[bytes | None]]
"""Reads a version from the world."""
_SECRETS: Final = frozenset({KEYS, "WFC_WEB_TOKEN"})
_HELD_OPEN_S: Final = 1.0
"""How long a process that is dead may seem to speak: what it left behind may hold its pipe."""
_OUT_OF_MEMORY: Final = " (so the kernel ends what takes too much memory; `memory=` limits a step)"


class StepProcess:
    """One child process; it runs one body at a time, and lives on after it."""

    def __init__(
        self, process: asyncio.subprocess.Process, streams: _Streams, archive: Archive
    ) -> None:
        """Speak to a process that was just started; see `start`."""
        self._process = process
        self._reader, self._writer = streams
        self._archive = archive
        self._versions: set[VersionId] = set()
        """Those whose code the process has, beside the imported one."""
        self._ending: asyncio.Task[None] | None = None
        self._exit = asyncio.create_task(self._until_exit(), name="wfc-step-process")
        self.spent = False
        """Whether its body left it in a state that no other should find."""

    @classmethod
    async def start(
        cls, command: tuple[str, ...], opening: Mapping[str, Any], archive: Archive
    ) -> StepProcess:
        """Start a process and have it import the code. Raises `StepCrashed` if it cannot."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await create_subprocess_exec(
                    *command,
                    str(theirs.fileno()),
                    stdin=DEVNULL,
                    env=_environment(),
                    pass_fds=(theirs.fileno(),),
                    # A group of its own: Ctrl-C is the worker's, and what a body starts ends too.
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                raise StepCrashed(f"the process of a step could not be started: {error}") from error
            except BaseException:
                ours.close()
                raise
        made = cls(process, await asyncio.open_connection(sock=ours), archive)
        try:
            await made._opened(opening)
        except BaseException:
            await made.end(0)
            raise
        return made

    @property
    def is_alive(self) -> bool:
        """Tell whether it could take a call."""
        return self._process.returncode is None and self._ending is None

    @property
    def pid(self) -> int:
        """Give the id that the system knows it by."""
        return self._process.pid

    async def run(self, call: Call, now: int) -> Ended:
        """Run the body of `call`, `now` on the world's clock. Raises `StepCrashed`."""
        version, archive = call.body_version, None
        if version is not None and version not in self._versions:
            archive = await self._archive(version)
            self._versions.add(version)
        told = to_fields(call, now)
        await self._send("call", archive=archive, span=present_span(), **told)
        while True:
            word, fields = await self._heard(f"step {call.step} (attempt {call.attempt})")
            if word == "ended":
                self.spent = fields["spent"]
                return ended_of(call, fields)
            if word == "attributes":
                asked = call.set_attributes(fields["changes"])
                await self._send("answer", error=await _attempted(asked))
            elif word == "stream":
                await self._send("answer", error=await _attempted(_written(call, fields)))
            else:
                relay(fields)

    async def end(self, grace_s: float) -> None:
        """End it: SIGTERM, and SIGKILL for it and what it started if it lives `grace_s` longer."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(grace_s), name="wfc-step-end")
        await asyncio.shield(self._ending)

    # -- below

    async def _opened(self, opening: Mapping[str, Any]) -> None:
        await self._send("open", **opening)
        while True:
            word, fields = await self._heard("a step, which was still importing the project's code")
            if word == "ready":
                return
            if word == "broken":
                raise StepCrashed(
                    "the process of a step could not import the project's code"
                ) from codec.decode_error(fields["error"])
            relay(fields)

    async def _send(self, word: str, **fields: Any) -> None:
        with contextlib.suppress(ConnectionError):  # then it is dead, as reading will tell
            self._writer.write(frame(word, fields))
            await self._writer.drain()

    async def _heard(self, what: str) -> tuple[str, dict[str, Any]]:
        said = await next_frame(self._reader)
        if said is None:
            await self.end(0)
            raise StepCrashed(f"the process that ran {what} died: {self._death()}")
        return said

    def _death(self) -> str:
        code = self._process.returncode
        assert code is not None
        if code >= 0:
            return f"it ended with exit status {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = _OUT_OF_MEMORY if -code == signal.SIGKILL else ""
        return f"it was killed by {name}{hint}"

    async def _until_exit(self) -> None:
        await self._process.wait()
        self._signal_group(signal.SIGKILL)
        # Whatever left the group may hold the pipe for as long as it likes.
        asyncio.get_running_loop().call_later(_HELD_OPEN_S, self._writer.transport.abort)

    async def _end(self, grace_s: float) -> None:
        if grace_s > 0 and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            await asyncio.wait([self._exit], timeout=grace_s)
        if self._process.returncode is None:
            self._signal_group(signal.SIGKILL)
        await self._exit
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _written(call: Call, fields: Mapping[str, Any]) -> None:
    run_id, namespace = fields["to"]
    chunks = [NewChunk(form=Form(form), body=body) for form, body in fields["chunks"]]
    await call.write_stream(StreamName(run_id, namespace), chunks, close=fields["close"])


async def _attempted(asked: Coroutine[Any, Any, None]) -> bytes | None:
    try:
        await asked
    except Exception as error:  # noqa: BLE001 - it is the body's, which asked
        return codec.encode_error(error)
    return None


def relay(fields: Mapping[str, Any]) -> None:
    """Give a log record of the process to this process's handlers, as far as they want it."""
    logger = logging.getLogger(fields["name"])
    if logger.isEnabledFor(fields["levelno"]):
        logger.handle(logging.makeLogRecord(dict(fields)))


def _environment() -> dict[str, str]:
    """Give this process's environment but for its secrets: a body may begin other programs, and
    what it needs of the keys comes through the pipe.
    """
    return {name: value for name, value in os.environ.items() if name not in _SECRETS}


def command() -> tuple[str, ...]:
    """Give the words that start a process of this interpreter, with this process's import path."""
    import json  # noqa: PLC0415 - a worker without such steps needs none

    enter = (
        "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
        "from wfc.step_main import main; main(int(sys.argv[2]))"
    )
    return sys.executable, "-c", enter, json.dumps(sys.path)
