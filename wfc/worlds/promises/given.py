"""What the promises begin with: events, workers and runs in the state that a test needs."""

from __future__ import annotations

from typing import Final

from wfc.eventlog.event import (
    Event,
    HookCreated,
    Recorded,
    RunCreated,
    RunStarted,
    Scalar,
    StepCompleted,
    StepCreated,
)
from wfc.ids import DefinitionId, OperationId, RunId, VersionId, WorkerId
from wfc.policies import Policy
from wfc.worlds.protocol import (
    Appended,
    Attempt,
    Claimed,
    ClaimedAttempt,
    NewRun,
    Owner,
    Queued,
    Refused,
    Release,
    Taken,
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
