"""The only private names of pydantic-ai that wfc uses, each for what no public one does.

Callbacks that are no coroutines would go to a thread, which the loop of a run refuses and a replay
could not repeat; and what the graph waits between polls is to be a durable wait. Tests hold both
names on the lowest and the newest version that is allowed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from pydantic_ai._agent_graph import set_agent_graph_sleep
from pydantic_ai._utils import disable_threads


@contextmanager
def on_the_loop_of_the_run(sleep: Callable[[float], Awaitable[None]]) -> Iterator[None]:
    """Let an agent's graph call everything in place, and wait by `sleep`, which takes seconds."""
    with disable_threads(), set_agent_graph_sleep(sleep):
        yield
