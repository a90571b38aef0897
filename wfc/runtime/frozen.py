"""Module state of a template: shared by all its runs, so it can be read and not written.

Lists, dicts, sets and deques become subclasses whose changing methods raise. For everything
else they are what they were: copies are plain, and the codec records them as the plain type.
"""

from __future__ import annotations

import inspect
import types
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from wfc.codec.encoding import THAWED
from wfc.runtime import refusals

_LIST: Final = (
    "append extend insert remove pop clear sort reverse __setitem__ __delitem__ __iadd__ __imul__"
)
_DICT: Final = (
    "clear pop popitem setdefault update __setitem__ __delitem__ __ior__ "
    "move_to_end subtract __iadd__ __isub__ __iand__"
)
_SET: Final = (
    "add discard remove pop clear update intersection_update difference_update "
    "symmetric_difference_update __ior__ __iand__ __isub__ __ixor__"
)
_DEQUE: Final = (
    "append appendleft extend extendleft insert remove pop popleft rotate clear reverse "
    "__setitem__ __delitem__ __iadd__ __imul__"
)
_KINDS: Final[tuple[tuple[type, str], ...]] = (
    (list, _LIST), (dict, _DICT), (set, _SET), (deque, _DEQUE),
)  # fmt: skip
PLAIN: Final[dict[type, type]] = {}
"""Of each frozen class, the plain one."""
_FROZEN: Final[dict[type, type]] = {}


def _changing(name: str, plain: type) -> Callable[..., Any]:
    def refused(self: Any, *_args: Any, **_kwargs: Any) -> Any:
        refusals.refuse_write(f"a module-level {plain.__name__} by `{name}` ({_brief(self)})")

    refused.__name__ = refused.__qualname__ = name
    return refused


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - of a message's line


def _frozen_class(plain: type) -> type | None:
    """Give the read-only subclass of a container class, made when it is first needed."""
    known = _FROZEN.get(plain)
    if known is not None:
        return known
    names = next((names for base, names in _KINDS if issubclass(plain, base)), None)
    if names is None or (plain.__module__ not in {"builtins", "collections"}):
        return None
    members: dict[str, Any] = {
        name: _changing(name, plain) for name in names.split() if hasattr(plain, name)
    }
    members["__reduce__"] = lambda self: (_thaw, (plain, _parts(self)))
    members["__reduce_ex__"] = lambda self, _protocol: (_thaw, (plain, _parts(self)))
    members["__copy__"] = lambda self: _thaw(plain, _parts(self))
    members["copy"] = members["__copy__"]
    members["__slots__"] = ()
    frozen = type(plain.__name__, (plain,), members)
    frozen.__qualname__ = plain.__qualname__
    frozen.__module__ = plain.__module__
    _FROZEN[plain] = frozen
    PLAIN[frozen] = plain
    THAWED[frozen] = members["__copy__"]
    return frozen


def _parts(value: Any) -> tuple[Any, ...]:
    if isinstance(value, dict):
        factory = getattr(value, "default_factory", None)
        return (factory, dict.copy(value)) if hasattr(value, "default_factory") else (dict(value),)
    if isinstance(value, deque):
        return (list(value), value.maxlen)
    return (list(value),)


def _thaw(plain: type, parts: tuple[Any, ...]) -> Any:
    return plain(*parts)


def freeze(value: Any, known: dict[int, Any]) -> Any:
    """Give the read-only twin of `value`; `known` keeps what was frozen, by identity.

    Values without containers in them are given back as they are.
    """
    twin = known.get(id(value), known)
    if twin is not known:
        return twin
    kind = type(value)
    if kind is tuple:
        items = tuple(freeze(each, known) for each in value)
        changed = any(new is not old for new, old in zip(items, value, strict=True))
        return items if changed else value
    frozen = None if kind in PLAIN else _frozen_class(kind)
    if frozen is None:
        return value
    twin = frozen.__new__(frozen)  # type: ignore[call-overload]  # the class is one of containers
    known[id(value)] = twin
    _fill(twin, kind, _frozen_parts(value, known))
    return twin


def _fill(twin: Any, kind: type, parts: tuple[Any, ...]) -> None:
    """Fill a twin by the plain class's own means, past the methods that refuse."""
    if issubclass(kind, OrderedDict):
        for key, item in parts[0].items():
            kind.__setitem__(twin, key, item)
    elif issubclass(kind, Counter):
        dict.update(twin, parts[0])  # its own `__init__` calls `update`, which refuses
    else:
        kind.__init__(twin, *parts)


def _frozen_parts(value: Any, known: dict[int, Any]) -> tuple[Any, ...]:
    if isinstance(value, dict):
        items = {key: freeze(item, known) for key, item in value.items()}
        return (value.default_factory, items) if hasattr(value, "default_factory") else (items,)
    items_ = [freeze(each, known) for each in value]
    return (items_, value.maxlen) if isinstance(value, deque) else (items_,)


def freeze_namespace(namespace: dict[str, Any], module: str, known: dict[int, Any]) -> None:
    """Freeze the state of a module: its names, defaults of its functions, attributes of classes."""
    for name, value in list(namespace.items()):
        if name.startswith("__"):
            continue
        namespace[name] = freeze(value, known)
        _freeze_inside(value, module, known)


def _freeze_inside(value: Any, module: str, known: dict[int, Any]) -> None:
    if isinstance(value, types.FunctionType) and value.__module__ == module:
        if value.__defaults__:
            value.__defaults__ = freeze(value.__defaults__, known)
        if value.__kwdefaults__:
            value.__kwdefaults__ = {
                name: freeze(each, known) for name, each in value.__kwdefaults__.items()
            }
    elif inspect.isclass(value) and value.__module__ == module:
        for name, member in _class_state(value):
            twin = freeze(member, known)
            if twin is not member:
                setattr(value, name, twin)
            _freeze_inside(getattr(member, "__func__", member), module, known)


def _class_state(kind: type) -> Iterable[tuple[str, Any]]:
    """List what a class body bound; what frameworks keep on the class is theirs."""
    return [
        (name, member)
        for name, member in vars(kind).items()
        if not name.startswith("_") and name != "model_config"
    ]
