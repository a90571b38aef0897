"""What a stub must know of its step, from the table of a workflow bundle."""

from __future__ import annotations

import inspect
from ast import literal_eval
from typing import Any

from wfc import abi
from wfc.manifests.bundle import Entry, Parameter


def definition_of(entry: Entry) -> abi.Definition:
    """Make what a stub must know of its step, from the bundle's table."""
    parameters = entry.signature.parameters
    annotations = {each.name: each.annotation for each in parameters if each.annotation is not None}
    if entry.signature.returns is not None:
        annotations["return"] = entry.signature.returns
    return abi.Definition(
        id=entry.id,
        qualname=entry.qualname,
        is_async=entry.is_async,
        signature=inspect.Signature(
            [_parameter(each) for each in parameters],
            return_annotation=annotations.get("return", inspect.Signature.empty),
        ),
        annotations=annotations,
        docstring=entry.docstring,
        policy=entry.policy,
        receiver=entry.receiver.value,
    )


def _parameter(parameter: Parameter) -> inspect.Parameter:
    default: Any = inspect.Parameter.empty
    if parameter.default is not None:
        default = _shown(parameter.default)
    return inspect.Parameter(
        parameter.name,
        getattr(inspect.Parameter, parameter.kind),
        default=default,
        annotation=parameter.annotation or inspect.Parameter.empty,
    )


def _shown(default: str) -> object:
    """Give a literal default; any other shows as three dots, since it is never evaluated here."""
    try:
        return literal_eval(default)
    except ValueError:
        return ...
