"""`wfc worker --processes N`: so many workers, of which the dead are replaced."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from collections.abc import Callable, Sequence
from typing import Any, Final

from wfc.cli.failure import Exit

_LOG: Final = logging.getLogger("wfc.supervisor")
SETTLED_S: Final = 60.0
"""A worker that lived so long has got over what killed the one before it."""
_INCURABLE: Final = frozenset({int(Exit.USAGE)})
"""Ends that the next worker would come to as well."""
Told = Callable[[dict[str, Any]], None]
"""Hears of each beginning and end of a worker."""


class Supervisor:
    """Keeps `number` processes of one command running until it is told to stop.

    The `pause_s` before a dead one is replaced doubles with each early death, up to `pause_max_s`.
    """

    def __init__(
        self,
        command: Sequence[str],
        number: int,
        *,
        pause_s: float = 1.0,
        pause_max_s: float = 30.0,
        now: Callable[[], float] | None = None,
        told: Told | None = None,
    ) -> None:
        """Prepare; `now` gives seconds that only grow, those of the loop unless said."""
        self._command = tuple(command)
        self._number = number
        self._pause_s = pause_s
        self._pause_max_s = pause_max_s
        self._now = now or asyncio.get_running_loop().time
        self._told = told or (lambda _: None)
        self._stopping = asyncio.Event()
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self.code = 0
        """The exit status of a worker that no other could replace; 0 if there was none."""

    @property
    def pids(self) -> tuple[int | None, ...]:
        """The process that each of the workers is; None while it is dead."""
        found = [self._running.get(place) for place in range(self._number)]
        return tuple(None if process is None else process.pid for process in found)

    async def run(self) -> None:
        """Keep them running; come back when `stop` was called and the last one has ended."""
        await asyncio.gather(*(self._keep(place) for place in range(self._number)))

    def stop(self) -> None:
        """Let all of them drain, and replace none any more; a second call makes them exit."""
        self._stopping.set()
        for process in self._running.values():
            self._terminate(process)

    async def _keep(self, place: int) -> None:
        pause_s = self._pause_s
        while not self._stopping.is_set():
            began = self._now()
            code = await self._one(place)
            if code in _INCURABLE:
                self.code = code
                self.stop()
            if self._stopping.is_set():
                return
            if self._now() - began >= SETTLED_S:
                pause_s = self._pause_s
            _LOG.warning(
                "worker %d of %d died (%s); another one begins in %g s",
                place + 1,
                self._number,
                _how(code),
                pause_s,
            )
            await self._rest(pause_s)
            pause_s = min(2 * pause_s, self._pause_max_s)

    async def _one(self, place: int) -> int:
        # A session of its own, for Ctrl-C is the supervisor's, which passes on what it means. And
        # a pipe as its standard input: it drains when that closes, however the supervisor ended.
        process = await create_subprocess_exec(*self._command, stdin=PIPE, start_new_session=True)
        self._running[place] = process
        self._told({"event": "began", "worker": place + 1, "pid": process.pid, "how": None})
        if self._stopping.is_set():  # said while it was being started
            self._terminate(process)
        code = await process.wait()
        del self._running[place]
        ended = {"event": "ended", "worker": place + 1, "pid": process.pid, "how": _how(code)}
        self._told(ended)
        return code

    def _terminate(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is None:
            process.terminate()

    async def _rest(self, pause_s: float) -> None:
        try:
            async with asyncio.timeout(pause_s):
                await self._stopping.wait()
        except TimeoutError:
            return


def _how(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def one_worker(arguments: Sequence[str]) -> tuple[str, ...]:
    """Give the command for one worker like that which `arguments` ask several of."""
    kept: list[str] = []
    skip = False
    for word in arguments:
        if not skip and not word.startswith("--processes="):
            kept.append(word)
        skip = not skip and word == "--processes"
        if skip:
            kept.pop()
    return sys.executable, "-m", "wfc", *kept, "--until-eof"


async def supervise(number: int, said: Callable[[str], None], told: Told) -> int:
    """Supervise workers like this process until a signal; give the exit code."""
    supervisor = Supervisor(one_worker(sys.argv[1:]), number, told=told)
    heard: list[signal.Signals] = []

    def hear(which: signal.Signals) -> None:
        heard.append(which)
        said("draining; a second signal ends all workers at once, and nothing is lost")
        supervisor.stop()

    loop = asyncio.get_running_loop()
    for which in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(which, hear, which)
    said(f"{number} workers begin; Ctrl-C drains them")
    await supervisor.run()
    return int(Exit.INTERRUPTED) if heard[:1] == [signal.SIGINT] else supervisor.code
