"""Templates: the workflow code of a version, loaded once and handed to each of its runs.

The modules of a workflow bundle are executed once, under names of their own
(`app.models@3f9c...`) that are added to `sys.modules`, so that pydantic and dataclasses find
the names of their own version. A run gets small namespaces of its own with the functions rebound
to them, which costs microseconds and some hundred bytes; all else it shares.
"""

from __future__ import annotations

import builtins
import dis
import hashlib
import importlib.util
import inspect
import linecache
import sys
import types
from ast import literal_eval
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from wfc import abi, codec
from wfc.determinism import Rules, Verdict, lookup
from wfc.errors import BundleBroken, CompileError, WfcError
from wfc.ids import DefinitionId, ModuleName, Site, VersionId
from wfc.manifests.bundle import Bundle, Entry, Parameter
from wfc.manifests.code import code_of
from wfc.manifests.sites import SiteTable
from wfc.manifests.store import Version
from wfc.runtime import context, refusals
from wfc.runtime.frozen import Freezer
from wfc.runtime.parameters import whole
from wfc.runtime.shims import SWAPPED
from wfc.runtime.shims.ambient import without_disk
from wfc.runtime.steps import StepPlan
from wfc.runtime.views import Views, restricted_builtins

_NAME_DIGITS: Final = 12
_EMPTY: Final[Mapping[str, Any]] = {}
_CLOCK_METHODS: Final = ("now", "today", "utcnow")


