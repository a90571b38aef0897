"""JSON as RFC 8259 has it and no more, so that what is recorded is what was meant.

Python's own reader takes NaN, the last of two equal keys, halves of characters and any depth; each
of these would be recorded as something else than what was sent, or not at all.
"""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

from wfc.runtime.webhook_door import Refusal

DEPTH_MAX: Final = 64
_OPENING: Final = frozenset("[{")
_CLOSING: Final = frozenset("]}")


def loads(data: bytes) -> Any:
    """Read JSON in UTF-8. Raises `Refusal` (400), naming line and column where it can."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise malformed(f"The body is not UTF-8: byte {error.start}.") from None
    _check_depth(text)
    try:
        found = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise malformed(f"The body is not JSON: {error.msg}, {where}.") from None
    except ValueError as error:  # a number of more digits than Python reads
        raise malformed(f"The body is not JSON that can be kept: {error}.") from None
    _check_text(found)
    return found


def malformed(detail: str) -> Refusal:
    """Refuse a request that cannot be read."""
    return Refusal(status=400, code="bad-request", title="It cannot be read", detail=detail)


def _check_depth(text: str) -> None:
    """Refuse what is nested too deep, before a reader recurses into it."""
    depth, quoted, escaped = 0, False, False
    for letter in text:
        if quoted:
            quoted = escaped or letter != '"'
            escaped = letter == "\\" and not escaped
        elif letter == '"':
            quoted = True
        elif letter in _OPENING:
            depth += 1
            if depth > DEPTH_MAX:
                raise malformed(f"The body is nested more than {DEPTH_MAX} deep.")
        elif letter in _CLOSING:
            depth -= 1


def _no_constant(name: str) -> NoReturn:
    raise malformed(f"JSON has no {name}.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # add gives None
        raise malformed(f"The key {twice!r} stands twice in one object.")
    return found


def _check_text(value: Any) -> None:
    """Refuse text that no UTF-8 can hold: half of a surrogate pair, escaped, is JSON."""
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            stack += one.keys()
            stack += one.values()
        elif isinstance(one, list):
            stack += one
        elif isinstance(one, str) and not one.isascii():
            try:
                one.encode()
            except UnicodeEncodeError:
                raise malformed("A text holds half of a character (a lone surrogate).") from None
