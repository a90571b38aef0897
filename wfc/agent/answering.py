"""What a person answers in the chat: approvals, and results of tools that the browser ran itself.

All that a turn still asks must be answered together, and nothing is written before all of it is
judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wfc.agent.conversations import Conversations, Place, told_of, unknown
from wfc.agent.posted import Answered, unfit
from wfc.errors import HookNotFound, HookPayloadInvalid, IdempotencyMismatch
from wfc.eventlog.entity import HookStatus, Run
from wfc.runtime import hook_door
from wfc.runtime.approving import REASON_MAX, decision_key
from wfc.runtime.webhook_door import Refusal
from wfc.worlds.protocol import HookFilter, HookRow


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """An answer and the hook that it is for."""

    row: HookRow
    told: dict[str, Any]
    payload: Any
    key: str


class Answers:
    """Takes what people answer, for one caller."""

    def __init__(self, conversations: Conversations, *, allow_override: bool) -> None:
        """Let arguments be overridden or not."""
        self._all = conversations
        self._allow_override = allow_override

    async def take(self, answers: tuple[Answered, ...], said_in: str | None) -> Place:
        """Record answers; the place is where the turn goes on. Raises `Refusal`."""
        judged = [one for each in answers if (one := await self._judged(each, said_in)) is not None]
        if not judged:
            raise unknown()
        await self._check_whole(judged)
        for one in judged:
            await self._send(one)
        first = judged[0]
        return Place(run_id=first.row.run_id, turn=str(first.told["then"]))

    async def _judged(self, answer: Answered, said_in: str | None) -> _Judged | None:
        """Find what is answered; None for a call that we did not ask about. Raises `Refusal`."""
        if answer.approval_id is None:
            return await self._output(answer, said_in)
        where = HookFilter(hook_id=answer.approval_id)
        found = (await self._all.client.world.list_hooks(where, limit=1)).hooks
        if not found:
            raise unknown()
        row = found[0]
        await self._all.run(row.run_id)  # else it is somebody else's
        told = told_of(row, self._all.client.types)
        if told.get("call") != answer.call_id:
            raise unknown()
        self._check_roles(told)
        return _Judged(
            row=row, told=told, payload=self._decision(answer), key=decision_key(row.hook.hook_id)
        )

    async def _output(self, answer: Answered, said_in: str | None) -> _Judged | None:
        run_id = (said_in or "").rpartition("~")[0]
        row = await self._all.client.world.hook_by_token(f"tool:{run_id}:{answer.call_id}")
        if row is None:
            return None  # a tool of ours, whose result the browser only repeats
        await self._all.run(row.run_id)
        told = told_of(row, self._all.client.types)
        payload = answer.output if answer.error is None else {"error": answer.error}
        return _Judged(row=row, told=told, payload=payload, key=f"output:{answer.call_id}")

    def _decision(self, answer: Answered) -> dict[str, Any]:
        decision: dict[str, Any] = {"approved": answer.approved}
        if answer.reason is not None:
            if len(answer.reason) > REASON_MAX:
                raise unfit(f"A reason has at most {REASON_MAX:,} characters.")
            decision["reason"] = answer.reason
        if answer.override_args is not None:
            if not self._allow_override:
                raise Refusal(
                    status=403,
                    code="no-override",
                    title="Arguments may not be changed here",
                    detail="The chat decides yes or no. Nothing was recorded.",
                )
            decision["override_args"] = dict(answer.override_args)
        return decision

    def _check_roles(self, told: dict[str, Any]) -> None:
        wanted = set(told.get("roles") or ())
        principal = self._all.principal
        if wanted and (principal is None or not wanted & principal.roles):
            raise Refusal(
                status=403,
                code="role-missing",
                title="Not with these roles",
                detail=f"This needs one of the roles {', '.join(sorted(wanted))}.",
            )

    async def _check_whole(self, judged: list[_Judged]) -> None:
        """See that all is answered that the turn still asks. Raises `Refusal` (422)."""
        run_id, turn = judged[0].row.run_id, judged[0].told.get("turn")
        given = {one.row.hook.hook_id for one in judged}
        if any(one.row.run_id != run_id or one.told.get("turn") != turn for one in judged):
            raise unfit("The answers are for several turns. Nothing was recorded.")
        missing = [
            row.hook.hook_id
            for row in await self._all.asked(run_id)
            if told_of(row, self._all.client.types).get("turn") == turn
            and row.hook.hook_id not in given
        ]
        if missing:
            raise unfit(
                f"Not answered yet: {', '.join(sorted(missing))}. Nothing was recorded.",
                *((f"/{name}", "is not answered") for name in sorted(missing)),
            )

    async def _send(self, one: _Judged) -> None:
        """Record one answer. Raises `Refusal`: 409 it was answered otherwise, 410 too late."""
        try:
            await hook_door.send(
                self._all.client,
                one.row.hook.token,
                one.payload,
                idempotency_id=one.key,
                as_json=True,
            )
        except IdempotencyMismatch:
            raise Refusal(
                status=409,
                code="decided",
                title="It was decided otherwise",
                detail="Somebody has answered this before, with another answer. That one counts.",
            ) from None
        except HookPayloadInvalid as error:
            raise unfit(str(error), *error.problems) from None
        except HookNotFound:
            if one.row.hook.status is HookStatus.ACTIVE:
                raise unknown() from None
            raise Refusal(
                status=410,
                code="too-late",
                title="It is not asked any more",
                detail="The time for it is over, or the run has ended. Nothing was recorded.",
            ) from None


async def still_asked(conversations: Conversations, row: Run) -> list[dict[str, Any]]:
    """Describe the approvals that a run waits for, for who shows a chat."""
    found = []
    for one in await conversations.asked(row.run_id):
        told = told_of(one, conversations.client.types)
        found.append(
            {
                "approvalId": one.hook.hook_id,
                "toolCallId": told.get("call"),
                "toolName": told.get("tool"),
                "input": told.get("args"),
                "expiresAt": told.get("expires_at"),
                "roles": told.get("roles", []),
            }
        )
    return found
