"""Who a request comes from: the way that an application has chosen says it."""

from __future__ import annotations

import hmac
import ipaddress
import os
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Literal

from starlette.requests import HTTPConnection

from wfc.errors import ConfigError
from wfc.http.principal import Principal
from wfc.runtime.webhook_door import Refusal

READ: Final = "read"
ACT: Final = "act"
TOKEN_VARIABLE: Final = "WFC_WEB_TOKEN"  # noqa: S105 - the name of a variable
_TOKEN_MIN: Final = 32
_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PROXIED: Final = ("forwarded", "via")
"""Headers of proxies, beside ``x-forwarded-*``: behind one everybody seems to be local."""


AsksWho = Callable[[HTTPConnection], Awaitable[Principal | None]]
Auth = Literal["loopback", "token"] | AsksWho | None


class Guard:
    """Knows who may see and steer runs."""

    def __init__(self, auth: Auth, allowed_hosts: Iterable[str] | None = None) -> None:
        """Judge by this way. Raises `ConfigError` for an unknown one, or no token."""
        self._ask = _asking(auth)
        names = _NAMES if auth == "loopback" and allowed_hosts is None else allowed_hosts
        self._hosts = None if names is None else frozenset(name.lower() for name in names)

    async def allowed(self, connection: HTTPConnection, role: str) -> Principal:
        """Give who asks, if they have the role. Raises `Refusal`: 400, 401, 403, 421."""
        if "token" in connection.query_params:
            raise _refused(
                400, "bad-request", "No token in an address",
                "Addresses are kept in logs and histories. Send the token as "
                "`Authorization: Bearer ...`.",
            )  # fmt: skip
        self.check_host(connection)
        principal = await self._ask(connection)
        if principal is None:
            raise _refused(
                401, "who-are-you", "Nobody knows who asks",
                "Ask from this machine, with no proxy between, or send a token as "
                f"`Authorization: Bearer ...` that the server has in {TOKEN_VARIABLE}.",
            )  # fmt: skip
        if role not in principal.roles:
            raise _refused(
                403, "role-missing", "Not with these roles", f"This needs the role `{role}`."
            )
        return principal

    def check_host(self, connection: HTTPConnection) -> None:
        """See that we are asked for by a name that is ours. Raises `Refusal` (421)."""
        host = host_of(connection)
        if self._hosts is not None and host not in self._hosts:
            raise _refused(
                421, "wrong-host", "Not under this name",
                f"This server is not reached as {host!r}. If it should be, add "
                f"`--allowed-host {host}`, or `allowed_hosts=`.",
            )  # fmt: skip


def _refused(status: int, code: str, title: str, detail: str) -> Refusal:
    return Refusal(status=status, code=code, title=title, detail=detail)


def _asking(auth: Auth) -> AsksWho:
    if auth is None:
        return _nobody
    if auth == "loopback":
        return _by_address
    if auth == "token":
        return ByToken(os.environ.get(TOKEN_VARIABLE, ""))
    if callable(auth):
        return auth
    raise ConfigError(
        f'auth={auth!r}: it is "loopback", "token", None, or an async function that takes the '
        "connection and gives a `Principal` or None."
    )


async def _nobody(_connection: HTTPConnection) -> Principal | None:
    return None


def check_origin(connection: HTTPConnection) -> None:
    """See that a request that acts was not made by a page of somebody else. Raises `Refusal` (403).

    A browser says where a request comes from (Fetch Metadata, or `Origin`); who sends a token in a
    header is no browser that was tricked. With neither, only this machine is believed.
    """
    headers = connection.headers
    if headers.get("authorization", "").lower().startswith("bearer "):
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    own = f"{connection.url.scheme}://{headers.get('host', '')}".lower()
    if site is not None:
        fits = site == "same-origin"
    elif origin is not None:
        fits = origin.lower() == own
    else:
        fits = is_local(connection)
    if not fits:
        raise _refused(
            403, "cross-origin", "Not from another page",
            "A page of another address may not act here. Nothing was recorded.",
        )  # fmt: skip


# --- by address ----------------------------------------------------------------------------------


async def _by_address(connection: HTTPConnection) -> Principal | None:
    """Take whoever sits at this machine for its owner."""
    return Principal("loopback", frozenset({READ, ACT})) if is_local(connection) else None


def is_local(connection: HTTPConnection) -> bool:
    """Tell whether a request comes from this machine, asks for it by name, and passed no proxy."""
    headers = connection.headers
    proxied = any(name in _PROXIED or name.startswith("x-forwarded-") for name in headers)
    return not proxied and _is_loopback(connection) and host_of(connection) in _NAMES


def _is_loopback(connection: HTTPConnection) -> bool:
    client = connection.client
    try:
        return client is not None and ipaddress.ip_address(client.host).is_loopback
    except ValueError:
        return False  # the name of a socket in the file system, behind which a proxy may stand


def host_of(connection: HTTPConnection) -> str:
    """Give the name that a request asks for, without its port."""
    host = connection.headers.get("host", "").lower()
    head, bracket, _ = host.partition("]")
    return head + bracket if bracket else host.partition(":")[0]


# --- by token ------------------------------------------------------------------------------------


class ByToken:
    """Takes who sends a token for an operator; several stand one a line, to be changed in peace."""

    def __init__(self, given: str) -> None:
        """Know these tokens, one a line. Raises `ConfigError` for none, or short ones."""
        tokens = given.split()
        if not tokens or any(len(each) < _TOKEN_MIN for each in tokens):
            raise ConfigError(
                f'auth="token" wants tokens in {TOKEN_VARIABLE}, one a line, each of at least '
                f"{_TOKEN_MIN} characters. Make one: "
                'python -c "import secrets; print(secrets.token_urlsafe(32))"'
            )
        self._tokens = [each.encode() for each in tokens]

    async def __call__(self, connection: HTTPConnection) -> Principal | None:
        """Give the operator, or None."""
        scheme, _, sent = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        # All are compared, so the time that it takes tells nothing.
        fits = [hmac.compare_digest(each, sent.strip().encode()) for each in self._tokens]
        return Principal("token", frozenset({READ, ACT})) if any(fits) else None
