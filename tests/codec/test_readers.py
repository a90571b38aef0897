"""What no reader could make is refused when it is written, with its place."""

from __future__ import annotations

import dataclasses
import enum
import http
from typing import Any
from urllib.parse import ParseResult, urlparse

import pytest
from pydantic import BaseModel

from tests.codec.kinds import Colour, Item, Known, Model, Node, Nothing, Pair, Right, ShopError
from wfc import codec
from wfc.errors import Unserialisable

OK = http.HTTPStatus.OK


class Strange(enum.Flag):
    """An enumeration that no manifest holds."""

    ONE = 1


def refusal(value: Any, annotation: Any = None, types: codec.Types = Known()) -> str:  # noqa: B008 - holds no state
    with pytest.raises(Unserialisable) as caught:
        codec.encode(value, path="the result", annotation=annotation, types=types)
    return str(caught.value)


def encoded(value: Any, annotation: Any = None, types: codec.Types = Known()) -> Any:  # noqa: B008 - likewise
    """Give what readers make of a value that is written for them."""
    data = codec.encode(value, path="the result", annotation=annotation, types=types)
    return codec.decode(data, annotation=annotation, types=types)


def test_what_no_reader_finds_is_refused_with_its_place() -> None:
    assert refusal({"answers": [Item("a", client=OK)]}) == (
        "the result: `['answers'][0].client` is a http.HTTPStatus, which no reader may make. "
        "Register it: App.register_type(HTTPStatus), or name it in the annotation of the step or "
        "parameter."
    )


@pytest.mark.parametrize("value", [OK, urlparse("http://x"), Strange.ONE, Node(1)], ids=repr)
def test_each_kind_of_stranger_is_refused(value: Any) -> None:
    for within in (value, [value], (value,), {value: 1} if value == OK else {"a": value}):
        assert "which no reader may make" in refusal(within, types=Nothing())
    assert codec.encode(value, path="v")


def test_a_class_inside_a_function_is_found_by_nobody() -> None:
    @dataclasses.dataclass
    class Local:
        n: int

    assert "move it to the top of its module" in refusal([Local(1)])
    codec.encode(Local(1), path="v")


@pytest.mark.parametrize(
    "value", [Item("a"), Model(name="n", Count=1), Colour.RED, Right.READ, Pair(1), [Node(None)]]
)
def test_what_readers_know_is_written(value: Any) -> None:
    assert encoded(value) == value


def test_what_the_annotation_names_is_known() -> None:
    assert encoded([OK], list[http.HTTPStatus], Nothing()) == [OK]
    url = urlparse("http://x")
    assert encoded(url, ParseResult, Nothing()) == url
    assert "[0]" in refusal([OK], list[int], Nothing())


class Base(BaseModel):
    n: int


class Derived(Base):
    m: int = 2


def test_what_the_annotation_can_claim_is_written() -> None:
    """Readers make the annotated class of it, as they do of one that was renamed."""
    assert encoded(Derived(n=1), Base, Nothing()) == Base(n=1)
    assert "which no reader" in refusal(Derived(n=1), Colour, Nothing())


def test_what_is_registered_is_known(registry: codec.Registry) -> None:
    registry.register_type(http.HTTPStatus)
    registry.register_type(Item, name="shop:item")
    value = [OK, Item("a")]
    assert encoded(value, types=registry) == value


def test_errors_are_always_read() -> None:
    """One that nobody knows becomes a `StepError`."""
    assert encoded([ShopError("o", code_=1)], types=Nothing())


def test_an_argument_that_no_reader_finds_is_named() -> None:
    arguments = {"a": 1, "order": Item("a"), "status": [OK]}
    with pytest.raises(Unserialisable, match=r"^flow\(\) argument `status`: `\[0\]` is a http"):
        codec.encode_arguments(arguments, call="flow", types=Known())
    annotations = {"order": Item, "status": list[http.HTTPStatus]}
    data, digest = codec.encode_arguments(
        arguments, call="flow", annotations=annotations, types=Nothing()
    )
    assert codec.decode_arguments(data, annotations, Nothing()) == arguments
    assert codec.encode_arguments(arguments, call="flow") == (data, digest)


def test_an_argument_that_its_annotation_can_claim_is_written() -> None:
    data, _ = codec.encode_arguments(
        {"one": Derived(n=1)}, call="f", annotations={"one": Base}, types=Nothing()
    )
    assert codec.decode_arguments(data, {"one": Base}, Nothing()) == {"one": Base(n=1)}
