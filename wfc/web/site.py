"""What the endpoints of one application share: its world, and what its maker allowed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from wfc.http.auth import Guard
from wfc.web.refused_tokens import RefusedTokens
from wfc.web.sessions import Sessions

RateLimit = Callable[[HTTPConnection, str], Awaitable[float | None]]
"""Gives the seconds after which a request to the route of this name may be tried again."""
PublicStreams = Callable[[HTTPConnection, str, str | None], Awaitable[bool]]
"""Says whether whoever asks may read the stream of a run, by namespace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One application."""

    sessions: Sessions
    guard: Guard
    public_streams: PublicStreams | None = None
    rate_limit: RateLimit | None = None
    refused_tokens: RefusedTokens = field(default_factory=RefusedTokens)
