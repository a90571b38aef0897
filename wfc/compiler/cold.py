"""What the import hook does when a module is not in its cache: the compiler, on one module."""

from __future__ import annotations

import ast
import types
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from wfc import directives
from wfc.abi import NAME
from wfc.compiler import cache, findings
from wfc.compiler.compile import write_module
from wfc.compiler.effect_library import Library
from wfc.compiler.facts import ModuleFacts
from wfc.compiler.gather_effects import Effects, gather_effects
from wfc.compiler.project import Project, decoded
from wfc.compiler.sources import Sources
from wfc.diagnostics import Diagnostic
from wfc.ids import ModuleName
from wfc.manifests.bundle import Bundle
from wfc.manifests.refusals import insert_refusals

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Module)


class ColdCompiler:
    """Compiles modules of one project to step code."""

    def __init__(self, root: Path, packages: Sequence[str], *, strict: bool) -> None:
        """Serve the project at `root`; `packages` are first party besides its own."""
        found = Project.at(root)
        every = tuple(sorted({*found.packages, *packages}))
        self.project = replace(found, packages=every, rules=replace(found.rules, packages=every))
        self.strict = strict

    def compile(
        self, module: str, path: str, data: bytes
    ) -> tuple[types.CodeType, tuple[cache.Dependency, ...]]:
        """Give the code of a step bundle, and the files it was judged by.

        Raises `CompileError` with every finding; SyntaxError as Python itself would.
        """
        name = ModuleName(module)
        sources = Sources(self.project)
        source = self.project.decode(Path(path), name, data)
        if isinstance(source, Diagnostic):
            return _plain(data, path), ()
        sources.put(source)
        gathered = sources.gather(name)
        if gathered is None or any(one.code == "WFC910" for one in gathered.facts.findings):
            return _plain(data, path), ()  # raises what Python raises
        effects = self._judge(gathered.facts, sources) if self.strict else None
        compiled = write_module(
            source,
            gathered,
            reached=effects.reached.get(name, ()) if effects is not None else (),
            findings=effects.diagnostics if effects is not None else (),
        )
        if compiled.step is None:
            raise findings.compile_error(compiled.diagnostics, sources.texts())
        dependencies = self._dependencies(name, effects, sources)
        if not gathered.facts.definitions:
            return _plain(data, path), dependencies
        return self_contained(compiled.step, path), dependencies

    def _judge(self, facts: ModuleFacts, sources: Sources) -> Effects:
        library = Library(sources.facts, sources.source, self.project.rules)
        return gather_effects([facts], library)

    def _dependencies(
        self, module: ModuleName, effects: Effects | None, sources: Sources
    ) -> tuple[cache.Dependency, ...]:
        found: list[cache.Dependency] = []
        reached = effects.reached if effects is not None else {}
        # Units were made of what lies behind star imports: a new name there may hide another one.
        for name in sorted({*reached, *sources.units}):
            source = sources.source(name)
            if name != module and source is not None:
                data = cache.read_or_none(source.filename)
                if data is not None:
                    found.append((source.filename, cache.digest(data)))
        return tuple(found)


def self_contained(bundle: Bundle, filename: str) -> types.CodeType:
    """Make the code of a step bundle that brings its own `__wfc__` under the bundle's name.

    So it runs wherever a module's code runs: at import, by `runpy`, as `__main__`. The two
    statements stand behind docstring and future imports and take no line of their own.
    """
    tree = insert_refusals(ast.parse(bundle.text, filename), bundle)
    opening = ast.parse(
        f"from wfc.abi import Bundle as {NAME}\n{NAME} = {NAME}({bundle.module!r}, globals())"
    ).body
    at = _after_header(tree)
    line = tree.body[at].lineno if at < len(tree.body) else 1
    for statement in opening:
        for node in ast.walk(statement):
            if hasattr(node, "lineno"):
                node.lineno = node.end_lineno = line  # type: ignore[attr-defined]
                node.col_offset = node.end_col_offset = 0  # type: ignore[attr-defined]
    tree.body[at:at] = opening
    code = compile(tree, filename, "exec", dont_inherit=True)
    assert isinstance(code, types.CodeType)
    return code


def holds_directive(data: bytes) -> bool:
    """Tell whether a file holds a directive where one counts."""
    try:
        tree = ast.parse(decoded(data))
    except (SyntaxError, ValueError, LookupError, RecursionError):
        return False
    return any(
        directives.KINDS.get(_text(statement)) is not None
        for node in ast.walk(tree)
        if isinstance(node, _FUNCTIONS)
        for statement in node.body[:3]
    )


def _text(statement: ast.stmt) -> str:
    match statement:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return text
    return ""


def _after_header(tree: ast.Module) -> int:
    """Give the index of the first statement behind docstring and future imports."""
    for index, statement in enumerate(tree.body):
        is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        is_future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        if not is_text and not is_future:
            return index
    return len(tree.body)


def _plain(data: bytes, path: str) -> types.CodeType:
    code = compile(data, path, "exec", dont_inherit=True)
    assert isinstance(code, types.CodeType)
    return code
