"""What a hook takes is written down, found again where its types are, and judged by either."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from wfc import codec
from wfc.errors import CannotDecrypt, HookPayloadInvalid, PayloadCorrupt, SchemaUnavailable
from wfc.runtime.hook_schemas import Schema, read_schema, recorded_schema


class Address(BaseModel):
    street: str


class Plain:
    pass


class Known:
    """The types of a process that has the application's code."""

    def find(self, name: str) -> type | None:
        return {codec.wire_name(each): each for each in (Address, Plain)}.get(name)


class Nothing:
    def find(self, _name: str) -> type | None:
        return None


def read(annotation: Any, types: codec.Types | None = None) -> Schema:
    return read_schema(recorded_schema(annotation), types or Known())


@pytest.mark.parametrize(
    "annotation",
    [
        int, str, None, Address, Plain, UUID, Decimal, datetime, list[int],
        dict[str, Address], tuple[int, ...], tuple[int, str], set[Address], int | None,
        Address | None, list[dict[str, int | str]], Literal["a", 1, True], dict[str, Any],
    ],
    ids=str,
)  # fmt: skip
def test_a_type_is_found_again(annotation: Any) -> None:
    found = read(annotation)
    assert found.has_type
    expected = type(None) if annotation is None else annotation
    assert found.annotation == expected


@pytest.mark.parametrize("annotation", [Any, object])
def test_anything_needs_no_schema(annotation: Any) -> None:
    """Whoever sends it need know nothing."""
    assert recorded_schema(annotation) is None
    assert read(annotation, Nothing()).admit({"a": Plain}) == {"a": Plain}
    assert Schema(annotation=Any).admit(5) == 5


@pytest.mark.parametrize(
    "annotation",
    [Annotated[int, Field(gt=3)], TypeVar("T"), Literal[b"bytes"], list[Annotated[int, Field()]]],
)
def test_what_cannot_be_written_down_is_judged_by_its_json_schema(annotation: Any) -> None:
    found = read(annotation)
    assert not found.has_type
    assert found.json_schema is not None


def test_a_type_that_is_not_here_is_judged_by_its_json_schema() -> None:
    """Places are those of the value; what fits is recorded as it was sent."""
    found = read(list[Address], Nothing())
    sent = [{"street": "a"}]
    assert found.admit(sent) is sent
    with pytest.raises(HookPayloadInvalid, match=r"1: 'street' is a required property"):
        found.admit([{"street": "a"}, {}])
    with pytest.raises(HookPayloadInvalid, match=r"0\.street: 5 is not of type 'string'"):
        found.admit([{"street": 5}])


def test_a_value_that_is_no_json_is_judged_by_what_it_would_be() -> None:
    found = read(list[date] | Address, Nothing())
    day = [date(2030, 1, 1)]
    assert found.admit(day) is day
    with pytest.raises(HookPayloadInvalid, match="Unable to serialize"):
        found.admit([Plain()])


def test_a_type_without_a_json_schema_needs_the_type() -> None:
    kept = Plain()
    assert read(Plain).admit(kept) is kept
    with pytest.raises(SchemaUnavailable, match="has no JSON Schema"):
        read(Plain, Nothing()).admit(kept)


def test_json_is_judged_as_json() -> None:
    """A strict type takes the text that JSON must use."""

    class Strict(BaseModel, strict=True):
        day: date

    schema = Schema(annotation=Strict)
    sent = {"day": "2030-01-01"}
    assert schema.admit(sent, as_json=True) == Strict(day=date(2030, 1, 1))
    with pytest.raises(HookPayloadInvalid, match="day: Input should be a valid date"):
        schema.admit(sent)


def test_what_is_no_type_is_refused() -> None:
    with pytest.raises(TypeError, match="pydantic cannot judge"):
        recorded_schema("Address")


def test_a_type_that_cannot_be_hashed_is_recorded() -> None:
    found = read(Annotated[int, []])
    assert found.json_schema == {"type": "integer"}


def test_a_schema_of_a_later_wfc_is_judged_by_its_json_schema() -> None:
    """A form that nobody here knows costs the type, and no more."""
    written = codec.encode({"type": ["new", 1], "json": {"type": "integer"}}, path="schema")
    found = read_schema(written, Known())
    assert not found.has_type
    assert found.admit(5) == 5


@pytest.mark.parametrize(
    "written",
    [
        5, {}, {"json": {}}, {"type": ["any"]}, {"json": {}, "type": ["union", []]},
        {"json": {}, "type": ["generic", codec.wire_name(Plain), [["any"]]]},
    ],
    ids=str,
)  # fmt: skip
def test_a_damaged_schema_is_told(written: Any) -> None:
    with pytest.raises(PayloadCorrupt, match="schema of the hook"):
        read_schema(codec.encode(written, path="a test"), Known())


@pytest.mark.parametrize("schema", [{"type": "odd"}, {"properties": 5}, 5], ids=str)
def test_a_damaged_json_schema_is_told(schema: Any) -> None:
    """It judges nothing, and what was sent is not blamed."""
    found = read_schema(codec.encode({"type": ["?"], "json": schema}, path="a test"), Nothing())
    with pytest.raises(PayloadCorrupt, match="schema of the hook"):
        found.admit(None)


def test_text_that_has_no_bytes_does_not_fit() -> None:
    """JSON from outside may hold lone surrogates, which nothing can be recorded of."""
    found = read_schema(recorded_schema(Address), Nothing())
    with pytest.raises(HookPayloadInvalid, match="surrogates"):
        found.admit({"street": "a", "\ud800": 1}, as_json=True)


def test_a_schema_that_is_withheld_judges_nothing() -> None:
    with pytest.raises(CannotDecrypt, match="the schema of the hook is encrypted"):
        read_schema(codec.ENCRYPTED, codec.REGISTERED)
