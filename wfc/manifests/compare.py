"""What the edits between two versions mean for runs in flight, workflow by workflow.

Nothing is read or loaded here: two manifests come in, findings go out. A level that promises
something (`identical`, `compatible`) is given only on proof: equal fingerprints, or equal digests
of all that a fingerprint is made of, apart from changes that no history can notice. Whatever has
no better explanation is `replay`, where a run's own history decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from wfc.manifests.align import SiteMap, align
from wfc.manifests.compare_agents import compare_agent
from wfc.manifests.compare_operations import (
    Operations,
    compare_operations,
    operations_of,
    same_operations,
)
from wfc.manifests.compare_reached import compare_reached
from wfc.manifests.compare_signatures import compare_call, compare_input
from wfc.manifests.findings import Finding, Sides, Spans, short
from wfc.manifests.levels import Level
from wfc.manifests.manifest import Manifest, Workflow
from wfc.manifests.offers import renamed_workflow
from wfc.manifests.rename_hints import hints_between
from wfc.manifests.shown import Shown, shown

_NOWHERE: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One workflow of the old version. `level` is the highest of its findings."""

    old: str
    new: str | None
    """Its id in the new version; None if it is gone."""
    level: Level
    findings: tuple[Finding, ...] = ()
    sites: SiteMap = field(default_factory=SiteMap)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Every workflow of the old version, by id, and what is shown but means nothing for runs."""

    workflows: Mapping[str, Compared]
    added: tuple[str, ...] = ()
    """Workflows that only the new version has."""
    shown: tuple[Shown, ...] = ()

    @property
    def level(self) -> Level:
        """Give the highest level of all workflows."""
        return max((one.level for one in self.workflows.values()), default=Level.IDENTICAL)


def compare(
    old: Manifest,
    new: Manifest,
    *,
    old_spans: Spans = _NOWHERE,
    new_spans: Spans = _NOWHERE,
    old_environment: Mapping[str, Any] = _NOWHERE,
    new_environment: Mapping[str, Any] = _NOWHERE,
    workflows: Collection[str] | None = None,
) -> Comparison:
    """Compare two versions, or only those of the old `workflows`. Spans give findings their places.

    An environment holds `python` (``"3.12"``) and `wfc`; what only one side names is not compared.
    """
    hints = hints_between(old, new)
    sides = Sides(old=old, new=new, hints=hints, old_spans=old_spans, new_spans=new_spans)
    around = tuple(_environment(sides, old_environment, new_environment))
    names = sorted(old.workflows if workflows is None else workflows)
    compared = {name: _compared(sides, name, around) for name in names}
    known = {hints.definition(name) for name in old.workflows}
    return Comparison(
        workflows=compared,
        added=tuple(sorted(set(new.workflows) - known)),
        shown=tuple(shown(sides)),
    )


def _compared(sides: Sides, name: str, around: tuple[Finding, ...]) -> Compared:
    to = sides.hints.definition(name)
    if to not in sides.new.workflows:
        gone = _gone(sides, name, to)
        return Compared(old=name, new=None, level=gone.level, findings=(gone,))
    old, new = sides.old.workflows[name], sides.new.workflows[to]
    sites = align(old, new, sides.hints)
    found = [*around, *_agents(sides, old), *_dead_hints(sides, old, name)]
    if not _same_fingerprint(old, new):
        found += _changed(sides, name, to, sites)
    ordered = sorted({_key(one): one for one in found}.values(), key=lambda one: one.order)
    level = max((one.level for one in ordered), default=Level.IDENTICAL)
    return Compared(old=name, new=to, level=level, findings=tuple(ordered), sites=sites)


def _changed(sides: Sides, name: str, to: str, sites: SiteMap) -> list[Finding]:
    """Explain another fingerprint. There is always an explanation, and `replay` is the last one."""
    old, new = sides.old.workflows[name], sides.new.workflows[to]
    operations = operations_of(sides, sites, old.shape, new.shape)
    found = [
        *_renamed(sides, name, to),
        *compare_input(sides, name, to),
        *(compare_operations(operations) if operations is not None else ()),
        *_calls(sides, (old, new), operations),
        *compare_reached(sides, old, new, to),
        *_markers(sides, name, to),
    ]
    if not _decides_alike(old, new, operations) and all(one.level < Level.REPLAY for one in found):
        found.append(
            sides.find(
                Level.REPLAY,
                "WFC607",
                f"the code of {short(to)} between its operations has changed: the history decides",
                old=name,
                new=to,
            )
        )
    return found or [
        sides.find(
            Level.REPLAY,
            "WFC607",
            f"{short(to)} has another fingerprint for a reason that its manifests do not hold: "
            "the history decides",
            old=name,
            new=to,
        )
    ]


# --- the workflow itself -----------------------------------------------------------------------


def _same_fingerprint(old: Workflow, new: Workflow) -> bool:
    """Tell whether they are equal by one scheme: builds write all they know."""
    return any(new.fingerprints.get(scheme) == value for scheme, value in old.fingerprints.items())


def _gone(sides: Sides, name: str, to: str) -> Finding:
    hint, fix = None, "keep it until its runs have ended"
    if to in sides.new.steps:
        sentence = f"the workflow {short(name)} is a step now: no run of it moves"
    else:
        sentence = f"the workflow {short(name)} is gone: no run of it moves"
        near = get_close_matches(name, sides.new.workflows, n=1, cutoff=0.6)
        sentence += f"; the nearest id is {near[0]}" if near else ""
        hint = renamed_workflow(sides, name)
        if hint is not None:
            fix = f"if it was renamed, write `{hint.text}` at `{short(hint.new)}`"
    return sides.find(Level.BREAKING, "WFC601", sentence, old=name, new=to, fix=fix, hint=hint)


def _renamed(sides: Sides, name: str, to: str) -> Iterator[Finding]:
    if name != to:
        sentence = f"the workflow {short(name)} is called {to} now, says its hint"
        yield sides.find(Level.COMPATIBLE, "WFC601", sentence, old=name, new=to)


def _decides_alike(old: Workflow, new: Workflow, operations: Operations | None) -> bool:
    """Tell whether it is proven that the workflow's own code means the same."""
    if old.body is None or old.body != new.body or operations is None:
        return False
    return same_operations(operations)


