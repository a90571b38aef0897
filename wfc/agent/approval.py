"""Which calls of tools a person is asked about, and how."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from pydantic_ai import RunContext

from wfc import durations
from wfc.durations import Duration

Needs = bool | Callable[[RunContext[Any], dict[str, Any]], bool | Awaitable[bool]]
"""Whether a call is asked about; a function looks at its validated arguments, in workflow code."""


@dataclass(frozen=True, slots=True)
class ApprovalLevel:
    """One of several who have to agree, in their order: anybody with the role `role`."""

    role: str
    when: Needs = True


Wanted = Needs | Sequence[ApprovalLevel]


@dataclass(frozen=True, slots=True)
class Approval:
    """What a person is asked about: `tools` says for each name whether, or by whom.

    Undecided after `expires`, a call is denied, approved, or fails the run, as `on_expiry` says.
    Fields of `redact` are masked where people look; `roles` says who may decide. Raises
    `ValueError` for options that cannot be.
    """

    tools: Mapping[str, Wanted] | Sequence[str]
    expires: Duration | None = None
    on_expiry: Literal["deny", "approve", "fail"] = "deny"
    redact: Sequence[str] = ()
    roles: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Judge the options at once."""
        if self.on_expiry not in ("deny", "approve", "fail"):
            raise ValueError(f"on_expiry={self.on_expiry!r}: it is 'deny', 'approve' or 'fail'")
        if self.expires is not None:
            durations.seconds(self.expires, what="expires")

    def rules(self) -> dict[str, Rule]:
        """Say for each tool what holds."""
        tools = self.tools if isinstance(self.tools, Mapping) else dict.fromkeys(self.tools, True)
        return {name: rule_of(name, wanted, self) for name, wanted in tools.items()}


Given = Approval | Mapping[str, Wanted] | Sequence[Approval] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What holds for the calls of one tool."""

    needs: Needs = True
    levels: tuple[ApprovalLevel, ...] = ()
    expires_s: float | None = None
    on_expiry: str = "deny"
    redact: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

    async def applies(self, ctx: RunContext[Any], arguments: dict[str, Any]) -> bool:
        """Tell whether a call is asked about at all."""
        if self.levels:
            return bool(await self.asked_of(ctx, arguments))
        return await _holds(self.needs, ctx, arguments)

    async def asked_of(
        self, ctx: RunContext[Any], arguments: dict[str, Any]
    ) -> list[ApprovalLevel]:
        """Give the levels that a call has to pass."""
        return [one for one in self.levels if await _holds(one.when, ctx, arguments)]


ALWAYS: Final = Rule()
"""What holds for a tool that itself asks for approval."""


def rule_of(name: str, wanted: Wanted, approval: Approval) -> Rule:
    """Read what was said of one tool. Raises `TypeError`."""
    rule = Rule(
        expires_s=None if approval.expires is None else durations.seconds(approval.expires),
        on_expiry=approval.on_expiry,
        redact=tuple(approval.redact),
        roles=tuple(approval.roles),
    )
    if isinstance(wanted, bool) or callable(wanted):
        return replace(rule, needs=wanted)
    levels = tuple(wanted)
    if not levels or not all(isinstance(one, ApprovalLevel) for one in levels):
        raise TypeError(
            f"approval of `{name}`: {wanted!r} says neither whether nor by whom. Give True, a "
            "function of (ctx, args), or a list of ApprovalLevel."
        )
    return replace(rule, levels=levels)


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for the tools of an agent."""

    by_tool: Mapping[str, Rule] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Given) -> Rules:
        """Read what was given. Raises `TypeError`, `ValueError`."""
        if given is None:
            return cls()
        if isinstance(given, Mapping):
            given = Approval(given)
        approvals = [given] if isinstance(given, Approval) else list(given)
        return cls({name: rule for one in approvals for name, rule in one.rules().items()})

    def over(self, other: Rules) -> Rules:
        """Give these, with those of `other` in their place where both speak."""
        return Rules({**self.by_tool, **other.by_tool})


current_rules: Final[ContextVar[Rules]] = ContextVar("wfc_approval_rules", default=Rules())  # noqa: B039 - never changed
"""What one `stream` call says beside its agent."""


async def _holds(needs: Needs, ctx: RunContext[Any], arguments: dict[str, Any]) -> bool:
    if isinstance(needs, bool):
        return needs
    answer = needs(ctx, arguments)
    return bool(await answer if inspect.isawaitable(answer) else answer)
