"""Streams over HTTP, for whoever may read them."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from wfc.http.auth import READ
from wfc.http.streams import answer
from wfc.ids import RunId, is_namespace, is_run_id
from wfc.runtime.webhook_door import Refusal
from wfc.runtime.writable import OURS
from wfc.web.site import Site

_NOBODY_KNOWN: Final = 401


async def stream(site: Site, request: Request) -> Response:
    """Give a stream to whoever may read it. Raises `Refusal`."""
    if request.method == "HEAD":
        raise Refusal(
            status=405,
            code="method-not-allowed",
            title="Not by this method",
            detail="A stream is read, or not.",
            allow=("GET",),
        )
    run_id, namespace = request.path_params["run_id"], request.path_params.get("namespace")
    await _check_reader(site, request, run_id, namespace)
    if not is_run_id(run_id) or not (namespace is None or is_namespace(namespace)):
        raise _unknown()
    session = await site.sessions.get()
    if await session.world.run(RunId(run_id)) is None:
        raise _unknown()
    return await answer(session, request, run_id, namespace)


async def _check_reader(site: Site, request: Request, run_id: str, namespace: str | None) -> None:
    """See that whoever asks may read: the application may let anybody, else it takes an operator.

    Raises `Refusal`; where the application said no, 404, since run ids can be guessed.
    """
    if site.public_streams is None or (namespace or "").startswith(OURS):
        # Those of wfc itself are for operators, whatever the application says.
        await _check_operator(site, request)
    elif not await site.public_streams(request, run_id, namespace):
        try:
            await _check_operator(site, request)
        except Refusal:
            raise _unknown() from None


async def _check_operator(site: Site, request: Request) -> None:
    """See that an operator asks. Raises `Refusal`; a token that is none is noted."""
    try:
        await site.guard.allowed(request, READ)
    except Refusal as refusal:
        if refusal.status == _NOBODY_KNOWN and "authorization" in request.headers:
            await site.refused_tokens.add(site.sessions)
        raise


def _unknown() -> Refusal:
    return Refusal(
        status=404,
        code="no-such-run",
        title="There is no such run",
        detail="No run has this id, or its streams are not for whoever asks.",
    )
