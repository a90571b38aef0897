"""A comparison as people read it: a line for each workflow, below it what has been edited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from wfc.cli import output
from wfc.cli.against import Side
from wfc.diagnostics import CATALOGUE, Place
from wfc.manifests.align import PASSES
from wfc.manifests.compare import Compared, Comparison
from wfc.manifests.findings import Finding
from wfc.manifests.levels import Level
from wfc.manifests.manifest import Workflow
from wfc.manifests.shape import RECORDED, from_plain


class _Head(NamedTuple):
    """The line that tells of a workflow or step."""

    id: str
    level: str
    says: str
    rows: tuple[str, ...] = ()


def as_text(found: Comparison, before: Side, after: Side, *, sites: bool) -> Iterator[str]:
    """Write what differs; workflows that are identical are left out."""
    heads = [
        _workflow(one, before, after, sites=sites)
        for one in found.workflows.values()
        if one.level is not Level.IDENTICAL or sites
    ]
    heads += [_Head(name, "new", "no run of it exists") for name in found.added]
    heads += [_Head(one.id, Level.IDENTICAL, "; ".join(one.notes)) for one in found.shown]
    widths = [max((len(head[part]) for head in heads), default=0) for part in (0, 1)]
    for head in heads:
        yield f"{head.id:<{widths[0]}}   {head.level:<{widths[1]}}   {head.says}".rstrip()
        yield from head.rows


def as_findings(found: Sequence[Comparison]) -> Iterator[str]:
    """Write what may stop runs, once however many versions it is found against; the worst first."""
    told = {
        (finding.level, one.old, finding.reason.code, finding.reason.sentence): finding
        for comparison in found
        for one in comparison.workflows.values()
        for finding in one.findings
        if finding.level > Level.COMPATIBLE
    }
    for (level, workflow, code, sentence), finding in sorted(
        told.items(), key=lambda each: each[0][0], reverse=True
    ):
        place = _places(finding.reason.old_span, finding.reason.new_span)
        yield f"{_LEVELS[level]:<11} {workflow}   {code} {sentence}   {place}".rstrip()
        advice = f"{finding.fix[0].upper()}{finding.fix[1:]}." if finding.fix else ""
        if says := " ".join(filter(None, (_MEANS.get(level), advice))):
            yield f"  {says}"


_LEVELS: Final = {
    Level.BREAKING: "BREAKING",
    Level.IF_RECORDED: "IF RECORDED",
    Level.REPLAY: "REPLAY",
}
_MEANS: Final = {
    Level.BREAKING: "No run moves.",
    Level.IF_RECORDED: "Runs that recorded it do not move.",
}


def summary(found: Comparison) -> str:
    """Count the workflows by their level."""
    counts = Counter(one.level for one in found.workflows.values())
    listed = [f"{counts[level]} {level}" for level in reversed(Level) if counts[level]]
    told = output.counted(len(found.workflows), "workflow")
    return f"{told}: {', '.join(listed)}" if listed else told


def _workflow(one: Compared, before: Side, after: Side, *, sites: bool) -> _Head:
    rows = [row for finding in one.findings for row in _rows(finding)]
    if sites:
        rows += _sites(one, before, after)
    return _Head(one.old, one.level, _in_short(one), tuple(rows))


def _in_short(one: Compared) -> str:
    signs = [_sign(finding) for finding in one.findings]
    told = [
        f"{output.counted(signs.count(sign), 'operation')} {word}"
        for sign, word in (("+", "inserted"), ("-", "gone"))
        if sign in signs
    ]
    others = (
        CATALOGUE[finding.reason.code].name
        for finding, sign in zip(one.findings, signs, strict=True)
        if sign == "~"
    )
    return "; ".join([*told, *dict.fromkeys(others)])


def _sign(finding: Finding) -> str:
    """Tell by the call place whether something is new, gone or otherwise."""
    if (finding.old_site is None) == (finding.new_site is None):
        return "~"
    return "-" if finding.new_site is None else "+"


def _rows(finding: Finding) -> Iterator[str]:
    reason = finding.reason
    what = f"{finding.site}   " if finding.site else ""
    place = _places(reason.old_span, reason.new_span)
    where = f"   {place}" if place else ""
    yield f"  {_sign(finding)} {what}{reason.code} {reason.sentence}{where}"
    for link in reason.chain:
        yield f"      {link.place.path}:{link.place.line}   {link.what}"
    if finding.fix and finding.level > Level.COMPATIBLE:
        yield f"    Fix: {finding.fix}"


def _places(old: Place | None, new: Place | None) -> str:
    """Write where it stood and where it stands: ``app/billing.py:18 -> :20``."""
    if old is None or new is None:
        one = old or new
        return "" if one is None else f"{one.path}:{one.line}"
    same = old.path == new.path
    return f"{old.path}:{old.line} -> {'' if same else new.path}:{new.line}"


def _sites(one: Compared, before: Side, after: Side) -> Iterator[str]:
    """Write the places of operations in pairs, and by which pass each pair was found."""
    old = before.manifest.workflows.get(one.old)
    new = after.manifest.workflows.get(one.new or "")
    asked = _operations(old) | _operations(new)
    for pair in one.sites.pairs:
        if pair.old in asked or pair.new in asked:
            yield f"    {pair.old} -> {pair.new}   pass {pair.by}: {PASSES[pair.by]}"
    for site in one.sites.gone:
        if site in asked:
            yield f"    {site} -> nothing"
    for site in one.sites.fresh:
        if site in asked:
            yield f"    nothing -> {site}"


def _operations(workflow: Workflow | None) -> set[str]:
    if workflow is None or workflow.shape is None:
        return set()
    leaves = from_plain(workflow.shape).leaves()
    return {str(leaf.site) for leaf in leaves if leaf.site and leaf.kind in RECORDED | {"draw"}}
