"""Workflows that log, and whose steps do."""

from __future__ import annotations

from tests.runtime.programs import Program

PROGRAM = Program(
    "log_flows",
    '''
    """Talkers."""
    import asyncio
    import logging
    import sys
    import threading

    from wfc import Backoff, policy, sleep

    log = logging.getLogger("app.talk")
    apart = logging.getLogger("app.apart")


    async def silent(number: int) -> int:
        "use step"
        return number


    async def says(text: str) -> None:
        "use step"
        log.info("says %s", text)
        log.debug("not this")
        apart.warning("apart")


    @policy(isolation="thread")
    def says_in_thread(text: str) -> None:
        "use step"
        log.info("thread %s", text)


    async def plain(count: int) -> int:
        "use workflow"
        for number in range(count):
            await silent(number)
        return count


    async def talks(text: str) -> None:
        "use workflow"
        print("begins", text)
        await says(text)
        log.warning("goes on")
        await sleep("1 day")
        log.info("is awake")
        await says_in_thread(text)
        print("ends")


    @policy(attempts=3, backoff=Backoff(initial=0.001, jitter=0))
    async def flaky() -> None:
        "use step"
        sys.journal.calls.append("flaky")
        attempt = len(sys.journal.calls)
        log.info("tries %d", attempt)
        if attempt < 3:
            try:
                raise OSError("again")
            except OSError:
                log.exception("failed")
                raise


    async def retries() -> None:
        "use workflow"
        await flaky()


    @policy(attempts=2)
    async def held(count: int) -> None:
        "use step"
        for number in range(count):
            log.info("before %d", number)
        sys.journal.calls.append("held")
        await sys.journal.gate.wait()
        log.info("after")


    async def holds(count: int) -> None:
        "use workflow"
        print("holds")
        await held(count)


    @policy(attempts=1)
    async def much(size: int, count: int) -> None:
        "use step"
        for _ in range(count):
            log.info("x" * size)


    async def too_much(size: int, count: int) -> None:
        "use workflow"
        await much(size, count)


    async def says_much(size: int, count: int) -> None:
        "use workflow"
        for _ in range(count):
            log.info("x" * size)
        await silent(1)
        log.info("afterwards")


    @policy(attempts=1)
    async def odd() -> None:
        "use step"
        log.info("half %s", chr(0xD800))
        log.info("%d of these", "none")
        await asyncio.to_thread(log.info, "in a thread of its own")


    async def oddly() -> None:
        "use workflow"
        await odd()


    @policy(timeout="10ms", attempts=1, isolation="thread")
    def never_ends() -> None:
        "use step"
        log.info("goes on")
        sys.journal.thread_gate.wait(30)
        log.info("too late")
        sys.journal.calls.append("late")


    async def leaks() -> None:
        "use workflow"
        await never_ends()


    async def has_begun() -> bool:
        "use step"
        return "held" in sys.journal.calls


    async def given_up() -> None:
        "use workflow"
        task = asyncio.create_task(held(1))
        while not await has_begun():
            await asyncio.sleep(0)
        task.cancel()
        await silent(2)
    ''',
)
