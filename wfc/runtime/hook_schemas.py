"""What a hook takes: recorded by the workflow that makes it, read by whoever sends it something.

Recorded are the type, as far as it can be written down, and its JSON Schema. Where the type is
found again it judges; elsewhere the JSON Schema does, and the type then judges when the payload is
taken.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, Literal, Union
from uuid import UUID

from wfc import codec
from wfc.codec.fitting import adapter_of, says_nothing
from wfc.errors import HookPayloadInvalid, PayloadCorrupt, SchemaUnavailable

_KNOWN: Final[dict[str, Any]] = {
    codec.wire_name(kind): kind
    for kind in (
        int, str, bytes, bool, float, dict, list, tuple, set, frozenset, types.NoneType,
        datetime, date, time, timedelta, Decimal, UUID,
    )
}  # fmt: skip
_PROBLEMS_MAX: Final = 3
_POINTED_MAX: Final = 50


class _OpaqueError(Exception):
    """A type that cannot be written down, or that is not found here."""


# --- recording ---------------------------------------------------------------------------------


def recorded_schema(annotation: Any) -> bytes | None:
    """Write down what a hook takes; None: anything. Raises `TypeError`."""
    if says_nothing(annotation) and annotation is not None:
        return None
    try:
        hash(annotation)
    except TypeError:
        return _recorded.__wrapped__(annotation)
    return _recorded(annotation)


@lru_cache(maxsize=1000)
def _recorded(annotation: Any) -> bytes:
    adapter = adapter_of(annotation)
    if adapter is None:
        raise TypeError(
            f"create_hook({annotation!r}): pydantic cannot judge a payload by this. Give a class, "
            "or a type such as `list[int]` or `int | None`."
        )
    try:
        written = _written(annotation)
    except _OpaqueError:
        written = None
    return codec.encode({"type": written, "json": _json_schema(adapter)}, path="the hook's schema")


def _json_schema(adapter: Any) -> Any:
    from pydantic.errors import PydanticInvalidForJsonSchema  # noqa: PLC0415 - loaded when needed

    try:
        return adapter.json_schema()
    except PydanticInvalidForJsonSchema:
        return None  # who has not got the type cannot judge


def _written(annotation: Any) -> list[Any]:
    """Write a type down as nested lists. Raises `_OpaqueError`."""
    if says_nothing(annotation) and annotation is not None:
        return ["any"]
    if annotation is Ellipsis:
        return ["rest"]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is None:
        kind = types.NoneType if annotation is None else annotation
        return ["class", codec.wire_name(kind)] if isinstance(kind, type) else _refuse()
    if origin is Literal:
        plain = all(isinstance(each, str | int | None) for each in arguments)
        return ["literal", list(arguments)] if plain else _refuse()
    parts = [_written(each) for each in arguments]
    if origin in {Union, types.UnionType}:
        return ["union", parts]
    return ["generic", codec.wire_name(origin), parts] if isinstance(origin, type) else _refuse()


def _refuse() -> typing.NoReturn:
    raise _OpaqueError


# --- reading -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Schema:
    """What a hook takes, as its event tells: a type, if it is found here, and a JSON Schema."""

    annotation: Any = Any
    has_type: bool = True
    json_schema: Any = None

    def admit(self, payload: Any, *, as_json: bool = False) -> Any:
        """Judge a payload and give the value to be recorded; `as_json`: it was read from JSON.

        Raises `HookPayloadInvalid`, `SchemaUnavailable`.
        """
        if self.has_type:
            return _by_type(payload, self.annotation, as_json=as_json)
        _by_json_schema(payload, self.json_schema)
        return payload


def read_schema(data: bytes | None, types_: codec.Types) -> Schema:
    """Read what `recorded_schema` wrote. Raises `CannotDecrypt` for one that was withheld, and
    `PayloadCorrupt`.
    """
    if data is None:
        return Schema()
    if codec.is_withheld(data):
        raise codec.refuse_withheld("the schema of the hook")
    match codec.decode(data):
        case {"json": json_schema, "type": written}:
            pass
        case _:
            raise _damaged("it says nothing of a type")
    try:
        return Schema(_read(written, types_), json_schema=json_schema)
    except TypeError as error:  # a union of nothing, or a class that takes no parameters
        raise _damaged(error) from None
    except _OpaqueError:
        return Schema(None, has_type=False, json_schema=json_schema)


def _read(written: Any, types_: codec.Types) -> Any:  # noqa: PLR0911 - one for each form
    """Give the type that `_written` wrote down. Raises `_OpaqueError`."""
    match written:
        case ["any"]:
            return Any
        case ["rest"]:
            return Ellipsis
        case ["class", str(name)]:
            return _class(name, types_)
        case ["literal", list(values)]:
            return Literal[tuple(values)]
        case ["union", list(parts)]:
            return Union[tuple(_read(each, types_) for each in parts)]  # noqa: UP007 - as many as there are
        case ["generic", str(name), list(parts)]:
            return _class(name, types_)[tuple(_read(each, types_) for each in parts)]
    return _refuse()


def _class(name: str, types_: codec.Types) -> Any:
    found = _KNOWN.get(name) or types_.find(name)
    return _refuse() if found is None else found


def _damaged(problem: object) -> PayloadCorrupt:
    return PayloadCorrupt(f"the schema of the hook is damaged: {problem}")


# --- judging -----------------------------------------------------------------------------------


def _by_type(payload: Any, annotation: Any, *, as_json: bool) -> Any:
    if says_nothing(annotation) and annotation is not None:
        return payload
    adapter = adapter_of(annotation)
    from pydantic import ValidationError  # noqa: PLC0415 - loaded when first needed

    try:
        if as_json:
            return adapter.validate_json(json.dumps(payload))
        return adapter.validate_python(payload)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise _invalid([(each["loc"], each["msg"]) for each in found]) from None


def _by_json_schema(payload: Any, schema: Any) -> None:
    if schema is None:
        raise SchemaUnavailable(
            "the payload cannot be judged here: this process has not got the hook's type, and that "
            "type has no JSON Schema. Send it from a process of the application."
        )
    validator = _validator(schema)
    import pydantic_core  # noqa: PLC0415 - loaded when first needed

    try:
        plain = pydantic_core.to_jsonable_python(payload)
    except (pydantic_core.PydanticSerializationError, UnicodeEncodeError) as error:
        raise _invalid([((), str(error))]) from None
    problems = [(tuple(one.absolute_path), one.message) for one in validator(plain)]
    if problems:
        raise _invalid(problems)


def _validator(schema: Any) -> Callable[[Any], Iterable[Any]]:
    try:
        import jsonschema  # type: ignore[import-untyped]  # noqa: PLC0415 - of an extra, no stubs
    except ImportError:
        raise SchemaUnavailable(
            "the payload cannot be judged here: this process has not got the hook's type, and "
            "`jsonschema` is not installed. Install `wfc-durable[web]`, or send the payload from a "
            "process of the application."
        ) from None
    kind = jsonschema.Draft202012Validator
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise _damaged(error.message) from None
    errors: Callable[[Any], Iterable[Any]] = kind(schema).iter_errors
    return errors


def _invalid(problems: list[tuple[tuple[Any, ...], str]]) -> HookPayloadInvalid:
    lines = [
        f"  {'.'.join(map(str, place)) or 'the payload'}: {text}"
        for place, text in problems[:_PROBLEMS_MAX]
    ]
    if len(problems) > _PROBLEMS_MAX:
        lines.append(f"  and {len(problems) - _PROBLEMS_MAX} more")
    told = "\n".join(lines)
    return HookPayloadInvalid(
        f"the payload does not fit the hook's type; nothing was written:\n{told}\n"
        "Correct the payload and send it again.",
        tuple((_pointer(place), text) for place, text in problems[:_POINTED_MAX]),
    )


def _pointer(place: tuple[Any, ...]) -> str:
    """Write a place as RFC 6901 does."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in place)
