"""Encryption at rest: what is on the disk tells nothing, keys change, and no run is ever lost."""

from __future__ import annotations

import base64
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.eventlog.samples import EVENTS
from wfc import codec
from wfc.clock import Clock
from wfc.errors import CannotDecrypt, ConfigError, CorruptEvent, MissingExtra
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import (
    ChildCreated,
    Event,
    HookCreated,
    Recorded,
    RunCancelled,
    RunCancelRequested,
    RunCompleted,
)
from wfc.ids import DefinitionId, OperationId, RunId
from wfc.worlds import sql_events
from wfc.worlds.chunks import Form
from wfc.worlds.conformance import Conformance
from wfc.worlds.open import open_world
from wfc.worlds.promises.given import (
    ALICE,
    OTHER,
    RUN,
    claimed,
    created,
    joined,
    log,
    owned,
    started,
    step_done,
    wrote,
)
from wfc.worlds.protocol import (
    CopiedStreams,
    HookFilter,
    NewChunk,
    NewRun,
    OpenRun,
    Release,
    RunFilter,
    StreamWrite,
    World,
)
from wfc.worlds.sqlite import SqliteWorld
from wfc.worlds.vault import VARIABLE, Vault, vault_of

_OLD: Final = Vault({"k1": bytes(range(32))})
_NEW: Final = Vault({"k2": bytes(32), "k1": bytes(range(32))})
_WRONG: Final = Vault({"k1": bytes(32)})
_SECRET: Final = b"the card number 4242"


async def opened(path: Path, vault: Vault | None) -> SqliteWorld:
    world = SqliteWorld(path, vault=vault)
    await world.open()
    return world


async def written(path: Path, vault: Vault | None, run_id: RunId = RUN) -> SqliteWorld:
    """Leave a released run with a secret in each place that holds payloads."""
    world = await opened(path, vault)
    await joined(world)
    opening = replace(created(arguments=_SECRET, attributes={"tier": "free"}), seed=_SECRET)
    await started(world, run_id, opening)
    owner = await claimed(world, run_id)
    hook = HookCreated(
        operation_id=OperationId("hook~1#0"), hook_id="h", token=run_id, metadata=_SECRET
    )
    large = step_done(1, output=_SECRET * 5000)
    events: list[Event] = [step_done(output=_SECRET), large, hook]
    secret = NewChunk(form=Form.RAW, body=_SECRET)
    stream = StreamWrite(
        namespace="out", chunks=(secret,), epilogue={RunStatus.CANCELLED: (secret,)}
    )
    wrote(await world.append(run_id, events, guard=owner, chunks=[stream], release=Release()))
    return world


def on_disk(path: Path) -> bytes:
    return b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))


@pytest.mark.soak
class TestEncryptedSqliteWorld(Conformance):
    """Every promise of a world holds under encryption."""

    @pytest.fixture
    def make_world(self, tmp_path: Path) -> Callable[[Clock], World]:
        return lambda clock: SqliteWorld(tmp_path / "world.db", clock=clock, vault=_NEW)


@given(st.integers(0, 2**62), EVENTS)
def test_every_event_comes_back(recorded_at: int, event: Event) -> None:
    """Also after another key has come to write."""
    recorded = Recorded(position=7, recorded_at=recorded_at, event=event)
    encoded = sql_events.encode(RUN, [recorded], _OLD)
    (row,) = encoded.rows
    fetched = row[1], row[3], row[5], row[2]
    for vault in (_OLD, _NEW):
        assert sql_events.decode(RUN, fetched, encoded.blobs, vault) == recorded


async def test_nothing_secret_is_on_the_disk(tmp_path: Path) -> None:
    """Neither in the events nor in blobs or the write-ahead log; names and attributes stay."""
    plain = await written(tmp_path / "plain.db", None)
    assert _SECRET in on_disk(plain.path)
    await plain.close()
    world = await written(tmp_path / "world.db", _OLD)
    await world.close()
    data = on_disk(world.path)
    assert _SECRET not in data
    assert b"shop:checkout" in data
    again = await opened(world.path, _OLD)
    assert [
        run.run_id for run in (await again.list_runs(RunFilter(attributes={"tier": "free"}))).runs
    ]
    events: list[Any] = [one.event for one in await log(again)]
    assert (events[0].arguments, events[0].seed) == (_SECRET, _SECRET)
    assert [events[1].output, events[2].output] == [_SECRET, _SECRET * 5000]
    (hook,) = (await again.list_hooks(HookFilter())).hooks
    assert hook.hook.metadata == _SECRET
    fork = NewRun(streams=CopiedStreams(run_id=RUN, steps=frozenset({None})))  # type: ignore[arg-type]  # what no step wrote
    wrote(await again.append(OTHER, [created()], guard=fork))
    for run_id in (RUN, OTHER):
        wrote(await again.append(run_id, [RunCancelled(forced=True)], guard=OpenRun()))
        page = await again.read_chunks(run_id, "out")
        assert [one.body for one in page.chunks] == [_SECRET] * 2
    await again.close()
    assert _SECRET not in on_disk(world.path)


