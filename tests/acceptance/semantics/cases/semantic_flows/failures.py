"""Errors: of the user's own, retried, fatal, in groups; and what nobody can swallow."""
import asyncio

from semantic_flows.bodies import (
    Refused,
    add,
    asks_for_time,
    echo,
    exits,
    fatal,
    flaky,
    hang,
    limited_in_all,
    picky,
    refuse,
    slowly_retried,
    too_slow,
)

from wfc import FatalError


async def caught_by_class(reason: str) -> list:
    "use workflow"
    try:
        await refuse(reason, code=42)
    except Refused as error:
        return [error.reason, error.code, await add(1)]
    return []


async def caught_by_base(reason: str) -> str:
    "use workflow"
    try:
        await refuse(reason)
    except (ValueError, Exception) as error:
        return type(error).__name__
    finally:
        await add(1)


async def notes(reason: str) -> bool:
    "use workflow"
    try:
        await refuse(reason)
    except Refused as error:
        return any("step `refuse` failed, attempt 1 of 1" in note for note in error.__notes__)
    return False


async def uncaught(reason: str) -> int:
    "use workflow"
    return await refuse(reason)


async def raised_here(reason: str) -> int:
    "use workflow"
    await add(1)
    raise Refused(reason, 3)


async def chained(reason: str) -> str:
    "use workflow"
    try:
        try:
            await refuse(reason)
        except Refused as error:
            raise KeyError("outer") from error
    except KeyError as error:
        return type(error.__cause__).__name__
    return "none"


async def group_of_errors() -> list[str]:
    "use workflow"
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(refuse("a"))
            group.create_task(refuse("b"))
    except ExceptionGroup as group:
        return [type(group).__name__, type(group.exceptions[0]).__name__]
    return []


async def group_raised() -> None:
    "use workflow"
    raise ExceptionGroup("both", [ValueError("one"), Refused("two")])


async def group_passed() -> list:
    "use workflow"

    async def both() -> None:
        "use step"
        raise FatalError("x") from ExceptionGroup("both", [ValueError("one"), KeyError("two")])

    try:
        await both()
    except FatalError as error:
        return [str(error), len(error.__cause__.exceptions)]
    return []


async def fatal_is_not_retried(reason: str) -> str:
    "use workflow"
    try:
        await fatal(reason)
    except FatalError as error:
        return str(error)
    return "none"


async def retried(fails: int) -> int:
    "use workflow"
    return await flaky(fails)


async def exhausted(fails: int) -> str:
    "use workflow"
    try:
        await flaky(fails)
    except ConnectionError as error:
        return str(error)
    return "none"


async def retried_in_gather(fails: int) -> list[int]:
    "use workflow"
    return await asyncio.gather(flaky(fails), add(1), flaky(0))


async def retried_slowly(fails: int) -> int:
    "use workflow"
    return await slowly_retried(fails)


async def retried_after(after: str) -> int:
    "use workflow"
    return await asks_for_time(after)


async def picked(kind: str) -> object:
    "use workflow"
    try:
        return await picky(kind)
    except Exception as error:
        return type(error).__name__


async def step_times_out() -> str:
    "use workflow"
    try:
        await too_slow()
    except TimeoutError as error:
        return type(error).__name__
    return "none"


async def total_is_over() -> str:
    "use workflow"
    try:
        await limited_in_all()
    except ConnectionError:
        return "given up"
    return "none"


async def compensation(number: int) -> int:
    "use workflow"
    done = await add(number)
    try:
        await refuse("later step")
    except Refused:
        await add(done, -1)
        raise


async def step_exits(code: int) -> str:
    "use workflow"
    try:
        await exits(code)
    except Exception as error:
        return type(error).__name__
    return "none"


async def workflow_exits(code: int) -> None:
    "use workflow"
    await add(1)
    raise SystemExit(code)


async def unserialisable_result() -> str:
    "use workflow"

    async def opened() -> object:
        "use step"
        return object()

    try:
        await opened()
    except Exception as error:
        return type(error).__name__
    return "none"


async def unserialisable_argument() -> str:
    "use workflow"
    try:
        await echo(x for x in [1])
    except Exception as error:
        return type(error).__name__
    return "none"


async def unserialisable_output() -> object:
    "use workflow"
    await add(1)
    return asyncio.Event()


async def deadlocked(number: int) -> None:
    "use workflow"
    await add(number)
    await asyncio.Event().wait()


async def deadlocked_by_lock() -> None:
    "use workflow"
    held = asyncio.Lock()
    await held.acquire()
    await held.acquire()


def _sneaky_sleep() -> None:
    (loop,) = [asyncio.get_running_loop()]  # too sly for the compiler; the loop itself refuses
    loop.call_soon_threadsafe(print)


async def guard_caught() -> str:
    "use workflow"
    try:
        _sneaky_sleep()
    except Exception as error:
        await add(1)
        return type(error).__name__
    return "none"


async def guard_uncaught() -> None:
    "use workflow"
    await add(1)
    _sneaky_sleep()


async def finally_runs_once(number: int) -> list[int]:
    "use workflow"
    seen = []
    for each in range(number):
        try:
            await add(each)
            if each == 1:
                continue
        finally:
            seen.append(await add(each, 100))
    return seen


async def else_and_finally(number: int) -> list[str]:
    "use workflow"
    said = []
    try:
        await add(number)
    except Refused:
        said.append("except")
    else:
        said.append("else")
    finally:
        said.append("finally")
    return said


async def stray_cancel() -> None:
    "use workflow"
    await add(1)
    raise asyncio.CancelledError


async def gather_of_losers(number: int) -> list[str]:
    "use workflow"
    task = asyncio.create_task(hang(number))
    try:
        await asyncio.gather(task, refuse("first"))
    except Refused as error:
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return [error.reason, "cancelled"]
    return []
