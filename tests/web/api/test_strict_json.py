"""JSON as RFC 8259 has it: what would be recorded otherwise than it was sent is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfc.runtime.webhook_door import Refusal
from wfc.web.api.strict_json import DEPTH_MAX, loads

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])), inner
    ),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_json_is_read_as_it_was_written(value: object) -> None:
    """With and without escapes."""
    assert loads(json.dumps(value).encode()) == value
    assert loads(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"a": 1,\n "b" 2}', "line 2, column 6"),
        (b'{"a": NaN}', "no NaN"),
        (b"[Infinity]", "no Infinity"),
        (b'{"a": 1, "a": 2}', "'a' stands twice"),
        (b'"\\ud800"', "lone surrogate"),
        (b'{"\\udfff": 1}', "lone surrogate"),
        (b'"\xff"', "not UTF-8: byte 1"),
        (b"[" * 100_000, "nested more than"),
        (b'{"a":' * (DEPTH_MAX + 1) + b"1" + b"}" * (DEPTH_MAX + 1), "nested more than"),
        (b"1" * 5000, "that can be kept"),
        (b"", "not JSON"),
    ],
)
def test_what_is_refused_says_why(text: bytes, said: str) -> None:
    """With line and column where there are any."""
    with pytest.raises(Refusal) as caught:
        loads(text)
    assert caught.value.status == 400
    assert said in caught.value.detail


def test_brackets_in_texts_do_not_nest() -> None:
    """Also behind quotes that are escaped."""
    text = '"' + "[" * 1000 + '\\"' + "{" * 1000 + '\\\\"'
    assert loads(text.encode()) == json.loads(text)
