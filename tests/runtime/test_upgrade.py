"""One run moves: the verdict is carried out by one event, whoever else works on the run."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.runtime.moving_house import BLOCKED, DEARER, FLOW, HEAD, ONE, TELLS, Moves
from wfc.errors import RunBusy, RunNotFound, VersionUnknown
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import (
    Channel,
    RunPaused,
    RunUnpaused,
    StepCompleted,
    StepFailed,
    StepRetrying,
    StepStarted,
)
from wfc.eventlog.fold import fold
from wfc.ids import RunId, VersionId, WorkerId
from wfc.manifests.levels import Level
from wfc.runtime.upgrade import Upgrader
from wfc.runtime.verdict import Answer
from wfc.worlds.protocol import (
    Attempt,
    AttemptOf,
    ClaimedAttempt,
    OpenRun,
    Refused,
)

GATHERS = (
    HEAD.replace(
        '    return f"told {order}"', '    raise RetryableError("no line", retry_after="10m")'
    )
    + """
async def flow(order: str) -> list:
    "use workflow"
    return await asyncio.gather(charge(order, 4200), notify(order))
"""
)
"""The second step fails and waits for its second attempt."""
GATHERS_BLOCKED = GATHERS.replace(
    "    return await asyncio", "    if order:\n        return await asyncio"
)
MENDED = GATHERS_BLOCKED.replace(
    '    raise RetryableError("no line", retry_after="10m")', '    return f"told {order}"'
)
ONE_ONLY = GATHERS.replace(
    "gather(charge(order, 4200), notify(order))", "gather(charge(order, 4200))"
)


async def asleep(moves: Moves, *names: str, text: str = ONE) -> Any:
    """Deploy the first version and bring runs on it to their sleep."""
    one = await moves.deploy(text)
    runs = await moves.begin(one, *names)
    await moves.work(one)
    return one, runs


async def test_a_run_moves_and_ends_on_the_new_code(moves: Moves) -> None:
    """By one event, which says who moved it; no recorded step runs again."""
    one, (run,) = await asleep(moves, "a")
    two = await moves.deploy(TELLS)
    verdict = await run.upgrade()
    assert (verdict.answer, verdict.moved, bool(verdict)) == (Answer.MOVE, True, True)
    assert (verdict.from_version, verdict.to_version) == (one.id, two.id)
    (event,) = await moves.upgrades("a")
    assert (event.from_version, event.to_version, event.channel) == (one.id, two.id, Channel.API)
    assert event.fingerprint == two.fingerprints[FLOW]
    moves.advance(days=2)
    await moves.work(two)
    assert await run.result() == ["a:4200", "shipped a"]
    done = [one.event for one in await moves.log("a") if isinstance(one.event, StepCompleted)]
    assert [each.version for each in done] == [one.id, two.id, two.id]


async def test_a_second_move_writes_nothing(moves: Moves) -> None:
    """It may be repeated after any crash."""
    _, (run,) = await asleep(moves, "a")
    await moves.deploy(TELLS)
    await run.upgrade()
    length = len(await moves.log("a"))
    again = await run.upgrade()
    assert (again.answer, again.moved, again.level) == (Answer.MOVE, False, Level.IDENTICAL)
    assert len(await moves.log("a")) == length


async def test_a_dry_run_writes_nothing(moves: Moves) -> None:
    """Whatever it says."""
    _, (run,) = await asleep(moves, "a")
    for text in (TELLS, DEARER):
        await moves.deploy(text)
        verdict = await run.upgrade(dry_run=True)
        assert not verdict.moved
        assert await moves.upgrades("a") == []


async def test_a_refusal_changes_nothing(moves: Moves) -> None:
    """The run goes on where it is; what can be accepted is offered and then moves it."""
    one, (run,) = await asleep(moves, "a")
    two = await moves.deploy(DEARER)
    refused = await run.upgrade()
    assert (refused.answer, refused.waivable) == (Answer.STAY, {"inputs"})
    assert await moves.version_of("a") == one.id
    accepted = await run.upgrade(accept=["inputs"])
    assert accepted.moved
    (event,) = await moves.upgrades("a")
    assert event.unequal == (3,)
    moves.advance(days=2)
    await moves.work(two)
    assert await run.result() == ["a:4200", "shipped a"]
    with pytest.raises(ValueError, match="everything"):
        await run.upgrade(accept=["everything"])


async def test_a_fork_of_a_run_that_has_moved(moves: Moves) -> None:
    """It begins with the move, and goes on behind it."""
    _, (run,) = await asleep(moves, "a")
    two = await moves.deploy(BLOCKED)
    await run.upgrade()
    moves.advance(days=2)
    await moves.work(two)
    at = (await moves.names("a")).index("run_upgraded") + 3
    fork = await run.fork(at, id="b")
    moves.advance(days=2)
    await moves.work(two)
    assert await fork.result() == ["a:4200", "shipped a"]
    assert await moves.version_of("b") == two.id


async def test_there_and_back(moves: Moves) -> None:
    """A rollback is a move as any other; the step has a third name then."""
    one, (run,) = await asleep(moves, "a")
    await moves.deploy(BLOCKED)
    assert (await run.upgrade()).moved
    assert (await run.upgrade(to=one.id)).moved
    assert await moves.version_of("a") == one.id
    moves.advance(days=2)
    await moves.work(one)
    assert await run.result() == ["a:4200", "shipped a"]
    assert (await moves.names("a")).count("step_completed") == 2


@pytest.mark.parametrize("how", ["id", "prefix", "label"])
async def test_a_version_has_three_names(moves: Moves, how: str) -> None:
    """And None is the active one."""
    _, (run,) = await asleep(moves, "a")
    two = await moves.deploy(TELLS, activate=False, label="blue")
    name = {"id": two.id, "prefix": two.id[:6], "label": "blue"}[how]
    assert (await run.upgrade(to=name)).to_version == two.id


async def test_what_does_not_exist(moves: Moves) -> None:
    """No such run, no such version, no version at all."""
    with pytest.raises(VersionUnknown, match="no version is active"):
        await moves.run("nobody").upgrade()
    await asleep(moves, "a")
    with pytest.raises(RunNotFound, match="nobody"):
        await moves.run("nobody").upgrade()
    with pytest.raises(VersionUnknown):
        await moves.run("a").upgrade(to="ffffffffffffffff")
    with pytest.raises(VersionUnknown, match="not registered"):
        await Upgrader(moves.session).judge(RunId("a"), VersionId("f" * 16))


# --- others work on the run -----------------------------------------------------------------------


async def test_a_held_run_is_waited_for(moves: Moves) -> None:
    """Until it is let go."""
    _, (run,) = await asleep(moves, "a")
    two = await moves.deploy(TELLS)
    async with moves.held("a"):
        waiting = asyncio.create_task(run.upgrade(timeout=30))
        await asyncio.sleep(0)
        assert not waiting.done()
    assert (await waiting).moved
    assert await moves.version_of("a") == two.id


async def test_a_run_that_is_held_too_long_is_busy(moves: Moves) -> None:
    """Nothing is written; the error says what helps."""
    _, (run,) = await asleep(moves, "a")
    await moves.deploy(TELLS)
    async with moves.held("a"):
        with pytest.raises(RunBusy, match="is being executed") as caught:
            await run.upgrade(timeout=0.01)
    assert caught.value.code == "WFC682"
    assert await moves.upgrades("a") == []


async def test_a_lost_append_judges_the_news(moves: Moves, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fact from outside came between: the history is another, and so may be the answer."""
    _, (run,) = await asleep(moves, "a")
    await moves.deploy(TELLS)
    append, tries = moves.world.append, []

    async def interrupted(run_id: Any, events: Any, **options: Any) -> Any:
        tries.append(events[0].name)
        if tries == ["run_upgraded"]:
            await append(run_id, [RunPaused()], guard=OpenRun())
        return await append(run_id, events, **options)

    monkeypatch.setattr(moves.world, "append", interrupted)
    assert (await run.upgrade()).moved
    assert tries == ["run_upgraded", "run_upgraded"]
    assert (await moves.names("a"))[-2:] == ["run_paused", "run_upgraded"]


