"""Waiting for people: one hook per call that is asked about, all of a batch at the same time.

The run is suspended meanwhile, for days if need be. The first decision counts; where time runs out
first, the same commit that says so closes the hook, so no two answers can both have won.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, WithJsonSchema, create_model
from pydantic_ai import (
    DeferredToolRequests,
    DeferredToolResults,
    RunContext,
    ToolApproved,
    ToolDenied,
)
from pydantic_ai.messages import ToolCallPart

from wfc import codec
from wfc.agent.approval import ALWAYS, ApprovalLevel, Rule, Rules
from wfc.agent.deadline import current_deadline
from wfc.agent.turn import Turn
from wfc.clock import MICROSECONDS, to_datetime
from wfc.errors import ApprovalExpired
from wfc.eventlog.event import HookKind
from wfc.ids import Site
from wfc.runtime.approving import REASON_MAX
from wfc.runtime.hooks import Hook, open_hook, operation_of
from wfc.runtime.live import Live
from wfc.runtime.operations import WaitAsked
from wfc.runtime.pending import PendingWait

DENIED: Final = "The user denied this call."
EXPIRED: Final = "Nobody decided about this call in time, so it is denied."


class Decision(BaseModel):
    """What a person says to a call: `override_args` take the place of the model's arguments."""

    approved: bool
    reason: Annotated[str, Field(max_length=REASON_MAX)] | None = None
    override_args: dict[str, Any] | None = None


class Batch:
    """The calls of one answer of a model that wait for somebody."""

    def __init__(
        self, execution: Live, turn: Turn | None, ctx: RunContext[Any], rules: Rules
    ) -> None:
        """Ask for a run; nothing is asked yet."""
        self._execution = execution
        self._turn = turn
        self._ctx = ctx
        self._rules = rules

    async def decided(self, requests: DeferredToolRequests) -> DeferredToolResults:
        """Ask, end the turn, wait until all have answered, and begin the next part of it."""
        since = to_datetime(self._execution.now_us())
        asked = [await self._asked(call) for call in requests.approvals]
        external = [(call, self._external(call)) for call in requests.calls]
        if self._turn is not None:
            self._turn.frames(
                {
                    "type": "tool-approval-request",
                    "approvalId": one.hook.id,
                    "toolCallId": one.call.tool_call_id,
                }
                for one in asked
            )
            self._turn.pause()
        answers, values = await asyncio.gather(
            _all(one.answer() for one in asked), _all(hook for _, hook in external)
        )
        for _, hook in external:
            hook.dispose()
        if (deadline := current_deadline.get()) is not None:
            deadline.waited(since)
        if self._turn is not None:
            self._turn.go_on()
        return DeferredToolResults(
            approvals={
                one.call.tool_call_id: answer for one, answer in zip(asked, answers, strict=True)
            },
            calls={
                call.tool_call_id: value for (call, _), value in zip(external, values, strict=True)
            },
        )

    async def _asked(self, call: ToolCallPart) -> _Asked:
        rule = self._rules.by_tool.get(call.tool_name, ALWAYS)
        levels = await rule.asked_of(self._ctx, call.args_as_dict())
        schema = await self._schema_of(call.tool_name)
        return _Asked(
            self._execution, call, rule=rule, levels=levels, schema=schema, turn=self._turn
        )

    async def _schema_of(self, tool: str) -> dict[str, Any]:
        manager = self._ctx.tool_manager
        found = None if manager is None else manager.get_tool_def(tool)
        return {"type": "object"} if found is None else found.parameters_json_schema

    def _external(self, call: ToolCallPart) -> Hook[Any]:
        """Make the hook of a tool that runs elsewhere: its token is known there."""
        execution = self._execution
        return open_hook(
            execution,
            execution.name(Site(f"agent.tool.{call.tool_name}")),
            None,
            token=f"tool:{execution.run_id}:{call.tool_call_id}",
            metadata={"tool": call.tool_name, "args": call.args_as_dict(), **_turns(self._turn)},
        )


