"""Agents as the tree of a module shows them: who makes them, and which functions become tools.

Asked of the tree alone, so that bundle, fingerprint and manifest agree. An agent is what a
module-level statement makes by calling `Agent` of pydantic-ai or `DurableAgent`.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

PLAIN: Final = frozenset({"pydantic_ai.Agent", "pydantic_ai.agent.Agent"})
"""The agent of pydantic-ai, which is durable if it has the capability `Durability`."""
DURABLE: Final = frozenset({"wfc.agent.DurableAgent", "wfc.agent.agent.DurableAgent"})
MAKERS: Final = PLAIN | DURABLE
DURABILITY: Final = frozenset({"wfc.agent.Durability", "wfc.agent.durability.Durability"})
TOOL_DECORATORS: Final = frozenset({"tool", "tool_plain"})
"""Methods of an agent that make a tool of the function below them."""
_HOMES: Final = frozenset({"pydantic_ai", "wfc"})
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Made:
    """An agent that the top-level statement `top` makes."""

    variable: str
    top: int
    call: ast.Call
    maker: str  # dotted, one of `MAKERS`

    def argument(self, name: str, position: int | None = None) -> ast.expr | None:
        """Give what it was given by that keyword, or in that place."""
        for word in self.call.keywords:
            if word.arg == name:
                return word.value
        before = self.call.args[: None if position is None else position + 1]
        if position is None or len(before) <= position:
            return None
        return None if any(isinstance(one, ast.Starred) for one in before) else before[position]

    @property
    def is_open(self) -> bool:
        """Tell whether more was given than is written: ``*args``, ``**options``."""
        starred = any(isinstance(one, ast.Starred) for one in self.call.args)
        return starred or any(word.arg is None for word in self.call.keywords)


def agents_in(tree: ast.Module) -> tuple[Made, ...]:
    """Give the agents of a module, in source order."""
    known = imported_in(tree)
    if not known:
        return ()
    found = []
    for top, statement in enumerate(tree.body):
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Call() as call):
                pass
            case _:
                continue
        maker = dotted(call.func, known)
        if maker in MAKERS:
            found.append(Made(name, top, call, str(maker)))
    return tuple(found)


def tool_decorators(tree: ast.Module) -> Mapping[ast.stmt, tuple[ast.expr, ...]]:
    """Give, by function, the decorators that make a tool of it for an agent of this module."""
    names = {one.variable for one in agents_in(tree)}
    found: dict[ast.stmt, tuple[ast.expr, ...]] = {}
    for statement in tree.body if names else ():
        if isinstance(statement, _FUNCTIONS):
            tools = tuple(one for one in statement.decorator_list if agent_of(one) in names)
            if tools:
                found[statement] = tools
    return found


def agent_of(decorator: ast.expr) -> str | None:
    """Give the name before the dot of ``@bot.tool`` or ``@bot.tool_plain(...)``, else None."""
    function = decorator.func if isinstance(decorator, ast.Call) else decorator
    match function:
        case ast.Attribute(value=ast.Name(id=name), attr=method) if method in TOOL_DECORATORS:
            return name
    return None


def imported_in(tree: ast.Module) -> Mapping[str, str]:
    """Give what names of pydantic-ai and of wfc the module's own imports bind, by name."""
    found: dict[str, str] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Import):
            for one in statement.names:
                if one.name.partition(".")[0] in _HOMES:
                    target = one.name if one.asname else one.name.partition(".")[0]
                    found[one.asname or target] = target
        elif isinstance(statement, ast.ImportFrom) and _is_of_home(statement):
            for one in statement.names:
                found[one.asname or one.name] = f"{statement.module}.{one.name}"
    return found


def _is_of_home(statement: ast.ImportFrom) -> bool:
    return not statement.level and (statement.module or "").partition(".")[0] in _HOMES


def dotted(node: ast.expr, known: Mapping[str, str]) -> str | None:
    """Give the dotted name of an expression, by what imports bind; ``Agent[int, str]`` is `Agent`.

    None: it is no chain of names, or begins with another one.
    """
    if isinstance(node, ast.Subscript):
        node = node.value
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in known:
        return None
    return ".".join([known[node.id], *parts])
