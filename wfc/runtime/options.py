"""What callers give beside arguments: each option is refused by name, value and accepted forms."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Final

from wfc import ids
from wfc.durations import Duration, wake_at_us
from wfc.errors import OptionInvalid
from wfc.eventlog.event import Scalar
from wfc.runtime.attributes import check_attributes

REASON_MAX: Final = 16 * 1024
"""How many bytes a reason may have, as the message of an error."""


def check_text(name: str, value: object) -> None:
    """Refuse what is no text. Raises `OptionInvalid`."""
    if value is not None and not isinstance(value, str):
        raise refused(name, value, f"is {_kind(value)}, and a text is wanted")


def check_reason(value: object) -> None:
    """Refuse what is no reason for a log: no text, half a character, or too long.

    Raises `OptionInvalid`.
    """
    check_text("reason", value)
    if not isinstance(value, str):
        return
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise refused(
            "reason", value, "holds half of a character (a lone surrogate), which no log can keep"
        ) from None
    if size > REASON_MAX:
        raise refused("reason", value, f"has {size:,} bytes, and {REASON_MAX:,} are allowed")


def check_ids(name: str, value: object) -> None:
    """Refuse what is no list of ids. Raises `OptionInvalid`."""
    if value is None:
        return
    if isinstance(value, str | bytes) or not isinstance(value, Collection):
        raise refused(name, value, 'is no list of ids. Give one, as ["id"]')
    for one in value:
        check_text(name, one)


def check_run_id(name: str, value: object) -> None:
    """Refuse what cannot name a run. Raises `OptionInvalid`."""
    check_text(name, value)
    if isinstance(value, str) and not ids.is_run_id(value):
        raise refused(
            name, value, "cannot name a run: 1 to 200 letters, digits and . _ : - are allowed"
        )


def check_number(name: str, value: object, least: int, most: int) -> None:
    """Refuse what is no whole number between bounds. Raises `OptionInvalid`."""
    if not isinstance(value, int) or isinstance(value, bool):
        wanted = f"a whole number from {least} to {most} is wanted"
        raise refused(name, value, f"is {_kind(value)}, and {wanted}")
    if not least <= value <= most:
        raise refused(name, value, f"is out of bounds: {least} to {most} are allowed")


def check_instant(name: str, value: object) -> None:
    """Refuse what names no instant. Raises `OptionInvalid`."""
    if value is None:
        return
    form = "for example `datetime.now(UTC) - timedelta(hours=1)`"
    if not isinstance(value, datetime):
        raise refused(name, value, f"is {_kind(value)}, and an aware datetime is wanted, {form}")
    if value.utcoffset() is None:
        raise refused(
            name, value, f"has no time zone, so it names no instant. Give an aware datetime, {form}"
        )


def check_duration(name: str, value: Duration | None, now_us: int = 0) -> None:
    """Refuse what is no duration, or one beyond the calendar. Raises `OptionInvalid`."""
    if isinstance(value, datetime):
        raise refused(name, value, "is an instant, and a duration is wanted")
    if value is not None:
        _named(name, value, lambda: wake_at_us(value, now_us))


def check_given_attributes(name: str, value: object) -> Mapping[str, Scalar]:
    """Refuse what no attributes of a run may be. Raises `OptionInvalid`, `LimitExceeded`."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        form = "a mapping of names to text, numbers or truth values"
        raise refused(name, value, f"is {_kind(value)}, and {form} is wanted")
    _named(name, value, lambda: check_attributes(value, limit=len(value)))
    return dict(value)


def _named(name: str, value: object, check: Callable[[], object]) -> None:
    try:
        check()
    except (ValueError, TypeError) as problem:
        raise OptionInvalid(f"`{name}` = {_shown(value)}: {problem}") from None


def refused(name: str, value: object, why: str) -> OptionInvalid:
    """Say what is wrong with an option."""
    return OptionInvalid(f"`{name}` = {_shown(value)} {why}.")


def _kind(value: object) -> str:
    return "None" if value is None else f"of the type {type(value).__qualname__}"


def _shown(value: object, longest: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= longest else f"{text[:longest]}..."
