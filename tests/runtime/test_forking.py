"""Forks: a beginning that is shared, and a way of one's own from there."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from typing import Any

import pytest

from tests.runtime.flows import FLOWS, Journal
from tests.runtime.house import House
from tests.runtime.programs import Program
from wfc.codec import encode_arguments
from wfc.config import Session
from wfc.errors import (
    AmbiguousName,
    Diverged,
    InputInvalid,
    NoSuchWorkflow,
    OptionInvalid,
    RunFailed,
    RunIdConflict,
    RunNotFound,
    VersionUnknown,
)
from wfc.eventlog.entity import RunStatus
from wfc.eventlog.event import (
    Origin,
    RunCreated,
    RunUpgraded,
    StepCompleted,
    StepRetrying,
    StepStarted,
    WaitCompleted,
    WaitCreated,
)
from wfc.ids import DefinitionId, RunId, VersionId
from wfc.manifests.store import to_archive
from wfc.runtime.operations import Completed, Suspended
from wfc.runtime.registry import Registry
from wfc.runtime.replaying import replay_all
from wfc.runtime.run import Run
from wfc.worlds.protocol import RunFilter

VERSIONS = '''
    """Two versions of one module: `{word}`."""
    import sys
    from dataclasses import dataclass
    from datetime import datetime
    from uuid import uuid4

    from wfc import get_workflow_metadata, sleep


    @dataclass
    class Receipt:
        number: str
        cents: int


    async def charge(cents: int) -> Receipt:
        "use step"
        sys.journal.calls.append(("charge", cents))
        return Receipt("r-1", cents)


    async def tell(text: str) -> str:
        "use step"
        sys.journal.calls.append(("tell", text))
        return text


    async def checkout(cents: int, label: str = "") -> list:
        "use workflow"
        began, draw = datetime.now().isoformat(), str(uuid4())
        receipt = await charge(cents{more})
        at = datetime.now().isoformat()
        await sleep("1 day")
        told = await tell("{word}")
        return [began, draw, at, receipt.number, receipt.cents, told, label]


    async def names_itself() -> str:
        "use workflow"
        await tell(get_workflow_metadata().run_id)
        return await tell("done")
'''


CHECKOUT = DefinitionId("forked_flows:checkout")


def version_of(word: str, more: str = "") -> Program:
    return Program("forked_flows", VERSIONS.format(word=word, more=more), whole=True)


@pytest.fixture
def old() -> Program:
    return version_of("old")


@pytest.fixture
async def shop(house: House, old: Program) -> House:
    """A house that serves the old version."""
    house.version = old.version
    house.session.registry = Registry(old.version)
    return await house.open()


async def finished(house: House, run: Run[Any]) -> Any:
    """Execute what is due, day by day, and give the result."""
    for _ in range(5):
        await house.worker().run_until_idle()
        if (await run.status()).ended:
            break
        house.advance(days=1)
    return await run.result()


async def test_a_fork_shares_events_and_their_times(shop: House, old: Program) -> None:
    """Its past is that of the other run; clock and draws of the code are the same."""
    run = await shop.start(old.module.checkout, 42)
    output = await finished(shop, run)
    shop.advance(days=100)
    log = await run.events()
    fork = await run.fork(len(log))
    assert fork.created
    copied = await fork.events()
    assert copied[1:] == log[1 : len(log) - 1]
    assert copied[0].recorded_at == log[0].recorded_at
    assert await finished(shop, fork) == output
    (created,) = await shop.events(fork, RunCreated)
    assert created.origin == Origin(kind="fork", run_id=run.id, at=len(log))
    assert [each.event.name for each in await fork.events()] == [each.event.name for each in log]


async def test_every_position_leads_to_the_same_end(shop: House, old: Program) -> None:
    """Whatever a fork keeps, what it makes anew comes to the same, but for the times of that."""
    run = await shop.start(old.module.checkout, 42)
    output = await finished(shop, run)
    length = len(await run.events())
    forks = [await run.fork(at) for at in range(2, length + 2)]
    for fork in forks:
        found = await finished(shop, fork)
        assert found[:2] == output[:2]
        assert found[3:] == output[3:]
    with pytest.raises(InputInvalid, match="rerun"):
        await run.fork(1)
    with pytest.raises(InputInvalid, match=f"behind them all at {length + 1}"):
        await run.fork(length + 2)


async def test_a_step_can_be_given_another_output(
    shop: House, old: Program, journal: Journal
) -> None:
    """By its id: the code sees that result, of the class that it knows, and no body runs."""
    run = await shop.start(old.module.checkout, 42)
    await finished(shop, run)
    (charge, _) = await run.steps()
    journal.calls.clear()
    fork = await run.fork(charge.id, output={"number": "r-9", "cents": 7})
    assert (await finished(shop, fork))[3:5] == ["r-9", 7]
    assert journal.calls == [("tell", "old")]
    own = await run.fork(charge.id, output=old.module.Receipt("r-8", 6))
    assert (await finished(shop, own))[3:5] == ["r-8", 6]
    (created,) = await shop.events(own, RunCreated)
    assert created.origin == Origin(kind="fork", run_id=run.id, at=3, edited=True)
    (charged, _) = await shop.events(fork, StepCompleted)
    assert charged.version == old.version.id


async def test_an_output_that_does_not_fit_forks_nothing(shop: House, old: Program) -> None:
    """The workflow could not read it; and where no step begins there is nothing to give."""
    run = await shop.start(old.module.checkout, 42)
    await finished(shop, run)
    charge = (await run.steps())[0]
    for wrong in ({"number": "r-9"}, 7, None):
        with pytest.raises(InputInvalid, match="charge"):
            await run.fork(charge.id, output=wrong)
    log = await run.events()
    (wait,) = [each for each in log if isinstance(each.event, WaitCreated)]
    ends = ((wait.position, "wait_created"), (len(log) + 1, "behind the last event"))
    for at, what in ends:
        with pytest.raises(InputInvalid, match=what):
            await run.fork(at, output="x")
    page = await shop.world.list_runs(RunFilter())
    assert len(page.runs) == 1


@pytest.mark.parametrize(
    ("at", "message"),
    [("chrage", "Did you mean charge"), ("zzz", "the last is tell~"), (True, "neither")],
)
async def test_a_place_that_is_not_there_is_named(
    shop: House, old: Program, at: Any, message: str
) -> None:
    """With what is near, or what there is."""
    run = await shop.start(old.module.checkout, 42)
    await finished(shop, run)
    with pytest.raises(InputInvalid, match=message):
        await run.fork(at)


async def test_a_run_without_operations_says_so(shop: House, old: Program) -> None:
    """And one that does not exist is not found."""
    run = await shop.start(old.module.checkout, 42)
    with pytest.raises(InputInvalid, match="recorded no operation"):
        await run.fork("charge")
    nobody: Run[Any] = Run(RunId("nobody"), shop._client)
    for call in (nobody.fork(2), nobody.rerun()):
        with pytest.raises(RunNotFound, match="nobody"):
            await call


async def test_the_same_fork_under_the_same_id_is_the_same_run(shop: House, old: Program) -> None:
    """Whoever asks twice gets one fork; whoever asks for another is refused."""
    run = await shop.start(old.module.checkout, 42)
    await finished(shop, run)
    charge = (await run.steps())[0].id
    receipt = old.module.Receipt
    first = await run.fork(charge, id="mine", output=receipt("a", 1))
    again = await run.fork(charge, id="mine", output=receipt("a", 1))
    assert (first.id, first.created, again.id, again.created) == ("mine", True, "mine", False)
    assert (await run.fork(4, id="plain")).created
    assert not (await run.fork(4, id="plain")).created
    for at, output in ((charge, receipt("b", 1)), (charge, ...), (4, ...)):
        with pytest.raises(RunIdConflict, match="mine"):
            await run.fork(at, id="mine", output=output)
    with pytest.raises(OptionInvalid, match="cannot name a run"):
        await run.fork(4, id="no/slash")


# --- other code --------------------------------------------------------------------------------


async def test_a_fork_goes_on_with_other_code(shop: House, old: Program) -> None:
    """If that agrees with the past: it is the past on its old version, and an upgrade of it."""
    run = await shop.start(old.module.checkout, 42)
    await finished(shop, run)
    new = version_of("new").version
    await shop.world.register_version(new.id, to_archive(new), label="v2")
    wait = (await run.events())[3]
    fork = await run.fork(wait.position, version="v2")
    assert (await fork.events())[1:3] == (await run.events())[1:3]
    (created,) = await shop.events(fork, RunCreated)
    (upgraded,) = await shop.events(fork, RunUpgraded)
    assert (created.version, upgraded.from_version) == (old.version.id, old.version.id)
    assert (upgraded.to_version, upgraded.fingerprint) == (new.id, new.fingerprints[CHECKOUT])
    row = await shop.world.run(fork.id)
    assert row is not None
    assert row.version == new.id
    assert (await finished(shop, fork))[5] == "new"
    (charged, _) = await shop.events(fork, StepCompleted)
    assert charged.version == old.version.id  # whose body it was stays true


async def test_code_that_contradicts_the_past_is_refused(shop: House, old: Program) -> None:
    """Nothing is written, and the sentence says at which event; before it the fork may begin."""
    run = await shop.start(old.module.checkout, 42)
    await finished(shop, run)
    new = version_of("new", more=" + 1").version
    await shop.world.register_version(new.id, to_archive(new))
    with pytest.raises(Diverged, match="WFC653: charge: cents: 42 -> 43") as caught:
        await run.fork(4, version=new.id)
    assert f"cannot be forked at event 4 onto version {new.id}" in str(caught.value)
    assert len((await shop.world.list_runs(RunFilter())).runs) == 1
    fork = await run.fork(3, version=new.id[:6])
    assert (await finished(shop, fork))[4] == 43


async def test_results_that_other_code_cannot_read_are_refused(shop: House, old: Program) -> None:
    """The past is not contradicted, but it could not be gone on from."""
    run = await shop.start(old.module.checkout, 42)
    await finished(shop, run)
    text = VERSIONS.format(word="new", more="").replace(
        "cents: int\n\n\n", "cents: int\n        tip: int\n\n\n"
    )
    new = Program("forked_flows", text, whole=True).version
    await shop.world.register_version(new.id, to_archive(new))
    with pytest.raises(Diverged, match="tip"):
        await run.fork(4, version=new.id)


async def test_versions_are_named_by_id_label_or_beginning(shop: House, old: Program) -> None:
    """One that is not there is refused with what is near."""
    run = await shop.start(old.module.checkout, 42)
    known = old.version.id
    for wanted in (known[:3], "v9", known[:-1] + "x"):
        with pytest.raises(VersionUnknown, match=r"no version .* is registered"):
            await run.rerun(version=wanted)
    with pytest.raises(VersionUnknown, match="Did you mean"):
        await run.fork(2, version=known[:-1] + "x")
    twin = VersionId(known[:-1] + "-")
    await shop.world.register_version(twin, to_archive(old.version), activate=False)
    with pytest.raises(AmbiguousName, match="fits 2 versions"):
        await run.fork(2, version=known[:8])


IN_AN_IF = VERSIONS.replace(
    "receipt = await charge(cents{more})",
    "if cents:\n            receipt = await charge(cents{more})",
)
"""The call of the step stands elsewhere, so its site has another name."""


async def test_a_run_that_was_upgraded_is_forked_on_what_it_had_there(
    shop: House, old: Program
) -> None:
    """Before the upgrade the old version; behind it the new, and both on any that is named. The
    names of operations are those of now.
    """
    new = Program("forked_flows", IN_AN_IF.format(word="new", more=""), whole=True).version
    await shop.world.register_version(new.id, to_archive(new))
    run = await shop.start(old.module.checkout, 42)
    await shop.worker().run_until_idle()
    former = (await run.steps())[0].id
    length = len(await run.events())
    assert (await run.upgrade(new.id)).moved
    output = await finished(shop, run)
    assert output[5] == "new"
    (charge, tell) = await run.steps()
    assert charge.id != former
    before = await run.fork(length + 1)
    after = await run.fork(length + 2)
    onto = await run.fork(length + 2, version=old.version.id)
    named = await run.fork(tell.id)
    edited = await run.fork(charge.id, output={"number": "r-9", "cents": 7})
    with pytest.raises(InputInvalid, match="no operation"):
        await run.fork(former)
    forks = {before: "old", after: "new", onto: "old", named: "new", edited: "old"}
    versions = {"old": old.version.id, "new": new.id}
    for fork, word in forks.items():
        row = await shop.world.run(fork.id)
        assert row is not None
        assert row.version == versions[word]
        found = await finished(shop, fork)
        assert (found[:2], found[5]) == (output[:2], word)
        assert found[3] == ("r-9" if fork is edited else "r-1")
        (replayed,) = await replay_all(shop.session, fork.id, await shop.world.history(fork.id))
        assert (replayed.problem, type(replayed.outcome)) == (None, Completed)
    back, forth = await shop.events(onto, RunUpgraded)
    assert (back.to_version, forth.to_version) == (new.id, old.version.id)


async def test_a_history_is_replayed_on_any_version(shop: House, old: Program) -> None:
    """On its own as a worker would, with its upgrades; on others as an upgrade would."""
    new = Program("forked_flows", IN_AN_IF.format(word="new", more=""), whole=True).version
    more = version_of("more", more=" + 1").version
    for version in (new, more):
        await shop.world.register_version(version.id, to_archive(version))
    run = await shop.start(old.module.checkout, 42)
    await shop.worker().run_until_idle()
    await run.upgrade(new.id)
    log = await shop.world.history(run.id)
    for wanted in (None, new.id, old.version.id):
        (found,) = await replay_all(shop.session, run.id, log, wanted)
        assert (found.problem, type(found.outcome)) == (None, Suspended)
    (found,) = await replay_all(shop.session, run.id, log, more.id)
    assert found.problem == "WFC653: charge: cents: 42 -> 43"
    await finished(shop, run)
    log = await shop.world.history(run.id)
    (found,) = await replay_all(shop.session, run.id, log, old.version.id)
    assert found.problem is not None
    assert "WFC653: tell: text: 'new' -> 'old'" in found.problem


async def test_a_replay_that_ends_otherwise_is_a_contradiction(shop: House, old: Program) -> None:
    """With another result, or not at all, or by a failure."""
    run = await shop.start(old.module.checkout, 42)
    await finished(shop, run)
    log = await shop.world.history(run.id)
    end = log[-1]
    other = replace(end, event=replace(end.event, output=b"x"))  # type: ignore[call-arg]  # it has one
    early = replace(end, position=4)
    created = log[0].event
    assert isinstance(created, RunCreated)
    arguments, _ = encode_arguments({"cents": 1, "tip": 2}, call="start")
    wrong = replace(log[0], event=replace(created, arguments=arguments))
    for history, problem in (
        ([*log[:-1], other], "with another result"),
        ([*log[:3], early], "the run had ended here, and the code goes on"),
        ([wrong, log[1], replace(end, position=3)], "and the code fails (user): "),
    ):
        (found,) = await replay_all(shop.session, run.id, history)
        assert found.problem is not None
        assert problem in found.problem


async def test_a_past_whose_own_code_is_not_held_cannot_be_compared(
    shop: House, old: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is refused, and says that."""
    run = await shop.start(old.module.names_itself)
    await finished(shop, run)
    second = (await run.steps())[1].id
    new = version_of("new").version
    await shop.world.register_version(new.id, to_archive(new))
    shop.session = Session(shop.world, Registry(new))
    archive_of = shop.world.version_archive

    async def archive(version: VersionId) -> bytes | None:
        return None if version == old.version.id else await archive_of(version)

    monkeypatch.setattr(shop.world, "version_archive", archive)
    with pytest.raises(Diverged, match="cannot be had here") as caught:
        await run.fork(second, version=new.id)
    assert f"the bundle of {old.version.id}" in str(caught.value)
    assert len((await shop.world.list_runs(RunFilter())).runs) == 1


