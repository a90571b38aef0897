"""What may stand in the queries of the operator API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from wfc.clock import to_us
from wfc.eventlog.entity import HookStatus, RunStatus
from wfc.eventlog.event import HookKind, Scalar
from wfc.ids import DefinitionId, RunId, VersionId
from wfc.web.api.asking import Query
from wfc.worlds.protocol import RunFilter
from wfc.worlds.rules import PAGE_MAX

ATTRIBUTES_MAX = 8


def _aware(value: datetime) -> datetime:
    if value.utcoffset() is None:
        message = "it has no time zone, so it names no instant: write 2030-01-31T12:00:00Z"
        raise ValueError(message)
    return value


Instant = Annotated[datetime, AfterValidator(_aware)]
Limit = Annotated[int, Field(ge=1, le=PAGE_MAX)]


class Nothing(Query):
    """No parameters."""


class Paged(Query):
    """A page of a list."""

    limit: Limit = 50
    cursor: str | None = None


class Runs(Paged):
    """Which runs."""

    status: list[RunStatus] = Field(default_factory=list)
    workflow: str | None = None
    version: str | None = None
    queue: str | None = None
    parent: str | None = None
    q: str | None = Field(default=None, max_length=200)
    """A text in the id, the workflow or the value of an attribute."""
    late: bool | None = None
    created_after: Instant | None = None
    created_before: Instant | None = None
    attributes: Annotated[dict[str, str], Field(max_length=ATTRIBUTES_MAX)] = Field(
        default_factory=dict
    )

    def where(self) -> RunFilter:
        """Give the world's filter."""
        return RunFilter(
            statuses=frozenset(each.value for each in self.status),
            workflow=None if self.workflow is None else DefinitionId(self.workflow),
            version=None if self.version is None else VersionId(self.version),
            queue=self.queue,
            parent_id=None if self.parent is None else RunId(self.parent),
            attributes={name: scalar(text) for name, text in self.attributes.items()},
            created_from=None if self.created_after is None else to_us(self.created_after),
            created_until=None if self.created_before is None else to_us(self.created_before),
            search=self.q or None,
            late=self.late,
        )


def scalar(text: str) -> Scalar:
    """Read the value of an attribute: a number or a truth value where it looks like one.

    A text that looks so is written in quotes: ``attr.code="7"``.
    """
    if text in {"true", "false"}:
        return text == "true"
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1]
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


class Events(Query):
    """Which events of a run."""

    after: int = Field(default=0, ge=0)
    """Those behind this position."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 200
    chapter: int | None = Field(default=None, ge=1)
    type: list[str] = Field(default_factory=list)
    site: str | None = None


class Spans(Query):
    """Which spans of a run: with `after`, those that changed behind this position."""

    after: int = Field(default=0, ge=0)


class Steps(Query):
    """Which steps of a run."""

    status: list[Literal["pending", "running", "completed", "failed", "cancelled"]] = Field(
        default_factory=list
    )
    chapter: int | None = Field(default=None, ge=1)
    after: int = Field(default=0, ge=0)
    """Behind so many of them."""
    limit: Limit = 50


class Logs(Query):
    """Which log lines of a run."""

    start: int = Field(default=0, ge=0)
    limit: Annotated[int, Field(ge=1, le=1000)] = 200
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] | None = None
    step: str | None = None
    attempt: int | None = Field(default=None, ge=1)


class Hooks(Paged):
    """Which hooks."""

    run: str | None = None
    kind: HookKind | None = None
    status: list[HookStatus] = Field(default_factory=lambda: [HookStatus.ACTIVE])


class Audit(Query):
    """Which facts about the world; `before` is the `next` of the page above."""

    limit: Limit = 50
    before: int | None = Field(default=None, ge=1)
    action: str | None = None
    actor: str | None = None
    after_instant: Instant | None = None
    before_instant: Instant | None = None
