"""`wfc.start` is checked against the signature of the child's workflow."""

from __future__ import annotations

from typing import assert_type

from wfc import start
from wfc.types import ChildRun


async def child(number: int, *, text: str = "") -> list[str]:
    "use workflow"
    return [text] * number


async def parent() -> None:
    "use workflow"
    plain = await start(child, 1)
    assert_type(plain, ChildRun[list[str]])
    assert_type(await plain.result(), list[str])
    named = await start.options(id="a", delay="1h", detached=True)(child, 1, text="b")
    assert_type(named, ChildRun[list[str]])
    await named.cancel("no need")
    await start(child, "1")  # type: ignore[arg-type]  # it takes a number
    await start(child)  # type: ignore[call-arg]  # it takes one
    await start(child, 1, word="b")  # type: ignore[call-arg]  # it takes none of this name
    start.options(queue=1)  # type: ignore[arg-type]  # queues have names
    start.options(version="a")  # type: ignore[call-arg]  # a child is of the build of its parent