async def test_code_that_means_the_same_is_forked_onto_too(shop: House, old: Program) -> None:
    """No upgrade would be written for it; whoever asks for a version gets a run on it."""
    text = VERSIONS.format(word="old", more="").replace("Two versions", "Some versions")
    same = Program("forked_flows", text, whole=True).version
    new = version_of("new").version
    await shop.world.register_version(new.id, to_archive(new))
    await shop.world.register_version(same.id, to_archive(same))
    run = await shop.start(old.module.checkout, 42)
    output = await finished(shop, run)
    fork = await run.fork(4, version=same.id, id="mine")
    (upgraded,) = await shop.events(fork, RunUpgraded)
    assert (upgraded.to_version, upgraded.site_map) == (same.id, {})
    assert not (await run.fork(4, version=same.id, id="mine")).created
    with pytest.raises(RunIdConflict):
        await run.fork(4, version=new.id, id="mine")
    assert (await finished(shop, fork))[3:] == output[3:]


async def test_a_fork_onto_a_mended_version_takes_a_failure_back(shop: House, old: Program) -> None:
    """From behind the end: what an upgrade would revive goes on, and nothing is done twice."""
    bad = VERSIONS.format(word="old", more="").replace("return [began", "1 / 0; return [began")
    broken = Program("forked_flows", bad, whole=True)
    shop.version = broken.version
    shop.session.registry = Registry(broken.version)
    await shop.world.register_version(broken.version.id, to_archive(broken.version))
    run = await shop.start(broken.module.checkout, 42)
    with pytest.raises(RunFailed, match="division"):
        await finished(shop, run)
    calls = list(sys.journal.calls)  # type: ignore[attr-defined]  # the fixture puts it there
    fork = await run.fork(len(await run.events()) + 1, version=old.version.id)
    assert await fork.status() is RunStatus.SUSPENDED
    assert (await finished(shop, fork))[5] == "old"
    assert sys.journal.calls == calls  # type: ignore[attr-defined]  # likewise


