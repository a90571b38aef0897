"""Many runs move: each by itself, with one report, and again after any interruption."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.runtime.moving_house import DEARER, FLOW, ONE, TELLS, Moves
from tests.runtime.test_upgrade import asleep
from wfc.errors import BundleUnloadable, OptionInvalid, RunNotFound, WfcError, WorldUnreachable
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import CancelCause, RunCancelRequested, RunCreated
from wfc.ids import RunId, VersionId
from wfc.runtime.replacing import upgrade_all
from wfc.runtime.upgrade_many import Many
from wfc.runtime.verdict import Answer, UpgradeReport
from wfc.worlds.protocol import RunFilter

NAMES = ("a", "b", "c", "d", "e", "f", "g")


async def upgraded(
    moves: Moves, to: VersionId, *names: str, otherwise: str = "stay", **many: Any
) -> UpgradeReport:
    runs = [RunId(name) for name in names] if names else RunFilter()
    return await upgrade_all(moves.session, runs, otherwise=otherwise, many=Many(to=to, **many))


async def test_all_open_runs_move(moves: Moves) -> None:
    """Page by page; those that have ended are not looked at unless they are asked for."""
    one, _ = await asleep(moves, *NAMES)
    await moves.begin(one, "new")
    await moves.run("g").cancel(force=True)
    two = await moves.deploy(TELLS)
    heard: list[tuple[int, int]] = []
    report = await upgraded(
        moves, two.id, batch_size=2, on_progress=lambda done, total: heard.append((done, total))
    )
    assert (report.moved, report.stayed, report.total) == (7, 0, 7)
    assert heard[-1] == (7, 7)
    assert await moves.on(two, [*NAMES, "new"]) == ["a", "b", "c", "d", "e", "f", "new"]
    again = await upgraded(moves, two.id)
    assert (again.moved, again.there, again.total) == (0, 7, 7), "nobody has to move any more"
    cancelled = RunFilter(statuses=frozenset({RunStatus.CANCELLED.value}))
    ended = await upgrade_all(moves.session, cancelled, otherwise="rerun", many=Many(to=two.id))
    assert (ended.stayed, ended.rerun, ended.groups[0].code) == (1, 0, "WFC680")


async def test_refusals_are_grouped(moves: Moves) -> None:
    """By answer, code and site, with the first five; runs that move have groups of their notes."""
    one, _ = await asleep(moves, *NAMES)
    await moves.begin(one, "new")
    two = await moves.deploy(DEARER)
    report = await upgraded(moves, two.id, dry_run=True)
    (group,) = report.groups
    assert (report.moved, report.stayed, group.answer) == (1, 7, Answer.STAY)
    assert (group.code, group.count, len(group.run_ids)) == ("WFC653", 7, 5)
    assert group.site.startswith("charge~")
    assert await moves.on(two, ["new"]) == []


async def test_limits(moves: Moves) -> None:
    """At most so many are looked at; too many refusals end it."""
    await asleep(moves, *NAMES)
    two = await moves.deploy(TELLS)
    assert (await upgraded(moves, two.id, limit=3, batch_size=2)).total == 3
    assert len(await moves.on(two, NAMES)) == 3
    assert (await upgraded(moves, two.id, *NAMES, limit=2, batch_size=1)).total == 2
    three = await moves.deploy(DEARER)
    report = await upgraded(moves, three.id, refused_max=2, batch_size=1)
    assert report.stayed == 3
    assert (await upgraded(moves, three.id, refused_max=7)).stayed == 7


async def test_what_cannot_be_read_is_an_entry(
    moves: Moves, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what does not exist; the others move."""
    from wfc.errors import CorruptEvent  # noqa: PLC0415 - only here

    await asleep(moves, "a", "b")
    two = await moves.deploy(TELLS)
    history = moves.world.history

    async def broken(run_id: Any, *args: Any, **named: Any) -> Any:
        if run_id == "a":
            raise CorruptEvent(RunId("a"), 3, "it is torn")
        return await history(run_id, *args, **named)

    monkeypatch.setattr(moves.world, "history", broken)
    report = await upgraded(moves, two.id, "a", "b", "nobody")
    assert (report.moved, report.total) == (1, 3)
    assert {name: type(error) for name, error in report.errors.items()} == {
        "a": CorruptEvent, "nobody": RunNotFound,
    }  # fmt: skip


