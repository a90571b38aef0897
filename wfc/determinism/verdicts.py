"""The words of the table of effects: verdicts, reasons, a row, and what a project adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Verdict(StrEnum):
    """What workflow code may do with a name."""

    PURE = "pure"
    SHIM = "shim"
    REFUSED = "refused"


class Reason(StrEnum):
    """Why a name is refused, or what its shim replaces."""

    CLOCK = "clock"
    RANDOM = "random"
    NETWORK = "network"
    DISK = "disk"
    PROCESS = "process"
    THREAD = "thread"
    ENVIRONMENT = "environment"
    ADDRESS = "address"
    ORDER = "order"
    STATE = "state"
    REFLECTION = "reflection"
    UNKNOWN = "unknown"


CODES: Final[Mapping[Reason, str]] = {
    Reason.NETWORK: "WFC201",
    Reason.DISK: "WFC202",
    Reason.PROCESS: "WFC203",
    Reason.THREAD: "WFC204",
    Reason.RANDOM: "WFC205",
    Reason.ENVIRONMENT: "WFC206",
    Reason.CLOCK: "WFC207",
    Reason.ADDRESS: "WFC311",
    Reason.REFLECTION: "WFC230",
    Reason.ORDER: "WFC310",
    Reason.STATE: "WFC331",
    Reason.UNKNOWN: "WFC220",
}
"""The diagnostic of a refused name, by reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The verdict on a dotted name and everything below it.

    `followed` marks a first-party name: it is not judged here, its own code is.
    """

    name: str
    verdict: Verdict
    reason: Reason | None = None
    instead: str = ""
    code: str = ""  # the diagnostic, if another than that of the reason
    followed: bool = False

    @property
    def diagnostic(self) -> str:
        """Give the code of the diagnostic that a use of a refused name is."""
        return self.code or (CODES[self.reason] if self.reason else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What `[tool.wfc]` adds to the table; part of every version."""

    packages: tuple[str, ...] = ()  # first party
    pure: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()  # variables that workflow code may read
    renamed: tuple[tuple[str, str], ...] = ()  # modules, old and new name


NO_RULES: Final = Rules()
