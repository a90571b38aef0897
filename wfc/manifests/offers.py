"""Guesses of what was renamed without a hint: offered in findings, never believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wfc.manifests.findings import Hint, Sides
from wfc.manifests.manifest import Step, Workflow


def renamed_step(sides: Sides, gone: str) -> Hint | None:
    """Find the new step that has the signature and the body of one that is gone.

    If none has, it is the only new one where only one is gone.
    """
    lost = _lost(sides.old.steps, sides.new.steps, sides)
    fresh = _fresh(sides.old.steps, sides.new.steps, sides)
    one = sides.old.steps[gone]
    twins = [name for name in fresh if _same_step(one, sides.new.steps[name])]
    return _hint(gone, twins, lost, fresh)


def renamed_workflow(sides: Sides, gone: str) -> Hint | None:
    """Find the new workflow that has the signature and body of one that is gone, likewise."""
    lost = _lost(sides.old.workflows, sides.new.workflows, sides)
    fresh = _fresh(sides.old.workflows, sides.new.workflows, sides)
    one = sides.old.workflows[gone]
    twins = [name for name in fresh if _same_workflow(one, sides.new.workflows[name])]
    return _hint(gone, twins, lost, fresh)


def _hint(
    gone: str, twins: Sequence[str], lost: Sequence[str], fresh: Sequence[str]
) -> Hint | None:
    if len(twins) == 1:
        return Hint(new=twins[0], old=gone)
    if lost == [gone] and len(fresh) == 1:
        return Hint(new=fresh[0], old=gone)
    return None


def _lost(old: Mapping[str, Any], new: Mapping[str, Any], sides: Sides) -> list[str]:
    return [name for name in old if sides.hints.definition(name) not in new]


def _fresh(old: Mapping[str, Any], new: Mapping[str, Any], sides: Sides) -> list[str]:
    known = {sides.hints.definition(name) for name in old}
    return [name for name in new if name not in known]


def _same_step(one: Step, two: Step) -> bool:
    return (one.signature, one.body_hash) == (two.signature, two.body_hash)


def _same_workflow(one: Workflow, two: Workflow) -> bool:
    same = (one.signature, one.body, len(one.sites)) == (two.signature, two.body, len(two.sites))
    return same and one.body is not None
