"""What the programs of the table record stands in the shapes of their manifest, by its name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from wfc.eventlog.event import Recorded, StepCompleted, StepCreated, StepFailed, WaitCreated
from wfc.manifests.manifest import Manifest
from wfc.manifests.shape import from_plain

SITE = re.compile(r"^(?:\d+:)?(.*)#\d+$")
RECORDED = (StepCreated, StepCompleted, StepFailed, WaitCreated)
FOREIGN = "foreign~00000000#0"  # a forged event of one of the cases


def strangers(
    manifest: Manifest, function: Callable[..., Any], history: list[Recorded]
) -> list[str]:
    """List recorded sites that the workflow's shape does not have: by its own name, or as a dynamic
    call at its place, or by the bare name.
    """
    workflow = manifest.workflows[f"{function.__module__}:{function.__qualname__}"]
    assert workflow.shape is not None
    shape = {leaf.site for leaf in from_plain(workflow.shape).leaves()}
    missing = []
    for site in sorted(_sites_of(history)):
        known = {site, f"?~{site.partition('~')[2]}"}
        if not known & shape or ("~" in site and not known & workflow.sites.keys()):
            missing.append(site)
    return missing


def _sites_of(history: list[Recorded]) -> set[str]:
    found = set()
    for recorded in history:
        if isinstance(recorded.event, RECORDED) and recorded.event.operation_id != FOREIGN:
            match = SITE.match(recorded.event.operation_id)
            assert match is not None
            found.add(match[1])
    return found
