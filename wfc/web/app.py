"""The application: the table of routes, served at a mount, with one way to refuse."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from wfc.errors import ConfigError, OptionInvalid, WfcError
from wfc.http.auth import Auth, Guard
from wfc.http.problems import problem
from wfc.ids import ulid
from wfc.runtime.webhook_door import Refusal
from wfc.web.api.dispatch import answer
from wfc.web.api.table import API, BASE, ApiRoute
from wfc.web.routes import ANY, DASHBOARD, PUBLIC, TABLE, Route
from wfc.web.sessions import Sessions
from wfc.web.site import PublicStreams, RateLimit, Site
from wfc.web.trees import Payloads, Redact
from wfc.worlds.protocol import World

_LOG: Final = logging.getLogger("wfc.web")
_PAYLOADS: Final = ("shown", "redacted", "hidden")
_UNKNOWN_CALLER: Final = 401


def asgi_app(
    world: World | str | None = None,
    *,
    base_path: str = "/wfc",
    auth: Auth = "loopback",
    read_only: bool = False,
    payloads: Payloads = "redacted",
    redact: Redact | None = None,
    public_streams: PublicStreams | None = None,
    allowed_hosts: Iterable[str] | None = None,
    rate_limit: RateLimit | None = None,
    dashboard: bool = True,
    show_source: bool = True,
) -> WebApp:
    """Make the application, to be served, or mounted by hand at `base_path`.

    `world` is an opened one or a URL, by default that of the settings, opened at the first request.
    `auth` says who may read streams that `public_streams` does not open: ``"loopback"`` whoever
    sits at this machine, ``"token"`` who has one of `WFC_WEB_TOKEN`, a function of the
    application, or None, nobody. `rate_limit` gives the seconds to wait before another try.

    Operators see values as `payloads` says: ``"redacted"`` without what stands under the names of
    secrets, ``"shown"``, or ``"hidden"``; `redact` is asked for each of them, by its path, and
    gives what is shown instead. `read_only` lets nobody act, `show_source` shows the code of runs.
    `dashboard` serves the pages that show all this in a browser. Raises `ConfigError`.
    """
    if payloads not in _PAYLOADS:
        raise OptionInvalid(f"payloads={payloads!r}: it is one of {', '.join(_PAYLOADS)}.")
    if redact is not None and not callable(redact):
        raise OptionInvalid(f"redact={redact!r}: it is a function of a path and a value.")
    if base_path and not base_path.startswith("/"):
        raise ConfigError(f"base_path={base_path!r}: it begins with a slash, as in '/wfc'.")
    return WebApp(
        Site(
            sessions=Sessions(world),
            guard=Guard(auth, allowed_hosts),
            public_streams=public_streams,
            rate_limit=rate_limit,
            read_only=read_only,
            payloads=payloads,
            redact=redact,
            show_source=show_source,
        ),
        base_path.rstrip("/"),
        # Where nobody is an operator, pages that ask for operators show nothing.
        dashboard=dashboard and auth is not None,
    )


class WebApp:
    """The application of one world, as ASGI calls it."""

    def __init__(self, site: Site, base_path: str, *, dashboard: bool = False) -> None:
        """Serve the table of routes, below `base_path` too, and the `dashboard`."""
        self.site = site
        self._base_path = base_path

        @asynccontextmanager
        async def lifespan(_app: Starlette) -> AsyncIterator[None]:
            yield
            await self.close()

        self._starlette = Starlette(
            routes=_routes(site, TABLE + DASHBOARD if dashboard else TABLE),
            lifespan=lifespan,
            exception_handlers={HTTPException: _other},
        )
        self._starlette.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a connection."""
        if scope["type"] != "lifespan":
            scope = placed(scope, self._base_path)
        await self._starlette(scope, receive, send)

    async def close(self) -> None:
        """Close the world, if this application has opened one."""
        await self.site.sessions.close()


