"""The markers that a manifest's text knows, without reading it whole where there are none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

_MARKED: Final = '"changes": [\n'


@lru_cache(maxsize=64)
def changes_in(manifest: str) -> Mapping[str, tuple[str, ...]]:
    """Read the markers that each workflow of a manifest knows; most know none."""
    if _MARKED not in manifest:
        return {}
    workflows = json.loads(manifest).get("workflows", {})
    return {name: tuple(one.get("changes", ())) for name, one in workflows.items()}
