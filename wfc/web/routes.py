"""The one table of routes: what is asked for, what is answered, and who may ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from wfc.runtime.webhooks import PATH
from wfc.web.dashboard import asset, page
from wfc.web.probes import health, ready
from wfc.web.site import Site
from wfc.web.streams import stream
from wfc.web.webhook import webhook

Endpoint = Callable[[Site, Request], Awaitable[Response]]
PUBLIC: Final = "public"
"""The role of routes that guard themselves, or have nothing to guard."""
ANY: Final = "*"
"""The method of a row that decides by itself what methods it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One row: a way to ask for something."""

    name: str
    method: str
    path: str
    body: str = "nothing"
    returns: str
    problems: tuple[int, ...]
    role: str
    endpoint: Endpoint


_WEBHOOK_PROBLEMS: Final = (400, 404, 405, 410, 413, 422, 429, 501, 503, 504, 507)
TABLE: Final = (
    Route(
        name="webhook",
        method=ANY,
        path=f"/{PATH}/{{token}}",
        body="anything up to 1 MiB; JSON for a webhook with a schema",
        returns="202, or what `create_webhook(response=...)` says; a page for browsers that look",
        problems=_WEBHOOK_PROBLEMS,
        role=PUBLIC,
        endpoint=webhook,
    ),
    *(
        Route(
            name="stream",
            method="GET",
            path=path,
            returns="the chunks of a stream from `start_index` on: SSE, NDJSON or bytes",
            problems=(400, 401, 403, 404, 405, 406, 421, 429, 503),
            role=PUBLIC,
            endpoint=stream,
        )
        for path in ("/runs/{run_id}/stream", "/runs/{run_id}/stream/{namespace:path}")
    ),
    Route(
        name="health",
        method="GET",
        path="/health",
        returns="200 as long as the process answers",
        problems=(405,),
        role=PUBLIC,
        endpoint=health,
    ),
    Route(
        name="ready",
        method="GET",
        path="/ready",
        returns="200 if the world answers within a second",
        problems=(405, 503),
        role=PUBLIC,
        endpoint=ready,
    ),
)

PAGES: Final = ("/", "/runs", "/runs/{run_id}")
"""Where the dashboard has pages; what stands in them is decided in the browser."""
DASHBOARD: Final = (
    *(
        Route(
            name="page",
            method="GET",
            path=path,
            returns="the dashboard",
            problems=(405, 421, 429, 503),
            role=PUBLIC,
            endpoint=page,
        )
        for path in PAGES
    ),
    Route(
        name="asset",
        method="GET",
        path="/assets/{name}",
        returns="a file of the dashboard",
        problems=(404, 405, 429),
        role=PUBLIC,
        endpoint=asset,
    ),
)
