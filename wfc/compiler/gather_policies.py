"""What is wrong with the values of a `@policy`: asked of the very code that would refuse them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from wfc.compiler.gather_names import Names
from wfc.compiler.gather_signatures import NotLiteral, policy_literals
from wfc.compiler.scopes import Function
from wfc.errors import PolicyError
from wfc.policies import check_kind, policy

_NEEDS: Final = {"memory": "isolation"}
"""Keywords that mean nothing without another."""


class Fault(NamedTuple):
    """A value that Python would refuse when the module is imported, and why."""

    node: ast.expr
    why: str


def policy_faults(
    decorator: ast.Call, names: Names, function: Function, qualname: str, kind: str | None
) -> Iterator[Fault]:
    """Give the faults of a `@policy` on a function; `kind` is "step", "workflow" or None.

    A value that is not written out is WFC116's matter.
    """
    for word in decorator.keywords:
        needed = _NEEDS.get(word.arg or "")
        beside = [other for other in decorator.keywords if other.arg == needed]
        alone = ast.Call(func=decorator.func, args=[], keywords=[word, *beside])
        try:
            values = policy_literals(alone, names)
        except NotLiteral:
            continue
        why = _why(values, function, qualname, kind)
        if why is not None:
            yield Fault(word.value, why)


def _why(
    values: Mapping[str, Any], function: Function, qualname: str, kind: str | None
) -> str | None:
    known = dict(values)
    by = known.pop("by", None)
    if isinstance(by, str):
        every = function.args
        taken = {one.arg for one in (*every.posonlyargs, *every.args, *every.kwonlyargs)}
        if by not in taken:
            return f"`by` names the parameter {by!r}, which {qualname!r} does not have"

    def stand_in() -> None:
        """Take the place of the function, which is not imported."""

    stand_in.__qualname__ = qualname
    try:
        policy(**known)(stand_in)
        if kind is not None:
            check_kind(stand_in, kind)
    except PolicyError as error:
        return str(error).rstrip(".")
    return None
