"""Serving the dashboard: its page under any mount, its files, and what is said without them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.web.conftest import LOCAL, client
from ui import write_openapi
from wfc.web import asgi_app, dashboard


@pytest.fixture
def static(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(dashboard, "STATIC", tmp_path)
    return tmp_path


def _build(static: Path) -> None:
    (static / "assets").mkdir()
    (static / "index.html").write_text("<html><head></head></html>")
    (static / "assets" / "a-1.js").write_text("1")
    (static / "assets" / "a-1.woff2").write_text("2")
    (static / "assets" / "a-1.unheard").write_text("3")


@pytest.mark.parametrize("path", ["/", "/runs", "/runs/o-1"])
async def test_pages_know_their_mount(static: Path, path: str) -> None:
    """Each address gives the same page; scripts of nobody else run in it."""
    _build(static)
    async with client(asgi_app(base_path="/a&b"), f"{LOCAL}/a&b") as web:
        found = await web.get(path)
        again = await web.get(path, headers={"if-none-match": found.headers["etag"]})
    assert '<head><base href="/a&amp;b/">' in found.text
    assert found.headers["content-security-policy"].startswith("default-src 'none'; ")
    assert "unsafe" not in found.headers["content-security-policy"]
    assert again.status_code == 304


async def test_files_are_kept(static: Path) -> None:
    _build(static)
    async with client(asgi_app()) as web:
        kinds = [
            (await web.get(f"/assets/a-1.{suffix}")).headers["content-type"]
            for suffix in ("js", "woff2", "unheard")
        ]
        assert "immutable" in (await web.get("/assets/a-1.js")).headers["cache-control"]
        assert (await web.get("/assets/..%5Cindex.html")).status_code == 404
        assert (await web.get("/assets/%2e%2e%2findex.html")).status_code == 404
        assert (await web.get("/assets/b.js")).status_code == 404
    assert kinds[0].startswith("text/javascript")
    assert kinds[1:] == ["font/woff2", "application/octet-stream"]


async def test_it_says_what_to_do_when_unbuilt(static: Path) -> None:
    async with client(asgi_app()) as web:
        found = await web.get("/")
    assert found.status_code == 503
    assert "make ui" in found.text


async def test_not_under_a_foreign_name_nor_unwanted(static: Path) -> None:
    _build(static)
    async with client(asgi_app()) as web:
        assert (await web.get("/runs", headers={"host": "evil.example"})).status_code == 421
    for app in (asgi_app(dashboard=False), asgi_app(auth=None)):
        async with client(app) as web:
            assert (await web.get("/runs")).status_code == 404


def test_the_client_has_the_types_of_this_api() -> None:
    """Else: `python ui/write_openapi.py`."""
    assert write_openapi.OPENAPI.read_text(encoding="utf-8") == write_openapi.written()


def test_the_lock_file_names_no_host() -> None:
    lock = write_openapi.OPENAPI.parent / "package-lock.json"
    assert "://" not in lock.read_text(encoding="utf-8")
