"""Who may see and steer runs: whoever sits here, has a token, or is known to the application."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import HTTPConnection

from wfc.errors import ConfigError
from wfc.http.auth import READ, TOKEN_VARIABLE, Guard, host_of
from wfc.http.principal import Principal
from wfc.runtime.webhook_door import Refusal

TOKEN = "t" * 32
OTHER = "o" * 40


def connection(client: str | None = "127.0.0.1", query: str = "", **headers: str) -> HTTPConnection:
    named = {"host": "localhost:3456"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return HTTPConnection(
        {
            "type": "http",
            "client": None if client is None else (client, 5000),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in named.items()],
        }
    )


async def refused(guard: Guard, asked: HTTPConnection, role: str = READ) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        await guard.allowed(asked, role)
    return caught.value.status, caught.value.code


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:80", "[::1]:3456", "LOCALHOST"])
@pytest.mark.parametrize("client", ["127.0.0.1", "::1", "127.8.8.8"])
async def test_whoever_sits_here_is_the_owner(client: str, host: str) -> None:
    found = await Guard("loopback").allowed(connection(client, host=host), READ)
    assert found == Principal("loopback", frozenset({"read", "act"}))


@pytest.mark.parametrize(
    "asked",
    [
        connection("10.0.0.7"),
        connection(None),
        connection("/run/wfc.sock"),
        connection(x_forwarded_for="10.0.0.7"),
        connection(x_forwarded_proto="https"),
        connection(forwarded="for=10.0.0.7"),
        connection(via="1.1 proxy"),
    ],
)
async def test_whoever_may_come_from_elsewhere_is_nobody(asked: HTTPConnection) -> None:
    """A proxy on this machine makes everybody local, and so does a socket in the file system."""
    assert await refused(Guard("loopback"), asked) == (401, "who-are-you")


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "[::2]"])
async def test_another_name_for_this_machine_is_refused(host: str) -> None:
    """A page elsewhere may have made its own name point here."""
    assert await refused(Guard("loopback"), connection(host=host)) == (421, "wrong-host")
    assert await refused(Guard("loopback", ["shop.example"]), connection()) == (421, "wrong-host")


async def test_a_token_opens_and_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any of those that stand there, one a line."""
    monkeypatch.setenv(TOKEN_VARIABLE, f"{TOKEN}\n{OTHER}\n")
    guard = Guard("token")
    for token in (TOKEN, OTHER):
        asked = connection("10.0.0.7", host="shop.example", authorization=f"Bearer {token}")
        assert (await guard.allowed(asked, READ)).id == "token"
    for wrong in ({}, {"authorization": "Bearer x"}, {"authorization": f"Basic {TOKEN}"},
                  {"authorization": "Bearer \xff"}):  # fmt: skip
        assert await refused(guard, connection(**wrong)) == (401, "who-are-you")


@pytest.mark.parametrize("tokens", ["", " \n", "short", f"{TOKEN}\nshort"])
def test_a_token_has_a_length(monkeypatch: pytest.MonkeyPatch, tokens: str) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, tokens)
    with pytest.raises(ConfigError, match="at least 32 characters"):
        Guard("token")


async def test_a_token_in_an_address_is_refused() -> None:
    """Also a right one, and whoever asks."""
    assert await refused(Guard("loopback"), connection(query=f"token={TOKEN}")) == (
        400, "bad-request",
    )  # fmt: skip


async def test_the_application_knows_its_own_people() -> None:
    async def who(asked: Any) -> Principal | None:
        name = asked.headers.get("x-user")
        return Principal(name, frozenset({name})) if name else None

    guard = Guard(who)
    assert (await guard.allowed(connection(x_user="read"), READ)).id == "read"
    assert await refused(guard, connection(x_user="guest")) == (403, "role-missing")
    assert await refused(guard, connection()) == (401, "who-are-you")


async def test_without_a_way_nobody_is_known() -> None:
    assert await refused(Guard(None), connection()) == (401, "who-are-you")


def test_a_way_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="auth='basic'"):
        Guard("basic")  # type: ignore[arg-type]  # what a user may write


def test_a_host_is_a_name_without_a_port() -> None:
    assert [host_of(connection(host=one)) for one in ("a:1", "[::1]:2", "[::1]", "a")] == [
        "a", "[::1]", "[::1]", "a",
    ]  # fmt: skip
