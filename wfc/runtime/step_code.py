"""Code of steps and the parameters of it: dug out of a workflow if need be, and called by name."""

from __future__ import annotations

import ast
import inspect
import types
from collections.abc import Iterator, Mapping
from typing import Any, Final

from wfc.errors import StepUnknown
from wfc.ids import DefinitionId
from wfc.manifests.bundle import Entry

_POSITIONAL: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


def is_async(function: Any) -> bool:
    """Tell whether a call of `function` gives a coroutine, decorators seen through."""
    """Tell whether a call of `function` gives a coroutine."""
    return inspect.iscoroutinefunction(inspect.unwrap(function)) or inspect.iscoroutinefunction(
        function
    )


def nested_code(workflow: Any, step: DefinitionId) -> types.CodeType:
    """Dig the code of a nested step out of the code of its workflow."""
    qualname = step.partition(":")[2]
    for code in _codes(inspect.unwrap(workflow).__code__):
        if code.co_qualname.replace(".<locals>", "") == qualname:
            return code
    raise StepUnknown(
        f"the step {step} stood inside a workflow that does not hold it any more. Put it back, or "
        "fork the run before it."
    )


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _codes(constant)


def parameters_of(code: types.CodeType, entry: Entry | None) -> tuple[inspect.Parameter, ...]:
    """Give the parameters of nested code; literal defaults stand in the build's table."""
    if entry is not None:
        return tuple(
            inspect.Parameter(each.name, _KINDS[each.kind], default=_literal(each.default))
            for each in entry.signature.parameters
        )
    cells = tuple(types.CellType() for _ in code.co_freevars)
    bare = types.FunctionType(code, {}, code.co_name, None, cells)
    return tuple(inspect.signature(bare).parameters.values())


_KINDS: Final = {
    each.name: each
    for each in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.KEYWORD_ONLY,
        inspect.Parameter.VAR_KEYWORD,
    )
}


def _literal(text: str | None) -> Any:
    if text is None:
        return inspect.Parameter.empty
    try:
        return ast.literal_eval(text)
    except ValueError:
        return inspect.Parameter.empty


def defaults_of(
    parameters: tuple[inspect.Parameter, ...],
) -> tuple[tuple[Any, ...] | None, dict[str, Any] | None]:
    """Give `__defaults__` and `__kwdefaults__` of a function with these parameters."""
    given = [each for each in parameters if each.default is not inspect.Parameter.empty]
    positional = tuple(each.default for each in given if each.kind in _POSITIONAL)
    keyword = {
        each.name: each.default for each in given if each.kind is inspect.Parameter.KEYWORD_ONLY
    }
    return positional or None, keyword or None


def spread(
    parameters: tuple[inspect.Parameter, ...], values: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Turn arguments by name into positional and keyword ones."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    positional = True
    for each in parameters:
        if each.kind is inspect.Parameter.VAR_POSITIONAL:
            args.extend(values.get(each.name, ()))
        elif each.kind is inspect.Parameter.VAR_KEYWORD:
            kwargs.update(values.get(each.name, {}))
        elif each.name not in values:
            positional = False
        elif each.kind is inspect.Parameter.KEYWORD_ONLY or not positional:
            kwargs[each.name] = values[each.name]
        else:
            args.append(values[each.name])
    return args, kwargs
