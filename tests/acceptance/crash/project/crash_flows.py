"""Programs of the crash matrix; every body writes to a journal before and after it acts."""

import asyncio
import logging
import os
import signal
from pathlib import Path

from wfc import (
    FatalError,
    Response,
    WebhookRequest,
    Writable,
    create_hook,
    create_webhook,
    get_step_metadata,
    get_writable,
    policy,
    restart,
    sleep,
    start,
)
from wfc.api import get_run
from wfc.errors import RunCancelled, RunFailed, RunIdConflict
from wfc.runtime import logbook
from wfc.types import RunEnd

_LOG = logging.getLogger("crash")


def note(line: str) -> None:
    """Append one line at once; `os.write` needs no flush to survive the death of the process."""
    file = os.open(os.environ["WFC_TEST_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)


def _journal(what: str) -> None:
    meta = get_step_metadata()
    note(f"{what} {meta.run_id} {meta.step_id} {meta.attempt} {os.getpid()}")


async def add(left: int, right: int) -> int:
    """Add."""
    "use step"
    _journal("begin")
    _journal("end")
    return left + right


def double(number: int) -> int:
    """Double, in a thread."""
    "use step"
    _journal("begin")
    _journal("end")
    return 2 * number


@policy(attempts=5)
async def flaky(number: int) -> int:
    """Fail twice; two more attempts may be lost with their process."""
    "use step"
    _journal("begin")
    if get_step_metadata().attempt < 3:
        raise ConnectionError("try again")
    _journal("end")
    return number


@policy(attempts=1)
async def once(number: int) -> int:
    """Run at most once."""
    "use step"
    _journal("begin")
    _journal("end")
    return number


async def sequence(number: int) -> int:
    """Call steps one after the other, one of them in a thread."""
    "use workflow"
    first = await add(number, 1)
    second = await asyncio.to_thread(double, first)
    return await add(second, 1)


async def fan_out(number: int) -> int:
    """Gather steps, then go on."""
    "use workflow"
    parts = await asyncio.gather(
        *[add(number, each) for each in range(4)], asyncio.to_thread(double, number)
    )
    return await add(sum(parts), 0)


async def patient(number: int) -> int:
    """Retry, sleep, retry."""
    "use workflow"
    first = await flaky(number)
    await sleep(0.05)
    second = await add(first, 1)
    await sleep("50 ms")
    return second


async def careful(number: int) -> str:
    """A step that may run only once: its loss is an error that the code handles."""
    "use workflow"
    try:
        return f"ran {await once(number)}"
    except Exception as error:  # noqa: BLE001 - whatever a lost attempt raises is the outcome
        return f"lost {type(error).__name__}"


async def compensating(number: int) -> int:
    """Fail for good, after undoing."""
    "use workflow"
    done = await add(number, 1)
    try:
        raise FatalError("no")
    finally:
        await asyncio.to_thread(double, done)


async def send(token: str, value: int) -> bool:
    """Send a value to a hook, once however often it is tried."""
    "use step"
    from wfc.api import resume_hook  # noqa: PLC0415 - of the step alone

    _journal("begin")
    key = get_step_metadata().idempotency_key
    receipt = await resume_hook(token, value, idempotency_id=key)
    note(f"receipt {receipt.run_id} {receipt.receipt_id}")
    _journal("end")
    return receipt.position > 0


async def asking(number: int) -> int:
    """Send to hooks of its own, chosen and drawn tokens, one after the other."""
    "use workflow"
    total = 0
    for each in range(2):
        async with create_hook(int, token="asked") as hook:  # noqa: S106 - no secret
            await send("asked", number + each)
            total += await hook
    drawn = create_hook(int)
    await send(drawn.token, total)
    return await drawn


async def call(url: str, number: int) -> list[object]:
    """Call a webhook and hear what it answers, once however often it is tried."""
    "use step"
    import httpx  # noqa: PLC0415 - of the step alone

    from wfc.web import asgi_app  # noqa: PLC0415 - likewise

    _journal("begin")
    key = get_step_metadata().idempotency_key
    async with httpx.AsyncClient(transport=httpx.ASGITransport(asgi_app())) as client:
        answer = await client.post(url, content=str(number), headers={"Idempotency-Key": key})
    _journal("end")
    return [answer.status_code, answer.text]


async def answer(request: WebhookRequest) -> int:
    """Answer who waits."""
    "use step"
    _journal("begin")
    number = int(request.text())
    await request.respond(Response(201, body=str(number + 1)))
    _journal("end")
    return number


async def calling(number: int) -> list[object]:
    """Be called by HTTP by a step of its own, which waits for what another step answers."""
    "use workflow"
    async with create_webhook(response="manual") as hook:
        called = asyncio.ensure_future(call(hook.url, number))
        heard = await answer(await hook)
        return [heard, *await called]


async def adds(number: int) -> int:
    """A child that starts a child."""
    "use workflow"
    below = await start.options(id="below")(doubles, number)
    return await add(await below.result(), 1)


async def doubles(number: int) -> int:
    """A grandchild."""
    "use workflow"
    return await asyncio.to_thread(double, number)


async def refuses(reason: str) -> int:
    """A child that fails."""
    "use workflow"
    raise FatalError(reason)


async def sleeps(seconds: float) -> int:
    """A child that is cancelled, and cleans up."""
    "use workflow"
    try:
        await sleep(seconds)
    finally:
        await sleep(0.01)
    return 0


async def family(number: int) -> list[object]:
    """Start children, side by side; hear of success, failure and cancellation; join one."""
    "use workflow"
    child, bad, tired = await asyncio.gather(
        start(adds, number), start(refuses, "no"), start.options(id="tired")(sleeps, 3600)
    )
    await tired.cancel("enough")
    found: list[object] = [await child.result()]
    for each in (bad, tired):
        try:
            await each.result()
        except (RunFailed, RunCancelled) as error:
            found.append(type(error).__name__)
    same = await start.options(id="below")(doubles, number)
    found.append(await same.result())
    try:
        await start.options(id="below")(doubles, number + 1)
    except RunIdConflict:
        found.append("other")
    return found


async def chapters(left: int, total: int = 0) -> int:
    """Restart: a step that is done, one that is not, and a wait in each chapter."""
    "use workflow"
    task = asyncio.create_task(sleep(60))
    total = await add(total, left)
    await sleep(0.01)
    if left > 1:
        await restart(left - 2, total)
    task.cancel()
    return total


async def relay(left: int, heard: list[int] | None = None) -> list[int]:
    """Restart with an open hook: what a chapter does not read, a later one does."""
    "use workflow"
    hook = create_hook(int, token="relay")  # noqa: S106 - no secret
    told = list(heard or ())
    if not told:
        await send("relay", 30)
    if left > 0:
        await send("relay", left)
    told.append(await hook)
    if left > 0:
        await restart(left - 2, told)
    return told


async def told(end: RunEnd) -> None:
    """Hear of an end, as an end callback."""
    note(f"told {end.idempotency_key} {end.output}")


async def say(out: Writable[int], first: int) -> int:
    """Write three numbers, of which the first is on disk before the second is given."""
    "use step"
    _journal("begin")
    for number in range(first, first + 3):
        await out.write(number)
    _journal("end")
    return first + 3


async def chatty(first: int) -> int:
    """Write to streams by two steps, one after the other, and leave their end to the run's."""
    "use workflow"
    out = get_writable(int)
    middle = await say(out, first)
    return await say(out, middle)


async def speak(out: Writable[int], number: int) -> None:
    """Write one number."""
    "use step"
    _journal("begin")
    await out.write(number)
    _journal("end")


async def turns(left: int, heard: list[int] | None = None) -> list[int]:
    """Restart with an open hook and a stream: each turn hears one number and writes it."""
    "use workflow"
    hook = create_hook(int, token="turns")  # noqa: S106 - no secret
    told = list(heard or ())
    await send("turns", left)
    told.append(await hook)
    await speak(get_writable(int), told[-1])
    if left > 0:
        await restart(left - 1, told)
    return told


async def cancelled(number: int) -> int:
    """Be cancelled while it sleeps, and undo what it did."""
    "use workflow"
    done = number
    try:
        done = await add(number, 1)
        await sleep(3600)
    finally:
        await asyncio.to_thread(double, done)
    return done


@policy(concurrency=1)
async def narrow(number: int) -> int:
    """Run alone, over all workers."""
    "use step"
    _journal("begin")
    await asyncio.sleep(0)
    _journal("end")
    return number + 1


async def limited(number: int) -> int:
    """Gather steps of which only one may run at once, in a queue that takes one run at once."""
    "use workflow"
    return sum(await asyncio.gather(narrow(number), narrow(number + 1)))


async def moved(number: int) -> int:
    """Sleep long enough to be moved to other code: the second version takes one step more."""
    "use workflow"
    first = await add(number, 1)
    await sleep(3600)
    return await add(first, 1)


async def _let_go() -> str:
    """Wait until the test lets this process go on, and name the process."""
    role = os.environ["WFC_TEST_ROLE"]
    note(f"held {role}")
    go_on = Path(os.environ["WFC_TEST_JOURNAL"]).parent / f"go-{role}"
    while not go_on.exists():  # noqa: ASYNC110 - another process makes it
        await asyncio.sleep(0.01)
    return role


@policy(attempts=5)
async def hold() -> str:
    """Be held, and say by whom it was done."""
    "use step"
    _journal("begin")
    return await _let_go()


@policy(attempts=5, isolation="process")
async def hold_apart() -> str:
    """The same in a process of its own."""
    "use step"
    _journal("begin")
    return await _let_go()


@policy(attempts=5, concurrency=1)
async def hold_alone() -> str:
    """The same as a queued attempt, with a slot."""
    "use step"
    _journal("begin")
    return await _let_go()


@policy(attempts=5)
async def hold_writing(out: Writable[str]) -> str:
    """Be held between two chunks."""
    "use step"
    _journal("begin")
    await out.write(f"first of {os.environ['WFC_TEST_ROLE']}")
    role = await _let_go()
    await out.write(f"last of {role}")
    return role


async def held(number: int) -> list[object]:
    """Be done by somebody, with a step before it."""
    "use workflow"
    return [await add(number, 1), await hold()]


async def held_apart(number: int) -> list[object]:
    """The same in a process of its own."""
    "use workflow"
    return [await add(number, 1), await hold_apart()]


async def held_alone(number: int) -> list[object]:
    """The same as a queued attempt."""
    "use workflow"
    return [await add(number, 1), await hold_alone()]


async def held_writing(number: int) -> list[object]:
    """The same between two chunks."""
    "use workflow"
    return [await add(number, 1), await hold_writing(get_writable(str))]


async def mutter(word: str) -> None:
    """Log two lines."""
    "use step"
    _journal("begin")
    _mutter(word)
    _journal("end")


async def mutter_and_die(word: str) -> None:
    """Log two lines; the first attempt is killed with its process once they can be read."""
    "use step"
    _journal("begin")
    setattr(logbook, "GATHER_S", 0.001)  # noqa: B010 - a constant; else it takes half a second
    await _lines(1)
    _mutter(word)
    if get_step_metadata().attempt == 1:
        await _lines(3)
        os.kill(os.getpid(), signal.SIGKILL)
    _journal("end")


def _mutter(word: str) -> None:
    attempt = get_step_metadata().attempt
    for number in (1, 2):
        _LOG.info("%s %d of attempt %d", word, number, attempt)


async def _lines(count: int) -> None:
    """Wait until so many lines of the run are written."""
    while await get_run("r1").tail_index("wfc.logs") < count - 1:  # noqa: ASYNC110 - any may be it
        await asyncio.sleep(0.001)


async def telling(number: int) -> int:
    """Print and log around steps that log."""
    "use workflow"
    print("begins")  # noqa: T201 - what is tested
    await mutter("a")
    _LOG.info("goes on")
    await mutter("b")
    print("ends")  # noqa: T201 - likewise
    return number


async def dying(number: int) -> int:
    """Be killed in the midst of a step that has logged."""
    "use workflow"
    print("begins")  # noqa: T201 - what is tested
    await mutter_and_die("a")
    print("ends")  # noqa: T201 - likewise
    return number
