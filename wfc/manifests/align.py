"""Which call place of the old version is which of the new one.

Names of places are not trusted across versions: a new `if` around a call, or a move into a helper,
renames it. A wrong guess cannot corrupt a run, since a replay compares kinds and inputs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from wfc.ids import Site
from wfc.manifests.manifest import Site as Place
from wfc.manifests.manifest import Workflow
from wfc.manifests.rename_hints import RenameHints
from wfc.manifests.shape import Node, from_plain

PASSES: Final[Mapping[int, str]] = {
    1: "same blocks and arguments",
    2: "same arguments",
    3: "same blocks, in order",
    4: "the rest, in order",
}
"""By what a pair was found, as `wfc diff --sites` says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An old place and the new one that it is now; `by` is the number of the pass."""

    old: Site
    new: Site
    by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteMap:
    """All places of two versions of a workflow, in pairs or alone, in source order.

    A new place may have a name that another, differently mapped old one had. Who stores the map in
    a run's log (the runtime, when it writes `run_upgraded`) then calls the new one ``name@N``, with
    N upgrades so far: names in a log never change their meaning. This map holds plain names.
    """

    pairs: tuple[Pair, ...] = ()
    gone: tuple[Site, ...] = ()
    fresh: tuple[Site, ...] = ()
    _to_new: Mapping[Site, Site] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the pairs."""
        object.__setattr__(self, "_to_new", {pair.old: pair.new for pair in self.pairs})

    def to_new(self, site: Site) -> Site | None:
        """Give the new place of an old one, None if it is gone. A bare name is its own."""
        return self._to_new.get(site, None if "~" in site else site)

    def mapping(self) -> Mapping[Site, Site]:
        """Give the places that have another name now: what a log must remember."""
        return {pair.old: pair.new for pair in self.pairs if pair.old != pair.new}


def align(old: Workflow, new: Workflow, hints: RenameHints) -> SiteMap:
    """Pair the places of two versions of one workflow, callee by callee, in four passes.

    Each pass looks at what is still alone: (1) equal blocks and arguments, if that is one place on
    either side; (2) equal arguments, likewise; (3) equal blocks, in source order; (4) the rest in
    source order, if both sides have as many. The same manifests give the same pairs, always.
    """
    before = _by_callee(old, hints)
    after = _by_callee(new, None)
    pairs = [
        pair
        for called in sorted(before)
        for pair in _paired(
            before[called],
            after.get(called, []),
            lambda place: hints.function(place.function),
        )
    ]
    matched_old, matched_new = {pair.old for pair in pairs}, {pair.new for pair in pairs}
    rank = {site: at for at, site in enumerate(_ordered(old))}
    return SiteMap(
        pairs=tuple(sorted(pairs, key=lambda pair: rank[pair.old])),
        gone=tuple(site for site in rank if site not in matched_old),
        fresh=tuple(site for site in _ordered(new) if site not in matched_new),
    )


_Sided = list[tuple[Site, Place]]
_Key = Callable[[Place], Hashable]


def _paired(old: _Sided, new: _Sided, function: Callable[[Place], str]) -> Iterator[Pair]:
    """Run the four passes over the places of one callee."""
    before: tuple[_Key, ...] = (
        lambda place: (function(place), place.blocks, place.args),
        lambda place: place.args,
        lambda place: (function(place), place.blocks),
    )
    after: tuple[_Key, ...] = (
        lambda place: (place.function, place.blocks, place.args),
        lambda place: place.args,
        lambda place: (place.function, place.blocks),
    )
    for number, (key, other) in enumerate(zip(before, after, strict=True), 1):
        found = list(_equal(old, new, key, other, alone=number < 3))  # noqa: PLR2004 - pass 3 goes by order
        yield from (Pair(old=one, new=two, by=number) for one, two in found)
        gone, taken = {one for one, _ in found}, {two for _, two in found}
        old = [item for item in old if item[0] not in gone]
        new = [item for item in new if item[0] not in taken]
    if len(old) == len(new):
        for (one, _), (two, _) in zip(old, new, strict=True):
            yield Pair(old=one, new=two, by=4)


def _equal(
    old: _Sided, new: _Sided, key: _Key, other: _Key, *, alone: bool
) -> Iterator[tuple[Site, Site]]:
    """Pair the places whose keys are equal, in order, or only where each side has just one."""
    groups: dict[Hashable, list[Site]] = defaultdict(list)
    for site, place in new:
        groups[other(place)].append(site)
    mine: dict[Hashable, list[Site]] = defaultdict(list)
    for site, place in old:
        mine[key(place)].append(site)
    for value, sites in mine.items():
        theirs = groups.get(value, [])
        if not alone or len(sites) == len(theirs) == 1:
            yield from zip(sites, theirs, strict=False)


def _by_callee(workflow: Workflow, hints: RenameHints | None) -> dict[tuple[str, str], _Sided]:
    """Group places by what they call, under the names of the new version.

    An operation is known by the id of its step, however it is called (`to_thread`), and others by
    their word too: one place of a `dynamic` call has a name for each step that it may come to.
    """
    asked = {leaf.site: leaf.callee for leaf in _leaves(workflow)}
    found: dict[tuple[str, str], _Sided] = defaultdict(list)
    for site in _ordered(workflow):
        place, called = workflow.sites[site], asked.get(site)
        word = site.partition("~")[0]
        if called is not None:
            key = (hints.definition(called) if hints else called, "")
        elif hints is not None:
            key = (hints.callee(place.callee), hints.word(word))
        else:
            key = (place.callee, word)
        found[key].append((site, place))
    return found


def _ordered(workflow: Workflow) -> list[Site]:
    """List the places in source order as the shape tells it; others follow, by where they stand."""
    first = {leaf.site: None for leaf in _leaves(workflow) if leaf.site in workflow.sites}
    rest = sorted(
        (site for site in workflow.sites if site not in first),
        key=lambda site: (
            workflow.sites[site].function,
            workflow.sites[site].blocks,
            workflow.sites[site].ordinal,
            site,
        ),
    )
    return [Site(site) for site in (*first, *rest) if site is not None]


def _leaves(workflow: Workflow) -> Iterator[Node]:
    return from_plain(workflow.shape).leaves() if workflow.shape else iter(())
