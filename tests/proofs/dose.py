"""How long a proof goes on: a few seeds in the default suite, `WFC_SOAK` minutes if asked for."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from itertools import count
from typing import Final

SOAK_MINUTES: Final = float(os.environ.get("WFC_SOAK", "0"))
SOAK_FROM: Final = int(os.environ.get("WFC_SEED", "1000"))
"""The first seed of a soak; another one makes another proof."""


def seeds_for(minutes: float = SOAK_MINUTES, first: int = SOAK_FROM) -> Iterator[int]:
    """Give seeds, at least one, until so many minutes are over."""
    over = time.monotonic() + 60 * minutes
    for seed in count(first):
        yield seed
        if time.monotonic() > over:
            return