def placed(scope: Scope, base_path: str) -> Scope:
    """Let `root_path` reach to where the table begins, whoever has mounted the application."""
    root, path = str(scope.get("root_path", "")).rstrip("/"), scope["path"]
    below = path[len(root) :] if path == root or path.startswith(f"{root}/") else path
    if base_path and (below == base_path or below.startswith(f"{base_path}/")):
        root += base_path
    return {**scope, "root_path": root}


def _routes(site: Site, table: Iterable[Route]) -> list[StarletteRoute]:
    paths: dict[str, dict[str, Route | ApiRoute]] = {}
    for row in table:
        paths.setdefault(row.path, {})[row.method] = row
    # Names that are said stand before names that are meant: `/hooks/resume` is no hook's id.
    for asked in sorted(API, key=lambda row: row.path.replace("{", "~")):
        paths.setdefault(f"{BASE}{asked.path}", {})[asked.method] = asked
    return [
        StarletteRoute(path, _Path(site, rows), name=next(iter(rows.values())).name)
        for path, rows in paths.items()
    ]


class _Path:
    """All rows of one path."""

    def __init__(self, site: Site, rows: Mapping[str, Route | ApiRoute]) -> None:
        self._site = site
        self._rows = rows

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._answer(request)
        if response is not None:
            await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response | ASGIApp | None:
        """Answer, and let nothing of ours be seen that went wrong; None: nobody is there."""
        try:
            return await self._asked(request)
        except Refusal as refusal:
            headers = {"www-authenticate": "Bearer"} if refusal.status == _UNKNOWN_CALLER else None
            return problem(request, refusal, headers=headers)
        except ClientDisconnect:
            return None
        except WfcError as error:
            return _unavailable(request, error)
        except Exception as error:  # noqa: BLE001 - the last door: everything becomes an answer
            return _ours(request, error)

    async def _asked(self, request: Request) -> Response:
        method = "GET" if request.method == "HEAD" and "GET" in self._rows else request.method
        row = self._rows.get(method) or self._rows.get(ANY)
        if row is None:
            raise Refusal(
                status=405,
                code="method-not-allowed",
                title="Not by this method",
                detail="The header `Allow` says by which.",
                allow=tuple(sorted(self._rows)),
            )
        wait_s = None
        if self._site.rate_limit is not None:
            wait_s = await self._site.rate_limit(request, row.name)
        if wait_s is not None:
            return _too_often(request, wait_s)
        if isinstance(row, ApiRoute):
            return await answer(self._site, request, row)
        if row.role != PUBLIC:
            await self._site.guard.allowed(request, row.role)
        return await row.endpoint(self._site, request)


def _too_often(request: Request, wait_s: float) -> Response:
    refusal = Refusal(
        status=429,
        code="too-often",
        title="Too often",
        detail="Try again after the seconds that `Retry-After` says. Nothing was recorded.",
    )
    return problem(request, refusal, headers={"retry-after": str(max(1, math.ceil(wait_s)))})


def _unavailable(request: Request, error: WfcError) -> Response:
    """Say that the world, or its settings, do not let us answer; why is for the log only."""
    instance = _named(request, error)
    refusal = Refusal(
        status=503,
        code="world-unavailable",
        title="It cannot be done now",
        detail="Nothing was recorded. Try again later.",
    )
    return problem(request, refusal, instance=instance)


def _ours(request: Request, error: Exception) -> Response:
    instance = _named(request, error)
    refusal = Refusal(
        status=500,
        code="our-fault",
        title="The fault is ours",
        detail="The server's log has it under the name in `instance`.",
    )
    return problem(request, refusal, instance=instance)


def _named(request: Request, error: Exception) -> str:
    """Log an error under a name that the answer may tell."""
    name = f"req_{ulid(0, os.urandom(10))}"
    # Not its address, which may hold a token.
    _LOG.error("%s: %s failed", name, request.method, exc_info=error)
    return name


async def _other(request: HTTPConnection, error: Exception) -> Response:
    """Answer for what is in no row."""
    assert isinstance(error, HTTPException)
    refusal = Refusal(
        status=error.status_code,
        code="no-such-page",
        title="There is nothing here",
        detail="The address is mistyped, or of a layer that this server does not serve.",
    )
    return problem(request, refusal)
