"""`wfc hooks` and `wfc resume`: what takes values, and sending one."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wfc import codec
from wfc.cli import output
from wfc.runtime.hook_schemas import recorded_schema

from .conftest import Said, completed, hooked

Wfc = Callable[..., Said]
Put = Callable[..., None]


def test_active_hooks_are_listed_newest_first(wfc: Wfc, put: Put) -> None:
    """As rows for people; `--all` adds those that have ended, `--run` asks for one run."""
    put("o-1", hooked("order:1", metadata=codec.encode({"for": "ann"}, path="a test")))
    put("o-2", hooked("order:2"), completed(1))
    put("o-3", hooked("order:3"))
    said = wfc("hooks")
    assert said.code == 0
    assert said.out.splitlines()[0].startswith("id\tkind\tstatus\ttoken\trun")
    assert [line.split("\t")[3] for line in said.out.splitlines()[1:]] == ["order:3", "order:1"]
    every = wfc("hooks", "--all", "--limit", "1", "--json").json["data"]
    assert [(one["token"], one["status"]) for one in every] == [
        ("order:3", "active"), ("order:2", "disposed"), ("order:1", "active"),
    ]  # fmt: skip
    (one,) = wfc("hooks", "--run", "o-1", "--json").json["data"]
    assert (one["run"], one["metadata"]) == ("o-1", {"for": "ann"})


def test_a_page_tells_the_next_one(wfc: Wfc, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    put("o-1", hooked("order:1"), hooked("order:2", 1))
    monkeypatch.setattr(sys, "argv", ["wfc", "hooks", "--limit", "1"])
    said = wfc("hooks", "--limit", "1", "--json")
    assert said.json["next"] in said.err
    rest = wfc("hooks", "--limit", "1", "--after", said.json["next"], "--json").json
    assert (len(rest["data"]), rest["next"]) == (1, None)


def test_no_hooks_are_told_to_people(wfc: Wfc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "is_terminal", lambda _: True)
    said = wfc("hooks")
    assert said.code == 0
    assert "no hook takes anything now" in said.err


def test_an_unknown_run_is_exit_3(wfc: Wfc) -> None:
    assert wfc("hooks", "--run", "nobody").code == 3


def test_a_value_is_sent(wfc: Wfc, put: Put) -> None:
    """The receipt says where it is; the log says who sent it and how."""
    put("o-1", hooked("order:1"))
    said = wfc("resume", "order:1", '{"approved": true}', "--json")
    assert said.code == 0
    assert "no worker is awake" in said.err
    assert (said.json["data"]["run"], said.json["data"]["position"]) == ("o-1", 3)
    event = wfc("inspect", "o-1", "--event", "3", "--json").json["data"]
    assert (event["name"], event["channel"]) == ("hook_received", "cli")
    assert event["payload"] == {"approved": True}


def test_a_value_comes_from_a_file(wfc: Wfc, put: Put, project: Path) -> None:
    put("o-1", hooked("order:1"))
    (project / "value.json").write_text("[1, 2]")
    assert wfc("resume", "order:1", "@value.json").code == 0
    assert wfc("inspect", "o-1", "--event", "3", "--json").json["data"]["payload"] == [1, 2]


def test_a_value_sent_twice_with_one_id_lands_once(wfc: Wfc, put: Put) -> None:
    put("o-1", hooked("order:1"))
    words = ("resume", "order:1", "5", "--idempotency-id", "once", "--json")
    first, second = (wfc(*words).json["data"] for _ in range(2))
    assert (first["duplicate"], second["duplicate"]) == (False, True)
    assert first["receipt_id"] == second["receipt_id"]
    other = wfc("resume", "order:1", "6", "--idempotency-id", "once")
    assert other.code == 5
    assert "WFC958" in other.err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("order:9", "1"), 3, "WFC860"),
        (("order:2", "1"), 5, "WFC863"),
        (("order:1", '"much"'), 2, "WFC862"),
        (("order:1", "much"), 2, "no JSON"),
    ],
)
def test_what_cannot_be_sent_is_told(
    wfc: Wfc, put: Put, words: tuple[str, str], code: int, told: str
) -> None:
    """Not found, disposed, of another type, no JSON; nothing is written."""
    put("o-1", hooked("order:1", schema=recorded_schema(int)))
    put("o-2", hooked("order:2", retention_s=3600.0), completed(1))
    said = wfc("resume", *words)
    assert said.code == code
    assert told in said.err
    events = [each["name"] for each in wfc("inspect", "o-1", "--events", "--json").json["data"]]
    assert events == ["run_created", "hook_created"]


SHOP = """
from dataclasses import dataclass
from wfc import create_hook

@dataclass
class Approval:
    approved: bool

async def checkout(order_id: str) -> bool:
    "use workflow"
    return (await create_hook(Approval, token=order_id)).approved
"""


REVIVED = """
from pathlib import Path
from wfc import FatalError, create_hook

async def charge(order_id: str) -> str:
    "use step"
    if not Path("money").exists():
        raise FatalError("no money")
    return order_id

async def checkout(order_id: str, token: str) -> list:
    "use workflow"
    async with create_hook(int, token=token) as hook:
        cents = await hook
        return [await charge(order_id), cents, await hook]
"""


@pytest.fixture
def revived(project: Path, wfc: Wfc, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The run o-1 has taken a value and failed."""
    (project / "flowrevived.py").write_text(REVIVED)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    assert wfc("start", "checkout", "o-1", "t", "--id", "o-1").code == 0
    assert wfc("worker", "--until-idle").code == 0
    assert wfc("resume", "t", "42").code == 0
    assert wfc("worker", "--until-idle").code == 0
    assert "no money" in wfc("result", "o-1").err
    assert wfc("resume", "t", "43").code == 3
    yield
    sys.modules.pop("flowrevived", None)


@pytest.mark.usefixtures("revived")
def test_a_revived_run_gets_what_is_sent_to_it(wfc: Wfc, project: Path) -> None:
    """Its hook is open again under its token, and what it took before it takes again."""
    (project / "money").touch()
    assert wfc("upgrade", "o-1", "-y").code == 0
    assert wfc("resume", "t", "43", "--json").json["data"]["run"] == "o-1"
    assert wfc("worker", "--until-idle").code == 0
    assert wfc("result", "o-1", "--json").json["data"]["result"] == ["o-1", 42, 43]


@pytest.mark.usefixtures("revived")
def test_a_run_is_not_revived_while_another_has_its_token(wfc: Wfc) -> None:
    """The answer names the holder, and the run stays as it was."""
    assert wfc("start", "checkout", "o-2", "t", "--id", "o-2").code == 0
    assert wfc("worker", "--until-idle").code == 0
    said = wfc("upgrade", "o-1", "-y")
    assert said.code != 0
    assert "WFC861" in said.err + said.out
    assert "o-2" in said.err + said.out
    assert wfc("inspect", "o-1", "--json").json["data"]["status"] == "failed"


def test_without_jsonschema_the_projects_own_type_judges(
    wfc: Wfc, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "flowshop.py").write_text(SHOP)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    assert wfc("start", "checkout", "o-1", "--id", "o-1").code == 0
    assert wfc("worker", "--until-idle").code == 0
    refused = wfc("resume", "o-1", '{"approved": "perhaps"}')
    assert (refused.code, "WFC862" in refused.err) == (2, True)
    assert wfc("resume", "o-1", '{"approved": true}').code == 0
    assert wfc("worker", "--until-idle").code == 0
    said = wfc("result", "o-1", "--json")
    assert json.loads(said.out)["data"]["result"] is True
    sys.modules.pop("flowshop", None)
