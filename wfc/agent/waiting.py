"""Tools that wait: for a time, or for somebody who sends something to an address."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from pydantic_ai import ModelRetry, RunContext, Tool

from wfc import create_webhook, durations, sleep
from wfc.agent.tools import KEY
from wfc.agent.turn import current_turn
from wfc.clock import to_datetime
from wfc.durations import Duration
from wfc.runtime import context

_WORKFLOW_CODE = {KEY: False}


def sleep_tool(*, max: Duration = "30 days", name: str = "sleep") -> Tool[Any]:  # noqa: A002 - what a user says
    """Give a tool by which a model lets its run sleep, for `max` at most; no process is held.

    Readers see ``data-sleep`` with the instant; ``run.wake_up()`` ends it. Raises `ValueError`.
    """
    longest_s = durations.seconds(max, what="max")

    async def rest(duration: str) -> str:
        execution = context.needed(f"the tool {name}")
        try:
            wanted_s = durations.seconds(duration)
        except ValueError as error:
            raise ModelRetry(str(error)) from None
        if wanted_s > longest_s:
            raise ModelRetry(f"{duration} is too long: {max} is the most")
        until = to_datetime(durations.wake_at_us(duration, execution.now_us()))
        _show("data-sleep", {"until": until.isoformat()})
        woke = await sleep(until)
        now = to_datetime(execution.now_us()).isoformat()
        return f"Woken early, at {now}." if woke.early else f"Slept until {now}."

    return Tool(
        rest,
        name=name,
        description=f"Wait for a while, for example `90 seconds` or `2 days`; {max} at most.",
        metadata=_WORKFLOW_CODE,
    )


def webhook_tool(
    name: str, schema: Any = Any, *, description: str = "Wait for an answer from outside."
) -> Tool[Any]:
    """Give a tool by which a model waits for what somebody sends to an address of its own.

    Readers see the address as ``data-webhook``. A body that does not fit `schema` is refused, 422,
    and the tool waits on. Needs `public_url`.
    """
    adapter: TypeAdapter[Any] = TypeAdapter(schema)

    async def wait(ctx: RunContext[Any]) -> Any:
        hook = create_webhook(schema)
        _show("data-webhook", {"url": hook.url, "toolCallId": ctx.tool_call_id})
        try:
            value = await hook
        finally:
            hook.dispose()
        return adapter.dump_python(value, mode="json")

    return Tool(wait, name=name, description=description, metadata=_WORKFLOW_CODE)


def _show(kind: str, data: dict[str, Any]) -> None:
    turn = current_turn.get()
    if turn is not None:
        turn.frames([{"type": kind, "data": data}])