async def test_a_run_that_changes_too_fast_is_busy(
    moves: Moves, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five lost appends, then it is left alone."""
    _, (run,) = await asleep(moves, "a")
    await moves.deploy(TELLS)
    append, tries = moves.world.append, []

    async def interrupted(run_id: Any, events: Any, **options: Any) -> Any:
        tries.append(events[0].name)
        news = RunUnpaused() if len(tries) % 2 == 0 else RunPaused()
        await append(run_id, [news], guard=OpenRun())
        return await append(run_id, events, **options)

    monkeypatch.setattr(moves.world, "append", interrupted)
    with pytest.raises(RunBusy, match="changes too fast"):
        await run.upgrade()
    assert len(tries) == 6
    assert await moves.upgrades("a") == []


# --- attempts elsewhere ---------------------------------------------------------------------------

BOB = WorkerId("worker_bob")


async def in_attempt(moves: Moves, name: str = "a") -> tuple[Any, Any, AttemptOf]:
    """Bring a run to its backoff, then begin the second attempt elsewhere."""
    one, (run,) = await asleep(moves, name, text=GATHERS)
    moves.advance(hours=1)
    await moves.world.join(BOB, lease_s=600)
    started = [each.event for each in await moves.log(name) if isinstance(each.event, StepRetrying)]
    operation = started[-1].operation_id
    claimed = await moves.world.claim_attempt(RunId(name), operation, BOB)
    assert isinstance(claimed, ClaimedAttempt)
    guard = AttemptOf(operation, claimed.fence)
    began = StepStarted(operation_id=operation, attempt=2, worker_id=BOB)
    await moves.world.append(RunId(name), [began], guard=guard)
    return one, run, guard


def ended(one: Any, guard: AttemptOf) -> StepCompleted:
    from wfc import codec  # noqa: PLC0415 - only here

    return StepCompleted(
        operation_id=guard.operation_id, attempt=2, started_at=1, version=one.id,
        output=codec.encode("told by bob", path="a test"),
    )  # fmt: skip


async def test_an_attempt_elsewhere_is_recorded_under_its_new_name(moves: Moves) -> None:
    """It began before the run moved, and knows the name that its step had then."""
    one, run, guard = await in_attempt(moves)
    two = await moves.deploy(GATHERS_BLOCKED)
    assert (await run.upgrade()).moved
    (event,) = await moves.upgrades("a")
    site = guard.operation_id.partition("#")[0]
    assert event.site_map[site]
    await moves.world.append(RunId("a"), [ended(one, guard)], guard=guard)
    assert (await moves.log("a"))[-1].event.operation_id.startswith(event.site_map[site])  # type: ignore[attr-defined]  # of a step
    await moves.work(two)
    assert await run.result() == ["a:4200", "told by bob"]


async def test_the_outcome_of_a_step_that_was_given_up_is_refused(moves: Moves) -> None:
    """Only on demand, since its body has begun."""
    one, run, guard = await in_attempt(moves)
    two = await moves.deploy(ONE_ONLY)
    refused = await run.upgrade()
    assert (refused.answer, refused.waivable) == (Answer.STAY, {"unfinished"})
    assert (await run.upgrade(accept=["unfinished"])).moved
    answer = await moves.world.append(RunId("a"), [ended(one, guard)], guard=guard)
    assert isinstance(answer, Refused)
    await moves.work(two)
    assert await run.result() == ["a:4200"]


async def test_a_queued_retry_goes_on_with_its_number(moves: Moves) -> None:
    """Under the step's new name, with the new body."""
    _, (run,) = await asleep(moves, "a", text=GATHERS)
    two = await moves.deploy(MENDED)
    assert (await run.upgrade()).moved
    moves.advance(hours=1)
    await moves.work(two)
    assert await run.result() == ["a:4200", "told a"]
    done = [each.event for each in await moves.log("a") if isinstance(each.event, StepCompleted)]
    assert [each.attempt for each in done] == [1, 2]


async def test_a_message_that_a_worker_has_taken_is_still_good(moves: Moves) -> None:
    """It names the step as it was called before."""
    _, (run,) = await asleep(moves, "a", text=GATHERS)
    moves.advance(hours=1)
    await moves.world.join(BOB, lease_s=600)
    taken = [one.message for one in await moves.world.take(BOB, 9)]
    (message,) = [one for one in taken if isinstance(one, Attempt)]
    await moves.deploy(MENDED)
    assert (await run.upgrade()).moved
    answer = await moves.world.claim_attempt(RunId("a"), message.operation_id, BOB)
    assert isinstance(answer, ClaimedAttempt)


# --- failed runs revive ---------------------------------------------------------------------------

REFUSES = ONE.replace(
    '    return f"{order}:{cents}"', '    raise FatalError("the card is refused")'
)
TIRED = ONE.replace(
    '    return f"{order}:{cents}"', '    raise RetryableError("busy", retry_after=0)'
)


@pytest.mark.parametrize(
    ("text", "attempts", "first"),
    [(REFUSES, 3, 2), (REFUSES, 1, 2), (TIRED, 3, 4), (TIRED, 1, 2)],
    ids=["at once", "its only attempt", "all attempts used", "its only attempt, again"],
)
async def test_a_step_that_failed_for_good_runs_again(
    moves: Moves, text: str, attempts: int, first: int
) -> None:
    """With the body of the new version and a fresh budget; attempt numbers go on."""
    policy = f"@policy(attempts={attempts})\nasync def charge"
    _, (run,) = await asleep(moves, "a", text=text.replace("async def charge", policy))
    assert (await moves.names("a"))[-2:] == ["step_failed", "run_failed"]
    two = await moves.deploy(BLOCKED.replace("async def charge", policy))
    assert (await run.upgrade()).moved
    (event,) = await moves.upgrades("a")
    assert [name.partition("~")[0] for name in event.retracted] == ["charge"]
    assert await run.status() is RunStatus.SUSPENDED
    await moves.work(two)
    moves.advance(days=2)
    await moves.work(two)
    assert await run.result() == ["a:4200", "shipped a"]
    done = [each.event for each in await moves.log("a") if isinstance(each.event, StepCompleted)]
    assert [each.attempt for each in done] == [first, 1]


async def test_the_fresh_budget_is_used_up_as_the_first(moves: Moves) -> None:
    """On the same version, too: the outage was not over."""
    one, (run,) = await asleep(moves, "a", text=TIRED)
    for used in (3, 6, 9):
        failed = [e.event for e in await moves.log("a") if isinstance(e.event, StepFailed)]
        assert (failed[-1].attempt, await run.status()) == (used, RunStatus.FAILED)
        assert (await run.upgrade(to=one.id)).moved
        await moves.work(one)


async def test_a_failure_may_stand(moves: Moves) -> None:
    """Then the run fails again with it, at once."""
    one, (run,) = await asleep(moves, "a", text=REFUSES)
    verdict = await run.upgrade(to=one.id, retry_failed=False)
    assert [note.code for note in verdict.notes] == ["WFC674"]
    await moves.work(one)
    assert await run.status() is RunStatus.FAILED
    assert (await moves.names("a")).count("step_failed") == 1


async def test_what_was_begun_and_taken_back_is_cancelled_with_its_number(moves: Moves) -> None:
    """A run that is cancelled before the step that was taken back has begun again."""
    one, (run,) = await asleep(moves, "a", text=REFUSES)
    assert (await run.upgrade(to=one.id)).moved
    await run.cancel()
    await moves.work(one)
    assert await run.status() is RunStatus.CANCELLED
    fold(await moves.log("a"))
