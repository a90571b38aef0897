"""Encrypted runs on the command line of a process that has not their key."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from wfc.worlds.open import open_world
from wfc.worlds.vault import VARIABLE

from .conftest import Said, charge_failed_once, charged, completed, failed, hooked

Wfc = Callable[..., Said]
Put = Callable[..., None]
KEY = f"k1:{base64.b64encode(bytes(range(32))).decode()}"
OTHER = f"k2:{base64.b64encode(bytes(32)).decode()}"
WITHHELD = {"$encrypted": True}


@pytest.fixture(params=["", OTHER], ids=["no keys", "another key"])
def sealed(put: Put, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Runs under a key that has gone since."""
    monkeypatch.setenv(VARIABLE, KEY)
    put("paid", *charge_failed_once(), charged(1), completed({"paid": True}))
    put("lost", failed(ValueError("card 4711")))
    put("asking", hooked("order:1"))
    monkeypatch.setenv(VARIABLE, request.param)


@pytest.mark.usefixtures("sealed")
def test_a_run_is_shown_with_all_that_is_no_secret(wfc: Wfc) -> None:
    shown = wfc("inspect", "paid", "--json").json["data"]
    assert shown["result"] == WITHHELD
    assert shown["status"] == "completed"
    (step,) = shown["steps"]
    assert (step["name"], step["arguments"], step["output"]) == ("charge", WITHHELD, WITHHELD)
    shown = wfc("inspect", "lost", "--json").json["data"]
    assert shown["error"] == '{"$encrypted": true}'
    events = wfc("inspect", "paid", "--events", "--json").json["data"]
    assert events[0]["arguments"] == events[0]["seed"] == WITHHELD
    assert events[1]["error"] == '{"$encrypted": true}'
    assert "$encrypted" in wfc("inspect", "paid").out
    hooks = wfc("hooks", "--json").json["data"]
    assert [each["token"] for each in hooks] == ["order:1"]


@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("words", ["result paid", "export paid", "cancel asking", "rerun paid"])
def test_what_needs_more_than_a_look_names_the_key(wfc: Wfc, words: str, project: Path) -> None:
    said = wfc(*words.split())
    assert said.code != 0
    assert "'k1'" in said.err
    assert not list(project.glob("*.jsonl"))


@pytest.mark.usefixtures("sealed")
def test_doctor_names_the_key_that_a_worker_missed(wfc: Wfc, project: Path) -> None:
    async def block() -> None:
        world = open_world(f"sqlite:///{project / 'runs.db'}")
        await world.open()
        try:
            await world.history("asking")  # type: ignore[arg-type]  # as a worker does
        except Exception as error:  # noqa: BLE001 - what a worker says of it
            await world.block("asking", f"{type(error).__name__}: {error}")  # type: ignore[arg-type]
        await world.close()

    asyncio.run(block())
    said = wfc("doctor", "--json")
    (row,) = [each for each in said.json["data"] if each["what"] == "blocked run asking"]
    assert "under the encryption key 'k1', which is not here" in row["found"]


def test_with_the_key_all_is_shown(wfc: Wfc, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    put("paid", completed({"paid": True}))
    monkeypatch.setenv(VARIABLE, f"{OTHER},{KEY}")
    assert wfc("inspect", "paid", "--json").json["data"]["result"] == {"paid": True}
    assert wfc("result", "paid", "--json").json["data"]["result"] == {"paid": True}
