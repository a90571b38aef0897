"""Runs on one version of an app in a world, and other versions that they may move to."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.upgrade.moving import built
from wfc import abi, codec
from wfc.clock import VirtualClock
from wfc.config import Session
from wfc.eventlog.event import Recorded, RunCreated, RunUpgraded
from wfc.ids import DefinitionId, RunId, WorkerId
from wfc.manifests.code import module_code
from wfc.manifests.manifest import Manifest
from wfc.manifests.store import Version, to_archive
from wfc.runtime.logs import read_log
from wfc.runtime.registry import Registry
from wfc.runtime.run import Run
from wfc.runtime.worker import Worker
from wfc.worlds.protocol import Appended, Claimed, NewRun, World

HEAD = """
import asyncio
from wfc import FatalError, RetryableError, policy, sleep

async def charge(order: str, cents: int) -> str:
    "use step"
    return f"{order}:{cents}"

async def ship(order: str) -> str:
    "use step"
    return f"shipped {order}"

async def notify(order: str) -> str:
    "use step"
    return f"told {order}"

"""
FLOW = DefinitionId("app.flows:flow")
ONE = (
    HEAD
    + """
async def flow(order: str) -> list:
    "use workflow"
    paid = await charge(order, 4200)
    await sleep("1 day")
    return [paid, await ship(order)]
"""
)
"""Charges, sleeps, ships."""
TELLS = ONE.replace(
    "    return [paid, await ship(order)]",
    "    sent = await ship(order)\n    await notify(order)\n    return [paid, sent]",
)
"""Every open run moves."""
DEARER = ONE.replace("4200", "4300")
"""Runs that have paid stay, unless somebody accepts what was recorded."""
BLOCKED = ONE.replace("    paid = await", "    if order:\n        paid = await")
"""Every open run moves; its step has another name there."""


@dataclass
class Moves:
    """A world with versions of one app."""

    world: World
    clock: VirtualClock
    workers: list[Worker] = field(default_factory=list)
    traceparent: str | None = None

    async def deploy(
        self, text: str, settings: str = "", *, activate: bool = True, label: str | None = None
    ) -> Version:
        version = built(text, settings)
        await self.world.register_version(
            version.id,
            to_archive(version),
            label=label,
            fingerprints=dict(version.fingerprints),
            activate=activate,
        )
        if activate:
            await self.world.activate_version(version.id)
        return version

    async def begin(self, version: Version, *names: str) -> list[Run[Any]]:
        """Begin runs of the flow with their names as argument."""
        workflow = Manifest.parse(version.manifest).workflows[FLOW]
        for name in names:
            created = RunCreated(
                workflow=FLOW,
                version=version.id,
                fingerprint=version.fingerprints[FLOW],
                changes=workflow.changes,
                arguments=codec.encode({"order": name}, path="a test"),
                seed=os.urandom(32),
                traceparent=self.traceparent,
            )
            answer = await self.world.append(RunId(name), [created], guard=NewRun())
            assert isinstance(answer, Appended)
        return [self.run(name) for name in names]

    def run(self, name: str) -> Run[Any]:
        return Run(RunId(name), self._client)

    async def _client(self) -> Session:
        return self.session

    @property
    def session(self) -> Session:
        return Session(self.world, None)

    def worker(self, version: Version, **options: Any) -> Worker:
        imported(version)
        made = Worker(self.world, Registry(version, **options))
        self.workers.append(made)
        return made

    async def work(self, version: Version, **options: Any) -> None:
        """Let a worker of a version do what is due, and go."""
        worker = self.worker(version, **options)
        await worker.run_until_idle()
        await worker.stop()

    def advance(self, **by: float) -> None:
        self.clock.advance(timedelta(**by))

    async def log(self, name: str) -> list[Recorded]:
        return await read_log(self.world, RunId(name))

    async def names(self, name: str) -> list[str]:
        return [one.event.name for one in await self.log(name)]

    async def upgrades(self, name: str) -> list[RunUpgraded]:
        return [one.event for one in await self.log(name) if isinstance(one.event, RunUpgraded)]

    async def version_of(self, name: str) -> str:
        row = await self.world.run(RunId(name))
        assert row is not None
        return row.version

    async def on(self, version: Version, names: Collection[str]) -> list[str]:
        return [name for name in names if await self.version_of(name) == version.id]

    @asynccontextmanager
    async def held(self, name: str) -> Any:
        """Let a worker that does nothing hold a run; gives the way to let it go."""
        worker = WorkerId("worker_holding")
        await self.world.join(worker, lease_s=600)
        assert isinstance(await self.world.claim(RunId(name), worker), Claimed)
        yield
        await self.world.leave(worker)

    async def close(self) -> None:
        for worker in self.workers:
            await worker.stop()
        await self.world.close()
        for name in [one for one in sys.modules if one.partition(".")[0] == "app"]:
            del sys.modules[name]


def imported(version: Version) -> None:
    """Import the step modules of a version, as a process of that build does."""
    for name, bundle in version.step.items():
        module = types.ModuleType(name)
        setattr(module, abi.NAME, abi.Bundle(name, module.__dict__))
        sys.modules[name] = module
        exec(module_code(bundle, f"/{bundle.path}"), module.__dict__)  # noqa: S102 - an import
