"""Gather the agents that a module makes, as workflows that use them must be judged by them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from wfc.compiler.facts import AgentFact
from wfc.compiler.spans import span_of
from wfc.manifests.agents import DURABILITY, DURABLE, Made, agent_of, agents_in, dotted, imported_in
from wfc.manifests.bundle import Span


def agent_facts(
    tree: ast.Module, tools: Mapping[ast.stmt, tuple[ast.expr, ...]]
) -> Iterator[AgentFact]:
    """Give the agents of a module; `tools` are the decorators that make tools of functions."""
    agents = agents_in(tree)
    known = imported_in(tree) if agents else {}
    for made in agents:
        spans = [span_of(one) for one in (made.argument("tools"), made.argument("toolsets")) if one]
        spans += _decorating(made.variable, tools)
        yield AgentFact(
            variable=made.variable,
            durable=is_durable(made, known),
            tool_spans=tuple(spans),
        )


def is_durable(made: Made, known: Mapping[str, str]) -> bool | None:
    """Tell whether an agent has the capability that makes its calls steps; None: nobody can tell.

    `known` is what the imports of its module bind.
    """
    if made.maker in DURABLE:
        return True
    given = made.argument("capabilities")
    if given is None:
        return None if made.is_open else False
    if not isinstance(given, ast.List | ast.Tuple):
        return None
    names = [dotted(one.func, known) if isinstance(one, ast.Call) else None for one in given.elts]
    if any(name in DURABILITY for name in names):
        return True
    return None if None in names else False


def _decorating(variable: str, tools: Mapping[ast.stmt, tuple[ast.expr, ...]]) -> Iterator[Span]:
    for decorators in tools.values():
        yield from (span_of(one) for one in decorators if agent_of(one) == variable)
