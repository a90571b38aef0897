"""Which model is asked, how often, and by whose retries."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError, UserError
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.models.wrapper import WrapperModel

from tests.agent.conftest import HouseOf
from tests.agent.models import Call, Script, scripted
from tests.runtime.programs import Program
from wfc.agent import Breaker, DurableAgent
from wfc.agent.breaker import BreakerOpen
from wfc.agent.clients import without_retries
from wfc.agent.faults import is_final, retry_after_s
from wfc.agent.named import NamedModel
from wfc.errors import EffectInWorkflow, RunFailed
from wfc.eventlog.event import StepRetrying

MODELS = Program(
    "agent_models_of",
    '''
    """Agents and their models."""
    import sys

    import wfc
    from pydantic_ai import Agent
    from pydantic_ai.capabilities import ModelFallback
    from wfc.agent import Breaker, DurableAgent, Durability

    named = DurableAgent("named", "openai:gpt-none")
    falling = DurableAgent(
        "falling",
        wfc.scripted,
        capabilities=[ModelFallback(wfc.other)],
        durability=Durability({"other": wfc.other}, model_attempts=1),
    )
    plain = Agent(
        wfc.scripted, name="plain", capabilities=[Durability({"slow": wfc.other})]
    )


    async def asks_named(question: str) -> str:
        "use workflow"
        return (await named.stream(question)).output


    async def falls_back(question: str) -> str:
        "use workflow"
        return (await falling.stream(question)).output


    async def runs(question: str) -> list:
        "use workflow"
        first = await plain.run(question)
        second = await plain.run(question, model="slow", message_history=first.all_messages())
        return [first.output, second.output, first.run_id == second.run_id]
    ''',
)
FLOWS: Any = MODELS.module


async def test_a_missing_key_fails_in_the_step(
    house_of: HouseOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not where the workflow is loaded; it is not tried again."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    house = await house_of(MODELS)
    run = await house.start(FLOWS.asks_named, "hi")
    await house.worker().run_until_idle()
    with pytest.raises(RunFailed):
        await run.result()
    assert "step_failed" in await house.log(run)
    assert not await house.events(run, StepRetrying)


async def test_another_model_takes_over(house_of: HouseOf, script: Script) -> None:
    """Each attempt is a step that is seen."""
    house = await house_of(MODELS)
    script.says(["Hi."], model="other")
    script.troubles = [ModelHTTPError(500, "scripted")]
    run = await house.start(FLOWS.falls_back, "hi")
    await house.worker().run_until_idle()
    assert await run.result() == "Hi."
    assert [name for name, _ in script.calls] == ["scripted", "other"]
    await house.replayed(run, MODELS)


async def test_a_plain_agent_may_be_durable(house_of: HouseOf, script: Script) -> None:
    """`Agent(..., capabilities=[Durability()])` and `run`: no stream, the same steps."""
    house = await house_of(MODELS)
    script.says(["Hi."])
    script.says(["?"], ["Ho."], model="other")
    run = await house.start(FLOWS.runs, "hi")
    await house.worker().run_until_idle()
    assert await run.result() == ["Hi.", "Ho.", False]
    names = [getattr(one.event, "operation_id", None) for one in await house.world.history(run.id)]
    assert names[2:4] == ["plain__model.request#0", "plain__model.request.slow#0"]
    await house.replayed(run, MODELS)


async def test_a_named_model_answers_nothing() -> None:
    model = NamedModel("openai:gpt-5")
    assert (model.model_name, model.system) == ("gpt-5", "openai")
    with pytest.raises(EffectInWorkflow):
        await model.request([], None, None)  # type: ignore[arg-type]  # it does not look at them


# --- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "final"),
    [(400, True), (401, True), (404, True), (408, False), (409, False), (425, False),
     (429, False), (500, False), (503, False)],
)  # fmt: skip
def test_a_status_says_whether_to_try_again(status: int, *, final: bool) -> None:
    assert is_final(ModelHTTPError(status, "m")) is final
    assert is_final(UserError("no key"))
    assert not is_final(ValueError("no net"))


def test_a_provider_says_when_to_try_again() -> None:
    """For five minutes at most; a date in the past is now, and what cannot be read says nothing."""

    def asked(value: str, status: int = 429) -> float | None:
        return retry_after_s(ModelHTTPError(status, "m", headers={"Retry-After": value}))

    assert (asked("7"), asked("3600"), asked("-1"), asked("soon")) == (7.0, 300.0, 0.0, None)
    assert asked("7", status=500) is None
    assert asked(format_datetime(datetime.now(UTC) + timedelta(days=1))) == 300.0
    assert asked(format_datetime(datetime.now(UTC) - timedelta(days=1))) == 0.0
    assert retry_after_s(ModelHTTPError(429, "m")) is None
    assert retry_after_s(ValueError()) is None


# --- breakers ------------------------------------------------------------------------------------


async def test_a_breaker_opens_and_closes() -> None:
    now = [0.0]
    breaker = Breaker(failures=2, open_for="60s", clock=lambda: now[0])
    calls = []

    async def fails() -> None:
        calls.append("fails")
        raise ModelHTTPError(500, "m")

    async def answers() -> str:
        calls.append("answers")
        return "ok"

    async def is_misused() -> None:
        raise ModelHTTPError(400, "m")

    for _ in range(5):
        with pytest.raises(ModelHTTPError):
            await breaker.guard("m", is_misused)
    for _ in range(2):
        with pytest.raises(ModelHTTPError):
            await breaker.guard("m", fails)
    with pytest.raises(BreakerOpen, match="in 60 s"):
        await breaker.guard("m", answers)
    assert await breaker.guard("n", answers) == "ok"
    assert calls == ["fails", "fails", "answers"]
    now[0] = 60.0
    with pytest.raises(ModelHTTPError):
        await breaker.guard("m", fails)
    with pytest.raises(BreakerOpen):
        await breaker.guard("m", answers)
    now[0] = 120.0
    assert await breaker.guard("m", answers) == "ok"
    assert await breaker.guard("m", answers) == "ok"


async def test_one_try_goes_through_an_open_breaker() -> None:
    now = [0.0]
    breaker = Breaker(failures=1, open_for="1s", clock=lambda: now[0])

    async def fails() -> None:
        raise ModelAPIError("m", "gone")

    with pytest.raises(ModelAPIError):
        await breaker.guard("m", fails)
    now[0] = 2.0

    async def looks() -> str:
        with pytest.raises(BreakerOpen):
            await breaker.guard("m", looks)
        return "ok"

    assert await breaker.guard("m", looks) == "ok"


@pytest.mark.parametrize("options", [{"failures": 0}, {"open_for": "soon"}])
def test_a_breaker_that_cannot_be_is_refused(options: Any) -> None:
    with pytest.raises(ValueError, match=r"breaker|open_for"):
        Breaker(**options)


async def test_an_agent_with_a_breaker(script: Script) -> None:
    """Outside of a workflow nothing is guarded: the agent is a plain one."""
    from wfc.agent import Durability  # noqa: PLC0415 - beside its only use

    script.says(["Hi."])
    bot = DurableAgent("bot", scripted("scripted"), durability=Durability(breaker=Breaker()))
    assert (await bot.agent.run("hi")).output == "Hi."
    assert repr(bot) == "DurableAgent('bot')"
    assert Call("a").id == "c1"


# --- clients -------------------------------------------------------------------------------------


class Client:
    def __init__(self) -> None:
        self.max_retries = 2


class Stubborn:
    @property
    def max_retries(self) -> int:
        return 2


def test_clients_retry_nothing_by_themselves() -> None:
    """Wherever they are: in a wrapper, in a chain of models. Who cannot be told is named."""
    models = [TestModel(), TestModel()]
    for each in models:
        each.client = Client()  # type: ignore[attr-defined]  # as models of providers have one
    without_retries(FallbackModel(WrapperModel(models[0]), models[1]))
    assert [each.client.max_retries for each in models] == [0, 0]  # type: ignore[attr-defined]
    models[0].client = Stubborn()  # type: ignore[attr-defined]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        without_retries(models[0])
    assert "retries up to 2 times by itself" in str(caught[0].message)
