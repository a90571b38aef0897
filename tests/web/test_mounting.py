"""Mounted into other applications: the same answers under every host, and each keeps its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import django  # type: ignore[import-untyped]  # it brings no types
import litestar
import pytest
from django.conf import settings as django_settings  # type: ignore[import-untyped]  # likewise
from django.core.asgi import get_asgi_application  # type: ignore[import-untyped]  # likewise
from django.http import HttpResponse  # type: ignore[import-untyped]  # likewise
from django.urls import path as django_path  # type: ignore[import-untyped]  # likewise
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, Router

from tests.runtime.house import House
from tests.web.conftest import LOCAL, client, lifespan, path_of, waits
from tests.web.webhook_flows import FLOWS
from wfc.config import session_here
from wfc.errors import ConfigError, OptionInvalid
from wfc.eventlog.event import HookReceived
from wfc.web import asgi_app, mount
from wfc.web.api.table import API, BASE
from wfc.web.app import WebApp
from wfc.web.mounting import Dispatcher, _as_mounted
from wfc.web.routes import DASHBOARD, PUBLIC, TABLE


async def own(_request: Any) -> PlainTextResponse:
    return PlainTextResponse("the host's own")


class Plain:
    """An ASGI application of no framework, which notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(scope["type"])
        if scope["type"] == "lifespan":
            for word in ("startup", "shutdown"):
                assert (await receive())["type"] == f"lifespan.{word}"
                await send({"type": f"lifespan.{word}.complete"})
        elif scope["type"] == "http":
            await PlainTextResponse("the host's own")(scope, receive, send)
        else:
            await send({"type": "websocket.close"})


def starlette() -> Any:
    return Starlette(routes=[Route("/own", own)])


def fastapi() -> Any:
    app = FastAPI()
    app.add_api_route("/own", lambda: PlainTextResponse("the host's own"))
    return app


def litestar_app() -> Any:
    @litestar.get("/own")
    async def own_page() -> str:
        return "the host's own"

    return litestar.Litestar([own_page], openapi_config=None, logging_config=None)


def django_app() -> Any:
    """Django has one configuration per process, and no lifespan."""
    if not django_settings.configured:
        django_settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x")  # noqa: S106 - it signs nothing
        django.setup()
    return get_asgi_application()


urlpatterns = [django_path("own", lambda _request: HttpResponse("the host's own"))]
"""Django's own pages; it reads them here."""


def router() -> Any:
    return Router(routes=[Route("/own", own)])


HOSTS: dict[str, Callable[[], Any]] = {
    "starlette": lambda: mount(starlette()),
    "fastapi": lambda: mount(fastapi()),
    "router": lambda: mount(router()),
    "litestar": lambda: mount(litestar_app()),
    "django": lambda: mount(django_app()),
    "plain": lambda: mount(Plain()),
    "alone": asgi_app,
    "by hand": lambda: _by_hand(starlette()),
    "in a mount": lambda: _in("/shop", mount(starlette())),
    "plain in a mount": lambda: _in("/shop", mount(Plain())),
    "mount of a mount": lambda: mount(_in("/other", mount(starlette(), "/w"))),
}


def _by_hand(app: Starlette) -> Starlette:
    app.mount("/wfc", asgi_app())
    return app


def _in(path: str, app: Any) -> Starlette:
    outer = Starlette()
    outer.mount(path, app)
    return outer


@pytest.mark.parametrize("name", HOSTS)
@pytest.mark.parametrize("root_path", ["", "/proxy"])
async def test_the_bodies_are_equal_under_every_host(
    house: House, name: str, root_path: str
) -> None:
    """Also behind a proxy that has taken a prefix off, which servers put before the path."""
    run = await waits(house, FLOWS.collects, 1)
    inner = "/shop" if "in a mount" in name else ""
    app = HOSTS[name]()

    async def rooted(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "root_path": root_path}, receive, send)

    async with client(rooted, f"{LOCAL}{root_path}{inner}/wfc") as web:
        assert (await web.get("/health")).json() == {"status": "alive"}
        assert (await web.get("/ready")).json() == {"status": "ready"}
        unknown = await web.post("/webhook/unknown")
        assert unknown.status_code == 404
        assert unknown.json() == {
            "type": f"{root_path}{inner}/wfc/api/v1/problems/no-such-webhook",
            "title": "There is no such webhook",
            "status": 404,
            "detail": unknown.json()["detail"],
            "code": "no-such-webhook",
        }
        slashed = await web.get("/health/")  # which Litestar does not tell from the other
        assert slashed.status_code == (200 if name == "litestar" else 404)
        nothing = await web.get("/nothing")
        assert (nothing.status_code, nothing.json()["code"]) == (404, "no-such-page")
        other = await web.put("/health")
        assert (other.status_code, other.headers["allow"]) == (405, "GET")
        assert (await web.head("/health")).status_code == 200
        assert (await web.post(await path_of(run), content=b"1")).status_code == 202
    assert len(await house.events(run, HookReceived)) == 1
    if name in {"starlette", "fastapi", "router", "litestar", "django", "plain", "by hand"}:
        async with client(app, LOCAL) as web:
            assert (await web.get("/own")).text == "the host's own"


async def test_a_dispatcher_passes_all_else_on() -> None:
    """Lifespan and websockets too; what only begins alike is not ours."""
    host = Plain()
    app = mount(host, "/wfc/")
    assert isinstance(app, Dispatcher)
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message["type"])

    async with lifespan(app):
        await app({"type": "websocket", "path": "/chat"}, None, send)  # type: ignore[arg-type]  # it asks nothing
    assert (host.asked, said) == (["lifespan", "websocket"], ["websocket.close"])
    async with client(app, LOCAL) as web:
        assert (await web.get("/wfcx")).text == "the host's own"


