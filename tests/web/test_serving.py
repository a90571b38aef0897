"""Serving at a socket: a server that does not answer well is found out before anybody is told."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.responses import Response

from wfc.web.serving import server_of, unwell


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen()
        yield made


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Response('{"why": "the disk is away"}', 503), "/m/health says 503: the disk is away"),
        (Response("no", 500), "/m/health says 500: no"),
        (Response("[]", 500), "/m/health says 500: []"),
        (Response("", 200), None),
    ],
)
async def test_the_pages_are_asked_for(
    listening: socket.socket, answer: Response, says: str | None
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await answer(scope, receive, send)

    server = server_of(app)
    serving = asyncio.create_task(server.serve([listening]))
    assert await unwell(listening, "/m") == says
    signal.raise_signal(signal.SIGINT)
    await serving
    assert server.interrupted


async def test_nobody_answers(listening: socket.socket) -> None:
    """What listens may be another."""
    listening.close()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        wrong = await unwell(other, "/m")
    assert wrong is not None
    assert wrong.startswith("/m/health cannot be had: ")
