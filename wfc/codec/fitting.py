"""Annotations win: what was recorded becomes what today's code says it is, or is refused.

Plain annotations are judged without pydantic, which is imported only when a `TypeAdapter` is
needed.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, ForwardRef

from wfc.codec.families import MisfitError, family_of, fields_of, restored
from wfc.codec.naming import Types, wire_name
from wfc.errors import PayloadMismatch, UnknownType

_SAYS_NOTHING: Final = frozenset({None, Any, object, inspect.Parameter.empty})
_PLAIN: Final = frozenset({types.NoneType, int, str, bytes, bool, float, dict, list})
_REACHES_NOTHING: Final = _SAYS_NOTHING | _PLAIN
_DEPTH_MAX: Final = 20
_SCALARS: Final = frozenset({int, str, bytes, bool, float})
_SETS: Final = (set, frozenset)
_UNIONS: Final = (typing.Union, types.UnionType)


class Unread(dict[str, Any]):
    """The fields of a value whose type was not found; an annotation may still say what it is."""

    __slots__ = ("name",)

    def __init__(self, name: str, fields: Mapping[str, Any]) -> None:
        """Keep the wire name and the fields."""
        super().__init__(fields)
        self.name = name

    def __hash__(self) -> int:  # type: ignore[override]  # it may stand for a key
        """Tell instances apart."""
        return id(self)


class Reachable:
    """Types by wire name: those an annotation reaches, then those of `types`."""

    def __init__(self, annotation: Any, types: Types) -> None:
        """Look into `annotation` first."""
        self._known = _reached_by(annotation)
        self._types = types

    def find(self, name: str) -> type | None:
        """Give the type of this wire name, or None."""
        return self._known.get(name) or self._types.find(name)


def says_nothing(annotation: Any) -> bool:
    """Tell whether an annotation leaves everything open."""
    return _hashable(annotation) and annotation in _SAYS_NOTHING


def is_plain(annotation: Any) -> bool:
    """Tell whether an annotation is judged by exact type alone."""
    return _hashable(annotation) and annotation in _PLAIN


def reaches_nothing(annotation: Any) -> bool:
    """Tell whether an annotation names no type that would have to be looked for."""
    try:
        return annotation in _REACHES_NOTHING
    except TypeError:  # it cannot be hashed
        return False


def fit(value: Any, annotation: Any, *, unread: bool, what: str) -> Any:
    """Make `value` what `annotation` says; `unread` tells that it holds an `Unread`.

    Raises `PayloadMismatch`, or `UnknownType` for what stays unread.
    """
    if not says_nothing(annotation):
        value = _judged(value, annotation, what)
    if unread:
        _check_read(value)
    return value


def _judged(value: Any, annotation: Any, what: str) -> Any:
    """Judge a value; whatever may be None reads everything else as if it could not.

    Upgrades call it `compatible` that a type gains None, and pydantic judges the members of a union
    in ways of its own.
    """
    inner = annotation if is_plain(annotation) else _without_none(annotation)
    if value is None and inner is not annotation:
        return None
    judge = _plain if is_plain(inner) else _fitted
    return judge(value, inner, what, annotation)


def _plain(value: Any, annotation: Any, what: str, said: Any) -> Any:
    if isinstance(value, annotation):
        return value
    if annotation is float and type(value) is int:
        return float(value)
    raise _mismatch(what, said, f"it is {_kind(value)}")


def _fitted(value: Any, annotation: Any, what: str, said: Any) -> Any:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if isinstance(value, Unread):
            return _restored(value, annotation, what)
        if _is_instance(value, annotation):
            return value  # a subclass stays itself
    adapter = adapter_of(annotation)
    if adapter is None:
        return value
    from pydantic import ValidationError  # noqa: PLC0415 - loaded when first needed

    try:
        return adapter.validate_python(value, strict=True)
    except ValidationError as error:
        strict = error
    try:
        fitted = adapter.validate_python(value)
    except ValidationError as error:
        raise _mismatch(what, said, _first(error)) from error
    if _is_converted(value, fitted, 0):
        raise _mismatch(what, said, _first(strict)) from strict
    return fitted


def _without_none(annotation: Any) -> Any:
    """Give what is left of ``X | None`` without the None; other annotations as they are."""
    if typing.get_origin(annotation) not in _UNIONS:
        return annotation
    parts = typing.get_args(annotation)
    rest = tuple(one for one in parts if one is not types.NoneType)
    return annotation if len(rest) == len(parts) or not rest else typing.Union[rest]  # noqa: UP007 - made of a tuple


def _first(error: Any) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])


def _is_converted(value: Any, fitted: Any, depth: int) -> bool:
    """Tell whether a text, number or truth value became one of another type.

    As in JSON, containers may become others (a list a tuple, a dict a model), and a text what is
    written as one (an enum, a date); what is plain in both is taken as strictly as it is alone.
    """
    if fitted is value or depth > _DEPTH_MAX:
        return False
    kind, became = type(value), type(fitted)
    if kind in _SCALARS:
        return became in _SCALARS and became is not kind and (kind, became) != (int, float)
    return any(_is_converted(one, other, depth + 1) for one, other in _pairs(value, fitted))


def _pairs(value: Any, fitted: Any) -> Iterable[tuple[Any, Any]]:
    """Give the parts of a container beside what became of them."""
    if isinstance(value, _SETS) or isinstance(fitted, _SETS):
        # In no order; what was plain and is plain now stands in both, or was converted.
        had = {type(item): item for item in value}
        other = next(iter(had.values()), None)
        return [(had.get(type(item), other), item) for item in fitted]
    if isinstance(value, list | tuple) and isinstance(fitted, list | tuple):
        return zip(value, fitted, strict=False)
    if not isinstance(value, dict):
        return ()
    if isinstance(fitted, dict):
        keys = zip(value, fitted, strict=False) if len(value) == len(fitted) else ()
        return [*keys, *((value[name], fitted[name]) for name in fitted if name in value)]
    family = family_of(type(fitted))
    parts = {} if family is None else fields_of(fitted, family)
    return [(value[name], part) for name, part in parts.items() if name in value]


def _restored(value: Unread, kind: type, what: str) -> Any:
    """Make a value of a class that was moved or renamed since it was recorded."""
    family = family_of(kind)
    if family is None:
        raise _mismatch(what, kind, f"it is a {value.name}")
    try:
        return restored(kind, family, value)
    except MisfitError as error:
        raise _mismatch(what, kind, str(error)) from error


def _is_instance(value: Any, kind: type) -> bool:
    try:
        return isinstance(value, kind)
    except TypeError:  # typed dictionaries and protocols cannot be asked
        return False


def adapter_of(annotation: Any) -> Any:
    """Give pydantic's judge of an annotation, or None for one that pydantic cannot ask."""
    return _adapter(annotation) if _hashable(annotation) else _adapter.__wrapped__(annotation)


