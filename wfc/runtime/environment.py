"""What workflow code may read of the machine: captured when a run or chapter begins, then
recorded.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from wfc.determinism import Rules

PLATFORM: Final = (
    "system", "release", "version", "machine", "processor", "node",
    "python_version", "python_implementation",
)  # fmt: skip
"""The functions of `platform` that are recorded, as ``platform.system`` and so on."""
_PLATFORM_VALUES: Final[dict[str, str]] = {}
PUBLIC_URL: Final = "wfc.public_url"


def capture(rules: Rules, public_url: str | None = None) -> Mapping[str, str]:
    """Give the environment for `run_created`: the listed variables, platform values, public URL."""
    if not _PLATFORM_VALUES:
        # Some of these start a process; they cannot change while this one lives.
        _PLATFORM_VALUES.update(
            {f"platform.{name}": str(getattr(platform, name)()) for name in PLATFORM}
        )
    captured = {name: os.environ[name] for name in rules.environment if name in os.environ}
    captured |= _PLATFORM_VALUES
    if public_url is not None:
        captured[PUBLIC_URL] = public_url
    return _shared(tuple(captured.items()))


@lru_cache(16)
def _shared(captured: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    """Give one mapping to all runs that begin in the same environment: they may be many."""
    return dict(captured)
