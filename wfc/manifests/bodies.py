"""The code of a workflow apart from its name and parameters, so that it can be shown to be equal.

A fingerprint tells that something differs; these digests tell that it is not what decides.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from typing import Any

from wfc.manifests.bundle import Entry
from wfc.manifests.canonical import Tree
from wfc.manifests.fingerprint import Library, Meaning
from wfc.manifests.old_names import OldNames

Function = ast.FunctionDef | ast.AsyncFunctionDef


def own_code(entry: Entry, meaning: Meaning, library: Library, names: OldNames) -> dict[str, Any]:
    """Give `body`, `defaults` and `calls` of a workflow, as the manifest holds them."""
    module = entry.id.partition(":")[0]
    node = library.within(module).unit.find(entry.qualname)
    assert isinstance(node, Function), entry.id

    def tree() -> Tree:
        return Tree(library.within(module), entry.qualname, names=names)

    return {
        "body": _digest(tree().code_of(node, entry.id)),
        "defaults": {name: _digest(tree().text(value)) for name, value in _defaults(node.args)},
        "calls": {name: _digest(text) for name, text in sorted(meaning.signatures.items())},
    }


def _defaults(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    positional = [*arguments.posonlyargs, *arguments.args]
    with_default = positional[len(positional) - len(arguments.defaults) :]
    for one, value in zip(with_default, arguments.defaults, strict=True):
        yield one.arg, value
    for one, other in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if other is not None:
            yield one.arg, other


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