@lru_cache(maxsize=2000)
def _adapter(annotation: Any) -> Any:
    """Make pydantic's judge of an annotation, or None for one that pydantic cannot ask.

    Those are unresolved names, protocols and, before Python 3.12, `typing.TypedDict`.
    """
    if isinstance(annotation, str | ForwardRef) or getattr(annotation, "_is_protocol", False):
        return None
    import pydantic  # noqa: PLC0415 - loaded when first needed
    import pydantic_core  # noqa: PLC0415 - likewise

    # Classes of no family are judged by `isinstance`; the option is refused where it is not needed.
    permissive = pydantic.ConfigDict(arbitrary_types_allowed=True)
    for config in (None, permissive):
        try:
            adapter = pydantic.TypeAdapter(annotation, config=config)
        except (
            pydantic.PydanticUserError,
            pydantic.PydanticUndefinedAnnotation,
            pydantic_core.SchemaError,
            NameError,
            TypeError,
        ):
            continue  # PydanticSchemaGenerationError is a PydanticUserError too
        return adapter if adapter.pydantic_complete else None
    return None


# --- what an annotation reaches ----------------------------------------------------------------


def _reached_by(annotation: Any) -> Mapping[str, type]:
    if reaches_nothing(annotation):
        return {}
    if _hashable(annotation):
        return _reached(annotation)
    return _reached.__wrapped__(annotation)


@lru_cache(maxsize=2000)
def _reached(annotation: Any) -> Mapping[str, type]:
    found: dict[str, type] = {}
    _reach(annotation, found, 0)
    return found


def _reach(annotation: Any, found: dict[str, type], depth: int) -> None:
    if depth > _DEPTH_MAX or isinstance(annotation, str | ForwardRef):
        return
    for part in typing.get_args(annotation):
        _reach(part, found, depth + 1)
    origin = typing.get_origin(annotation) or annotation
    if not isinstance(origin, type) or (family_of(origin) is None and not _is_enum(origin)):
        return
    name = wire_name(origin)
    known = found.get(name)
    if known is not None:
        if known is origin or known is _unbound(known):
            return
        # `Box[int]` and `Box[str]` both travel as `Box`; which of them it was, validation tells.
        found[name] = _unbound(known)
    else:
        found[name] = origin
    parameters = getattr(origin, "__pydantic_generic_metadata__", {}).get("args", ())
    for hint in (*parameters, *_hints(origin).values()):
        _reach(hint, found, depth + 1)


def _unbound(kind: type) -> type:
    """Give the generic pydantic model of which a class is a parametrised one, or the class."""
    generic = getattr(kind, "__pydantic_generic_metadata__", None)
    found: type = (generic and generic["origin"]) or kind
    return found


def _is_enum(kind: type) -> bool:
    return hasattr(kind, "__members__")


def _hints(kind: type) -> Mapping[str, Any]:
    try:
        return typing.get_type_hints(kind)
    except (NameError, TypeError, AttributeError):
        return {}  # an annotation that cannot be resolved reaches nothing


# --- what stays unread -------------------------------------------------------------------------


def _check_read(value: Any) -> None:
    """Look through containers for what no annotation has claimed. Raises `UnknownType`."""
    if isinstance(value, Unread):
        raise unknown_type(value.name)
    if isinstance(value, dict):
        for key, item in value.items():
            _check_read(key)
            _check_read(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            _check_read(item)
    elif (family := family_of(type(value))) is not None:
        for item in fields_of(value, family).values():
            _check_read(item)


def unknown_type(name: str) -> UnknownType:
    """Say that a payload names a type nobody knows here."""
    module, _, qualname = name.partition(":")
    return UnknownType(
        f"a payload holds a `{qualname}` of `{module}`, which is neither among the types of this "
        "build nor registered; nothing is imported because a payload names it. Annotate the step "
        "or parameter with the class, register it by "
        f'App.register_type({qualname}, name="{name}"), or name it under `[tool.wfc] types`.'
    )


def _mismatch(what: str, annotation: Any, why: str) -> PayloadMismatch:
    name = annotation.__qualname__ if isinstance(annotation, type) else str(annotation)
    return PayloadMismatch(
        f"{what} does not fit `{name}`: {why}.\n"
        "Either the value was wrong from the start, or the annotation has changed since it was "
        "recorded.\nCorrect the value where it is made, or let the annotation take the recorded "
        "shape too (a run in flight may also stay on its version)."
    )


def _kind(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__qualname__}"


def _hashable(annotation: Any) -> bool:
    try:
        hash(annotation)
    except TypeError:
        return False
    return True
