"""What a type checker knows of hooks. Checked by mypy, with the rest of the tests."""

from __future__ import annotations

from typing import Any, assert_type

from pydantic import BaseModel

from wfc import Hook, create_hook
from wfc.api import get_hook, list_hooks, resume_hook
from wfc.types import Conflict, HookSummary, Page, Receipt


class Approval(BaseModel):
    approved: bool


async def of_workflows() -> None:
    """Never called: the payload has the type of the schema."""
    assert_type(create_hook(Approval), Hook[Approval])
    assert_type(create_hook(list[int], token="t"), Hook[list[int]])  # noqa: S106 - no secret
    assert_type(create_hook(), Hook[Any])
    assert_type(create_hook(int | None), Hook[Any])
    hook = create_hook(Approval)
    assert_type(await hook, Approval)
    async for approval in hook:
        assert_type(approval, Approval)
    async with hook as same:
        assert_type(same, Hook[Approval])
    assert_type(await hook.conflict(), Conflict | None)
    assert_type((hook.id, hook.token), tuple[str, str])


async def of_the_outside(hook: Hook[Any]) -> None:
    """Never called."""
    assert_type(await resume_hook(hook, 1, idempotency_id="i"), Receipt)
    assert_type(await get_hook("t"), HookSummary)
    assert_type(await list_hooks(), Page[HookSummary])


def test_the_names_are_those_that_were_checked() -> None:
    assert Hook.__name__ == "Hook"
