"""Suspended programs: each parks at an `op()`; once dropped, none may reach another `saw`."""

import asyncio
import collections.abc
import contextlib
import functools

from harness import Swallow, op, quietly, retry_until, saw, swallowing


async def case_finally():
    try:
        await op()
    finally:
        saw("finally")


async def case_finally_returns():
    try:
        await op()
    finally:
        saw("finally")
        return 1


async def case_finally_in_a_loop_breaks():
    while True:
        try:
            await op()
        finally:
            saw("finally")
            break
    saw("after the loop")


async def case_bare_except():
    try:
        await op()
    except:
        saw("except")


async def case_except_base_exception():
    try:
        await op()
    except BaseException as error:
        saw(type(error).__name__)
        raise


async def case_except_cancelled_then_goes_on():
    try:
        await op()
    except (asyncio.CancelledError, GeneratorExit):
        pass
    saw("went on")


async def case_except_type_in_a_variable():
    everything = BaseException
    try:
        await op()
    except everything:
        saw("variable")


async def case_except_tuple_in_a_variable():
    both = (ValueError, BaseException)
    try:
        await op()
    except both:
        saw("tuple")


async def case_except_type_from_a_call():
    def kinds():
        saw("kinds")
        return BaseException

    try:
        await op()
    except kinds():
        saw("call")


async def case_except_star():
    try:
        await op()
    except* BaseException:
        saw("group")


async def case_except_star_awaits():
    try:
        raise ExceptionGroup("g", [ValueError()])
    except* ValueError:
        await swallowing(op)
        saw("after the await in except*")


async def case_finally_awaits():
    try:
        pass
    finally:
        await swallowing(op)
        saw("after the await in finally")


async def case_nested_try():
    try:
        try:
            await op()
        except BaseException:
            saw("inner")
            raise
        finally:
            saw("inner finally")
    finally:
        saw("outer finally")


async def case_suppress():
    with contextlib.suppress(BaseException):
        await op()
    saw("after suppress")


async def case_suppress_in_a_loop():
    while True:
        with contextlib.suppress(BaseException):
            await op()
        saw("again")
        if not hasattr(op, "never"):
            break


async def case_suppress_last_in_a_branch():
    if saw:
        with contextlib.suppress(BaseException):
            await op()
    saw("after the branch")


async def case_suppress_in_a_helper():
    async def quietly():
        with contextlib.suppress(BaseException):
            await op()

    await quietly()
    saw("after the helper")


async def case_exit_stack_callback():
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: saw("callback"))
        await op()


async def case_exit_stack_function():
    def tell():
        saw("callback")

    with contextlib.ExitStack() as stack:
        stack.callback(tell)
        await op()


async def case_exit_stack_partial():
    def tell(word):
        saw(word)

    with contextlib.ExitStack() as stack:
        stack.callback(functools.partial(tell, "partial"))
        await op()


async def case_async_exit_stack():
    async def tell():
        saw("async callback")

    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(tell)
        await op()


async def case_exit_stack_push():
    def leave(*error):
        saw("pushed")
        return True

    with contextlib.ExitStack() as stack:
        stack.push(leave)
        await op()
    saw("after the stack")


class Guarded:
    def __enter__(self):
        return self

    def __exit__(self, *error):
        saw("exit")
        return True

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        saw("aexit")
        return True


async def case_exit():
    with Guarded():
        await op()


async def case_exit_swallows():
    with Guarded():
        await op()
    saw("after")


async def case_aexit():
    async with Guarded():
        await op()
    saw("after")


def _leave(self, *error):
    saw("alias")
    return True


class Aliased:
    __enter__ = lambda self: self
    __exit__ = _leave


async def case_aliased_exit():
    with Aliased():
        await op()


class Closer:
    def close(self):
        saw("close")


async def case_closing():
    with contextlib.closing(Closer()):
        await op()


@contextlib.contextmanager
def managed():
    try:
        yield
    finally:
        saw("managed")


async def case_contextmanager():
    with managed():
        await op()


@contextlib.contextmanager
def careless():
    yield
    saw("after the yield")


async def case_contextmanager_left_by_a_guard():
    with careless():
        with contextlib.suppress(BaseException):
            await op()


@contextlib.contextmanager
def forgiving():
    with contextlib.suppress(BaseException):
        yield
    saw("forgave")


