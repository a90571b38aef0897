"""Gather the facts of one module: parse it once, walk it, and let each `gather_*` say its part.

Sites and effects are gathered by their own modules, from the same tree and names.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from wfc.compiler.facts import ModuleFacts, ModuleSource
from wfc.compiler.gather_names import Names, imports_of, references_of, symbols_of


@dataclass(frozen=True, slots=True)
class Gathered:
    """A module's facts with what they were read from, so that nobody parses it again."""

    tree: ast.Module
    names: Names
    facts: ModuleFacts


def gather(source: ModuleSource) -> ModuleFacts:
    """Give the facts of a module; what is wrong with it stands in their `findings`."""
    return gather_tree(source).facts


def gather_tree(source: ModuleSource) -> Gathered:
    """Give the facts of a module, its tree and its names."""
    tree = ast.parse(source.text)
    names = Names.of(tree, source)
    return Gathered(
        tree,
        names,
        ModuleFacts(
            name=source.name,
            source_sha256=source.sha256,
            imports=imports_of(names),
            symbols=symbols_of(tree, names),
            references=references_of(names),
        ),
    )
