"""Verdicts and reports of upgrades, for programs and for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from wfc.diagnostics import Place
from wfc.errors import WfcError
from wfc.manifests.levels import Reason
from wfc.runtime.verdict import Answer, Call, Divergence, Group, UpgradeReport, Verdict


def to_plain(verdict: Verdict) -> dict[str, Any]:
    """Give a verdict as dicts, lists and scalars."""
    divergence = verdict.divergence
    return {
        "run_id": verdict.run_id,
        "workflow": verdict.workflow,
        "from": verdict.from_version,
        "to": verdict.to_version,
        "moved": verdict.moved,
        "is_there": verdict.is_there,
        "answer": verdict.answer.value,
        "level": verdict.level.value,
        "reasons": [_reason(one) for one in verdict.reasons],
        "notes": [_reason(one) for one in verdict.notes],
        "waivable": sorted(verdict.waivable),
        "offers": [
            {"name": one.name, "sentence": one.sentence, "command": one.command}
            for one in verdict.offers
        ],
        "replayed": verdict.replayed,
        "history_length": verdict.history_length,
        "divergence": None if divergence is None else _divergence(divergence),
        "ahead": list(verdict.ahead),
    }


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "code": reason.code,
        "sentence": reason.sentence,
        "event": reason.event,
        "old": _place(reason.old_span),
        "new": _place(reason.new_span),
    }


def _divergence(divergence: Divergence) -> dict[str, Any]:
    return {
        "position": divergence.position,
        "event": divergence.event,
        "rule": divergence.rule,
        "recorded": _call(divergence.recorded),
        "asked": [_call(one) for one in divergence.asked],
        "old": _place(divergence.old_span),
        "new": _place(divergence.new_span),
        "difference": divergence.difference,
    }


def _call(call: Call) -> dict[str, Any]:
    return {
        "operation_id": call.operation_id,
        "kind": call.kind,
        "name": call.name,
        "arguments": call.arguments,
        "at": _place(call.span),
    }


def _place(place: Place | None) -> dict[str, Any] | None:
    if place is None:
        return None
    return {"path": place.path, "line": place.line, "column": place.column + 1}


def lines_of(verdict: Verdict) -> Iterator[str]:
    """Say why, what to know, and what else could be done."""
    for one in (*verdict.reasons, *verdict.notes):
        yield f"  {one.code} {one.sentence}{_where(one)}"
    if verdict and verdict.history_length:
        yield f"  replayed {verdict.replayed} of {verdict.history_length} events"
    for offer in verdict.offers:
        yield f"  {offer.sentence} {offer.command}"


def _where(reason: Reason) -> str:
    old, new = reason.old_span, reason.new_span
    event = "" if reason.event is None else f"event {reason.event}"
    if old is None and new is None:
        return f" ({event})" if event else ""
    lines = f"{(old or new).path}:{old.line if old else '-'} -> :{new.line if new else '-'}"  # type: ignore[union-attr]  # one of them is there
    return f" ({event}, {lines})" if event else f" ({lines})"


def counts_of(report: UpgradeReport) -> dict[str, Any]:
    """Give the counts and the groups; `there` are those of `move` that need no move."""
    return {
        "runs": {
            "move": report.moved + report.there,
            "there": report.there,
            "stay": report.stayed,
            "cannot": report.cannot,
        },
        "rerun": report.rerun,
        "errors": {run_id: str(error) for run_id, error in report.errors.items()},
        "groups": [
            {
                "answer": one.answer.value,
                "code": one.code,
                "site": one.site,
                "sentence": one.sentence,
                "count": one.count,
                "run_ids": list(one.run_ids),
            }
            for one in report.groups
        ],
    }


def report_lines(report: UpgradeReport, *, move: str, there: str = "") -> Iterator[str]:
    """Say how many move, stay, cannot, and why; the largest groups first.

    Runs that need no move count by themselves under the word `there`; without it with the others.
    """
    moved = report.moved if there else report.moved + report.there
    counts = ((move, moved), ("stay pinned", report.stayed), ("cannot", report.cannot))
    for (word, count), answer in zip(counts, Answer, strict=True):
        told = [_told(one) for one in report.groups if one.answer is answer]
        yield from _counted(word, count, told)
        if answer is Answer.MOVE and there and report.there:
            yield from _counted(there, report.there, [])
    if report.rerun:
        yield from _counted("begun anew", report.rerun, [])
    if report.errors:
        told = [f"{run_id}: {_line(error)}" for run_id, error in report.errors.items()]
        yield from _counted("not judged", len(told), told)


def _counted(word: str, count: int, told: Sequence[str]) -> Iterator[str]:
    first, *others = told or [""]
    yield f"  {word} {count:>{_COUNT_ENDS - len(word)},}   {first}".rstrip()
    yield from (f"{'':24}{one}" for one in others)


def _line(error: WfcError) -> str:
    return str(error).partition("\n")[0]


def _told(group: Group) -> str:
    if group.code in _NOTED:
        return f"{group.count:,} {_NOTED[group.code]} ({group.code})"
    shown = " ".join(group.run_ids)
    more = " ..." if group.count > len(group.run_ids) else ""
    return f"{group.count:,} {group.code} {group.sentence}: {shown}{more}"


_COUNT_ENDS: Final = 18
"""The column, behind the indent, where a count ends."""
_NOTED: Final = {
    "WFC671": "make a call behind their head now",
    "WFC672": "keep a deadline that the new code would set otherwise",
    "WFC673": "write on to a stream of another name",
    "WFC674": "end as soon as they have moved",
}
"""What moves all the same, said of many."""