class Template:
    """The loaded code of one workflow of one version; all its runs share it."""

    def __init__(self, version: Version, workflow: DefinitionId, loader: _Loader) -> None:
        """Take over what `loader` has loaded."""
        self.version: VersionId = version.id
        self.fingerprint = loader.fingerprint
        self.workflow = workflow
        self.rules: Rules = version.rules
        self._loader = loader
        self._bundles = version.workflow
        self.plans: dict[DefinitionId, StepPlan] = {}
        module, _, self._qualname = workflow.partition(":")
        self._module = ModuleName(module)
        self.signature = inspect.signature(self._function(loader.modules[module].__dict__))
        """The workflow's signature; annotations are text."""
        self.types: codec.Types = TemplateTypes(loader.modules, version.classes)
        self._copies = _Copies(loader.modules, module, self._qualname.partition(".")[0])
        self._annotations: dict[str, Any] | None = None

    def decode_arguments(self, data: bytes) -> dict[str, Any]:
        """Decode recorded arguments by the annotations of the workflow's parameters."""
        return codec.decode_arguments(data, annotations=self.annotations, types=self.types)

    @property
    def annotations(self) -> Mapping[str, Any]:
        """The annotations of the workflow's parameters, as types of this template."""
        if self._annotations is None:
            self._annotations = {
                name: whole(parameter.kind, self._evaluated(self._module, parameter.annotation))
                for name, parameter in self.signature.parameters.items()
            }
        return self._annotations

    @cached_property
    def result(self) -> Any:
        """What the workflow is annotated to return, as a type of this template."""
        return self._evaluated(self._module, self.signature.return_annotation)

    def spread(self, arguments: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Turn arguments by name into those of a call."""
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

    def function(self, name: DefinitionId) -> Any:
        """Give the stub of a step, or a workflow, that this template has loaded, or None."""
        module, _, qualname = name.partition(":")
        found: Any = self._loader.modules.get(module)
        for part in qualname.split("."):
            found = None if found is None else getattr(found, part, None)
        return found if abi.id_of(found) == name else None

    def takes(self, definition: abi.Definition) -> dict[str, Any]:
        """Give what the parameters of a step are annotated with, as types of this template."""
        module = ModuleName(definition.id.partition(":")[0])
        parameters = definition.signature.parameters
        return {
            name: whole(parameters[name].kind, self._evaluated(module, text))
            for name, text in definition.annotations.items()
            if name in parameters
        }

    def returns(self, definition: abi.Definition) -> Any:
        """Give what a step is annotated to return, as a type of this template."""
        module = ModuleName(definition.id.partition(":")[0])
        text = definition.annotations.get("return", inspect.Parameter.empty)
        return self._evaluated(module, text)

    def line_of(self, site: Site) -> str | None:
        """Give ``path:line`` of a call place, if this version has it."""
        place = site.partition("~")[2]
        for module in self._loader.modules:
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

    def _evaluated(self, module: ModuleName, annotation: Any) -> Any:
        """Evaluate an annotation in the module as it was loaded: pydantic wants the real classes.

        What cannot be evaluated (a name that only type checkers see) says nothing: Any.
        """
        if annotation is inspect.Parameter.empty:
            return Any
        if not isinstance(annotation, str):
            return annotation
        space = {**self._loader.originals[module], "__builtins__": builtins}
        try:
            return eval(annotation, space)  # noqa: S307 - text of the user's own module
        except Exception:  # noqa: BLE001 - likewise
            return Any


class TemplateTypes:
    """Finds the classes of a template by their wire name, ``app.models:Order``.

    Only modules that the template has loaded are looked at: bytes never make anything import.
    """

    def __init__(self, modules: Mapping[str, types.ModuleType], classes: frozenset[str]) -> None:
        """Allow `classes`, the template's own exceptions, and what is registered."""
        self._modules = modules
        self._classes = classes
        self._found: dict[str, type] = {}

    def find(self, name: str) -> type | None:
        """Give the type of this wire name, or None."""
        found = self._found.get(name)
        if found is None:
            found = self._own(name) or codec.REGISTERED.find(name)
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


class Namespaces:
    """What is a run's own: namespaces for its functions, and that of the workflow."""

    __slots__ = ("_spaces", "workflow")

    def __init__(self, spaces: Iterable[dict[str, Any]], workflow: Callable[..., Any]) -> None:
        """Own `spaces`."""
        self._spaces = tuple(spaces)
        self.workflow = workflow

    def kill(self) -> None:
        """Let the guards of these functions say no from now on, in whatever context they run."""
        for space in self._spaces:
            space[abi.NAME] = _DEAD


_DEAD: Final = types.SimpleNamespace(live=bool, place_at=None)
"""Takes the place of `__wfc__` in a dropped run: `bool()` is a fast way to say False."""


def load_template(version: Version, workflow: DefinitionId) -> Template:
    """Load the workflow bundle of `workflow` and what it imports.

    Raises `BundleBroken` (the version has no such workflow, or its modules do not fit together),
    `EffectInWorkflow` (the top level has an effect), `CompileError` (the top level fails).
    """
    fingerprint = version.fingerprints.get(workflow)
    module, _, qualname = workflow.partition(":")
    if fingerprint is None or ModuleName(module) not in version.workflow:
        raise BundleBroken(
            f"version {version.id} has no workflow {workflow}. It holds "
            f"{', '.join(sorted(version.fingerprints)) or 'none'}. Build again."
        )
    loader = _Loader(version, fingerprint)
    namespace = loader.load(module).__dict__
    loader.finish()
    if qualname.partition(".")[0] not in namespace:
        raise BundleBroken(f"the bundle of {module} in version {version.id} lacks {qualname}")
    return Template(version, workflow, loader)


class _Module(types.ModuleType):
    """A module of a template."""

    def __setattr__(self, name: str, value: object) -> None:
        refusals.refuse_write(f"`{self.__name__.partition('@')[0]}.{name}`")

    def __delattr__(self, name: str) -> None:
        refusals.refuse_write(f"`{self.__name__.partition('@')[0]}.{name}`")


class _Loader:
    """Executes the workflow bundles of a version, each once, and serves their imports."""

    def __init__(self, version: Version, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self.modules: dict[str, _Module] = {}
        self.originals: dict[str, dict[str, Any]] = {}
        """The namespaces before classes were swapped and state was frozen."""
        self._version = version
        self._views = Views(version.rules)
        self._builtins = restricted_builtins(self._import, version.rules)
        self._suffix = _free_suffix(version, fingerprint)

    def load(self, name: str) -> types.ModuleType:
        """Give a first-party module, executed."""
        known = self.modules.get(name)
        if known is not None:
            return known
        bundle = self._version.workflow.get(ModuleName(name))
        module = self.modules[name] = _Module(name + self._suffix)
        sys.modules[module.__name__] = module
        space = module.__dict__
        space["__builtins__"] = self._builtins
        space["__package__"] = (
            name if bundle is None or bundle.is_package else name.rpartition(".")[0]
        )
        if "." in name:
            parent, _, last = name.rpartition(".")
            self.load(parent).__dict__[last] = module
        if bundle is not None:
            self._execute(bundle, name, space)
        return module

    def _execute(self, bundle: Bundle, name: str, space: dict[str, Any]) -> None:
        definitions = {
            entry.qualname: _definition(entry) for entry in bundle.entries if entry.kind == "step"
        }
        space[abi.NAME] = abi.Bundle(bundle.module, space, definitions, SiteTable(bundle).place_at)
        filename = _filename(self._version, bundle)
        token = context.loading.set(name)
        try:
            for code in code_of(bundle, filename):
                _refuse_global_writes(code, name)
                exec(code, space)  # noqa: S102 - this is what a bundle is for
            self._name_workflows(bundle, space)
        except WfcError:
            raise
        except Exception as error:
            raise CompileError(
                f"{bundle.path}: the top level of the workflow module {name} failed: {error!r}.\n"
                "It is executed once per version, before any run; workflows cannot run without it."
            ) from error
        finally:
            context.loading.reset(token)

    def _name_workflows(self, bundle: Bundle, space: dict[str, Any]) -> None:
        """Let workflows know their ids, by which they travel as values; stubs know theirs."""
        for entry in bundle.entries:
            function = space.get(entry.qualname)
            if entry.kind == "workflow" and isinstance(function, types.FunctionType):
                abi.name_function(function, entry.id)

    def finish(self) -> None:
        """Put shims in the place of classes and freeze what all runs share."""
        swaps = {id(genuine): (genuine, shim) for genuine, shim in SWAPPED.values()}
        freezer = Freezer()
        for name, module in self.modules.items():
            space = module.__dict__
            self.originals[name] = dict(space)
            _swap(space, swaps)
            freezer.freeze_namespace(space, module.__name__)

    # -- import statements of workflow code

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - the form of `__import__`
        locals: Mapping[str, Any] | None = None,  # noqa: A002, ARG002 - likewise
        fromlist: tuple[str, ...] | list[str] | None = (),
        level: int = 0,
    ) -> types.ModuleType:
        space = globals or {}
        if isinstance(fromlist, list):
            # C code that needs a module (`strptime`, a warning) imports it through the builtins of
            # whoever called it, with a list here, and takes the result out of `sys.modules`.
            return self._views.imported(name)
        if level:
            name = importlib.util.resolve_name("." * level + name, str(space.get("__package__")))
        module = self._find(name, str(space.get("__name__", "")).partition("@")[0])
        if not fromlist:
            return module if level else self._find_any(name.partition(".")[0])
        for each in fromlist:
            if self._is_first_party(f"{name}.{each}") and not hasattr(module, each):
                self.load(f"{name}.{each}")
        return module

    def _find(self, name: str, importer: str) -> types.ModuleType:
        if not self._is_first_party(name):
            self._admit(name, importer)
        return self._find_any(name)

    def _find_any(self, name: str) -> types.ModuleType:
        if self._is_first_party(name):
            return self.load(name)
        return self._views.module(name)

    def _is_first_party(self, name: str) -> bool:
        """Tell whether a template module has this name, or is below it."""
        if name in self._version.workflow or name in self.modules:
            return True
        below = name + "."
        return any(module.startswith(below) for module in self._version.workflow)

    def _admit(self, name: str, importer: str) -> None:
        """Refuse what the bundle's text does not import: it was asked for by other means."""
        bundle = self._version.workflow.get(ModuleName(importer))
        listed = () if bundle is None else bundle.imports
        if name == "__future__" or any(
            each == name or each.startswith(name + ".") for each in listed
        ):
            return
        entry = lookup(name, self._version.rules)
        if entry.verdict is Verdict.REFUSED:
            refusals.refuse_entry(name, entry)
        refusals.hit(
            f"workflow code of {importer or 'nowhere'} imports `{name}` by other means than "
            "an import statement, so the compiler could not look at it. Write `import ...`.",
            refusals.DYNAMIC,
        )


def _free_suffix(version: Version, fingerprint: str) -> str:
    """Give what is added to module names; two versions may hold workflows of one fingerprint."""
    suffix = f"@{fingerprint[:_NAME_DIGITS]}"
    count = 1
    while any(name + suffix in sys.modules for name in version.workflow):
        count += 1
        suffix = f"@{fingerprint[:_NAME_DIGITS]}.{count}"
    return suffix


def _swap(space: dict[str, Any], swaps: Mapping[int, tuple[Any, Any]]) -> None:
    for name, value in space.items():
        space[name] = _swapped(value, swaps)
    for value in space.values():
        if isinstance(value, types.FunctionType) and value.__globals__ is space:
            if value.__defaults__:
                value.__defaults__ = tuple(_swapped(each, swaps) for each in value.__defaults__)
            if value.__kwdefaults__:
                value.__kwdefaults__ = {
                    name: _swapped(each, swaps) for name, each in value.__kwdefaults__.items()
                }


def _swapped(value: Any, swaps: Mapping[int, tuple[Any, Any]]) -> Any:
    """Give the shim of a class, or of a method that reads the clock and was kept under a name."""
    found = swaps.get(id(value))
    if found is not None:
        return found[1]
    if isinstance(value, Path):
        return without_disk(value)
    owner = getattr(value, "__self__", None) if isinstance(value, types.BuiltinMethodType) else None
    found = None if owner is None else swaps.get(id(owner))
    if found is not None and value.__name__ in _CLOCK_METHODS:
        return getattr(found[1], value.__name__)
    return value


def _refuse_global_writes(code: types.CodeType, module: str) -> None:
    for inner in _functions(code):
        for instruction in dis.get_instructions(inner):
            if instruction.opname in {"STORE_GLOBAL", "DELETE_GLOBAL"}:
                refusals.hit(
                    f"`{inner.co_qualname}` in {module} writes the global "
                    f"`{instruction.argval}`. Runs share no state, and a replay would begin "
                    "with another value. Pass it as an argument, or return it.",
                    refusals.GLOBAL,
                    place=f"{refusals.source_path(inner.co_filename)}:{inner.co_firstlineno}",
                )


def _functions(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _functions(constant)


def _filename(version: Version, bundle: Bundle) -> str:
    """Give the source's own path while it is unchanged, so that breakpoints and coverage work."""
    path = Path(bundle.path).absolute()
    try:
        if hashlib.sha256(path.read_bytes()).hexdigest() == bundle.source_sha256:
            return str(path)
    except OSError:
        path = Path(bundle.path)
    name = f"<wfc {version.id[:_NAME_DIGITS]} {bundle.path}>"
    lines = bundle.text.splitlines(keepends=True)
    linecache.cache[name] = (len(bundle.text), None, lines, name)
    return name


def _definition(entry: Entry) -> abi.Definition:
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


class _Copies:
    """How the namespaces of a run are made of those of the template; worked out once.

    A run's namespace holds `__wfc__`, by which it can be killed, and copies of the functions that
    the workflow can come to by name, since a function can carry attributes. All else is frozen or
    refuses writes, so runs share it: Python finds it where it looks after the globals.
    """

    def __init__(self, modules: Mapping[str, types.ModuleType], module: str, head: str) -> None:
        """Prepare for the workflow that `module` holds under `head`, or inside of it."""
        self._functions: list[tuple[types.FunctionType, int]] = []
        self._bindings: dict[tuple[int, str], int] = {}
        """By namespace and name: the number of a function."""
        self._numbers: dict[int, int] = {}
        self._spaces = [each.__dict__ for each in modules.values()]
        self.home = list(modules).index(module)
        self._modules = _links(modules)
        if self._modules:
            # What a module is asked for by attribute cannot be found elsewhere.
            for place, space in enumerate(self._spaces):
                self._bind_all(place, space)
        else:
            self._keep_what_is_reached(head)

    def make(self) -> list[dict[str, Any]]:
        """Make all namespaces, the functions rebound to them."""
        if not self._modules:
            spaces = [dict(space) for space in self._spaces]
        else:
            spaces = self._as_modules()
        functions = [_rebound(function, spaces[home]) for function, home in self._functions]
        for (place, key), number in self._bindings.items():
            spaces[place][key] = functions[number]
        return spaces

    def _bind_all(self, place: int, names: Iterable[str]) -> list[types.FunctionType]:
        """Let these names of a namespace be each run's own, if they are functions; give those that
        are new.
        """
        found = []
        homes = {id(space): home for home, space in enumerate(self._spaces)}
        for key in names:
            value = self._spaces[place].get(key)
            if not isinstance(value, types.FunctionType) or _is_stub(value):
                continue
            home = homes.get(id(value.__globals__))
            if home is None:
                continue
            if id(value) not in self._numbers:
                self._numbers[id(value)] = len(self._functions)
                self._functions.append((value, home))
                found.append(value)
            self._bindings[place, key] = self._numbers[id(value)]
        return found

    def _keep_what_is_reached(self, head: str) -> None:
        """Follow names from the workflow on, and forget the namespaces that it does not come to."""
        places = {id(space): place for place, space in enumerate(self._spaces)}
        reached = {self.home}
        left = self._bind_all(self.home, [head])
        while left:
            function = left.pop()
            place = places[id(function.__globals__)]
            reached.add(place)
            left += self._bind_all(place, _names(function.__code__))
        kept = sorted(reached)
        small = [_small(self._spaces[place]) for place in kept]
        small[kept.index(self.home)][head] = self._spaces[self.home][head]
        self._functions = [(function, kept.index(home)) for function, home in self._functions]
        self._bindings = {(kept.index(place), key): n for (place, key), n in self._bindings.items()}
        for (place, key), number in self._bindings.items():
            small[place][key] = self._functions[number][0]
        self.home, self._spaces = kept.index(self.home), small

    def _as_modules(self) -> list[dict[str, Any]]:
        """Copy namespaces that hold modules of the template: those become modules of the run."""
        copies = [_Module(str(space["__name__"])) for space in self._spaces]
        spaces = [copy.__dict__ for copy in copies]
        for copied, space in zip(spaces, self._spaces, strict=True):
            copied.update(space)
        for place, key, target in self._modules:
            spaces[place][key] = copies[target]
        return spaces


def _links(modules: Mapping[str, types.ModuleType]) -> list[tuple[int, str, int]]:
    """List where one of `modules` holds another: its place, the name, the place of the other."""
    places = {id(module): place for place, module in enumerate(modules.values())}
    return [
        (place, key, places[id(value)])
        for place, module in enumerate(modules.values())
        for key, value in vars(module).items()
        if id(value) in places
    ]


_OWN: Final = ("__name__", "__package__", abi.NAME)
"""Names that C code looks up in the globals of a function and nowhere else, and `__wfc__`."""


def _small(space: Mapping[str, Any]) -> dict[str, Any]:
    """Make a namespace that finds the names of `space` among its builtins."""
    kept = {name: space[name] for name in _OWN}
    kept["__builtins__"] = {**space["__builtins__"], **space}
    return kept


def _names(code: types.CodeType) -> set[str]:
    """Collect the global names that code may look up, with that of functions inside it."""
    return set(code.co_names).union(*(inner.co_names for inner in _functions(code)))


def _is_stub(function: types.FunctionType) -> bool:
    """Tell a step's stub, which reads the run from the context, from code of the module."""
    return abi.id_of(function) is not None and function.__code__.co_filename == abi.__file__


def _rebound(function: types.FunctionType, space: dict[str, Any]) -> types.FunctionType:
    copy = types.FunctionType(
        function.__code__, space, function.__name__, function.__defaults__, function.__closure__
    )
    if function.__kwdefaults__:
        copy.__kwdefaults__ = function.__kwdefaults__
    if function.__annotations__:
        copy.__annotations__ = function.__annotations__
    if function.__dict__:
        copy.__dict__.update(function.__dict__)
    copy.__qualname__ = function.__qualname__
    copy.__doc__ = function.__doc__
    return copy
