"""Queues and limits as code and settings name them: which gates a run or a step has to pass."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from wfc import abi, codec
from wfc.errors import QueueUnknown
from wfc.eventlog.event import Scalar
from wfc.ids import DefinitionId
from wfc.policies import Declared, Policy, declared
from wfc.worlds.limits import ATTRIBUTES, Limit, limit_of_function, limit_of_queue, rate_of
from wfc.worlds.rules import scalar_text


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedQueue:
    """A queue of the settings; `by` is the attribute that its limits count by."""

    limit: Limit
    by: str | None = None


def named_queue(
    name: str,
    *,
    concurrency: int | None = None,
    rate: str | None = None,
    by: str | None = None,
    slots: str = "open",
) -> NamedQueue:
    """Make a queue of what `[tool.wfc.queues.NAME]` says."""
    limit = Limit(
        name=limit_of_queue(name),
        concurrency=concurrency,
        rate=None if rate is None else rate_of(rate),
        active=slots == "active",
    )
    return NamedQueue(limit=limit, by=None if by is None else by.removeprefix(ATTRIBUTES))


class Queues:
    """The queues that this process knows."""

    def __init__(self, named: Mapping[str, NamedQueue]) -> None:
        """Know queues by name."""
        self.named = dict(named)

    def key(self, name: str, attributes: Mapping[str, Scalar]) -> str | None:
        """Say what the limits of a queue count a run by; None: it counts all alike.

        Raises `QueueUnknown`.
        """
        queue = self.named.get(name)
        if queue is None:
            raise QueueUnknown(_unknown(name, self.named))
        value = None if queue.by is None else attributes.get(queue.by)
        return None if value is None else scalar_text(value)


NO_QUEUES: Final = Queues({})


def _unknown(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return (
        f"no queue is called {name!r}{hint} Nothing was started.\n"
        f"Name one that [tool.wfc.queues] holds, or add the table [tool.wfc.queues.{name}]."
    )


# --- limits of a function's own -----------------------------------------------------------------


def is_limited(policy: Policy) -> bool:
    """Tell whether a policy limits how much of its function goes at once or per time."""
    return policy.concurrency is not None or policy.rate is not None


def is_queued(policy: Policy) -> bool:
    """Tell whether attempts of a step always go through the queue of messages: those that wait for
    a slot, and those that not every worker may run.
    """
    return policy.queue is not None or is_limited(policy)


def limits_of(named: Queues, registered: Iterable[abi.Registration]) -> list[Limit]:
    """Give all limits: those of queues, and those that functions set by `@policy`."""
    limits = [queue.limit for queue in named.named.values()]
    for registration in registered:
        declaration = declared(registration.function)
        if declaration is not None and _is_limited(declaration):
            limits.append(_limit(registration.id, declaration.given))
    return limits


def _is_limited(declaration: Declared) -> bool:
    given = declaration.given
    return given.get("concurrency") is not None or given.get("rate") is not None


def _limit(function: DefinitionId, given: Mapping[str, Any]) -> Limit:
    rate = given.get("rate")
    return Limit(
        name=limit_of_function(function),
        concurrency=given.get("concurrency"),
        rate=None if rate is None else rate_of(rate),
    )


def queue_of(workflow: Callable[..., Any], given: str | None) -> str | None:
    """Give the queue of a run: what its start says, else the `@policy` of its workflow."""
    if given is not None:
        return given
    declaration = declared(workflow)
    return None if declaration is None else declaration.given.get("queue")


def limit_key(workflow: Callable[..., Any], arguments: bytes) -> str | None:
    """Give what the limits of a workflow's own policy count a call of it by; None: it has none."""
    declaration = declared(workflow)
    if declaration is None or not _is_limited(declaration):
        return None
    by = declaration.given.get("by")
    return "" if by is None else argument_key(arguments, by, inspect.signature(workflow))


def argument_key(arguments: bytes, by: str, signature: inspect.Signature) -> str:
    """Name the value of a parameter in recorded arguments, which leave defaults off.

    It is a digest: a world keeps it in the clear, and arguments may be encrypted there.
    """
    found = codec.argument_digest(arguments, by)
    parameter = signature.parameters.get(by)
    if found is None and parameter is not None and parameter.default is not parameter.empty:
        default, _ = codec.encode_arguments({by: parameter.default}, call="default")
        found = codec.argument_digest(default, by)
    return found or ""
