"""What workflow code asks for, and what one delivery of events comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from wfc.eventlog.event import FailureKind, HookCreated, Scalar
from wfc.ids import DefinitionId, OperationId, RunId
from wfc.runtime.carried import CarriedHook
from wfc.runtime.retry import Closure
from wfc.worlds.chunks import StreamWrite


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAsked:
    """Workflow code called a step. A closure step holds its `body` and has no arguments.

    `arguments` are encoded by parameter name (sorted, defaults left off); the captures of a nested
    step stand among them, since a free name can never be a parameter too.
    """

    operation_id: OperationId
    step: DefinitionId
    arguments: bytes | None
    digest: bytes | None
    policy: Mapping[str, Any] = field(default_factory=dict)  # literal keywords, from the signature
    body: Closure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitAsked:
    """Workflow code sleeps until `wake_at` (UTC microseconds); when that is over, the hook that it
    `disposes` takes nothing any more, by the same commit.
    """

    operation_id: OperationId
    wake_at: int
    disposes: OperationId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributesAsked:
    """Workflow code writes attributes; it goes on without waiting for it."""

    operation_id: OperationId
    changes: Mapping[str, Scalar | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class HookAsked:
    """Workflow code made a hook; `created` is what the log is to say of it. It `takes_over` a hook
    that an earlier chapter left open.
    """

    operation_id: OperationId
    created: HookCreated
    takes_over: OperationId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HookLeft:
    """A hook of an earlier chapter that this one has not taken over."""

    operation_id: OperationId


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildAsked:
    """Workflow code started a child run under `run_id`, unless the log names another one; it has
    `cancelled` it since.
    """

    operation_id: OperationId
    workflow: DefinitionId
    fingerprint: str
    run_id: RunId
    arguments: bytes
    digest: bytes
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    priority: int = 0
    not_before: int | None = None
    timeout_s: float | None = None
    retention_s: float | None = None
    queue: str | None = None
    limit_key: str | None = None
    goal_s: float | None = None
    detached: bool = False
    cancelled: bool = False
    reason: str | None = None


Operation = StepAsked | WaitAsked | AttributesAsked | HookAsked | HookLeft | ChildAsked


class Told(NamedTuple):
    """What workflow code adds to a stream, in the turn of the event at `position`.

    Its chunks have keys, of which a stream holds each once: a replay tells the same again.
    """

    position: int
    write: StreamWrite


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one delivery came to. `asked` are the operations that became open in it and are still
    open, `withdrawn` those that the code gave up, `chunks` what it adds to streams; all in the
    order in which it happened.
    """

    asked: tuple[Operation, ...] = ()
    withdrawn: tuple[Operation, ...] = ()
    chunks: tuple[Told, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspended(Outcome):
    """The code waits for its open operations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed(Outcome):
    """The workflow returned; `output` is encoded."""

    output: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Outcome):
    """The workflow raised, diverged, hit a guard or can never go on; `error` is encoded."""

    error: bytes
    kind: FailureKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(Outcome):
    """CancelledError left the workflow after a cancel request."""

    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted(Outcome):
    """The workflow asked for its next chapter with these arguments (encoded by name), which takes
    the open `hooks` over.
    """

    arguments: bytes
    hooks: tuple[CarriedHook, ...] = ()


__all__ = [
    "AttributesAsked",
    "Cancelled",
    "ChildAsked",
    "Completed",
    "Failed",
    "HookAsked",
    "HookLeft",
    "Operation",
    "Outcome",
    "Restarted",
    "StepAsked",
    "Suspended",
    "Told",
    "WaitAsked",
]
