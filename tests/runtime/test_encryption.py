"""A worker without the key of a run blocks it and nothing else; with the key it goes on."""

from __future__ import annotations

from pathlib import Path

from tests.runtime.flows import FLOWS, PROGRAM, Journal
from tests.runtime.house import House
from wfc.clock import VirtualClock
from wfc.eventlog.entity import RunStatus
from wfc.worlds.sqlite import SqliteWorld
from wfc.worlds.vault import Vault

_OLD = bytes(range(32))


async def house(path: Path, vault: Vault | None, clock: VirtualClock) -> House:
    world = SqliteWorld(path, clock=clock, vault=vault)
    await world.open()
    return await House(world, clock, PROGRAM.version).open()


async def test_a_run_waits_for_its_key(tmp_path: Path, journal: Journal) -> None:
    """Nothing is written to it meanwhile, and its steps are not done twice."""
    clock = VirtualClock()
    first = await house(tmp_path / "world.db", Vault({"k1": _OLD}), clock)
    run = await first.start(FLOWS.chain, 2, id="c-1")
    await first.close()
    without = await house(tmp_path / "world.db", Vault({"k2": bytes(32)}), clock)
    await without.worker().run_until_idle()
    row = await without.world.run(run.id)
    assert row is not None
    assert "CannotDecrypt: run c-1 was written under the encryption key 'k1'" in (row.blocked or "")
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