def _markers(sides: Sides, name: str, to: str) -> Iterator[Finding]:
    before, after = sides.old.workflows[name].changes, sides.new.workflows[to].changes
    for one in sorted(set(before) ^ set(after)):
        does = "gone" if one in before else "new"
        yield sides.find(
            Level.REPLAY,
            "WFC615",
            f'the marker `changed("{one}")` is {does}: what was asked stands by log position',
            old=name,
            new=to,
        )


def _dead_hints(sides: Sides, old: Workflow, name: str) -> Iterator[Finding]:
    """Find hints that name what is still there, where a run could be given to the wrong one."""
    reached = {name, *old.reaches, *_called(old)}
    for new, before in sides.hints.without_effect():
        if before in reached:
            yield sides.find(
                Level.IF_RECORDED,
                "WFC616",
                f"the hint `was[{before}]` at {short(new)} names what is still there",
                old=before,
                new=new,
                fix=f"remove the hint, or rename {short(before)}",
            )


# --- what it calls -----------------------------------------------------------------------------


def _calls(
    sides: Sides, workflows: tuple[Workflow, Workflow], operations: Operations | None
) -> Iterator[Finding]:
    """Compare the signatures of the steps and children that the workflow calls or mentions."""
    old, new = workflows
    unseen = _unseen(operations)
    for name in sorted(_called(old)):
        to = sides.hints.definition(name)
        pairs = (
            ("step", sides.old.steps, sides.new.steps),
            ("child", sides.old.workflows, sides.new.workflows),
        )
        nouns = [noun for noun, before, after in pairs if name in before and to in after]
        for noun in nouns:
            by_library = unseen is None or bool({name, to, "?"} & unseen)
            by_library = by_library or name in old.handed or to in new.handed
            yield from _hinted(sides, noun, name, to)
            yield from compare_call(sides, noun, name, to, by_library=by_library)
        if not nouns and to in new.calls and old.calls.get(name) != new.calls[to]:
            sentence = f"{short(to)} is called otherwise now: the history decides"
            yield sides.find(Level.REPLAY, "WFC604", sentence, old=name, new=to)


def _hinted(sides: Sides, noun: str, name: str, to: str) -> Iterator[Finding]:
    if name != to:
        code = "WFC603" if noun == "step" else "WFC611"
        sentence = f"the {noun} {short(name)} is called {to} now, says its hint"
        yield sides.find(Level.COMPATIBLE, code, sentence, old=name, new=to)


def _called(workflow: Workflow) -> set[str]:
    """List the steps and workflows that it calls or mentions."""
    leaves = () if workflow.shape is None else _leaves(workflow.shape)
    return {*workflow.calls, *leaves}


def _leaves(plain: Mapping[str, Any]) -> Iterator[str]:
    if plain.get("callee") and not plain.get("parts"):
        yield str(plain["callee"])
    yield from plain.get("candidates", ())
    for part in plain.get("parts", ()):
        yield from _leaves(part)


def _unseen(operations: Operations | None) -> frozenset[str] | None:
    """List the steps whose arguments no manifest shows (``?`` is any); None: nothing is known."""
    if operations is None:
        return None
    leaves = [
        leaf
        for shape in (operations.old_shape, operations.new_shape)
        for leaf in shape.leaves()
        if leaf.kind == "dynamic" or leaf.args is None
    ]
    return frozenset(
        name for leaf in leaves for name in (*leaf.candidates, *([leaf.callee or "?"]))
    )


def _agents(sides: Sides, old: Workflow) -> Iterator[Finding]:
    names = {*_called(old), *old.reaches}
    for name in sorted(sides.old.agents):
        if name in names:
            yield from compare_agent(sides, name)


# --- what it runs on ---------------------------------------------------------------------------


def _environment(sides: Sides, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Finding]:
    """Compare libraries and Python: all workflows of a process run on them, moved or not."""
    before, after = dict(sides.old.depends), dict(sides.new.depends)
    for key, name in (("python", "Python"), ("wfc", "wfc")):
        if key in old and key in new:
            before[name], after[name] = str(old[key]), str(new[key])
    for name in sorted(before.keys() & after.keys()):
        if before[name] != after[name]:
            yield sides.find(
                Level.REPLAY,
                "WFC614",
                f"{name} {before[name]} -> {after[name]}: runs that stay replay on it too",
            )


def _key(one: Finding) -> tuple[Any, ...]:
    reason = one.reason
    return (
        reason.code,
        reason.sentence,
        reason.old_span,
        reason.new_span,
        one.old_site,
        one.new_site,
    )
