"""What bodies did in this process: plain code that only steps reach."""
import asyncio
from collections import Counter

from wfc import get_step_metadata

BODIES: Counter = Counter()
GATES: dict = {}


def note() -> int:
    """Count the body that calls, and give its attempt."""
    meta = get_step_metadata()
    BODIES[meta.run_id, meta.step_id, meta.attempt] += 1
    return meta.attempt


def gate(run_id: str) -> asyncio.Event:
    """Give the event that says that a body of the run hangs."""
    return GATES.setdefault(run_id, asyncio.Event())
