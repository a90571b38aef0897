"""Randomness that a replay draws again: from the run's seed, the site and the occurrence of the
call.

A draw that is added elsewhere in the code shifts no other. All of `random` works on two
primitives, so `shuffle`, `sample` and the distributions are the stdlib's own.
"""

from __future__ import annotations

import random
from hashlib import blake2b
from typing import Any

_DOUBLE_BITS = 53
_BLOCK_BYTES = 64


class Draws(random.Random):
    """A generator whose every block is ``blake2b(seed, site, occurrence, counter)``."""

    def __init__(self, seed: bytes) -> None:
        """Draw with `seed` (32 bytes) until the run's chapter ends."""
        self._key = seed
        self._name = ""
        self._counter = 0
        super().__init__(0)

    def at(self, name: str) -> Draws:
        """Begin the draws of the call `name`, a site and an occurrence."""
        self._name, self._counter = name, 0
        self.gauss_next = None
        return self

    def seed(self, *_arguments: Any, **_options: Any) -> None:
        """Keep the run's seed; a workflow's own `random.seed` makes another generator."""

    def block(self, size: int) -> bytes:
        """Give the next `size` bytes, at most 64."""
        text = f"{self._name}:{self._counter}".encode()
        self._counter += 1
        return blake2b(text, digest_size=size, key=self._key).digest()

    def random(self) -> float:
        """Give a float in [0, 1) with 53 random bits."""
        return (int.from_bytes(self.block(8), "big") >> (64 - _DOUBLE_BITS)) * 2.0**-_DOUBLE_BITS

    def getrandbits(self, k: int, /) -> int:
        """Give an int with `k` random bits."""
        if k < 0:
            raise ValueError("number of bits must be non-negative")
        size = (k + 7) // 8
        blocks = bytearray()
        while len(blocks) < size:
            blocks += self.block(min(size - len(blocks), _BLOCK_BYTES))
        return int.from_bytes(blocks, "big") >> (size * 8 - k)
