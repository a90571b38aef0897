"""Which operation of a run somebody means who does not write its id out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from wfc.errors import InputInvalid
from wfc.ids import DefinitionId, OperationId, split_operation_id

_SHOWN: Final = 5
_HINT: Final = (
    "`wfc inspect RUN --steps` shows the ids of steps, `--events` the positions of events."
)


def operation_meant(
    asked: str, operations: Mapping[OperationId, DefinitionId | None]
) -> OperationId:
    """Give the operation that `asked` names: by its id, its site, the name of its step, or a
    beginning of its id that fits no other. `operations` names the step of each that is one.

    The first of these that fits anything decides. Raises `InputInvalid` if it fits none or several.
    """
    for found in _fitting(asked, operations):
        if len(found) == 1:
            return found[0]
        if found:
            shown = ", ".join(found[:_SHOWN])
            more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            raise InputInvalid(
                f"{asked!r} fits {len(found)} operations of the run: {shown}{more}.\n"
                f"Name one of them whole. {_HINT}"
            )
    raise InputInvalid(
        f"the run has recorded no operation {asked!r}. {_near(asked, operations)}\n{_HINT}"
    )


def _fitting(
    asked: str, operations: Mapping[OperationId, DefinitionId | None]
) -> Iterator[list[OperationId]]:
    yield [name for name in operations if name == asked]
    yield [name for name in operations if split_operation_id(name)[1] == asked]
    yield [name for name, step in operations.items() if asked in _names(name, step)]
    yield [name for name in operations if name.startswith(asked)]


def _names(name: OperationId, step: DefinitionId | None) -> set[str]:
    """Give what an operation is called: in the code that asks for it, and where it is defined."""
    called = split_operation_id(name)[1].partition("~")[0]
    if step is None:
        return {called}
    qualname = step.partition(":")[2]
    return {called, str(step), qualname, qualname.rpartition(".")[2]}


def _near(asked: str, operations: Mapping[OperationId, DefinitionId | None]) -> str:
    if not operations:
        return "It has recorded no operation."
    words = {word: None for name, step in operations.items() for word in _names(name, step)}
    near = get_close_matches(asked, [*operations, *sorted(words)], n=3, cutoff=0.6)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return f"It has {len(operations)}, the last is {list(operations)[-1]}."