class _Asked:
    """One call that is asked about: its first hook is open, later levels follow."""

    def __init__(
        self,
        execution: Live,
        call: ToolCallPart,
        *,
        rule: Rule,
        levels: list[ApprovalLevel],
        schema: dict[str, Any],
        turn: Turn | None,
    ) -> None:
        self.call = call
        self._execution = execution
        self._rule = rule
        self._levels: list[ApprovalLevel | None] = [*levels] or [None]
        self._schema = _decision_with(schema)
        self._turn = turn
        self.hook = self._open(self._levels[0])

    def _open(self, level: ApprovalLevel | None) -> Hook[Any]:
        execution, rule = self._execution, self._rule
        arguments = {
            name: codec.REDACTED if name in rule.redact else value
            for name, value in self.call.args_as_dict().items()
        }
        expires = None
        if rule.expires_s is not None:
            expires = to_datetime(execution.now_us() + round(rule.expires_s * MICROSECONDS))
        return open_hook(
            execution,
            execution.name(Site(f"agent.approval.{self.call.tool_name}")),
            None,
            kind=HookKind.APPROVAL,
            schema=self._schema,
            metadata={
                "tool": self.call.tool_name,
                "call": self.call.tool_call_id,
                "args": arguments,
                "roles": [*rule.roles] if level is None else [level.role],
                "expires_at": None if expires is None else expires.isoformat(),
                **_turns(self._turn),
            },
        )

    async def answer(self) -> ToolApproved | ToolDenied:
        """Ask level after level; the first refusal ends it."""
        override: dict[str, Any] | None = None
        for number, level in enumerate(self._levels):
            hook = self.hook if number == 0 else self._open(level)
            decision = await self._decision(hook)
            if decision is None:
                return self._expired(override)
            if not decision.approved:
                return ToolDenied(decision.reason or DENIED)
            override = decision.override_args or override
        return ToolApproved(override_args=override)

    async def _decision(self, hook: Hook[Any]) -> Decision | None:
        """Wait for the first answer; None if the time is over before."""
        if self._rule.expires_s is None:
            payload = await hook
        else:
            wake_at = self._execution.now_us() + round(self._rule.expires_s * MICROSECONDS)
            payload = await first_of(self._execution, hook, wake_at)
        hook.dispose()
        return None if payload is None else Decision.model_validate(dict(payload))

    def _expired(self, override: dict[str, Any] | None) -> ToolApproved | ToolDenied:
        if self._rule.on_expiry == "approve":
            return ToolApproved(override_args=override)
        if self._rule.on_expiry == "fail":
            raise ApprovalExpired(
                f"nobody decided about the call {self.call.tool_call_id} of `{self.call.tool_name}`"
                f" within {self._rule.expires_s:g} s"
            )
        return ToolDenied(EXPIRED)


async def first_of(execution: Live, hook: Hook[Any], wake_at: int) -> Any | None:
    """Give what comes for a hook until an instant; None if nothing does, and nothing will then."""
    name = execution.name(Site("agent.expiry"))
    answer = execution.loop.create_future()
    asked = WaitAsked(operation_id=name, wake_at=wake_at, disposes=operation_of(hook))
    pending = PendingWait(asked, execution.position, None, answer)
    execution.ask(pending)
    taking = asyncio.ensure_future(_taken(hook))
    try:
        await asyncio.wait([taking, answer], return_when=asyncio.FIRST_COMPLETED)
    except BaseException:
        taking.cancel()
        execution.withdraw(pending)
        raise
    if not taking.done():
        taking.cancel()
        return None
    execution.withdraw(pending)
    return await taking


async def _taken(hook: Hook[Any]) -> Any:
    return await hook


async def _all(waiting: Any) -> list[Any]:
    return list(await asyncio.gather(*(_of(one) for one in waiting)))


async def _of(one: Awaitable[Any]) -> Any:
    return await one


def _turns(turn: Turn | None) -> dict[str, Any]:
    """Say which turn asks, and by which the answer is told: whoever decides may read on there."""
    return {} if turn is None else {"turn": turn.number, "then": turn.next_number}


def _decision_with(schema: dict[str, Any]) -> Any:
    """Give the type of a decision whose `override_args` fit the schema of a tool."""
    arguments: Any = Annotated[dict[str, Any], WithJsonSchema(schema)]
    return create_model("Decision", __base__=Decision, override_args=(arguments | None, None))
