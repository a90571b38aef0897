"""What workflows do with agents: run one that nothing records, make one, give one code that acts.

The judge of effects asks these questions of each use that a workflow reaches; it owns the chain and
the exemptions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wfc.compiler.effect_library import Library, Node
from wfc.compiler.facts import AgentFact, Reference
from wfc.manifests.agents import MAKERS, PLAIN
from wfc.manifests.bundle import Span

_RUNS: Final = frozenset({"run", "iter", "run_stream", "run_stream_events"})
_BLOCKING: Final = frozenset({"run_sync", "run_stream_sync", "to_cli_sync"})
_CLIENTS: Final = frozenset(
    {"openai", "anthropic", "groq", "mistralai", "cohere", "huggingface_hub", "xai_sdk"}
)
"""Packages whose classes are clients of a model's provider; those of Google are named below."""
_GOOGLE: Final = "google.genai"
EFFECTS: Final = frozenset(
    {"WFC201", "WFC202", "WFC203", "WFC204", "WFC205", "WFC206", "WFC207"}
    | {"WFC220", "WFC221", "WFC222"}
)
"""Codes of what workflow code may not do, which have codes of their own in an agent's code."""

Way = Sequence[tuple[Node, Reference]]
"""The references that lead from a workflow to a node, each with the node that holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A use of an agent that a workflow may not make. `sentence` follows the workflow's name."""

    code: str
    sentence: str
    what: str
    fix: str
    certain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Code that an agent was given: a plain tool, or a callback (instructions, hooks, checks)."""

    agent: str
    name: str | None  # None: a lambda
    is_tool: bool

    @property
    def code(self) -> str:
        """Give the code of an effect in it."""
        return "WFC708" if self.is_tool else "WFC707"

    @property
    def title(self) -> str:
        """Name it."""
        noun = "plain tool" if self.is_tool else "callback"
        return f"the {noun} `{self.name}`" if self.name else f"a {noun} (a lambda)"

    def fix(self) -> str:
        """Say what to do about an effect in it."""
        if self.is_tool and self.name:
            return f'give `{self.name}` the line "use step"'
        if self.is_tool:
            return 'write it as a function with the line "use step"'
        name = self.name or "it"
        return f'move the call into a function with the line "use step", and await that in `{name}`'


def fault_of(library: Library, node: Node, reference: Reference) -> Fault | None:
    """Give what is wrong with running an agent where a workflow does; None if nothing is."""
    base, _, word = reference.target.rpartition(".")
    if word not in _RUNS and word not in _BLOCKING:
        return None
    found = agent_at(library, base)
    if found is not None:
        fact, rest = found
        return _of_agent(fact, rest, word)
    # A value that annotations or calls say is an agent; which one, nobody can tell.
    if reference.of not in PLAIN or _is_told_by_name(library, node, reference):
        return None
    if word in _BLOCKING:
        return _blocks(word, certain=reference.exact)
    return _not_durable("an agent", certain=False)


def _of_agent(fact: AgentFact, rest: str, word: str) -> Fault | None:
    if rest not in ("", "agent"):
        return None
    if word in _BLOCKING:
        return _blocks(f"{fact.variable}.{word}", certain=True)
    if fact.durable is True:
        return None
    return _not_durable(f"the agent `{fact.variable}`", certain=fact.durable is False)


def _blocks(name: str, *, certain: bool) -> Fault:
    return Fault(
        code="WFC702",
        sentence=f"calls `{name}`, which blocks the thread on which all runs of the worker go",
        what="blocks",
        fix="await the agent: `await bot.stream(...)` of a `DurableAgent`, or `await bot.run(...)`",
        certain=certain,
    )


def _not_durable(name: str, *, certain: bool) -> Fault:
    return Fault(
        code="WFC701",
        sentence=f"runs {name}, which is not durable: none of its calls is recorded, and a replay "
        "makes them all again",
        what="runs an agent that is not durable",
        fix="make it a `DurableAgent`, or give it `capabilities=[Durability()]`; or run it in a "
        "step",
        certain=certain,
    )


def _is_told_by_name(library: Library, node: Node, reference: Reference) -> bool:
    """Tell whether the same use is judged by the name of a module-level agent."""
    facts = library.facts(node.module)
    return facts is not None and any(
        one.span == reference.span and agent_at(library, one.target.rpartition(".")[0]) is not None
        for one in library.references(facts, node.name)
        if one is not reference
    )


def makes_agent(library: Library, reference: Reference) -> bool:
    """Tell whether a use calls what makes agents, in a function."""
    is_call = reference.use == "call" and reference.function != ""
    return is_call and library.external(reference.target) in MAKERS


def made_anew(function: str) -> Fault:
    """Say that a function makes an agent at each call."""
    return Fault(
        code="WFC703",
        sentence=f"makes an agent in `{function}`, anew at each call: that takes long, each "
        "replay does it again, and no version knows the agent",
        what="makes an agent",
        fix="make it at module level, and give what differs to `stream(...)`",
        certain=True,
    )


def agent_at(library: Library, name: str) -> tuple[AgentFact, str] | None:
    """Give the module-level agent that a dotted name begins with, and what follows it."""
    nodes = library.locate(name)
    facts = library.facts(nodes[-1].module) if nodes else None
    if not nodes or facts is None or not facts.agents:
        return None
    for fact in facts.agents:
        if fact.variable == nodes[-1].name:
            whole = library.external(name)
            own = f"{facts.name}.{fact.variable}"
            return fact, whole.removeprefix(own).lstrip(".")
    return None


def given_on(library: Library, way: Way, last: tuple[Node, Reference]) -> Given | None:
    """Give the code of an agent by which a workflow comes to what it reaches, if any."""
    for index, (origin, reference) in enumerate((*way, last)):
        facts = library.facts(origin.module)
        for fact in facts.agents if facts is not None else ():
            if fact.variable == origin.name:
                name = reference.target.rpartition(".")[2] if index < len(way) else None
                is_tool = any(_holds(span, reference.span) for span in fact.tool_spans)
                return Given(agent=fact.variable, name=name, is_tool=is_tool)
    return None


def is_client(target: str) -> bool:
    """Tell whether a name is that of a class whose instances talk to a model's provider."""
    top, word = target.partition(".")[0], target.rpartition(".")[2]
    is_of_provider = top in _CLIENTS or target.startswith(f"{_GOOGLE}.")
    return is_of_provider and word[:1].isupper() and not word.endswith("Error")


def _holds(outer: Span, inner: Span) -> bool:
    return (outer.line, outer.column) <= (inner.line, inner.column) and (
        inner.end_line,
        inner.end_column,
    ) <= (outer.end_line, outer.end_column)
