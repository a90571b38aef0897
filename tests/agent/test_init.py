"""What this room shows, and what it stands on: facts of pydantic-ai that a minor may change."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import pydantic_ai
import pytest
from pydantic_ai import Agent, FunctionToolset
from pydantic_ai._agent_graph import set_agent_graph_sleep
from pydantic_ai._utils import disable_threads
from pydantic_ai.durable_exec import (
    JournalOperationNamer,
    ModelRequestId,
    RoleBasedOperationConfig,
    ToolsetCallToolId,
)
from pydantic_ai.ui.vercel_ai.response_types import BaseChunk

import wfc.agent
from tests.agent.conftest import HouseOf
from tests.agent.models import Call, Script, scripted
from tests.runtime.programs import Program
from wfc.agent import Durability
from wfc.agent.tools import Kind, kind_of

SURFACE = (
    "AgentResult Approval ApprovalLevel Breaker Chat ChatTurn Durability DurableAgent Post "
    "Principal StepChanges StepContext StepInfo has_tool_call sleep_tool step_count_is "
    "total_tokens_over webhook_tool"
)
ROOM = Path(inspect.getfile(wfc.agent)).parent

FACTS = Program(
    "agent_facts",
    '''
    """What pydantic-ai does in workflow code."""
    import wfc
    from pydantic_ai import FunctionToolset, Tool
    from wfc.agent import DurableAgent


    def in_place(number: int) -> int:
        """A sync tool, which elsewhere goes to a thread."""
        return number + 1


    def instructions(ctx) -> str:
        return "Be brief."


    bot = DurableAgent(
        "bot",
        wfc.scripted,
        tools=[in_place],
        toolsets=[
            FunctionToolset(
                [
                    Tool(wfc.library_tool, name="outside"),
                    Tool(wfc.library_tool, name="inside", metadata={"wfc": False}),
                ],
                id="library",
            )
        ],
        instructions=instructions,
    )


    async def asks(question: str) -> list:
        "use workflow"
        result = await bot.stream(question, stream_to=None)
        return [one.content for one in result.tool_results]
    ''',
)
FLOWS: Any = FACTS.module


def test_the_public_names_are_these() -> None:
    assert wfc.agent.__all__ == SURFACE.split()
    assert all(getattr(wfc.agent, name) is not None for name in SURFACE.split())


def test_two_private_names_of_pydantic_ai_are_used_and_no_more() -> None:
    """In one module. What else begins with an underscore is overridden, as its SDK means it."""
    private: dict[str, list[str]] = {}
    for path in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("pydantic"):
                hidden = "._" in str(node.module) or any(n.name.startswith("_") for n in node.names)
                if hidden:
                    private.setdefault(path.name, []).extend(each.name for each in node.names)
    assert private == {"seams.py": ["set_agent_graph_sleep", "disable_threads"]}
    assert callable(set_agent_graph_sleep)
    assert callable(disable_threads)


def test_what_is_overridden_is_there() -> None:
    """These are the SDK's own, underscored: a minor that renames them must fail here."""
    base = Durability.__mro__[1]
    for name in (
        "_resolve_model_for_request", "_stamp_response", "_toolset_base_config",
        "_model_stream_event_handler", "_wrap_leaf_toolset",
    ):  # fmt: skip
        assert callable(getattr(base, name))
    assert "sdk_version" in inspect.signature(BaseChunk.encode).parameters


def test_names_of_operations_are_what_logs_hold() -> None:
    namer = JournalOperationNamer("bot")
    stream = ModelRequestId(None, streaming=True, model_name="m")
    assert namer.operation_name(stream) == "bot__model.request_stream"
    tool = ToolsetCallToolId("mcp", toolset_id="docs")
    assert namer.operation_name(tool) == "bot__mcp_server__docs.call_tool"


def test_a_tools_own_config_needs_a_resolver() -> None:
    """Without one `metadata={"wfc": False}` would be passed over."""
    config = RoleBasedOperationConfig[dict[str, int]](model={}, event={}, capability={}, tool={})
    operation = ToolsetCallToolId("function", toolset_id="x")
    assert config.for_tool("tool", operation_id=operation, tool=None, tool_name="t") == {}


async def test_sync_code_runs_in_place(house_of: HouseOf, script: Script) -> None:
    """Tools, instructions: a thread would hang the run. What is library code is a step by itself,
    unless its metadata says that it is workflow code.
    """
    house = await house_of(FACTS)
    script.says(
        [
            Call("in_place", {"number": 1}),
            Call("outside", {"text": "a"}, "c2"),
            Call("inside", {"text": "b"}, "c3"),
        ],
        ["Done."],
    )
    run = await house.start(FLOWS.asks, "go")
    await house.worker().run_until_idle()
    assert await run.result() == [2, "a!", "b!"]
    names = [getattr(one.event, "operation_id", "") for one in await house.world.history(run.id)]
    assert [name for name in names if "call_tool" in name] == [
        "bot__function_toolset__library.call_tool.outside#0"
    ]
    await house.replayed(run, FACTS)


def test_a_function_is_what_it_is() -> None:
    def library(text: str) -> str:
        """Do."""
        return text

    assert kind_of(library) is Kind.LIBRARY
    assert kind_of(FLOWS.in_place) is Kind.LIBRARY  # outside of a bundle nobody is workflow code
    assert kind_of(print) is Kind.LIBRARY


def test_two_toolsets_of_one_name_are_refused() -> None:
    toolsets: list[Any] = [FunctionToolset([], id="a"), FunctionToolset([], id="a")]
    with pytest.raises(pydantic_ai.exceptions.UserError, match="same `id`"):
        Agent(scripted("x"), name="bot", toolsets=toolsets, capabilities=[Durability()])
