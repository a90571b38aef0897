"""Runs in files: what is written is read back, and what was damaged is refused by line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.flows import FLOWS, PROGRAM, Journal
from tests.runtime.house import House
from wfc import codec
from wfc.errors import CorruptEvent, InputInvalid, LogTooNew, RunNotFound
from wfc.eventlog.event import (
    AttributesSet,
    Event,
    FailureKind,
    HookCreated,
    HookReceived,
    Recorded,
    RunCancelRequested,
    RunCreated,
    RunFailed,
    StepCompleted,
    StepCreated,
)
from wfc.ids import DefinitionId, OperationId, RunId, VersionId
from wfc.policies import Policy
from wfc.runtime import exported
from wfc.runtime.exported import Exported, lines_of, load, read, redact
from wfc.worlds.memory import MemoryWorld

HOOK = OperationId("create_hook~1#0")
STEP = OperationId("charge~1#0")


def payload(value: Any) -> bytes:
    return codec.encode(value, path="a test")


CREATED = RunCreated(
    workflow=DefinitionId("shop:checkout"),
    version=VersionId("v1"),
    fingerprint="f",
    arguments=payload({"card": {"number": "4111"}, "cents": 42}),
    seed=bytes(32),
    attributes={"email": "a@b"},
    actor="ann",
)
CALL = StepCreated(
    operation_id=STEP,
    step=DefinitionId("shop:charge"),
    arguments=payload({"card": "4111"}),
    digest=b"d" * 16,
    policy=Policy(),
)
OUTCOME = StepCompleted(
    operation_id=STEP, attempt=1, started_at=1, version=VersionId("v1"),
    output=payload({"token": "t"}), created=CALL,
)  # fmt: skip


def of(*events: Event) -> Exported:
    log = [
        Recorded(position=position, recorded_at=position, event=event)
        for position, event in enumerate((CREATED, *events), 1)
    ]
    return Exported(run_id=RunId("run_1"), log=log)


def hidden(event: Event, *paths: str) -> Any:
    """Give an event as it is after redaction."""
    found, nowhere = redact(of(event), paths)
    assert not nowhere
    assert found.redacted == paths
    return found.log[1].event


async def test_a_file_holds_the_run_and_its_code(
    house: House, journal: Journal, tmp_path: Path
) -> None:
    """Read into another world it is the same log, at the same instants, with its version."""
    run = await house.start(FLOWS.chain, 2)
    await house.worker().run_until_idle()
    made = await exported.export(house.world, run.id)
    path = tmp_path / "run.jsonl"
    path.write_text("\n".join(lines_of(made)), encoding="utf-8")
    found = read(path)
    assert (found.run_id, list(found.log)) == (run.id, list(made.log))
    world = MemoryWorld()
    await world.open()
    await load(found, world)
    assert await world.history(run.id) == list(made.log)
    assert await world.version_archive(PROGRAM.version.id) == made.archives[PROGRAM.version.id]
    assert journal.calls
    with pytest.raises(RunNotFound):
        await exported.export(house.world, RunId("nobody"))


async def test_a_version_that_is_not_held_is_left_out(house: House) -> None:
    """The events are worth having without it."""
    world = MemoryWorld()
    await world.open()
    await load(of(OUTCOME), world)
    made = await exported.export(world, RunId("run_1"))
    assert made.archives == {}
    header = json.loads(next(lines_of(made)))
    assert (header["manifest"], header["versions"]) == (None, {})


HEAD = json.loads(next(lines_of(of(OUTCOME))))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda _: [], InputInvalid, r":1: this line"),
        (lambda lines: ["[]", *lines[1:]], InputInvalid, r":1: .* no object"),
        (lambda lines: ["{}", *lines[1:]], InputInvalid, "no exported run"),
        (lambda _: [json.dumps(HEAD | {"format": 2})], LogTooNew, "format 2"),
        (lambda _: [json.dumps(HEAD | {"versions": {"v": "?"}})], InputInvalid, ":1: "),
        (lambda _: [json.dumps({"kind": HEAD["kind"], "format": 1})], InputInvalid, "'run'"),
        (lambda lines: lines[:-1], InputInvalid, "1 events of 2"),
        (lambda lines: [*lines[:-1], "{}"], InputInvalid, r":3: .*'body'"),
        (lambda lines: [*lines[:-1], '{"body": "?"}'], InputInvalid, ":3: "),
        (lambda lines: [*lines[:-1], '{"body": 7}'], InputInvalid, ":3: "),
        (lambda lines: [*lines[:-1], '{"body": "AAAA"}'], CorruptEvent, "event 2"),
        (lambda lines: [lines[0], lines[2], lines[1]], InputInvalid, "cut short"),
    ],
)
def test_a_damaged_file_is_refused_by_line(
    tmp_path: Path, change: Any, error: type[Exception], message: str
) -> None:
    """Nothing of it is believed."""
    lines: Sequence[str] = change(list(lines_of(of(OUTCOME))))
    path = tmp_path / "run.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(error, match=message):
        read(path)


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    """And a folder, or bytes that are no text, cannot be read."""
    with pytest.raises(RunNotFound, match="wfc export RUN"):
        read(tmp_path / "none.jsonl")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for path in (tmp_path, tmp_path / "bytes", Path("\ud800/x"), Path("\x00/x")):
        with pytest.raises(InputInvalid, match="cannot be read"):
            read(path)


def test_arguments_are_hidden_wherever_they_are_recorded() -> None:
    """In the run's first event and in calls, which are then compared no more."""
    found, nowhere = redact(of(OUTCOME), ["arguments.card", "zzz", "step_created"])
    assert nowhere == {"zzz", "step_created"}
    assert codec.decode(found.created.arguments) == {"card": codec.REDACTED, "cents": 42}
    outcome = found.log[1].event
    assert isinstance(outcome, StepCompleted)
    assert outcome.created is not None
    assert outcome.created.digest is None
    assert codec.decode(outcome.created.arguments or b"") == {"card": codec.REDACTED}
    assert outcome.output == OUTCOME.output
    assert found.redacted == ("arguments.card",)


