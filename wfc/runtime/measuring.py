"""A worker looks at what waits in its world, for the gauges of those who listen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wfc.runtime.seen import Seen
from wfc.runtime.why import STUCK_AFTER_US
from wfc.worlds.limits import GateState, is_queue, plain_name
from wfc.worlds.protocol import Backlog, World

if TYPE_CHECKING:
    from wfc.runtime.otel import Telemetry


async def measure(world: World, telemetry: Telemetry | None) -> None:
    """Look once, if anybody listens. Raises `WorldError`."""
    if telemetry is None:
        return
    backlog = await world.backlog(stuck_before=world.now_us() - STUCK_AFTER_US)
    gates = await world.gates()
    telemetry.measured(
        Seen(
            queues=by_queue(backlog, gates),
            late=backlog.late,
            stuck=backlog.stuck,
            now=world.now_us(),
        )
    )


def by_queue(backlog: Backlog, gates: Sequence[GateState]) -> dict[str | None, tuple[int, int]]:
    """Add what is due to what waits at the gates of queues: how much, and since which instant.

    Who waits at the limit of a function stands in no queue and is not counted.
    """
    found = {each.queue: (each.depth, each.oldest) for each in backlog.queues}
    for each in gates:
        if not each.waiting or each.oldest is None or not is_queue(each.limit.name):
            continue
        queue = plain_name(each.limit.name)
        depth, oldest = found.get(queue, (0, each.oldest))
        found[queue] = depth + each.waiting, min(oldest, each.oldest)
    return found
