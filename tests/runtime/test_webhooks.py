"""Webhooks as workflow code makes them: what may be said, and what is recorded of it."""

from __future__ import annotations

from typing import Any

import pytest

from wfc import Response, WebhookRequest, codec
from wfc.errors import ConfigError, OutsideWorkflow
from wfc.runtime.webhooks import Webhook, create_webhook, read_response, written


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"status": 199}, ValueError, "not one of 200 to 599"),
        ({"status": 600}, ValueError, "not one of 200 to 599"),
        ({"status": "200"}, TypeError, "is no number"),
        ({"status": True}, TypeError, "is no number"),
        ({"status": 204, "body": "x"}, ValueError, "has no body"),
        ({"status": 304, "body": b"x"}, ValueError, "has no body"),
        ({"body": 5}, TypeError, "give text or bytes"),
        ({"headers": {"x y": "1"}}, ValueError, "no name of a header"),
        ({"headers": {"": "1"}}, ValueError, "no name of a header"),
        ({"headers": {"x": "a\r\nset-cookie: b"}}, ValueError, "cannot be sent"),
        ({"headers": {"x": "\u2603"}}, ValueError, "cannot be sent"),
        ({"headers": {"x": 1}}, TypeError, "not made of texts"),
        ({"headers": {"Content-Length": "1"}}, ValueError, "the server writes"),
        ({"headers": {"transfer-encoding": "chunked"}}, ValueError, "the server writes"),
    ],
)
def test_a_response_that_cannot_be_sent_is_refused(
    wrong: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        Response(**wrong)


@pytest.mark.parametrize(
    ("response", "back"),
    [
        (Response(), Response(200)),
        (Response(204), Response(204)),
        (Response(201, {"X-Shop": "yes"}, b"\x00"), Response(201, {"x-shop": "yes"}, b"\x00")),
        (Response(body="\u2603"), Response(
            200, {"content-type": "text/plain; charset=utf-8"}, "\u2603".encode())),
        (Response(body="{}", headers={"Content-Type": "application/json"}), Response(
            200, {"content-type": "application/json"}, b"{}")),
    ],
)  # fmt: skip
def test_a_response_is_read_as_it_was_written(response: Response, back: Response) -> None:
    """Names of headers in lower case, text as UTF-8 with its type."""
    found = read_response(written(response))
    assert found is not None
    assert (found.status, dict(found.headers), found.body) == (
        back.status, dict(back.headers), back.body,
    )  # fmt: skip


def test_without_a_response_it_is_202_and_a_step_may_say_it() -> None:
    assert read_response(None) == Response(202)
    assert read_response(written("manual")) is None


def test_a_request_reads_its_body() -> None:
    request = WebhookRequest("POST", "/", body=b'{"a": [1]}')
    assert (request.text(), request.json()) == ('{"a": [1]}', {"a": [1]})
    assert "reply_to" not in repr(request)
    with pytest.raises(ValueError, match="Expecting value"):
        WebhookRequest("POST", "/").json()
    with pytest.raises(UnicodeDecodeError):
        WebhookRequest("POST", "/", body=b"\xff").text()


def test_a_request_passes_the_codec() -> None:
    """Workflows give it to steps."""
    request = WebhookRequest("PUT", "/p", {"a": "1"}, {"x": "y"}, b"\x00", ("o-1", "rcpt_1"))
    assert codec.decode(codec.encode(request, path="it"), annotation=WebhookRequest) == request


def test_outside_of_a_workflow_there_is_none() -> None:
    with pytest.raises(OutsideWorkflow):
        create_webhook()


async def test_a_request_is_answered_in_steps_alone() -> None:
    with pytest.raises(OutsideWorkflow, match="no step"):
        await WebhookRequest("POST", "/", reply_to=("o-1", "rcpt_1")).respond()


def test_a_webhook_that_is_only_a_name_keeps_its_url() -> None:
    """Steps are given it; its repr tells neither token nor URL."""
    hook: Webhook[Any] = Webhook("hook_1", "secret", "https://shop.example/wfc/webhook/secret")
    found = codec.decode(codec.encode(hook, path="it"), annotation=Webhook)
    assert (found.id, found.token, found.url) == (hook.id, hook.token, hook.url)
    assert "secret" not in repr(found)
    with pytest.raises(ConfigError, match="public_url"):
        _ = Webhook("hook_1", "secret").url
