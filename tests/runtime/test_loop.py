"""asyncio on the run's loop: what works in workflow code as it does outside."""

from __future__ import annotations

import asyncio
import textwrap
from typing import Any

import pytest

from tests.runtime.histories import Log, describe, output_of, run_program, template_of
from wfc import codec
from wfc.eventlog.event import FailureKind
from wfc.runtime.operations import Failed, WaitAsked

FEATURES: dict[str, tuple[str, Any]] = {
    "create_task": (
        """
        task = asyncio.create_task(add(1, 2), name="mine")
        return [await task, task.get_name(), task.done()]
        """,
        [3, "mine", True],
    ),
    "task names count from one in each run": (
        """
        tasks = [asyncio.create_task(add(n)) for n in range(2)]
        await asyncio.gather(*tasks)
        return [asyncio.current_task().get_name(), *(task.get_name() for task in tasks)]
        """,
        ["Task-1", "Task-2", "Task-3"],
    ),
    "gather": ("return await asyncio.gather(add(1), double(2), say('x'))", [2, 4, "x"]),
    "gather keeps exceptions": (
        """
        async def bad():
            raise ValueError("no")
        found = await asyncio.gather(add(1), bad(), return_exceptions=True)
        return [found[0], repr(found[1])]
        """,
        [2, "ValueError('no')"],
    ),
    "wait gives tasks in order of creation": (
        """
        tasks = [asyncio.create_task(add(n)) for n in range(8)]
        done, pending = await asyncio.wait(set(tasks))
        return [[task.result() for task in done], len(pending)]
        """,
        [[1, 2, 3, 4, 5, 6, 7, 8], 0],
    ),
    "wait for the first": (
        """
        slow = asyncio.create_task(asyncio.sleep(100))
        quick = asyncio.create_task(add(1))
        done, pending = await asyncio.wait([slow, quick], return_when=asyncio.FIRST_COMPLETED)
        slow.cancel()
        return [done == {quick}, pending == {slow}, isinstance(done, set)]
        """,
        [True, True, True],
    ),
    "wait for the first error": (
        """
        async def bad():
            await add(1)
            raise ValueError
        tasks = [asyncio.create_task(asyncio.sleep(100)), asyncio.create_task(bad())]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        return [len(done), len(pending), repr(done.pop().exception())]
        """,
        [1, 1, "ValueError()"],
    ),
    "wait with a timeout": (
        """
        event = asyncio.Event()
        done, pending = await asyncio.wait([asyncio.create_task(event.wait())], timeout=5)
        return [len(done), len(pending)]
        """,
        [0, 1],
    ),
    "wait_for in time": ("return await asyncio.wait_for(add(1), 5)", 2),
    "wait_for too late": (
        """
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 5)
        except TimeoutError:
            return "late"
        """,
        "late",
    ),
    "wait_for without time": (
        """
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 0)
        except TimeoutError as error:
            return repr(error.__cause__)
        """,
        "CancelledError()",
    ),
    "wait_for what is done": (
        """
        future = asyncio.get_running_loop().create_future()
        future.set_result(1)
        return await asyncio.wait_for(future, 0)
        """,
        1,
    ),
    "as_completed": (
        """
        async def after(n):
            await asyncio.sleep(n)
            return n
        return [await each for each in asyncio.as_completed([after(3), after(1), after(2)])]
        """,
        [1, 2, 3],
    ),
    "as_completed with a timeout": (
        """
        found = []
        async def after(n):
            await asyncio.sleep(n)
            return n
        try:
            for each in asyncio.as_completed([after(30), after(1)], timeout=10):
                found.append(await each)
        except TimeoutError:
            found.append("late")
        return found
        """,
        [1, "late"],
    ),
    "timeout": (
        """
        try:
            async with asyncio.timeout(5) as scope:
                await asyncio.Event().wait()
        except TimeoutError:
            return scope.expired()
        """,
        True,
    ),
    "timeout not reached": (
        """
        async with asyncio.timeout(5) as scope:
            await add(1)
        return [scope.expired(), scope.when() > 1_900_000_000]
        """,
        [False, True],
    ),
    "timeout without time": (
        """
        try:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        except TimeoutError:
            return "at once"
        """,
        "at once",
    ),
    "timeout moved": (
        """
        async with asyncio.timeout(None) as scope:
            scope.reschedule(asyncio.get_running_loop().time() + 2)
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return "cancelled inside"
        """,
        "cancelled inside",
    ),
    "timeout_at": (
        """
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + 3):
                await asyncio.Event().wait()
        except TimeoutError:
            return "late"
        """,
        "late",
    ),
    "TaskGroup": (
        """
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(add(n)) for n in range(3)]
        return [task.result() for task in tasks]
        """,
        [1, 2, 3],
    ),
    "TaskGroup cancels the others": (
        """
        seen = []
        async def bad():
            await add(1)
            raise ValueError("no")
        async def other():
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(other())
                group.create_task(bad())
        except* ValueError as errors:
            seen.append(str(errors.exceptions[0]))
        return seen
        """,
        ["cancelled", "no"],
    ),
    "shield": (
        """
        inner = asyncio.create_task(add(1))
        outer = asyncio.create_task(asyncio.wait_for(asyncio.shield(inner), 100))
        await asyncio.sleep(0)
        outer.cancel()
        return [await inner, outer.cancelled()]
        """,
        [2, True],
    ),
    "Event": (
        """
        event = asyncio.Event()
        async def setter():
            await add(1)
            event.set()
        task = asyncio.create_task(setter())
        return await event.wait()
        """,
        True,
    ),
    "Lock": (
        """
        lock, seen = asyncio.Lock(), []
        async def enter(n):
            async with lock:
                seen.append(n)
                await add(n)
                seen.append(n)
        await asyncio.gather(*(enter(n) for n in range(3)))
        return seen
        """,
        [0, 0, 1, 1, 2, 2],
    ),
    "Condition": (
        """
        condition, ready = asyncio.Condition(), []
        async def producer():
            await add(1)
            async with condition:
                ready.append(1)
                condition.notify_all()
        task = asyncio.create_task(producer())
        async with condition:
            await condition.wait_for(lambda: bool(ready))
        return ready
        """,
        [1],
    ),
    "Semaphore": (
        """
        gate, running, most = asyncio.Semaphore(2), [], []
        async def enter(n):
            async with gate:
                running.append(n)
                most.append(len(running))
                await add(n)
                running.remove(n)
        await asyncio.gather(*(enter(n) for n in range(5)))
        return max(most)
        """,
        2,
    ),
    "BoundedSemaphore": (
        """
        gate = asyncio.BoundedSemaphore(1)
        try:
            gate.release()
        except ValueError:
            return "bounded"
        """,
        "bounded",
    ),
    "Barrier": (
        """
        barrier = asyncio.Barrier(3)
        async def meet(n):
            await add(n)
            return await barrier.wait()
        return sorted(await asyncio.gather(*(meet(n) for n in range(3))))
        """,
        [0, 1, 2],
    ),
    "Queue": (
        """
        queue, seen = asyncio.Queue(1), []
        async def produce():
            for n in range(4):
                await queue.put(await add(n))
            await queue.put(None)
        task = asyncio.create_task(produce())
        while (item := await queue.get()) is not None:
            seen.append(item)
        return seen
        """,
        [1, 2, 3, 4],
    ),
    "PriorityQueue and LifoQueue": (
        """
        first, last = asyncio.PriorityQueue(), asyncio.LifoQueue()
        for n in (2, 1, 3):
            first.put_nowait(n)
            last.put_nowait(n)
        return [await first.get(), await last.get()]
        """,
        [1, 3],
    ),
    "call_soon and call_later": (
        """
        loop, seen = asyncio.get_running_loop(), []
        done = asyncio.Event()
        loop.call_soon(seen.append, "soon")
        loop.call_later(3, done.set)
        loop.call_at(loop.time() - 1, seen.append, "past")
        loop.call_later(1000, seen.append, "never").cancel()
        await done.wait()
        return seen
        """,
        ["soon", "past"],
    ),
    "sleep(0) lets others run": (
        """
        seen = []
        async def other():
            seen.append("other")
        task = asyncio.create_task(other())
        await asyncio.sleep(0)
        seen.append("main")
        return [seen, await asyncio.sleep(0, "value"), await asyncio.sleep(1, "later")]
        """,
        [["other", "main"], "value", "later"],
    ),
    "context variables are fresh and copied": (
        """
        import contextvars
        name = contextvars.ContextVar("name", default="none")
        name.set("main")
        async def child():
            before = name.get()
            name.set("child")
            await add(1)
            return [before, name.get()]
        return [await asyncio.create_task(child()), name.get()]
        """,
        [["main", "child"], "main"],
    ),
    "asynchronous generators": (
        """
        async def numbers():
            try:
                for n in range(3):
                    yield await add(n)
            finally:
                seen.append("closed")
        seen = []
        async for n in numbers():
            seen.append(n)
        generator = numbers()
        seen.append(await anext(generator))
        await generator.aclose()
        return seen
        """,
        [1, 2, 3, "closed", 1, "closed"],
    ),
    "all_tasks in order": (
        """
        tasks = [asyncio.create_task(asyncio.sleep(1)) for _ in range(6)]
        found = list(asyncio.all_tasks())
        await asyncio.gather(*tasks)
        return found[1:] == tasks
        """,
        True,
    ),
    "cancel and uncancel": (
        """
        asyncio.current_task().cancel()
        try:
            await add(1)
        except asyncio.CancelledError:
            asyncio.current_task().uncancel()
        return await add(2)
        """,
        3,
    ),
    "a task factory": (
        """
        loop, made = asyncio.get_running_loop(), []
        def factory(loop, coro, **options):
            made.append(coro.__qualname__)
            return asyncio.Task(coro, loop=loop, **options)
        loop.set_task_factory(factory)
        value = await asyncio.create_task(add(1), name="named")
        return [value, len(made), loop.get_task_factory() is factory]
        """,
        [2, 1, True],
    ),
    "an exception handler": (
        """
        loop, seen = asyncio.get_running_loop(), []
        loop.set_exception_handler(lambda loop, context: seen.append(repr(context["exception"])))
        loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(0)
        return [seen, loop.get_exception_handler() is not None, loop.get_debug()]
        """,
        [["ZeroDivisionError('division by zero')"], True, False],
    ),
}


