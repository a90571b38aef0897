"""Classes of a template: shared by all its runs, so what is written to them would be too.

Python lets no class of the metaclass `type` be made read-only, so the classes of a template are
made with a metaclass that asks. It costs writes to classes, and nothing else.
"""

from __future__ import annotations

import builtins
import sys
import types
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakSet

from wfc import abi
from wfc.runtime import context, refusals

_SEALED: Final[WeakSet[type]] = WeakSet()
_PLAIN: Final[dict[type, type]] = {}
_GUARDED: Final[dict[type, type]] = {}
_OWN_RULES: Final = frozenset({"NamedTupleMeta", "_TypedDictMeta"})
"""Metaclasses of `typing` that give classes of another metaclass than themselves."""


def build_class(function: Any, name: str, *bases: Any, **options: Any) -> Any:
    """Make a class as a class statement does; at the top level of a template, a guarded one."""
    meta = options.get("metaclass")
    resolved = types.resolve_bases(bases)
    if context.loading.get() is not None or any(type(base) in _PLAIN for base in resolved):
        winner = _winner(meta, resolved)
        if winner is not None:
            options["metaclass"] = _guarded(winner)
    build: Callable[..., Any] = builtins.__build_class__
    return build(function, name, *bases, **options)


def is_guarded(value: Any) -> bool:
    """Tell a class that a template made."""
    return type(value) in _PLAIN


def is_sealed(kind: type) -> bool:
    """Tell whether a class is read-only."""
    return kind in _SEALED


def seal(kind: type) -> None:
    """Let no workflow code write to a guarded class from now on."""
    _SEALED.add(kind)


def _winner(meta: Any, bases: tuple[Any, ...]) -> type | None:
    """Give the metaclass that Python would choose; None lets Python say what is wrong."""
    winner = type if meta is None else meta
    if not isinstance(winner, type):
        return None  # any callable may make classes
    winner = _PLAIN.get(winner, winner)
    for base in bases:
        other = _PLAIN.get(type(base), type(base))
        if issubclass(other, winner):
            winner = other
        elif not issubclass(winner, other):
            return None
    return winner


def _guarded(meta: type) -> type:
    """Give the guarded twin of a metaclass; the twins are related as the metaclasses are."""
    if meta in _PLAIN or (meta.__module__ == "typing" and meta.__name__ in _OWN_RULES):
        return meta
    known = _GUARDED.get(meta)
    if known is not None:
        return known
    above = tuple(_guarded(base) for base in meta.__bases__ if issubclass(base, type))
    members = {name: getattr(meta, name) for name in ("__module__", "__qualname__", "__doc__")}
    members["__setattr__"], members["__delattr__"] = _writers(meta)
    twin = type(meta.__name__, (meta, *above), members)
    _PLAIN[twin], _GUARDED[meta] = meta, twin
    return twin


def _writers(meta: Any) -> tuple[Callable[..., None], Callable[..., None]]:
    """Make what writes to a class: frameworks may, since they keep what they know on classes."""

    def set_attribute(cls: type, name: str, value: object) -> None:
        if cls in _SEALED and abi.NAME in sys._getframe(1).f_globals:  # noqa: SLF001 - who writes
            refusals.refuse_write(f"the class attribute `{cls.__qualname__}.{name}`")
        meta.__setattr__(cls, name, value)

    def delete_attribute(cls: type, name: str) -> None:
        if cls in _SEALED and abi.NAME in sys._getframe(1).f_globals:  # noqa: SLF001 - who deletes
            refusals.refuse_write(f"the class attribute `{cls.__qualname__}.{name}`")
        meta.__delattr__(cls, name)

    return set_attribute, delete_attribute