async def test_a_key_changes_while_runs_are_open(tmp_path: Path) -> None:
    """Old keys read, the new one writes; when the old one goes, what it wrote waits."""
    path = tmp_path / "world.db"
    await (await written(path, _OLD)).close()
    world = await opened(path, _NEW)
    await joined(world)
    owner = await claimed(world)
    wrote(await world.append(RUN, [RunCompleted(output=_SECRET)], guard=owner))
    row = await world.run(RUN)
    assert row is not None
    assert row.output == _SECRET
    await world.close()
    connection = sqlite3.connect(path)
    named = connection.execute("SELECT blobs FROM events ORDER BY position").fetchall()
    connection.close()
    assert ['"k1"' in names for (names,) in named] == [True, True, True, True, False]
    assert '"k2"' in named[-1][0]


async def test_a_world_in_the_clear_may_become_encrypted(tmp_path: Path) -> None:
    """What was written before stays readable."""
    path = tmp_path / "world.db"
    await (await written(path, None)).close()
    world = await opened(path, _NEW)
    await joined(world)
    wrote(await world.append(RUN, [RunCompleted(output=b"out")], guard=await claimed(world)))
    assert [one.position for one in await log(world)] == [1, 2, 3, 4, 5]
    await world.close()


@pytest.mark.parametrize(
    ("vault", "says"),
    [
        (None, "encryption key 'k1', which is not here"),
        (Vault({"k2": bytes(32)}), "encryption key 'k1', which is not here"),
        (_WRONG, "does not open under the key 'k1'"),
    ],
)
async def test_without_its_key_a_run_waits(tmp_path: Path, vault: Vault | None, says: str) -> None:
    """It can be listed; nothing can be written to it by who must have read it; nothing is lost."""
    path = tmp_path / "world.db"
    await (await written(path, _OLD)).close()
    world = await opened(path, vault)
    with pytest.raises(CannotDecrypt, match=says) as caught:
        await log(world)
    assert caught.value.code == "WFC467"
    page = await world.read_chunks(RUN, "out")
    assert {chunk.body for chunk in page.chunks} == {codec.ENCRYPTED}
    shown: list[Any] = [one.event for one in await world.history(RUN, veiled=True)]
    assert {shown[0].arguments, shown[0].seed, shown[1].output, shown[2].output} == {
        codec.ENCRYPTED
    }
    (hook,) = (await world.list_hooks(HookFilter())).hooks
    assert (hook.hook.token, hook.hook.metadata) == (RUN, codec.ENCRYPTED)
    assert [run.run_id for run in (await world.list_runs(RunFilter())).runs] == [RUN]
    await started(world, OTHER)
    assert len(await log(world, OTHER)) == 1, "others go on"
    await world.close()
    again = await opened(path, _OLD)
    assert len(await log(again)) == 4
    await again.close()


async def test_an_end_that_cannot_be_read_is_no_failure_to_the_parent(tmp_path: Path) -> None:
    """The parent waits for the key, as its child does."""
    path = tmp_path / "world.db"
    child = await written(path, _OLD, OTHER)
    await joined(child)
    end = RunCompleted(output=b"out")
    wrote(await child.append(OTHER, [end], guard=await claimed(child, OTHER)))
    await child.close()
    world = await opened(path, Vault({"k2": bytes(32)}))
    owner = await owned(world)
    hears = ChildCreated(
        operation_id=OperationId("start~a#0"),
        run_id=OTHER,
        workflow=DefinitionId("shop:checkout"),
        digest=bytes(16),
    )
    wrote(await world.append(RUN, [hears], guard=owner, release=Release()))
    row = await world.run(OTHER)
    assert row is not None
    assert row.output == codec.ENCRYPTED
    with pytest.raises(CannotDecrypt, match="k1"):
        await world.ended_children(RUN)
    await world.close()


