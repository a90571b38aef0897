"""Two real workers of one world, of which one is stopped and told to go on by the test."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from tests.acceptance.crash.looks import Look, look, rows
from tests.acceptance.crash.zygotes import Scene
from wfc.ids import WorkerId

PATIENCE_S: Final = 90.0
"""Longer than anything here takes on a busy machine; nothing waits for it to pass."""
_OPEN: Final = (
    " FROM pg_stat_activity WHERE application_name = 'wfc' AND datname = current_database()"
    " AND xact_start IS NOT NULL"
)


class Pair:
    """The processes of one scene, by role: ``a`` is the one that is stopped, ``b`` takes over."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._processes: dict[str, int] = {}

    # -- processes

    def begin(self, role: str, flow: str, driver: str, fault: str | None = None) -> None:
        """Begin a process; what it says on stderr stands in the file ``said-ROLE``."""
        case = self.scene.case(flow, driver, fault, WFC_TEST_ROLE=role)
        case |= {"answer": str(self._file("answer", role)), "said": str(self._file("said", role))}
        self._processes[role] = self.scene.zygote.begin(**case, deadline_s=round(2 * PATIENCE_S))

    def work(self, role: str, flow: str = "", fault: str | None = None) -> None:
        """Begin a worker, which starts a run of `flow` if one is named."""
        self.begin(role, flow, "working", fault)

    def ended(self, role: str) -> int:
        """Wait for the end of a process, and give its exit code."""
        return self.scene.zygote.wait(self._processes.pop(role))

    def finish(self, role: str) -> None:
        """Let a worker end as workers do, and see that it has nothing to complain of."""
        self._file("enough", role).touch()
        assert self.ended(role) == 0, self.said(role)

    def close(self) -> None:
        """Kill what is left of them."""
        for role, process in list(self._processes.items()):
            os.kill(process, signal.SIGKILL)
            self.ended(role)

    def said(self, role: str) -> str:
        """Give what a process said on stderr."""
        path = self._file("said", role)
        return path.read_text() if path.exists() else ""

    def let_go(self, role: str) -> None:
        """Let bodies end that are held in a process."""
        self._file("go", role).touch()

    def _file(self, word: str, role: str) -> Path:
        return self.scene.folder / f"{word}-{role}"

    # -- signals

    async def stopped(self, role: str) -> bool:
        """Wait until a process has stopped itself; False if it ended instead."""
        return await until(lambda: self._state(role) in "TZX", f"{role} stops") and (
            self._state(role) == "T"
        )

    async def stop(self, role: str) -> None:
        """Stop a process outside of any transaction: those inside are rounds of their own."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            os.kill(self._processes[role], signal.SIGSTOP)
            assert await self.stopped(role)
            if not await self.is_locked():
                return
            self.go_on(role)
            assert time.monotonic() < deadline
            await asyncio.sleep(0.003)

    def go_on(self, role: str) -> None:
        """Let a stopped process go on."""
        os.kill(self._processes[role], signal.SIGCONT)

    def _state(self, role: str) -> str:
        stat = Path(f"/proc/{self._processes[role]}/stat").read_text()
        return stat.rpartition(")")[2].split()[0]

    # -- the world

    async def is_locked(self) -> bool:
        """Tell whether somebody is in the midst of a transaction, so that others have to wait."""
        if self.scene.url:
            await asyncio.sleep(0.1)  # what was sent before the stop is still being done
            ((count,),) = await rows(self.scene.url, f"SELECT count(*){_OPEN}")
            return bool(count)
        turn = os.open(self.scene.folder / "wfc.db-turn", os.O_RDWR | os.O_CREAT)
        try:
            # A live process has its turn for some milliseconds, a stopped one for ever.
            for _ in range(40):
                if _is_free(turn):
                    return False
                await asyncio.sleep(0.005)
        finally:
            os.close(turn)
        return True

    async def cut(self) -> None:
        """Do what a server does with a transaction that has been idle for a minute."""
        await rows(self.scene.url, f"SELECT pg_terminate_backend(pid){_OPEN}")

    async def look(self) -> Look:
        """Read all that the world holds."""
        return await look(self.scene.world_url, self.scene.keys)

    async def worker_of(self, role: str, other_than: WorkerId | None = None) -> WorkerId:
        """Wait until a process has joined, as somebody `other_than` it was, and give its id."""
        mark = f".{self._processes[role]}."
        found: list[WorkerId] = []

        async def has_joined() -> bool:
            names = (await self.look()).workers
            found[:] = [one for one in names if mark in one and one != other_than]
            return bool(found)

        await until(has_joined, f"{role} joins")
        return found[0]

    async def until_noted(self, *words: str) -> None:
        """Wait until bodies have written such a line to their journal."""
        await until(lambda: list(words) in self.scene.journal, f"{words} in the journal")

    async def until_ended(self, *names: str) -> Look:
        """Wait until runs have ended, and give what the world holds then."""
        found: list[Look] = []

        async def have_ended() -> bool:
            found[:] = [await self.look()]
            logs: dict[Any, Any] = dict(found[0].logs)
            return all(name in logs and _is_over(logs[name]) for name in names)

        await until(have_ended, f"{names} end")
        return found[0]


async def until(is_so: Callable[[], bool | Awaitable[bool]], what: str) -> bool:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        answer = is_so()
        if answer if isinstance(answer, bool) else await answer:
            return True
        assert time.monotonic() < deadline, f"not in {PATIENCE_S:g} s: {what}"
        await asyncio.sleep(0.02)


def _is_free(turn: int) -> bool:
    try:
        fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(turn, fcntl.LOCK_UN)
    return True


def _is_over(log: Any) -> bool:
    return bool(log) and log[-1].event.name in {"run_completed", "run_failed", "run_cancelled"}
