"""What the promises begin with: events, workers and runs in the state that a test needs."""

from __future__ import annotations

from typing import Final

from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import (
    AttributesSet,
    ChildCreated,
    Event,
    FailureKind,
    HookConflicted,
    HookCreated,
    HookDisposed,
    HookReceived,
    Parent,
    Recorded,
    RunCancelled,
    RunCancelRequested,
    RunCompleted,
    RunCreated,
    RunFailed,
    RunPaused,
    RunRestarted,
    RunStarted,
    RunUnpaused,
    RunUpgraded,
    RunWoken,
    Scalar,
    StepCancelled,
    StepCompleted,
    StepCreated,
    StepFailed,
    StepRetrying,
    StepStarted,
    WaitCause,
    WaitCompleted,
    WaitCreated,
)
from wfc.ids import DefinitionId, OperationId, RunId, VersionId, WorkerId
from wfc.policies import Policy
from wfc.worlds.protocol import (
    Appended,
    Attempt,
    AttemptOf,
    Claimed,
    ClaimedAttempt,
    Guard,
    NewRun,
    OpenHook,
    OpenRun,
    Owner,
    Queued,
    Refused,
    Release,
    Taken,
    Unowned,
    World,
)

RUN: Final = RunId("run_1")
OTHER: Final = RunId("run_2")
ALICE: Final = WorkerId("worker_alice")
BOB: Final = WorkerId("worker_bob")
VERSION: Final = VersionId("0123456789abcdef")
LEASE_S: Final = 30.0


def step_id(number: int) -> OperationId:
    """Name the `number`-th step."""
    return OperationId(f"charge~a1b2#{number}")


def created(
    *,
    workflow: str = "shop:checkout",
    arguments: bytes = b"arguments",
    attributes: dict[str, Scalar] | None = None,
    queue: str | None = None,
    priority: int = 0,
    not_before: int | None = None,
    version: VersionId = VERSION,
) -> RunCreated:
    """Make the first event of a run."""
    return RunCreated(
        workflow=DefinitionId(workflow),
        version=version,
        fingerprint="f" * 32,
        arguments=arguments,
        seed=bytes(32),
        attributes=attributes or {},
        queue=queue,
        priority=priority,
        not_before=not_before,
    )


def step_created(number: int = 0) -> StepCreated:
    """Make the announcement of a step."""
    return StepCreated(
        operation_id=step_id(number),
        step=DefinitionId("shop:charge"),
        arguments=b"order",
        digest=bytes(16),
        policy=Policy(),
    )


def step_done(number: int = 0, output: bytes = b"output") -> StepCompleted:
    """Make the outcome of a step that ran inline."""
    return StepCompleted(
        operation_id=step_id(number),
        attempt=1,
        started_at=1,
        version=VERSION,
        output=output,
        created=step_created(number),
    )


def hook_created(token: str = "token", number: int = 0) -> HookCreated:  # noqa: S107 - a hook's token is its name here, no secret
    """Make a hook."""
    operation_id = OperationId(f"create_hook~c3d4#{number}")
    return HookCreated(operation_id=operation_id, hook_id=f"hook_{number}", token=token)


def step_ended(number: int = 0, attempt: int = 1) -> StepCompleted:
    """Make the outcome of a step that was announced before."""
    return StepCompleted(
        operation_id=step_id(number),
        attempt=attempt,
        started_at=1,
        version=VERSION,
        output=b"output",
    )


CANCEL: Final = RunCancelRequested(reason="enough")
RECEIVED: Final = HookReceived(
    operation_id=hook_created().operation_id, receipt_id="rcpt_1", payload=b"yes"
)
WAIT: Final = OperationId("sleep~e5f6#0")
OUTSIDE: Final[tuple[Guard, ...]] = (
    AttemptOf(step_id(0), 1),
    OpenHook("token"),
    OpenRun(),
    Unowned(1),
)
ENDS: Final[tuple[tuple[Event, RunStatus], ...]] = (
    (RunCompleted(output=b"done"), RunStatus.COMPLETED),
    (RunFailed(error=b"error", kind=FailureKind.USER), RunStatus.FAILED),
    (RunCancelled(reason="enough"), RunStatus.CANCELLED),
)
PLAIN: Final[tuple[Event, ...]] = (
    RunStarted(worker_id=ALICE),
    CANCEL,
    RunPaused(reason="lunch", actor="ann"),
    RunUnpaused(actor="ann"),
    RunWoken(operation_ids=(step_id(0),)),
    RunUpgraded(from_version=VERSION, to_version=VersionId("fedc"), fingerprint="g"),
    RunRestarted(
        chapter=2, arguments=b"more", seed=bytes(32), version=VERSION, fingerprint="f" * 32
    ),
    step_created(),
    StepStarted(operation_id=step_id(0), attempt=1, worker_id=ALICE),
    StepRetrying(operation_id=step_id(0), attempt=1, error=b"error", retry_at=7),
    step_done(),
    StepFailed(operation_id=step_id(0), attempt=3, started_at=1, version=VERSION, error=b"error"),
    StepCancelled(operation_id=step_id(0), attempt=0, created=step_created()),
    hook_created(),
    RECEIVED,
    HookDisposed(operation_id=RECEIVED.operation_id),
    HookConflicted(operation_id=RECEIVED.operation_id, token="t", owner_run_id=OTHER),  # noqa: S106 - no secret
    WaitCreated(operation_id=WAIT, wake_at=9),
    WaitCompleted(operation_id=WAIT, cause=WaitCause.ELAPSED),
    ChildCreated(
        operation_id=WAIT, run_id=OTHER, workflow=DefinitionId("shop:ship"), digest=bytes(16)
    ),
    AttributesSet(changes={"tier": "free", "seats": 3, "rate": 0.5, "paid": True, "gone": None}),
)


