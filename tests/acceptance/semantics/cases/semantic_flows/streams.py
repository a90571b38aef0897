"""Workflows whose steps write to streams; what they return is what readers find there."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from wfc import (
    Writable,
    get_step_metadata,
    get_workflow_metadata,
    get_writable,
    policy,
    restart,
    sleep,
    start,
)
from wfc.errors import EffectInWorkflow, StreamClosed


@dataclass
class Parcel:
    """A handle inside a value."""

    outs: list[Writable[str]]


async def say(out: Writable[str], *words: str) -> int:
    "use step"
    for word in words:
        await out.write(word)
    return len(words)


async def heard(out: Writable[Any]) -> list[Any]:
    """Give what is written and not void, as a reader finds it now."""
    "use step"
    return await _valid(out.run_id, out.namespace)


async def _valid(run_id: str, namespace: str) -> list[Any]:
    from wfc.api import get_run

    run = get_run(run_id)
    tail = await run.tail_index(namespace)
    valid: list[Any] = []
    if tail < 0:
        return valid
    async for chunk in run.stream(namespace).chunks():
        if chunk.from_index is not None:
            valid = [
                one
                for one in valid
                if one.step_id != chunk.step_id or one.index < chunk.from_index
            ]
        else:
            valid.append(chunk)
        if chunk.index == tail:
            break
    return [chunk.value for chunk in valid]


@policy(attempts=6)
async def stutter(out: Writable[str]) -> None:
    """Fail behind the first word, twice."""
    "use step"
    await out.write("one")
    if get_step_metadata().attempt < 3:
        raise ConnectionError("again")
    await out.write("two")


async def close(out: Writable[str], word: str) -> None:
    "use step"
    await out.write(word)
    await out.close()


@policy(attempts=6)
async def too_late(out: Writable[str]) -> str:
    "use step"
    try:
        await out.write("late")
    except StreamClosed:
        return "closed"
    return "written"


async def passes_on(out: Writable[str], word: str) -> int:
    "use workflow"
    return await say(out, word)


async def in_turn() -> list[Any]:
    "use workflow"
    out = get_writable(str)
    counted = await say(out, "a", "b") + await say(out, "c")
    return [counted, await heard(out)]


async def at_once(count: int) -> list[Any]:
    "use workflow"
    out = get_writable(str)
    await asyncio.gather(*(say(out, f"{n}a", f"{n}b") for n in range(count)))
    found = await heard(out)
    return [sorted(found), all(found.index(f"{n}a") < found.index(f"{n}b") for n in range(count))]


async def apart() -> list[Any]:
    "use workflow"
    one, two = get_writable(str, namespace="one"), get_writable(str, namespace="two")
    parcel = Parcel([one, two])
    await say_all(parcel)
    return [await heard(one), await heard(two), await heard(get_writable(str))]


async def say_all(parcel: Parcel) -> None:
    "use step"
    for out in parcel.outs:
        await out.write(out.namespace)


async def stutters() -> list[Any]:
    "use workflow"
    out = get_writable(str)
    await stutter(out)
    return await heard(out)


async def by_child() -> list[Any]:
    "use workflow"
    out = get_writable(str)
    await say(out, "mine")
    child = await start(passes_on, out, "theirs")
    await child.result()
    return await heard(out)


async def over_chapters(left: int) -> list[Any]:
    "use workflow"
    out = get_writable(int)
    await say(out, str(left))
    if left > 0:
        await restart(left - 1)
    return await heard(out)


async def closes() -> list[Any]:
    "use workflow"
    out = get_writable(str)
    await close(out, "last")
    return [await too_late(out), await heard(out)]


async def writes_here() -> str:
    "use workflow"
    try:
        await get_writable(str).write("x")
    except EffectInWorkflow as error:
        return error.guard
    return "written"


log = logging.getLogger("flows")


async def murmur(word: str) -> None:
    "use step"
    log.info("murmurs %s", word)


@policy(attempts=6)
async def stammer() -> None:
    """Log, and fail twice behind it."""
    "use step"
    log.info("stammers")
    if get_step_metadata().attempt < 3:
        raise ConnectionError("again")


async def lines(run_id: str) -> list[str]:
    """Give what was logged and is not void."""
    "use step"
    return [each["message"] for each in await _valid(run_id, "wfc.logs")]


async def says_and_logs() -> list[str]:
    "use workflow"
    print("begins")
    await murmur("a")
    log.info("between")
    await asyncio.gather(murmur("b"), asyncio.to_thread(mumble, "c"))
    print("ends")
    await sleep("1 minute")
    found = await lines(get_workflow_metadata().run_id)
    return [*found[:3], *sorted(found[3:5]), *found[5:]]


def mumble(word: str) -> None:
    "use step"
    log.info("mumbles %s", word)


async def stammers() -> list[str]:
    "use workflow"
    log.info("waits for it")
    await stammer()
    await sleep("1 minute")
    return await lines(get_workflow_metadata().run_id)
