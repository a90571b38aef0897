"""Modules as workflow code sees them: what is pure as it is, shims in their place, the rest
refused.

A refused name can be imported and named (in annotations, in `except`, in `isinstance`): only
its use is a guard hit, as for the compiler. Nothing can be written to a module that other runs
see.
"""

from __future__ import annotations

import builtins
import importlib
import inspect
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from typing import Any, Final

from wfc.determinism import Entry, Reason, Rules, Verdict, lookup
from wfc.runtime import context, refusals
from wfc.runtime.frozen import CAREFUL
from wfc.runtime.guarded import build_class
from wfc.runtime.module_facts import PLACES, ModuleFact
from wfc.runtime.shims import SHIMS, SWAPPED

_UNHASHED: Final = (int, float, complex, bool, type(None), bytes)
"""Whose hash, unlike that of text, is the same in every process; bytes are checked apart."""


class View(types.ModuleType):
    """A module of the host, or a shim of it, that cannot be written to."""

    def __init__(self, name: str, views: Views) -> None:
        """Show the module `name`; members are looked at when they are first asked for."""
        super().__init__(name)
        self.__dict__["__views__"] = views

    def __getattr__(self, name: str) -> Any:
        """Judge a member and keep the answer.

        Classes that are swapped after loading have two faces, so they are never kept.
        """
        swapped = SWAPPED.get(f"{self.__name__}.{name}")
        if swapped is not None:
            return swapped[context.loading.get() is None]
        value, lasts = self.__dict__["__views__"].member(self.__name__, name)
        if lasts:
            self.__dict__[name] = value
        return value

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: the module is shared by all runs, and by the host."""
        refusals.refuse_write(f"`{self.__name__}.{name}`")
        setattr(self.__dict__["__views__"].real(self.__name__), name, value)

    def __delattr__(self, name: str) -> None:
        """Refuse, likewise."""
        refusals.refuse_write(f"`{self.__name__}.{name}`")
        delattr(self.__dict__["__views__"].real(self.__name__), name)

    def __dir__(self) -> list[str]:
        """List what the module has."""
        return sorted(dir(self.__dict__["__views__"].real(self.__name__)))


class Refused:
    """A refused function: it may be named, and called or looked into only where it is allowed."""

    __slots__ = ("_entry", "_name", "_real")

    def __init__(self, name: str, entry: Entry, real: Any) -> None:
        """Stand for the dotted `name`, which is `real`."""
        self._name = name
        self._entry = entry
        self._real = real

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse."""
        refusals.refuse_entry(self._name, self._entry)
        return self._real(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        """Refuse."""
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        refusals.refuse_entry(self._name, self._entry)
        return getattr(self._real, name)

    def __repr__(self) -> str:
        """Say what it is."""
        return f"<refused {self._name}>"


class _Husk(type):
    """The class of classes that may be named, and not made or subclassed but where allowed."""

    wfc_real: type
    wfc_refuse: Callable[[], None]

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.wfc_real)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return subclass is cls or issubclass(subclass, cls.wfc_real)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        cls.wfc_refuse()
        return cls.wfc_real(*args, **kwargs)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        cls.wfc_refuse()
        return getattr(cls.wfc_real, name)


def _husk(name: str, real: type, entry: Entry) -> type:
    def refuse() -> None:
        refusals.refuse_entry(name, entry)

    def refuse_subclass(_cls: Any, /, **_options: Any) -> None:
        refuse()

    husk = _Husk(real.__name__, (), {"__module__": real.__module__})
    husk.wfc_real = real
    husk.wfc_refuse = staticmethod(refuse)
    # After its own creation, so that it refuses subclasses only.
    type.__setattr__(husk, "__init_subclass__", classmethod(refuse_subclass))
    return husk


def _build_class(function: Any, name: str, *bases: Any, **options: Any) -> Any:
    """Make a class as a class statement does, of no class that may only be named."""
    return build_class(function, name, *map(_subclassed, bases), **options)


def _subclassed(base: Any) -> Any:
    if type(base) is not _Husk:
        return base
    base.wfc_refuse()
    return base.wfc_real


