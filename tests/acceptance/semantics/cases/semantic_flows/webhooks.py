"""Workflows that are called by HTTP."""

import asyncio

from pydantic import BaseModel

from wfc import Hook, Response, WebhookRequest, create_hook, create_webhook, get_step_metadata
from wfc import sleep
from wfc.errors import AnsweredBefore, EffectInWorkflow



class Paid(BaseModel):
    cents: int
    note: str = ""


async def post(url: str, body: str) -> int:
    """Call a webhook, once however often the step is tried."""
    "use step"
    import httpx

    from wfc.web import asgi_app

    key = get_step_metadata().idempotency_key
    async with httpx.AsyncClient(transport=httpx.ASGITransport(asgi_app())) as client:
        answer = await client.post(url, content=body, headers={"Idempotency-Key": key})
    return answer.status_code


async def answer(request: WebhookRequest) -> int:
    "use step"
    await request.respond(Response(201, body="got it"))
    return int(request.text()) + 1


async def taken() -> list[object]:
    "use workflow"
    hook = create_webhook()
    request = await hook
    return [request.method, request.text(), hook.url.endswith(f"/webhook/{hook.token}")]


async def typed() -> list[object]:
    "use workflow"
    async with create_webhook(Paid) as hook:
        paid = await hook
    return [paid.cents + 1, paid.note]


async def iterated(number: int) -> list[str]:
    "use workflow"
    found = []
    async with create_webhook(response=Response(200, body="ok")) as hook:
        async for request in hook:
            found.append(request.text())
            if len(found) == number:
                break
    return found


async def in_time() -> str:
    "use workflow"
    try:
        async with asyncio.timeout(3600):
            return (await create_webhook()).text()
    except TimeoutError:
        return "late"


async def raced(token: str) -> object:
    "use workflow"
    async with create_webhook() as web, create_hook(token=token) as plain:
        tasks = [asyncio.ensure_future(wait(hook)) for hook in (web, plain)]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        return done.pop().result()


async def wait(hook: Hook) -> object:
    return await hook


async def closed() -> str:
    "use workflow"
    hook = create_webhook(retention="3 days")
    await sleep("1 hour")
    hook.dispose()
    await sleep("2 days")
    return "closed"


async def by_itself(number: int) -> list[str]:
    "use workflow"
    hook = create_webhook()
    for count in range(number):
        await post(hook.url, str(count))
    return [(await hook).text() for _ in range(number)]


async def answered() -> int:
    "use workflow"
    return await answer(await create_webhook(response="manual"))


async def answered_twice() -> str:
    "use workflow"
    request = await create_webhook(response="manual")
    await answer(request)
    try:
        await answer(request)
    except AnsweredBefore as error:
        return type(error).__name__
    return "twice"


async def answer_late(request: WebhookRequest) -> bool:
    """Answer, unless somebody has."""
    "use step"
    try:
        await request.respond(Response(418))
    except AnsweredBefore:
        return False
    return True


async def answered_late() -> bool:
    "use workflow"
    request = await create_webhook(response="manual")
    await answer(request)
    return await answer_late(request)


async def answered_wrongly() -> list[object]:
    "use workflow"
    request = await create_webhook(response="manual")
    try:
        await request.respond()
    except EffectInWorkflow as error:
        return [type(error).__name__, await answer(request)]
    return []
