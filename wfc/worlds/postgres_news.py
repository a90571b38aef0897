"""What a transaction tells other processes when it commits, and what they make of it.

Each transaction with news takes a number from a sequence and sends it along. Who has seen a number
only in the sequence has missed a notification, or will get it soon.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Collection
from typing import Final

CHANNEL: Final = "wfc"
NUMBER: Final = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM news"
NOTIFY: Final = f"pg_notify('{CHANNEL}', concat(nextval('news'), ' ', {{payload}}::text))"
EVERYTHING: Final = "*"
_PAYLOAD_BYTES: Final = 7000


def payload_of(origin: str, topics: Collection[str]) -> str:
    """Write which topics `origin` has news of; too many for a notification are all topics."""
    text = json.dumps(sorted(topics))
    if len(text.encode()) > _PAYLOAD_BYTES:
        text = json.dumps([EVERYTHING])
    return f"{origin} {text}"


def read(notification: str) -> tuple[int, str, list[str]]:
    """Give number, origin and topics of a notification."""
    number, origin, topics = notification.split(" ", 2)
    told: list[str] = json.loads(topics)
    return int(number), origin, told


class Taken:
    """How many numbers this process has taken since its world was opened; for any thread."""

    def __init__(self, last: int) -> None:
        """Begin when `last` was the last number."""
        self._last = last
        self._turn = threading.Lock()

    def add(self) -> None:
        """Count one more."""
        with self._turn:
            self._last += 1

    def last(self) -> int:
        """Give what the last number is if nobody else has taken one."""
        with self._turn:
            return self._last
