"""Callbacks of an agent's run: workflow code, which a replay runs again. To tell the world, they
call steps.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

EVENTS: Final = (
    "on_start", "on_step_start", "on_step_end", "on_end", "on_error", "on_abort", "on_tool_start",
    "on_tool_end",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What is to be called at which event, those of the constructor first."""

    given: tuple[Mapping[str, Callable[..., Any]], ...] = ()

    @classmethod
    def of(cls, keywords: Mapping[str, Any]) -> Callbacks:
        """Judge keywords. Raises `TypeError` for one that is no event, or no function."""
        for name, function in keywords.items():
            if name not in EVENTS:
                near = difflib.get_close_matches(name, EVENTS, 1)
                hint = f" Did you mean `{near[0]}`?" if near else ""
                if name == "max_steps":
                    hint = " Say stop_when=step_count_is(20)."
                raise TypeError(f"an agent has no option `{name}`.{hint}")
            if function is not None and not callable(function):
                raise TypeError(f"{name}={function!r} cannot be called")
        return cls(({name: each for name, each in keywords.items() if each is not None},))

    def __add__(self, other: Callbacks) -> Callbacks:
        """Call those of `other` after these."""
        return Callbacks(self.given + other.given)

    def wants(self, event: str) -> bool:
        """Tell whether anybody listens."""
        return any(event in each for each in self.given)

    async def call(self, event: str, *arguments: Any) -> None:
        """Call all that listen, one after the other. Raises what they raise."""
        for each in self.given:
            function = each.get(event)
            if function is not None:
                answer = function(*arguments)
                if inspect.isawaitable(answer):
                    await answer
