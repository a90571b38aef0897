"""Attributes are short scalars under names that are not ours."""

from __future__ import annotations

from typing import Any

import pytest

from wfc.errors import LimitExceeded
from wfc.runtime.attributes import check_attributes


def test_scalars_and_removals_are_fine() -> None:
    check_attributes({"g": (1 << 64) - 1, "h": -(1 << 63)})
    check_attributes({"a": "x", "b": 1, "c": 1.5, "d": True, "e": None, "f": "é" * 128})


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"a": []}, TypeError),
        ({1: "a"}, TypeError),
        ({"": "a"}, ValueError),
        ({"k" * 257: "a"}, ValueError),
        ({"wfc.x": "a"}, ValueError),
        ({"a": "é" * 129}, LimitExceeded),
        ({"a": 1 << 64}, LimitExceeded),
        ({"a": -(1 << 63) - 1}, LimitExceeded),
        ({"a": "\ud800"}, ValueError),
        ({"\ud800": 1}, ValueError),
        ({"a": float("nan")}, ValueError),
        ({"a": float("inf")}, ValueError),
        ({"a": -float("inf")}, ValueError),
        ({str(number): number for number in range(65)}, LimitExceeded),
    ],
)
def test_what_no_attribute_may_be_is_refused(changes: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        check_attributes(changes)
