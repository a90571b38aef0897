"""What a change of a workflow's operations means: gone, new, moved, wrapped, asked otherwise."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import cached_property
from typing import Final, NamedTuple

from wfc.ids import Site
from wfc.manifests.align import SiteMap
from wfc.manifests.findings import Finding, Sides, short
from wfc.manifests.levels import Level
from wfc.manifests.offers import renamed_step
from wfc.manifests.shape import RECORDED, Node, from_plain

_KEEP: Final = "keep it for older runs, or let them end on their version"
_BRANCH: Final = "branch by `changed(...)` if older runs must move"


class _Kind(NamedTuple):
    """How one kind of operation is called, its code, and what it means that one is gone."""

    noun: str
    code: str
    gone: Level
    why_gone: str
    args: str  # what it means that its arguments differ


_RECORDED_HAS_NO_PLACE: Final = "a recorded one has no place in the new code"
_HAD_ANOTHER: Final = "runs past it had another"
_OTHER: Final = _Kind(
    "operation", "WFC607", Level.REPLAY, "the history decides", "the history decides"
)
_KINDS: Final[Mapping[str, _Kind]] = {
    "step": _Kind("call of", "WFC603", Level.IF_RECORDED, _RECORDED_HAS_NO_PLACE, _HAD_ANOTHER),
    "dynamic": _Kind("call of", "WFC603", Level.IF_RECORDED, _RECORDED_HAS_NO_PLACE, _HAD_ANOTHER),
    "child": _Kind("start of", "WFC611", Level.IF_RECORDED, _RECORDED_HAS_NO_PLACE, _HAD_ANOTHER),
    "hook": _Kind(
        "hook", "WFC609", Level.IF_RECORDED, _RECORDED_HAS_NO_PLACE,
        "payloads are read anew, and outside knows the old token",
    ),
    "webhook": _Kind(
        "webhook", "WFC609", Level.IF_RECORDED, _RECORDED_HAS_NO_PLACE,
        "payloads are read anew, and outside knows the old address",
    ),
    "agent": _Kind("agent", "WFC613", Level.IF_RECORDED, _RECORDED_HAS_NO_PLACE, _HAD_ANOTHER),
    "wait": _Kind(
        "wait", "WFC610", Level.REPLAY, "a pending one is withdrawn", "a pending one keeps its end"
    ),
    "attr": _Kind(
        "attribute write", "WFC606", Level.REPLAY, "recorded ones stand", "recorded ones stand"
    ),
    "stream": _Kind(
        "stream", "WFC612", Level.REPLAY, "its chunks stay", "older chunks stay where they are"
    ),
    "restart": _Kind(
        "restart", "WFC606", Level.REPLAY, "the run goes on where it began again",
        "the next chapter begins with other arguments",
    ),
    "draw": _Kind("draw of", "WFC607", Level.REPLAY, "other draws keep their values", _HAD_ANOTHER),
    "marker": _Kind("marker", "WFC615", Level.REPLAY, "the log decides", "the log decides"),
}  # fmt: skip
_NAMED: Final = frozenset({"step", "dynamic", "child", "draw", "agent"})


class Step(NamedTuple):
    """One step of the way from a shape's root to an operation: a node, and which of its parts."""

    node: Node
    part: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation and what stands around it."""

    leaf: Node
    path: tuple[Step, ...]

    @property
    def site(self) -> Site:
        """Name it; what library code asks for has a bare name."""
        return self.leaf.site or Site((self.leaf.callee or self.leaf.kind).rpartition(":")[2])

    @property
    def title(self) -> str:
        """Call it as people do."""
        kind = _KINDS.get(self.leaf.kind, _OTHER)
        if self.leaf.kind in _NAMED and self.leaf.callee:
            return f"{kind.noun} `{short(self.leaf.callee)}`"
        if self.leaf.kind == "dynamic":
            return f"{kind.noun} one of {', '.join(map(short, self.leaf.candidates))}"
        return kind.noun


@dataclass(frozen=True)
class Operations:
    """The operations of both versions of a workflow, the first at each site, in source order."""

    sides: Sides
    sites: SiteMap
    old_shape: Node
    new_shape: Node

    @cached_property
    def before(self) -> Mapping[Site, Operation]:
        """Give the old ones."""
        return _first(self.old_shape)

    @cached_property
    def after(self) -> Mapping[Site, Operation]:
        """Give the new ones."""
        return _first(self.new_shape)

    @cached_property
    def pairs(self) -> Sequence[tuple[Operation, Operation]]:
        """Give those that both have, in the old order."""
        found = ((one, self.sites.to_new(site)) for site, one in self.before.items())
        return [(one, self.after[to]) for one, to in found if to and to in self.after]

    @cached_property
    def gone(self) -> Sequence[Operation]:
        """Give those that the new version does not have."""
        kept = {one.site for one, _ in self.pairs}
        return [one for site, one in self.before.items() if site not in kept]

    @cached_property
    def fresh(self) -> Sequence[Operation]:
        """Give those that the old version did not have."""
        known = {two.site for _, two in self.pairs}
        return [one for site, one in self.after.items() if site not in known]


def operations_of(
    sides: Sides,
    sites: SiteMap,
    old: Mapping[str, object] | None,
    new: Mapping[str, object] | None,
) -> Operations | None:
    """Read two shapes, or None if one of the builds had none."""
    if old is None or new is None:
        return None
    return Operations(sides, sites, from_plain(old), from_plain(new))


def compare_operations(found: Operations) -> Iterator[Finding]:
    """Compare what is asked for, in which order, and under which conditions."""
    replaced = dict(_replaced(found))
    for one in found.gone:
        yield _gone(found, one, replaced.get(one.site))
    taken = {two.site for two in replaced.values()}
    for one in found.fresh:
        if one.site not in taken:
            yield _inserted(found, one)
    for before, after in found.pairs:
        yield from _asked_otherwise(found, before, after)
    yield from _moved(found)
    yield from _surroundings(found)


def same_operations(found: Operations) -> bool:
    """Tell whether the two shapes are the same, names of places and rename hints aside."""
    return _translated(found, found.old_shape) == found.new_shape


# --- gone, new, replaced -----------------------------------------------------------------------


def _replaced(found: Operations) -> Iterator[tuple[Site, Operation]]:
    """Pair children that are gone with new ones in the same surroundings, in order."""
    fresh = [one for one in found.fresh if one.leaf.kind == "child"]
    for one in found.gone:
        if one.leaf.kind != "child":
            continue
        other = next((two for two in fresh if _kinds(one) == _kinds(two)), None)
        if other is not None:
            fresh.remove(other)
            yield one.site, other


def _gone(found: Operations, one: Operation, instead: Operation | None) -> Finding:
    sides, leaf = found.sides, one.leaf
    kind = _KINDS.get(leaf.kind, _OTHER)
    if instead is not None:
        return sides.find(
            kind.gone,
            kind.code,
            f"the child `{short(leaf.callee or '')}` was replaced: runs that recorded it started "
            f"`{short(leaf.callee or '')}`, the code starts `{short(instead.leaf.callee or '')}`",
            old=one.site,
            new=instead.site,
            fix=_KEEP,
        )
    if leaf.kind == "step" and leaf.callee:
        lost = _lost_step(sides, one, leaf.callee)
        if lost is not None:
            return lost
    fix = _KEEP if kind.gone is Level.IF_RECORDED else None
    sentence = f"the {one.title} is gone: {kind.why_gone}"
    return sides.find(kind.gone, kind.code, sentence, old=one.site, fix=fix)


def _lost_step(sides: Sides, one: Operation, callee: str) -> Finding | None:
    """Say what became of a step that the new version does not have at all."""
    name, said = sides.hints.definition(callee), f"the step `{short(callee)}`"
    if name in sides.new.steps:
        return None
    fix, hint = "keep the step, or let runs end on their version", None
    if name in sides.new.workflows:
        sentence = f"{said} is a workflow now: a recorded call is of another kind"
    elif any(name in workflow.reaches for workflow in sides.new.workflows.values()):
        sentence = f"{said} is no step any more: a recorded call has no place in the new code"
    else:
        sentence = f"{said} is gone, and a recorded call has no place in the new code"
        hint = renamed_step(sides, callee)
        if hint is not None:
            fix = f"if it was renamed, write `{hint.text}` at `{short(hint.new)}`"
    return sides.find(Level.IF_RECORDED, "WFC603", sentence, old=one.site, fix=fix, hint=hint)


def _inserted(found: Operations, one: Operation) -> Finding:
    kind = _KINDS.get(one.leaf.kind, _OTHER)
    says = f"the {one.title} is new"
    if one.leaf.kind not in RECORDED:
        return found.sides.find(Level.REPLAY, kind.code, f"{says}: {kind.why_gone}", new=one.site)
    code = kind.code if one.leaf.kind == "stream" else "WFC606"
    why = kind.why_gone if one.leaf.kind == "attr" else "runs past it do not move"
    return found.sides.find(Level.REPLAY, code, f"{says}: {why}", new=one.site, fix=_BRANCH)


# --- the same place, asked otherwise ------------------------------------------------------------


def _asked_otherwise(found: Operations, one: Operation, two: Operation) -> Iterator[Finding]:
    before, after = one.leaf, two.leaf
    sides, kind = found.sides, _KINDS.get(after.kind, _OTHER)
    if before.kind != after.kind:
        both = {before.kind, after.kind} <= RECORDED
        yield sides.find(
            Level.IF_RECORDED if both else Level.REPLAY,
            "WFC603",
            f"the {one.title} is another kind of operation now ({before.kind} -> {after.kind})",
            old=one.site,
            new=two.site,
            fix=_KEEP,
        )
        return
    if before.args != after.args:
        yield sides.find(
            Level.REPLAY,
            "WFC607" if after.kind in {"step", "dynamic"} else kind.code,
            f"the {two.title} has other arguments: {kind.args}",
            old=one.site,
            new=two.site,
        )
    if before.awaited != after.awaited:
        yield sides.find(
            Level.REPLAY,
            "WFC606",
            f"the {two.title} is {'' if after.awaited else 'not '}awaited at once now",
            old=one.site,
            new=two.site,
        )
    yield from _candidates(found, one, two)


def _candidates(found: Operations, one: Operation, two: Operation) -> Iterator[Finding]:
    sides = found.sides
    before = {sides.hints.definition(name): name for name in one.leaf.candidates}
    lost = sorted(
        name for new, name in before.items() if name != "?" and new not in sides.new.steps
    )
    for name in lost:
        yield sides.find(
            Level.IF_RECORDED,
            "WFC603",
            f"the step `{short(name)}`, which a dynamic call may have called, is gone",
            old=one.site,
            new=two.site,
            fix=_KEEP,
        )
    if set(before) != set(two.leaf.candidates) and not lost:
        yield sides.find(
            Level.REPLAY,
            "WFC607",
            "a dynamic call chooses among other steps: the step may differ",
            old=one.site,
            new=two.site,
        )


# --- order and surroundings --------------------------------------------------------------------


def _moved(found: Operations) -> Iterator[Finding]:
    """Find what stands in another order: all that is not in the longest part that does not."""
    rank = {site: at for at, site in enumerate(found.after)}
    order = [rank[two.site] for _, two in found.pairs]
    staying = set(_longest_rising(order))
    for (one, two), at in zip(found.pairs, order, strict=True):
        if at in staying:
            continue
        together = any(step.node.kind == "par" for step in two.path) and any(
            step.node.kind == "par" for step in one.path
        )
        why = (
            "its identity is not its position"
            if together
            else "runs past the first of them do not move"
        )
        yield found.sides.find(
            Level.REPLAY,
            "WFC606",
            f"the {two.title} stands in another order: {why}",
            old=one.site,
            new=two.site,
        )


def _surroundings(found: Operations) -> Iterator[Finding]:
    """Compare the blocks around operations, each block once."""
    told: set[int] = set()
    for one, two in found.pairs:
        before, after = _blocks(one), _blocks(two)
        matcher = SequenceMatcher(
            a=[step.node.kind for step in before],
            b=[step.node.kind for step in after],
            autojunk=False,
        )
        for tag, start, end, to, until in matcher.get_opcodes():
            if tag == "equal":
                for old, new in zip(before[start:end], after[to:until], strict=True):
                    yield from _block(found, (one, two), (old, new), told)
                continue
            changed = [(step, False) for step in before[start:end]]
            changed += [(step, True) for step in after[to:until]]
            for step, is_new in changed:
                if id(step.node) not in told:
                    told.add(id(step.node))
                    yield _wrapped(found, (one, two), step.node, is_new=is_new)


_Pair = tuple[Operation, Operation]


def _block(
    found: Operations, around: _Pair, both: tuple[Step, Step], told: set[int]
) -> Iterator[Finding]:
    """Compare a block with what it has become."""
    (old, part), (new, place) = both
    one, two = around
    if part != place and id(new) not in told and new.kind in {"if", "try", "loop", "each"}:
        yield found.sides.find(
            Level.REPLAY,
            "WFC607",
            f"the {two.title} stands in another branch of its {_BLOCKS[new.kind]}: "
            "the path may differ",
            old=one.site,
            new=two.site,
        )
    if id(new) in told:
        return
    told.add(id(new))
    if old.test != new.test:
        yield _test(found, around, new)
    if tuple(old.types) != tuple(new.types):
        yield found.sides.find(
            Level.REPLAY,
            "WFC607",
            f"other exceptions are caught round the {two.title}: the path may differ",
            old=one.site,
            new=two.site,
        )


_BLOCKS: Final[Mapping[str, str]] = {
    "if": "condition",
    "loop": "loop",
    "each": "loop",
    "try": "`try`",
    "scope": "scope (a timeout, `async with`)",
    "par": "group of concurrent calls",
    "task": "task",
    "helper": "helper",
    "again": "recursion",
}


def _test(found: Operations, around: _Pair, block: Node) -> Finding:
    one, two = around
    match block.kind:
        case "if":
            sentence = f"the condition of the {two.title} has changed: the path may differ"
        case "loop" | "each":
            sentence = f"the loop of the {two.title} has changed: the count of calls may differ"
        case _:
            what = _BLOCKS.get(block.kind, block.kind)
            sentence = f"the {what} round the {two.title} has changed: the history decides"
    code = "WFC610" if block.kind == "scope" else "WFC607"
    return found.sides.find(Level.REPLAY, code, sentence, old=one.site, new=two.site)


def _wrapped(found: Operations, around: _Pair, block: Node, *, is_new: bool) -> Finding:
    one, two = around
    what = _BLOCKS.get(block.kind, block.kind)
    match block.kind, is_new:
        case "par", True:
            code, more = "WFC606", "is concurrent with others now: later calls are made at once"
        case "par", False:
            code, more = "WFC606", "is not concurrent with others any more: runs in which a later "
            more += "one ended first do not move"
        case "helper" | "again", _:
            code = "WFC607"
            more = f"was moved {'into' if is_new else 'out of'} a helper"
        case "scope", False:
            code, more = "WFC610", f"is out of its {what}: a pending one is withdrawn"
        case _:
            code, more = "WFC606", f"stands {'in' if is_new else 'no more in'} a {what} now"
    return found.sides.find(
        Level.REPLAY, code, f"the {two.title} {more}", old=one.site, new=two.site
    )


# --- helpers -----------------------------------------------------------------------------------


def _first(shape: Node) -> dict[Site, Operation]:
    found: dict[Site, Operation] = {}
    for one in _walk(shape, ()):
        found.setdefault(one.site, one)
    return found


def _walk(node: Node, path: tuple[Step, ...]) -> Iterator[Operation]:
    """Go through the operations in source order; a kind that is not known may be one."""
    if not node.parts and (node.site is not None or node.callee is not None):
        yield Operation(leaf=node, path=path)
    for at, part in enumerate(node.parts):
        yield from _walk(part, (*path, Step(node, at)))


def _blocks(one: Operation) -> list[Step]:
    return [step for step in one.path if step.node.kind != "seq"]


def _kinds(one: Operation) -> list[str]:
    return [step.node.kind for step in _blocks(one)]


def _longest_rising(values: Sequence[int]) -> list[int]:
    """Give a longest rising subsequence of different values, backwards."""
    ends: list[int] = []  # the smallest end of a rising subsequence, by its length
    before: dict[int, int | None] = {}
    for value in values:
        at = bisect_left(ends, value)
        before[value] = ends[at - 1] if at else None
        ends[at:] = [value] if at == len(ends) else [value, *ends[at + 1 :]]
    found: list[int] = []
    last = ends[-1] if ends else None
    while last is not None:
        found.append(last)
        last = before[last]
    return found


def _translated(found: Operations, node: Node) -> Node:
    """Write an old node with the names of the new version."""
    hints = found.sides.hints
    site = node.site and found.sites.to_new(node.site)
    return replace(
        node,
        site=site,
        callee=node.callee and hints.definition(node.callee),
        name=node.name and hints.definition(node.name),
        candidates=tuple(hints.definition(one) for one in node.candidates),
        types=tuple(hints.callee(one) for one in node.types),
        parts=tuple(_translated(found, part) for part in node.parts),
    )
