"""Encrypted runs on the command line of a process that has not their key."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from wfc import codec
from wfc.ids import RunId
from wfc.worlds.chunks import Form, NewChunk
from wfc.worlds.open import open_world
from wfc.worlds.promises.given import ALICE, joined, owned
from wfc.worlds.protocol import Callback, StreamWrite
from wfc.worlds.vault import VARIABLE

from .conftest import Said, charge_failed_once, charged, completed, failed, hooked

Wfc = Callable[..., Said]
Put = Callable[..., None]
KEY = f"k1:{base64.b64encode(bytes(range(32))).decode()}"
OTHER = f"k2:{base64.b64encode(bytes(32)).decode()}"
WRONG = f"k1:{base64.b64encode(bytes(32)).decode()}"
WITHHELD = {"$encrypted": True}
WITHHELD_TEXT = '{"$encrypted": true}'


@pytest.fixture(params=["", OTHER, WRONG], ids=["no keys", "another key", "a wrong key"])
def sealed(
    project: Path, put: Put, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Runs under a key that has gone since."""
    monkeypatch.setenv(VARIABLE, KEY)
    put("paid", *charge_failed_once(), charged(1), completed({"paid": True}))
    put("lost", failed(ValueError("card 4711")))
    put("asking", hooked("order:1"), chunks=[_chunks("out", 2), _chunks("wfc.logs", 1)])
    asyncio.run(_tell_in_vain(project, "told"))
    monkeypatch.setenv(VARIABLE, request.param)


def _chunks(namespace: str, count: int) -> StreamWrite:
    chunk = NewChunk(form=Form.VALUE, body=codec.encode("4711", path="a test"))
    return StreamWrite(namespace=namespace, chunks=(chunk,) * count)


async def _tell_in_vain(project: Path, name: str) -> None:
    """Leave a run of whose end somebody could not be told, for a reason that is sealed."""
    world, run_id, worker = open_world(f"sqlite:///{project / 'runs.db'}"), RunId(name), ALICE
    await world.open()
    await world.register_callbacks([Callback(name="shop:tell")])
    await joined(world, worker)
    owner = await owned(world, run_id)
    assert await world.append(run_id, [completed(1)], guard=owner)
    taken = await world.take_ends(worker, ["shop:tell"], 9)
    for each in taken:
        error = codec.encode_error(ValueError("card 4711"))
        assert await world.settle_end(worker, each, error=error)
    await world.leave(worker)
    await world.close()


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
    assert re.search(
        "encryption key 'k1', which is not here|not open under the key 'k1'", row["found"]
    )


@pytest.mark.usefixtures("sealed")
def test_a_waiting_run_is_explained(wfc: Wfc) -> None:
    said = wfc("why", "asking")
    assert (said.code, "checkout" in said.out) == (0, True)
    assert wfc("inspect", "asking").code == 0
    shown = wfc("stream", "asking", "out", "--json").json["data"]
    assert [each["value"] for each in shown] == [WITHHELD, WITHHELD]
    assert wfc("inspect", "asking", "--logs", "--json").json["data"][0]["value"] == WITHHELD
    assert WITHHELD_TEXT in wfc("inspect", "asking", "--logs").out


@pytest.mark.usefixtures("sealed")
def test_whoever_could_not_be_told_is_listed(wfc: Wfc) -> None:
    """One error that is sealed keeps `doctor` from nothing."""
    rows = {each["what"]: each["found"] for each in wfc("doctor", "--json").json["data"]}
    assert rows["end callback shop:tell"].endswith(f"with told: {WITHHELD_TEXT}")
    (told,) = wfc("inspect", "told", "--json").json["data"]["callbacks"]
    assert told["error"] == WITHHELD_TEXT


def test_a_wrong_key_of_the_right_name_is_told_of_once(
    wfc: Wfc, put: Put, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """However much does not open; and a missing one needs no word, since its name says all."""
    monkeypatch.setenv(VARIABLE, KEY)
    put("paid", *charge_failed_once(), charged(1), completed({"paid": True}))
    for keys, told in ((OTHER, 0), (WRONG, 1)):
        monkeypatch.setenv(VARIABLE, keys)
        caplog.clear()
        assert wfc("inspect", "paid").code == 0
        assert caplog.text.count("Either the name stands for another key now, or bytes") == told


def test_with_the_key_all_is_shown(wfc: Wfc, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    put("paid", completed({"paid": True}))
    monkeypatch.setenv(VARIABLE, f"{OTHER},{KEY}")
    assert wfc("inspect", "paid", "--json").json["data"]["result"] == {"paid": True}
    assert wfc("result", "paid", "--json").json["data"]["result"] == {"paid": True}
