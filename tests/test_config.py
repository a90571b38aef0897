"""A project becomes a session: built, imported, registered, with one worker per event loop."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wfc import api, codec, config
from wfc.errors import CompileError, ConfigError, WfcError
from wfc.manifests.store import current_version
from wfc.policies import resolve
from wfc.runtime.versions import here
from wfc.settings import Loaded, load_settings

FLOWS = '''
"""A shop."""
from dataclasses import dataclass


@dataclass
class Order:
    name: str


@dataclass
class Hidden:
    name: str


async def charge(order: Order) -> str:
    "use step"
    return f"paid {order.name}"


async def buy(order: Order) -> str:
    "use workflow"
    return await charge(order)
'''
APP = """
from wfc.api import App
from shop_under_test.flows import Hidden
app = App(types=[Hidden])
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project of its own; what importing it leaves behind is taken away again."""
    package = tmp_path / "shop_under_test"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "flows.py").write_text(FLOWS)
    (package / "wfc_app.py").write_text(APP)
    (tmp_path / "pyproject.toml").write_text('[tool.wfc]\npackages = ["shop_under_test"]\n')
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] == "shop_under_test"]:
        del sys.modules[name]


def flows() -> Any:
    return sys.modules["shop_under_test.flows"]


async def test_a_project_is_built_registered_imported_and_executed(project: Path) -> None:
    async with api.runtime(settings=load_settings(project)) as session:
        order = flows().Order("o-1")
        run = await api.start(flows().buy, order)
        assert await run.result("10s") == "paid o-1"
        (row,) = await session.world.versions()
        assert row.active
        assert row.version == current_version(project / ".wfc")
        assert row.environments == (here(),)
        (listed,) = await api.list_versions()
        assert (listed.id, listed.active, listed.open_runs) == (row.version, True, 0)
        assert list(listed.workflows) == ["shop_under_test.flows:buy"]
    assert (project / ".wfc" / "wfc.db").exists()


async def test_one_loop_has_one_worker(project: Path) -> None:
    loaded = load_settings(project, world="memory:")
    async with api.runtime(worker=False, settings=loaded) as client:
        assert client.worker is None
        async with api.runtime() as first, api.runtime() as second:
            assert first is second is client
            assert first.worker is not None
            assert first.worker.has_room
        run = await api.start(flows().buy, flows().Order("o-2"))
        assert await run.result("10s") == "paid o-2"
    async with api.runtime(settings=loaded) as other:
        assert other is not client


async def test_without_code_runs_can_only_be_looked_at(project: Path) -> None:
    loaded = load_settings(project, world="memory:")
    session = await config.open_session(loaded, with_code=False)
    async with config.use_session(session):
        assert (await api.list_runs()).items == ()
        with pytest.raises(ConfigError, match="without code"):
            session.make_worker()
    await session.close()
    await session.close()


async def test_a_project_that_does_not_compile_is_told_with_its_findings(project: Path) -> None:
    wrong = FLOWS.replace("async def buy", "def buy").replace("await charge", "charge")
    (project / "shop_under_test" / "flows.py").write_text(wrong)
    with pytest.raises(CompileError, match="WFC102") as caught:
        await config.open_session(load_settings(project, world="memory:"))
    assert caught.value.findings


async def test_a_build_that_cannot_be_written_is_kept_in_memory(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (project / "taken").write_text("a file where the folder should be")
    loaded = load_settings(project, world="memory:", out="taken")
    caplog.set_level("INFO")
    session = await config.open_session(loaded)
    assert session.registry is not None
    assert "kept in memory" in caplog.text
    await session.close()


async def test_an_application_registers_its_types(project: Path) -> None:
    loaded = load_settings(project, world="memory:", app="shop_under_test.wfc_app:app")
    session = await config.open_session(loaded)
    assert session.types.find("shop_under_test.flows:Hidden") is flows().Hidden
    await session.close()


async def test_types_can_be_named_in_the_settings(project: Path) -> None:
    loaded = load_settings(project, world="memory:", types=("shop_under_test.flows:Order",))
    session = await config.open_session(loaded)
    assert codec.REGISTERED.find("shop_under_test.flows:Order") is flows().Order
    await session.close()


@pytest.mark.parametrize(
    "settings",
    [
        {"app": "shop_under_test.gone:app"},
        {"app": "shop_under_test"},
        {"types": ("shop_under_test.flows:Gone",)},
    ],
)
async def test_a_setting_that_names_nothing_is_told(project: Path, settings: Any) -> None:
    with pytest.raises(ConfigError, match=r"`(app|types)` names"):
        await config.open_session(load_settings(project, world="memory:", **settings))


def loaded_with(project: Path, **tables: Any) -> Loaded:
    return load_settings(project, world="memory:", **tables)


def test_limits_and_policy_come_from_the_settings(project: Path) -> None:
    settings = loaded_with(
        project,
        worker={"concurrency": 7, "lease": "3s", "heartbeat": "1s"},
        limits={"events": 500, "pending_operations": 9, "payload": "2KiB", "attributes": 3},
        policy={"attempts": 4, "timeout": "9s", "total": "1m", "backoff": {"initial": "2s"}},
    ).settings
    limits = config.worker_limits(settings)
    assert (limits.bodies, limits.lease_s, limits.pulse.every_s) == (7, 3.0, 1.0)
    assert (limits.chapter.events, limits.chapter.pending) == (500, 9)
    assert (limits.chapter.payload, limits.chapter.attributes) == (2048, 3)
    policy = resolve(None, config.policy_keywords(settings))
    assert (policy.attempts, policy.timeout_s, policy.total_s) == (4, 9, 60)
    assert policy.backoff.initial_s == 2


def test_a_plain_script_needs_no_session(project: Path) -> None:
    """The first call opens one, and the end of the loop closes it: the process ends by itself."""
    script = textwrap.dedent(
        """
        import asyncio
        import wfc
        from wfc.api import get_run, start

        wfc.install("shop_under_test")
        from shop_under_test.flows import Order, buy

        async def main():
            first, second = await asyncio.gather(start(buy, Order("a")), start(buy, Order("b")))
            print(await first.status(), await get_run(second.id).status())

        asyncio.run(main())
        """
    )
    (project / "script.py").write_text(script)
    found = subprocess.run(
        [sys.executable, "-W", "error", "script.py"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.stderr == ""
    assert found.stdout == "pending pending\n"


async def test_racing_first_calls_share_one_session(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setenv("WFC_WORLD", "memory:")
    sessions = await asyncio.gather(*[config.current_session() for _ in range(5)])
    assert len({id(session) for session in sessions}) == 1
    async with api.runtime() as shared:
        assert shared is sessions[0]
    with pytest.raises(WfcError):
        await api.get_run("nobody").status()
