"""The steps' own ledger: one line per body that began, written where wfc does not look.

The demo compares it with wfc's log. A line is written before its body goes on, so a SIGKILL after
it is one in the middle of that body; what a process gave to the kernel outlives the process.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

HOLD_S = 120.0
"""How long a held body lasts unless it is killed; the demo kills it within seconds."""
FILE = "BILLING_LEDGER"
HELD = "BILLING_HOLD"


@dataclass(frozen=True, slots=True)
class Line:
    """A body of `step` for the invoice `number` began in process `pid`."""

    step: str
    number: str
    pid: int


def enter(step: str, number: str) -> bool:
    """Note that a body begins; True tells it to hold, so that the demo can kill it."""
    line = Line(step, number, os.getpid())
    file = os.open(os.environ[FILE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, f"{json.dumps(asdict(line))}\n".encode())  # one write: lines never mix
    finally:
        os.close(file)
    return os.environ.get(HELD) == f"{step}:{number}"


def hold() -> None:
    """Last until killed, as a slow bank would."""
    time.sleep(HOLD_S)


def lines(file: Path) -> Iterator[Line]:
    """Read the ledger."""
    if file.exists():
        for text in file.read_text(encoding="utf-8").splitlines():
            yield Line(**json.loads(text))