async def case_forgiving_contextmanager():
    with forgiving():
        await op()
    saw("after")


@contextlib.asynccontextmanager
async def amanaged():
    try:
        yield
    except BaseException:
        saw("amanaged")
        raise


async def case_asynccontextmanager():
    async with amanaged():
        await op()


async def case_await_that_swallows():
    await swallowing(op)
    saw("after the await")


async def case_if_that_swallows():
    if await swallowing(op):
        saw("then")
    else:
        saw("else")
    saw("after")


async def case_while_that_swallows():
    while not await swallowing(op):
        saw("body")
        break
    else:
        saw("else")


async def case_for_over_what_swallows():
    for _ in (await swallowing(op)) or [1]:
        saw("body")


async def case_match_on_what_swallows():
    match await swallowing(op):
        case None:
            saw("case")
        case _:
            saw("default")


async def case_async_with_that_swallows():
    async with Swallow(op):
        saw("body")
    saw("after")


async def case_async_for_over_what_swallows():
    async for _ in quietly(op):
        saw("body")
    saw("after the loop")


async def case_async_comprehension_over_what_swallows():
    found = [item async for item in quietly(op)]
    saw(f"after {found}")


async def case_argument_that_swallows():
    def tell(value):
        saw("called")

    tell(await swallowing(op))


async def ticks():
    try:
        yield 1
        await op()
        saw("after op")
        yield 2
    finally:
        saw("generator finally")


async def case_async_generator():
    async for _ in ticks():
        pass
    saw("after the loop")


async def case_async_generator_suspended_by_its_reader():
    async for _ in ticks():
        try:
            await op()
        finally:
            saw("reader")


def numbers():
    try:
        yield 1
        yield 2
    finally:
        saw("generator finally")


async def case_generator():
    for _ in numbers():
        await op()


async def case_retry_loop():
    while True:
        try:
            await op()
            break
        except BaseException:
            saw("retry")
            if not hasattr(op, "never"):
                break


async def case_library_retries():
    async def attempt():
        saw("attempt")
        await op()

    await retry_until(attempt)
    saw("after")


async def case_done_callback():
    task = asyncio.ensure_future(op())
    task.add_done_callback(lambda _: saw("done"))
    await task


async def case_tasks():
    async def child(name):
        try:
            await op()
        finally:
            saw(name)

    await asyncio.gather(child("a"), child("b"))


async def case_task_left_behind():
    async def child():
        try:
            await op()
        except BaseException:
            saw("child")

    task = asyncio.ensure_future(child())
    await op()
    await task


async def case_gather_returns_exceptions():
    async def child():
        try:
            await op()
        except asyncio.CancelledError:
            saw("child")

    await asyncio.gather(child(), child(), return_exceptions=True)
    saw("after gather")


async def case_task_group():
    async def child():
        try:
            await op()
        finally:
            saw("child")

    async with asyncio.TaskGroup() as group:
        group.create_task(child())
        group.create_task(child())
    saw("after the group")


async def case_timeout():
    try:
        async with asyncio.timeout(None):
            await op()
    except BaseException:
        saw("timed out")
        raise


async def case_shield():
    async def child():
        try:
            await op()
        finally:
            saw("shielded")

    await asyncio.shield(child())


class Service:
    async def run(self):
        try:
            await op()
        finally:
            self.stop()

    def stop(self):
        saw("stop")

    @property
    def word(self):
        return saw("property")

    @staticmethod
    async def quietly():
        with contextlib.suppress(BaseException):
            await op()
        saw("static")


async def case_method():
    await Service().run()


async def case_static_method():
    await Service.quietly()


async def case_decorated():
    def logged(function):
        @functools.wraps(function)
        async def inner():
            try:
                return await function()
            finally:
                saw("wrapper")

        return inner

    @logged
    async def work():
        await op()

    await work()


async def case_try_in_a_match():
    match 1:
        case 1:
            try:
                await op()
            finally:
                saw("case")


class Ticker(collections.abc.Iterator):
    def __init__(self):
        self.left = 3

    def __next__(self):
        saw("next")
        self.left -= 1
        if self.left < 0:
            raise StopIteration
        return self.left


async def case_iterator_drained_by_a_library():
    with contextlib.ExitStack() as stack:
        stack.callback(list, Ticker())
        await op()
