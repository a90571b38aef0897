"""Workflows that restart."""

from __future__ import annotations

from typing import Any

from tests.runtime.programs import Program

TEXT = '''
    """Chapters."""
    import asyncio
    import random
    import sys

    from wfc import get_workflow_metadata, restart, set_attributes, sleep, start


    async def add(left: int, right: int) -> int:
        "use step"
        sys.journal.calls.append(("add", left, right))
        return left + right


    async def gated(number: int) -> int:
        "use step"
        sys.journal.entered.set()
        try:
            await sys.journal.gate.wait()
        except asyncio.CancelledError:
            sys.journal.cancelled += 1
            raise
        return number


    async def child(days: int) -> int:
        "use workflow"
        await sleep(f"{days} days")
        return days


    async def counts(left: int, total: int = 0) -> int:
        "use workflow"
        print("chapter", get_workflow_metadata().chapter)
        if left:
            await restart(left - 1, await add(total, left))
        return total


    async def polls(left: int, nap: float = 60) -> str:
        "use workflow"
        await sleep(nap)
        if left:
            await restart(left - 1, nap=nap)
        return get_workflow_metadata().run_id


    async def leaves_all(left: int) -> dict[str, object]:
        "use workflow"
        if not left:
            return get_workflow_metadata().attributes
        await set_attributes({"left": left, "chapter": get_workflow_metadata().chapter})
        tasks = [asyncio.create_task(gated(1)), asyncio.create_task(sleep("3 days"))]
        await start.options(id="child")(child, 2)
        await sleep(1)
        await set_attributes({"late": True})
        try:
            await restart(left - 1)
        finally:
            print("finally", len(tasks))


    async def draws(left: int, seen: list[float] | None = None) -> list[float]:
        "use workflow"
        seen = [*(seen or []), random.random()]
        if left:
            await restart(left - 1, seen)
        return seen


    async def swallows(left: int) -> int:
        "use workflow"
        try:
            await sleep("1 day")
        except asyncio.CancelledError:
            await add(left, 1)
        await restart(left - 1)


    async def misfits(left: int) -> str:
        "use workflow"
        try:
            await restart()
        except TypeError as error:
            return str(error)


    async def in_a_task(left: int) -> str:
        "use workflow"
        try:
            await asyncio.create_task(restart(left))
        except RuntimeError as error:
            return str(error)
'''
PROGRAM = Program("chapter_flows", TEXT)
FLOWS: Any = PROGRAM.module
