"""Every row of the table: who may ask, what the document says of it, and that none is forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate
from starlette.requests import HTTPConnection

from tests.runtime.house import House
from tests.web.conftest import LOCAL, client
from wfc.http.auth import ACT, READ
from wfc.http.principal import Principal
from wfc.web import asgi_app
from wfc.web.api.refusing import PROBLEMS
from wfc.web.api.table import API, BASE, ApiRoute, document

ROWS = [pytest.param(row, id=f"{row.method} {row.path}") for row in API]


def path_of(row: ApiRoute) -> str:
    """Give an address of the row, of things that do not exist."""
    return re.sub(r"\{\w+(?::path)?\}", "x", row.path)


async def ask(api: httpx.AsyncClient, row: ApiRoute, **headers: str) -> httpx.Response:
    body: dict[str, Any] = {} if row.body is None else {"json": {}}
    return await api.request(row.method, path_of(row), headers=headers, **body)


@pytest.mark.parametrize("row", ROWS)
async def test_nobody_is_let_in_unknown(api: httpx.AsyncClient, row: ApiRoute) -> None:
    """Whoever comes through a proxy, or asks for another name."""
    assert (await ask(api, row, **{"x-forwarded-for": "10.0.0.1"})).status_code == 401
    assert (await ask(api, row, host="evil.example")).status_code == 421
    assert (await api.request(row.method, path_of(row), params={"token": "x"})).status_code == 400


@pytest.mark.parametrize("row", ROWS)
async def test_readers_only_read(shop: House, row: ApiRoute) -> None:
    """A role is asked of every row; what does not exist is not found, and nothing of ours fails."""

    async def reader(_connection: HTTPConnection) -> Principal:
        return Principal("ana", frozenset({READ}))

    async with client(asgi_app(auth=reader), f"{LOCAL}{'/wfc'}{BASE}") as api:
        status = (await ask(api, row)).status_code
    assert status == 403 if row.role == ACT else status in {200, 404}


@pytest.mark.parametrize("row", ROWS)
async def test_nothing_of_ours_fails(api: httpx.AsyncClient, row: ApiRoute) -> None:
    """Asked of an empty world, each row answers in the forms of the document."""
    answer = await ask(api, row)
    assert answer.status_code in {row.status, 200, *row.problems}, answer.text
    assert answer.status_code < 500
    assert answer.headers["cache-control"] == "no-store" or answer.status_code >= 400


def _codes(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if set(value) == {"$ref"}:
            yield value["$ref"]
        for below in value.values():
            yield from _codes(below)
    elif isinstance(value, list):
        for below in value:
            yield from _codes(below)


def test_the_document_is_whole() -> None:
    """Each row is in it, and each reference leads somewhere."""
    found = document("/wfc")
    assert found["openapi"] == "3.1.0"
    names = {(method.upper(), path) for path, rows in found["paths"].items() for method in rows}
    assert names == {(row.method, BASE + row.path.replace(":path", "")) for row in API}
    schemas = found["components"]["schemas"]
    for reference in _codes(found):
        assert reference.removeprefix("#/components/schemas/") in schemas
    operations = [one["operationId"] for rows in found["paths"].values() for one in rows.values()]
    assert len(operations) == len(set(operations))


def test_the_document_is_openapi() -> None:
    """By the validator of the OpenAPI initiative's schema."""
    validate(document("/wfc"))


def test_every_problem_has_a_meaning() -> None:
    """Codes are never two things."""
    assert all(400 <= int(one["status"]) < 600 for one in PROBLEMS.values())
    assert {"run-ended", "bad-request", "disk-full"} <= set(PROBLEMS)
