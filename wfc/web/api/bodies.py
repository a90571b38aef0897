"""What requests to act may say."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from wfc.web.api.asking import Body

Scalar = str | int | float | bool
Reason = Annotated[str, Field(max_length=2000)]


class NoBody(Body):
    """Nothing."""


class Cancel(Body):
    """Why, and whether to run no code of the run any more."""

    reason: Reason | None = None
    force: bool = False


class Pause(Body):
    """Why."""

    reason: Reason | None = None


class Wake(Body):
    """Which sleeps and retry pauses to end; none named: all."""

    wait_ids: Annotated[list[str], Field(max_length=500)] | None = None


class Upgrade(Body):
    """Whereto; by default to the active version."""

    to: str | None = None
    dry_run: bool = False
    accept: list[Literal["inputs", "unfinished", "hooks", "children"]] = Field(default_factory=list)
    retry_failed: bool = True


class Rerun(Body):
    """On which version, and with which arguments instead of the run's own."""

    version: str | None = None
    input: dict[str, Any] | None = None


class Fork(Body):
    """From which event or operation, on which version, with which output of the step there."""

    at: int | str
    version: str | None = None
    output: Any = None
    """Counts only if it is said."""
    id: str | None = None


class Attributes(Body):
    """Changes, as a merge patch (RFC 7396): null removes one."""

    changes: dict[str, Scalar | None]


class Start(Body):
    """Which workflow, with which arguments by name, and how."""

    workflow: str
    input: dict[str, Any] = Field(default_factory=dict)
    id: str | None = None
    version: str | None = None
    delay: str | int | float | None = None
    queue: str | None = None
    priority: int = 0
    attributes: dict[str, Scalar] = Field(default_factory=dict)
    timeout: str | int | float | None = None


class ResumeById(Body):
    """What the hook gets."""

    payload: Any = None


class ResumeByToken(Body):
    """The token, which stands in no address, and what its hook gets."""

    token: str
    payload: Any = None


class Bulk(Body):
    """One action on many runs, by id."""

    action: Literal["cancel", "pause", "unpause", "wake", "upgrade"]
    ids: Annotated[list[str], Field(min_length=1, max_length=500)]
    args: dict[str, Any] = Field(default_factory=dict)
    dry_run: bool = False


class ScheduleChange(Body):
    """What is to be otherwise."""

    paused: bool
