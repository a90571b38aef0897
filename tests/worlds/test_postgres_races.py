"""Writers of two processes at once: what SQLite does one after the other holds here as well."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.postgres_server import Database
from wfc.clock import VirtualClock
from wfc.eventlog.event import (
    ChildCreated,
    RunCancelRequested,
    RunCompleted,
    RunStarted,
)
from wfc.eventlog.fold import fold
from wfc.ids import DefinitionId, OperationId, RunId, WorkerId
from wfc.worlds.postgres import PostgresWorld
from wfc.worlds.promises.given import (
    ALICE,
    BOB,
    LEASE_S,
    RECEIVED,
    RUN,
    child_of,
    created,
    hook_created,
    joined,
    log,
    owned,
    started,
    step_created,
    wrote,
)
from wfc.worlds.protocol import (
    Appended,
    Attempt,
    Child,
    Claimed,
    ClaimedAttempt,
    NewRun,
    OpenHook,
    OpenRun,
    Owner,
    Queued,
    Refusal,
    Refused,
    Resume,
)

ROUNDS = 10 * int(os.environ.get("WFC_SOAK", "1"))


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def worlds(
    postgres_url: str, clock: VirtualClock
) -> AsyncIterator[tuple[PostgresWorld, PostgresWorld]]:
    """Two processes, as far as the database can tell."""
    pair = PostgresWorld(postgres_url, clock=clock), PostgresWorld(postgres_url, clock=clock)
    for world in pair:
        await world.open()
    yield pair
    for world in pair:
        await world.close()


Pair = tuple[PostgresWorld, PostgresWorld]


async def test_one_of_two_starts_is_the_first(worlds: Pair) -> None:
    """The other is told what stands there, not what its database says."""
    for number in range(ROUNDS):
        name = RunId(f"run_{number}")
        answers = await asyncio.gather(
            *(world.append(name, [created()], guard=NewRun()) for world in worlds * 3)
        )
        refused = [one for one in answers if isinstance(one, Refused)]
        assert len(refused) == 5
        assert {one.reason for one in refused} == {Refusal.EXISTS}
        assert all(len(one.events) == 1 for one in refused)


async def test_one_of_two_hooks_has_the_token(worlds: Pair) -> None:
    """The other is written as a conflict."""
    await joined(worlds[0])
    for number in range(ROUNDS):
        names = [RunId(f"run_{number}_{side}") for side in range(4)]
        begun = [RunStarted(worker_id=ALICE)]
        starts = [
            wrote(await worlds[0].append(name, [created(), *begun], guard=NewRun(), claim=ALICE))
            for name in names
        ]
        owners = [Owner(one.fence or 0, one.length) for one in starts]
        hook = hook_created(f"token_{number}")
        answers = await asyncio.gather(
            *(
                worlds[side % 2].append(name, [hook], guard=owner)
                for side, (name, owner) in enumerate(zip(names, owners, strict=True))
            )
        )
        events = Counter(wrote(one).recorded[0].event.name for one in answers)
        assert events == {"hook_created": 1, "hook_conflicted": 3}


async def test_ends_of_children_and_cancellations_cross(worlds: Pair) -> None:
    """The one locks the child and wants the parent, the other the parent and wants the child."""
    for number in range(ROUNDS):
        parent, child = RunId(f"parent_{number}"), RunId(f"child_{number}")
        owner = await owned(worlds[0], parent)
        begun = ChildCreated(
            operation_id=OperationId("sleep~e5f6#0"),
            run_id=child,
            workflow=DefinitionId("shop:ship"),
            digest=bytes(16),
        )
        made = [Child(run_id=child, event=child_of(parent))]
        wrote(await worlds[0].append(parent, [begun], guard=owner, create=made))
        claimed = await worlds[1].claim(child, ALICE)
        assert isinstance(claimed, Claimed)
        guard = Owner(claimed.fence, claimed.length)
        ending = [RunStarted(worker_id=ALICE), RunCompleted(output=b"")]
        ended, cancelled = await asyncio.gather(
            worlds[1].append(child, ending, guard=guard),
            worlds[0].append(parent, [RunCancelRequested()], guard=OpenRun()),
        )
        wrote(cancelled)
        events = [one.event for one in await log(worlds[0], child)]
        if isinstance(ended, Appended):
            assert isinstance(events[-1], RunCompleted)
        else:
            assert ended.reason is Refusal.BEHIND
            assert isinstance(events[-1], RunCancelRequested)


async def test_a_fact_that_comes_while_a_message_is_taken_is_not_forgotten(worlds: Pair) -> None:
    """Whoever took the message sees the fact, or there is another message."""
    await joined(worlds[0], ALICE, BOB)
    for number in range(ROUNDS):
        name = RunId(f"run_{number}")
        await started(worlds[0], name)
        watch = worlds[0].watch("queues")
        length, appended = await asyncio.gather(
            _take_and_look(worlds[0], name), _ask_to_cancel(worlds[1], name)
        )
        assert appended
        if length is None:
            assert await watch.changed(10), "who passed over a locked message must be told"
        watch.close()
        left = [one for one in await worlds[1].take(BOB, 10) if one.message == Resume(name)]
        assert length == 2 or left, "nobody would look at the run again"
        await worlds[1].done([one.receipt for one in left])


async def _take_and_look(world: PostgresWorld, name: RunId) -> int | None:
    """Take the run's message, claim the run, and give how many events it then has."""
    taken = [one for one in await world.take(ALICE, 10) if one.message == Resume(name)]
    if not taken:
        return None
    claimed = await world.claim(name, ALICE)
    assert isinstance(claimed, Claimed)
    await world.done([one.receipt for one in taken])
    # It lets go as it found it; what it has not seen must wake somebody.
    await world.leave(ALICE)
    await world.join(ALICE, lease_s=LEASE_S)
    return claimed.length


