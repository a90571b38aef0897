"""`wfc web`: the public application of a world, on a real socket, with no worker."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import util
from pathlib import Path
from typing import Any

import httpx
import pytest
from sse_starlette.sse import AppStatus

from wfc.cli import web
from wfc.cli.common import Common
from wfc.errors import PortTaken
from wfc.eventlog.event import HookKind
from wfc.runtime.webhooks import Response, written
from wfc.web import serving

from .conftest import Said, hooked

Wfc = Callable[..., Said]
Put = Callable[..., None]
PATIENCE_S = 60
EVERYWHERE = "0.0.0.0"  # noqa: S104 - it is refused


@pytest.fixture(autouse=True)
def _no_server_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a server ends all event streams of its process, and is forgotten here."""
    monkeypatch.setattr(AppStatus, "should_exit", False)


@contextmanager
def served(project: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """Serve a project in a process of its own; gives what it printed first."""
    process = subprocess.Popen(
        [sys.executable, "-m", "wfc", "web", "--port", "0", "--json", *words],
        cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def webhook(token: str, **more: Any) -> Any:
    return hooked(token, kind=HookKind.WEBHOOK, methods=("POST",), **more)


def test_webhooks_are_taken_on_a_real_socket(wfc: Wfc, put: Put, project: Path) -> None:
    """It prints its URL once it answers, says that nobody works, and ends well when told."""
    put("o-1", webhook("secret", response=written(Response(201, body="thanks"))))
    with served(project) as (process, said):
        assert (said["format"], said["kind"], said["next"]) == (1, "web", None)
        url = said["data"]["url"]
        assert url == f"http://127.0.0.1:{said['data']['port']}/wfc"
        assert httpx.get(f"{url}/ready").json() == {"status": "ready"}
        answer = httpx.post(f"{url}/webhook/secret?n=1", content=b"paid")
        assert (answer.status_code, answer.text) == (201, "thanks")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, "no worker is awake" in err) == (0, True)
        assert "secret" not in err, "addresses hold tokens"
    event = wfc("inspect", "o-1", "--event", "3", "--json").json["data"]
    assert (event["name"], event["channel"]) == ("hook_received", "webhook")
    assert event["receipt_id"] == answer.headers["wfc-receipt"]


@contextmanager
def told(number: signal.Signals, port: int) -> Iterator[list[Any]]:
    """Ask a server in this process for its health as soon as it listens, then signal it."""
    found: list[Any] = []

    def ask() -> None:
        transport = httpx.HTTPTransport(retries=10)
        with httpx.Client(transport=transport, timeout=PATIENCE_S) as client:
            while not found:
                try:
                    found.append(client.get(f"http://127.0.0.1:{port}/wfc/health").json())
                except httpx.ConnectError:
                    continue
        said.wait(PATIENCE_S)
        os.kill(os.getpid(), number)

    said = threading.Event()
    tell = web._tell

    def noted(*args: Any) -> None:
        tell(*args)
        said.set()

    asker = threading.Thread(target=ask)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(web, "_tell", noted)
        asker.start()
        yield found
        asker.join()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it(
    wfc: Wfc, number: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM well, Ctrl-C as interrupted."""
    monkeypatch.delenv("WFC_WEB_TOKEN", raising=False)
    port = free_port()
    with told(number, port) as found:
        said = wfc("web", "--port", str(port), "--host", "127.0.0.1")
    assert (said.code, said.out) == (code, f"http://127.0.0.1:{port}/wfc\n")
    assert found == [{"status": "alive"}]


def test_it_says_what_is_wrong_and_prints_no_url(wfc: Wfc, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not answer as it should is none."""

    async def sick(*_: Any) -> str:
        return "/wfc/ready says 503: the world did not answer"

    monkeypatch.setattr(serving, "unwell", sick)
    said = wfc("web", "--port", "0")
    assert (said.code, said.out) == (1, "")
    assert "the world did not answer" in said.err


# --- what it refuses -----------------------------------------------------------------------------


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_a_port_that_was_asked_for_is_had_or_refused(wfc: Wfc, taken: int) -> None:
    said = wfc("web", "--port", str(taken), "--json")
    assert (said.code, json.loads(said.err)["code"]) == (2, "WFC956")


def test_the_usual_port_gives_way_to_the_next(
    taken: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says so."""
    with web._listen(Common(), "127.0.0.1", taken, asked=False) as listening:
        port = listening.getsockname()[1]
        assert taken < port <= taken + 100
    assert capsys.readouterr().err == f"port {taken} is taken; this is {port}\n"
    with pytest.raises(PortTaken):
        web._listen(Common(), "127.0.0.1", taken, asked=True)


def test_another_host_wants_a_token(
    wfc: Wfc, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says how to make one."""
    monkeypatch.delenv("WFC_WEB_TOKEN", raising=False)
    said = wfc("web", "--host", EVERYWHERE)
    assert (said.code, "--token-file token" in said.err) == (2, True)
    assert wfc("web", "--host", EVERYWHERE, "--token-file", "nowhere").code == 2
    (project / "token").write_text("\n")
    assert "holds no token" in wfc("web", "--token-file", "token").err
    (project / "token").write_text("short")
    said = wfc("web", "--host", EVERYWHERE, "--token-file", "token")
    assert (said.code, "at least 32 characters" in said.err) == (2, True)
    (project / "token").write_text("t" * 32)
    assert "cannot be had" in wfc("web", "--host", "203.0.113.9", "--token-file", "token").err
    assert "WFC_WEB_TOKEN" not in os.environ


def test_operators_have_tokens(wfc: Wfc, project: Path) -> None:
    """With them nobody is known by sitting here."""
    assert wfc("runs").code == 0
    (project / "token").write_text("t" * 32)
    with served(project, "--token-file", "token", "--allowed-host", "127.0.0.1") as (_, said):
        url = f"{said['data']['url']}/runs/nobody/stream"
        assert httpx.get(url).status_code == 401
        bearer = {"authorization": f"Bearer {'t' * 32}"}
        assert httpx.get(url, headers=bearer).status_code == 404
        assert httpx.get(url, headers={**bearer, "host": "shop.example"}).status_code == 421


def test_without_its_extra_it_says_what_to_install(
    wfc: Wfc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "find_spec", lambda _: None)
    said = wfc("web")
    assert (said.code, "wfc-durable[web]" in said.err) == (2, True)


def test_the_command_loads_no_server_for_its_help() -> None:
    assert util.find_spec("uvicorn") is not None
    script = (
        "import sys; from wfc.cli.main import main; main(['web', '--help']); print(*sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert not {"uvicorn", "starlette"} & set(found.stdout.decode().split())
