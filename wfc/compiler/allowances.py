"""`# wfc: allow[WFC201] reason`: a decision that linter, compiler and guard obey."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from wfc.compiler.agent_effects import EFFECTS
from wfc.compiler.facts import ModuleSource
from wfc.diagnostics import Diagnostic, Place, diagnostic
from wfc.manifests.bundle import Exemption

_ALLOW: Final = re.compile(r"#\s*wfc:\s*allow\[([^\]]*)\]\s*(.*)")
_WITH_HEADER: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
JUDGED: Final = frozenset(
    {"WFC123", "WFC124", "WFC134", "WFC301", "WFC311", "WFC321", "WFC331"}
    | {"WFC701", "WFC702", "WFC703", "WFC707", "WFC708", "WFC717"}
)
"""Codes that effects have besides those of family 2."""
_IN_AGENTS: Final = frozenset({"WFC707", "WFC708", "WFC717"})
"""Codes by which the compiler tells of effects in an agent's code; the guard knows the effects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """One comment: the codes it exempts, why, and where it stands."""

    codes: frozenset[str]
    reason: str
    place: Place


class Allowances:
    """The comments of all modules that findings were asked of, and which of them were used."""

    def __init__(self, source: Callable[[str], ModuleSource | None]) -> None:
        """Read comments from what `source` gives."""
        self.source = source
        self.modules: dict[str, dict[int, Allowance]] = {}
        self.headers: dict[str, dict[str, range]] = {}
        self.used: set[Allowance] = set()

    def of(self, module: str, code: str, line: int, function: str) -> Allowance | None:
        """Find the comment that exempts `code` on `line`, or on the `def` around it."""
        comments = self._comments(module)
        if not comments:
            return None
        for one in (line, *self._header(module, function)):
            found = comments.get(one)
            if found is not None and code in found.codes:
                self.used.add(found)
                return found
        return None

    def findings(
        self, modules: Iterable[str], *, judged: Callable[[str], bool] | None = None
    ) -> Iterator[Diagnostic]:
        """Report comments without a reason (WFC132), and those that exempt nothing (WFC133).

        `judged` tells of which codes all faults were asked for: those of effects, or others.
        """
        asked = judged or is_judged
        for module in sorted(modules):
            for comment in self._comments(module).values():
                if not comment.reason:
                    yield diagnostic(
                        "WFC132", comment.place, "the exemption says no reason; say why it is safe"
                    )
                if comment not in self.used and all(map(asked, comment.codes)):
                    yield diagnostic(
                        "WFC133",
                        comment.place,
                        f"nothing on this line is {' or '.join(sorted(comment.codes))}",
                    )

    def _comments(self, module: str) -> dict[int, Allowance]:
        if module not in self.modules:
            source = self.source(module)
            self.modules[module] = dict(_read(source)) if source is not None else {}
        return self.modules[module]

    def _header(self, module: str, function: str) -> range:
        """Give the lines of the `def` of a function, from its decorators to its colon."""
        if module not in self.headers:
            source = self.source(module)
            tree = ast.parse(source.text) if source is not None else ast.Module([], [])
            self.headers[module] = dict(_headers(tree, ""))
        return self.headers[module].get(function, range(0))


def exemptions_of(source: ModuleSource, tree: ast.Module) -> Iterator[Exemption]:
    """Give the lines on which the guard at run time lets pass what a comment exempts.

    Those are the line of the comment, with what begins there and goes on below, and the whole of a
    function on whose ``def`` the comment stands.
    """
    comments = dict(_read(source))
    if not comments:
        return
    ends: dict[int, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, _WITH_HEADER):
            end = node.end_lineno or node.lineno
            ends.update((line, max(ends.get(line, 0), end)) for line in _header_lines(node))
        elif isinstance(node, ast.expr):
            ends[node.lineno] = max(ends.get(node.lineno, 0), node.end_lineno or node.lineno)
    for line, comment in sorted(comments.items()):
        codes = comment.codes | (EFFECTS if comment.codes & _IN_AGENTS else frozenset())
        for code in sorted(codes):
            yield Exemption(code=code, line=line, end_line=max(line, ends.get(line, line)))


def is_judged(code: str) -> bool:
    """Tell whether `code` is one that the analysis of effects decides."""
    return code.startswith("WFC2") or code in JUDGED


def _read(source: ModuleSource) -> Iterator[tuple[int, Allowance]]:
    if not _ALLOW.search(source.text):
        return
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        match = _ALLOW.match(token.string) if token.type == tokenize.COMMENT else None
        if match is None:
            continue
        line, column = token.start
        column = len(token.line[:column].encode())
        place = Place(source.path, line, column, line, column + len(token.string.encode()))
        codes = frozenset(code.strip() for code in match[1].split(",") if code.strip())
        yield line, Allowance(codes=codes, reason=match[2].strip(), place=place)


def _headers(node: ast.AST, path: str) -> Iterator[tuple[str, range]]:
    for inner in ast.iter_child_nodes(node):
        name = path
        if isinstance(inner, _WITH_HEADER):
            name = f"{path}.{inner.name}" if path else inner.name
            yield name, _header_lines(inner)
        yield from _headers(inner, name)


def _header_lines(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> range:
    """Give the lines from the decorators to the colon."""
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    return range(first, node.body[0].lineno)
