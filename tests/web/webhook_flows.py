"""The workflows with webhooks that tests execute."""

from __future__ import annotations

from tests.runtime.programs import Program

WEBHOOKED = Program(
    "webhook_flows",
    '''
    """Workflows under test."""
    import sys
    from typing import Any

    from pydantic import BaseModel

    from wfc import Hook, Response, WebhookRequest, create_hook, create_webhook


    class Paid(BaseModel):
        cents: int
        note: str = ""


    async def send_out(hook: Hook, url: str) -> str:
        "use step"
        sys.journal.calls.append(("send_out", hook.token, url))
        return hook.id


    async def check(request: WebhookRequest) -> list[Any]:
        "use step"
        return [request.json(), request.text(), request.headers.get("x-signature")]


    async def takes_one() -> Any:
        "use workflow"
        hook = create_webhook()
        await send_out(hook, hook.url)
        request = await hook
        return [request.method, request.path, dict(request.query), dict(request.headers),
                request.body]


    async def keeps_its_token() -> Any:
        "use workflow"
        async with create_webhook(retention="1 day") as hook:
            await hook
        async with create_hook(token="go") as gate:
            await gate


    async def checks_signature() -> Any:
        "use workflow"
        return await check(await create_webhook())


    async def is_paid() -> Any:
        "use workflow"
        paid = await create_webhook(Paid, metadata={"for": "ann"})
        return [type(paid).__name__, paid.cents, paid.note]


    async def answers(status: int, text: str) -> Any:
        "use workflow"
        hook = create_webhook(
            response=Response(status, {"x-shop": "yes"}, text), methods=("GET", "PUT", "POST")
        )
        found = []
        async for request in hook:
            found.append(request.method)
            if len(found) == 2:
                return found


    async def counts() -> Any:
        "use workflow"
        found = []
        async with create_hook(token="end") as end:
            hook = create_webhook(retention="1h")
            await end
            hook.dispose()
        return found


    async def collects(number: int) -> Any:
        "use workflow"
        found = []
        async for request in create_webhook():
            found.append(request.body)
            if len(found) == number:
                return found


    async def plain(token: str) -> Any:
        "use workflow"
        return await create_hook(token=token)


    async def makes(*, methods: Any = ("POST",), response: Any = None, schema: Any = None) -> Any:
        "use workflow"
        try:
            return create_webhook(schema, methods=methods, response=response).token
        except (TypeError, ValueError) as error:
            return [type(error).__name__, str(error)]


    async def reads_url() -> Any:
        "use workflow"
        hook = create_webhook()
        return hook.url
    ''',
)
FLOWS = WEBHOOKED.module
