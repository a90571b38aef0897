"""A real process that appends to many runs at once and prints each acknowledgement.

Usage: appender.py URL PREFIX RUNS APPENDS. It goes on where an earlier process was killed. Each
append writes two events; every third one goes the general way and carries an attribute, a message
and a payload that is too large for a row.
"""

from __future__ import annotations

import asyncio
import os
import sys

from wfc.eventlog.event import AttributesSet, Event, StepCompleted, StepCreated
from wfc.ids import OperationId, RunId, VersionId, WorkerId
from wfc.policies import Policy
from wfc.worlds.open import open_world
from wfc.worlds.promises.given import created
from wfc.worlds.protocol import Appended, Claimed, NewRun, Owner, Queued, Resume, World

LARGE = 40_000


def payload(run_id: str, number: int) -> bytes:
    """Give the output of a step, so that a reader knows what it must be."""
    text = f"{run_id}/{number}/".encode()
    return text * (LARGE // len(text)) if number % 3 == 0 else text


def events_of(run_id: str, number: int) -> list[Event]:
    """Give the two events of the `number`-th append, from 1."""
    operation_id = OperationId(f"step#{number}")
    done = StepCompleted(
        operation_id=operation_id,
        attempt=1,
        started_at=1,
        version=VersionId("v"),
        output=payload(run_id, number),
    )
    first: Event = StepCreated(operation_id=operation_id, step="m:s", policy=Policy())  # type: ignore[arg-type] # a name is enough here
    if number % 3 == 0:
        first = AttributesSet(changes={"number": number})
    return [first, done]


async def chain(world: World, run_id: RunId, worker_id: WorkerId, appends: int) -> None:
    """Append to one run, one after the other, and say so after each."""
    if await world.run(run_id) is None:
        await world.append(run_id, [created()], guard=NewRun())
    claim = await world.claim(run_id, worker_id)
    assert isinstance(claim, Claimed), claim
    length = claim.length
    while (length - 1) // 2 < appends:
        number = (length + 1) // 2
        messages = [Queued(message=Resume(run_id))] if number % 3 == 0 else []
        answer = await world.append(
            run_id,
            events_of(run_id, number),
            guard=Owner(claim.fence, length),
            messages=messages,
        )
        assert isinstance(answer, Appended), answer
        length = answer.length
        os.write(1, f"{run_id} {length}\n".encode())


async def main(url: str, prefix: str, runs: int, appends: int) -> None:
    """Append to `runs` runs at once, `appends` times each."""
    world = open_world(url)
    await world.open()
    worker_id = WorkerId(f"worker_{prefix}")
    await world.join(worker_id, lease_s=600)
    names = [RunId(f"{prefix}_{number}") for number in range(runs)]
    await asyncio.gather(*(chain(world, name, worker_id, appends) for name in names))
    await world.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
