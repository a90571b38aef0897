"""How much an edit means for runs in flight, and the sentences that say why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wfc.diagnostics import Link, Place


class Level(StrEnum):
    """What a comparison of two manifests proves, from harmless to hopeless."""

    IDENTICAL = "identical"  # the same fingerprint
    COMPATIBLE = "compatible"  # proven for every history
    REPLAY = "replay"  # the history decides
    IF_RECORDED = "if_recorded"  # runs that recorded the operation do not move, others replay
    BREAKING = "breaking"  # no run moves

    def __lt__(self, other: object) -> bool:
        """Order by how much is lost."""
        if not isinstance(other, Level):
            return NotImplemented
        return _ORDER.index(self) < _ORDER.index(other)

    # All four, since `StrEnum` brings those of text.
    def __le__(self, other: object) -> bool:
        """Order likewise."""
        return self == other or self < other

    def __gt__(self, other: object) -> bool:
        """Order likewise."""
        return isinstance(other, Level) and other < self

    def __ge__(self, other: object) -> bool:
        """Order likewise."""
        return self == other or self > other


_ORDER: Final = tuple(Level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a run may not move, or what a reviewer should know: a code, a sentence, and where.

    `old_span` stands in the text of the old version, `new_span` in that of the new one; `event` is
    the position in a run's log, if the reason is about one; `chain` leads from the workflow to what
    has changed, if it stands elsewhere.
    """

    code: str
    sentence: str
    old_span: Place | None = None
    new_span: Place | None = None
    event: int | None = None
    chain: tuple[Link, ...] = ()
