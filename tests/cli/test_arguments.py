"""Arguments of `start` are read by the annotations of the workflow."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from wfc.cli import arguments
from wfc.errors import InputInvalid


class Tier(Enum):
    FREE = "free"


class Address(BaseModel):
    city: str
    zip: int


@dataclass
class Order:
    id: str
    day: date


async def plain(order_id: str, cents: int = 1, note: str | None = None) -> None: ...
async def rich(order: Order, address: Address, tier: Tier, price: Decimal) -> None: ...
async def loose(value, *rest: int, **more: date) -> None: ...  # type: ignore[no-untyped-def]
async def odd(value: NotSeen) -> None: ...  # type: ignore[name-defined]  # noqa: F821 - as under TYPE_CHECKING


@pytest.mark.parametrize(
    ("words", "given", "expected"),
    [
        (["42", "7"], None, {"order_id": "42", "cents": 7}),
        (["cents=7", "order_id=o=1"], None, {"order_id": "o=1", "cents": 7}),
        (["a=b"], None, {"order_id": "a=b"}),
        (["o", "note=42"], None, {"order_id": "o", "note": "42"}),
        (["o", "note=null"], None, {"order_id": "o", "note": "null"}),
        ([], '{"order_id": "o", "cents": 3}', {"order_id": "o", "cents": 3}),
        (["cents=4"], '{"order_id": "o", "cents": 3}', {"order_id": "o", "cents": 4}),
        ([], '["o", 3, null]', {"order_id": "o", "cents": 3, "note": None}),
        ([], '"o"', {"order_id": "o"}),
    ],
)
def test_words_and_json_become_arguments(
    words: list[str], given: str | None, expected: dict[str, Any]
) -> None:
    """Text stays text, numbers become numbers, a word on the line wins over JSON."""
    args, kwargs = arguments.bind(plain, words, given)
    assert {**dict(zip(["order_id", "cents", "note"], args, strict=False)), **kwargs} == expected


def test_models_dates_and_enumerations_are_made() -> None:
    """The workflow gets what its signature says, from words as from JSON."""
    expected = (
        Order("o", date(2030, 1, 2)),
        Address(city="Bern", zip=3000),
        Tier.FREE,
        Decimal("1.10"),
    )
    order, address = '{"id": "o", "day": "2030-01-02"}', '{"city": "Bern", "zip": 3000}'
    assert arguments.bind(rich, [order, address, "free", "1.10"], None) == (expected, {})
    given = json.dumps([json.loads(order), json.loads(address), "free", "1.10"])
    assert arguments.bind(rich, [], given) == (expected, {})


def test_without_annotation_a_word_is_json_or_else_text() -> None:
    """Nothing says what is wanted, so the most natural reading counts."""
    args, kwargs = arguments.bind(loose, ["[1]", "2", "3", "day=2030-01-01"], None)
    assert (args, kwargs) == (([1], 2, 3), {"day": date(2030, 1, 1)})
    assert arguments.bind(odd, ["hello"], None) == (("hello",), {})
    assert arguments.bind(loose, [], "[7]") == ((7,), {})


@pytest.mark.parametrize(
    ("words", "given", "sentence"),
    [
        (["o", "many"], None, "`cents` = 'many' does not fit"),
        ([], None, "missing a required argument: 'order_id'"),
        (["a", "1", "n", "too"], None, "too many positional arguments"),
        ([], "{", "--input is no JSON"),
        ([], "@/nowhere/x.json", "cannot be read"),
        ([], '{"order_id": "o", "cent": 1}', "there is no parameter 'cent'; did you mean cents?"),
    ],
)
def test_a_misfit_says_which_and_why(words: list[str], given: str | None, sentence: str) -> None:
    """WFC954, before anything is written."""
    with pytest.raises(InputInvalid, match=sentence) as refused:
        arguments.bind(plain, words, given)
    assert refused.value.code == "WFC954"


def test_a_misfit_names_the_field_inside() -> None:
    """The path leads into the model."""
    with pytest.raises(InputInvalid, match=r"`address\.zip` = 'x'"):
        arguments.bind(
            rich,
            ['{"id": "o", "day": "2030-01-02"}', '{"city": "Bern", "zip": "x"}', "free", "1"],
            None,
        )


def test_input_comes_from_a_file_or_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`@file` and `-` save quoting."""
    (tmp_path / "a.json").write_text('{"order_id": "o"}')
    assert arguments.bind(plain, [], f"@{tmp_path / 'a.json'}") == (("o",), {})
    monkeypatch.setattr("sys.stdin", io.StringIO('["o"]'))
    assert arguments.bind(plain, [], "-") == (("o",), {})


def test_input_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a payload may hold is refused while reading."""
    monkeypatch.setattr(arguments, "INPUT_MAX", 10)
    monkeypatch.setattr("sys.stdin", io.StringIO("x" * 100))
    with pytest.raises(InputInvalid, match="longer than 10"):
        arguments.bind(plain, [], "-")


def test_an_argument_that_is_given_twice_is_refused() -> None:
    """Nobody could tell which of the two was meant."""
    with pytest.raises(InputInvalid, match="argument `cents` is given twice: `cents=1` and"):
        arguments.bind(plain, ["o-1", "cents=1", "cents=2"], None)
