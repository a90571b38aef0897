"""Cancellations that nobody hears of."""

import asyncio
from asyncio import CancelledError

from wfc import sleep


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
