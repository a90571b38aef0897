"""Code by name: templates of workflows by version, bodies of steps by id, types for payloads."""

from __future__ import annotations

import ast
import inspect
import sys
import types
import typing
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from wfc import abi, codec
from wfc.errors import CodecError, PolicyError, StepUnknown, UnknownType, VersionUnknown
from wfc.ids import DefinitionId, ModuleName, VersionId
from wfc.manifests.bundle import Entry
from wfc.manifests.store import Version, from_archive
from wfc.policies import Policy, check_kind, declared, from_literal, resolve
from wfc.runtime.operations import StepAsked
from wfc.runtime.parameters import whole
from wfc.runtime.retry import Matcher
from wfc.runtime.sandbox import Template, load_template
from wfc.runtime.step_modules import StepModules
from wfc.worlds.protocol import World


class HostTypes:
    """Types for the step side: classes of the manifest, as the imported modules hold them.

    A module that nobody imported holds no type: bytes never make anything import.
    """

    def __init__(self, classes: Iterable[str] = ()) -> None:
        """Allow `classes` (``module:Qualname``) and what is registered."""
        self._classes = set(classes)
        self._found: dict[str, type] = {}

    def allow(self, classes: Iterable[str]) -> None:
        """Allow the classes of another version too."""
        self._classes.update(classes)

    def find(self, name: str) -> type | None:
        """Give the type of this wire name, or None."""
        found = codec.REGISTERED.find(name) or self._found.get(name)
        if found is None and name in self._classes:
            found = _imported(name)
            if found is not None:
                self._found[name] = found
        return found


def _imported(name: str) -> type | None:
    module, _, qualname = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) else None


class Registry:
    """What a worker executes: the current version, others on demand, and the imported steps."""

    def __init__(
        self,
        current: Version,
        *,
        policy: Mapping[str, Any] | None = None,
        bundles_max: int = 32,
        step_types: HostTypes | None = None,
    ) -> None:
        """Serve `current`; `policy` are the keywords that hold for steps that say nothing else."""
        self.current = current
        self.types = step_types or HostTypes(current.classes)
        self._defaults = dict(policy or {})
        self._bundles_max = bundles_max
        self._versions: dict[VersionId, Version] = {current.id: current}
        self._templates: OrderedDict[tuple[VersionId, DefinitionId], Template] = OrderedDict()
        self._steps: dict[DefinitionId, StepBody] = {}
        self._policies: dict[DefinitionId, Policy] = {}
        self._step_modules: dict[VersionId, StepModules] = {}
        self._older: dict[tuple[VersionId, DefinitionId], StepBody] = {}
        self._check_policies()

    def _check_policies(self) -> None:
        """See that every `@policy` fits what it stands on and can be kept. Raises `PolicyError`."""
        for bundle in self.current.step.values():
            for entry in bundle.entries:
                registration = abi.registered.get(entry.id)
                if registration is None:
                    continue
                nested = entry.nested_in is not None
                declaration = None if nested else declared(registration.function)
                if not nested:
                    check_kind(registration.function, entry.kind)
                said = declaration.given if declaration is not None else entry.policy
                if said.get("isolation") == "process":
                    raise PolicyError(
                        f'{entry.id}: `isolation="process"` cannot be kept by this release, so the '
                        "step would share the worker's process. Leave it out, or say "
                        '`isolation="thread"`.'
                    )

    @property
    def version_id(self) -> VersionId:
        """The version that step bodies belong to."""
        return self.current.id

    def add(self, version: Version) -> None:
        """Make another version known."""
        self._versions.setdefault(version.id, version)
        self.types.allow(version.classes)

    async def version(self, world: World, version: VersionId) -> Version:
        """Give a version, from the world if need be. Raises `VersionUnknown`."""
        known = self._versions.get(version)
        if known is not None:
            return known
        archive = await world.version_archive(version)
        if archive is None:
            raise VersionUnknown(
                f"version {version} is not registered in {world.url}, so its runs cannot be "
                "executed here. Register its build again (`wfc build` at that commit), then free "
                "the run with `wfc doctor --unblock RUN`."
            )
        self.add(from_archive(archive))
        return self._versions[version]

    async def template(self, world: World, version: VersionId, workflow: DefinitionId) -> Template:
        """Give what executions of a workflow are made from; the last ones used are kept."""
        key = version, workflow
        template = self._templates.get(key)
        if template is None:
            found = await self.version(world, version)
            template = self._templates[key] = load_template(found, workflow)
            while len(self._templates) > self._bundles_max:
                self._templates.popitem(last=False)
        else:
            self._templates.move_to_end(key)
        return template

    def policy(self, asked: StepAsked) -> Policy:
        """Resolve the policy of a step: its function's, else the literal one of its bundle."""
        policy = self._policies.get(asked.step)
        if policy is None:
            policy = self._policies[asked.step] = self._resolved(asked)
        return policy

    def _resolved(self, asked: StepAsked) -> Policy:
        try:
            declaration = self.step(asked.step).declaration
        except StepUnknown:
            declaration = None
        if declaration is None and asked.policy:
            return from_literal(asked.policy, self._defaults)
        return resolve(declaration, self._defaults)

    def cleanup_s(self, version: VersionId, workflow: DefinitionId) -> float | None:
        """Give the seconds that a cancelled run of `workflow` may take for its cleanup."""
        del version  # the limits of a workflow follow the imported code, as those of steps do
        registration = abi.registered.get(workflow)
        declaration = None if registration is None else declared(registration.function)
        return None if declaration is None else declaration.cleanup_s

    def step(self, step: DefinitionId) -> StepBody:
        """Give the body of a step. Raises `StepUnknown`."""
        body = self._steps.get(step)
        if body is None or body.registration is not abi.registered.get(step):
            body = self._steps[step] = self._load(step)
        return body

    def body(self, step: DefinitionId, version: VersionId, arguments: bytes | None) -> StepBody:
        """Give the body for a call that a run of `version` recorded: the imported one if it can
        take the call, else that of the run's own version. Raises `StepUnknown`.
        """
        if version == self.current.id:
            return self.step(step)
        try:
            body = self.step(step)
        except StepUnknown:
            return self._older_body(step, version)
        if arguments is None or body.accepts(arguments):
            return body
        return self._older_body(step, version)

    def _older_body(self, step: DefinitionId, version: VersionId) -> StepBody:
        body = self._older.get((version, step))
        if body is None:
            known = self._versions.get(version)
            if known is None:
                raise StepUnknown(
                    f"step {step} cannot take the recorded call any more, and version {version}, "
                    "whose code could, is not registered here"
                )
            modules = self._step_modules.get(version)
            if modules is None:
                modules = self._step_modules[version] = StepModules(known, self.types)
            entry = _entry_in(known, step)
            body = StepBody(modules.registration(step), entry, modules, version=version)
            self._older[version, step] = body
        return body

    def _load(self, step: DefinitionId) -> StepBody:
        registration = abi.registered.get(step)
        if registration is None or registration.kind != "step":
            raise StepUnknown(
                f"no step {step} is loaded in this worker, so the call cannot be made.\n"
                "Either its module was not imported (a worker imports the modules of its build), "
                "or the step was renamed or removed since the run began: keep the old name, or "
                f"mark the new one with `# wfc: was[{step.replace(':', '.')}]`."
            )
        return StepBody(registration, self._entry(step), self.types)

    def _entry(self, step: DefinitionId) -> Entry | None:
        for version in (self.current, *self._versions.values()):
            entry = _entry_in(version, step)
            if entry is not None:
                return entry
        return None


