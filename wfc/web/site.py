"""What the endpoints of one application share: its world, and what its maker allowed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from wfc import codec
from wfc.http.auth import Guard
from wfc.runtime.any_types import AnyTypes
from wfc.web.refused_tokens import RefusedTokens
from wfc.web.sessions import Sessions
from wfc.web.trees import Payloads, Redact
from wfc.web.watched import WatchedRuns

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
    read_only: bool = False
    payloads: Payloads = "redacted"
    redact: Redact | None = None
    show_source: bool = True
    watched: WatchedRuns = field(default_factory=WatchedRuns)
    types: codec.Types = field(default_factory=AnyTypes)
