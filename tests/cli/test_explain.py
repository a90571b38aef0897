"""`wfc explain CODE` prints the page of a diagnostic."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wfc.cli.explain import page_of
from wfc.diagnostics import CATALOGUE

from .conftest import Said

Wfc = Callable[..., Said]


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_code_has_a_page(code: str) -> None:
    """It begins with the code."""
    assert page_of(code).startswith(f"# {code}")


@pytest.mark.parametrize("code", ["WFC201", "wfc201", "201"])
def test_a_code_is_explained(wfc: Wfc, code: str) -> None:
    """However it is written."""
    said = wfc("explain", code)
    assert said.code == 0
    assert "reaches the network" in said.out
    data = wfc("explain", code, "--json").json["data"]
    assert (data["code"], data["severity"], data["off"]) == ("WFC201", "error", False)


def test_an_unknown_code_is_usage_with_a_hint(wfc: Wfc) -> None:
    """And says what explains a run."""
    said = wfc("explain", "WFC2011")
    assert said.code == 2
    assert "WFC902" in said.err
    assert "Did you mean" in said.err
    assert "WFC201" in said.err
    assert "wfc inspect" in said.err
