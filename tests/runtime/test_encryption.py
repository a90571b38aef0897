"""A worker without the key of a run blocks it and nothing else; with the key it goes on."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.flows import FLOWS, PROGRAM, Journal
from tests.runtime.hook_flows import HOOKED
from tests.runtime.house import House
from tests.runtime.log_flows import PROGRAM as LOGGING
from tests.runtime.programs import Program
from tests.runtime.stream_flows import PROGRAM as STREAMING
from wfc import codec
from wfc.clock import VirtualClock
from wfc.errors import CannotDecrypt, CorruptEvent, FatalError, RunFailed
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import RunCreated
from wfc.ids import RunId
from wfc.runtime import hook_door
from wfc.runtime.limits import Limits
from wfc.runtime.run import Run
from wfc.runtime.why import WhyKind
from wfc.worlds.sqlite import SqliteWorld
from wfc.worlds.vault import Vault

_OLD = bytes(range(32))


async def house(
    path: Path, vault: Vault | None, clock: VirtualClock, program: Program = PROGRAM
) -> House:
    world = SqliteWorld(path, clock=clock, vault=vault)
    await world.open()
    return await House(world, clock, program.version).open()


def handle(house: House, run_id: str) -> Run[Any]:
    return Run(RunId(run_id), house._client)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"k2": bytes(32)}, "run c-1 was written under the encryption key 'k1'"),
        ({"k1": bytes(32)}, "`arguments` of event 1 of run c-1 does not open under the key 'k1'"),
    ],
    ids=["another name", "this name"],
)
async def test_a_run_waits_for_its_key(
    tmp_path: Path, journal: Journal, keys: dict[str, bytes], says: str
) -> None:
    """Nothing is written to it meanwhile, and its steps are not done twice."""
    clock = VirtualClock()
    first = await house(tmp_path / "world.db", Vault({"k1": _OLD}), clock)
    run = await first.start(FLOWS.chain, 2, id="c-1")
    await first.close()
    without = await house(tmp_path / "world.db", Vault(keys), clock)
    await without.worker().run_until_idle()
    row = await without.world.run(run.id)
    assert row is not None
    assert f"CannotDecrypt: {says}" in (row.blocked or "")
    assert row.length == 1
    assert journal.calls == []
    other = await without.start(FLOWS.chain, 1)
    await without.worker().run_until_idle()
    assert await other.status() is RunStatus.COMPLETED
    await without.close()
    again = await house(tmp_path / "world.db", Vault({"k2": bytes(32), "k1": _OLD}), clock)
    await again.world.block(run.id, None)
    await again.worker().run_until_idle()
    row = await again.world.run(run.id)
    assert row is not None
    assert row.status is RunStatus.COMPLETED
    assert len(journal.calls) == 3
    await again.close()


async def written(
    tmp_path: Path, clock: VirtualClock, workflow: Any, *args: Any, program: Program = PROGRAM
) -> str:
    """Let a run with its key come as far as it does, and give its id."""
    first = await house(tmp_path / "world.db", Vault({"k1": _OLD}), clock, program)
    run = await first.start(workflow, *args, id="c-1")
    await first.worker().run_until_idle()
    await first.close()
    return run.id


WITHOUT = pytest.mark.parametrize(
    "vault",
    [None, {"k2": bytes(32)}, {"k1": bytes(32)}],
    ids=["no keys", "another key", "another key of this name"],
)


@WITHOUT
async def test_without_the_key_a_run_is_looked_at(
    tmp_path: Path, journal: Journal, vault: Any
) -> None:
    """All that is not secret is seen; in the place of a payload readers see that there is one."""
    clock = VirtualClock()
    name = await written(tmp_path, clock, FLOWS.chain, 2)
    here = await house(tmp_path / "world.db", vault and Vault(vault), clock)
    run = handle(here, name)
    steps = await run.steps()
    assert [each.name for each in steps] == ["add"] * 2
    assert {str(each.output) for each in steps} == {"{'$encrypted': True}"}
    assert {str(each.arguments) for each in steps} == {"{'$encrypted': True}"}
    opening = (await run.events())[0].event
    assert isinstance(opening, RunCreated)
    assert codec.decode(opening.arguments) == {"$encrypted": True}
    assert opening.seed == codec.ENCRYPTED
    assert await run.status() is RunStatus.COMPLETED
    row = await here.world.run(run.id)
    assert row is not None
    assert (row.output, row.blocked) == (codec.ENCRYPTED, None)
    with pytest.raises(CannotDecrypt, match=r"under the (encryption )?key 'k1'"):
        await run.result()
    with pytest.raises(CannotDecrypt, match="'k1'"):
        await run.rerun()
    await here.close()


async def test_that_a_run_failed_is_no_secret(tmp_path: Path, journal: Journal) -> None:
    """Its error is: the cause says which key it needs."""
    clock = VirtualClock()
    journal.failures = [FatalError("the card 4711 is stolen")]
    name = await written(tmp_path, clock, FLOWS.retried, 7)
    here = await house(tmp_path / "world.db", None, clock)
    run = handle(here, name)
    with pytest.raises(RunFailed) as caught:
        await run.result()
    assert caught.value.kind == "user"
    assert isinstance(caught.value.cause, CannotDecrypt)
    (step,) = await run.steps()
    assert isinstance(step.error, CannotDecrypt)
    assert "key that is not here" in str(step.error)
    await here.close()


@WITHOUT
async def test_without_the_key_a_waiting_run_is_explained(
    tmp_path: Path, journal: Journal, vault: Any
) -> None:
    """By the hook that it waits for, whose token is no secret."""
    clock = VirtualClock()
    name = await written(tmp_path, clock, HOOKED.module.approves, "a", program=HOOKED)
    here = await house(tmp_path / "world.db", vault and Vault(vault), clock, HOOKED)
    run = handle(here, name)
    why = await run.why()
    (hook,) = await run.hooks()
    assert hook.token
    assert (why.kind, hook.token in why.sentence) == (WhyKind.HOOK, True), why
    page = await hook_door.list_page(
        here.session, run=None, kind=None, status=None, cursor=None, limit=10
    )
    assert [each.token for each in page.items] == [hook.token]
    await here.close()


async def test_hooks_are_listed_without_their_key(tmp_path: Path, journal: Journal) -> None:
    """One run that is sealed hides no other; what a hook takes is not guessed."""
    clock = VirtualClock()
    first = await house(tmp_path / "world.db", Vault({"k1": _OLD}), clock, HOOKED)
    await first.start(HOOKED.module.approves, "a", id="c-1")
    await first.worker().run_until_idle()
    await first.close()
    here = await house(tmp_path / "world.db", Vault({"k2": bytes(32)}), clock, HOOKED)
    await here.start(HOOKED.module.approves, "b", id="c-2")
    await here.worker().run_until_idle()
    page = await hook_door.list_page(
        here.session, run=None, kind=None, status=None, cursor=None, limit=10
    )
    shown = {str(each.run_id): each for each in page.items}
    assert shown["c-1"].json_schema == {"$encrypted": True}
    assert "properties" in (shown["c-2"].json_schema or {})
    token = shown["c-1"].token
    with pytest.raises(CannotDecrypt, match="under the encryption key 'k1'"):
        await hook_door.send(here.session, token, {"approved": True}, idempotency_id=None)
    await here.close()


async def test_damage_of_an_end_is_told(tmp_path: Path, journal: Journal) -> None:
    """Not by an assertion."""
    clock = VirtualClock()
    made = await house(tmp_path / "world.db", None, clock)
    run = await made.start(FLOWS.chain, 2, id="c-1")
    await made.worker().run_until_idle()
    with closing(sqlite3.connect(tmp_path / "world.db")) as file, file:
        file.execute("UPDATE events SET body = substr(body, 1, 9) WHERE code = 3")
    with pytest.raises(CorruptEvent):
        await run.result()
    await made.close()


async def test_a_stream_without_its_key_shows_that_there_are_chunks(
    tmp_path: Path, journal: Journal
) -> None:
    """Whatever type is asked for: their number and times are no secret."""
    clock = VirtualClock()
    first = await house(tmp_path / "world.db", Vault({"k1": _OLD}), clock, STREAMING)
    run = await first.start(STREAMING.module.counts, id="c-1")
    await first.worker().run_until_idle()
    told = [one async for one in run.stream(type=int)]
    assert told
    await first.close()
    here = await house(tmp_path / "world.db", None, clock, STREAMING)
    shown: list[Any] = [one async for one in handle(here, "c-1").stream(type=int)]
    assert shown == [{"$encrypted": True}] * len(told)
    await here.close()


def files_of(folder: Path) -> bytes:
    """Give all that a world has on disk."""
    return b"".join(each.read_bytes() for each in folder.iterdir())


async def test_log_lines_are_sealed(tmp_path: Path, journal: Journal) -> None:
    """Of steps and of workflow code: no file of the world holds their words, and the key shows
    them.
    """
    clock = VirtualClock()
    first = await house(tmp_path / "world.db", Vault({"k1": _OLD}), clock, LOGGING)
    run = await first.start(LOGGING.module.talks, "klartext", id="c-1")
    worker = first.worker(chapter=Limits(log_level=logging.INFO))
    await worker.run_until_idle()
    clock.advance(timedelta(days=1))
    await worker.run_until_idle()
    told = [line["message"] async for line in run.stream("wfc.logs")]
    assert told[:2] == ["begins klartext", "says klartext"]
    page = await first.world.read_chunks(run.id, "wfc.logs")
    await first.close()
    assert b"klartext" not in files_of(tmp_path)
    with closing(sqlite3.connect(tmp_path / "world.db")) as connection:
        (bodies,) = connection.execute(
            "SELECT count(*) FROM chunks WHERE sealed_under = 'k1'"
        ).fetchone()
    assert bodies == len(page.chunks) == len(told)
    without = await house(tmp_path / "world.db", None, clock, LOGGING)
    sealed = await without.world.read_chunks(run.id, "wfc.logs")
    assert {each.body for each in sealed.chunks} == {codec.ENCRYPTED}
    await without.close()
