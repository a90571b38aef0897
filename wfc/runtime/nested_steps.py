"""Steps that stand inside a workflow: their functions are made anew of code and recorded captures.

The workflow that would define them never runs on this side, so their code is dug out of its code,
their defaults are evaluated in its module, and their variables are what the call recorded.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from wfc import abi
from wfc.errors import StepUnknown
from wfc.ids import DefinitionId
from wfc.manifests.bundle import Entry

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
_POSITIONAL: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)

EntryOf = Callable[[DefinitionId], Entry | None]
"""Gives what the build says of a definition."""


class NestedStep:
    """Stands for a nested step where a recorded reference to it is read outside of its run.

    A step that captured it gets the real function, around what it captured itself.
    """

    def __init__(self, name: DefinitionId, workflow: Callable[..., Any]) -> None:
        """Stand for the step `name` inside of `workflow`."""
        self.__wfc_id__ = name
        self.workflow = workflow

    def __call__(self, *_: Any, **__: Any) -> Any:
        """Refuse. Raises `StepUnknown`."""
        raise StepUnknown(
            f"the step {self.__wfc_id__} stands inside of a workflow, so it can be called there, "
            "and in steps beside it that use it by its name, but not where it came as an "
            "argument. Await it in the workflow and pass its result, or move it to module level."
        )


def function_of(name: DefinitionId, registered: Any) -> Any:
    """Give what a reference to `name` means outside of runs; `registered` is what stands there."""
    plain = getattr(registered, "__func__", registered)
    if plain is None or abi.id_of(plain) == name:
        return registered
    return NestedStep(name, plain)


def code_of(workflow: Any, step: DefinitionId) -> types.CodeType:
    """Dig the code of a nested step out of the code of its workflow. Raises `StepUnknown`."""
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


def parameters_of(
    code: types.CodeType, entry: Entry | None, space: Mapping[str, Any]
) -> tuple[inspect.Parameter, ...]:
    """Give the parameters of nested code; its defaults are constants of the module `space`."""
    if entry is not None:
        return tuple(
            inspect.Parameter(each.name, _KINDS[each.kind], default=_default(each.default, space))
            for each in entry.signature.parameters
        )
    cells = tuple(types.CellType() for _ in code.co_freevars)
    bare = types.FunctionType(code, {}, code.co_name, None, cells)
    return tuple(inspect.signature(bare).parameters.values())


def _default(text: str | None, space: Mapping[str, Any]) -> Any:
    if text is None:
        return inspect.Parameter.empty
    try:
        # Our own build wrote this text, of a default that it had found to be constant.
        return eval(text, dict(space))  # noqa: S307 - see above
    except (NameError, AttributeError):
        # The constant is gone since that build: a call that needs it will say so.
        return inspect.Parameter.empty


def rebuilt(
    name: DefinitionId, workflow: Any, captured: Mapping[str, Any], entry_of: EntryOf
) -> types.FunctionType:
    """Make a nested step's function around what its workflow had captured.

    What it captured may be a nested step of the same workflow, itself too: that is made of the same
    captures, since both see the same variables.
    """
    cells: dict[str, types.CellType] = {}

    def made(name: DefinitionId, around: Any) -> types.FunctionType:
        code, space = code_of(around, name), around.__globals__
        closure = tuple(cell(each) for each in code.co_freevars)
        function = types.FunctionType(code, space, code.co_name, None, closure)
        parameters = parameters_of(code, entry_of(name), space)
        function.__defaults__, function.__kwdefaults__ = _defaults(parameters)
        abi.name_function(function, name)
        return function

    def cell(name: str) -> types.CellType:
        found = cells.get(name)
        if found is None:
            found = cells[name] = types.CellType()
            if name in captured:
                value = captured[name]
                if isinstance(value, NestedStep) and value.workflow is workflow:
                    value = made(value.__wfc_id__, workflow)
                found.cell_contents = value
        return found

    return made(name, workflow)


def _defaults(
    parameters: tuple[inspect.Parameter, ...],
) -> tuple[tuple[Any, ...] | None, dict[str, Any] | None]:
    """Give `__defaults__` and `__kwdefaults__` of a function with these parameters."""
    given = [each for each in parameters if each.default is not inspect.Parameter.empty]
    positional = tuple(each.default for each in given if each.kind in _POSITIONAL)
    keyword = {
        each.name: each.default for each in given if each.kind is inspect.Parameter.KEYWORD_ONLY
    }
    return positional or None, keyword or None