async def test_a_workflow_that_was_renamed_is_forked_and_begun_again(
    shop: House, old: Program
) -> None:
    """The hint leads to it, and to what its steps are called now."""
    text = VERSIONS.format(word="new", more="").replace(
        "async def checkout(", "# wfc: was[checkout]\n    async def pay("
    ).replace("async def charge(", "# wfc: was[charge]\n    async def bill(").replace(
        "await charge(", "await bill("
    )  # fmt: skip
    new = Program("forked_flows", text, whole=True).version
    await shop.world.register_version(new.id, to_archive(new))
    run = await shop.start(old.module.checkout, 42)
    await shop.worker().run_until_idle()
    fork = await run.fork(len(await run.events()) + 1, version=new.id)
    edited = await run.fork(
        (await run.steps())[0].id, version=new.id, output={"number": "r-9", "cents": 7}
    )
    again = await run.rerun(version=new.id)
    (created,) = await shop.events(again, RunCreated)
    assert created.workflow == "forked_flows:pay"
    assert [step.name for step in await fork.steps()] == ["bill"]
    assert (await finished(shop, fork))[5] == "new"
    assert (await finished(shop, edited))[3:5] == ["r-9", 7]


async def test_a_fork_onto_a_version_without_the_workflow_is_refused(
    shop: House, old: Program
) -> None:
    """It says what the version has."""
    text = VERSIONS.format(word="new", more="").replace("def checkout(", "def other(")
    new = Program("forked_flows", text, whole=True).version
    await shop.world.register_version(new.id, to_archive(new))
    run = await shop.start(old.module.checkout, 42)
    with pytest.raises(NoSuchWorkflow, match="forked_flows:other"):
        await run.fork(2, version=new.id)


