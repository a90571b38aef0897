"""Mounting into other applications: each is told, in its own way, to serve and to close ours."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from starlette.applications import Starlette
from starlette.routing import Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wfc.errors import ConfigError
from wfc.web.app import WebApp, asgi_app

_ASGI: Final = 3
_WSGI: Final = 2


def mount(app: Any, path: str = "/wfc", **options: Any) -> Any:
    """Mount the application of `asgi_app(**options)` into another, and give what is to be served.

    FastAPI, Starlette and Litestar get a mount, and are given back. Any other ASGI application gets
    a dispatcher around it: what lies below `path` is ours, all else is passed on. Raises
    `ConfigError`, and `TypeError` for a WSGI application.
    """
    if not path.startswith("/") or path.rstrip("/") == "":
        raise ConfigError(f"mount(..., path={path!r}): it begins with a slash and names a place.")
    place = path.rstrip("/")
    web = asgi_app(base_path=place, **options)
    if isinstance(app, Starlette | Router):
        return _into_starlette(app, place, web)
    if _is_litestar(app):
        return _into_litestar(app, place, web)
    _check_asgi(app)
    return Dispatcher(app, place, web)


def _into_starlette(app: Starlette | Router, place: str, web: WebApp) -> Starlette | Router:
    app.mount(place, web)
    router = app.router if isinstance(app, Starlette) else app
    inner = router.lifespan_context

    @asynccontextmanager
    async def lifespan(host: Any) -> AsyncIterator[Any]:
        async with inner(host) as state:
            try:
                yield state
            finally:
                await web.close()

    router.lifespan_context = lifespan
    return app


# --- Litestar ------------------------------------------------------------------------------------


def _is_litestar(app: object) -> bool:
    return any(
        kind.__name__ == "Litestar" and kind.__module__.partition(".")[0] == "litestar"
        for kind in type(app).__mro__
    )


def _into_litestar(app: Any, place: str, web: WebApp) -> Any:
    import litestar  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - it is the host's own

    async def wfc_mount(scope: Any, receive: Any, send: Any) -> None:
        await web(_as_mounted(scope, place), receive, send)

    # Litestar reads what a handler takes from its annotations.
    types = litestar.types
    wfc_mount.__annotations__ = {
        "scope": types.Scope, "receive": types.Receive, "send": types.Send, "return": None,
    }  # fmt: skip
    app.register(litestar.asgi(place, is_mount=True, copy_scope=True)(wfc_mount))
    app.on_shutdown.append(web.close)
    return app


def _as_mounted(scope: Scope, place: str) -> Scope:
    """Give the scope that other hosts give: Litestar takes the mount off, and adds a slash."""
    path = scope["path"].removesuffix("/")
    root = str(scope.get("root_path", "")).rstrip("/")
    if not path.startswith(f"{root}{place}"):
        path = f"{root}{place}{path}"
    return {**scope, "path": path, "root_path": f"{root}{place}"}


# --- any other -----------------------------------------------------------------------------------


def _check_asgi(app: object) -> None:
    """See that an application can be called as ASGI does. Raises `TypeError`."""
    if not callable(app):
        raise TypeError(f"mount({app!r}): this is no application, since it cannot be called")
    takes = _positional(app)
    if takes == _WSGI:
        raise TypeError(
            f"mount({app!r}): this is a WSGI application, which answers one request at a time and "
            "holds no connection open. Serve wfc beside it: run `wfc web`"
        )
    if takes != _ASGI:
        raise TypeError(
            f"mount({app!r}): this is no ASGI application, which takes scope, receive and send"
        )


def _positional(app: Callable[..., Any]) -> int:
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):
        return _ASGI  # of an extension module; it will tell
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return _ASGI
    kinds = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    return sum(each.kind in kinds and each.default is each.empty for each in parameters)


class Dispatcher:
    """Serves what lies below a path, and passes everything else to another application."""

    def __init__(self, app: ASGIApp, place: str, web: WebApp) -> None:
        """Stand before `app`."""
        self._app = app
        self._place = place
        self._web = web

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection, or pass it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._closing(send))
        elif self._is_ours(scope):
            root = str(scope.get("root_path", "")).rstrip("/")
            await self._web({**scope, "root_path": f"{root}{self._place}"}, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        root, path = str(scope.get("root_path", "")).rstrip("/"), scope["path"]
        below = path[len(root) :] if path.startswith(f"{root}/") else path
        return bool(below == self._place or below.startswith(f"{self._place}/"))

    def _closing(self, send: Send) -> Send:
        """Close ours before the host says that it has ended."""

        async def told(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown."):
                await self._web.close()
            await send(message)

        return told
