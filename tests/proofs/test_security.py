"""What an enemy must not learn or reach: tokens by guessing, secrets by asking, files by names."""

from __future__ import annotations

import logging
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.proofs import crowd, hostile
from tests.runtime.flows import Journal
from tests.runtime.histories import drop_histories
from tests.runtime.house import House
from tests.web.webhook_flows import FLOWS, WEBHOOKED
from wfc.cli.main import main
from wfc.clock import VirtualClock
from wfc.config import use_session
from wfc.errors import WfcError
from wfc.ids import RunId, is_run_id
from wfc.web import asgi_app
from wfc.worlds.open import open_world
from wfc.worlds.protocol import HookFilter, RunFilter

SECRETS: Final = {
    "WFC_WEB_TOKEN": "t0ken-which-nobody-may-ever-see-anywhere",
    "WFC_ENCRYPTION_KEYS": "k1:c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I=",
}
PASSWORD: Final = "s3cr3t-of-a-database"  # noqa: S105 - of this test


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """A world with a run at a webhook, and one at a hook that has no address."""
    monkeypatch.setattr(sys, "journal", Journal(), raising=False)
    clock = VirtualClock()
    world = open_world(f"sqlite:///{tmp_path}/world.db", clock)
    await world.open()
    made = await House(world, clock, WEBHOOKED.version).open()
    made.session.public_url = "https://shop.example/wfc"
    async with use_session(made.session):
        await made.start(FLOWS.collects, 5, id="webhook")
        await made.start(FLOWS.plain, "order-17", id="hook")
        await made.worker().run_until_idle()
        yield made
    await made.close()
    drop_histories()


async def token_of(house: House, run_id: str) -> str:
    page = await house.world.list_hooks(HookFilter(run_id=RunId(run_id)))
    return page.hooks[0].hook.token


async def test_a_wrong_token_is_told_like_any_other(house: House) -> None:
    """Be it nearly right, or the name of a hook that is not for everybody."""
    token = await token_of(house, "webhook")
    transport = httpx.ASGITransport(asgi_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1/wfc") as web:
        assert (await web.post(f"/webhook/{token}", content=b"1")).status_code == 202
        wrong = ["nothing", "order-17", token[:-1], token + "x", token.swapcase(), token[::-1]]
        said = [await web.post(f"/webhook/{each}", content=b"1") for each in wrong]
        assert {one.status_code for one in said} == {404}
        assert len({one.content for one in said}) == 1, "an answer that tells them apart"
        assert len({tuple(sorted(one.headers.items())) for one in said}) == 1


async def test_a_look_up_takes_no_longer_for_a_token_that_is_nearly_right(house: House) -> None:
    """Tokens are found by their digests: no statement compares them from their beginning on."""
    token = await token_of(house, "webhook")
    looked: list[int] = []
    reader: sqlite3.Connection = house.world._reader._conn  # type: ignore[attr-defined]
    for each in (token[:-1] + "x", "x" * len(token), token[:5]):
        await house.world.hook_by_token(each)  # statements are prepared
        with crowd.counted(reader, by=1) as steps:
            assert await house.world.hook_by_token(each) is None
        looked.append(steps[0])
    assert len(set(looked)) == 1
    with closing(sqlite3.connect(house.world.path)) as file:  # type: ignore[attr-defined]
        found = file.execute("SELECT * FROM hooks").fetchall()
    assert token not in str(found), "the table of hooks tells tokens"


@pytest.mark.parametrize(
    "words",
    [
        ["runs"], ["doctor"], ["config", "show"], ["db", "check"], ["start", "a:b"], ["hooks"],
        ["inspect", "r", "--json"], ["worker", "--until-idle"], ["versions"], ["gc", "-y"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_secret_is_printed_or_logged(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    words: list[str],
) -> None:
    """Neither of the environment, nor in the address of a world that cannot be reached."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wfc.toml").write_text("[queues]\n")
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    caplog.set_level(logging.DEBUG)
    url = f"postgresql://ann:{PASSWORD}@127.0.0.1:1/shop"
    code = main([*words, "--world", url, "-v"])
    printed = capsys.readouterr()
    told = printed.out + printed.err + caplog.text + _files(tmp_path)
    assert code in {0, 1, 2, 3, 4}
    for secret in (PASSWORD, *SECRETS.values(), SECRETS["WFC_ENCRYPTION_KEYS"][3:]):
        assert secret not in told


def _files(folder: Path) -> str:
    return "".join(one.read_text(errors="replace") for one in folder.rglob("*") if one.is_file())


async def test_no_name_of_a_run_is_a_way_elsewhere(house: House, tmp_path: Path) -> None:
    """Ids that climb, that no database or file system takes, or that are too long are refused."""
    refused: list[Any] = []
    for word in (*hostile.WORDS, *hostile.PATHS, *hostile.URLS, *hostile.JSONS):
        if word and not is_run_id(word):
            with pytest.raises(WfcError):
                await house.start(FLOWS.plain, "t", id=word)
            refused.append(word)
    assert {"../..", "a\x00b", "a" * 300, "/dev/null/x", ".."} <= set(refused)
    assert len((await house.world.list_runs(RunFilter())).runs) == 2
    names = {one.name.partition("-")[0] for one in tmp_path.iterdir()}  # noqa: ASYNC240 - no more to do
    assert names == {"world.db"}
