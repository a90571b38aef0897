"""Module state of a template: shared by all its runs, so it can be read and not written.

Containers become subclasses whose changing methods raise. For everything else they are what they
were: copies are plain, and the codec records them as the plain type. Classes of the template, and
the objects of such classes that a module holds, stay themselves and refuse writes. What counts or
consumes (iterators, generators of numbers, locks, hashes) is replaced by a stand-in that refuses
to be used.
"""

from __future__ import annotations

import enum
import heapq
import inspect
import itertools
import random
import types
from array import array
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from functools import wraps
from reprlib import recursive_repr
from typing import Any, Final

from wfc.codec.encoding import THAWED
from wfc.runtime import refusals
from wfc.runtime.guarded import is_guarded, is_sealed, seal

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
_BYTES: Final = (
    "append extend insert remove pop clear reverse __setitem__ __delitem__ __iadd__ __imul__ "
    "frombytes fromlist fromunicode fromfile byteswap"
)
_OBJECT: Final = "__setattr__ __delattr__"
_KINDS: Final[tuple[tuple[type, str], ...]] = (
    (list, _LIST), (dict, _DICT), (set, _SET), (deque, _DEQUE), (bytearray, _BYTES),
    (array, _BYTES), (types.SimpleNamespace, _OBJECT),
)  # fmt: skip
_HOLDERS: Final = (UserDict, UserList, ChainMap)
"""Containers that keep a plain one in an attribute."""
_SHOWN_BY_NAME: Final = {set: "set(...)", types.SimpleNamespace: "namespace(...)"}
"""Classes of which Python shows a subclass otherwise, and how one that holds itself."""
_MODULES: Final = frozenset({"builtins", "collections", "array", "types"})
PLAIN: Final[dict[type, type]] = {}
"""Of each frozen class, the plain one."""
_FROZEN: Final[dict[type, type]] = {}


def _changing(name: str, plain: type) -> Callable[..., Any]:
    genuine = getattr(plain, name, None)

    def asked(self: Any, *args: Any, **kwargs: Any) -> Any:
        refusals.refuse_write(f"a module-level {plain.__name__} by `{name}` ({_brief(self)})")
        assert genuine is not None  # only methods that the plain class has are put in place
        return genuine(self, *args, **kwargs)

    asked.__name__ = asked.__qualname__ = name
    return asked


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - of a message's line


def _frozen_class(plain: type) -> type | None:
    """Give the read-only subclass of a container class, made when it is first needed."""
    known = _FROZEN.get(plain)
    if known is not None:
        return known
    names = next((names for base, names in _KINDS if issubclass(plain, base)), None)
    if names is None or plain.__module__ not in _MODULES:
        return None
    members: dict[str, Any] = {
        name: _changing(name, plain) for name in names.split() if hasattr(plain, name)
    }
    members["__reduce__"] = lambda self: (_thaw, (plain, _parts(self)))
    members["__reduce_ex__"] = lambda self, _protocol: (_thaw, (plain, _parts(self)))
    members["__copy__"] = lambda self: _thaw(plain, _parts(self))
    members["copy"] = members["__copy__"]
    if plain in _SHOWN_BY_NAME:
        members["__repr__"] = recursive_repr(_SHOWN_BY_NAME[plain])(
            lambda self: repr(_thaw(plain, _parts(self)))
        )
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
    if isinstance(value, array):
        return (value.typecode, list(value))
    if isinstance(value, types.SimpleNamespace):
        return (dict(vars(value)),)
    return (list(value),)


def _thaw(plain: type, parts: tuple[Any, ...]) -> Any:
    return plain(**parts[0]) if plain is types.SimpleNamespace else plain(*parts)


# --- what counts or consumes --------------------------------------------------------------------


class StandIn:
    """Takes the place of an object that every use changes: it may be named, and used only where
    that is allowed.
    """

    __slots__ = ("_kind", "_real")

    # `isinstance` is to tell what it was.
    __class__ = property(lambda self: object.__getattribute__(self, "_kind"))

    def __init__(self, real: Any) -> None:
        """Stand for this object."""
        self._kind = type(real)
        self._real = real

    def __getattr__(self, name: str) -> Any:
        """Refuse."""
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        self._refuse(name)
        return getattr(self._real, name)

    def __repr__(self) -> str:
        """Say what it is."""
        return f"<shared {self._kind.__name__}>"

    def _refuse(self, name: str) -> None:
        refusals.hit(
            f"workflow code uses a module-level `{self._kind.__name__}` by `{name}`, which changes "
            "it for all runs of this version, so a replay would not find it as it was.\n"
            "Make it inside the workflow.",
            refusals.FROZEN,
        )


