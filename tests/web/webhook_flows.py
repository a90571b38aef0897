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

    from wfc import (
        Backoff, FatalError, Hook, Response, WebhookRequest, create_hook, create_webhook,
        get_step_metadata, get_writable, policy, start, Writable,
    )


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
                request.body, request.query_string]


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


    async def listens() -> Any:
        "use workflow"
        async for paid in create_webhook(Paid):
            if paid.note == "end of all":
                return paid.cents


    async def plain(token: str) -> Any:
        "use workflow"
        return await create_hook(token=token)


    async def makes(how: dict[str, Any]) -> Any:
        "use workflow"
        if how.pop("schema", None):
            how["schema"] = Paid
        try:
            hook = create_webhook(**how)
        except (TypeError, ValueError) as error:
            return [type(error).__name__, str(error)]
        await send_out(hook, "nowhere")
        return hook.token


    async def answers_by_step(how: str) -> Any:
        "use workflow"
        return await answer(await create_webhook(response="manual"), how)


    @policy(attempts=2, backoff=Backoff(initial="1s", jitter=0.0))
    async def answer(request: WebhookRequest, how: str) -> int:
        "use step"
        sys.journal.calls.append(("answer", request.text()))
        attempt = get_step_metadata().attempt
        if how == "ends":
            raise FatalError("no answer")
        if how == "stays":
            await sys.journal.gate.wait()
        await request.respond(Response(201, {"x-attempt": str(attempt)}, b"got it"))
        if how == "twice":
            await request.respond()
        if how == "fails" and attempt == 1:
            raise ValueError("after the answer")
        return attempt


    async def answers_in_a_child() -> Any:
        "use workflow"
        request = await create_webhook(response="manual")
        child = await start(answering, request)
        return await child.result()


    async def answering(request: WebhookRequest) -> Any:
        "use workflow"
        return await answer(request, "once")


    async def answers_what_nobody_waits_for() -> Any:
        "use workflow"
        return await answer(await create_webhook(), "once")


    async def writes() -> None:
        "use workflow"
        numbers, others = get_writable(), get_writable(namespace="a/b")
        await write_to(numbers, [0, 10, 20])
        await write_to(others, [b"by", b"tes"])


    async def write_to(stream: Writable, values: list[Any]) -> None:
        "use step"
        await stream.write_many(values)


    async def writes_models() -> None:
        "use workflow"
        await write_model(get_writable())


    async def write_model(stream: Writable) -> None:
        "use step"
        await stream.write(Paid(cents=5, note="n"))


    async def reads_url() -> Any:
        "use workflow"
        hook = create_webhook()
        return hook.url
    ''',
)
FLOWS = WEBHOOKED.module
