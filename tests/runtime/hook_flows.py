"""The workflows with hooks that tests of the whole runtime execute."""

from __future__ import annotations

from tests.runtime.programs import Program

HOOKED = Program(
    "hook_flows",
    '''
    """Workflows under test."""
    import asyncio
    import sys
    from dataclasses import dataclass
    from typing import Any

    from pydantic import BaseModel

    from wfc import Hook, create_hook, policy, sleep
    from wfc.errors import HookConflictError, PayloadMismatch


    class Approval(BaseModel):
        approved: bool
        by: str = "nobody"


    class Odd:
        """Nothing that JSON Schema knows."""


    async def send_out(hook: Hook, number: int = 0) -> str:
        "use step"
        sys.journal.calls.append(("send_out", hook.token))
        return hook.id


    async def approves(token: str) -> Any:
        "use workflow"
        async with create_hook(Approval, token=token, retention="1m") as hook:
            approval = await hook
        return [approval.approved, approval.by]


    async def announces() -> Any:
        "use workflow"
        hook = create_hook(list[int], metadata={"for": "ann"})
        await send_out(hook)
        return await hook


    @policy(attempts=1)
    async def send_once(hook: Hook) -> str:
        "use step"
        sys.journal.calls.append(("send_out", hook.token))
        return hook.id


    async def announces_once() -> Any:
        "use workflow"
        hook = create_hook(int)
        await send_once(hook)
        return await hook


    async def collects(token: str) -> Any:
        "use workflow"
        found = []
        async for item in create_hook(token=token):
            if item == "end":
                return found
            found.append(item)


    async def conflicts(token: str) -> Any:
        "use workflow"
        hook = create_hook(token=token)
        conflict = await hook.conflict()
        if conflict is None:
            return await hook
        try:
            await hook
        except HookConflictError as error:
            return [error.token, error.owner_run_id, conflict.run_id]


    async def uncaught(token: str) -> Any:
        "use workflow"
        return await create_hook(token=token)


    async def insists(token: str) -> Any:
        "use workflow"
        hook = create_hook(Approval, token=token)
        while True:
            try:
                return (await hook).approved
            except PayloadMismatch:
                pass


    async def is_odd(token: str) -> Any:
        "use workflow"
        return await create_hook(Odd, token=token)


    async def times_out(token: str) -> Any:
        "use workflow"
        try:
            async with asyncio.timeout(3600):
                return await create_hook(token=token)
        except TimeoutError:
            return "too late"


    async def again(token: str, times: int) -> Any:
        "use workflow"
        found = []
        for _ in range(times):
            async with create_hook(int, token=token) as hook:
                found.append(await hook)
        return found


    async def races(tokens: list[str]) -> Any:
        "use workflow"
        hooks = [create_hook(token=token) for token in tokens]
        return await asyncio.gather(*hooks)


    async def cleans_up(token: str) -> Any:
        "use workflow"
        try:
            await sleep("1 day")
        finally:
            async with create_hook(token=token) as hook:
                await hook
    ''',
)
FLOWS = HOOKED.module
