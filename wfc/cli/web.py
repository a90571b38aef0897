"""`wfc web`: serve the web application of the project's world; it starts no worker."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from wfc.cli import output
from wfc.cli.common import Common, command_app
from wfc.cli.failure import Exit
from wfc.config import LookingSession, open_session, use_session
from wfc.errors import ConfigError, InputInvalid, MissingExtra, PortTaken

if TYPE_CHECKING:
    from wfc.http.auth import Auth
    from wfc.settings import Loaded
    from wfc.web.serving import Server

app = command_app()
MOUNT: Final = "/wfc"
PORT: Final = 3456
_PORTS: Final = 100
"""So many ports are tried from the usual one on."""
_PORT_MAX: Final = 65535
_BACKLOG: Final = 2048
_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_TOKENS: Final = "WFC_WEB_TOKEN"


@app.command()
def web(
    context: typer.Context,
    *,
    host: Annotated[str, typer.Option(metavar="H", help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=_PORT_MAX, metavar="N", help="The port, or the next free one.")
    ] = PORT,
    token_file: Annotated[
        str, typer.Option(metavar="FILE", help="Tokens of operators, one a line.")
    ] = "",
    allowed_host: Annotated[
        list[str] | None, typer.Option(metavar="H", help="A name under which operators reach it.")
    ] = None,
) -> None:
    """Serve webhooks, streams and health at /wfc, until told to stop."""
    common = Common.of(context)
    if find_spec("uvicorn") is None or find_spec("starlette") is None:
        raise MissingExtra(
            "`wfc web` serves with uvicorn and Starlette, which are not installed.\n"
            "Install them: pip install 'wfc-durable[web]'"
        )
    tokens = _tokens(token_file)
    if host not in _LOCAL and not tokens:
        raise ConfigError(
            f"`--host {host}` lets other machines in, and nothing says who may look at runs.\n"
            'Make a token, python -c "import secrets; print(secrets.token_urlsafe(32))" > token, '
            "and add `--token-file token`."
        )
    names = tuple(allowed_host) if allowed_host else None
    source = context.get_parameter_source("port")
    asked = source is not None and source.name != "DEFAULT"
    loaded = common.load()
    with _listen(common, host, port, asked=asked) as listening:
        code = asyncio.run(_serve(common, loaded, listening, tokens, names))
    if code:
        raise typer.Exit(code)


def _tokens(path: str) -> str:
    """Give the tokens of operators, one a line: of a file, or of the environment."""
    if not path:
        return os.environ.get(_TOKENS, "").strip()
    try:
        found = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputInvalid(f"`--token-file {path}` cannot be read: {error}") from None
    if not found:
        raise InputInvalid(f"`--token-file {path}` holds no token; they stand there one a line")
    return found


# --- the port ------------------------------------------------------------------------------------


def _listen(common: Common, host: str, port: int, *, asked: bool) -> socket.socket:
    """Listen at a port, or at the next free one if nobody asked for it. Raises `PortTaken`."""
    last = port if asked else min(port + _PORTS, _PORT_MAX)
    for candidate in range(port, last + 1):
        found = _bound(host, candidate)
        if found is not None:
            if candidate != port:
                output.note(common, f"port {port} is taken; this is {candidate}")
            return found
    raise PortTaken(
        f"port {port} of {host} is taken by another process.\n"
        "Choose another: `--port 0` takes one that is free."
    )


def _bound(host: str, port: int) -> socket.socket | None:
    """Give a listening socket, or None if the port is taken. Raises `InputInvalid`."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise InputInvalid(f"`--host {host} --port {port}` cannot be had: {error}") from None
    return made


# --- serving -------------------------------------------------------------------------------------


async def _serve(
    common: Common,
    loaded: Loaded,
    listening: socket.socket,
    tokens: str,
    names: tuple[str, ...] | None,
) -> int:
    """Serve, say where once it answers, and end at a signal; the answer is the exit code."""
    from wfc.http.auth import ByToken  # noqa: PLC0415 - an extra, and not for --help
    from wfc.web import asgi_app  # noqa: PLC0415 - likewise
    from wfc.web.serving import server_of, unwell  # noqa: PLC0415 - likewise

    auth: Auth = ByToken(tokens) if tokens else "loopback"
    world = (await open_session(loaded, with_code=False)).world
    session = LookingSession(world, loaded=loaded)
    try:
        async with use_session(session):
            server = server_of(asgi_app(base_path=MOUNT, auth=auth, allowed_hosts=names))
            serving = asyncio.create_task(server.serve([listening]))
            wrong = await unwell(listening, MOUNT)
            if wrong is None:
                _tell(common, listening)
                if not await session.world.workers():
                    output.note(common, "no worker is awake: start one by `python -m wfc worker`")
            else:
                server.should_exit = True
            await serving
    finally:
        await session.close()
    return _code(common, server, wrong)


def _tell(common: Common, listening: socket.socket) -> None:
    host, port = listening.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}{MOUNT}"
    output.result(common, "web", {"url": url, "host": host, "port": port}, text=url)
    sys.stdout.flush()  # somebody may wait for it at the other end of a pipe


def _code(common: Common, server: Server, wrong: str | None) -> int:
    if wrong is not None:
        output.note(common, f"it does not answer as it should: {wrong}")
        return Exit.NEGATIVE
    return Exit.INTERRUPTED if server.interrupted else Exit.GOOD
