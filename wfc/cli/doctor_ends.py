"""What `wfc doctor` finds of end callbacks and schedules: what fails, and what nobody takes."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Final

from wfc import codec
from wfc.cli import output
from wfc.cli.checkup import Check, State
from wfc.clock import MICROSECONDS
from wfc.errors import CodecError, text_of
from wfc.runtime.any_types import AnyTypes
from wfc.worlds.protocol import DeliveryRow, Telling, World

_PATIENCE_US: Final = 300 * MICROSECONDS
"""So long an end may wait before somebody wonders who takes it."""
_MANY: Final = 10_000
WITHHELD: Final = json.dumps(codec.decode(codec.ENCRYPTED))
"""What stands for text that no key here opens."""


async def of_ends(world: World) -> list[Check]:
    """Tell of end callbacks that failed for good, and of those that no worker takes."""
    failed = await world.deliveries(statuses=[Telling.FAILED], limit=_MANY)
    waiting = await world.deliveries(statuses=[Telling.PENDING], limit=_MANY)
    late = world.now_us() - _PATIENCE_US
    untaken = [row for row in waiting if not row.held and row.due < late]
    checks = [
        Check(
            State.WARNING,
            f"end callback {name}",
            f"failed with {output.counted(len(rows), 'run')}, last with {rows[0].run_id}"
            f"{error_of(rows[0])}",
        )
        for name, rows in _by_callback(failed).items()
    ]
    checks += [
        Check(
            State.WARNING,
            f"end callback {name}",
            f"{output.counted(len(rows), 'end')} of runs wait, and no worker takes them: start one "
            "whose application registers it",
        )
        for name, rows in _by_callback(untaken).items()
    ]
    return checks


async def of_schedules(world: World) -> list[Check]:
    """Tell of schedules whose last firing could begin no run."""
    return [
        Check(State.WARNING, f"schedule {row.name}", f"could not start a run: {row.problem}")
        for row in await world.schedules()
        if row.problem is not None
    ]


def error_of(row: DeliveryRow) -> str:
    """Say by what the last try failed, behind a colon; nothing if it did not."""
    if row.error is None:
        return ""
    if codec.is_withheld(row.error):
        return f": {WITHHELD}"
    try:
        error = codec.decode_error(row.error, types=AnyTypes())
    except CodecError as problem:
        error = problem
    return f": {type(error).__name__}: {text_of(error)}"


def _by_callback(rows: list[DeliveryRow]) -> dict[str, list[DeliveryRow]]:
    found: dict[str, list[DeliveryRow]] = defaultdict(list)
    for row in rows:
        found[row.callback].append(row)
    return dict(sorted(found.items()))