def _entry_in(version: Version, step: DefinitionId) -> Entry | None:
    module = ModuleName(step.partition(":")[0])
    bundle = version.step.get(module) or version.workflow.get(module)
    for entry in bundle.entries if bundle is not None else ():
        if entry.id == step:
            return entry
    return None


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
    hints = {name: _evaluated(each, space) for name, each in said.items()}
    return {name: hint for name, hint in hints.items() if hint is not None}


def _evaluated(annotation: Any, space: dict[str, Any]) -> Any:
    alone = types.SimpleNamespace(__annotations__={"it": annotation})
    try:
        return typing.get_type_hints(alone, space, include_extras=True)["it"]
    except Exception:  # noqa: BLE001 - an annotation that does not resolve only costs the check
        return None


# --- step bodies -------------------------------------------------------------------------------

_POSITIONAL: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)
_UNRESOLVED: Final = object()
_NAMED: Final = frozenset({inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY})


class StepBody:
    """A step function and how recorded arguments are put into a call of it."""

    def __init__(
        self,
        registration: abi.Registration,
        entry: Entry | None,
        known: codec.Types,
        *,
        version: VersionId | None = None,
    ) -> None:
        """Prepare to call what was registered; `entry` is what the build says about it, and
        `version` whose code it is, if not the imported one's.
        """
        self.registration = registration
        self.version = version
        self.name = registration.id.partition(":")[2]
        self.declaration = declared(registration.function)
        self.retry_on: Matcher = self.declaration.retry_on if self.declaration else Exception
        self.give_up_on: Matcher = self.declaration.give_up_on if self.declaration else ()
        self._types = known
        self._entry = entry
        plain = getattr(registration.function, "__func__", registration.function)
        self._nested = abi.id_of(plain) != registration.id
        self._plain = plain
        self._hints: dict[str, Any] | None = None
        self._result: Any = _UNRESOLVED
        if self._nested:
            self._code = _nested_code(plain, registration.id)
            self._captures: tuple[str, ...] = self._code.co_freevars
            self.is_async = bool(self._code.co_flags & inspect.CO_COROUTINE)
            self._parameters = _parameters_of(self._code, entry)
        else:
            self._captures = ()
            self.is_async = _is_async(plain)
            self._parameters = tuple(inspect.signature(plain).parameters.values())
        takes_class = inspect.ismethod(registration.function)
        self._class = self._parameters[0].name if takes_class else None
        self._kinds = {each.name: each.kind for each in self._parameters}
        self._by_name = _NAMED.issuperset(self._kinds.values())

    def accepts(self, arguments: bytes) -> bool:
        """Tell whether this function can take a recorded call: its names, captures and types."""
        try:
            names = set(codec.decode_arguments(arguments, self.hints(), self._types))
        except CodecError:
            return False
        if not set(self._captures) <= names:
            return False
        names -= set(self._captures)
        variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        needed = {
            each.name
            for each in self._parameters
            if each.default is each.empty and each.kind not in variadic
        }
        return needed <= names <= set(self._kinds)

    def call(self, arguments: bytes | None) -> Any:
        """Decode the arguments and call the function; gives a coroutine if it is async."""
        assert arguments is not None
        values = codec.decode_arguments(arguments, self.hints(), self._types)
        function = self._plain
        if self._nested:
            cells = {name: values.pop(name) for name in self._captures if name in values}
            function = self._rebuilt(cells)
        if self._class is not None:
            values[self._class] = self._found(values[self._class])
        if self._by_name:
            return function(**values)
        args, kwargs = _spread(self._parameters, values)
        return function(*args, **kwargs)

    def recorded(self, value: Any, limit: int = codec.PAYLOAD_MAX) -> bytes:
        """Encode what the function returned. Raises `Unserialisable` for what no run could read,
        and `PayloadTooLarge`.
        """
        return codec.encode(
            value,
            path=f"the result of step `{self.name}`",
            annotation=self._returns(),
            types=self._types,
            limit=limit,
        )

    def _returns(self) -> Any:
        if self._result is _UNRESOLVED:
            if self._nested:
                text = None if self._entry is None else self._entry.signature.returns
                space = self._plain.__globals__
                self._result = None if text is None else _evaluated(text, space)
            else:
                self._result = result_annotation(self._plain)
        return self._result

    def _found(self, name: str) -> type:
        """Give the class that a class method was called on."""
        found = self._types.find(name)
        if found is None:
            raise UnknownType(
                f"step `{self.name}` was called on the class {name}, which this worker does not "
                "know. Keep the class where it was, or register it under its old name."
            )
        return found

    def hints(self) -> dict[str, Any]:
        """Give the annotations of the parameters, as far as they resolve."""
        if self._hints is None:
            self._hints = self._resolved_hints()
        return self._hints

    def _resolved_hints(self) -> dict[str, Any]:
        source: Any = self._plain
        if self._nested:
            source = types.FunctionType(self._code, self._plain.__globals__, self.name, None, tuple(
                types.CellType() for _ in self._code.co_freevars
            ))  # fmt: skip
            if self._entry is not None:
                source.__annotations__ = {
                    each.name: each.annotation
                    for each in self._entry.signature.parameters
                    if each.annotation is not None
                }
        try:
            hints = typing.get_type_hints(inspect.unwrap(source), include_extras=True)
        except Exception:  # noqa: BLE001 - an annotation that does not resolve only costs the check
            return {}
        hints.pop("return", None)
        if self._class is not None:
            hints[self._class] = str
        return {name: whole(self._kinds.get(name), hint) for name, hint in hints.items()}

    def _rebuilt(self, captured: Mapping[str, Any]) -> Callable[..., Any]:
        """Make the nested function anew around what the workflow had captured."""
        cells = tuple(
            types.CellType(captured[name]) if name in captured else types.CellType()
            for name in self._code.co_freevars
        )
        made = types.FunctionType(
            self._code, self._plain.__globals__, self._code.co_name, None, cells
        )
        made.__defaults__, made.__kwdefaults__ = _defaults(self._parameters)
        return made


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(inspect.unwrap(function)) or inspect.iscoroutinefunction(
        function
    )


def _nested_code(workflow: Any, step: DefinitionId) -> types.CodeType:
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


def _parameters_of(code: types.CodeType, entry: Entry | None) -> tuple[inspect.Parameter, ...]:
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


def _spread(
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
