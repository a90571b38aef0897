"""Handles of the runtime, which know more than this room: each has a code of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wfc.codec.decoding import read_as
from wfc.codec.encoding import write_as


def register_handle(
    kind: type, tag: int, *, take: Callable[[Any], Any], make: Callable[[Any], Any] | None = None
) -> None:
    """Let values of a class travel: `take` gives what names one, `make` a value of that name.

    Classes may share a tag: without `make`, a value of the other one is what readers get.
    """
    write_as(kind, tag, take)
    if make is not None:
        read_as(tag, make)
