"""`--json` is a promise: within format 1 fields are only added, to every command's real output.

`PROMISED` is what version 0.1.0 prints. A field may join it; none may leave, or change its type.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import (  # type: ignore[import-untyped]  # its stubs are a package of their own
    Draft202012Validator,
)

from wfc.cli.main import main
from wfc.worlds.chunks import Form
from wfc.worlds.protocol import NewChunk, StreamWrite

from .conftest import Said, asleep, charge_failed_once, charged, completed, failed, hooked
from .test_schedules import hold_schedule
from .test_versions import hold

Wfc = Callable[..., Said]
Put = Callable[..., None]

TEXT: Final = {"type": "string"}
MAYBE: Final = {"type": ["string", "null"]}
NUMBER: Final = {"type": "integer"}
FLAG: Final = {"type": "boolean"}
ANY: Final[dict[str, Any]] = {}
INSTANT: Final = {"type": ["string", "null"], "pattern": r"^\d{4}-\d\d-\d\dT[\d:.]+Z$"}


def fields(**types: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(types), "properties": types}


def several(**types: Any) -> dict[str, Any]:
    return {"type": "array", "items": fields(**types), "minItems": 1}


RUN: Final = {
    "id": TEXT, "workflow": TEXT, "status": TEXT, "version": TEXT, "created_at": INSTANT,
    "started_at": INSTANT, "ended_at": INSTANT, "wake_at": INSTANT, "queue": MAYBE,
    "paused": FLAG, "blocked": MAYBE, "events": NUMBER, "attributes": {"type": "object"},
    "late": FLAG,
}  # fmt: skip
WHY: Final = {
    "kind": TEXT, "sentence": TEXT, "since": INSTANT, "until": INSTANT, "operation_id": MAYBE,
    "next_action": MAYBE,
}  # fmt: skip
STEP: Final = {
    "id": TEXT, "name": TEXT, "status": TEXT, "attempt": NUMBER, "arguments": ANY, "output": ANY,
    "error": MAYBE, "started_at": INSTANT, "ended_at": INSTANT,
}  # fmt: skip
EVENT: Final = {"position": NUMBER, "recorded_at": INSTANT, "name": TEXT}
CHUNK: Final[dict[str, Any]] = {
    "index": NUMBER,
    "kind": TEXT,
    "value": ANY,
    "step_id": MAYBE,
    "attempt": NUMBER,
    "run": TEXT,
    "from_index": {"type": ["integer", "null"]},
    "recorded_at": INSTANT,
}
VERSION_: Final = {
    "id": TEXT, "label": MAYBE, "active": FLAG, "registered_at": INSTANT,
    "environments": {"type": "array"}, "changed": {"type": ["array", "null"]},
    "workflows": {"type": "object"}, "open_runs": NUMBER, "size": NUMBER,
}  # fmt: skip
VERDICT: Final = {
    "run_id": TEXT, "workflow": TEXT, "from": TEXT, "to": TEXT, "moved": FLAG, "is_there": FLAG,
    "answer": TEXT,
    "level": TEXT, "reasons": {"type": "array"}, "notes": {"type": "array"},
    "waivable": {"type": "array"}, "offers": {"type": "array"}, "replayed": NUMBER,
    "history_length": NUMBER, "divergence": {"type": ["object", "null"]},
    "ahead": {"type": "array"},
}  # fmt: skip
SCHEDULE: Final = {
    "name": TEXT, "workflow": TEXT, "when": TEXT, "cron": MAYBE, "every_s": ANY, "tz": TEXT,
    "overlap": TEXT, "catch_up": TEXT, "start": INSTANT, "end": INSTANT,
    "attributes": {"type": "object"}, "state": TEXT, "paused": FLAG, "created_at": INSTANT,
    "next_at": INSTANT, "last_at": INSTANT, "last_run": MAYBE, "waiting": NUMBER,
    "skipped": NUMBER, "problem": MAYBE,
}  # fmt: skip
PROMISED: Final = {
    "runs": (["runs"], several(**RUN)),
    "run": (
        ["inspect", "paid"],
        fields(
            **RUN,
            why=fields(**WHY),
            result=ANY,
            error=MAYBE,
            steps=several(**STEP),
            callbacks={"type": "array"},
        ),
    ),
    "why": (["why", "paid"], fields(id=TEXT, **WHY)),
    "steps": (["inspect", "paid", "--steps"], several(**STEP)),
    "events": (["inspect", "paid", "--events"], several(**EVENT)),
    "event": (["inspect", "paid", "--event", "1"], fields(**EVENT)),
    "result": (["result", "paid"], fields(id=TEXT, result=ANY)),
    "hooks": (
        ["hooks"],
        several(
            id=TEXT,
            kind=TEXT,
            status=TEXT,
            token=TEXT,
            run=TEXT,
            workflow=TEXT,
            site=TEXT,
            received=NUMBER,
            created_at=INSTANT,
            disposed_at=INSTANT,
            metadata=ANY,
            json_schema=ANY,
        ),
    ),
    "streams": (
        ["inspect", "paid", "--streams"],
        several(namespace=TEXT, tail_index=NUMBER, size=NUMBER, closed=FLAG, created_at=INSTANT),
    ),
    "children": (
        ["inspect", "paid", "--children"],
        {**several(id=TEXT, workflow=TEXT, status=TEXT), "minItems": 0},
    ),
    "queues": (
        ["queues"],
        several(
            name=TEXT,
            kind=TEXT,
            key=MAYBE,
            running=NUMBER,
            waiting=NUMBER,
            concurrency={"type": ["integer", "null"]},
            rate=MAYBE,
            slots=TEXT,
            oldest=INSTANT,
            opens_at=INSTANT,
        ),
    ),
    "chunks": (["stream", "paid"], several(**CHUNK)),
    "logs": (["inspect", "paid", "--logs"], {**several(**CHUNK), "minItems": 0}),
    "receipt": (
        ["resume", "order:1", "true"],
        fields(run=TEXT, receipt_id=TEXT, position=NUMBER, duplicate=FLAG),
    ),
    "cancelled": (["cancel", "open"], several(id=TEXT, cancelled=FLAG)),
    "woken": (["wake", "asleep"], several(id=TEXT, woken=NUMBER)),
    "paused": (["pause", "open"], several(id=TEXT, answer=TEXT)),
    "unpaused": (["unpause", "open"], several(id=TEXT, answer=TEXT)),
    "rerun": (["rerun", "till"], several(id=TEXT, of=TEXT)),
    "fork": (["fork", "till", "--at", "2"], fields(id=TEXT, of=TEXT, created=FLAG)),
    "exported": (["export", "till"], several(id=TEXT, file=TEXT, events=NUMBER)),
    "replay": (
        ["replay", "till"],
        fields(id=TEXT, version=TEXT, events=NUMBER, agrees=FLAG, divergence=MAYBE, outcome=TEXT),
    ),
    "started": (["start", "pay", "--id", "new"], fields(id=TEXT, workflow=TEXT, created=FLAG)),
    "idle": (["worker", "--until-idle"], fields(next_due=INSTANT)),
    "build": (
        ["build"],
        fields(version=MAYBE, folder=MAYBE, changed={"type": "array"}, findings={"type": "array"}),
    ),
    "config": (
        ["config", "show"],
        fields(root=TEXT, settings=several(setting=TEXT, value=ANY, origin=TEXT)),
    ),
    "diff": (
        ["diff", "."],
        fields(
            old=TEXT,
            new=TEXT,
            level=TEXT,
            workflows=several(id=TEXT, new=MAYBE, level=TEXT),
            added={"type": "array"},
            findings={"type": "array"},
            shown={"type": "array"},
        ),
    ),
    "doctor": (["doctor"], several(state=TEXT, what=TEXT, found=TEXT)),
    "explanation": (
        ["explain", "WFC201"],
        fields(code=TEXT, name=TEXT, severity=TEXT, summary=TEXT, fix=TEXT, off=FLAG, page=TEXT),
    ),
    "check": (
        ["check"],
        fields(
            level=TEXT,
            against={"type": "array"},
            findings={"type": "array"},
            runs=fields(move=NUMBER, there=NUMBER, stay=NUMBER, cannot=NUMBER),
            rerun=NUMBER,
            errors={"type": "object"},
            groups={"type": "array"},
            events=NUMBER,
            unread={"type": "array"},
            verdicts=several(**VERDICT),
        ),
    ),
    "upgrade": (
        ["upgrade", "till"],
        fields(
            to=TEXT,
            runs=fields(move=NUMBER, there=NUMBER, stay=NUMBER, cannot=NUMBER),
            rerun=NUMBER,
            errors={"type": "object"},
            groups={"type": "array"},
            verdicts=several(**VERDICT),
        ),
    ),
    "versions": (["versions"], several(**VERSION_)),
    "version": (["versions", "show", "v"], fields(**VERSION_)),
    "schedules": (["schedules"], several(**SCHEDULE)),
    "schedule": (["schedules", "show", "nightly"], fields(**SCHEDULE)),
    "firings": (["schedules", "next", "nightly"], several(at=INSTANT)),
    "triggered": (
        ["schedules", "trigger", "nightly"],
        fields(id=TEXT, schedule=TEXT, workflow=TEXT),
    ),
    "deleted": (["schedules", "delete", "nightly", "-y"], fields(name=TEXT, deleted=FLAG)),
    "audit": (
        ["audit"],
        several(
            number=NUMBER,
            at=INSTANT,
            actor=MAYBE,
            channel=TEXT,
            action=TEXT,
            details={"type": "object"},
        ),
    ),
    "pruned": (
        ["versions", "prune", "--keep", "0", "--dry-run"],
        several(id=TEXT, label=MAYBE, size=NUMBER, pruned=FLAG),
    ),
    "collected": (
        ["gc", "-y"],
        fields(expired=NUMBER, examples={"type": "array", "items": TEXT}, removed=NUMBER),
    ),
    "migrated": (["db", "migrate"], fields(world=TEXT, schema=NUMBER)),
    "checked": (["db", "check"], fields(world=TEXT, schema=NUMBER, sound=FLAG)),
    "backup": (["db", "backup", "copy.db"], fields(world=TEXT, file=TEXT, size=NUMBER)),
    "project": (["init", "fresh"], fields(folder=TEXT, files={"type": "array", "items": TEXT})),
}


@pytest.fixture
def shop(project: Path, put: Put) -> None:
    """A project with runs in every state that the commands below ask for."""
    with (project / "wfc.toml").open("a") as file:
        file.write('[queues.free]\nconcurrency = 10\nrate = "100/1m"\n')
    (project / "till.py").write_text('async def pay():\n    "use workflow"\n')
    written = StreamWrite(namespace="default", chunks=(NewChunk(form=Form.RAW, body=b"a"),))
    done = (*charge_failed_once(), charged(1), completed({"paid": True}))
    put("paid", *done, chunks=[written])
    put("lost", failed(ValueError("no")))
    put("open")
    put("asleep", asleep())
    put("asking", hooked("order:1"))
    hold(project, "v", "w", "x")
    hold_schedule(project)
    assert main(["versions", "activate", "v"]) == 0


@pytest.mark.parametrize("kind", PROMISED)
@pytest.mark.usefixtures("shop")
def test_the_output_of_a_command_keeps_its_fields(wfc: Wfc, kind: str) -> None:
    """One envelope, with what was promised inside; under --jsonl the same without envelope."""
    words, data = PROMISED[kind]
    if kind == "triggered":
        assert wfc("versions", "register").code == 0
    if "till" in words or kind == "check":
        assert wfc("start", "pay", "--id", "till").code == 0
    said = wfc(*words, "--json")
    # Nobody holds the version of the runs that were put there, so these say no.
    assert said.code == (kind in {"check", "doctor"}), said.err
    envelope = {
        **fields(format={"const": 1}, kind={"const": kind}, data=data, next={"type": "null"}),
        "additionalProperties": False,
    }
    Draft202012Validator(envelope).validate(said.json)


@pytest.mark.usefixtures("shop")
def test_json_lines_are_the_items_of_the_list(wfc: Wfc) -> None:
    """So that a stream of any length can be read."""
    lines = [json.loads(line) for line in wfc("runs", "--jsonl").out.splitlines()]
    assert lines == wfc("runs", "--json").json["data"]


@pytest.mark.parametrize(
    "words", [["inspect", "nobody"], ["runs", "--status", "x"], ["nonsense"], ["explain", "x"]]
)
@pytest.mark.parametrize("flag", ["--json", "--jsonl"])
def test_an_error_is_one_object_on_stderr(wfc: Wfc, words: list[str], flag: str) -> None:
    """With nothing on stdout."""
    said = wfc(*words, flag)
    assert said.code in {2, 3}
    assert said.out == ""
    error = fields(code=MAYBE, message=TEXT, where=MAYBE, why=MAYBE, fix=MAYBE, docs=MAYBE)
    Draft202012Validator(error).validate(json.loads(said.err))
