"""A step while its log is read: changed event by event, and given away as an entity."""

from __future__ import annotations

from dataclasses import replace

from wfc.eventlog.allowed import StepEnd
from wfc.eventlog.entity import Step, StepStatus
from wfc.eventlog.event import StepCompleted, StepCreated, StepFailed
from wfc.ids import OperationId


class Deed:
    """A step under way or ended. `attempt` is the last that was begun."""

    __slots__ = (
        "attempt", "created", "end", "ended_at", "first_started_at", "retry_at", "started_at",
        "status",
    )  # fmt: skip

    def __init__(self, created: StepCreated, spent: int) -> None:
        """Begin before the first attempt, or behind those that an upgrade took back."""
        self.created = created
        self.status = StepStatus.PENDING
        self.attempt = spent
        self.end: StepEnd | None = None
        self.first_started_at: int | None = None
        self.started_at: int | None = None
        self.ended_at: int | None = None
        self.retry_at: int | None = None

    def rename(self, name: OperationId) -> None:
        """Be known under another name."""
        self.created = replace(self.created, operation_id=name)

    def entity(self) -> Step:
        """Give the step as others see it."""
        created, end = self.created, self.end
        return Step(
            operation_id=created.operation_id,
            step=created.step,
            status=self.status,
            attempt=self.attempt,
            arguments=created.arguments,
            digest=created.digest,
            policy=created.policy,
            closure=created.closure,
            output=end.output if isinstance(end, StepCompleted) else None,
            error=end.error if isinstance(end, StepFailed) else None,
            first_started_at=self.first_started_at,
            started_at=self.started_at,
            ended_at=self.ended_at,
            retry_at=self.retry_at,
        )
