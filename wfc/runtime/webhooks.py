"""Webhooks: hooks with a URL, for callers that speak HTTP and know nothing of wfc.

What comes in is recorded as a `WebhookRequest`, or as the model that the workflow asked for. What
goes out is recorded when the webhook is made, so any web process answers, with no worker awake.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, TypeVar, overload

from wfc import codec
from wfc.durations import Duration
from wfc.errors import ConfigError
from wfc.eventlog.event import HookKind
from wfc.manifests.sites import site_of
from wfc.runtime import context, webhook_replies
from wfc.runtime.environment import PUBLIC_URL
from wfc.runtime.hooks import Hook, open_hook, retention_s

T = TypeVar("T")
METHODS: Final = ("DELETE", "GET", "PATCH", "POST", "PUT")
"""What a webhook may be asked by; HEAD and OPTIONS never act."""
PATH: Final = "webhook"
MANUAL: Final = "manual"
_STATUS_MIN: Final = 200
_STATUS_MAX: Final = 599
_BODILESS: Final = frozenset({204, 304})
_OF_THE_SERVER: Final = frozenset(
    {"connection", "content-length", "date", "keep-alive", "server", "te", "trailer",
     "transfer-encoding", "upgrade"}
)  # fmt: skip
"""Headers that say how an answer is carried, which whoever carries it knows."""


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """What somebody sent to a webhook. Names of headers are lower case; those that say who sends
    (`cookie`, `authorization`) are not kept. Of a repeated key `query` has the last value.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    reply_to: tuple[str, str] | None = field(default=None, repr=False)
    """Run and receipt of a request whose sender waits for `respond`."""
    query_string: str = ""
    """The query as it was sent, with all values of a repeated key: what signatures are made of."""

    def text(self) -> str:
        """Give the body as text (UTF-8). Raises `UnicodeDecodeError`."""
        return self.body.decode()

    def json(self) -> Any:
        """Give what the body says as JSON. Raises `ValueError`."""
        return json.loads(self.body)

    async def respond(self, response: Response | None = None) -> None:
        """Answer the sender, who waits, by default with 200 and nothing. In a step, once.

        For webhooks with ``response="manual"``. On return the answer is on disk; a step that is
        tried again after it has answered keeps its first answer. Raises `AnsweredBefore`,
        `EffectInWorkflow` in workflow code, `OutsideWorkflow` outside of steps.
        """
        await webhook_replies.send(
            self.reply_to, written(Response() if response is None else response)
        )


