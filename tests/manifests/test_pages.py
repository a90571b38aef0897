"""The pages about edits: the wrong one has the code of the page, the right one is judged milder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import BEFORE, COMPARED, PAGES, Example
from wfc.compiler.build import BuildResult, build
from wfc.compiler.project import Project
from wfc.manifests.compare import compare
from wfc.manifests.levels import Level
from wfc.manifests.manifest import Manifest

_MESSAGE = re.compile(r"^```text\n(.*?)\n```$", re.DOTALL | re.MULTILINE)


def built(example: Example, folder: Path) -> BuildResult:
    example.lay(folder)
    return build(Project.discover(folder), out=None)


def judged(code: str, side: str, folder: Path) -> tuple[Level, list[str]]:
    """Give the worst level of the findings of this code, and what they say."""
    old = built(COMPARED[code][BEFORE], folder / "old")
    new = built(COMPARED[code][side], folder / "new")
    assert old.version is not None
    if new.version is None:  # what no manifest can hold, a build refuses
        said = [one.sentence for one in new.diagnostics if one.code == code]
        return (Level.BREAKING if said else Level.IDENTICAL), said
    found = [
        finding
        for workflow in compare(
            Manifest.parse(old.version.manifest), Manifest.parse(new.version.manifest)
        ).workflows.values()
        for finding in workflow.findings
        if finding.reason.code == code
    ]
    level = max((one.level for one in found), default=Level.IDENTICAL)
    return level, [one.reason.sentence for one in found]


@pytest.mark.parametrize("code", sorted(COMPARED))
def test_an_edit_is_judged_as_its_page_says(code: str, tmp_path: Path) -> None:
    """The wrong edit brings the message of the page; the right one is no more than compatible, or
    at least lets more runs move.
    """
    wrong, said = judged(code, "Wrong", tmp_path / "wrong")
    right, _ = judged(code, "Right", tmp_path / "right")
    message = _MESSAGE.search((PAGES / f"{code}.md").read_text("utf-8"))
    assert message is not None
    assert any(message[1] in one for one in said), said
    assert wrong >= Level.REPLAY
    assert right < wrong


def test_the_codes_of_edits_are_tried() -> None:
    """All but those that need an agent or another library."""
    assert set(COMPARED) == {f"WFC{number}" for number in range(601, 617)} - {"WFC613", "WFC614"}