async def test_a_workflow_that_passes_its_name_on_can_be_forked(
    shop: House, old: Program, journal: Journal
) -> None:
    """The fork has another name; what the first run passed under its own stands as recorded."""
    run = await shop.start(old.module.names_itself)
    assert await finished(shop, run) == "done"
    first, second = await run.steps()
    journal.calls.clear()
    fork = await run.fork(second.id)
    assert await finished(shop, fork) == "done"
    assert journal.calls == [("tell", "done")]
    assert (await fork.steps())[0].arguments == {"text": run.id}
    again = await run.fork(first.id)
    await finished(shop, again)
    assert ("tell", again.id) in journal.calls


async def test_a_name_that_was_passed_on_does_not_hide_other_code(
    shop: House, old: Program
) -> None:
    """Only what the run's own version gives otherwise is set aside."""
    run = await shop.start(old.module.names_itself)
    await finished(shop, run)
    text = VERSIONS.format(word="new", more="").replace('tell("done")', 'tell("bye")')
    new = Program("forked_flows", text, whole=True).version
    await shop.world.register_version(new.id, to_archive(new))
    second = (await run.steps())[1].id
    assert await finished(shop, await run.fork(second, version=new.id)) == "bye"
    with pytest.raises(Diverged, match="WFC653: tell: text: 'done' -> 'bye'"):
        await run.fork(5, version=new.id)


