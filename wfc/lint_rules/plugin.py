"""The plugin for flake8 (7 and newer): each file alone, by the settings of the project around it.

    [flake8]
    extend-select = WFC350          # a rule that is off by default
    wfc-packages = app, lib         # first party, besides what stands in [tool.wfc]

flake8 obeys ``# noqa`` and its own selections; the comments ``# wfc: allow[...]`` are obeyed here.
"""

from __future__ import annotations

import ast
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, Final

from wfc.compiler.facts import ModuleSource
from wfc.diagnostics import CATALOGUE, Severity
from wfc.lint_rules.engine import Options, check
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.neighbours import module_name, rules_around
from wfc.lint_rules.registry import rules
from wfc.lint_rules.selection import EVERYTHING, Selection

_STDIN: Final = frozenset({"stdin", "-", "(none)"})


class Plugin:
    """What flake8 makes for each file."""

    name = "wfc"
    version = version("wfc-durable")
    packages: ClassVar[tuple[str, ...]] = ()
    pure: ClassVar[tuple[str, ...]] = ()
    config: ClassVar[Path | None] = None
    selection: ClassVar[Selection] = Selection()

    def __init__(self, tree: ast.Module, lines: Sequence[str], filename: str) -> None:
        """Take what flake8 has read."""
        self.lines = lines
        self.filename = filename
        self.tree = tree

    @classmethod
    def add_options(cls, manager: Any) -> None:
        """Declare the options, and which rules are off."""
        manager.add_option(
            "--wfc-packages",
            comma_separated_list=True,
            parse_from_config=True,
            default=[],
            help="First-party packages, besides `packages` of [tool.wfc].",
        )
        manager.add_option(
            "--wfc-pure",
            comma_separated_list=True,
            parse_from_config=True,
            default=[],
            help="Names that workflow code may call, besides `pure` of [tool.wfc].",
        )
        manager.add_option(
            "--wfc-config",
            normalize_paths=True,
            parse_from_config=True,
            default="",
            help="The file of settings (default: the nearest with [tool.wfc], upward).",
        )
        manager.extend_default_ignore(sorted(code for code in _file_codes() if _is_off(code)))

    @classmethod
    def parse_options(cls, options: Namespace) -> None:
        """Remember the options; a rule that is off is run only if flake8 would print it."""
        cls.packages = tuple(options.wfc_packages)
        cls.pure = tuple(options.wfc_pure)
        cls.config = Path(options.wfc_config).resolve() if options.wfc_config else None
        cls.selection = Selection(select=(EVERYTHING, *_named(options)))

    def run(self) -> Iterator[tuple[int, int, str, type]]:
        """Give line, column and text of each finding."""
        text = "".join(self.lines).replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
        path = Path.cwd() / ("stdin.py" if self.filename in _STDIN else self.filename)
        source = ModuleSource(
            name=module_name(path),
            path=self.filename,
            filename=str(path),
            text=text,
            sha256="",
            is_package=path.name == "__init__.py",
        )
        options = Options(selection=self.selection, noqa=False, ask=lambda: self._rules(path))
        for one in check(source, None, options, tree=self.tree):
            if one.severity is Severity.INFO and one.code not in self.selection.select:
                continue  # flake8 knows no severity: a note would fail its run
            yield one.place.line, _column(text, one), f"{one.code} {_sentence(one)}", type(self)

    def _rules(self, path: Path) -> Any:
        found = rules_around(path, self.config)
        return replace(
            found,
            packages=tuple(dict.fromkeys((*found.packages, *self.packages))),
            pure=tuple(dict.fromkeys((*found.pure, *self.pure))),
        )


def _file_codes() -> frozenset[str]:
    return frozenset(code for one in rules() if not one.project for code in one.codes)


def _is_off(code: str) -> bool:
    return CATALOGUE[code].off


def _named(options: Namespace) -> Iterator[str]:
    """Give the codes that the options of flake8 name whole. Rules that are off need that: by prefix
    flake8 would turn all of them on, also where only its list of ignored codes was replaced.
    """
    for word in ("select", "extend_select", "enable_extensions"):
        for code in getattr(options, word, None) or ():
            if code in CATALOGUE:
                yield code


def _column(text: str, finding: Finding) -> int:
    """Give the column in characters from 0: flake8 adds one when it prints."""
    line = text.split("\n")[finding.place.line - 1]
    if line.isascii():
        return finding.place.column
    return len(line.encode()[: finding.place.column].decode(errors="ignore"))


def _sentence(finding: Finding) -> str:
    """Give sentence and advice on one line: flake8 prints no more."""
    advice = f" -> {finding.told.fix}" if finding.told.fix else ""
    return " ".join((finding.told.sentence + advice).split())
