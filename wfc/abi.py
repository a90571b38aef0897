"""The only names generated code may mention, and the slots the runtime fills.

A compiled module finds one `Bundle` under the name `__wfc__` in its globals, put there by whoever
executes the module. Its members `step register refuse live` are all that generated code uses, so
compiler and runtime can change apart from each other.
"""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Final, Protocol

from wfc.errors import OutsideWorkflow, WorkflowAwaited
from wfc.ids import DefinitionId, ModuleName

NAME: Final = "__wfc__"
"""The one name that generated code adds to a module."""

Captures = Callable[[], Mapping[str, Any]]
PlaceAt = Callable[[types.CodeType, int], str | None]
"""Gives the place of the call at an instruction (`manifests.sites.SiteTable.place_at`)."""


# Written out, and neither data classes nor named tuples: this file stands in every warm import of
# a module with directives, and having the two made took more of it than all the rest.
class Definition:
    """What a stub must know of the step it stands for; from the signature table of a bundle."""

    __slots__ = (
        "annotations", "docstring", "id", "is_async", "policy", "qualname", "receiver", "signature",
    )  # fmt: skip

    def __init__(
        self,
        *,
        id: DefinitionId,  # noqa: A002 - the name of the field
        qualname: str,
        is_async: bool,
        signature: inspect.Signature,
        annotations: Mapping[str, str],
        docstring: str | None,
        policy: Mapping[str, Any] = types.MappingProxyType({}),
        receiver: str = "none",  # a `manifests.bundle.Receiver`: "none", "self" or "class"
    ) -> None:
        """Describe the step `id`."""
        self.id = id
        self.qualname = qualname
        self.is_async = is_async
        self.signature = signature
        self.annotations = annotations
        self.docstring = docstring
        self.policy = policy
        self.receiver = receiver


class Registration:
    """A function of a step bundle (or of an ordinary compiled module) and what it is."""

    __slots__ = ("function", "id", "kind")

    def __init__(
        self,
        *,
        id: DefinitionId,  # noqa: A002 - the name of the field
        kind: str,  # "step" or "workflow"
        function: Callable[..., Any],
    ) -> None:
        """Name `function`."""
        self.id = id
        self.kind = kind
        self.function = function


class Exemption(Protocol):
    """Lines whose use of what has this code is allowed (`manifests.bundle.Exemption`)."""

    @property
    def code(self) -> str:
        """The code of the diagnostic."""
        ...

    @property
    def line(self) -> int:
        """The first line, from 1."""
        ...

    @property
    def end_line(self) -> int:
        """The last line."""
        ...


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


def _alive() -> object:
    return True


def _registered_function(name: DefinitionId) -> Any:
    registration = registered.get(name)
    return None if registration is None else registration.function


class Slots:
    """Filled once by `wfc.runtime` when it is imported.

    `live` answers something true while user code may run. It stands at every function entry of a
    workflow bundle, so let it be a C function: a `ContextVar.get` whose value is a list that
    dropping empties costs a fifth of a Python function.
    """

    step: StepCall = staticmethod(_no_runtime)
    live: Callable[[], object] = staticmethod(_alive)
    function: Callable[[DefinitionId], Any] = staticmethod(_registered_function)
    """Gives what a recorded reference to a step or workflow stands for here, or None: in workflow
    code the stub of its own bundle, since the step function itself would act unrecorded.
    """


slots: Final = Slots()
registered: Final[dict[DefinitionId, Registration]] = {}
"""Every marked function of every compiled module imported in this process, by id."""
_ID_ATTRIBUTE: Final = "__wfc_id__"


def live() -> bool:
    """Tell whether user code may run: false only inside an execution that was dropped."""
    return bool(slots.live())


def id_of(function: object) -> DefinitionId | None:
    """Give the id of a marked function, or None if it was not compiled."""
    found = getattr(function, _ID_ATTRIBUTE, None)
    return found if isinstance(found, str) else None  # type: ignore[return-value]


def name_function(function: Any, name: DefinitionId) -> None:
    """Mark `function` as the step or workflow of this id, unless it is marked already."""
    if id_of(function) is None:
        setattr(function, _ID_ATTRIBUTE, name)


class Bundle:
    """`__wfc__` in the globals of one compiled module."""

    __slots__ = (
        "_definitions", "_registry", "allowed", "home", "live", "module", "namespace", "place_at",
    )  # fmt: skip

    def __init__(
        self,
        module: ModuleName,
        namespace: dict[str, Any],
        definitions: Mapping[str, Definition] = types.MappingProxyType({}),
        place_at: PlaceAt | None = None,
        registry: dict[DefinitionId, Registration] | None = None,
        *,
        allowed: Iterable[Exemption] = (),
        home: str | None = None,
    ) -> None:
        """Serve `module`, whose globals are `namespace`; `definitions` are keyed by qualname.

        The guards of the sandbox let pass what the lines of `allowed` do. `home` is the name under
        which `sys.modules` knows the module, where that is another.

        What the module registers goes into `registry`, by default that of the process.
        """
        self.module = module
        self.home: str = module if home is None else home
        self.namespace = namespace
        self._definitions = definitions
        self.allowed = allowed
        self.place_at = place_at
        self._registry = registered if registry is None else registry
        # The slot's own function and not `live` above: guards are on hot paths.
        self.live = slots.live

    def step(self, qualname: str, captures: Captures | None = None) -> Any:
        """Make the stub that stands for a step in a workflow bundle.

        `captures` is given for a nested step, always. A method of a class gets the descriptor that
        its receiver asks for.
        """
        definition = self._definitions[qualname]
        stub = _stub(definition, self.namespace, self.module, captures)
        if definition.receiver == "class":
            return classmethod(stub)
        if definition.receiver == "none" and captures is None and "." in qualname:
            return staticmethod(stub)
        return stub

    def register(self, kind: str, qualname: str, function: Any) -> None:
        """Make a marked function of a step bundle findable by its id.

        For a nested step `function` is the workflow around it, which was registered before.
        """
        name = DefinitionId(f"{self.module}:{qualname}")
        target = getattr(function, "__func__", function)
        if id_of(target) is None:
            setattr(target, _ID_ATTRIBUTE, name)
        self._registry[name] = Registration(id=name, kind=kind, function=function)

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
