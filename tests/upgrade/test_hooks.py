"""A run moves with its hooks: what was sent stands, and is read anew by the new type."""

from __future__ import annotations

from typing import Any

import pytest

from tests.upgrade.moving import Tale, built
from wfc import codec
from wfc.errors import FatalError
from wfc.eventlog.entity import HookStatus
from wfc.eventlog.event import HookCreated, HookDisposed, HookReceived
from wfc.eventlog.fold import fold
from wfc.runtime.operations import Completed, Failed

HEAD = """
from pydantic import BaseModel
from wfc import create_hook, sleep

class Approval(BaseModel):
    approved: bool

async def charge(order: str) -> str:
    "use step"
    return order

async def ship(order: str) -> str:
    "use step"
    return order

"""
OLD = (
    HEAD
    + """
async def flow(order: str) -> list:
    "use workflow"
    async with create_hook(Approval, token=order) as hook:
        approval = await hook
        paid = await charge(order)
    return [approval.approved, paid]
"""
)
STEPS: dict[str, Any] = {
    "charge": lambda order: f"paid {order}",
    "ship": lambda order: f"shipped {order}",
    "hook": lambda: {"approved": True},
}
NAMES = [
    "run_created", "run_started", "hook_created", "hook_received", "step_completed",
    "hook_disposed", "run_completed",
]  # fmt: skip


def tale(new: str, old: str = OLD, **steps: Any) -> Tale:
    return Tale(built(old), built(new), "o-1", steps={**STEPS, **steps})


def output_of(outcome: Any) -> Any:
    assert isinstance(outcome, Completed)
    return codec.decode(outcome.output)


def test_the_history_is_what_a_worker_writes() -> None:
    assert [one.event.name for one in tale(OLD).history] == NAMES


def test_a_token_that_changes_is_never_compared() -> None:
    """Outside knows the old one, and the code reads it off its hook."""
    new = OLD.replace("token=order", 'token=f"order:{order}"').replace(
        "return [approval.approved, paid]", "return [approval.approved, hook.token]"
    )
    story = tale(new)
    assert story.letters() == "MMMMMS"
    _, outcome = story.finished(4)
    assert output_of(outcome) == [True, "o-1"]


def test_a_step_is_given_the_token_that_was_recorded() -> None:
    """Also in the turn that makes the hook: the same call is made with what outside knows."""
    old = OLD.replace(
        "        approval = await", "        await ship(hook.token)\n        approval = await"
    )
    story = tale(old.replace("token=order", 'token=f"order:{order}"'), old)
    assert story.letters() == "MMMMMMS"
    driver, outcome = story.finished(3)
    assert output_of(outcome) == [True, "paid o-1"]
    assert driver.calls[0] == ("ship", {"order": "o-1"})


def test_a_payload_is_read_anew_by_the_new_type() -> None:
    """A field that may be absent is filled in, before and after the payload came."""
    new = OLD.replace("approved: bool", 'approved: bool\n    by: str = "nobody"').replace(
        "[approval.approved, paid]", "[approval.by, paid]"
    )
    story = tale(new)
    assert story.letters() == "MMMMMS"
    for length in (3, 4, 5):
        _, outcome = story.finished(length)
        assert output_of(outcome) == ["nobody", "paid o-1"]


def test_a_payload_that_the_new_type_refuses() -> None:
    """Rule 655: where it was taken the run stays, with the field; where none came it moves."""
    story = tale(OLD.replace("approved: bool", "approved: bool\n    by: str"))
    assert story.letters() == "MMSSSS"
    verdict = story.judged(4).verdict
    assert verdict.divergence is not None
    assert (verdict.divergence.rule, verdict.divergence.position) == ("WFC655", 4)
    assert "the payload of create_hook" in verdict.reasons[0].sentence
    assert "by" in verdict.reasons[0].sentence


GONE = (
    HEAD
    + """
async def flow(order: str) -> list:
    "use workflow"
    return [True, await charge(order)]
"""
)


def test_an_open_hook_whose_call_is_gone_needs_consent() -> None:
    """Then it is withdrawn; a payload that was taken is never dropped."""
    story = tale(GONE)
    assert story.letters() == "MSSSSS"
    refused = story.judged(3).verdict
    assert refused.waivable == {"hooks"}
    found = story.judged(3, accept=["hooks"])
    assert found.event is not None
    (name,) = found.event.withdrawn
    assert name.startswith("create_hook~")
    driver, outcome = story.finished(3, accept=["hooks"])
    assert output_of(outcome) == [True, "paid o-1"]
    assert fold(driver.history).hooks == {}