def _flow(body: str) -> str:
    lines = "\n".join("    " + line for line in _dedented(body).splitlines())
    return f'async def flow():\n    "use workflow"\n{lines}\n'


def _dedented(body: str) -> str:
    return textwrap.dedent(body).strip()


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_of_asyncio(name: str) -> None:
    """It works in workflow code."""
    body, expected = FEATURES[name]
    assert run_program(_flow(body)) == expected


@pytest.mark.parametrize("name", FEATURES)
async def test_a_feature_inside_a_running_loop(name: str) -> None:
    """It works nested in a task of the host's loop, which goes on after."""
    body, expected = FEATURES[name]
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert run_program(_flow(body)) == expected
    assert asyncio.current_task() is task
    assert asyncio.get_running_loop() is loop
    await asyncio.sleep(0)


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_replays(name: str) -> None:
    """The whole history, delivered at once to a fresh execution, comes to the same."""
    body, _ = FEATURES[name]
    log = Log(template_of(_flow(body)))
    live = log.run()
    asked = list(log.asked)
    replayed = log.replay()
    assert replayed.output == live.output  # type: ignore[attr-defined]  # both completed
    assert set(log.asked) <= set(asked)


REFUSED = {
    "loop.run_in_executor(None, print)": "WFC204",
    "loop.call_soon_threadsafe(print)": "WFC204",
    "loop.set_default_executor(None)": "WFC204",
    "loop.run_until_complete(None)": "WFC321",
    "loop.run_forever()": "WFC321",
    "loop.add_reader(0, print)": "WFC320",
    "loop.add_signal_handler(2, print)": "WFC320",
    "loop.create_connection(None)": "WFC320",
    "loop.subprocess_exec(None)": "WFC320",
    "loop.getaddrinfo('a', 1)": "WFC320",
}