async def test_what_is_sealed_belongs_to_one_place(tmp_path: Path) -> None:
    """A payload that somebody moves to another run, or event, does not open there."""
    path = tmp_path / "world.db"
    await (await written(path, _OLD)).close()
    await (await written(path, _OLD, OTHER)).close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(
            "UPDATE events SET body = (SELECT body FROM events WHERE run_id = ? AND position = 2)"
            " WHERE run_id = ? AND position = 2",
            (OTHER, RUN),
        )
        connection.execute("DELETE FROM blobs WHERE run_id = ?", (OTHER,))
    connection.close()
    world = await opened(path, _OLD)
    with pytest.raises(CannotDecrypt, match=r"`output` of event 2 of run run_1"):
        await log(world)
    with pytest.raises(CorruptEvent, match="its payload `output` is missing"):
        await log(world, OTHER)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE chunks SET body = (SELECT body FROM chunks WHERE stream = 2)")
    connection.close()
    assert [each.body for each in (await world.read_chunks(RUN, "out")).chunks] == [codec.ENCRYPTED]
    refused = await world.append(RUN, [RunCancelRequested()], guard=OpenRun())
    assert refused is not None
    await world.close()


def test_equal_payloads_of_runs_look_unlike() -> None:
    """Each run has a key of its own, and each sealing a nonce."""
    sealed = {_OLD.seal(run_id, "x", _SECRET) for run_id in (RUN, RUN, OTHER)}
    assert len(sealed) == 3
    assert _OLD.digest(RUN, _SECRET) != _OLD.digest(OTHER, _SECRET)
    assert _OLD.digest(RUN, _SECRET) == _OLD.digest(RUN, _SECRET)


@given(st.binary(max_size=80))
def test_hostile_bytes_never_open(data: bytes) -> None:
    """Whatever they are."""
    with pytest.raises(CannotDecrypt):
        _OLD.open(RUN, "x", data, "k1")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nonsense", "its part 1 has no name"),
        ("a b:AAAA", "its part 1 has no name"),
        ("k1:***", "the key 'k1' is no base64"),
        ("k1:c2hvcnQ=", "the key 'k1' has 5 bytes"),
        (f"k1:{base64.b64encode(bytes(32)).decode()}," * 2, "it names two keys 'k1'"),
    ],
)
def test_a_variable_that_cannot_be_is_told_without_its_keys(text: str, says: str) -> None:
    """A message may end up in a log."""
    with pytest.raises(ConfigError, match=says) as caught:
        vault_of(text)
    for secret in ("c2hvcnQ", "***", base64.b64encode(bytes(32)).decode()):
        assert secret not in str(caught.value)


def test_the_first_key_of_the_variable_writes() -> None:
    """No variable, no encryption."""
    keys = ", ".join(f"k{n}:{base64.b64encode(bytes([n]) * 32).decode()}" for n in (2, 1))
    vault = vault_of(keys)
    assert vault is not None
    assert vault.writes_under == "k2"
    assert vault_of("") is None
    assert vault_of(" , ") is None


async def test_the_environment_is_where_keys_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a world on a disk; one in memory has nothing at rest."""
    monkeypatch.setenv(VARIABLE, f"k1:{base64.b64encode(bytes(range(32))).decode()}")
    world = open_world(f"sqlite:///{tmp_path / 'world.db'}")
    await world.open()
    await joined(world, ALICE)
    await started(world, RUN, created(arguments=_SECRET))
    await world.close()
    assert _SECRET not in on_disk(tmp_path / "world.db")
    monkeypatch.setenv(VARIABLE, "nonsense")
    with pytest.raises(ConfigError, match=VARIABLE):
        open_world(f"sqlite:///{tmp_path / 'world.db'}")
    open_world("memory:")


def test_without_the_extra_nothing_is_written_in_the_clear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The command that installs it is told."""
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    with pytest.raises(MissingExtra, match=r'pip install "wfc-durable\[encryption\]"'):
        Vault({"k1": bytes(32)})


def test_many_runs_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derived keys are remembered for some runs only."""
    monkeypatch.setattr("wfc.worlds.vault._DERIVED_MAX", 2)
    vault = Vault({"k1": bytes(32)})
    for number in range(5):
        run_id = RunId(f"run_{number}")
        assert vault.open(run_id, "x", vault.seal(run_id, "x", b"y"), "k1") == b"y"
    assert len(vault._derived) <= 2
