"""Compute the fingerprints of the golden vectors; also run by itself, on any Python.

`python -m tests.golden.fingerprints [--write]` prints one line a vector; `--write` adds the hash of
vectors that have none. A hash once written is never changed: it names what runs in flight mean.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from wfc.ids import DefinitionId
from wfc.manifests.bundle import Entry, Parameter, Signature, Span
from wfc.manifests.fingerprint import Library, Unit, fingerprint

FOLDER = Path(__file__).parent / "hash"
_KINDS = {"use step": "step", "use workflow": "workflow"}


def vectors() -> list[Path]:
    """List the vectors that this Python can parse: `py312_*` needs 3.12, and so on."""
    return [
        path for path in sorted(FOLDER.glob("*.py")) if needed(path.name) <= sys.version_info[:2]
    ]


def needed(name: str) -> tuple[int, int]:
    """Give the Python that a vector needs, by its name."""
    head = name.partition("_")[0]
    return (3, int(head.removeprefix("py3"))) if head.startswith("py3") else (3, 11)


def fingerprint_of(text: str, workflow: str = "flow", **others: str) -> str:
    """Give the fingerprint of a workflow of the module `vector`, beside `others`."""
    return fingerprint(DefinitionId(f"vector:{workflow}"), library_of(vector=text, **others))


def library_of(**texts: str) -> Library:
    """Make a library of module texts; `__` in a name is a dot."""
    units = {}
    for name, text in texts.items():
        module = name.replace("__", ".")
        is_package = any(other.startswith(f"{name}__") for other in texts)
        units[module] = Unit(module, ast.parse(text), is_package)
    entries = {
        entry.id: entry
        for module, unit in units.items()
        for entry in entries_of(module, unit.tree.body, "")
    }
    return Library(units.get, entries)


def entries_of(module: str, body: list[ast.stmt], path: str) -> Iterator[Entry]:
    """Find marked functions as plainly as can be: the compiler has tests of its own."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from entries_of(module, node.body, f"{path}{node.name}.")
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from entries_of(module, node.body, f"{path}{node.name}.")
            kind = next(filter(None, map(_directive, node.body[:2])), None)
            if kind is not None:
                qualname = f"{path}{node.name}"
                yield Entry(
                    id=DefinitionId(f"{module}:{qualname}"),
                    qualname=qualname,
                    kind=kind,
                    is_async=isinstance(node, ast.AsyncFunctionDef),
                    docstring=None,
                    signature=_signature(node),
                    span=Span(node.lineno, 0, node.lineno, 0),
                )


def _directive(statement: ast.stmt) -> str | None:
    match statement:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return _KINDS.get(text)
    return None


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Signature:
    arguments = node.args
    defaults = len(arguments.defaults)
    positional = [*arguments.posonlyargs, *arguments.args]
    parameters = [
        Parameter(
            name=one.arg,
            kind="POSITIONAL_OR_KEYWORD",
            annotation=ast.unparse(one.annotation) if one.annotation else None,
            default="..." if index >= len(positional) - defaults else None,
        )
        for index, one in enumerate(positional)
    ]
    parameters += [
        Parameter(
            name=one.arg,
            kind="KEYWORD_ONLY",
            annotation=ast.unparse(one.annotation) if one.annotation else None,
            default=None if default is None else "...",
        )
        for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    returns = ast.unparse(node.returns) if node.returns else None
    return Signature(parameters=tuple(parameters), returns=returns)


def main(write: bool) -> None:  # noqa: FBT001 - a script
    """Print the hash of every vector of this Python, and write those that are missing."""
    for path in vectors():
        found = fingerprint_of(path.read_text("utf-8"))
        written = path.with_suffix(".sha256")
        if write and not written.exists():
            written.write_text(f"{found}\n", "ascii")
        print(f"{path.stem} {found}")  # noqa: T201 - a script


if __name__ == "__main__":
    main("--write" in sys.argv)
