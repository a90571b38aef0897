"""Requests to many runs at once: each run has its answer, and nothing is asked by mistake."""

from __future__ import annotations

from typing import Any

import pytest

from tests.runtime.flows import FLOWS, Journal
from tests.runtime.house import House
from wfc.errors import CorruptEvent, OptionInvalid, WorldFull
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import CancelCause, RunCancelRequested, RunPaused
from wfc.ids import RunId
from wfc.runtime.answers import CancelAnswer, PauseAnswer
from wfc.runtime.bulk import list_page
from wfc.runtime.controls import cancel_all, chosen, pause_all, unpause_all
from wfc.worlds.protocol import RunFilter


async def test_many_runs_are_cancelled_at_once(house: House) -> None:
    first, second = [await house.start(FLOWS.waits, 1) for _ in range(2)]
    ended = await house.start(FLOWS.chain, 1)
    worker = house.worker()
    await worker.run_until_idle()
    client = house.session
    would = await cancel_all(client, RunFilter(), reason=None, dry_run=True)
    assert would == dict.fromkeys((first.id, second.id), CancelAnswer.WOULD_CANCEL)
    answers = await cancel_all(
        client, [first.id, ended.id, RunId("nobody")], reason="x", dry_run=False
    )
    assert list(answers.values()) == [
        CancelAnswer.REQUESTED, CancelAnswer.ENDED, CancelAnswer.NOT_FOUND,
    ]  # fmt: skip
    for dry_run in (True, False):
        again = await cancel_all(client, [first.id], reason="x", dry_run=dry_run)
        assert again == {first.id: CancelAnswer.REQUESTED}
    (request,) = await house.events(first, RunCancelRequested)
    assert (request.reason, request.cause) == ("x", CancelCause.BULK)
    await worker.run_until_idle()
    assert await first.status() is RunStatus.CANCELLED
    only_ended = RunFilter(statuses=frozenset({"completed"}))
    assert await cancel_all(client, only_ended, reason=None, dry_run=False) == {}


async def test_a_filter_finds_more_runs_than_a_page_holds(house: House) -> None:
    """All of them, whatever moves in the list meanwhile."""
    for number in range(230):
        await house.start(FLOWS.waits, number, id=f"run-{number}")
    answers = await cancel_all(house.session, RunFilter(), reason=None, dry_run=False)
    assert set(answers) == {f"run-{number}" for number in range(230)}
    assert set(answers.values()) == {CancelAnswer.REQUESTED}


async def test_runs_are_paused_and_go_on_by_filter(house: House, journal: Journal) -> None:
    """A filter of `unpause` means the paused ones."""
    worker = house.worker()
    marked = [await house.start(FLOWS.chain, n, attributes={"tier": "free"}) for n in (1, 2)]
    other = await house.start(FLOWS.waits, 1)
    free = RunFilter(attributes={"tier": "free"})
    client = house.session
    would = await pause_all(client, free, reason=None, dry_run=True)
    assert would == dict.fromkeys((each.id for each in marked), PauseAnswer.WOULD_PAUSE)
    done = await pause_all(client, free, reason="look", dry_run=False)
    assert done == dict.fromkeys((each.id for each in marked), PauseAnswer.PAUSED)
    assert await pause_all(client, free, reason="again", dry_run=False) == done
    await worker.run_until_idle()
    assert journal.calls == []
    assert [each.reason for each in await house.events(marked[0], RunPaused)] == ["look"]
    would = await unpause_all(client, RunFilter(), dry_run=True)
    assert would == dict.fromkeys((each.id for each in marked), PauseAnswer.WOULD_UNPAUSE)
    assert await unpause_all(client, RunFilter(), dry_run=False) == dict.fromkeys(
        (each.id for each in marked), PauseAnswer.UNPAUSED
    )
    assert await unpause_all(client, [other.id, RunId("nobody")], dry_run=False) == {
        other.id: PauseAnswer.UNPAUSED,
        "nobody": PauseAnswer.NOT_FOUND,
    }
    await worker.run_until_idle()
    assert [await each.status() for each in marked] == [RunStatus.COMPLETED] * 2
    ended = await pause_all(client, [marked[0].id], reason=None, dry_run=False)
    assert ended == {marked[0].id: PauseAnswer.ENDED}


