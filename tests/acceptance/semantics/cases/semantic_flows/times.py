"""Sleep in every form, clocks, random draws, output."""
import asyncio
import logging
import random
import time
import uuid
from datetime import UTC, date, datetime, timedelta

from semantic_flows.bodies import add, attempt_key, echo

from wfc import get_workflow_metadata, sleep

log = logging.getLogger("semantic_flows")


async def sleeps_text(text: str) -> bool:
    "use workflow"
    return (await sleep(text)).early


async def slept_for(seconds: float) -> bool:
    "use workflow"
    began = datetime.now(UTC)
    await sleep(seconds)
    return (datetime.now(UTC) - began).total_seconds() >= seconds


async def sleeps_delta(days: int) -> bool:
    "use workflow"
    began = time.time()
    await sleep(timedelta(days=days))
    return time.time() - began >= days * 86400


async def sleeps_until(hours: int) -> bool:
    "use workflow"
    target = datetime.now(UTC) + timedelta(hours=hours)
    await sleep(target)
    return datetime.now(UTC) >= target


async def sleeps_in_the_past() -> bool:
    "use workflow"
    return (await sleep(datetime(2020, 1, 1, tzinfo=UTC))).early


async def sleeps_zero(number: int) -> int:
    "use workflow"
    await asyncio.sleep(0)
    await sleep(0)
    return await add(number)


async def sleeps_by_asyncio(seconds: int) -> str:
    "use workflow"
    return await asyncio.sleep(seconds, "slept")


async def sleeps_wrongly() -> list[str]:
    "use workflow"
    found = []
    for wrong in (-1, "1 fortnight", float("nan"), datetime(2030, 1, 1)):
        try:
            await sleep(wrong)
        except ValueError as error:
            found.append(type(error).__name__)
    return found


async def sleeps_together() -> list[bool]:
    "use workflow"
    woke = await asyncio.gather(sleep(30), sleep("1h"), sleep(timedelta(days=1)))
    return [each.early for each in woke]


async def calls_later() -> list[str]:
    "use workflow"
    loop, said = asyncio.get_running_loop(), []
    loop.call_later(20, said.append, "second")
    loop.call_later(10, said.append, "first")
    handle = loop.call_later(15, said.append, "never")
    handle.cancel()
    await sleep(30)
    return said


async def woken() -> bool:
    "use workflow"
    return (await sleep("30 days")).early


async def draws(count: int) -> list:
    "use workflow"
    mine = [random.random() for _ in range(count)] + [str(uuid.uuid4()), random.randint(1, 10**9)]
    random.shuffle(letters := list("abcdefgh"))
    same = await echo(mine)
    again = [random.random() for _ in range(count)]
    kept = await echo(letters)
    return [same == mine, kept == letters, len(set(mine + again)) == 2 * count + 2]


async def seeded() -> bool:
    "use workflow"
    random.seed(7)
    first = [random.random() for _ in range(3)]
    await add(1)
    random.seed(7)
    return first == [random.random() for _ in range(3)] == [
        random.Random(7).random(), *first[1:]
    ]


async def clocks() -> list[bool]:
    "use workflow"
    start, mono, day = datetime.now(UTC), time.monotonic(), date.today()
    kept = await echo(start)
    await sleep("2 days")
    return [
        kept == start,
        time.monotonic() - mono >= 2 * 86400,
        (date.today() - day).days >= 2,
        datetime.now(UTC) - start >= timedelta(days=2),
        asyncio.get_running_loop().time() > 0,
    ]


async def frozen_clock() -> bool:
    "use workflow"
    return time.time() == time.time() and datetime.now() == datetime.now()


async def stable_keys() -> list:
    "use workflow"
    one, two = await attempt_key(), await attempt_key()
    return [len(one[0]), one[0] != two[0], one[1], get_workflow_metadata().run_id != ""]


async def ordered() -> list:
    "use workflow"
    names = {"b", "a", "c"}
    return [await echo(name) for name in sorted(names)]


async def talks(count: int) -> int:
    "use workflow"
    print("begins")
    for each in range(count):
        log.info("has %d", await add(each))
    await sleep("1h")
    logging.getLogger("semantic_flows").warning("ends")
    return count
