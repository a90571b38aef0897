"""Handles on streams: what they name, how they travel, and what they take."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfc import codec
from wfc.errors import PayloadMismatch
from wfc.ids import RunId
from wfc.runtime.writable import StreamName, Writable, checked


def handle(run_id: str = "run_1", namespace: str = "out") -> Writable[Any]:
    return Writable(StreamName(RunId(run_id), namespace))


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_handle_comes_back_as_it_was(run_id: str, namespace: str) -> None:
    """Inside values, too, under a code of its own."""
    given_ = {"out": handle(run_id, namespace), "more": (handle(), [handle()])}
    assert codec.decode(codec.encode(given_, path="a test")) == given_


@given(
    st.text(min_size=1, max_size=40),
    st.recursive(st.none() | st.integers(0, 300) | st.text(), lambda one: st.lists(one).map(tuple)),
)
def test_calls_are_compared_without_what_handles_name(namespace: str, more: Any) -> None:
    """A renamed stream, or a fork, makes no other call of it; another argument does."""

    def digest(out: Any, **rest: Any) -> bytes:
        return codec.encode_arguments({"out": out, **rest}, call="step `say`")[1]

    one, two = handle(), handle("run_fork", namespace)
    assert digest(one, more=more) == digest(two, more=more)
    assert digest([(one,)], more=more) == digest([(two,)], more=more)
    assert digest(one, more=more) != digest(one, more=[more])
    assert digest(one) != digest(None)


def test_handles_are_equal_that_name_the_same() -> None:
    assert handle() == handle() != handle("run_2")
    assert handle() != ("run_1", "out")
    assert len({handle(), handle(), handle(namespace="x")}) == 2
    assert (handle().run_id, handle().namespace) == ("run_1", "out")


def test_an_annotation_says_what_a_handle_takes() -> None:
    """And refuses what is no handle."""
    data = codec.encode(handle(), path="a test")
    for annotation in (Writable, Writable[int], Writable[int] | None):
        assert codec.decode(data, annotation=annotation) == handle()
    with pytest.raises(PayloadMismatch, match="it is a str, and no stream"):
        codec.decode(codec.encode("x", path="a test"), annotation=Writable[int])


@pytest.mark.parametrize("namespace", ["a", "ui~3", "log/2026", "A.b_c:d@e-f", "x" * 200])
def test_a_namespace_may_be(namespace: str) -> None:
    assert checked(namespace) == namespace
    assert checked(None) == "default"


@pytest.mark.parametrize("namespace", ["", "a b", "ä", "x" * 201, 7, "wfc.logs"])
def test_a_namespace_may_not_be(namespace: Any) -> None:
    with pytest.raises(ValueError, match="cannot name a stream"):
        checked(namespace)