class Views:
    """The modules of the host for the workflow code of one version."""

    def __init__(self, rules: Rules) -> None:
        """Judge by the table of effects and `rules`."""
        self._rules = rules
        self._modules: dict[str, View] = {}

    def module(self, name: str) -> types.ModuleType:
        """Give the view of the host's module `name`. Raises `ImportError` if there is none."""
        view = self._modules.get(name)
        if view is None:
            entry = lookup(name, self._rules)
            if entry.verdict is not Verdict.REFUSED:
                self.real(name)
            elif not _exists(name):  # it must, but it is executed only if it is used
                message = f"No module named {name!r}"
                raise ModuleNotFoundError(message, name=name)
            view = self._modules[name] = View(name, self)
            parent, _, last = name.rpartition(".")
            if parent:
                self.module(parent).__dict__.setdefault(last, view)
        return view

    def imported(self, name: str) -> types.ModuleType:
        """Let the host import a module, and give what workflow code may see of it."""
        self.real(name)
        return self.module(name)

    def real(self, name: str) -> types.ModuleType:
        """Give the host's module."""
        return sys.modules.get(name) or importlib.import_module(name)

    def member(self, module: str, name: str) -> tuple[Any, bool]:
        """Give the member `name` of a module: real, shim or refused; and whether it always is that.

        Raises `AttributeError`; `EffectInWorkflow` if reading it is refused.
        """
        dotted = f"{module}.{name}"
        if dotted in SHIMS:
            return SHIMS[dotted], True
        if name in {"__path__", "__spec__", "__file__", "__loader__", "__cached__"}:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        entry = lookup(dotted, self._rules)
        try:
            value = getattr(self.real(module), name)
        except ImportError:
            refusals.refuse_entry(dotted, entry)
            raise
        if isinstance(value, types.ModuleType):
            return self.module(value.__name__), True
        if entry.verdict is Verdict.REFUSED or entry.verdict is Verdict.SHIM:
            return self._refused(dotted, value, entry)
        return CAREFUL.get(dotted, value), True

    def _refused(self, dotted: str, value: Any, entry: Entry) -> tuple[Any, bool]:
        if inspect.isclass(value):
            if issubclass(value, BaseException):
                return value, True  # it does nothing; code must be able to catch it
            return _husk(dotted, value, entry), True
        if callable(value):
            return Refused(dotted, entry, value), True
        refusals.refuse_entry(dotted, entry)
        return value, False  # where it is allowed; elsewhere it is not


def _exists(name: str) -> bool:
    """Tell whether the host has a module, executing nothing of it and of the packages around it."""
    if name in sys.modules:
        return True
    path: Sequence[str] | None = None
    whole = ""
    for part in name.split("."):
        whole = f"{whole}.{part}" if whole else part
        known = sys.modules.get(whole)
        if known is not None:
            path = getattr(known, "__path__", None)
            continue
        spec = _spec_of(whole, path)
        if spec is None:
            return False
        path = spec.submodule_search_locations
    return True


def _spec_of(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        spec: ModuleSpec | None = None if find is None else find(name, path)
        if spec is not None:
            return spec
    return None


def restricted_builtins(import_: Callable[..., Any], rules: Rules) -> dict[str, Any]:
    """Give the builtins of workflow code: refused ones raise, `import_` admits modules."""
    names: dict[str, Any] = {}
    for name, value in vars(builtins).items():
        dotted = f"builtins.{name}"
        entry = lookup(dotted, rules)
        if name in PLACES:
            continue
        if dotted in SHIMS:
            names[name] = SHIMS[dotted]
        elif entry.verdict is Verdict.REFUSED:
            names[name] = Refused(dotted, entry, value)
        else:
            names[name] = value
    places = {name: ModuleFact(name, lookup(f"builtins.{name}", rules)) for name in PLACES}
    return {
        **names,
        **places,
        "__import__": import_,
        "__build_class__": _build_class,
        "hash": _hash,
        "id": _id,
    }


def _id(value: object) -> int:
    refusals.refuse(
        f"id({type(value).__qualname__})", Reason.ADDRESS, "Name the object by a field of its own"
    )
    return id(value)


def _hash(value: Any) -> int:
    """Hash what hashes equally in every process; a `__hash__` method may combine anything.

    What such a method gives decides only where a dict or a set keeps the value, which dicts do not
    show and the linter watches in sets.
    """
    if not _is_steady(value) and sys._getframe(1).f_code.co_name != "__hash__":  # noqa: SLF001 - who asks
        refusals.refuse(
            f"hash({type(value).__qualname__})",
            Reason.ADDRESS,
            "Use a field, or `hashlib`, which give the same in every process",
        )
    return hash(value)


def _is_steady(value: Any) -> bool:
    kind = type(value)
    if kind is tuple or kind is frozenset:
        return all(map(_is_steady, value))
    return kind in _UNHASHED and kind is not bytes


def shims_of(module: str) -> Mapping[str, Any]:
    """List the shims of a module, by member; for tests that nothing in the table is forgotten."""
    prefix = module + "."
    return {name[len(prefix) :]: each for name, each in SHIMS.items() if name.startswith(prefix)}
