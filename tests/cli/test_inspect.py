"""`wfc inspect` and `wfc result`: one run, without needing its code."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from wfc.eventlog.event import RunCompleted, RunUpgraded, WaitCreated
from wfc.ids import OperationId, RunId, VersionId
from wfc.runtime.run import Run
from wfc.worlds.chunks import Form
from wfc.worlds.open import open_world
from wfc.worlds.protocol import NewChunk, StreamWrite

from .conftest import VERSION, Receipt, Said, charge_failed_once, charged, completed, failed, hooked

Wfc = Callable[..., Said]
Put = Callable[..., None]


@pytest.fixture
def paid(put: Put) -> str:
    """A run whose only step failed once."""
    put("o-1", *charge_failed_once(), charged(Receipt("r-1", 42)), completed({"paid": True}))
    return "o-1"


def test_a_run_is_shown_with_its_steps(wfc: Wfc, paid: str) -> None:
    """State first, then what it did."""
    said = wfc("inspect", paid)
    assert said.code == 0
    assert "status\tcompleted" in said.out
    assert "charge\tcompleted\t2" in said.out
    run = wfc("inspect", paid, "--json").json
    assert run["kind"] == "run"
    (step,) = run["data"]["steps"]
    assert (step["name"], step["attempt"]) == ("charge", 2)
    assert step["arguments"] == {"order_id": "o-1"}
    assert step["output"] == {"number": "r-1", "cents": 42}


def test_an_upgrade_tells_from_where_to_where(wfc: Wfc, put: Put) -> None:
    """And how many operations it took back, if any."""
    one, two, three = VERSION, VersionId("v2"), VersionId("v3")
    gone = OperationId("wait~1#0")
    put(
        "o-1",
        WaitCreated(operation_id=gone, wake_at=2**50),
        RunUpgraded(from_version=one, to_version=two, fingerprint="f", withdrawn=(gone,)),
        RunUpgraded(from_version=two, to_version=three, fingerprint="g"),
    )
    out = wfc("inspect", "o-1", "--events").out
    assert f'{{"from": "{VERSION}", "to": "v2", "withdrawn": 1}}' in out
    assert '{"from": "v2", "to": "v3"}' in out


def test_steps_and_events_are_lists(wfc: Wfc, paid: str) -> None:
    """Payloads are shown as values, errors as errors."""
    assert wfc("inspect", paid, "--steps").out.startswith("step\tstatus\tattempt")
    events = wfc("inspect", paid, "--events", "--json").json["data"]
    assert [event["name"] for event in events] == [
        "run_created",
        "step_retrying",
        "step_started",
        "step_completed",
        "run_completed",
    ]
    assert "451 greylisted" in events[1]["error"]
    assert events[3]["output"] == {"number": "r-1", "cents": 42}
    assert "run_created" in wfc("inspect", paid, "--events").out


def test_one_event_is_shown_whole(wfc: Wfc, paid: str) -> None:
    """By its position; a position that is not there says which are."""
    assert wfc("inspect", paid, "--event", "5", "--json").json["data"]["output"] == {"paid": True}
    assert "name\trun_completed" in wfc("inspect", paid, "--event", "5").out
    said = wfc("inspect", paid, "--event", "9")
    assert said.code == 3
    assert "events 1 to 5" in said.err


def test_an_ended_run_is_shown_with_its_outcome(wfc: Wfc, paid: str, put: Put) -> None:
    """Whoever looks at a run that failed wants to know why."""
    put("o-2", failed(ValueError("no stock")))
    assert wfc("inspect", paid, "--json").json["data"]["result"] == {"paid": True}
    assert "no stock" in wfc("inspect", "o-2").out
    assert "no stock" in wfc("inspect", "o-2", "--json").json["data"]["error"]


def test_instants_of_an_event_are_instants(wfc: Wfc, paid: str) -> None:
    """And no numbers that people would have to convert."""
    event = wfc("inspect", paid, "--event", "4", "--json").json["data"]
    assert event["started_at"] == "1970-01-01T00:00:00.000001Z"
    assert event["recorded_at"].endswith("Z")


def test_a_damaged_payload_hides_nothing_else(wfc: Wfc, put: Put) -> None:
    """What cannot be decoded is described."""
    put("o-1", RunCompleted(output=b"\xff\xff\xff"))
    (_, event) = wfc("inspect", "o-1", "--events", "--json").json["data"]
    assert "3 bytes" in event["output"]


@pytest.mark.parametrize("command", ["inspect", "result", "cancel", "wake"])
def test_an_unknown_run_is_exit_3(wfc: Wfc, command: str) -> None:
    """Every command says the same about a run that is not there."""
    said = wfc(command, "o-9", "--json")
    assert said.code == 3
    assert json.loads(said.err)["code"] == "WFC952"


@pytest.mark.parametrize(
    ("output", "printed"),
    [("paid", "paid"), ({"a": 1}, '{"a": 1}'), (None, "null"), (Receipt("r", 1), '"cents": 1')],
)
def test_a_result_is_text_or_json(wfc: Wfc, put: Put, output: object, printed: str) -> None:
    """Text as it is, so that a script can use it."""
    put("o-1", completed(output))
    said = wfc("result", "o-1")
    assert said.code == 0
    assert printed in said.out
    assert wfc("result", "o-1", "--json").json["kind"] == "result"


def test_a_failed_run_is_exit_1(wfc: Wfc, put: Put) -> None:
    """The error of the workflow is the message."""
    put("o-1", failed(ValueError("no stock")))
    said = wfc("result", "o-1")
    assert said.code == 1
    assert "no stock" in said.err


def test_a_run_that_does_not_end_in_time_is_exit_6(wfc: Wfc, put: Put) -> None:
    """The run goes on; somebody has to work."""
    put("o-1")
    said = wfc("result", "o-1", "--timeout", "0")
    assert said.code == 6
    assert "no worker is awake" in said.err


def test_an_ended_run_needs_no_time(wfc: Wfc, put: Put) -> None:
    put("o-1", completed("paid"))
    assert wfc("result", "o-1", "--timeout", "0").out == "paid\n"


def test_a_blocked_run_is_not_waited_for(wfc: Wfc, put: Put, project: Path) -> None:
    """Nothing will happen to it, and the reason is what there is to say; `runs` marks it."""
    put("o-1")

    async def block() -> None:
        world = open_world(f"sqlite:///{project / 'runs.db'}")
        await world.open()
        await world.block(RunId("o-1"), "VersionUnknown: no bundle")
        await world.close()

    asyncio.run(block())
    said = wfc("result", "o-1")
    assert said.code == 4
    assert "VersionUnknown: no bundle" in said.err
    assert "wfc doctor --unblock o-1" in said.err
    assert "pending, blocked" in wfc("runs").out
    (row,) = wfc("runs", "--json").json["data"]
    assert (row["status"], row["blocked"]) == ("pending", "VersionUnknown: no bundle")


def test_a_damaged_log_is_told_by_its_code(wfc: Wfc, paid: str, project: Path) -> None:
    """It is no mistake of whoever typed the command."""
    with closing(sqlite3.connect(project / "runs.db")) as connection, connection:
        connection.execute("UPDATE events SET body = x'00000000000000000000' WHERE position = 2")
    said = wfc("inspect", paid)
    assert said.code == 4
    assert said.err.startswith(f"error[WFC466]: event 2 of run {paid} is damaged")
    assert "restore a backup" in said.err


def test_runs_are_looked_at_while_a_shell_holds_the_file(
    wfc: Wfc, paid: str, project: Path
) -> None:
    """Commands that only look need no right to write, and no turn."""
    with closing(sqlite3.connect(project / "runs.db", isolation_level=None)) as shell:
        shell.execute("BEGIN EXCLUSIVE")
        assert paid in wfc("runs").out
        assert wfc("inspect", paid).code == 0
        assert wfc("result", paid, "--json").json["data"]["result"] == {"paid": True}


def test_a_run_as_a_value_is_shown_by_its_name(wfc: Wfc, put: Put) -> None:
    """And not by what its handle holds."""
    handle: Run[Any] = Run(RunId("other"), None)  # type: ignore[arg-type]  # it is never asked
    put("o-1", completed({"runs": [handle, (handle,)]}))
    shown = wfc("inspect", "o-1", "--json").json["data"]["result"]
    assert shown == {"runs": ["Run('other')", ["Run('other')"]]}


def test_hooks_streams_and_children_are_lists(wfc: Wfc, put: Put) -> None:
    """Each alone; two at once are refused."""
    chunks = [StreamWrite(namespace="out", chunks=(NewChunk(form=Form.RAW, body=b"abc"),))]
    put("o-1", hooked("order:1"), chunks=chunks)
    (hook,) = wfc("inspect", "o-1", "--hooks", "--json").json["data"]
    assert hook == wfc("hooks", "--run", "o-1", "--json").json["data"][0]
    assert wfc("inspect", "o-1", "--hooks").out == wfc("hooks", "--run", "o-1").out
    (stream,) = wfc("inspect", "o-1", "--streams", "--json").json["data"]
    assert (stream["namespace"], stream["tail_index"], stream["closed"]) == ("out", 0, False)
    assert wfc("inspect", "o-1", "--children", "--json").json["data"] == []
    said = wfc("inspect", "o-1", "--hooks", "--streams")
    assert said.code == 2
    assert "--hooks and --streams" in said.err
    assert wfc("inspect", "nobody", "--streams").code == 3
