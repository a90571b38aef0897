"""Templates: the workflow code of a version, loaded once and handed to each of its runs.

The modules of a workflow bundle are executed once, under names of their own
(`app.models@3f9c...`) that are added to `sys.modules`, so that pydantic and dataclasses find the
names of their own version by the `__module__` of its classes; `__name__` is what it was. A run gets
small namespaces of its own with the functions rebound to them, which costs microseconds and some
hundred bytes; all else it shares.
"""

from __future__ import annotations

import dis
import hashlib
import importlib.util
import linecache
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from wfc import abi
from wfc.determinism import Verdict, lookup
from wfc.errors import BundleBroken, CompileError, WfcError
from wfc.ids import DefinitionId, ModuleName
from wfc.manifests.bundle import Bundle
from wfc.manifests.code import code_of
from wfc.manifests.sites import SiteTable
from wfc.manifests.store import Version
from wfc.runtime import context, refusals
from wfc.runtime.definitions import definition_of
from wfc.runtime.frozen import Freezer
from wfc.runtime.namespaces import TemplateModule, functions_in
from wfc.runtime.shims import SWAPPED
from wfc.runtime.shims.ambient import without_disk
from wfc.runtime.template import Loaded, Template
from wfc.runtime.views import Views, restricted_builtins

_NAME_DIGITS: Final = 12
_PRELUDES: Final = "preludes"
_CLOCK_METHODS: Final = ("now", "today", "utcnow")


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
    loaded = loader.loaded()
    if qualname.partition(".")[0] not in namespace:
        raise BundleBroken(f"the bundle of {module} in version {version.id} lacks {qualname}")
    return Template(version, workflow, loaded)


@contextmanager
def preludes(version: Version) -> Iterator[Mapping[str, Mapping[str, Any]]]:
    """Execute every workflow bundle of a version for the names it binds, and forget it again.

    A module whose top level fails is left out, with those that import it: whoever loads a workflow
    that needs it is told.
    """
    loader = _Loader(version, _PRELUDES)
    found: dict[str, Mapping[str, Any]] = {}
    made: dict[str, TemplateModule] = {}
    try:
        for name in version.workflow:
            before = dict(loader.modules)
            try:
                found[name] = dict(loader.load(name).__dict__)
            except (Exception, SystemExit):  # noqa: BLE001 - see above
                made.update(loader.modules)
                loader.modules = before
        yield found
    finally:
        loader.forget(made | loader.modules)


class _Loader:
    """Executes the workflow bundles of a version, each once, and serves their imports."""

    def __init__(self, version: Version, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self.modules: dict[str, TemplateModule] = {}
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
        module = self.modules[name] = TemplateModule(name)
        sys.modules[name + self._suffix] = module
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

    def forget(self, names: Iterable[str]) -> None:
        """Take modules out of `sys.modules` again; the imported ones of the same names stay."""
        for name in names:
            sys.modules.pop(name + self._suffix, None)

    def _execute(self, bundle: Bundle, name: str, space: dict[str, Any]) -> None:
        definitions = {
            entry.qualname: definition_of(entry) for entry in bundle.entries if entry.kind == "step"
        }
        place_at = SiteTable(bundle).place_at
        space[abi.NAME] = abi.Bundle(
            bundle.module,
            space,
            definitions,
            place_at,
            allowed=bundle.allowed,
            home=name + self._suffix,
        )
        filename = _filename(self._version, bundle)
        token = context.loading.set(bundle)
        try:
            for code in code_of(bundle, filename):
                _refuse_global_writes(code, bundle)
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

    def loaded(self) -> Loaded:
        """Put shims in the place of classes and freeze what all runs share."""
        swaps = {id(genuine): (genuine, shim) for genuine, shim in SWAPPED.values()}
        freezer = Freezer()
        for name, module in self.modules.items():
            space = module.__dict__
            self.originals[name] = dict(space)
            _swap(space, swaps)
            freezer.freeze_namespace(space, module.__name__)
        return Loaded(fingerprint=self.fingerprint, modules=self.modules, originals=self.originals)

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
        module = self._find(name, str(space.get("__name__", "")))
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


def _refuse_global_writes(code: types.CodeType, bundle: Bundle) -> None:
    for inner in functions_in(code):
        for instruction in dis.get_instructions(inner):
            if instruction.opname in {"STORE_GLOBAL", "DELETE_GLOBAL"}:
                refusals.refuse_at(
                    f"`{inner.co_qualname}` in {bundle.module} writes the global "
                    f"`{instruction.argval}`. Runs share no state, and a replay would begin "
                    "with another value. Pass it as an argument, or return it.",
                    refusals.GLOBAL,
                    bundle,
                    _line_of(instruction, inner),
                    refusals.source_path(inner.co_filename),
                )


def _line_of(instruction: dis.Instruction, code: types.CodeType) -> int:
    places = instruction.positions
    return (places.lineno if places is not None else None) or code.co_firstlineno


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
