"""`wfc schedules` and `wfc audit`: what starts runs by the clock, and who changed what."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from wfc import codec
from wfc.clock import MICROSECONDS
from wfc.cron import Timing
from wfc.ids import DefinitionId, WorkerId
from wfc.worlds.protocol import Callback, Note, Put, ScheduleRow, World

from .conftest import WORKFLOW, Said, completed
from .test_versions import in_world, shop

__all__ = ["shop"]  # a fixture
Wfc = Callable[..., Said]
KIOSK = """
async def sell(cents: int, tip: int = 0) -> int:
    "use workflow"
    return cents + tip
"""
_NONE, _ = codec.encode_arguments({}, call="a test")


def hold_schedule(project: Path, name: str = "nightly", **facts: Any) -> None:
    """Put a schedule into the world of the project."""
    given: dict[str, Any] = {
        "workflow": DefinitionId("till:pay"),
        "arguments": _NONE,
        "timing": Timing(cron="0 3 * * *"),
        "next_at": 4_000_000_000 * MICROSECONDS,
    }

    async def put(world: World) -> None:
        row = ScheduleRow(name=name, **{**given, **facts})
        assert await world.put_schedule(row) is Put.DONE

    in_world(project, put)


def test_schedules_are_listed(wfc: Wfc, project: Path) -> None:
    """By name, with when they fire and where they stand."""
    assert wfc("schedules").out == ""
    hold_schedule(project)
    hold_schedule(project, "b", timing=Timing(every_us=90 * MICROSECONDS), paused=True)
    hold_schedule(project, "c", next_at=None)
    hold_schedule(project, "d", problem="NoSuchWorkflow: gone")
    lines = [line.split("\t") for line in wfc("schedules", "list").out.splitlines()]
    assert lines[0] == ["name", "workflow", "when", "tz", "next_at", "last_at", "state"]
    assert [(line[0], line[2], line[-1]) for line in lines[1:]] == [
        ("b", "every 90 s", "paused"),
        ("c", "0 3 * * *", "over"),
        ("d", "0 3 * * *", "failing"),
        ("nightly", "0 3 * * *", "active"),
    ]
    shown = wfc("schedules", "show", "d")
    assert "problem\tNoSuchWorkflow: gone" in shown.out


def test_a_schedule_is_paused_and_resumed(wfc: Wfc, project: Path) -> None:
    """By whom is noted."""
    hold_schedule(project)
    assert wfc("schedules", "pause", "nightly").out == "schedule nightly is paused\n"
    assert wfc("schedules", "--json").json["data"][0]["paused"] is True
    assert wfc("schedules", "resume", "nightly").out == "schedule nightly fires again\n"
    assert wfc("schedules", "--json").json["data"][0]["next_at"] is not None
    facts = wfc("audit", "--json").json["data"]
    assert [fact["action"] for fact in facts] == ["schedule.resumed", "schedule.paused"]
    assert {fact["channel"] for fact in facts} == {"cli"}
    assert facts[0]["details"] == {"name": "nightly"}


def test_the_next_firings_are_told(wfc: Wfc, project: Path) -> None:
    """As many as are asked for."""
    hold_schedule(project)
    found = wfc("schedules", "next", "nightly", "-n", "2", "--json").json["data"]
    assert [each["at"][11:] for each in found] == ["03:00:00.000000Z"] * 2
    assert len(wfc("schedules", "next", "nightly", "--json").json["data"]) == 5


def test_a_schedule_is_triggered(wfc: Wfc, project: Path, shop: Path) -> None:
    """The run is there, and a worker carries it to its end."""
    assert shop == project
    hold_schedule(project)
    assert wfc("versions", "register").code == 0
    said = wfc("schedules", "trigger", "nightly")
    assert said.code == 0, said.err
    assert "no worker is awake" in said.err
    run_id = said.out.strip()
    assert run_id.startswith("schedule:nightly:")
    assert wfc("worker", "--until-idle").code == 0
    assert wfc("result", run_id).out == "1\n"
    event = wfc("inspect", run_id, "--event", "1", "--json").json["data"]
    assert event["origin"]["schedule"] == "nightly"
    assert event["origin"]["fire_at"].endswith("Z")


def test_a_schedule_is_created(wfc: Wfc, project: Path) -> None:
    """With arguments as `wfc start` takes them; said again, it is as it is said then."""
    (project / "kiosk.py").write_text(KIOSK)
    words = ("schedules", "create", "nightly", "sell", "7", "tip=2")
    said = wfc(*words, "--every", "1h", "--overlap", "queue", "--attribute", "tier=free")
    assert said.code == 0, said.err
    assert said.out.startswith("schedule nightly fires next at 20")
    (one,) = wfc("schedules", "--json").json["data"]
    assert (one["every_s"], one["overlap"], one["attributes"]) == (3600, "queue", {"tier": "free"})
    run_id = wfc("schedules", "trigger", "nightly").out.strip()
    assert wfc("worker", "--until-idle").code == 0
    assert wfc("result", run_id).out == "9\n"
    assert wfc(*words, "--cron", "0 3 * * *", "--tz", "Europe/Berlin").code == 0
    (one,) = wfc("schedules", "--json").json["data"]
    assert (one["cron"], one["tz"], one["last_run"]) == ("0 3 * * *", "Europe/Berlin", run_id)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "takes `cron` or `every`"),
        (("--cron", "x"), "is no cron expression"),
        (("--every", "soon"), "--every 'soon'"),
        (("--every", "1h", "--overlap", "both"), "none of 'skip'"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(
    wfc: Wfc, project: Path, words: tuple[str, ...], told: str
) -> None:
    """Before anything is built."""
    assert project.is_dir()
    said = wfc("schedules", "create", "nightly", "pay", *words)
    assert said.code == 2
    assert told in said.err


def test_a_schedule_is_deleted_with_consent(wfc: Wfc, project: Path) -> None:
    """As everything that cannot be taken back."""
    hold_schedule(project)
    refused = wfc("schedules", "delete", "nightly")
    assert refused.code == 2
    assert "WFC957" in refused.err
    assert wfc("schedules", "delete", "nightly", "-y").out == "schedule nightly is deleted\n"
    assert wfc("schedules", "--json").json["data"] == []


@pytest.mark.parametrize("what", ["show", "pause", "resume", "trigger", "delete", "next"])
def test_a_schedule_that_is_not_there_is_told(wfc: Wfc, project: Path, what: str) -> None:
    """With the nearest name."""
    hold_schedule(project)
    said = wfc("schedules", what, "nightl")
    assert said.code == 3
    assert "WFC952" in said.err
    assert "Did you mean nightly" in said.err


def test_facts_are_filtered_and_paged(wfc: Wfc, project: Path) -> None:
    """The command for the next page is told."""

    async def note(world: World) -> None:
        for number in range(3):
            note = Note(action="token.refused", actor="ann", details={"count": number})
            await world.note(note)
        await world.note(Note(action="runs.collected", details={"runs": 1}))

    in_world(project, note)
    first = wfc("audit", "--action", "token.refused", "--limit", "2", "--json")
    assert [fact["details"]["count"] for fact in first.json["data"]] == [2, 1]
    assert f"--after={first.json['next']}" in first.err
    rest = wfc("audit", "--action", "token.refused", f"--after={first.json['next']}", "--json")
    assert [fact["details"]["count"] for fact in rest.json["data"]] == [0]
    assert rest.json["next"] is None
    assert len(wfc("audit", "--actor", "ann", "--json").json["data"]) == 3
    assert wfc("audit", "--until", "1h", "--json").json["data"] == []
    assert "token.refused" in wfc("audit", "--since", "1h").out


def test_what_is_done_to_the_world_is_noted(wfc: Wfc, project: Path, shop: Path) -> None:
    """A version that becomes active, versions that are pruned."""
    assert shop == project
    assert wfc("versions", "register").code == 0
    (version,) = [one["id"] for one in wfc("versions", "--json").json["data"]]
    assert wfc("versions", "activate", version).code == 0
    facts = wfc("audit", "--json").json["data"]
    assert [fact["action"] for fact in facts] == ["version.activated"] * 2
    assert {fact["details"]["version"] for fact in facts} == {version}
    assert wfc("versions", "prune", "--keep", "0", "-y").code == 0


def test_doctor_tells_of_callbacks_and_schedules_in_trouble(
    wfc: Wfc, project: Path, put: Callable[..., None]
) -> None:
    """Those that failed, those that nobody takes, and schedules that start nothing."""
    hold_schedule(project, problem="NoSuchWorkflow: gone")

    async def know(world: World) -> None:
        callbacks = [Callback(name="shop:tell"), Callback(name="shop:gone")]
        await world.register_callbacks(callbacks)

    async def fail(world: World) -> None:
        await world.join(WorkerId("w"), lease_s=60)
        (taken,) = await world.take_ends(WorkerId("w"), ["shop:tell"], 9)
        error = codec.encode_error(OSError("no network"))
        await world.settle_end(WorkerId("w"), taken, error=error)

    in_world(project, know)
    put("paid", completed(1))
    in_world(project, fail)
    checks = wfc("doctor", "--json").json["data"]
    told = {check["what"]: check["found"] for check in checks}
    assert told["schedule nightly"] == "could not start a run: NoSuchWorkflow: gone"
    assert told["end callback shop:tell"] == (
        "failed with 1 run, last with paid: OSError: no network"
    )
    assert "end callback shop:gone" not in told, "somebody may still come"
    inspected = wfc("inspect", "paid", "--json").json["data"]["callbacks"]
    assert [(one["callback"], one["status"], one["error"]) for one in inspected] == [
        ("shop:tell", "failed", "OSError: no network"),
        ("shop:gone", "pending", None),
    ]
    assert "shop:tell\tfailed\t1" in wfc("inspect", "paid").out


def test_doctor_tells_of_ends_that_nobody_takes(
    wfc: Wfc, project: Path, put: Callable[..., None]
) -> None:
    """After some minutes."""

    async def know(world: World) -> None:
        await world.register_callbacks([Callback(name="shop:gone", workflow=WORKFLOW)])

    in_world(project, know)
    put("paid", completed(1))
    put("paid-2", completed(1))
    with closing(sqlite3.connect(project / "runs.db")) as connection, connection:
        connection.execute("UPDATE deliveries SET due = due - 301000000")
    checks = wfc("doctor", "--json").json["data"]
    (found,) = [one["found"] for one in checks if one["what"] == "end callback shop:gone"]
    assert found.startswith("2 ends of runs wait, and no worker takes them")
