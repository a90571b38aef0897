"""Fields that a class fills itself from clock or chance, and who builds it without them (WFC302).

Class bodies see the real names, so a factory would draw anew in every replay.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from wfc.compiler.facts import Factory
from wfc.compiler.gather_names import Names

_FIELDS: Final = frozenset(
    {"dataclasses.field", "pydantic.Field", "pydantic.fields.Field", "pydantic.PrivateAttr"}
    | {"attr.ib", "attr.field", "attrs.field", "msgspec.field"}
)
_KEYWORDS: Final = frozenset({"default_factory", "factory"})


def factories_of(node: ast.ClassDef, names: Names) -> Iterator[Factory]:
    """Give the fields of a class whose default is made by a call of a name from outside."""
    if names.scope_of(node).kind != "module":
        return
    place = 0
    for statement in node.body:
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        made_by = _factory(statement.value, names)
        if made_by is not None:
            yield Factory(owner=node.name, field=statement.target.id, made_by=made_by, place=place)
        place += 1


def _factory(value: ast.expr | None, names: Names) -> str | None:
    if not isinstance(value, ast.Call) or names.resolve(value.func) not in _FIELDS:
        return None
    for word in value.keywords:
        if word.arg not in _KEYWORDS:
            continue
        if not isinstance(word.value, ast.Lambda):
            return names.resolve(word.value)
        for inner in ast.walk(word.value.body):
            if isinstance(inner, ast.Call):
                return names.resolve(inner.func)
    return None


def constructions_of(
    node: ast.Call, names: Names
) -> Iterator[tuple[str, tuple[str, ...], int, bool]]:
    """Give class, keywords, number of positional arguments and certainty of what builds a class.

    A call with ``*`` or ``**`` may give anything, so it is passed over.
    """
    starred = any(isinstance(argument, ast.Starred) for argument in node.args)
    if starred or any(word.arg is None for word in node.keywords):
        return
    found = names.resolve_exactly(node.func)
    if found is not None and found[0].rpartition(".")[2][:1].isupper():
        given = tuple(word.arg for word in node.keywords if word.arg is not None)
        yield found[0], given, len(node.args), found[1]
