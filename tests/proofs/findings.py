"""What a proof has found while it went on: each kind of fault once, with a seed that repeats it."""

from __future__ import annotations

import traceback
from collections import Counter
from typing import Final

_SHOWN: Final = 1800


class Findings:
    """Faults by kind; a proof goes on after one and fails at its end."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, seed: object, error: BaseException) -> None:
        """Note a fault; of each kind the first is kept."""
        frames = traceback.extract_tb(error.__traceback__)
        ours = [one for one in frames if "/wfc/" in one.filename] or list(frames)
        where = f"{ours[-1].filename.rpartition('/')[2]}:{ours[-1].lineno}" if ours else "nowhere"
        kind = f"{type(error).__name__} at {where}"
        self.count[kind] += 1
        self._first.setdefault(kind, f"{kind}, first by {seed}: {ascii(str(error))[:_SHOWN]}")

    def __str__(self) -> str:
        lines = (f"{self.count[kind]} x {told}" for kind, told in self._first.items())
        return "\n".join(lines)

    def check(self) -> None:
        """Fail if anything was found, and say all of it."""
        assert not self.count, f"\n{self}"
