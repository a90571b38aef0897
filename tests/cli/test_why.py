"""`wfc why RUN`: one sentence on stdout, what would move the run beside it."""

from __future__ import annotations

from collections.abc import Callable

from .conftest import Said, asleep

Wfc = Callable[..., Said]


def test_a_sentence_and_a_command(wfc: Wfc, put: Callable[..., None]) -> None:
    """People see both; programs get all of it."""
    put("o-1", asleep())
    said = wfc("why", "o-1")
    assert said.code == 0
    assert said.out.count("\n") == 1
    assert said.err.startswith("to go: wfc ")
    data = wfc("why", "o-1", "--json").json["data"]
    assert data["id"] == "o-1"
    assert data["sentence"] + "\n" == said.out
    assert f"to go: {data['next_action']}\n" == said.err
    assert wfc("inspect", "o-1", "--json").json["data"]["why"]["kind"] == data["kind"]
    assert data["sentence"] in wfc("inspect", "o-1").out


def test_an_unknown_run_is_exit_3(wfc: Wfc) -> None:
    said = wfc("why", "nobody")
    assert (said.code, said.out) == (3, "")
