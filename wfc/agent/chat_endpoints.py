"""A chat over HTTP, as the AI SDK's clients speak it: one line mounts it into an application.

`WorkflowChatTransport` of the npm package `@ai-sdk/workflow` is the client that this is held to:
it posts what a user says, reads the answer as server-sent events, and resumes by index where the
connection broke.
"""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Mount, Route
from starlette.types import Scope

from wfc.agent.answering import Answers, still_asked
from wfc.agent.conversations import CHAT, Conversations, Place, unknown
from wfc.agent.posted import bad, read
from wfc.agent.saying import OnBusy, Speaker
from wfc.agent.transcript import messages_of_run
from wfc.agent.turn import namespace_of
from wfc.config import Session, current_session
from wfc.errors import WfcError, WorldError, WorldFull
from wfc.eventlog.entity import Run
from wfc.eventlog.event import Channel
from wfc.http.bodies import BodyTooLarge, read_body
from wfc.http.principal import Principal
from wfc.http.problems import problem
from wfc.ids import RunId
from wfc.runtime.run import Run as Handle
from wfc.runtime.starting import workflow_id
from wfc.runtime.streams import rows
from wfc.runtime.webhook_door import Refusal
from wfc.worlds.chunks import ChunkRow, Form

_LOG: Final = logging.getLogger("wfc.agent")
AsksWho = Callable[[HTTPConnection], Awaitable[Principal | None]]
_LINE: Final = "\n"
_DONE: Final = "[DONE]"
_EXPOSED: Final = "x-workflow-run-id, x-workflow-stream-tail-index"


def chat_endpoints(
    workflow: Callable[..., Any],
    *,
    path: str = "/api/chat",
    auth: AsksWho | None = None,
    origins: Sequence[str] = (),
    max_body: int = 1_048_576,
    heartbeat_s: float = 15,
    on_busy: OnBusy = "queue",
    allow_override: bool = False,
    expose_errors: bool = False,
) -> Mount:
    """Give the endpoints of a chat, to be mounted: ``app.router.routes.append(chat_endpoints(w))``.

    `workflow` takes one `Chat`. `auth` says who asks, None refuses (401); whose chat it is stands
    in its runs, and others find nothing. Without `auth`, whoever knows an id may read and write, so
    let clients keep those that we make. A page of another address must stand in `origins`. Bodies
    have at most `max_body` bytes; a quiet stream says something every `heartbeat_s` seconds.
    During an answer another message waits (``"queue"``) or is refused (``"reject"``).
    `allow_override` lets people change the arguments of a call that they approve. With
    `expose_errors` the stream tells why an agent failed, instead of that it did.

    Raises `NotCompiled`, `ValueError` for an `on_busy` that is none.
    """
    if on_busy not in ("queue", "reject"):
        raise ValueError(f"on_busy={on_busy!r}: it is 'queue' or 'reject'")
    workflow_id(workflow)
    del expose_errors  # said by the agent itself: `DurableAgent(expose_errors=True)`
    endpoints = _Endpoints(
        workflow,
        auth=auth,
        origins=origins,
        max_body=max_body,
        heartbeat_s=heartbeat_s,
        on_busy=on_busy,
        allow_override=allow_override,
    )
    return _ChatMount(path, routes=endpoints.routes(), name=f"chat of {workflow.__name__}")


class _ChatMount(Mount):
    """A mount that is also reached without a slash at its end, where clients post to."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the path itself as the first of those below it."""
        below = scope["path"].removeprefix(scope.get("root_path", ""))
        if scope["type"] == "http" and below == self.path:
            match, child = super().matches({**scope, "path": f"{scope['path']}/"})
            return match, {**child, "path": f"{scope['path']}/"}
        return super().matches(scope)


