"""Circuit breakers: a model that fails again and again is left alone for a while."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic_ai.exceptions import ModelAPIError

from wfc import durations
from wfc.agent.faults import is_final
from wfc.durations import Duration


class BreakerOpen(ModelAPIError):
    """The breaker of a model is open, so this worker did not ask it. `ModelFallback` moves on."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """After `failures` in a row a model is not asked for `open_for`, by this worker.

    Then one attempt is let through; its success closes the breaker. Its state is in no log.
    Raises `ValueError` for less than one failure.
    """

    failures: int = 5
    open_for: Duration = "60s"
    clock: Callable[[], float] = time.monotonic
    _states: dict[str, _State] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Judge the options at once."""
        if self.failures < 1:
            raise ValueError(f"failures={self.failures}: a breaker opens after one at least")
        durations.seconds(self.open_for, what="open_for")

    async def guard(self, model: str, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Ask a model unless its breaker is open. Raises `BreakerOpen`, and what `ask` raises."""
        state = self._states.setdefault(model, _State())
        if state.opened_at is not None:
            left_s = state.opened_at + durations.seconds(self.open_for, what="") - self.clock()
            if left_s > 0 or state.is_tried:
                raise BreakerOpen(
                    model_name=model,
                    message=f"the breaker of {model} is open after {state.failures} failures in a "
                    f"row; it is asked again in {max(left_s, 0):.0f} s",
                )
        state.is_tried = state.opened_at is not None
        try:
            answer = await ask()
        except ModelAPIError as error:
            state.failures += not is_final(error)
            if state.failures >= self.failures:
                state.opened_at = self.clock()
            raise
        else:
            state.failures, state.opened_at = 0, None
            return answer
        finally:
            state.is_tried = False


@dataclass(slots=True)
class _State:
    failures: int = 0
    opened_at: float | None = None
    is_tried: bool = False
