"""What the programs of the table record stands in the shapes of their manifest, by its name."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.semantics.entries import ENTRIES
from tests.acceptance.semantics.scene import PACKAGE, compiled, scene, workflow_of
from wfc.eventlog.event import Recorded, StepCompleted, StepCreated, StepFailed, WaitCreated
from wfc.manifests.manifest import Manifest
from wfc.manifests.shape import from_plain
from wfc.manifests.store import Version

PROJECT = Path(__file__).parent / "cases"
SITE = re.compile(r"^(?:\d+:)?(.*)#\d+$")
RECORDED = (StepCreated, StepCompleted, StepFailed, WaitCreated)
FOREIGN = "foreign~00000000#0"  # a forged event of one of the cases


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Version]:
    """The project, copied, so that its build lands outside of the checkout."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path])
        patch.setattr(sys, "meta_path", [*sys.meta_path])
        project = tmp_path_factory.mktemp("shapes") / "project"
        shutil.copytree(PROJECT, project)
        yield compiled(project)
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]


def sites_of(history: list[Recorded]) -> set[str]:
    found = set()
    for recorded in history:
        if isinstance(recorded.event, RECORDED) and recorded.event.operation_id != FOREIGN:
            match = SITE.match(recorded.event.operation_id)
            assert match is not None
            found.add(match[1])
    return found


async def test_every_recorded_site_stands_in_the_shape(version: Version, tmp_path: Path) -> None:
    """By its own name, or as a dynamic call at its place, or by the bare name."""
    manifest = Manifest.parse(version.manifest)
    missing = []
    for number, entry in enumerate(ENTRIES):
        case = entry.make()
        function = workflow_of(case)
        workflow = manifest.workflows[f"{function.__module__}:{function.__qualname__}"]
        assert workflow.shape is not None
        shape = {leaf.site for leaf in from_plain(workflow.shape).leaves()}
        async with scene(version, tmp_path / f"{number}.db", always_replay=False) as stage:
            ended = await stage.play(case)
        for site in sites_of(ended.history):
            known = {site, f"?~{site.partition('~')[2]}"}
            if not known & shape or ("~" in site and not known & workflow.sites.keys()):
                missing.append((entry.name, site))
    assert not missing
