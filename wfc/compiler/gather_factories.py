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
        for made_by in _made_by(statement.value, names):
            yield Factory(owner=node.name, field=statement.target.id, made_by=made_by, place=place)
        place += 1


def _made_by(value: ast.expr | None, names: Names) -> Iterator[str]:
    """Give the factory of a field; of a lambda, all that it calls: `str(uuid4())` draws inside."""
    if not isinstance(value, ast.Call) or names.resolve(value.func) not in _FIELDS:
        return
    for word in value.keywords:
        if word.arg not in _KEYWORDS:
            continue
        if isinstance(word.value, ast.Lambda):
            inside = ast.walk(word.value.body)
            called = [inner.func for inner in inside if isinstance(inner, ast.Call)]
        else:
            called = [word.value]
        for function in called:
            name = names.resolve(function)
            if name is not None:
                yield name


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
