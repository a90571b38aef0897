"""Classes that travel by their fields: dataclasses, pydantic models, attrs, structs, namedtuples.

A field that the class does not have any more is dropped on reading, and one that it did not have
yet takes its default. Objects are restored, not constructed: no `__init__`, `__post_init__` or
converter runs again, except where the family offers no other way (pydantic validates, a struct is
made by its constructor).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

from wfc.codec import tags


class MisfitError(Exception):
    """The recorded fields do not make a value of the class."""


@dataclasses.dataclass(frozen=True, slots=True)
class Family:
    """How the classes of one family are taken apart and restored."""

    tag: int
    names: Callable[[Any], Iterable[str]]
    restore: Callable[[Any, Mapping[str, Any]], Any]


def family_of(kind: type) -> Family | None:
    """Give the family of a class, or None."""
    for marker, family in _MARKERS.items():
        if hasattr(kind, marker):
            return None if marker == "_fields" and not issubclass(kind, tuple) else family
    return None


def fields_of(value: Any, family: Family) -> dict[str, Any]:
    """Take a value apart. Raises `AttributeError` for a field that was never set."""
    if family is _PYDANTIC:
        # The instance's dict may hold more: cached properties are no fields.
        held = value.__dict__
        known = {name: held[name] for name in family.names(type(value)) if name in held}
        return {**known, **(value.__pydantic_extra__ or {})}
    return {name: getattr(value, name) for name in family.names(type(value))}


def unset_of(value: Any, family: Family) -> list[str]:
    """Name the fields of a pydantic model that nobody set; `exclude_unset` asks for them."""
    if family is not _PYDANTIC:
        return []
    return sorted(set(family.names(type(value))) - value.model_fields_set)


_FORMER: Final[WeakKeyDictionary[type, Mapping[str, str]]] = WeakKeyDictionary()
"""What fields or members of a class were called before, with their present names."""


def remember_former(kind: type, names: Mapping[str, str]) -> None:
    """Read fields (of an enumeration, members) of a class by former names too: old -> present."""
    _FORMER[kind] = names


def present_names(kind: type, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give recorded fields by their present names."""
    former = _FORMER.get(kind)
    if former is None:
        return fields
    moved = {former[name]: value for name, value in fields.items() if name in former}
    return {**moved, **{name: value for name, value in fields.items() if name not in former}}


def present_name(kind: type, member: str) -> str:
    """Give the present name of a recorded member of an enumeration."""
    return _FORMER.get(kind, {}).get(member, member)


def restored(kind: type, family: Family, fields: Mapping[str, Any]) -> Any:
    """Make an object of its recorded fields. Raises `MisfitError`."""
    fields = present_names(kind, fields)
    try:
        return family.restore(kind, fields)
    except (ValueError, TypeError, KeyError) as error:  # pydantic's and the users' own
        raise MisfitError(
            f"the recorded {kind.__qualname__} does not fit the class any more: {error}"
        ) from error


def _filled(
    kind: type, fields: Mapping[str, Any], defaults: Iterable[tuple[str, Callable[[], Any]]]
) -> Any:
    value: Any = object.__new__(kind)
    for name, default in defaults:
        # Frozen classes are filled through `object`.
        object.__setattr__(value, name, fields[name] if name in fields else default())
    return value


def _missing(kind: type, name: str) -> MisfitError:
    return MisfitError(f"the recorded {kind.__qualname__} has no `{name}`, which has no default")


# --- dataclasses -------------------------------------------------------------------------------


@lru_cache(maxsize=10_000)
def _names_of(kind: Any) -> tuple[str, ...]:
    """Name the fields of a dataclass; kept, since a replay encodes thousands of one class."""
    return tuple(field.name for field in dataclasses.fields(kind))


def _restore_dataclass(kind: Any, fields: Mapping[str, Any]) -> Any:
    def default_of(field: dataclasses.Field[Any]) -> Callable[[], Any]:
        def make() -> Any:
            if field.default is not dataclasses.MISSING:
                return field.default
            if field.default_factory is not dataclasses.MISSING:
                return field.default_factory()
            raise _missing(kind, field.name)

        return make

    return _filled(
        kind, fields, ((field.name, default_of(field)) for field in dataclasses.fields(kind))
    )


# --- pydantic ----------------------------------------------------------------------------------


def _restore_model(kind: Any, fields: Mapping[str, Any]) -> Any:
    known = kind.model_fields
    if kind.model_config.get("extra") != "allow":
        fields = {name: value for name, value in fields.items() if name in known}
    if kind.__pydantic_root_model__:
        return kind.model_validate(fields["root"])
    return kind.model_validate(fields, by_alias=False, by_name=True)


# --- attrs and structs -------------------------------------------------------------------------


def _restore_attrs(kind: Any, fields: Mapping[str, Any]) -> Any:
    def default_of(attribute: Any) -> Callable[[], Any]:
        def make() -> Any:
            default = attribute.default
            if hasattr(default, "factory"):
                if default.takes_self:
                    raise _missing(kind, attribute.name)
                return default.factory()
            if getattr(default, "name", None) == "NOTHING":
                raise _missing(kind, attribute.name)
            return default

        return make

    return _filled(kind, fields, ((one.name, default_of(one)) for one in kind.__attrs_attrs__))


def _restore_struct(kind: Any, fields: Mapping[str, Any]) -> Any:
    known = {name: fields[name] for name in kind.__struct_fields__ if name in fields}
    return kind(**known)


# --- namedtuples -------------------------------------------------------------------------------


def _restore_namedtuple(kind: Any, fields: Mapping[str, Any]) -> Any:
    def item(name: str) -> Any:
        if name in fields:
            return fields[name]
        if name in kind._field_defaults:
            return kind._field_defaults[name]
        raise _missing(kind, name)

    return tuple.__new__(kind, [item(name) for name in kind._fields])


_PYDANTIC: Final = Family(tags.PYDANTIC, lambda kind: kind.model_fields, _restore_model)
_MARKERS: Final[Mapping[str, Family]] = {
    "__dataclass_fields__": Family(
        tags.DATACLASS,
        _names_of,
        _restore_dataclass,
    ),
    "__pydantic_root_model__": _PYDANTIC,
    "__attrs_attrs__": Family(
        tags.ATTRS, lambda kind: [one.name for one in kind.__attrs_attrs__], _restore_attrs
    ),
    "__struct_fields__": Family(
        tags.ATTRS, lambda kind: cast("Iterable[str]", kind.__struct_fields__), _restore_struct
    ),
    "_fields": Family(
        tags.NAMEDTUPLE, lambda kind: cast("Iterable[str]", kind._fields), _restore_namedtuple
    ),
}
"""By the attribute that marks the family: nothing need be imported to know a class."""