# --- what is open at the cut -------------------------------------------------------------------


async def test_an_attempt_under_way_is_made_again(house: House, journal: Journal) -> None:
    """Uncounted, so that a step which may be tried once is tried, also in the fork."""
    run = await house.start(FLOWS.at_most_once, 3)
    journal.holds_once = True
    worker = house.worker()
    working = asyncio.create_task(worker.run_until_idle())
    await asyncio.wait_for(journal.entered.wait(), 30)
    await house.logged(run, "step_started")
    fork = await run.fork(len(await run.events()) + 1)
    (retrying,) = await house.events(fork, StepRetrying)
    assert (retrying.attempt, retrying.counted) == (1, False)
    journal.gate.set()
    await working
    await house.worker().run_until_idle()
    assert (await run.result(), await fork.result()) == ("ran 3", "ran 3")
    assert [event.attempt for event in await house.events(fork, StepStarted)] == [1, 1]
    assert journal.calls == [("once", 3), ("once", 3)]


async def test_a_pause_between_attempts_is_kept(house: House, journal: Journal) -> None:
    """The step is queued for any worker, and waits there for its time."""
    run = await house.start(FLOWS.retried, 3)
    journal.failures.append(RuntimeError("no"))
    await house.worker().run_until_idle()
    log = await run.events()
    assert any(isinstance(each.event, StepRetrying) for each in log)
    fork = await run.fork(len(log) + 1)
    house.advance(hours=1)
    await house.worker().run_until_idle()
    assert await fork.result() == 3
    (outcome,) = await house.events(fork, StepCompleted)
    assert outcome.attempt == 2


