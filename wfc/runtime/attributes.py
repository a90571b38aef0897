"""What may stand in the attributes of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from wfc.errors import LimitExceeded
from wfc.eventlog.event import Scalar
from wfc.runtime.refusals import at_line

ATTRIBUTES_MAX: Final = 64
KEY_MAX: Final = 256
VALUE_MAX: Final = 256
RESERVED: Final = "wfc."
_NONE: Final[Mapping[str, Scalar]] = {}


def check_attributes(
    changes: Mapping[str, Scalar | None],
    held: Mapping[str, Scalar] = _NONE,
    *,
    limit: int = ATTRIBUTES_MAX,
) -> None:
    """Refuse what no attribute may be, and more than `limit` beside those that a run has already.

    Raises `TypeError`, `ValueError`, `LimitExceeded`. Writers that race may each find room for the
    last one; whoever comes after them does not.
    """
    added = sum(value is not None and key not in held for key, value in changes.items())
    removed = sum(value is None and key in held for key, value in changes.items())
    number = len(held) + added - removed
    if added and number > limit:
        raise LimitExceeded(
            f"the run would have {number} attributes, and the limit is {limit} ([tool.wfc.limits] "
            f"attributes). Attributes are for finding runs; put data into arguments and results."
            f"{at_line()}"
        )
    for key, value in changes.items():
        _check_key(key)
        _check_value(key, value)


def _check_key(key: object) -> None:
    if not isinstance(key, str):
        raise TypeError(f"the attribute key {key!r} is no text")
    if not key or len(key) > KEY_MAX:
        raise ValueError(
            f"the attribute key {key[:40]!r} has {len(key)} characters, and 1 to {KEY_MAX} are "
            f"allowed.{at_line()}"
        )
    if key.startswith(RESERVED):
        raise ValueError(f"the attribute key {key!r}: the prefix {RESERVED!r} is reserved for wfc")
    _check_text(f"the attribute key {key!r}", key)


def _check_value(key: str, value: object) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        # NaN equals nothing, itself neither, and JSON has neither it nor the infinite.
        raise ValueError(
            f"the attribute {key!r} is {value!r}, by which no run could be found or shown. Give a "
            "finite number, a text, or None for no value."
        )
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
        raise LimitExceeded(
            f"the attribute {key!r} is a number of {value.bit_length()} bits, and the limit is 64. "
            f"Write it as text.{at_line()}"
        )
    if value is None or isinstance(value, bool | int | float):
        return
    if not isinstance(value, str):
        raise TypeError(
            f"the attribute {key!r} is {value!r}; it must be text, a number or a truth value "
            "(None removes it)"
        )
    if len(value.encode("utf-8", "surrogatepass")) > VALUE_MAX:
        raise LimitExceeded(
            f"the attribute {key!r} has {len(value)} characters, more than {VALUE_MAX} bytes. "
            f"Attributes are for finding runs; put data into arguments and results.{at_line()}"
        )
    _check_text(f"the attribute {key!r}", value)


def _check_text(what: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"{what} holds half of a character (a lone surrogate), which no log can keep: "
            f"{text!r}. Decode the text with its right encoding."
        ) from None