def _refused_use(name: str) -> Callable[..., Any]:
    def used(self: StandIn, *args: Any, **kwargs: Any) -> Any:
        self._refuse(name)
        return getattr(self._kind, name)(self._real, *args, **kwargs)

    return used


_USES: Final = (
    "__iter__ __next__ __aiter__ __anext__ __call__ __len__ __contains__ __getitem__ __setitem__ "
    "__delitem__ __enter__ __exit__ __aenter__ __aexit__ __reduce_ex__"
)
for _name in _USES.split():
    setattr(StandIn, _name, _refused_use(_name))

_COUNTING_MODULES: Final = frozenset({"asyncio.locks", "asyncio.queues", "queue", "_queue"})


def _counts(kind: type, value: Any) -> bool:
    """Tell an object of the host that cannot be used without being changed."""
    if kind is itertools.repeat:
        return "," in repr(value)  # `repeat(x, 3)` counts down, `repeat(x)` does not
    return (
        issubclass(kind, Iterator | AsyncIterator | random.Random)
        or kind.__module__ in _COUNTING_MODULES
        or (hasattr(kind, "hexdigest") and hasattr(kind, "update"))
        or hasattr(kind, "pop_all")  # the exit stacks of `contextlib`
    )


def _past_its_methods(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a C function that changes a list by itself ask as the list's methods do."""

    @wraps(function)
    def careful(heap: Any, *args: Any) -> Any:
        if type(heap) in PLAIN:
            refusals.refuse_write(f"a module-level list by `{function.__name__}` ({_brief(heap)})")
        return function(heap, *args)

    return careful


CAREFUL: Final[Mapping[str, Callable[..., Any]]] = {
    f"heapq.{each.__name__}": _past_its_methods(each)
    for each in (
        heapq.heappush, heapq.heappop, heapq.heapify, heapq.heapreplace, heapq.heappushpop,
    )
}  # fmt: skip
"""By dotted name: functions that would change a frozen list without its methods."""


# --- freezing -----------------------------------------------------------------------------------


class Freezer:
    """Freezes the state of the modules of one template; what they share stays shared."""

    def __init__(self) -> None:
        """Begin with nothing frozen."""
        self._twins: dict[int, tuple[Any, Any]] = {}
        """By identity: a value, kept so that the identity stays its own, and its twin."""
        self._objects: dict[int, Any] = {}
        """The frozen objects of the template's classes, by identity."""
        self._guarding: set[type] = set()

    def freeze(self, value: Any) -> Any:
        """Give the read-only twin of `value`; values that hold no state are given back."""
        known = self._twins.get(id(value))
        if known is not None:
            return known[1]
        kind = type(value)
        if kind is tuple:
            items = tuple(map(self.freeze, value))
            changed = any(new is not old for new, old in zip(items, value, strict=True))
            return items if changed else value
        if kind is types.MethodType:
            self.freeze(value.__self__)
            return value
        if kind is types.BuiltinMethodType or kind is types.MethodWrapperType:
            owner = self.freeze(value.__self__)
            return value if owner is value.__self__ else getattr(owner, value.__name__)
        if is_guarded(kind) and not issubclass(kind, type):
            self._freeze_object(kind, value)
            return value
        return self._twin(kind, value)

    def _twin(self, kind: type, value: Any) -> Any:
        frozen = None if kind in PLAIN else _frozen_class(kind)
        if frozen is not None:
            twin = _blank(frozen, value)
            self._twins[id(value)] = value, twin
            _fill(twin, kind, self._frozen_parts(value))
        elif kind in _HOLDERS:
            twin = object.__new__(kind)
            self._twins[id(value)] = value, twin
            vars(twin).update({name: self.freeze(each) for name, each in vars(value).items()})
        elif kind is not StandIn and _counts(kind, value):
            twin = StandIn(value)
            self._twins[id(value)] = value, twin
        else:
            return value
        return twin

    def _frozen_parts(self, value: Any) -> tuple[Any, ...]:
        parts = _parts(value)
        if isinstance(value, dict):
            items = {key: self.freeze(item) for key, item in value.items()}
            return (*parts[:-1], items)
        if isinstance(value, types.SimpleNamespace):
            return ({name: self.freeze(each) for name, each in parts[0].items()},)
        if isinstance(value, bytearray | array):
            return parts
        return ([self.freeze(each) for each in value], *parts[1:])

    def _freeze_object(self, kind: type, value: Any) -> None:
        """Freeze an object of one of the template's classes, in place."""
        if id(value) in self._objects or isinstance(value, enum.Enum | BaseException):
            return
        self._objects[id(value)] = value
        for name, each in list(getattr(value, "__dict__", {}).items()):
            value.__dict__[name] = self.freeze(each)
        for slot in _slots(kind):
            try:
                each = slot.__get__(value, kind)
            except AttributeError:
                continue  # it was never set
            twin = self.freeze(each)
            if twin is not each:
                slot.__set__(value, twin)
        if kind not in self._guarding and not _refuses_itself(kind):
            self._guarding.add(kind)
            _guard_objects(kind, self._objects)

    def freeze_namespace(self, namespace: dict[str, Any], module: str) -> None:
        """Freeze a module: its names, defaults and cells of its functions, its classes."""
        for name, value in list(namespace.items()):
            if name.startswith("__"):
                continue
            namespace[name] = self.freeze(value)
            self._freeze_inside(value, module)

    def _freeze_inside(self, value: Any, module: str) -> None:
        if isinstance(value, types.FunctionType) and value.__module__ == module:
            self._freeze_function(value)
        elif inspect.isclass(value) and not is_sealed(value):
            if is_guarded(value):
                seal(value)
            elif str(value.__module__).partition("@")[0] != module:
                return
            for name, member in _class_state(value):
                twin = self.freeze(member)
                if twin is not member:
                    type.__setattr__(value, name, twin)
                self._freeze_inside(getattr(member, "__func__", member), module)

    def _freeze_function(self, function: types.FunctionType) -> None:
        if function.__defaults__:
            function.__defaults__ = self.freeze(function.__defaults__)
        if function.__kwdefaults__:
            function.__kwdefaults__ = {
                name: self.freeze(each) for name, each in function.__kwdefaults__.items()
            }
        for cell in function.__closure__ or ():
            try:
                cell.cell_contents = self.freeze(cell.cell_contents)
            except ValueError:
                continue  # it is empty


def _blank(frozen: Any, value: Any) -> Any:
    return (
        frozen.__new__(frozen, value.typecode)
        if isinstance(value, array)
        else frozen.__new__(frozen)
    )


def _fill(twin: Any, kind: type, parts: tuple[Any, ...]) -> None:
    """Fill a twin by the plain class's own means, past the methods that refuse."""
    if issubclass(kind, OrderedDict):
        for key, item in parts[0].items():
            kind.__setitem__(twin, key, item)
    elif issubclass(kind, Counter):
        dict.update(twin, parts[0])  # its own `__init__` calls `update`, which refuses
    elif issubclass(kind, array):
        array.extend(twin, array(*parts))
    elif issubclass(kind, types.SimpleNamespace):
        vars(twin).update(parts[0])
    else:
        kind.__init__(twin, *parts)


def _slots(kind: type) -> list[Any]:
    return [
        member
        for base in kind.__mro__
        for member in vars(base).values()
        if isinstance(member, types.MemberDescriptorType)
    ]


def _refuses_itself(kind: Any) -> bool:
    """Tell a frozen dataclass, which needs no guard."""
    parameters = getattr(kind, "__dataclass_params__", None)
    return parameters is not None and parameters.frozen


def _guard_objects(kind: Any, objects: Mapping[int, Any]) -> None:
    """Let objects of `kind` that are among `objects` refuse writes; the others pay a look-up."""
    write, delete = kind.__setattr__, kind.__delattr__

    def set_attribute(self: Any, name: str, value: object) -> None:
        if id(self) in objects:
            refusals.refuse_write(f"`{name}` of a module-level {kind.__qualname__}")
        write(self, name, value)

    def delete_attribute(self: Any, name: str) -> None:
        if id(self) in objects:
            refusals.refuse_write(f"`{name}` of a module-level {kind.__qualname__}")
        delete(self, name)

    type.__setattr__(kind, "__setattr__", set_attribute)
    type.__setattr__(kind, "__delattr__", delete_attribute)


def _class_state(kind: type) -> Iterable[tuple[str, Any]]:
    """List what a class body bound; what frameworks keep on the class is theirs."""
    theirs = issubclass(kind, enum.Enum)
    return [
        (name, member)
        for name, member in vars(kind).items()
        if not name.startswith("__")
        and name not in {"model_config", "_abc_impl"}
        and not (theirs and name.startswith("_"))
    ]
