"""Findings of a comparison that somebody has decided on: ``# wfc: allow[WFC604] reason``."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from wfc.cli.against import Side
from wfc.manifests.compare import Compared, Comparison
from wfc.manifests.findings import Finding
from wfc.manifests.levels import Level

_ALLOW: Final = re.compile(r"#\s*wfc:\s*allow\[([^\]]*)\]\s*(\S.*)")


def without_excused(found: Comparison, new: Side) -> Comparison:
    """Leave out what a comment with a reason, at its new line, says is meant."""
    workflows = {name: _without(one, new) for name, one in found.workflows.items()}
    return replace(found, workflows=workflows)


def _without(one: Compared, new: Side) -> Compared:
    left = tuple(finding for finding in one.findings if not _is_excused(finding, new))
    if len(left) == len(one.findings):
        return one
    level = max((finding.level for finding in left), default=Level.REPLAY)
    return replace(one, findings=left, level=level)


def _is_excused(finding: Finding, new: Side) -> bool:
    place = finding.reason.new_span
    lines = new.texts.get(place.path, "").split("\n") if place is not None else []
    if place is None or not 0 < place.line <= len(lines):
        return False
    match = _ALLOW.search(lines[place.line - 1])
    return match is not None and finding.reason.code in re.split(r"[,\s]+", match[1])
