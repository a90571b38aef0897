"""Whether ruff, which knows no code of ours, would take our ``noqa`` comments away (WFC908)."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

_FILES: Final = (
    (".ruff.toml", ()),
    ("ruff.toml", ()),
    ("pyproject.toml", ("tool", "ruff")),
)
"""Where ruff looks for its settings; the first file that has any wins."""


def unaware_settings(root: Path) -> Path | None:
    """Give the file of ruff's settings at `root` that does not list our codes as external."""
    for name, keys in _FILES:
        table = _table(root / name, keys)
        if table is None:
            continue
        lint = table.get("lint", {})
        external = [*table.get("external", ()), *(lint.get("external", ()) if lint else ())]
        knows = any(isinstance(one, str) and one and "WFC".startswith(one) for one in external)
        return None if knows else root / name
    return None


def _table(path: Path, keys: tuple[str, ...]) -> dict[str, Any] | None:
    try:
        table: Any = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table if isinstance(table, dict) else None
