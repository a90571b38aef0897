"""Which codes are wanted: selected and ignored prefixes, the longer one wins."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from wfc.diagnostics import CATALOGUE
from wfc.errors import UnknownCode

EVERYTHING: Final = "WFC"
_NEAR: Final = 0.6


@dataclass(frozen=True, slots=True)
class Selection:
    """Prefixes of codes. A rule that is off by default must be selected by its whole code."""

    select: tuple[str, ...] = (EVERYTHING,)
    ignore: tuple[str, ...] = ()

    def wants(self, code: str) -> bool:
        """Tell whether findings of `code` are to be reported."""
        if CATALOGUE[code].off and code not in self.select:
            return False
        return _longest(code, self.select) > _longest(code, self.ignore)

    def wants_any(self, codes: tuple[str, ...]) -> bool:
        """Tell whether a rule that may report `codes` is to be run."""
        return any(map(self.wants, codes))


def known_codes(words: tuple[str, ...]) -> tuple[str, ...]:
    """Give codes and prefixes as they were meant, in capitals.

    Raises `UnknownCode`, with the nearest ones, for what begins no code.
    """
    found = []
    for word in words:
        code = word.strip().upper()
        if not any(known.startswith(code) for known in CATALOGUE) or not code:
            near = _nearest(code)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            raise UnknownCode(f"no diagnostic has the code {word!r}.{hint}")
        found.append(code)
    return tuple(found)


def _nearest(code: str) -> list[str]:
    """Give codes that resemble one that does not exist, those of its family first."""
    near = get_close_matches(code, CATALOGUE, n=len(CATALOGUE), cutoff=_NEAR)
    return sorted(near, key=lambda one: one[:4] != code[:4])[:3]


def _longest(code: str, prefixes: tuple[str, ...]) -> int:
    return max((len(one) for one in prefixes if code.startswith(one)), default=0)
