"""What an object holds beside its fields, which no payload would carry.

An object is restored from its fields, without its `__init__`: an attribute that `__post_init__`
set, or a private one of pydantic, would be missing from what is read back. So it is refused when
it is written, which is where its author can still do something about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from typing import Any, Final

from wfc.codec.families import MisfitError, family_of, restored


def check(value: Any, fields: Mapping[str, Any]) -> str | None:
    """Say what `value` holds beside its `fields` and what to do about it; None if nothing."""
    held = getattr(value, "__dict__", None)
    if held and not held.keys() <= fields.keys():
        for name in held.keys() - fields.keys():
            if not _may_go(type(value), name):
                return _sentence(value, name, held[name], "declare it")
    kind: Any = type(value)  # `lru_cache` wants what mypy does not take a type for
    for name in _slots(kind):
        if name not in fields and hasattr(value, name):
            return _sentence(value, name, getattr(value, name), "declare it")
    private = getattr(value, "__pydantic_private__", None)
    return _check_private(value, private, fields) if private else None


def _may_go(kind: type, name: str) -> bool:
    """Tell whether an attribute is computed anew where it is asked for, or is a library's own."""
    if name.startswith("__") and name.endswith("__"):
        return True
    return any(isinstance(vars(base).get(name), cached_property) for base in kind.__mro__)


@lru_cache(maxsize=10_000)
def _slots(kind: Any) -> tuple[str, ...]:
    """Name the slots that the user declared; those of a slotted family class are its own."""
    found: list[str] = []
    for base in kind.__mro__:
        own = vars(base)
        if (
            "__attrs_attrs__" in own
            or "__struct_fields__" in own
            or "__pydantic_core_schema__" in own
        ):
            continue
        declared: str | Iterable[str] = own.get("__slots__", ())
        names = (declared,) if isinstance(declared, str) else tuple(declared)
        found += [
            f"_{base.__name__.lstrip('_')}{name}" if name.startswith("__") else name
            for name in names
            if not name.endswith("__")
        ]
    return tuple(found)


def _check_private(value: Any, private: Mapping[str, Any], fields: Mapping[str, Any]) -> str | None:
    """See that reading the fields would set the private attributes to what they are."""
    declared = type(value).__private_attributes__
    odd = [name for name, item in private.items() if not _is_default(declared.get(name), item)]
    if not odd:
        return None
    # Validation runs `model_post_init` again, which may well set them to the same.
    again = _restored(value, fields)
    for name in odd:
        if name not in again or not _equal(again[name], private[name]):
            return _sentence(value, name, private[name], "make it public")
    return None


def _restored(value: Any, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    kind = type(value)
    family = family_of(kind)
    assert family is not None
    try:
        found: Mapping[str, Any] | None = restored(kind, family, fields).__pydantic_private__
    except MisfitError:
        return {}
    return found or {}


def _is_default(attribute: Any, item: Any) -> bool:
    return attribute is not None and _equal(attribute.get_default(), item)


def _equal(one: Any, other: Any) -> bool:
    """Compare as a user's own classes do, which may answer anything."""
    if type(one) is not type(other):
        return False
    try:
        return bool(one == other)
    except Exception:  # noqa: BLE001 - an array has no one answer; then it counts as changed
        return False


def _sentence(value: Any, name: str, item: Any, how: str) -> str:
    kind = type(value).__qualname__
    form = next((form for marker, form in _FORMS.items() if hasattr(type(value), marker)), "")
    shown = f"{name.lstrip('_')}: {type(item).__name__}{form}"
    return (
        f"holds `{name}`, which is no field of {kind}, so whoever reads it back would not find "
        f"it. To keep it {how}, for example `{shown}`; what can be computed from the fields may "
        "be a property or a functools.cached_property"
    )


_FORMS: Final[Mapping[str, str]] = {
    "__dataclass_fields__": " = field(init=False)",
    "__attrs_attrs__": " = attrs.field(init=False)",
}
"""By the mark of a family, how it declares a field that no caller gives."""
