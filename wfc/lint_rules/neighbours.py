"""What a file is when nobody says: its dotted name, and the settings and packages around it."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from wfc.compiler.project import Project
from wfc.determinism import Rules
from wfc.ids import ModuleName

_ROOTS: Final = ("pyproject.toml", "setup.py", "setup.cfg", ".git")


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
    """Give the nearest folder with settings of ours, or else the nearest that looks like the root
    of a project, whose packages are first party without a word.
    """
    looks_like_one: Path | None = None
    for folder in (start, *start.parents):
        if (folder / "wfc.toml").is_file():
            return folder
        try:
            text = (folder / "pyproject.toml").read_text("utf-8", errors="replace")
        except OSError:
            text = ""
        if "[tool.wfc" in text:
            return folder
        if looks_like_one is None and any((folder / name).exists() for name in _ROOTS):
            looks_like_one = folder
    return looks_like_one