async def test_a_held_run_is_tried_again(moves: Moves, monkeypatch: pytest.MonkeyPatch) -> None:
    """After all others, three times; then it is an entry of the report."""
    await asleep(moves, "a", "b")
    two = await moves.deploy(TELLS)
    rounds: list[float] = []

    async def waits(delay: float) -> None:
        rounds.append(delay)

    monkeypatch.setattr(asyncio, "sleep", waits)
    async with moves.held("a"):
        report = await upgraded(moves, two.id, timeout_s=0.0)
    assert (report.moved, list(report.errors), len(rounds)) == (1, ["a"], 3)
    assert report.errors[RunId("a")].code == "WFC682"
    monkeypatch.undo()
    async with moves.held("a"):
        moving = asyncio.create_task(upgraded(moves, two.id, "a", timeout_s=5.0))
        await asyncio.sleep(0.01)
    assert (await moving).moved == 1


@pytest.mark.parametrize("error", [WorldUnreachable("gone"), BundleUnloadable("torn")])
async def test_what_all_would_fail_by_ends_it(
    moves: Moves, monkeypatch: pytest.MonkeyPatch, error: WfcError
) -> None:
    """As the plain error, not as a group of them."""
    await asleep(moves, "a", "b")
    two = await moves.deploy(TELLS)

    async def fails(*_: Any, **__: Any) -> Any:
        raise error

    session = moves.session
    monkeypatch.setattr(session.upgrader, "upgrade", fails)
    with pytest.raises(type(error)):
        await upgrade_all(session, RunFilter(), otherwise="stay", many=Many(to=two.id))


# --- begun anew -----------------------------------------------------------------------------------


async def test_refused_runs_are_begun_anew(moves: Moves) -> None:
    """With the same input; the old one is cancelled and says what replaces it."""
    one, _ = await asleep(moves, "a")
    await moves.begin(one, "new")
    two = await moves.deploy(DEARER)
    report = await upgraded(moves, two.id, otherwise="rerun")
    assert (report.moved, report.stayed, report.rerun, report.total) == (1, 0, 1, 2)
    (asked,) = [e.event for e in await moves.log("a") if isinstance(e.event, RunCancelRequested)]
    assert (asked.reason, asked.cause) == ("superseded by a.2", CancelCause.BULK)
    await moves.work(two)
    assert await moves.run("a").status() is RunStatus.CANCELLED
    moves.advance(days=2)
    await moves.work(two)
    assert await moves.run("a.2").result() == ["a:4300", "shipped a"]
    (begun,) = (await moves.log("a.2"))[:1]
    assert isinstance(begun.event, RunCreated)
    assert (begun.event.workflow, begun.event.version) == (FLOW, two.id)


async def test_a_repetition_begins_no_third_run(
    moves: Moves, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was killed between both writes finds the run that he began."""
    await asleep(moves, "a")
    two = await moves.deploy(DEARER)

    class Killed(BaseException):
        """The process ends."""

    async def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("wfc.runtime.replacing.tell", killed)
        with pytest.raises(BaseExceptionGroup):
            await upgraded(moves, two.id, "a", otherwise="rerun")
    report = await upgraded(moves, two.id, "a", otherwise="rerun")
    assert report.rerun == 1
    page = await moves.world.list_runs(RunFilter(), limit=9)
    assert sorted(row.run_id for row in page.runs) == ["a", "a.2"]
    row = await moves.world.run(RunId("a"))
    assert row is not None
    assert row.cancel_requested


async def test_a_name_that_somebody_else_has_is_not_taken(moves: Moves) -> None:
    """The new run gets a fresh one."""
    one, _ = await asleep(moves, "a")
    await moves.begin(one, "a.2")
    long = "x" * 199
    await moves.begin(one, long)
    await moves.work(one)
    two = await moves.deploy(DEARER)
    assert (await upgraded(moves, two.id, "a", long, otherwise="rerun")).rerun == 2
    page = await moves.world.list_runs(RunFilter(), limit=9)
    assert sum(row.run_id.startswith("run_") for row in page.runs) == 2
    assert (await moves.log("a.2"))[0].event.origin is None  # type: ignore[attr-defined]  # a creation


async def test_input_that_does_not_fit_is_not_begun_anew(moves: Moves) -> None:
    """The run goes on where it is."""
    await asleep(moves, "a")
    two = await moves.deploy(ONE.replace("order: str) -> list", "order: str, more: int) -> list"))
    report = await upgraded(moves, two.id, otherwise="rerun")
    assert (report.stayed, report.rerun) == (1, 0)
    assert "run_cancel_requested" not in await moves.names("a")


async def test_what_else_can_be_done_is_a_short_list(moves: Moves) -> None:
    """And nothing is looked at before it is read."""
    with pytest.raises(OptionInvalid, match="'stay' or 'rerun'"):
        await upgraded(moves, VersionId("x"), otherwise="fly")