def child_of(run_id: RunId) -> Event:
    """Make the first event of a child run of `run_id`."""
    event = created(workflow="shop:ship")
    parent = Parent(run_id=run_id, operation_id=WAIT)
    return type(event)(
        workflow=event.workflow,
        version=event.version,
        fingerprint=event.fingerprint,
        arguments=event.arguments,
        seed=event.seed,
        parent=parent,
        root_id=run_id,
        depth=1,
    )


async def statuses(world: World) -> list[RunStatus]:
    """Read how the two runs stand."""
    runs = [await world.run(run_id) for run_id in (RUN, OTHER)]
    return [run.status for run in runs if run is not None]


async def joined(world: World, *worker_ids: WorkerId) -> None:
    """Register workers."""
    for worker_id in worker_ids or (ALICE,):
        await world.join(worker_id, lease_s=LEASE_S)


async def started(world: World, run_id: RunId = RUN, event: RunCreated | None = None) -> None:
    """Start a run that no worker has seen yet."""
    wrote(await world.append(run_id, [event or created()], guard=NewRun()))


async def owned(world: World, run_id: RunId = RUN, worker_id: WorkerId = ALICE) -> Owner:
    """Start a run in the hands of a worker; give the guard of its next append."""
    await joined(world, worker_id)
    events: list[Event] = [created(), RunStarted(worker_id=worker_id)]
    answer = wrote(await world.append(run_id, events, guard=NewRun(), claim=worker_id))
    assert answer.fence is not None
    return Owner(answer.fence, answer.length)


async def claimed(world: World, run_id: RunId = RUN, worker_id: WorkerId = ALICE) -> Owner:
    """Claim a run; give the guard of the next append."""
    answer = await world.claim(run_id, worker_id)
    assert isinstance(answer, Claimed), answer
    return Owner(answer.fence, answer.length)


async def released(world: World, wake_at: int | None = None, run_id: RunId = RUN) -> Owner:
    """Start a run, let a worker give it back with an empty queue; give its last guard."""
    owner = await owned(world, run_id)
    await emptied(world)
    wrote(await world.append(run_id, [], guard=owner, release=Release(wake_at=wake_at)))
    return owner


async def queued_step(world: World, number: int = 0, not_before: int = 0) -> Owner:
    """Start an owned run with a step that waits for any worker; give its owner's next guard."""
    owner = await owned(world)
    message = Queued(message=Attempt(RUN, step_id(number)), not_before=not_before)
    answer = await world.append(RUN, [step_created(number)], guard=owner, messages=[message])
    return Owner(owner.fence, wrote(answer).length)


async def taken_step(world: World, worker_id: WorkerId = BOB, number: int = 0) -> ClaimedAttempt:
    """Let a worker take the attempt of a step."""
    answer = await world.claim_attempt(RUN, step_id(number), worker_id)
    assert isinstance(answer, ClaimedAttempt), answer
    return answer


async def emptied(world: World, worker_id: WorkerId = ALICE) -> list[Taken]:
    """Take and forget all messages that are due."""
    taken = await world.take(worker_id, 1000)
    await world.done([one.receipt for one in taken])
    return taken


async def log(world: World, run_id: RunId = RUN) -> list[Recorded]:
    """Read the whole log of a run."""
    return await world.history(run_id, 0, 100_000)


def wrote(answer: Appended | Refused) -> Appended:
    """Insist that an append was written."""
    assert isinstance(answer, Appended), answer
    return answer