class _Endpoints:
    """The endpoints of one workflow."""

    def __init__(
        self,
        workflow: Callable[..., Any],
        *,
        auth: AsksWho | None,
        origins: Sequence[str],
        max_body: int,
        heartbeat_s: float,
        on_busy: OnBusy,
        allow_override: bool,
    ) -> None:
        self._workflow = workflow
        self._auth = auth
        self._origins = frozenset(one.rstrip("/").lower() for one in origins)
        self._max_body = max_body
        self._heartbeat_s = heartbeat_s
        self._on_busy: OnBusy = on_busy
        self._allow_override = allow_override

    def routes(self) -> list[Route]:
        """Give the routes below the mount."""
        return [
            Route("/", self._safe(self.post), methods=["POST"]),
            Route("/{name}/stream", self._safe(self.stream), methods=["GET"]),
            Route("/{name}/cancel", self._safe(self.cancel), methods=["POST"]),
            Route("/{name}", self._safe(self.show), methods=["GET"]),
        ]

    def _safe(
        self, endpoint: Callable[[Request, Conversations], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                self._check_origin(request)
                response = await endpoint(request, await self._conversations(request))
            except Refusal as refusal:
                response = problem(request, refusal)
            except WorldFull as error:
                response = problem(request, _unable(507, "disk-full", error))
            except WorldError as error:
                response = problem(request, _unable(503, "world-unavailable", error))
            self._share(request, response)
            return response

        return answer

    # -- who asks, and from where

    def _check_origin(self, request: Request) -> None:
        """See that no page of somebody else asks. Raises `Refusal` (403)."""
        origin = request.headers.get("origin")
        if origin is None or origin.lower() in self._origins:
            return
        if urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower():
            return
        raise Refusal(
            status=403,
            code="cross-origin",
            title="Not from another page",
            detail=f"Pages of {origin} may not ask here. Let them, by `origins=`.",
        )

    def _share(self, request: Request, response: Response) -> None:
        """Let a page of a listed address read the answer."""
        origin = request.headers.get("origin", "").lower()
        if origin in self._origins:
            response.headers["access-control-allow-origin"] = request.headers["origin"]
            response.headers["access-control-allow-credentials"] = "true"
            response.headers["vary"] = "origin"
        response.headers["access-control-expose-headers"] = _EXPOSED

    async def _conversations(self, request: Request) -> Conversations:
        """Give the conversations of whoever asks. Raises `Refusal` (401)."""
        principal = None
        if self._auth is not None:
            principal = await self._auth(request)
            if principal is None:
                raise Refusal(
                    status=401,
                    code="who-are-you",
                    title="Nobody knows who asks",
                    detail="The application that serves this chat wants to know who you are.",
                )
        session = await current_session()
        client = copy.copy(session)
        client.actor = None if principal is None else principal.id
        client.channel = Channel.CHAT
        return Conversations(client, workflow_id(self._workflow), principal)

    # -- the endpoints

    async def post(self, request: Request, conversations: Conversations) -> Response:
        """Take what a user says, or answers, and give the stream of the answer."""
        try:
            data = await read_body(request, self._max_body)
        except BodyTooLarge:
            raise Refusal(
                status=413,
                code="too-large",
                title="Too large",
                detail=f"A message has at most {self._max_body:,} bytes. Nothing was recorded.",
            ) from None
        posted = read(data)
        if posted.answers:
            answers = Answers(conversations, allow_override=self._allow_override)
            place = await answers.take(posted.answers, posted.said_in)
        else:
            client: Any = conversations.client
            speaker = Speaker(conversations, _giving(client), self._workflow, on_busy=self._on_busy)
            place = await speaker.say(posted)
        return await self._served(conversations, place, 0)

    async def stream(self, request: Request, conversations: Conversations) -> Response:
        """Give the stream of a turn from an index on: what is there, then what comes."""
        start = _start_of(request)
        row, turn = await conversations.meant(request.path_params["name"])
        if turn is None:
            turn = await conversations.newest_turn(row)
        if turn is None or not await conversations.is_known(row, turn):
            raise unknown()
        return await self._served(conversations, Place(run_id=row.run_id, turn=turn), start)

    async def show(self, request: Request, conversations: Conversations) -> Response:
        """Show a chat: its messages, where it is, and what it asks."""
        row, turn = await conversations.meant(request.path_params["name"])
        turn = turn or await conversations.newest_turn(row)
        world = conversations.client.world
        tail = -1 if turn is None else await world.tail_index(row.run_id, namespace_of(turn))
        return JSONResponse(
            {
                "id": row.attributes[CHAT],
                "run": row.run_id,
                "status": row.status.value,
                "stream": None if turn is None else f"{row.run_id}~{turn}",
                "tail_index": tail,
                "messages": await messages_of_run(conversations, row),
                "approvals": await still_asked(conversations, row),
            },
            headers={"cache-control": "no-store"},
        )

    async def cancel(self, request: Request, conversations: Conversations) -> Response:
        """Ask the run of a chat to stop; once more does nothing more."""
        row, _ = await conversations.meant(request.path_params["name"])
        client: Any = conversations.client
        run: Handle[Any] = Handle(row.run_id, _giving(client))
        asked = await run.cancel(reason="cancelled in the chat")
        return JSONResponse({"run": row.run_id, "cancelled": asked}, 202)

    # -- the stream

    async def _served(self, conversations: Conversations, place: Place, start: int) -> Response:
        world = conversations.client.world
        namespace = namespace_of(place.turn)
        tail = await world.tail_index(place.run_id, namespace)
        first = start if start >= 0 else max(0, tail + 1 + start)
        headers = {
            "x-workflow-run-id": str(place),
            "x-workflow-stream-tail-index": str(tail),
            "x-vercel-ai-ui-message-stream": "v1",
            "cache-control": "no-cache",
            "x-accel-buffering": "no",
        }
        row = await world.run(place.run_id)
        if first > tail and await self._is_over(conversations, row, place):
            refusal = Refusal(
                status=416,
                code="past-the-end",
                title="There is nothing behind that",
                detail=f"The answer is finished; its last chunk has the index {tail}.",
            )
            return _with(problem_of(refusal), headers)
        return EventSourceResponse(
            _events(conversations.client, place.run_id, namespace, first),
            headers=headers,
            ping=self._heartbeat_s,
            ping_message_factory=lambda: ServerSentEvent(comment="still here", sep=_LINE),
        )

    async def _is_over(self, conversations: Conversations, row: Run | None, place: Place) -> bool:
        page = await conversations.client.world.read_chunks(
            place.run_id, namespace_of(place.turn), 0, 1
        )
        return row is None or (page.closed and (page.length > 0 or row.status.ended))


def problem_of(refusal: Refusal) -> Response:
    """Say a refusal where there is no request at hand."""
    told = {"title": refusal.title, "status": refusal.status, "detail": refusal.detail}
    return JSONResponse(
        {**told, "code": refusal.code}, refusal.status, media_type="application/problem+json"
    )


def _with(response: Response, headers: dict[str, str]) -> Response:
    response.headers.update(headers)
    return response


async def _events(
    client: Any, run_id: RunId, namespace: str, start: int
) -> AsyncIterator[ServerSentEvent]:
    """Give the chunks as they are stored, and say at the end that it is one."""
    async for row in rows(client, run_id, namespace, start):
        yield ServerSentEvent(_text(row), sep=_LINE)
    yield ServerSentEvent(_DONE, sep=_LINE)


def _text(row: ChunkRow) -> str:
    """Give a chunk as a client reads it; each index is one, what a repetition made void too."""
    if row.form is Form.RESET:
        data = {"type": "data-wfc-reset", "data": {"from": int(row.body)}, "transient": True}
        return json.dumps(data, separators=(",", ":"))
    return row.body.decode()


def _start_of(request: Request) -> int:
    """Read where to begin. Raises `Refusal` (400)."""
    text = request.query_params.get("startIndex", "0")
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < len(str(1 << 62))):
        raise bad(f"startIndex={text[:40]!r} is no integer.")
    return int(text)


def _unable(status: int, code: str, error: WfcError) -> Refusal:
    # Why is for the log of the server: it may name its folders.
    _LOG.error("a chat cannot be served", exc_info=error)
    return Refusal(
        status=status,
        code=code,
        title="It cannot be done now",
        detail="Nothing was recorded. Try again later.",
    )


def _giving(session: Session) -> Callable[[], Awaitable[Session]]:
    async def give() -> Session:
        return session

    return give