def test_a_step_is_added_behind_an_open_hook() -> None:
    new = OLD.replace("paid = await charge(order)", "paid = await charge(await ship(order))")
    story = tale(new)
    assert story.letters() == "MMMSSS"
    driver, outcome = story.finished(4)
    assert output_of(outcome) == [True, "paid shipped o-1"]
    assert len([one for one in driver.history if isinstance(one.event, HookCreated)]) == 1


def fails(order: str) -> str:
    raise FatalError(f"no money for {order}")


def test_a_revived_run_keeps_what_was_sent_to_it() -> None:
    """The failure left the block, which disposed of the hook: that is taken back, and no more."""
    story = tale(OLD, charge=fails)
    assert [one.event.name for one in story.history][3:] == [
        "hook_received", "step_failed", "hook_disposed", "run_failed",
    ]  # fmt: skip
    found = story.judged(7)
    assert found.event is not None
    assert [name.partition("~")[0] for name in found.event.retracted] == ["charge", "create_hook"]
    state = fold([*story.history, _next(story, found.event)])
    (hook,) = state.hooks.values()
    assert (hook.status, hook.received, hook.disposed_at) == (HookStatus.ACTIVE, 1, None)
    story.driver.steps = story.steps = STEPS
    driver, outcome = story.finished(7)
    assert output_of(outcome) == [True, "paid o-1"]
    names = [one.event.name for one in driver.history][8:]
    assert names == ["step_completed", "hook_disposed", "run_completed"]


def _next(story: Tale, event: Any) -> Any:
    last = story.history[-1]
    return type(last)(position=last.position + 1, recorded_at=last.recorded_at + 1, event=event)


OPEN = OLD.replace("async with create_hook(Approval, token=order) as hook:", "hook = (").replace(
    "        approval = await hook\n        paid = await charge(order)\n",
    "        create_hook(Approval, token=order))\n    approval = await hook\n"
    "    paid = await charge(order)\n    approval = await hook\n",
)


def test_a_hook_that_the_runs_end_disposed_of_is_open_again() -> None:
    """It was never disposed of by an event, and is listed as retracted all the same."""
    story = tale(OPEN, OPEN, charge=fails)
    assert story.history[-2].event.name == "step_failed"
    found = story.judged(len(story.history))
    assert found.event is not None
    assert [name.partition("~")[0] for name in found.event.retracted] == ["charge", "create_hook"]
    story.driver.steps = story.steps = STEPS
    driver, outcome = story.finished(len(story.history))
    assert output_of(outcome) == [True, "paid o-1"]
    kinds = [type(one.event) for one in driver.history]
    assert (kinds.count(HookCreated), kinds.count(HookReceived)) == (1, 2)


def test_a_hook_that_was_disposed_of_before_stays_so() -> None:
    """Only what came with the failure is taken back."""
    old = OLD.replace("        paid = await", "    await sleep(1)\n    paid = await")
    story = tale(old, old, charge=fails)
    found = story.judged(len(story.history))
    assert found.event is not None
    assert [name.partition("~")[0] for name in found.event.retracted] == ["charge"]
    state = fold([*story.history, _next(story, found.event)])
    assert [hook.status for hook in state.hooks.values()] == [HookStatus.DISPOSED]
    assert HookDisposed in [type(one.event) for one in story.history]


def test_a_failure_that_stays_is_told() -> None:
    story = tale(OLD, charge=fails)
    driver, outcome = story.finished(7)
    assert isinstance(outcome, Failed)
    assert len([one for one in driver.history if isinstance(one.event, HookReceived)]) == 1


@pytest.mark.parametrize("kind", ["wait", "step"])
def test_a_hook_that_became_something_else(kind: str) -> None:
    """Its call is gone: another kind is another place."""
    call = "await sleep(5)" if kind == "wait" else "await ship(order)"
    new = GONE.replace("return [True", f"{call}\n    return [True")
    story = tale(new)
    assert story.letters()[1] == "S"
    assert story.judged(3, accept=["hooks"]).verdict
