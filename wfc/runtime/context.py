"""Which run the present code belongs to, by context variables; importing this fills the slots
of `abi`.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from contextvars import ContextVar
from types import FrameType
from typing import Any, Final, Protocol

from wfc import abi
from wfc.errors import OutsideWorkflow
from wfc.eventlog.event import Scalar
from wfc.ids import DefinitionId
from wfc.manifests.bundle import Bundle
from wfc.runtime import nested_steps
from wfc.runtime.live import Live
from wfc.runtime.metadata import WorkflowMetadata
from wfc.worlds.chunks import NewChunk

current: Final[ContextVar[Live | None]] = ContextVar("wfc_execution", default=None)
"""The execution whose code runs; None outside of runs."""

alive: Final[ContextVar[list[bool]]] = ContextVar("wfc_alive", default=[True])  # noqa: B039 - never changed
"""A list that is empty once the execution of this context was dropped: guards ask for it by
`ContextVar.get`, a C function, because they stand at every function of a workflow bundle.
"""

loading: Final[ContextVar[Bundle | None]] = ContextVar("wfc_loading", default=None)
"""The workflow bundle whose top level is being executed, if one is."""


class AttemptContext(Protocol):
    """What a step body may ask of the attempt that runs it."""

    def workflow_metadata(self) -> WorkflowMetadata:
        """Describe the run that the attempt belongs to."""
        ...

    def set_attributes(self, changes: Mapping[str, Scalar | None]) -> Coroutine[Any, Any, None]:
        """Write attributes of the run."""
        ...

    def write_stream(
        self, to: Any, chunks: Sequence[NewChunk], *, close: bool = False
    ) -> Coroutine[Any, Any, None]:
        """Write to a stream, a `StreamName`."""
        ...


attempt: Final[ContextVar[AttemptContext | None]] = ContextVar("wfc_attempt", default=None)
"""The attempt whose body runs; set by whoever runs step bodies."""


def needed(what: str) -> Live:
    """Give the current execution. Raises `OutsideWorkflow`, naming `what` was called."""
    execution = current.get()
    if execution is None:
        raise OutsideWorkflow(
            f"{what} was called where no workflow runs; it is an operation of workflow code, "
            "recorded in a run's log.\n"
            'Call it in a function that begins with "use workflow" and was begun by '
            "`wfc.api.start`."
        )
    return execution


def call_step(
    definition: abi.Definition,
    frame: FrameType,
    arguments: tuple[tuple[Any, ...], Mapping[str, Any]],
    captures: abi.Captures | None,
) -> Coroutine[Any, Any, Any]:
    """Ask for a step of the current execution: what stubs in workflow bundles call."""
    execution = current.get()
    if execution is None:
        execution = needed(f"the step {definition.id}")
    return execution.call_step(definition, frame, arguments, captures)


def function_of(name: DefinitionId) -> Any:
    """Give the step or workflow of this id: in workflow code, that of the run's own bundle."""
    execution = current.get()
    if execution is None:
        return nested_steps.function_of(name, _outside(name))
    return execution.template.function(name)


_outside: Final = abi.slots.function
abi.slots.step = call_step
abi.slots.function = function_of
abi.slots.live = alive.get
