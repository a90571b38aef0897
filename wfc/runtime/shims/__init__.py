"""What workflow code gets in the place of names that a replay could not reproduce.

Shims keep no state: they read the run from a context variable, and act as the real thing
outside of runs. `SHIMS` maps dotted names to them, and `SWAPPED` the identity of classes that
class bodies need to see as they are (pydantic and dataclasses look at them), so they are
replaced after loading.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wfc.runtime.shims import ambient, asynchronous, clock, lines, randomness

SHIMS: Final[Mapping[str, Any]] = {
    **clock.SHIMS,
    **randomness.SHIMS,
    **asynchronous.SHIMS,
    **ambient.SHIMS,
    **lines.SHIMS,
}
SWAPPED: Final[Mapping[str, tuple[Any, Any]]] = {**clock.SWAPPED, **ambient.SWAPPED}
"""By dotted name: the real class and the one that takes its place after loading."""