async def test_waits_keep_their_time(house: House) -> None:
    """One that is over elapses at once, one that is not is waited for."""
    run = await house.start(FLOWS.waits, 2)
    await house.worker().run_until_idle()
    wait = next(each for each in await run.events() if isinstance(each.event, WaitCreated))
    house.advance(days=1)
    early = await run.fork(wait.position + 1)
    await house.worker().run_until_idle()
    assert await early.status() is RunStatus.SUSPENDED
    house.advance(days=1)
    late = await run.fork(wait.position + 1)
    await house.worker().run_until_idle()
    assert (await early.result(), await late.result()) == (3, 3)
    (over,) = await house.events(late, WaitCompleted)
    assert over.cause == "elapsed"


async def test_a_fork_has_a_time_of_its_own(house: House) -> None:
    """Its timeout counts from the fork, however long ago the first run began."""
    run = await house.start(FLOWS.waits, 2, timeout="3 days")
    await house.worker().run_until_idle()
    house.advance(days=60)
    fork = await run.fork(3)
    house.advance(days=1)
    await house.worker().run_until_idle()
    assert await fork.result() == 3
    with pytest.raises(RunFailed, match="timeout"):
        await run.result()


async def test_lines_that_were_said_are_not_said_again(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """They were heard of the run that the past belongs to."""
    run = await house.start(FLOWS.tells, 1)
    with caplog.at_level("INFO", "wfc.workflow"):
        await house.worker().run_until_idle()
        caplog.clear()
        fork = await run.fork(len(await run.events()) + 1)
        for _ in range(2):
            house.advance(days=1)
            await house.worker().run_until_idle()
        assert await fork.result() == 1
    said = [each.getMessage() for each in caplog.records if vars(each)["run_id"] == fork.id]
    assert said == ["is awake", "ends"]


async def test_attributes_and_place_are_those_of_the_cut(house: House) -> None:
    """Set later is not set; and the fork is nobody's child."""
    run = await house.start(FLOWS.labelled, "x", attributes={"tier": "free"}, priority=7)
    await house.worker().run_until_idle()
    log = await run.events()
    written = next(each for each in log if each.event.name == "attributes_set")
    before, after = await run.fork(written.position), await run.fork(written.position + 1)
    assert await before.attributes() == {"tier": "free"}
    assert await after.attributes() == {"tier": "free", "name": "x"}
    row = await house.world.run(after.id)
    assert row is not None
    assert (row.priority, row.parent_id, row.root_id) == (7, None, None)
    await house.worker().run_until_idle()
    assert await before.attributes() == {"tier": "free", "name": "x"}


async def test_a_fork_of_a_failed_run_leaves_its_end_out(house: House, journal: Journal) -> None:
    """From behind the last event too: what failed is tried again where it was cut."""
    journal.failures += [ValueError("no")] * 3
    run = await house.start(FLOWS.compensates, 3)
    for _ in range(4):
        await house.worker().run_until_idle()
        house.advance(hours=1)
    with pytest.raises(RunFailed):
        await run.result()
    (flaky,) = await run.steps()
    fork = await run.fork(flaky.id)
    await house.worker().run_until_idle()
    assert await fork.result() == 4
    whole = await run.fork(len(await run.events()) + 1)
    assert await whole.status() is RunStatus.SUSPENDED
    await house.worker().run_until_idle()
    with pytest.raises(RunFailed, match="no"):
        await whole.result()


async def test_an_embedded_worker_takes_a_fork_up(house: House, journal: Journal) -> None:
    """Without anybody asking it to."""
    await house.embedded()
    run = await house.start(FLOWS.chain, 3)
    assert await run.result(30) == 3
    fork = await run.fork((await run.steps())[1].id)
    again = await run.rerun()
    assert (await fork.result(30), await again.result(30)) == (3, 3)
    assert len(journal.calls) == 8


async def test_an_ill_named_first_event_is_no_fork(house: House) -> None:
    """An id that belongs to a run which was simply started is refused."""
    run = await house.start(FLOWS.chain, 1)
    await house.start(FLOWS.chain, 1, id="taken")
    with pytest.raises(RunIdConflict, match="taken"):
        await run.fork(2, id="taken")
