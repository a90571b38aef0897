"""What waits in a world, as gauges. Only `wfc.runtime.otel` imports this.

The callbacks of gauges run in the exporter's thread and must not wait: so a worker reads the world
at its sweep, and they tell what it has read last. Each worker tells of the whole world: take the
greatest of them, not the sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakMethod

from opentelemetry.metrics import CallbackOptions, Observation

from wfc.clock import MICROSECONDS
from wfc.runtime.seen import Seen

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

_DEPTH: Final = "what may be taken or waits at the gate of its queue"
_OLDEST: Final = "how long the first of those has waited"


class Gauges:
    """The gauges of one installation. They tell nothing before a worker has looked."""

    def __init__(self, meter: Meter) -> None:
        """Make them."""
        self._seen: Seen | None = None
        self._known: frozenset[str | None] = frozenset({None})
        make = meter.create_observable_gauge
        make("wfc.queue.depth", [_weakly(self._depth)], description=_DEPTH)
        make("wfc.queue.oldest_ready", [_weakly(self._oldest)], "s", _OLDEST)
        make("wfc.runs.late", [_weakly(self._late)], description="open runs beyond their goal")
        make("wfc.runs.stuck", [_weakly(self._stuck)], description="runs that are stuck or blocked")

    def show(self, seen: Seen | None) -> None:
        """Tell this from now on; None: nothing, for nobody looks any more."""
        if seen is not None:
            # Not in place: the exporter's thread may be going through them.
            self._known = self._known | seen.queues.keys()
        self._seen = seen

    def _depth(self) -> Iterator[Observation]:
        for queue, (depth, _) in self._queues():
            yield Observation(depth, _named(queue))

    def _oldest(self) -> Iterator[Observation]:
        for queue, (_, waited_us) in self._queues():
            yield Observation(waited_us / MICROSECONDS, _named(queue))

    def _queues(self) -> Iterator[tuple[str | None, tuple[int, int]]]:
        """Give how much waits in each queue, and how long the first has; one that was told of and
        is empty now is told as such.
        """
        if (seen := self._seen) is None:
            return
        for queue in sorted(self._known, key=lambda each: each or ""):
            depth, since = seen.queues.get(queue, (0, seen.now))
            yield queue, (depth, max(seen.now - since, 0))

    def _late(self) -> Iterator[Observation]:
        if (seen := self._seen) is not None:
            yield Observation(seen.late)

    def _stuck(self) -> Iterator[Observation]:
        if (seen := self._seen) is not None:
            yield Observation(seen.stuck)


def _named(queue: str | None) -> dict[str, str]:
    return {} if queue is None else {"queue": queue}


def _weakly(
    method: Callable[[], Iterator[Observation]],
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    """Make a callback of it that keeps nobody alive: a provider never lets go of one."""
    weak: WeakMethod[Any] = WeakMethod(method)

    def callback(_: CallbackOptions) -> Iterable[Observation]:
        told = weak()
        return () if told is None else list(told())

    return callback
