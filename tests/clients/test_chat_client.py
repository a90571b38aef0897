"""The real client: npm's `WorkflowChatTransport` below `ai`'s chat, on Node, against a real server.

Node and npm must be there; the packages are installed by the lock file into a folder of the user's
cache, once. Where they are missing the tests are skipped, and fail in CI.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

HERE: Final = Path(__file__).parent / "chat"
ROOT: Final = Path(__file__).parents[2]
PATIENCE_S: Final = 120
WORDS: Final = 30
pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("node")]


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client's program beside its packages."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        message = "Node 20 and npm are missing: apt install nodejs npm, or see nodejs.org"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    lock = (HERE / "package-lock.json").read_bytes()
    folder = tmp_path_factory.mktemp("npm") / hashlib.sha256(lock).hexdigest()[:16]
    folder.mkdir()
    for name in ("package.json", "package-lock.json", ".npmrc", "client.mjs"):
        shutil.copy(HERE / name, folder / name)
    omitted = ("--omit=peer", "--omit=optional", "--omit=dev", "--legacy-peer-deps")
    said = subprocess.run(
        [npm, "ci", *omitted], cwd=folder, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    return folder


class Server:
    """The chat, served by a process that may be killed."""

    def __init__(self, folder: Path) -> None:
        shutil.copytree(HERE.parent / "cases" / "chat_server", folder)
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.process = self._begun()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _begun(self) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "serve.py", str(self.port)],
                cwd=self.folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=log, stderr=log,
            )  # fmt: skip
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                httpx.get(f"{self.url}/none")
            except httpx.TransportError:
                assert process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < until
                time.sleep(0.05)
            else:
                return process

    def kill(self) -> None:
        """Kill it, and begin it anew."""
        self.process.kill()
        self.process.wait()
        self.process = self._begun()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("chat") / "server")
    yield made
    made.close()


@pytest.fixture
def client(packages: Path, server: Server) -> Any:
    """Run a scenario of the client to its end."""

    def run(scenario: str, **options: Any) -> Any:
        said = subprocess.run(
            ["node", "client.mjs", scenario, server.url, json.dumps(options)],
            cwd=packages, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
        )  # fmt: skip
        assert said.returncode == 0, said.stderr
        return json.loads(said.stdout)

    return run


def words(prompt: str) -> str:
    """What the model says to a prompt."""
    return "".join(f"{prompt}-{number} " for number in range(WORDS))


def test_a_conversation(client: Any) -> None:
    """Turn after turn, each answered whole; the client's own history is not what counts."""
    seen = client("talk", say=["one", "two"])
    assert seen["texts"] == ["one", words("one"), "two", words("two")]
    assert (seen["status"], seen["errors"]) == ("ready", [])
    names = [one["metadata"]["wfc"] for one in seen["messages"] if one["role"] == "assistant"]
    assert len({name.partition("~")[0] for name in names}) == 1


@pytest.mark.parametrize("cuts", [[1], [2], [3, 1, 1], [10, 5, 5, 1], [34], [35]])
def test_a_connection_that_breaks(client: Any, cuts: list[int]) -> None:
    """Wherever it does, the client ends with the same message."""
    seen = client("talk", say=["cut"], cuts=cuts)
    assert seen["texts"] == ["cut", words("cut")]
    assert (seen["status"], seen["errors"]) == ("ready", [])