@dataclass(frozen=True, slots=True)
class Response:
    """What a webhook answers: a status from 200 to 599, headers, and a body (text is UTF-8).

    Raises `ValueError`, `TypeError`.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | str = b""

    def __post_init__(self) -> None:
        """See that it can be sent."""
        if isinstance(self.status, bool) or not isinstance(self.status, int):
            raise TypeError(f"Response: the status {self.status!r} is no number")
        if not _STATUS_MIN <= self.status <= _STATUS_MAX:
            raise ValueError(
                f"Response: the status {self.status} is not one of {_STATUS_MIN} to {_STATUS_MAX}"
            )
        if not isinstance(self.body, bytes | str):
            raise TypeError(
                f"Response: the body is a {type(self.body).__qualname__}; give text or bytes"
            )
        if self.status in _BODILESS and self.body:
            raise ValueError(f"Response: an answer with status {self.status} has no body")
        for name, value in self.headers.items():
            _check_header(name, value)


def _check_header(name: object, value: object) -> None:
    if not isinstance(name, str) or not isinstance(value, str):
        raise TypeError(f"Response: the header {name!r}: {value!r} is not made of texts")
    token = name.replace("-", "").replace("_", "")
    if not (token.isascii() and token.isalnum()):
        raise ValueError(f"Response: {name!r} is no name of a header")
    if name.lower() in _OF_THE_SERVER:
        raise ValueError(f"Response: the server writes the header {name!r}; leave it off")
    if not value.isprintable() or not value.isascii():
        raise ValueError(f"Response: the header {name!r} has a value that cannot be sent")


class Webhook(Hook[T], Generic[T]):
    """A hook that is sent to by HTTP, at `url`."""

    __slots__ = ("_url",)

    def __init__(self, hook_id: str, token: str, url: str | None = None) -> None:
        """Name a webhook, no more."""
        super().__init__(hook_id, token)
        self._url = url

    @property
    def url(self) -> str:
        """Where it is sent to. Raises `ConfigError` if no public URL was known at the run's begin.

        Who knows it may send, so it is a secret as the token is.
        """
        url = self._url if self._pending is None else self._pending.created.url
        if url is None:
            raise ConfigError(
                "the webhook has no URL, since nobody has said under what name this application "
                "is reached. Set it before runs begin, the mount included:\n"
                '[tool.wfc]\npublic_url = "https://shop.example/wfc"'
            )
        return url


@overload
def create_webhook(
    schema: None = None,
    *,
    methods: tuple[str, ...] = ("POST",),
    response: Response | Literal["manual"] | None = None,
    metadata: Any = None,
    retention: Duration | None = None,
) -> Webhook[WebhookRequest]: ...
@overload
def create_webhook(
    schema: type[T],
    *,
    methods: tuple[str, ...] = ("POST",),
    response: Response | Literal["manual"] | None = None,
    metadata: Any = None,
    retention: Duration | None = None,
) -> Webhook[T]: ...
def create_webhook(
    schema: Any = None,
    *,
    methods: tuple[str, ...] = ("POST",),
    response: Response | Literal["manual"] | None = None,
    metadata: Any = None,
    retention: Duration | None = None,
) -> Webhook[Any]:
    """Make a hook that is sent to by HTTP; awaiting it gives a `WebhookRequest`.

    With a `schema` it gives the body, read as JSON and judged by that type; what does not fit is
    refused at the door. `response` is what callers are answered, by default 202 and nothing; with
    ``"manual"`` they wait until a step calls ``await request.respond(...)``. The token is drawn,
    never chosen. Raises `ValueError`, `TypeError`.
    """
    execution = context.needed("create_webhook(...)")
    frame = sys._getframe(1)  # noqa: SLF001 - sites are found so
    name = execution.name(site_of(frame, "create_webhook"))
    _check_response(response, schema)
    return open_hook(
        execution,
        name,
        (frame.f_code, frame.f_lasti),
        kind=HookKind.WEBHOOK,
        schema=Any if schema is None else schema,
        metadata=metadata,
        retention_s=retention_s(retention),
        methods=_methods(methods),
        response=None if response is None else written(response),
        url_of=_address(execution.environment.get(PUBLIC_URL)),
        of=Webhook,
    )


def _methods(given: object) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, tuple | list):
        raise TypeError(f'create_webhook: methods={given!r}; give a tuple, such as ("POST",)')
    wrong = [one for one in given if one not in METHODS]
    if wrong or not given:
        raise ValueError(
            f"create_webhook: methods={tuple(given)!r}; they are some of {', '.join(METHODS)}"
        )
    return tuple(dict.fromkeys(given))


def _address(public_url: str | None) -> str | None:
    return None if not public_url else f"{public_url.rstrip('/')}/{PATH}/"


def _check_response(response: object, schema: object) -> None:
    if response is None or isinstance(response, Response):
        return
    if response != MANUAL:
        raise TypeError(
            f'create_webhook: response={response!r}; give a `wfc.Response`, "manual" or None'
        )
    if schema is not None:
        raise ValueError(
            'create_webhook: response="manual" is for webhooks without a schema, since it is the '
            "`WebhookRequest` that has `respond`. Leave the schema off, and judge the body in the "
            "step that responds."
        )


def written(response: Response | Literal["manual"]) -> bytes:
    """Write down what a webhook answers, or that a step will."""
    if not isinstance(response, Response):
        return codec.encode(response, path="the webhook's response")
    body = response.body.encode() if isinstance(response.body, str) else response.body
    headers = (
        {"content-type": "text/plain; charset=utf-8"} if isinstance(response.body, str) else {}
    )
    headers |= {name.lower(): value for name, value in response.headers.items()}
    return codec.encode([response.status, headers, body], path="the webhook's response")


def read_response(data: bytes | None) -> Response | None:
    """Read what a webhook answers; None: what a step will say."""
    if data is None:
        return Response(202)
    found = codec.decode(data)
    return None if found == MANUAL else Response(*found)


def _named(value: list[Any]) -> Webhook[Any]:
    hook_id, token, url = value
    return Webhook(hook_id, token, url)


def _name(hook: Webhook[Any]) -> list[Any]:
    pending = hook._pending  # noqa: SLF001 - of this family
    return [hook.id, hook.token, hook._url if pending is None else pending.created.url]  # noqa: SLF001 - likewise


codec.REGISTERED.register_type(Webhook, encode=_name, decode=_named, name="wfc:Webhook")
codec.REGISTERED.register_type(WebhookRequest)
