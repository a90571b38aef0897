"""Family 3, the half below 350: what a signature asks to record and never should.

What a replay would decide otherwise are facts of the compiler (`compiler/gather_hazards.py`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from wfc.lint_rules.annotations import (
    ANNOTATED,
    NONE,
    Type,
    annotations_of,
    parameters_of,
    types_of_mark,
    walked,
)
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.module import Marked, Module
from wfc.lint_rules.registry import rule
from wfc.lint_rules.unrecordable import CONTAINERS, cure_for


@rule("WFC341")
def unrecordable_type(module: Module) -> Iterator[Finding]:
    """Find a parameter or result whose type can never be recorded."""
    for mark in module.marked:
        for annotation in annotations_of(mark):
            found = _unrecordable(types_of_mark(module, mark, annotation.node))
            if found is None or module.is_registered(found.name):
                continue
            guess = "" if found.exact else "probably "
            yield module.finding(
                "WFC341",
                found.node,
                f'{annotation.what} of the {mark.kind} "{mark.qualname}" is {guess}'
                f"`{found.name}`, of which no log can hold a value",
                certain=found.exact,
                advice=cure_for(found.name, is_result=not annotation.parameter),
            )


def _unrecordable(types: tuple[Type, ...]) -> Type | None:
    """Give what cannot be recorded, if that is so whatever member of the union a value is."""
    found: Type | None = None
    for one in types:
        if one.name == NONE:
            continue
        bad = one if cure_for(one.name) is not None else None
        if bad is None and (one.name in CONTAINERS or one.name == ANNOTATED):
            inside = (_unrecordable(argument) for argument in one.arguments)
            bad = next((found for found in inside if found is not None), None)
        if bad is None:
            return None
        found = found or bad
    return found


# --- secrets -------------------------------------------------------------------------------------

_SECRET: Final = re.compile(
    r"(?:^|_)(?:password|passwd|secret|api_?key|private_key)$", re.IGNORECASE
)
_SECRET_TYPES: Final = frozenset(
    {"pydantic.SecretStr", "pydantic.SecretBytes"}
    | {"pydantic.types.SecretStr", "pydantic.types.SecretBytes"}
)
_TEXT: Final = frozenset({"builtins.str", "builtins.bytes", NONE, *_SECRET_TYPES})


@rule("WFC342")
def secret_input(module: Module) -> Iterator[Finding]:
    """Find a parameter that would write a secret to the log."""
    for mark in module.marked:
        for parameter in parameters_of(mark):
            if _is_secret(module, mark, parameter):
                yield module.finding(
                    "WFC342",
                    parameter,
                    f'the {mark.kind} "{mark.qualname}" takes the secret `{parameter.arg}`, and '
                    "every argument is written to the log, where whoever reads the log reads it",
                    advice="read it in the step that needs it, from the environment or a vault, or "
                    "pass the name under which it is kept",
                )


def _is_secret(module: Module, mark: Marked, parameter: ast.arg) -> bool:
    if parameter.annotation is None:
        return _SECRET.search(parameter.arg) is not None
    types = tuple(walked(types_of_mark(module, mark, parameter.annotation)))
    if any(one.name in _SECRET_TYPES for one in types):
        return True
    # `reset_password: bool` or `secret: SecretRef` hold none.
    is_text = all(one.name in _TEXT for one in types)
    return is_text and _SECRET.search(parameter.arg) is not None