@pytest.mark.parametrize("call", REFUSED)
def test_what_reaches_outside_is_refused(call: str) -> None:
    """A refused method of the loop is a guard hit, and catching it does not help."""
    program = f"""
async def flow():
    "use workflow"
    loop = asyncio.get_running_loop()
    try:
        {call}
    except Exception:
        pass
    await add(1)
"""
    log = Log(template_of(program))
    outcome = log.start()
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.USER
    assert codec.decode_error(outcome.error).guard == REFUSED[call]  # type: ignore[attr-defined]  # a guard's error
    assert outcome.asked == ()


def test_a_timer_is_a_durable_wait_of_its_place() -> None:
    """`asyncio.timeout` asks for a wait at its own call place, and gives it up when left."""
    log = Log(
        template_of("""
async def flow():
    "use workflow"
    async with asyncio.timeout(60):
        await add(1)
    async with asyncio.timeout(60):
        await add(2)
""")
    )
    log.start()
    first = log.named("timeout")
    assert isinstance(first, WaitAsked)
    assert first.wake_at == log.recorded[0].recorded_at + 60_000_000
    outcome = log.deliver(log.completed("add", 1))
    assert outcome.withdrawn == (first,)
    assert log.named("timeout").operation_id != first.operation_id


def test_an_error_that_nobody_awaits_is_a_line_of_the_run(caplog: pytest.LogCaptureFixture) -> None:
    """The loop's exception handler logs it with the run, and the run goes on."""
    outcome = Log(
        template_of("""
async def flow():
    "use workflow"
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    return await add(1)
""")
    ).run()
    assert output_of(outcome) == 2, describe(outcome)
    (record,) = [each for each in caplog.records if each.name == "wfc.workflow"]
    assert "ZeroDivisionError" in record.getMessage()
    assert vars(record)["run_id"] == "run_1"


def test_a_loop_that_waits_keeps_no_queue_and_no_table_for_its_only_task() -> None:
    """Thousands wait in one process; a second task and a callback bring theirs, and it goes."""
    log = Log(
        template_of("""
async def flow():
    "use workflow"
    first = await add(1)
    both = await asyncio.gather(add(2), add(3))
    return [first, both, await add(4)]
""")
    )
    log.start()
    loop = log.execution.loop
    assert (loop.ready, loop._later) == (None, None)
    assert loop.tasks() == [log.execution.main]
    log.deliver(log.completed("add", 2))
    assert loop.ready is None
    assert [task.get_name() for task in loop.tasks()] == ["Task-1", "Task-2", "Task-3"]
    log.deliver(*[log.completed(each, 0) for each in log.execution.open.values()])
    assert loop.tasks() == [log.execution.main]
    assert output_of(log.deliver(log.completed("add", 5))) == [2, [0, 0], 5]
    loop.forget_tasks()
    assert loop.tasks() == []
