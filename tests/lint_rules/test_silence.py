"""Silence on code that is none of ours: every file of every installed package and of Python."""

from __future__ import annotations

import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from wfc.compiler.scan import read_source
from wfc.ids import ModuleName
from wfc.lint_rules import engine
from wfc.lint_rules.engine import Options, check
from wfc.lint_rules.registry import rules
from wfc.lint_rules.selection import Selection

_SAMPLE = 40
"""Every how many files one is looked at as if it were ours."""
_NOT_OURS = frozenset({"wfc", "examples"})


def _files() -> Iterator[Path]:
    for name in ("purelib", "stdlib"):
        folder = Path(sysconfig.get_path(name))
        for path in sorted(folder.rglob("*.py")):
            inside = path.relative_to(folder).parts
            if not _NOT_OURS & set(inside) and (name != "stdlib" or "site-packages" not in inside):
                yield path


def _told(path: Path, options: Options) -> list[str]:
    source = read_source(ModuleName(path.stem), path.name, str(path), path.read_bytes())
    return [f"{path}:{one.place.line} {one.code}" for one in check(source, None, options)]


def test_nothing_is_found_in_packages() -> None:
    """They hold no directive, so whatever is found is a false alarm."""
    files = list(_files())
    assert len(files) > 1000
    assert [one for path in files for one in _told(path, Options()) if "WFC910" not in one] == []


def test_rules_stumble_over_no_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """All rules, the hints too, over code of all kinds; what has no workflow has no finding."""
    monkeypatch.setattr(engine, "_concerns", lambda *_: True)
    everything = Options(selection=Selection(select=("WFC", *engine_codes())))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old code holds odd escapes
        told = [one for path in list(_files())[::_SAMPLE] for one in _told(path, everything)]
    assert [one for one in told if "WFC910" not in one] == []


def engine_codes() -> tuple[str, ...]:
    """Give the codes of all rules, so that those that are off are run."""
    return tuple(code for one in rules() for code in one.codes)
