"""What calls of workflow code ask for: kind of operation, its word in sites, its parameters.

A site is ``{word}~{place}``, and the word is the one that the runtime uses: of a step the last part
of its qualname, of everything else what stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wfc.determinism import Reason, Verdict, canonical, lookup
from wfc.manifests.syntax import OPERATIONS

ANY_WORD: Final = "?"
"""The word in the site of a `dynamic` call, which is named by whatever step it comes to."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: `kind` is that of a leaf of the shape."""

    kind: str
    callee: str
    word: str
    parameters: tuple[str, ...] = ()  # the positional ones


_KINDS: Final[Mapping[str, str]] = {
    "wfc.sleep": "wait",
    "asyncio.sleep": "wait",
    "wfc.create_hook": "hook",
    "wfc.create_webhook": "webhook",
    "wfc.start": "child",
    "wfc.restart": "restart",
    "wfc.set_attributes": "attr",
    "wfc.remove_attributes": "attr",
    "wfc.get_writable": "stream",
    "wfc.changed": "marker",
}
TIMERS: Final[Mapping[str, tuple[str, ...]]] = {
    "asyncio.timeout": ("delay",),
    "asyncio.timeout_at": ("when",),
    "asyncio.wait_for": ("fut", "timeout"),
    "asyncio.wait": ("fs",),
    "asyncio.as_completed": ("fs",),
}
"""What waits durably if it is given a time, by its positional parameters."""
TIMES: Final = ("delay", "when", "timeout")
"""The parameters that give it."""
GROUPS: Final = frozenset(
    {"asyncio.gather", "asyncio.wait", "asyncio.as_completed", "asyncio.TaskGroup"}
)
"""What lets operations run beside each other."""
SCOPES: Final = frozenset(
    {"asyncio.timeout", "asyncio.timeout_at", "asyncio.wait_for", "asyncio.shield"}
)
TASKS: Final = frozenset({"asyncio.create_task", "asyncio.ensure_future"})
LOOP_TIMERS: Final = frozenset({"call_later", "call_at"})
"""Methods of the event loop, whose waits have the word ``timer``."""
TO_THREAD: Final = "asyncio.to_thread"
PARTIAL: Final = "functools.partial"
_HOMES: Final = {
    "wfc.runtime.workflow_api": "wfc",
    "wfc.runtime.hooks": "wfc",
    "wfc.runtime.children": "wfc",
    "asyncio.tasks": "asyncio",
    "asyncio.timeouts": "asyncio",
    "asyncio.taskgroups": "asyncio",
    "asyncio.threads": "asyncio",
}


def plain_name(dotted: str) -> str:
    """Give the name by which the tables know `dotted`: where it is offered, not where it lives."""
    head, _, last = dotted.rpartition(".")
    return f"{_HOMES[head]}.{last}" if head in _HOMES else dotted


def operation_of(dotted: str) -> Operation | None:
    """Give the operation that a call of `dotted` asks for, or None; steps are not known here."""
    word = dotted.rpartition(".")[2]
    kind = _KINDS.get(dotted)
    if kind is not None:
        return Operation(kind, dotted, word, OPERATIONS.get(dotted, ()))
    if dotted.startswith(("asyncio.", "wfc.")):
        return None
    entry = lookup(dotted)
    if entry.verdict is Verdict.SHIM and entry.reason in (Reason.CLOCK, Reason.RANDOM):
        name = canonical(dotted)
        return Operation("draw", name, name.rpartition(".")[2])
    return None