def test_a_path_may_name_the_event() -> None:
    """Then others keep what they have there."""
    outcome = hidden(OUTCOME, "step_completed.output.token")
    assert codec.decode(outcome.output) == {"token": codec.REDACTED}
    found, _ = redact(of(OUTCOME), ["step_created.arguments.card"])
    assert found.created == CREATED
    created = getattr(found.log[1].event, "created")  # noqa: B009 - of any event
    assert codec.decode(created.arguments) == {"card": codec.REDACTED}


def test_other_fields_are_hidden_too() -> None:
    """Payloads whole or in part, errors whole, texts about people, attributes; and no others."""
    failed = RunFailed(error=codec.encode_error(ValueError("4111")), kind=FailureKind.USER)
    assert str(codec.decode_error(hidden(failed, "error").error)) == codec.REDACTED
    received = HookReceived(
        operation_id=HOOK, receipt_id="r", payload=payload({"a": [1, 2]}), actor="ann"
    )
    assert codec.decode(hidden(received, "payload.a.0").payload) == {"a": [codec.REDACTED, 2]}
    assert codec.decode(hidden(received, "payload").payload) == codec.REDACTED
    assert hidden(received, "actor").actor == codec.REDACTED
    hook = HookCreated(operation_id=HOOK, hook_id="h", token="secret", url="https://s/secret")  # noqa: S106 - to be hidden
    told = hidden(hook, "token", "url")
    assert (told.token, told.url) == (codec.REDACTED, codec.REDACTED)
    cancel = RunCancelRequested(reason="bankrupt")
    assert hidden(cancel, "reason").reason == codec.REDACTED
    written = AttributesSet(changes={"email": "a@b", "tier": None})
    black = codec.REDACTED
    assert hidden(written, "changes.email").changes == {"email": black, "tier": None}
    assert hidden(written, "changes.*").changes == {"email": black, "tier": black}
    assert hidden(written, "changes").changes == {"email": black, "tier": black}
    for path in ("seed", "error.message", "operation_id", "step", "changes.none", "reason.x"):
        assert redact(of(failed, OUTCOME, written, cancel), [path])[1] == {path}