async def _ask_to_cancel(world: PostgresWorld, name: RunId) -> bool:
    answer = await world.append(name, [RunCancelRequested()], guard=OpenRun())
    return isinstance(answer, Appended)


async def test_payloads_of_many_senders_all_land(worlds: Pair) -> None:
    """While the owner writes, too."""
    owner = await owned(worlds[0])
    answer = wrote(await worlds[0].append(RUN, [hook_created()], guard=owner))
    payloads = [
        type(RECEIVED)(
            operation_id=RECEIVED.operation_id, receipt_id=f"rcpt_{number}", payload=b"yes"
        )
        for number in range(3 * ROUNDS)
    ]
    answers = await asyncio.gather(
        *(
            worlds[number % 2].append(RUN, [payload], guard=OpenHook("token"))
            for number, payload in enumerate(payloads)
        ),
        worlds[1].append(RUN, [step_created()], guard=Owner(owner.fence, answer.length)),
    )
    landed = [one for one in answers[:-1] if isinstance(one, Appended)]
    assert len(landed) == len(payloads)
    history = await log(worlds[1])
    fold(history)
    assert [one.position for one in history] == list(range(1, len(history) + 1))


async def test_a_worker_that_is_given_up_leaves_no_run_behind(
    worlds: Pair, clock: VirtualClock
) -> None:
    """It claims while the sweeper takes everything from it."""
    chance = random.Random(7)  # noqa: S311 - a dose, not a secret
    for number in range(ROUNDS):
        worker = WorkerId(f"worker_{number}")
        await worlds[0].join(worker, lease_s=1)
        names = [RunId(f"run_{number}_{each}") for each in range(6)]
        for name in names:
            await started(worlds[0], name)
        clock.advance(timedelta(seconds=0.999))
        work = [worlds[0].claim(name, worker) for name in names]
        chance.shuffle(work)
        late = asyncio.create_task(_given_up(worlds[1], clock))
        await asyncio.gather(*work, late, return_exceptions=True)
        await worlds[1].sweep()
        for name in names:
            run = await worlds[1].run(name)
            assert run is not None
            assert run.owner is None, "nobody would ever free it"


async def _given_up(world: PostgresWorld, clock: VirtualClock) -> None:
    clock.advance(timedelta(seconds=1))
    await world.sweep()


async def test_an_attempt_has_one_holder(worlds: Pair) -> None:
    """However many ask for it at once."""
    workers = [WorkerId(f"worker_{number}") for number in range(8)]
    await joined(worlds[0], *workers)
    owner = await owned(worlds[0])
    length = owner.length
    for number in range(ROUNDS):
        step = step_created(number)
        queued = [Queued(message=Attempt(RUN, step.operation_id))]
        guard = Owner(owner.fence, length)
        answer = wrote(await worlds[0].append(RUN, [step], guard=guard, messages=queued))
        length = answer.length
        answers = await asyncio.gather(
            *(
                worlds[index % 2].claim_attempt(RUN, step.operation_id, worker)
                for index, worker in enumerate(workers)
            )
        )
        assert sum(isinstance(one, ClaimedAttempt) for one in answers) == 1


async def test_no_message_is_given_out_twice(worlds: Pair) -> None:
    """To workers that take at the same time."""
    workers = [WorkerId(f"worker_{number}") for number in range(8)]
    await joined(worlds[0], *workers)
    await asyncio.gather(*(started(worlds[each % 2], RunId(f"run_{each}")) for each in range(100)))
    taken = await asyncio.gather(
        *(worlds[index % 2].take(worker, 30) for index, worker in enumerate(workers))
    )
    receipts = [one.receipt for each in taken for one in each]
    assert len(receipts) == len(set(receipts))
    rest = await worlds[0].take(workers[0], 100)
    assert len(receipts) + len(rest) == 100


def test_the_dose_is_real(postgres_database: Database) -> None:
    """Deadlocks are found at once on this server, or the tests above would wait for them."""
    ((found,),) = postgres_database.execute("SHOW deadlock_timeout")
    assert found == "100ms"
