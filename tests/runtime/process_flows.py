"""Steps in processes of their own: what each does to its process, and what to the run."""

from __future__ import annotations

SOURCE = '''
"""Steps that want a process of their own."""
import asyncio
import ctypes
import logging
import os
import signal
import threading
import time
from pathlib import Path

from wfc import (
    FatalError, Writable, create_hook, get_step_metadata, get_workflow_metadata, get_writable,
    policy, set_attributes,
)
from wfc.errors import OutsideWorkflow, PayloadMismatch, StepError, StreamClosed
from wfc.policies import Backoff


class Refusal(Exception):
    """An error of the project's own."""

    def __init__(self, why: str, code: int) -> None:
        super().__init__(why, code)
        self.code = code


@policy(isolation="process")
def where() -> int:
    "use step"
    return os.getpid()


@policy(isolation="process")
async def what() -> list:
    "use step"
    step, run = get_step_metadata(), get_workflow_metadata()
    await set_attributes({"seen": step.attempt})
    await asyncio.sleep(0)
    logging.getLogger("shop").warning("step %s", step.step)
    logging.getLogger("shop").info("in a process")
    return [step.run_id, step.step_id, step.attempt, step.attempts_max, run.run_id, os.getpid()]


@policy(isolation="process")
async def traced() -> list:
    "use step"
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    around = trace.get_current_span().get_span_context()
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        trace.set_tracer_provider(TracerProvider())
    with trace.get_tracer("shop").start_as_current_span("inner") as span:
        inner = span.get_span_context()
    return [around.trace_id, around.span_id, inner.trace_id, dict(span.attributes)]


@policy(isolation="process")
async def wrong() -> None:
    "use step"
    await set_attributes({"wfc.mine": 1})


@policy(isolation="process", attempts=1)
def refuse() -> None:
    "use step"
    try:
        raise KeyError("gone")
    except KeyError as error:
        raise Refusal("not today", 7) from error


def only_second(error: BaseException) -> bool:
    return isinstance(error, Refusal) and error.code == 1


@policy(
    isolation="process", attempts=5, backoff=Backoff(initial="1ms", maximum="1ms"),
    retry_on=only_second,
)
def judged(folder: str) -> None:
    "use step"
    attempt = get_step_metadata().attempt
    (Path(folder) / f"judged{attempt}").touch()
    raise Refusal("by a predicate", attempt)


@policy(isolation="process", backoff=Backoff(initial="1ms", maximum="1ms"))
def leave(folder: str, how: str) -> str:
    "use step"
    if get_step_metadata().attempt == 1:
        if how == "exit":
            os._exit(3)
        if how == "segfault":
            ctypes.string_at(0)
        os.kill(os.getpid(), signal.SIGKILL)
    return f"{how} survived"


@policy(isolation="process", memory="2GiB", backoff=Backoff(initial="1ms", maximum="1ms"))
def swallow() -> int:
    "use step"
    size = 8 * 2**30 if get_step_metadata().attempt == 1 else 2**20
    return len(bytearray(size))


@policy(isolation="process", memory="1MiB")
def tiny() -> int:
    "use step"
    return 1


@policy(isolation="process", memory="4GiB")
async def roomy() -> int:
    "use step"
    await asyncio.sleep(0)
    return 1


@policy(isolation="process", timeout=0.2, backoff=Backoff(initial="1ms", maximum="1ms"), attempts=2)
def spin(folder: str) -> str:
    "use step"
    try:
        while get_step_metadata().attempt == 1:
            pass
    finally:
        (Path(folder) / f"cleaned{get_step_metadata().attempt}").touch()
    return "second"


@policy(isolation="process", attempts=1, timeout=0.2)
async def deaf(folder: str) -> None:
    "use step"
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (Path(folder) / "deaf").write_text(str(os.getpid()))
    while True:
        time.sleep(0.01)


@policy(isolation="process")
async def wait(folder: str) -> None:
    "use step"
    try:
        (Path(folder) / "waits").write_text(str(os.getpid()))
        await asyncio.sleep(600)
    finally:
        (Path(folder) / "told").write_text(str(get_step_metadata().cancelled()))


@policy(isolation="process")
def own_loop() -> int:
    "use step"
    async def inner() -> int:
        await asyncio.sleep(0)
        return 5
    return asyncio.run(inner())


@policy(isolation="process")
def leaving() -> None:
    "use step"
    raise SystemExit(4)


@policy(isolation="process", attempts=1)
async def reach(token: str) -> list:
    "use step"
    from wfc.api import resume_hook, start
    other = await start.options(id=f"by-{token}")(quick, 20)
    await resume_hook(token, "hello")
    return [other.id, os.environ.get("WFC_ENCRYPTION_KEYS"), os.environ.get("WFC_WEB_TOKEN")]


@policy(isolation="process")
def reach_by_own_loop(token: str) -> str:
    "use step"
    from wfc.api import start
    return asyncio.run(start.options(id=f"sync-{token}")(quick, 1)).id


async def quick(number: int) -> int:
    "use workflow"
    return number + 1


async def reaches(token: str) -> list:
    "use workflow"
    async with create_hook(str, token=token) as hook:
        found = await reach(token)
        return [*found, await reach_by_own_loop(token), await hook]


async def alone(name: str, *args: str) -> object:
    "use workflow"
    if name == "where":
        return [await where(), await where()]
    if name == "what":
        return await what()
    if name == "traced":
        return [await traced(), await traced()]
    if name == "wrong":
        return await wrong()
    if name == "refuse":
        try:
            return await refuse()
        except Refusal as error:
            assert isinstance(error.__cause__, KeyError)
            raise
    if name == "judged":
        return await judged(*args)
    if name == "leave":
        return await leave(*args)
    if name == "swallow":
        return await swallow()
    if name == "tiny":
        return await tiny()
    if name == "roomy":
        return await roomy()
    if name == "spin":
        return await spin(*args)
    if name == "deaf":
        return await deaf(*args)
    if name == "wait":
        return await wait(*args)
    if name == "own_loop":
        return await own_loop()
    return await leaving()


async def nested() -> int:
    "use workflow"
    kept = 4

    @policy(isolation="process")
    async def inside() -> int:
        "use step"
        return kept + 1

    return await inside()


@policy(isolation="process")
async def says(out: Writable[int]) -> str:
    "use step"
    await out.write_many(range(200))
    await out.write(200)
    try:
        await out.write("no number")
    except PayloadMismatch as error:
        told = str(error)
    await out.close()
    try:
        await out.write(201)
    except StreamClosed:
        return told
    return "written"


@policy(isolation="process")
async def shouts(out: Writable[bytes], count: int) -> None:
    "use step"
    await out.write_many([bytes(1 << 20)] * count)


async def shouted(count: int) -> None:
    "use workflow"
    await shouts(get_writable(bytes), count)


@policy(isolation="process")
async def leaves_some(out: Writable[str]) -> int:
    "use step"

    async def late() -> None:
        await met.wait()
        await tell("task")

    async def tell(who: str) -> None:
        for ask in (lambda: out.write(who), lambda: set_attributes({who: 1})):
            try:
                await ask()
            except (StreamClosed, OutsideWorkflow) as error:
                heard.append(f"{who}: {error}")

    def aside() -> None:
        gone.wait()
        asyncio.run(tell("thread"))

    left.append(asyncio.ensure_future(late()))
    left.append(threading.Thread(target=aside, daemon=True))
    left[1].start()
    return os.getpid()


@policy(isolation="process")
async def meets_them(out: Writable[str]) -> list[str]:
    "use step"
    await out.write("mine")
    met.set()
    await left[0]
    gone.set()
    await asyncio.to_thread(left[1].join)
    await out.write("still mine")
    return heard


@policy(isolation="process", attempts=1)
def forks(how: str) -> str:
    "use step"
    if os.fork() == 0:
        if how == "raises":
            raise RuntimeError("in the fork")
        if how == "logs":
            logging.getLogger("shop").warning("in the fork")
        return "of the fork"
    os.wait()
    return "of the parent"


@policy(isolation="process", attempts=1)
def ended_by_itself() -> None:
    "use step"
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)


async def forked() -> list[str]:
    "use workflow"
    return [await forks("returns"), await forks("raises"), await forks("logs")]


async def told_to_end() -> list[int]:
    "use workflow"
    pids = []
    for _ in range(3):
        try:
            await ended_by_itself()
        except StepError:
            pids.append(await once())
    return pids


@policy(isolation="process", attempts=1)
def once() -> int:
    "use step"
    return os.getpid()


heard: list[str] = []
left: list[object] = []
met = asyncio.Event()
gone = threading.Event()


async def left_over() -> list[str]:
    "use workflow"
    out = get_writable(str)
    await leaves_some(out)
    return await meets_them(out)


async def speaks() -> str:
    "use workflow"
    return await says(get_writable(int))
'''
