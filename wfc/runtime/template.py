"""A template: the loaded code of one workflow of one version, which all its runs share."""

from __future__ import annotations

import builtins
import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from wfc import abi, codec
from wfc.determinism import Rules
from wfc.ids import DefinitionId, ModuleName, Site, VersionId
from wfc.manifests.markers import changes_in
from wfc.manifests.rename_hints import NO_HINTS, RenameHints, hints_in
from wfc.manifests.store import Version
from wfc.runtime.namespaces import Copies, Namespaces
from wfc.runtime.parameters import whole
from wfc.runtime.steps import StepPlan

_EMPTY: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What executing the workflow bundles of a version has made."""

    fingerprint: str
    modules: Mapping[str, types.ModuleType]
    """By dotted name; classes are swapped for shims and state is frozen."""
    originals: Mapping[str, Mapping[str, Any]]
    """The namespaces before that."""


class Template:
    """The loaded code of one workflow of one version; all its runs share it."""

    def __init__(self, version: Version, workflow: DefinitionId, loaded: Loaded) -> None:
        """Take over what was loaded."""
        self.version: VersionId = version.id
        self.fingerprint = loaded.fingerprint
        self.workflow = workflow
        self.rules: Rules = version.rules
        self.hints = hints_in(version.manifest)
        self.loaded = loaded
        self._bundles = version.workflow
        self.fingerprints = version.fingerprints
        self._manifest = version.manifest
        self.plans: dict[DefinitionId, StepPlan] = {}
        self.children: dict[DefinitionId, Any] = {}
        module, _, self._qualname = workflow.partition(":")
        self._module = ModuleName(module)
        self.signature = inspect.signature(self._function(loaded.modules[module].__dict__))
        """The workflow's signature; annotations are text."""
        self.types: codec.Types = TemplateTypes(loaded.modules, version.classes, self.hints)
        self._copies = Copies(loaded.modules, module, self._qualname.partition(".")[0])
        self._annotations: dict[str, Any] | None = None

    def decode_arguments(self, data: bytes) -> dict[str, Any]:
        """Decode recorded arguments by the annotations of the workflow's parameters."""
        former = self.hints.parameters(self.workflow)
        if not former:
            return codec.decode_arguments(data, annotations=self.annotations, types=self.types)
        known = {old: self.annotations.get(new) for old, new in former.items()}
        found = codec.decode_arguments(data, {**self.annotations, **known}, types=self.types)
        return self.hints.arguments(self.workflow, found)

    @property
    def annotations(self) -> Mapping[str, Any]:
        """The annotations of the workflow's parameters, as types of this template."""
        if self._annotations is None:
            self._annotations = {
                name: whole(parameter.kind, self.evaluated(self._module, parameter.annotation))
                for name, parameter in self.signature.parameters.items()
            }
        return self._annotations

    @cached_property
    def result(self) -> Any:
        """What the workflow is annotated to return, as a type of this template."""
        return self.evaluated(self._module, self.signature.return_annotation)

    @cached_property
    def changes(self) -> tuple[str, ...]:
        """The markers that the workflow knows."""
        return changes_in(self._manifest).get(self.workflow, ())

    def spread(self, arguments: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Turn arguments by name into those of a call. Raises `TypeError` if one has no place."""
        unknown = sorted(arguments.keys() - self.signature.parameters.keys())
        if unknown:
            names = " and ".join(f"`{name}`" for name in unknown)
            raise TypeError(f"{self.workflow} was started with {names}, which it does not take")
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        by_name = False  # from the first omitted one on, positions cannot be used
        for name, parameter in self.signature.parameters.items():
            if name not in arguments:
                by_name = True
            elif parameter.kind is parameter.VAR_POSITIONAL:
                args.extend(arguments[name])
            elif parameter.kind is parameter.VAR_KEYWORD:
                kwargs.update(arguments[name])
            elif parameter.kind is parameter.KEYWORD_ONLY or (
                by_name and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
            ):
                kwargs[name] = arguments[name]
            else:
                args.append(arguments[name])
        return args, kwargs

    def instantiate(self) -> Namespaces:
        """Make the namespaces of one run."""
        spaces = self._copies.make()
        return Namespaces(spaces, self._function(spaces[self._copies.home]))

    def plan(self, definition: abi.Definition) -> StepPlan:
        """Give how a step is called from this template."""
        plan = self.plans.get(definition.id)
        if plan is None:
            plan = self.plans[definition.id] = StepPlan(definition, self)
        return plan

    def plan_of(self, step: DefinitionId) -> StepPlan:
        """Give how a step of this id is called that workflow code has called."""
        return self.plans[step]

    def function(self, name: DefinitionId) -> Any:
        """Give the stub of a step, or a workflow, that this template has loaded, or None."""
        module, _, qualname = name.partition(":")
        found: Any = self.loaded.modules.get(module)
        for part in qualname.split("."):
            found = None if found is None else getattr(found, part, None)
        return found if abi.id_of(found) == name else None

    def takes(self, definition: abi.Definition) -> dict[str, Any]:
        """Give what the parameters of a step are annotated with, as types of this template."""
        module = ModuleName(definition.id.partition(":")[0])
        parameters = definition.signature.parameters
        return {
            name: whole(parameters[name].kind, self.evaluated(module, text))
            for name, text in definition.annotations.items()
            if name in parameters
        }

    def returns(self, definition: abi.Definition) -> Any:
        """Give what a step is annotated to return, as a type of this template."""
        module = ModuleName(definition.id.partition(":")[0])
        text = definition.annotations.get("return", inspect.Parameter.empty)
        return self.evaluated(module, text)

    def line_of(self, site: Site) -> str | None:
        """Give ``path:line`` of a call place, if this version has it."""
        place = site.partition("~")[2]
        for module in self.loaded.modules:
            bundle = self._bundles.get(ModuleName(module))
            for call in bundle.sites if bundle is not None and place else ():
                if call.place == place:
                    return f"{bundle.path}:{call.span.line}" if bundle else None
        return None

    def _function(self, namespace: Mapping[str, Any]) -> Callable[..., Any]:
        head, *rest = self._qualname.split(".")
        found = namespace[head]
        for name in rest:
            found = getattr(found, name)
        return found  # type: ignore[no-any-return]  # a workflow is a function

    def evaluated(self, module: ModuleName, annotation: Any) -> Any:
        """Evaluate an annotation in the module as it was loaded: pydantic wants the real classes.

        What cannot be evaluated (a name that only type checkers see) says nothing: Any.
        """
        if annotation is inspect.Parameter.empty:
            return Any
        if not isinstance(annotation, str):
            return annotation
        space = {**self.loaded.originals[module], "__builtins__": builtins}
        try:
            return eval(annotation, space)  # noqa: S307 - text of the user's own module
        except Exception:  # noqa: BLE001 - likewise
            return Any


class TemplateTypes:
    """Finds the classes of a template by their wire name, ``app.models:Order``.

    Only modules that the template has loaded are looked at: bytes never make anything import.
    """

    def __init__(
        self,
        modules: Mapping[str, types.ModuleType],
        classes: frozenset[str],
        hints: RenameHints = NO_HINTS,
    ) -> None:
        """Allow `classes`, the template's own exceptions, and what is registered; a class is found
        by the names that it had before, too.
        """
        self._hints = hints
        self._modules = modules
        self._classes = classes
        self._found: dict[str, type] = {}
        for name in hints.owners:
            kind = self._own(name)
            if kind is not None:
                codec.remember_former(kind, hints.parameters(name))

    def find(self, name: str) -> type | None:
        """Give the type of this wire name, or None."""
        found = self._found.get(name)
        if found is None:
            present = self._hints.definition(name)
            found = self._own(name) or self._own(present) or codec.REGISTERED.find(name)
            if found is not None:
                self._found[name] = found
        return found

    def _own(self, name: str) -> type | None:
        module, _, qualname = name.partition(":")
        found: Any = self._modules.get(module)
        for part in qualname.split("."):
            found = getattr(found, "__dict__", _EMPTY).get(part)
        if not inspect.isclass(found):
            return None
        return found if name in self._classes or issubclass(found, BaseException) else None
