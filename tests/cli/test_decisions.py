"""`wfc approve` and `wfc deny`: a yes or no for hooks that ask for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from wfc.eventlog.event import HookKind
from wfc.runtime.hook_schemas import recorded_schema

from .conftest import Said, completed, hooked

Wfc = Callable[..., Said]
Put = Callable[..., None]


class Approval(BaseModel):
    approved: bool
    by: str = "nobody"


class Reasoned(BaseModel):
    approved: bool
    reason: str = ""


class Order(BaseModel):
    cents: int


def taken(wfc: Wfc, run: str, position: int) -> Any:
    return wfc("inspect", run, "--event", str(position), "--json").json["data"]


@pytest.mark.parametrize(("word", "answer"), [("approve", True), ("deny", False)])
def test_a_decision_is_sent(wfc: Wfc, put: Put, word: str, answer: bool) -> None:  # noqa: FBT001 - a parameter
    """By token or by id, as whoever sits there; the receipt is printed."""
    put("o-1", hooked("order:1", schema=recorded_schema(Approval)))
    said = wfc(word, "order:1", "--json")
    assert said.code == 0, said.err
    assert said.json["kind"] == "receipt"
    assert "no worker is awake" in said.err
    event = taken(wfc, "o-1", said.json["data"]["position"])
    assert (event["name"], event["channel"], event["payload"]) == (
        "hook_received", "cli", {"approved": answer},
    )  # fmt: skip
    assert wfc(word, "hook_0").code == 0


def test_a_reason_goes_along_where_it_is_kept(wfc: Wfc, put: Put) -> None:
    put("o-1", hooked("t", schema=recorded_schema(Reasoned)))
    put("o-2", hooked("u", schema=recorded_schema(Approval)))
    assert wfc("deny", "t", "--reason", "too dear").code == 0
    assert taken(wfc, "o-1", 3)["payload"] == {"approved": False, "reason": "too dear"}
    said = wfc("deny", "u", "--reason", "too dear")
    assert (said.code, "keeps no reason" in said.err) == (2, True)
    said = wfc("deny", "t", "--reason", "x" * 2001)
    assert (said.code, "2,001 characters" in said.err) == (2, True)


def test_a_plain_yes_or_no_is_enough(wfc: Wfc, put: Put) -> None:
    """The hook's type is `bool`."""
    put("o-1", hooked("t", schema=recorded_schema(bool)))
    assert wfc("approve", "t", "--reason", "why not").code == 2
    assert wfc("approve", "t").code == 0
    assert taken(wfc, "o-1", 3)["payload"] is True


@pytest.mark.parametrize("schema", [None, recorded_schema(Order), recorded_schema(list[int])])
def test_a_hook_that_asks_for_something_else_gets_nothing(
    wfc: Wfc, put: Put, schema: bytes | None
) -> None:
    put("o-1", hooked("t", schema=schema))
    said = wfc("approve", "t")
    assert said.code == 2
    assert "asks for no yes or no" in said.err
    assert "wfc resume" in said.err
    assert wfc("inspect", "o-1", "--json").json["data"]["events"] == 2


def test_the_first_decision_of_an_approval_wins(wfc: Wfc, put: Put) -> None:
    """The same again is its receipt, another one a conflict; it is named by its id."""
    put("o-1", hooked("secret", kind=HookKind.APPROVAL, hook_id="apr_1"))
    first = wfc("approve", "apr_1", "--reason", "fine", "--json")
    assert (first.code, first.json["data"]["duplicate"]) == (0, False)
    again = wfc("approve", "apr_1", "--reason", "fine", "--json")
    assert (again.code, again.json["data"]["duplicate"]) == (0, True)
    assert wfc("deny", "apr_1").code == 5
    assert taken(wfc, "o-1", 3)["payload"] == {"approved": True, "reason": "fine"}
    assert wfc("inspect", "o-1", "--json").json["data"]["events"] == 3


def test_nobody_asks(wfc: Wfc, put: Put) -> None:
    put("o-1", hooked("t", schema=recorded_schema(Approval)), completed(1))
    for name in ("nothing", "hook_9", "apr_9", "t"):
        assert wfc("approve", name).code == 3
