"""The web process dies between record and answer: whoever repeats with a key gets the answer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.conftest import Said, hooked
from tests.cli.conftest import project as _project
from tests.cli.conftest import put as _put
from tests.cli.conftest import wfc as _wfc
from wfc.eventlog.event import HookKind

Wfc = Callable[..., Said]
project, put, wfc = _project, _put, _wfc  # fixtures


@contextmanager
def served(folder: Path, fault: str | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve a project in a process that may be armed to die."""
    process = subprocess.Popen(
        [sys.executable, "-m", "wfc", "web", "--port", "0", "--json"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=os.environ | ({"WFC_FAULT": fault} if fault else {}),
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())["data"]["url"]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("point", "landed"), [("hook.sending", False), ("hook.sent", True)])
def test_killed_around_the_record(
    wfc: Wfc,
    put: Any,
    project: Path,
    point: str,
    landed: bool,  # noqa: FBT001 - a parameter
) -> None:
    """One event in the end, and it is told whether it was there before."""
    methods = ("POST",)
    put("o-1", hooked("secret", kind=HookKind.WEBHOOK, methods=methods))
    asked: dict[str, Any] = {"content": b"paid", "headers": {"idempotency-key": "k"}}
    with served(project, f"{point}:1:kill") as (process, url):
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.post(f"{url}/webhook/secret", **asked)
        assert process.wait() == -signal.SIGKILL
    assert wfc("inspect", "o-1", "--json").json["data"]["events"] == 2 + landed
    with served(project) as (_, url):
        answer = httpx.post(f"{url}/webhook/secret", **asked)
    assert (answer.status_code, answer.headers.get("idempotent-replayed")) == (
        202, "true" if landed else None,
    )  # fmt: skip
    assert wfc("inspect", "o-1", "--json").json["data"]["events"] == 3
    event = wfc("inspect", "o-1", "--event", "3", "--json").json["data"]
    assert event["receipt_id"] == answer.headers["wfc-receipt"]
