"""Cancellations that nobody hears of."""

import asyncio
import contextlib
from asyncio import CancelledError

from wfc import FatalError, sleep


class Failed(Exception):
    pass


class Stopped(asyncio.CancelledError):
    pass


async def charge(cents: int) -> str:
    "use step"
    try:
        await asyncio.sleep(1)
    except BaseException:
        return ""
    return "paid"


async def bare(cents: int) -> str:
    "use workflow"
    try:
        return await charge(cents)
    except:  # WFC501: 5, "a bare `except`"
        return "failed"


async def base(cents: int) -> str:
    "use workflow"
    try:
        return await charge(cents)
    except BaseException as error:  # WFC501: 5, "`except BaseException`"
        return str(error)


async def named(cents: int) -> str:
    "use workflow"
    try:
        await sleep("3 days")
    except (ValueError, CancelledError):  # WFC501: 5, "CancelledError"
        print("woken")
    return "done"


async def good_reraised(cents: int) -> str:
    "use workflow"
    try:
        return await charge(cents)
    except BaseException:
        print("failed")
        raise


async def good_plain(cents: int) -> str:
    "use workflow"
    try:
        return await charge(cents)
    except Exception:
        return "failed"


async def good_first_passed_on(cents: int) -> str:
    "use workflow"
    try:
        return await charge(cents)
    except CancelledError:
        raise
    except BaseException:
        return "failed"


async def good_own_task(cents: int) -> None:
    "use workflow"
    task = asyncio.create_task(charge(cents))
    task.cancel()
    try:
        await task
    except CancelledError:
        print("stopped")


async def one_branch(cents: int, debug: bool) -> str:
    "use workflow"
    try:
        return await charge(cents)
    except BaseException:  # WFC501: 5, "on some of its ways"
        if debug:
            raise
    return "failed"


async def another_error(cents: int) -> str:
    "use workflow"
    try:
        return await charge(cents)
    except CancelledError as error:  # WFC501: 5, "another error in its place"
        raise Failed("stopped") from error


async def fatal(cents: int) -> str:
    "use workflow"
    try:
        return await charge(cents)
    except BaseException as error:  # WFC501: 5, "another error in its place"
        raise FatalError(str(error)) from None


async def only_plain_raised(cents: int) -> str:
    "use workflow"
    try:
        return await charge(cents)
    except BaseException as error:  # WFC501: 5, "goes on"
        if isinstance(error, ValueError):
            raise
        return "failed"


async def caught_again(cents: int) -> str:
    "use workflow"
    try:
        return await charge(cents)
    except BaseException:  # WFC501: 5, "goes on"
        try:
            raise
        except BaseException:
            print("failed")
    return "failed"


async def in_a_loop(cents: int) -> str:
    "use workflow"
    for attempt in range(3):
        try:
            return await charge(cents)
        except CancelledError:  # WFC501: 9, "some of its ways"
            if attempt < 2:
                continue
            raise
    return "failed"


async def given_up(cents: int) -> str:
    "use workflow"
    try:
        return await charge(cents)
    except BaseException:  # WFC501: 5, "goes on"
        try:
            print("failed")
        finally:
            return "failed"  # noqa: B012


async def suppressing(cents: int) -> str:
    "use workflow"
    with contextlib.suppress(ValueError, CancelledError):  # WFC501: 10, "contextlib.suppress"
        return await charge(cents)
    return "failed"


async def good_asked(cents: int) -> str:
    "use workflow"
    try:
        return await charge(cents)
    except BaseException as error:
        if isinstance(error, ValueError | KeyError):
            return "refused"
        if not isinstance(error, CancelledError):
            return "failed"
        raise


async def good_asked_of_the_task(cents: int) -> str:
    "use workflow"
    try:
        return await charge(cents)
    except CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
    return "failed"


async def good_both_branches(cents: int, debug: bool) -> str:
    "use workflow"
    try:
        return await charge(cents)
    except BaseException as error:
        if debug:
            print("failed")
            raise
        match cents:
            case 1:
                raise error
            case _:
                raise


async def good_cleaned_up(cents: int) -> str:
    "use workflow"
    try:
        return await charge(cents)
    except CancelledError:
        for _ in range(3):
            try:
                await charge(-cents)
                break
            except Exception:
                continue
        with contextlib.suppress(ValueError):
            await charge(0)
        raise


async def good_own_cancellation(cents: int) -> str:
    "use workflow"
    try:
        return await charge(cents)
    except CancelledError as error:
        raise Stopped("by us") from error


async def good_suppressed(cents: int) -> None:
    "use workflow"
    task = asyncio.create_task(charge(cents))
    task.cancel()
    with contextlib.suppress(CancelledError):
        await task
    with contextlib.suppress(ValueError):
        await charge(cents)