async def test_one_log_that_cannot_be_read_stops_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged, good = [await house.start(FLOWS.waits, 1) for _ in range(2)]
    history = house.world.history

    async def partly(run_id: RunId, *args: Any, **kwargs: Any) -> Any:
        if run_id == damaged.id:
            raise CorruptEvent(run_id, 1, "why")
        return await history(run_id, *args, **kwargs)

    monkeypatch.setattr(house.world, "history", partly)
    answers = await pause_all(house.session, RunFilter(), reason=None, dry_run=False)
    assert answers == {damaged.id: PauseAnswer.UNREADABLE, good.id: PauseAnswer.PAUSED}


@pytest.mark.parametrize("gone", [False, True], ids=["ended", "collected"])
async def test_a_run_that_goes_meanwhile_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch, *, gone: bool
) -> None:
    """It stood there when it was looked at, and has ended when it is asked."""
    run = await house.start(FLOWS.waits, 1)
    history = house.world.history

    async def late(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(house.world, "history", history)
        await run.cancel(force=True)
        if gone:
            house.advance(days=40)
            assert await house.world.gc(kept_us=0) == (run.id,)
            return []
        return await history(*args, **kwargs)

    monkeypatch.setattr(house.world, "history", late)
    answers = await cancel_all(house.session, [run.id], reason=None, dry_run=False)
    assert answers == {run.id: CancelAnswer.NOT_FOUND if gone else CancelAnswer.ENDED}


async def test_a_world_that_fails_is_no_answer(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others of the part have been asked by then: nothing goes on in the background."""
    runs = [await house.start(FLOWS.waits, 1) for _ in range(3)]
    append = house.world.append

    async def full(run_id: RunId, *args: Any, **kwargs: Any) -> Any:
        if run_id == runs[0].id:
            raise WorldFull("no room")
        return await append(run_id, *args, **kwargs)

    monkeypatch.setattr(house.world, "append", full)
    ids = [each.id for each in runs]
    with pytest.raises(WorldFull):
        await cancel_all(house.session, ids, reason=None, dry_run=False)
    for each in runs[1:]:
        assert (await house.log(each))[-1] == "run_cancel_requested"


@pytest.mark.parametrize(
    ("run_ids", "where", "says"),
    [
        (["a"], RunFilter(queue="q"), "`run_ids` and filters both"),
        ("run_1", RunFilter(), "no list of ids"),
        (5, RunFilter(), "no list of ids"),
        ([5], RunFilter(), "a text is wanted"),
        ([str(n) for n in range(501)], RunFilter(), "names 501 runs, and at most 500"),
    ],
)
def test_what_names_no_runs_is_refused(run_ids: Any, where: RunFilter, says: str) -> None:
    with pytest.raises(OptionInvalid, match=says):
        chosen(run_ids, where)


def test_a_run_that_is_named_twice_is_asked_once() -> None:
    assert chosen(["b", "a", "b"], RunFilter()) == ["b", "a"]
    assert chosen([], RunFilter()) == []
    assert chosen(None, RunFilter(queue="q")) == RunFilter(queue="q")


@pytest.mark.parametrize("ask", [cancel_all, pause_all])
async def test_a_reason_is_a_text(house: House, ask: Any) -> None:
    with pytest.raises(OptionInvalid, match="`reason` = 5"):
        await ask(house.session, [], reason=5, dry_run=False)


async def test_a_list_walks_by_its_cursor_while_runs_are_begun(house: House) -> None:
    """Each run that was there at the first page is given once; newer ones come before all."""
    for number in range(25):
        await house.start(FLOWS.chain, number, id=f"run-{number}")
        house.advance(seconds=number % 3)  # some are created at the same instant
    seen, cursor = [], None
    while True:
        page = await list_page(house.world, RunFilter(), cursor=cursor, limit=4)
        seen += [each.id for each in page.items]
        await house.start(FLOWS.chain, 1, id=f"later-{len(seen)}")
        cursor = page.next
        if cursor is None:
            break
    assert sorted(seen) == sorted(f"run-{number}" for number in range(25))
