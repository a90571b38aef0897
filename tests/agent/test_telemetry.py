"""Spans of agents: what a replay does again is told of no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic_ai.models.instrumented import InstrumentationSettings

import wfc
from tests.agent.conftest import HouseOf
from tests.agent.models import Call, Script
from tests.runtime.programs import Program

EXPORTER = InMemorySpanExporter()
_PROVIDER = TracerProvider()
_PROVIDER.add_span_processor(SimpleSpanProcessor(EXPORTER))
wfc.instrumentation = InstrumentationSettings(tracer_provider=_PROVIDER, include_content=False)

SEEN = Program(
    "agent_seen",
    '''
    """An agent that is watched."""
    import wfc
    from wfc.agent import DurableAgent


    async def search(query: str) -> str:
        """Search."""
        "use step"
        return "X1"


    bot = DurableAgent("bot", wfc.scripted, tools=[search], instrument=wfc.instrumentation)
    quiet = DurableAgent("quiet", wfc.scripted, instrument=True)


    async def asks(question: str) -> str:
        "use workflow"
        return (await bot.stream(question)).output
    ''',
)
FLOWS: Any = SEEN.module


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    EXPORTER.clear()
    yield EXPORTER
    EXPORTER.clear()


async def test_a_replay_emits_no_span(
    house_of: HouseOf, script: Script, spans: InMemorySpanExporter
) -> None:
    house = await house_of(SEEN)
    script.says([Call("search", {"query": "LHR"})], ["X1."])
    run = await house.start(FLOWS.asks, "fly me")
    await house.worker().run_until_idle()
    assert await run.result("20s") == "X1."
    names = [span.name for span in spans.get_finished_spans()]
    assert sum(name.startswith("chat") for name in names) == 2
    assert sum("search" in name for name in names) == 1
    spans.clear()
    await house.replayed(run, SEEN)
    assert [span.name for span in spans.get_finished_spans()] == []
