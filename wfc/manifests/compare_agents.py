"""What an edit of an agent means for runs that used it.

Its steps stand in logs by its name and the ids of its toolsets, so those must stay. What it is told
and what it may call is asked anew at each turn: recorded answers stand.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from wfc.manifests.findings import Finding, Sides, short
from wfc.manifests.levels import Level
from wfc.manifests.manifest import Agent

_READ: Final = frozenset(
    {"name", "models", "toolsets", "tools", "approvals", "output", "wording", "operations"}
)
_STANDS: Final = "recorded answers stand"
_LATER: Final = "later turns use it"


def compare_agent(sides: Sides, was: str) -> Iterator[Finding]:
    """Compare an agent that a workflow uses."""
    old = sides.old.agents[was]
    name = _now(sides, was, old)
    new = sides.new.agents.get(name)
    title = f"the agent `{short(was)}`"
    if new is None:
        yield sides.find(
            Level.IF_RECORDED,
            "WFC613",
            f"{title} is gone or renamed: recorded calls name it",
            old=was,
            new=name,
            fix=f"keep `{old.name or short(was)}` until the runs that used it have ended",
        )
        return
    if old == new:
        return
    for sentence, fix in _lost(old, new):
        yield sides.find(
            Level.IF_RECORDED, "WFC613", f"{title} {sentence}", old=was, new=name, fix=fix
        )
    for sentence, fix in _changed(old, new):
        yield sides.find(Level.REPLAY, "WFC613", f"{title} {sentence}", old=was, new=name, fix=fix)


def _now(sides: Sides, was: str, old: Agent) -> str:
    """Give the id of the agent in the new version: by the hint, or by the name that logs hold."""
    name = sides.hints.definition(was)
    if name in sides.new.agents or old.name is None:
        return name
    namesakes = [one for one, agent in sides.new.agents.items() if agent.name == old.name]
    return namesakes[0] if len(namesakes) == 1 else name


_Told = Iterator[tuple[str, str | None]]
"""What follows the agent's title, and what to do."""


def _lost(old: Agent, new: Agent) -> _Told:
    """Give what recorded operations name and the new version does not have."""
    if old.name != new.name and old.name is not None:
        called = f'"{new.name}"' if new.name is not None else "by what no build can tell"
        yield (
            f'was called "{old.name}" and is called {called} now: recorded calls name it',
            f'write `"{old.name}"` again, or let the runs that used it end on their version',
        )
    for one in sorted(set(old.toolsets) - set(new.toolsets)):
        yield (
            f"lost the toolset `{one}`: recorded calls name it",
            f'keep `id="{one}"`',
        )
    for one in sorted(set(old.tools) - set(new.tools)):
        yield (
            f"lost the tool `{one}`: a recorded answer may call it",
            f"keep `{one}` until the runs that may call it have ended",
        )
    # With the agent's name all its operations have others; one tool less is told above.
    gone = set(old.operations) - set(new.operations) if old.name == new.name else set()
    for one in sorted(gone):
        if one.rpartition(".")[2] in {*old.tools} - {*new.tools}:
            continue
        if any(f"__{toolset}." in one for toolset in set(old.toolsets) - set(new.toolsets)):
            continue
        yield f"lost the operation `{one}`: recorded ones name it", None


def _changed(old: Agent, new: Agent) -> _Told:
    """Give what later turns see, and runs in which it is under way may notice."""
    yield from _tools(old, new)
    yield from _words(old, new)
    # Whatever else differs is a setting of it, be it one that only a newer wfc knows.
    if _rest(old) != _rest(new) or (not _told(old, new) and old.operations != new.operations):
        yield f"is set up otherwise: {_LATER}", None


def _tools(old: Agent, new: Agent) -> _Told:
    for tool in sorted(new.tools):
        if tool not in old.tools:
            yield f"has the new tool `{tool}`: {_STANDS}", None
        elif old.tools[tool] != new.tools[tool]:
            yield (
                (
                    f"has other parameters for its tool `{tool}`: {_STANDS}; a run that waits for "
                    "a call of it moves if the arguments fit"
                ),
                f"give new parameters of `{tool}` a default",
            )
    for tool in sorted(old.approvals.keys() | new.approvals.keys()):
        before, after = old.approvals.get(tool), new.approvals.get(tool)
        if before != after:
            yield _approval(tool, before, after)
    for one in sorted(set(new.toolsets) - set(old.toolsets)):
        yield f"has the new toolset `{one}`: {_STANDS}", None


def _words(old: Agent, new: Agent) -> _Told:
    if old.output != new.output:
        what = f"was {old.output} and is {new.output}"
        yield f"has another output: it {what}; {_STANDS}", None
    if old.models != new.models:
        before, after = (", ".join(one.models) or "none" for one in (old, new))
        yield f"has another model: {before} -> {after}; {_LATER}", None
    if old.wording != new.wording:
        yield f"has other instructions or settings: {_LATER}", None


def _approval(tool: str, before: str | None, after: str | None) -> tuple[str, str | None]:
    if after is None:
        how = "needs nobody's approval any more: runs that wait for one do not move"
    elif before is None:
        how = "needs an approval now: recorded calls stand"
    else:
        how = "is approved by other rules now: recorded decisions stand"
    return f"changed who approves: its tool `{tool}` {how}", None


def _rest(agent: Agent) -> dict[str, Any]:
    return {name: value for name, value in agent.model_dump().items() if name not in _READ}


def _told(old: Agent, new: Agent) -> bool:
    """Tell whether something was said that explains other operations."""
    return any(
        getattr(old, field) != getattr(new, field)
        for field in ("name", "models", "toolsets", "tools")
    )
