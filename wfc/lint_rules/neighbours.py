"""What a file is when nobody says: its dotted name, and the settings and packages around it."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from wfc.compiler.project import Project
from wfc.determinism import Rules
from wfc.ids import ModuleName


def module_name(path: Path) -> ModuleName:
    """Give the name under which a file would be imported, by the `__init__.py` files above it."""
    parts = [] if path.stem == "__init__" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ModuleName(".".join(parts) or path.parent.name)


def rules_around(path: Path, config: Path | None = None) -> Rules:
    """Give the verdicts on names that hold for a file: of its settings, with the packages beside it
    as first party.

    `config` names the file of settings; else the nearest `wfc.toml` or `[tool.wfc]` upward counts.
    """
    folder = path.parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return _rules_at(folder, config)


@lru_cache(maxsize=256)
def _rules_at(base: Path, config: Path | None) -> Rules:
    root = config.parent if config is not None else _settings_folder(base)
    beside = _packages_at(base)
    rules = Rules() if root is None else Project.at(root).rules
    return replace(rules, packages=tuple(dict.fromkeys((*rules.packages, *beside))))


@lru_cache(maxsize=256)
def _packages_at(base: Path) -> tuple[str, ...]:
    return Project.discover(base, source=(".",)).packages


def _settings_folder(start: Path) -> Path | None:
    for folder in (start, *start.parents):
        if (folder / "wfc.toml").is_file():
            return folder
        try:
            if "[tool.wfc" in (folder / "pyproject.toml").read_text("utf-8", errors="replace"):
                return folder
        except OSError:
            continue
    return None
