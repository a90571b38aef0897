"""The steps that most programs call."""
import asyncio

from wfc import Backoff, FatalError, RetryableError, get_step_metadata, policy, set_attributes

from semantic_flows import journal


class Refused(Exception):
    """An error of the user's own."""

    def __init__(self, reason: str, code: int = 0) -> None:
        super().__init__(reason, code)
        self.reason, self.code = reason, code


async def add(left: int, right: int = 1) -> int:
    "use step"
    journal.note()
    return left + right


def double(number: int) -> int:
    "use step"
    journal.note()
    return 2 * number


async def echo(value: object) -> object:
    "use step"
    journal.note()
    return value


@policy(attempts=1)
async def refuse(reason: str, code: int = 7) -> int:
    "use step"
    journal.note()
    raise Refused(reason, code)


async def fatal(reason: str) -> int:
    "use step"
    journal.note()
    raise FatalError(reason)


@policy(attempts=3)
async def flaky(fails: int) -> int:
    "use step"
    attempt = journal.note()
    if attempt <= fails:
        raise ConnectionError(f"attempt {attempt}")
    return attempt


@policy(attempts=5, backoff=Backoff(initial="1h", factor=2, maximum="3h", jitter=0))
async def slowly_retried(fails: int) -> int:
    "use step"
    attempt = journal.note()
    if attempt <= fails:
        raise ConnectionError(f"attempt {attempt}")
    return attempt


async def asks_for_time(after: str) -> int:
    "use step"
    if journal.note() == 1:
        raise RetryableError("later", retry_after=after)
    return get_step_metadata().attempt


@policy(attempts=4, retry_on=OSError, give_up_on=PermissionError)
async def picky(kind: str) -> int:
    "use step"
    attempt = journal.note()
    if attempt < 3:
        raise {"os": OSError, "value": ValueError, "permission": PermissionError}[kind](kind)
    return attempt


@policy(attempts=2, timeout=0.01, backoff=Backoff(initial="1s", jitter=0))
async def too_slow() -> int:
    "use step"
    journal.note()
    await asyncio.sleep(3600)
    return 0


@policy(attempts=10, total="90m", backoff=Backoff(initial="1h", factor=1, maximum="1h", jitter=0))
async def limited_in_all() -> int:
    "use step"
    journal.note()
    raise ConnectionError("never")


async def hang(number: int) -> int:
    "use step"
    journal.note()
    journal.gate(get_step_metadata().run_id).set()
    await asyncio.Event().wait()
    return number


async def exits(code: int) -> int:
    "use step"
    journal.note()
    raise SystemExit(code)


async def labels(name: str) -> None:
    "use step"
    journal.note()
    await set_attributes({"by_step": name})


async def attempt_key() -> tuple[str, int]:
    "use step"
    journal.note()
    meta = get_step_metadata()
    return meta.idempotency_key, meta.attempts_max


async def keyword_only(first: int, *, second: int = 2, third: int) -> int:
    "use step"
    journal.note()
    return first * 100 + second * 10 + third


async def variadic(first: int, *rest: int, **named: int) -> int:
    "use step"
    journal.note()
    return first + sum(rest) + 10 * sum(named.values())


async def both_sides(left: int, /, right: int = 5) -> int:
    "use step"
    journal.note()
    return left - right
