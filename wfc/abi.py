"""The only names generated code may mention, and the slots the runtime fills.

A compiled module finds one `Bundle` under the name `__wfc__` in its globals, put there by whoever
executes the module. Its members `step register refuse live` are all that generated code uses, so
compiler and runtime can change apart from each other.
"""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from wfc.errors import OutsideWorkflow, WorkflowAwaited
from wfc.ids import DefinitionId, ModuleName

NAME: Final = "__wfc__"
"""The one name that generated code adds to a module."""

Captures = Callable[[], Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What a stub must know of the step it stands for; from the signature table of a bundle."""

    id: DefinitionId
    qualname: str
    is_async: bool
    signature: inspect.Signature
    annotations: Mapping[str, str]
    docstring: str | None
    policy: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A function of a step bundle (or of an ordinary compiled module) and what it is."""

    id: DefinitionId
    kind: str  # "step" or "workflow"
    function: Callable[..., Any]


class StepCall(Protocol):
    """What the runtime puts into `slots.step`."""

    def __call__(
        self,
        definition: Definition,
        frame: types.FrameType,
        arguments: tuple[tuple[Any, ...], Mapping[str, Any]],
        captures: Captures | None,
    ) -> Coroutine[Any, Any, Any]:
        """Ask for a step on behalf of the code in `frame`."""
        ...


def _no_runtime(
    definition: Definition,
    frame: types.FrameType,  # noqa: ARG001 - the form of the slot
    arguments: tuple[tuple[Any, ...], Mapping[str, Any]],  # noqa: ARG001
    captures: Captures | None,  # noqa: ARG001
) -> Coroutine[Any, Any, Any]:
    message = f"step {definition.id} was called through a workflow bundle, but no run is current"
    raise OutsideWorkflow(message)


def _alive() -> bool:
    return True


class Slots:
    """Filled once by `wfc.runtime` when it is imported."""

    step: StepCall = staticmethod(_no_runtime)
    live: Callable[[], bool] = staticmethod(_alive)


slots: Final = Slots()
registered: Final[dict[DefinitionId, Registration]] = {}
"""Every marked function of every compiled module imported in this process, by id."""
_ID_ATTRIBUTE: Final = "__wfc_id__"


def live() -> bool:
    """Tell whether user code may run: false only inside an execution that was dropped."""
    return slots.live()


def id_of(function: object) -> DefinitionId | None:
    """Give the id of a marked function, or None if it was not compiled."""
    found = getattr(function, _ID_ATTRIBUTE, None)
    return found if isinstance(found, str) else None  # type: ignore[return-value]


class Bundle:
    """`__wfc__` in the globals of one compiled module."""

    __slots__ = ("_definitions", "live", "module", "namespace")

    def __init__(
        self,
        module: ModuleName,
        namespace: dict[str, Any],
        definitions: Mapping[str, Definition] = types.MappingProxyType({}),
    ) -> None:
        """Serve `module`, whose globals are `namespace`; `definitions` are keyed by qualname."""
        self.module = module
        self.namespace = namespace
        self._definitions = definitions
        self.live = live

    def step(self, qualname: str, captures: Captures | None = None) -> Callable[..., Any]:
        """Make the stub that stands for a step in a workflow bundle."""
        return _stub(self._definitions[qualname], self.namespace, self.module, captures)

    def register(self, kind: str, qualname: str, function: Any) -> None:
        """Make a marked function of a step bundle findable by its id."""
        name = DefinitionId(f"{self.module}:{qualname}")
        target = getattr(function, "__func__", function)
        setattr(target, _ID_ATTRIBUTE, name)
        registered[name] = Registration(id=name, kind=kind, function=function)

    def refuse(self, qualname: str) -> None:
        """Refuse to run a workflow as a plain coroutine."""
        message = (
            f'the workflow "{qualname}" was awaited outside a workflow, so nothing is recorded.\n'
            f"Start a run instead: `run = await wfc.api.start({qualname}, ...)`, "
            "then `await run.result()`."
        )
        raise WorkflowAwaited(message)


def _stub(
    definition: Definition, namespace: dict[str, Any], module: str, captures: Captures | None
) -> Callable[..., Any]:
    # The stub's globals are the bundle's, so that `typing.get_type_hints` resolves its string
    # annotations; hence all that its code needs comes in by closure.
    frame_at, door = sys._getframe, slots  # noqa: SLF001

    def call(*args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any]:
        return door.step(definition, frame_at(1), (args, kwargs), captures)

    stub = types.FunctionType(
        _marked(call.__code__), namespace, definition.qualname.rpartition(".")[2], None,
        call.__closure__,
    )  # fmt: skip
    if sys.version_info >= (3, 12):
        stub = inspect.markcoroutinefunction(stub)
    stub.__qualname__ = definition.qualname
    stub.__module__ = module
    stub.__doc__ = definition.docstring
    stub.__annotations__ = dict(definition.annotations)
    stub.__signature__ = definition.signature  # type: ignore[attr-defined]
    setattr(stub, _ID_ATTRIBUTE, definition.id)
    return stub


def _marked(code: types.CodeType) -> types.CodeType:
    """On 3.11 set CO_COROUTINE, which `inspect.iscoroutinefunction` reads and calling ignores."""
    if sys.version_info >= (3, 12):
        return code
    return code.replace(co_flags=code.co_flags | inspect.CO_COROUTINE)
