"""What the operator API answers. Instants are RFC 3339 in UTC with microseconds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from wfc.clock import to_datetime

T = TypeVar("T")


def rfc3339(instant: int | datetime | None) -> str | None:
    """Write an instant (microseconds or aware) for programs."""
    if instant is None:
        return None
    moment = to_datetime(instant) if isinstance(instant, int) else instant.astimezone(UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


class Answer(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True)


class Listed(Answer, Generic[T]):
    """Some of a list; `next` is the cursor of the following page, None at the end."""

    items: list[T]
    next: str | None = None


class Reason(Answer):
    """Why a run is where it is; `next_action` is a command that would move it."""

    kind: str
    sentence: str
    since: str | None
    until: str | None
    span: str | None
    next_action: str | None


class RunItem(Answer):
    """A run in a list."""

    id: str
    workflow: str
    status: str
    version: str
    created_at: str
    started_at: str | None
    ended_at: str | None
    wake_at: str | None
    duration_us: int | None
    queue: str | None
    priority: int
    paused: bool
    blocked: str | None
    cancel_requested: bool
    late: bool
    events: int
    chapter: int
    owner: str | None
    parent_id: str | None
    root_id: str | None
    failure_kind: str | None
    attributes: dict[str, str | int | float | bool]


class Frame(Answer):
    """A line of a traceback."""

    file: str
    line: int
    function: str
    text: str


class ErrorView(Answer):
    """An error as it was recorded, with what caused it."""

    type: str
    message: str
    code: str | None = None
    fatal: bool = False
    notes: list[str] = []
    frames: list[Frame] = []
    cause: ErrorView | None = None
    unreadable: str | None = None
    """Why it cannot be read here, instead of all else."""


class Link(Answer):
    """Another run."""

    id: str
    workflow: str
    status: str


class Told(Answer):
    """An end callback, and how telling it stands."""

    callback: str
    status: str
    attempts: int
    changed_at: str | None
    error: str | None


class RunView(RunItem):
    """One run."""

    reason: Reason
    arguments: Any = None
    output: Any = None
    error: ErrorView | None = None
    counts: dict[str, int]
    origin: dict[str, Any] | None = None
    callbacks: list[Told] = []
    actions: list[str] = []
    """What may be done to it now."""
    goal_at: str | None = None


class EventView(Answer):
    """An event of a run's log: its fields beside its name, payloads as trees."""

    position: int
    recorded_at: str
    type: str
    chapter: int
    operation_id: str | None = None
    fields: dict[str, Any]


class AttemptView(Answer):
    """One try at a step."""

    attempt: int
    started_at: str | None
    ended_at: str | None
    worker: str | None
    outcome: str
    """running, completed, failed, retrying, cancelled, lost."""
    error: ErrorView | None = None
    retry_at: str | None = None
    counted: bool = True


class StepView(Answer):
    """A step of a run."""

    id: str
    name: str
    site: str
    chapter: int
    status: str
    attempt: int
    attempts_max: int | None
    started_at: str | None
    ended_at: str | None
    retry_at: str | None
    arguments: Any = None
    output: Any = None
    error: ErrorView | None = None
    attempts: list[AttemptView] = []
    at: str | None = None
    """The line of the source that asked for it, ``shop.py:12``."""


class WaitView(Answer):
    """A durable sleep."""

    id: str
    site: str
    chapter: int
    status: str
    wake_at: str
    ended_at: str | None


class HookView(Answer):
    """A hook; `token` is masked."""

    id: str
    kind: str
    status: str
    token: str
    run: str
    workflow: str
    site: str
    received: int
    created_at: str
    disposed_at: str | None
    metadata: Any = None
    json_schema: Any = None


class StreamView(Answer):
    """A stream of a run."""

    namespace: str
    tail_index: int
    size: int
    closed: bool
    created_at: str | None


class Counted(Answer):
    """How many there are; not exact: at least so many."""

    count: int
    exact: bool
