"""Facts about a world that belong to no single run: who changed what, by what way, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wfc.eventlog.event import Channel, Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A fact to be kept. `action` is ``noun.verbed``; the details never hold payloads."""

    action: str
    actor: str | None = None
    channel: Channel = Channel.RUNTIME
    details: Mapping[str, Scalar | None] = field(default_factory=dict)


def added(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Add the numbers of two facts; of what is no number the second one's stands."""
    sums = {
        name: one[name] + value
        for name, value in other.items()
        if type(value) in {int, float} and type(one.get(name)) in {int, float}
    }
    return {**one, **other, **sums}


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A fact that is kept; `number` grows, and `at` is the world's clock when it was written."""

    number: int
    at: int
    note: Note


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which facts to list; None means any. `since` is included, `until` is not."""

    action: str | None = None
    actor: str | None = None
    since: int | None = None
    until: int | None = None
