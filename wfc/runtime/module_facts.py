"""What Python tells a module about itself and no two machines agree on: `__file__` and the like.

Workflow code finds an object under these names that can be named and not used, so that the guard
speaks where the compiler speaks. Where somebody has decided that it is safe, it is the path.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any, Final

from wfc import abi
from wfc.determinism import Entry
from wfc.runtime import refusals

PLACES: Final = ("__file__", "__path__", "__cached__", "__spec__", "__loader__")


class ModuleFact:
    """Stands for one of them."""

    __slots__ = ("_entry", "_name")

    def __init__(self, name: str, entry: Entry) -> None:
        """Stand for `name`, on which the table says `entry`."""
        self._name = name
        self._entry = entry

    def _real(self) -> Any:
        """Refuse; or give what an ordinary module would hold, where it is allowed."""
        refusals.refuse_entry(self._name, self._entry)
        frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - who asks
        while frame is not None and abi.NAME not in frame.f_globals:
            frame = frame.f_back
        if frame is None or self._name != "__file__":
            raise NameError(f"name {self._name!r} is not defined")
        return frame.f_code.co_filename

    def __getattr__(self, name: str) -> Any:
        """Refuse."""
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return getattr(self._real(), name)

    def __fspath__(self) -> str:
        """Refuse."""
        return str(self._real())

    def __str__(self) -> str:
        """Refuse."""
        return str(self._real())

    def __format__(self, spec: str) -> str:
        """Refuse."""
        return format(self._real(), spec)

    def __eq__(self, other: object) -> bool:
        """Refuse."""
        return bool(self._real() == other)

    def __hash__(self) -> int:
        """Refuse."""
        return hash(self._real())

    def __add__(self, other: Any) -> Any:
        """Refuse."""
        return self._real() + other

    def __radd__(self, other: Any) -> Any:
        """Refuse."""
        return other + self._real()

    def __getitem__(self, key: Any) -> Any:
        """Refuse."""
        return self._real()[key]

    def __len__(self) -> int:
        """Refuse."""
        return len(self._real())

    def __contains__(self, item: Any) -> bool:
        """Refuse."""
        return item in self._real()
