"""Who starts runs, answers hooks and reads streams, whatever becomes of the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from tests.proofs.chaos.disturbance import Disturbance, Dose
from tests.proofs.chaos.journal import queue_of, user_of
from wfc.api import get_run, list_hooks, resume_hook, start
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import HookReceived, StepCompleted
from wfc.eventlog.fold import fold
from wfc.ids import RunId
from wfc.runtime.run import Run
from wfc.runtime.streams import Chunk, ChunkKind
from wfc.worlds.protocol import World

ABREAST: Final = 40
"""So many starts, as many answers and as many checks at once."""
FOLLOWED: Final = 10
"""Of each tenth run the stream is read while it is written."""
ANSWERS: Final = (5, 7)


def name_of(number: int) -> RunId:
    """Give the id of a run."""
    return RunId(f"chaos-{number}")


def result_of(number: int) -> list[int]:
    """Give what a run has to come to."""
    return [1000 * number + 1, 1000 * number + ANSWERS[0], 1000 * number + sum(ANSWERS)]


class Clients:
    """Nothing here is tried again: a call that fails is a failure of the proof."""

    def __init__(self, world: World, order: Callable[..., Any], dose: Dose) -> None:
        """Run `order` as often as the dose says."""
        self.answered = 0
        self.followed = 0
        self._world = world
        self._order = order
        self._dose = dose
        # Of their own: who waits for a result must not keep back the answer that it needs.
        self._starts, self._answers, self._ends = (asyncio.Semaphore(ABREAST) for _ in range(3))
        self._sent: set[str] = set()

    async def play(self, disturbance: Disturbance) -> None:
        """Start all runs, see them to their end, hold each against what must hold."""
        async with asyncio.TaskGroup() as group:
            answering = group.create_task(self._answer(group))
            await asyncio.gather(*[task async for task in self._begun(disturbance, group)])
            ends = [group.create_task(self._ended(number)) for number in range(self._dose.runs)]
            await asyncio.gather(*ends)
            answering.cancel()

    async def _begun(
        self, disturbance: Disturbance, group: asyncio.TaskGroup
    ) -> AsyncIterator[asyncio.Task[None]]:
        """Start the runs evenly, the last of them when enough has gone wrong."""
        pause_s = self._dose.begun_over_s / self._dose.runs
        last = self._dose.runs * 9 // 10
        for number in range(self._dose.runs):
            if number == last:
                await disturbance.enough()
            await self._starts.acquire()
            yield group.create_task(self._begin(number, group))
            await asyncio.sleep(pause_s)

    async def _begin(self, number: int, group: asyncio.TaskGroup) -> None:
        try:
            begin = start.options(
                id=name_of(number),
                queue=queue_of(number) or None,
                attributes={"user": user_of(number)},
            )
            await begin(self._order, number)
        finally:
            self._starts.release()
        if number % FOLLOWED == 0:
            group.create_task(self._follow(number))

    async def _answer(self, group: asyncio.TaskGroup) -> None:
        """Answer each hook as often as its run will ask; some answers come before the question."""
        watch = self._world.watch("hooks")
        try:
            while True:
                for token in await self._fresh():
                    group.create_task(self._send(token))
                await watch.changed(2)
        finally:
            watch.close()

    async def _fresh(self) -> list[str]:
        """Give the tokens of open hooks that were not answered yet, from all pages."""
        found: list[str] = []
        cursor = None
        while True:
            page = await list_hooks(limit=200, cursor=cursor)
            found += [one.token for one in page.items if one.token not in self._sent]
            self._sent.update(found)
            if (cursor := page.next) is None:
                return found

    async def _send(self, token: str) -> None:
        for payload in ANSWERS:
            async with self._answers:
                await resume_hook(token, payload)
            self.answered += 1

    async def _follow(self, number: int) -> None:
        """Read a stream from its beginning on; it ends with its run."""
        chunks = [chunk async for chunk in get_run(name_of(number)).stream(type=int).chunks()]
        _hold_stream(number, chunks)
        self.followed += 1

    async def _ended(self, number: int) -> None:
        run: Run[Any] = get_run(name_of(number))
        async with self._ends:
            assert await run.result() == result_of(number), number
            chunks = [chunk async for chunk in run.stream(type=int).chunks()]
            _hold_stream(number, chunks)
            await self._hold_log(number)

    async def _hold_log(self, number: int) -> None:
        """The log is legal, each step has one outcome, and no answer was lost or came twice."""
        log = await self._world.history(name_of(number))
        assert fold(log).status is RunStatus.COMPLETED
        events = [each.event for each in log]
        steps = [each.operation_id for each in events if isinstance(each, StepCompleted)]
        assert len(steps) == len(set(steps)) == len(result_of(number)), (number, steps)
        received = [each for each in events if isinstance(each, HookReceived)]
        assert len(received) == len(ANSWERS), number


def _hold_stream(number: int, chunks: list[Chunk[int]]) -> None:
    """No index is missing, and without what resets made void it is what one attempt writes."""
    assert [chunk.index for chunk in chunks] == list(range(len(chunks))), number
    valid: list[Chunk[int]] = []
    for chunk in chunks:
        if chunk.kind is ChunkKind.DATA:
            valid.append(chunk)
        else:
            assert chunk.from_index is not None
            valid = [one for one in valid if one.index < chunk.from_index]
    first = result_of(number)[-1]
    assert [one.value for one in valid] == list(range(first, first + 10)), number