async def test_a_websocket_of_ours_is_closed() -> None:
    said: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        said.append(message["type"])

    scope = {"type": "websocket", "path": "/wfc/health", "headers": [], "query_string": b""}
    await mount(Plain())(scope, receive, send)
    assert said == ["websocket.close"]


@pytest.mark.parametrize("kind", [starlette, fastapi, litestar_app, Plain])
async def test_the_world_is_closed_with_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    """It is opened at the first request, once, and the host's own lifespan still runs."""
    (tmp_path / "wfc.toml").write_text('world = "sqlite:///runs.db"\n')
    monkeypatch.chdir(tmp_path)
    told: list[str] = []

    @asynccontextmanager
    async def of_the_host(_app: Any) -> Any:
        told.append("begins")
        yield
        told.append("ends")

    if kind is litestar_app:
        host: Any = litestar.Litestar(lifespan=[of_the_host], logging_config=None)
    else:
        host = kind() if kind is Plain else type(kind())(lifespan=of_the_host)
    opened: list[Any] = []
    app = mount(host)
    async with lifespan(app), client(app) as web:
        assert not (tmp_path / "runs.db").exists()
        for _ in range(2):
            assert (await web.get("/ready")).status_code == 200
        opened.append((tmp_path / "runs.db").exists())
        assert session_here() is None, "the application's own calls still open theirs"
    assert opened == [True]
    assert told == ([] if kind is Plain else ["begins", "ends"])
    assert not (tmp_path / "runs.db-wal").exists(), "the world is open still"


async def test_another_world_can_be_given(house: House, tmp_path: Path) -> None:
    """By its URL, or opened; an opened one stays open."""
    run = await waits(house, FLOWS.takes_one)
    path = await path_of(run)
    async with client(asgi_app(f"sqlite:///{tmp_path}/other.db")) as web:
        assert (await web.post(path)).status_code == 404
    given = asgi_app(house.world)
    async with client(given) as web:
        assert (await web.post(path)).status_code == 202
    await given.close()
    await given.close()
    assert len(await house.events(run, HookReceived)) == 1


async def test_alone_it_closes_at_the_end_of_its_lifespan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wfc.toml").write_text('world = "sqlite:///runs.db"\n')
    monkeypatch.chdir(tmp_path)
    app = asgi_app()
    async with lifespan(app), client(app) as web:
        assert (await web.get("/ready")).status_code == 200
    assert not (tmp_path / "runs.db-wal").exists()


# --- what cannot be mounted ----------------------------------------------------------------------


def wsgi(environ: Any, start_response: Any) -> Any:
    return environ, start_response


async def older(scope: Any) -> Any:
    return scope


@pytest.mark.parametrize(
    ("app", "says"),
    [
        (wsgi, "run `wfc web`"),
        (older, "takes scope, receive and send"),
        ("shop.asgi:app", "cannot be called"),
    ],
)
def test_what_is_no_asgi_application_is_refused(app: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        mount(app)


def test_an_application_that_tells_nothing_of_itself_is_taken() -> None:
    """Its parameters are unknown, so its first request will tell."""

    async def any_form(*args: Any) -> None:
        del args

    assert isinstance(mount(any_form), Dispatcher)
    assert isinstance(mount(type), Dispatcher)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"base_path": "wfc"}, ConfigError),
        ({"payloads": "all"}, OptionInvalid),
        ({"redact": "password"}, OptionInvalid),
        ({"auth": "nobody"}, ConfigError),
    ],
)
def test_options_that_cannot_be_are_refused(wrong: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        asgi_app(**wrong)


@pytest.mark.parametrize("path", ["wfc", "/", ""])
def test_a_mount_has_a_place(path: str) -> None:
    with pytest.raises(ConfigError):
        mount(starlette(), path)


# --- Litestar, which says less than others -------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "root", "becomes"),
    [
        ("/webhook/t/", "", ("/wfc/webhook/t", "/wfc")),
        ("/wfc/webhook/t/", "", ("/wfc/webhook/t", "/wfc")),
        ("/", "", ("/wfc", "/wfc")),
        ("/webhook/t", "/p", ("/p/wfc/webhook/t", "/p/wfc")),
    ],
)
def test_a_scope_without_mount_gets_it(path: str, root: str, becomes: Any) -> None:
    scope = _as_mounted({"type": "http", "path": path, "root_path": root}, "/wfc")
    assert (scope["path"], scope["root_path"]) == becomes


# --- the table -----------------------------------------------------------------------------------


def test_every_path_stands_in_the_table() -> None:
    """There is no endpoint beside it, and none without a role."""
    app = asgi_app()
    assert isinstance(app, WebApp)
    served = {route.path for route in app._starlette.routes if isinstance(route, Route)}
    own = {row.path for row in (*TABLE, *DASHBOARD)}
    assert served == own | {f"{BASE}{row.path}" for row in API}
    assert len(app._starlette.routes) == len(served)
    assert {row.role for row in TABLE} <= {PUBLIC, "read", "act"}
    assert {row.role for row in API} == {"read", "act"}
    assert len({(row.method, row.path) for row in TABLE}) == len(TABLE)
    assert len({(row.method, row.path) for row in API}) == len(API)
