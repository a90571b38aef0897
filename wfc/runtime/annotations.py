"""What functions of the host are annotated with, as far as it resolves."""

from __future__ import annotations

import inspect
import types
import typing
from functools import lru_cache
from typing import Any

from wfc.runtime.parameters import whole


def result_annotation(function: Any) -> Any:
    """Give the type that a function is annotated to return; None if that says nothing."""
    return _resolved(function).get("return")


@lru_cache(maxsize=1000)
def argument_annotations(function: Any) -> dict[str, Any]:
    """Give what the parameters of a function are annotated with, as far as it resolves."""
    hints = _resolved(function)
    parameters = inspect.signature(function).parameters.values()
    return {
        each.name: whole(each.kind, hints[each.name]) for each in parameters if each.name in hints
    }


def _resolved(function: Any) -> dict[str, Any]:
    """Resolve the annotations of a function, each on its own: one may be for type checkers only."""
    plain = inspect.unwrap(function)
    said = getattr(plain, "__annotations__", {})
    space = getattr(plain, "__globals__", {})
    hints = {name: evaluated(each, space) for name, each in said.items()}
    return {name: hint for name, hint in hints.items() if hint is not None}


def evaluated(annotation: Any, space: dict[str, Any]) -> Any:
    """Give what an annotation means among the names of `space`; None if it does not resolve."""
    alone = types.SimpleNamespace(__annotations__={"it": annotation})
    try:
        return typing.get_type_hints(alone, space, include_extras=True)["it"]
    except Exception:  # noqa: BLE001 - an annotation that does not resolve only costs the check
        return None
