"""Serving the application by uvicorn, at a socket that listens already."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from typing import Final

import uvicorn
from starlette.types import ASGIApp

_PATIENCE_S: Final = 5.0
_GRACE_S: Final = 5
_CONNECTIONS_MAX: Final = 1000
_KEEP_ALIVE_S: Final = 5
_HEAD_MAX: Final = 65536
_FINE: Final = 200


class Server(uvicorn.Server):
    """A server that leaves signals to whoever runs it, so that its end has an exit code."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Hear the signals on the loop: the first ends it in peace, a second at once."""
        loop = asyncio.get_running_loop()
        heard = (signal.SIGTERM, signal.SIGINT)
        for number in heard:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in heard:
                loop.remove_signal_handler(number)

    @property
    def interrupted(self) -> bool:
        """Whether it was Ctrl-C that ended it."""
        return signal.SIGINT in self._captured_signals


def server_of(app: ASGIApp) -> Server:
    """Make a server. Slow clients are its work; addresses are not logged, as they hold tokens."""
    return Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            # Whoever comes through a proxy is no neighbour, whatever the proxy says.
            proxy_headers=False,
            limit_concurrency=_CONNECTIONS_MAX,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_GRACE_S,
            h11_max_incomplete_event_size=_HEAD_MAX,
        )
    )


async def unwell(listening: socket.socket, mount: str) -> str | None:
    """Ask a server, over TCP, whether it is alive and ready; the answer is what is wrong."""
    for page in ("health", "ready"):
        wrong = await asyncio.to_thread(_asked, listening, f"{mount}/{page}")
        if wrong is not None:
            return wrong
    return None


def _asked(listening: socket.socket, path: str) -> str | None:
    host, port = listening.getsockname()[:2]
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - nothing is bound
    connection = HTTPConnection(reached, port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, HTTPException) as error:
        return f"{path} cannot be had: {error}"
    finally:
        connection.close()
    return None if answer.status == _FINE else f"{path} says {answer.status}: {_why(body)}"


def _why(body: bytes) -> str:
    try:
        return str(json.loads(body)["why"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace")
