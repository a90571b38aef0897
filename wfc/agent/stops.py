"""When an agent goes on no more, though its model would: conditions for `stop_when`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from wfc.agent.result import StepInfo

Stop = Callable[[Sequence[StepInfo]], bool]
"""Looks at the steps so far, after one whose tools have answered."""


def step_count_is(count: int) -> Stop:
    """Stop after so many calls of the model. Raises `ValueError` for less than one."""
    if count < 1:
        raise ValueError(f"step_count_is({count}): an agent makes one step at least")
    return lambda steps: len(steps) >= count


def has_tool_call(*names: str) -> Stop:
    """Stop once one of these tools was called."""
    if not names:
        raise ValueError("has_tool_call() names no tool")
    return lambda steps: (
        bool(steps) and any(call.tool_name in names for call in steps[-1].tool_calls)
    )


def total_tokens_over(count: int) -> Stop:
    """Stop once more tokens were used, by all requests and answers so far."""
    return lambda steps: sum(step.usage.total_tokens for step in steps) > count


def any_of(stops: Stop | Iterable[Stop] | None) -> tuple[Stop, ...]:
    """Give conditions as a tuple. Raises `TypeError` for what is none."""
    if stops is None:
        return ()
    given = (stops,) if callable(stops) else tuple(stops)
    for one in given:
        if not callable(one):
            raise TypeError(f"stop_when={one!r} is no condition; step_count_is(20) makes one")
    return given