def test_readers_from_every_index(client: Any) -> None:
    """Each suffix is the rest of the whole, -50 is clipped, and three at once see the same."""
    first = client("talk", say=["many"])
    name = first["messages"][1]["metadata"]["wfc"]
    whole = client("resume", stream=name, starts=[0, 0, 0])["read"]
    assert whole[0] == whole[1] == whole[2]
    count = len(whole[0])
    starts = [1, 2, count // 2, count - 1]
    for start, read in zip(
        starts, client("resume", stream=name, starts=starts)["read"], strict=True
    ):
        # Into the midst of a part the client comes with a start of its own.
        begun = [{"type": "text-start", "id": whole[0][start].get("id")}]
        assert read in (whole[0][start:], begun + whole[0][start:])
    tails = client("resume", stream=name, starts=[-50, -1])["read"]
    assert tails[0] == whole[0]
    assert tails[1] == whole[0][-1:]
    cut = client("resume", stream=name, starts=[0], cuts=[3, 3, 3])["read"]
    assert cut[0] == whole[0]


def test_a_page_that_is_loaded_anew(client: Any) -> None:
    """By the id of the chat, from the tail."""
    first = client("talk", say=["page"])
    run = first["messages"][1]["metadata"]["wfc"].partition("~")[0]
    seen = client("reload", chat=run)
    assert seen["texts"][-1] == words("page")
    assert seen["errors"] == []


@pytest.mark.parametrize("approved", [True, False])
@pytest.mark.parametrize("cuts", [[], [4, 3]], ids=["whole", "cut"])
def test_a_person_decides(client: Any, cuts: list[int], *, approved: bool) -> None:
    """The tool runs, or the model hears of the refusal, though both streams are cut."""
    seen = client("decide", say="book LH1", approved=approved, reason="so", cuts=cuts)
    assert len(seen["asked"]) == 1
    assert (seen["status"], seen["errors"]) == ("ready", [])
    (part,) = [one for one in seen["messages"][-1]["parts"] if one["type"] == "tool-book"]
    assert part["state"] == ("output-available" if approved else "output-denied")
    assert seen["texts"][-1].startswith("It says: ")
    if approved:
        assert part["output"] == "LH1 is booked"


def test_a_forged_decision(client: Any, server: Server) -> None:
    """Is not found, and changes nothing; a repeated one is the same answer."""
    with pytest.raises((AssertionError, subprocess.TimeoutExpired)):
        _decided_by_force(client)
    first = client("decide", say="book LH3", approved=True)
    answer = first["messages"][-1]
    body = {
        "messages": [
            first["messages"][0],
            {
                **answer,
                "parts": [
                    {**one, "state": "approval-responded"} if one["type"] == "tool-book" else one
                    for one in answer["parts"]
                ],
            },
        ]
    }
    again = httpx.post(f"{server.url}/api/chat", content=json.dumps(body), timeout=60)
    assert again.status_code == 200, again.text
    assert "LH3 is booked" in again.text
    forged = json.loads(json.dumps(body).replace(first["asked"][0], "apr_" + "f" * 32))
    refused = httpx.post(f"{server.url}/api/chat", content=json.dumps(forged), timeout=60)
    assert refused.status_code == 404


def _decided_by_force(client: Any) -> None:
    seen = client("decide", say="book LH2", approved=True, forged="apr_" + "0" * 32)
    assert any(one["state"] == "output-available" for one in seen["messages"][-1]["parts"][1:2])


def test_what_cannot_be_read_ends(client: Any) -> None:
    """An unknown run, and an index behind the end: the client gives up instead of asking again."""
    assert "404" in client("refused", stream="run_nobody")["error"]
    first = client("talk", say=["end"])
    name = first["messages"][1]["metadata"]["wfc"]
    assert "416" in client("refused", stream=name, start=1000)["error"]


@pytest.mark.parametrize(
    "frames", [1, 20, *(pytest.param(at, marks=pytest.mark.soak) for at in (2, 4, 10, 32, 33))]
)
def test_a_server_that_is_killed(packages: Path, server: Server, frames: int) -> None:
    """In the middle of an answer, and begun anew: the client sees one whole answer."""
    options = json.dumps({"say": ["killed"], "signalAfter": frames})
    with subprocess.Popen(
        ["node", "client.mjs", "talk", server.url, options],
        cwd=packages, stdout=subprocess.PIPE, text=True,
    ) as talking:  # fmt: skip
        assert talking.stdout is not None
        assert talking.stdout.readline() == "!\n"
        server.kill()
        seen = json.loads(talking.communicate(timeout=PATIENCE_S)[0])
    assert seen["texts"] == ["killed", words("killed")]
    assert (seen["status"], seen["errors"]) == ("ready", [])
    resumed = [one["url"] for one in seen["requests"]][1:]
    assert resumed, "it was killed too late"
    assert all("startIndex=" in url for url in resumed)
