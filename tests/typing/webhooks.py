"""What a type checker knows of webhooks: the payload has the type that was asked for."""

from __future__ import annotations

from typing import Any, assert_type

from pydantic import BaseModel

from wfc import Response, WebhookRequest, create_webhook


class Paid(BaseModel):
    cents: int


async def workflow() -> None:
    "use workflow"
    plain = create_webhook(methods=("POST", "PUT"), response=Response(200))
    assert_type(await plain, WebhookRequest)
    assert_type(plain.url, str)
    async for request in create_webhook(response="manual", retention="1h"):
        assert_type(request.json(), Any)
    async with create_webhook(Paid) as hook:
        assert_type(await hook, Paid)
    create_webhook(token="chosen")  # type: ignore[call-overload]  # noqa: S106 - it is drawn, never chosen
    create_webhook(response="later")  # type: ignore[call-overload]  # there is one word
    await (await plain).respond(Response(201))
    await (await plain).respond("text")  # type: ignore[arg-type]  # an answer has a status
