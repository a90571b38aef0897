"""Durable agents on pydantic-ai: they survive their processes, wait for people, and stream."""

from wfc.agent.agent import DurableAgent
from wfc.agent.approval import Approval, ApprovalLevel
from wfc.agent.breaker import Breaker
from wfc.agent.chat import Chat, ChatTurn, Post
from wfc.agent.chat_endpoints import chat_endpoints
from wfc.agent.durability import Durability
from wfc.agent.result import AgentResult, StepInfo
from wfc.agent.steering import StepChanges, StepContext
from wfc.agent.stops import has_tool_call, step_count_is, total_tokens_over
from wfc.agent.waiting import sleep_tool, webhook_tool
from wfc.http.principal import Principal

__all__ = [
    "AgentResult",
    "Approval",
    "ApprovalLevel",
    "Breaker",
    "Chat",
    "ChatTurn",
    "Durability",
    "DurableAgent",
    "Post",
    "Principal",
    "StepChanges",
    "StepContext",
    "StepInfo",
    "chat_endpoints",
    "has_tool_call",
    "sleep_tool",
    "step_count_is",
    "total_tokens_over",
    "webhook_tool",
]
