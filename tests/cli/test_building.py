"""What a developer's build tells: the compiler's findings and the errors of the linter's rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import LINTED
from wfc.cli.building import build_judged
from wfc.diagnostics import CATALOGUE, Severity
from wfc.errors import WfcError
from wfc.manifests.store import current_version
from wfc.settings import load_settings

ERRORS = sorted(
    code
    for code in LINTED
    if CATALOGUE[code].severity is Severity.ERROR and not code.startswith("WFC9")
)
SWALLOWS = """\
async def charge() -> str:
    "use step"
    return "paid"


async def checkout() -> str:
    "use workflow"
    try:
        return await charge()
    except BaseException:{comment}
        return "failed"
"""


@pytest.mark.parametrize("code", ERRORS)
def test_a_build_tells_every_error_that_the_linter_knows(code: str, tmp_path: Path) -> None:
    """With the same code, and nothing is built; the page's cure builds."""
    LINTED[code]["Wrong"].lay(tmp_path)
    for folder in (tmp_path / "app", tmp_path / "shop"):
        if folder.is_dir():
            (folder / "__init__.py").touch()
    result = build_judged(load_settings(tmp_path))
    assert code in {one.code for one in result.diagnostics}
    assert (result.ok, result.version) == (False, None)
    assert current_version(tmp_path / ".wfc") is None
    LINTED[code]["Right"].lay(tmp_path)
    try:
        assert build_judged(load_settings(tmp_path)).ok
    except WfcError as problem:
        pytest.fail(f"the cure does not build: {problem}")


def test_a_comment_silences_linters_and_no_build(tmp_path: Path) -> None:
    """Only a decision with a reason exempts."""
    module = tmp_path / "shop.py"
    module.write_text(SWALLOWS.format(comment="  # noqa: WFC501"))
    assert not build_judged(load_settings(tmp_path)).ok
    module.write_text(SWALLOWS.format(comment="  # wfc: allow[WFC501] the run may not stop here"))
    assert build_judged(load_settings(tmp_path)).ok


def test_an_error_leaves_the_last_build_whole(tmp_path: Path) -> None:
    """Whatever stood there goes on to be the current version."""
    module = tmp_path / "shop.py"
    module.write_text(SWALLOWS.format(comment="").replace("BaseException", "Exception"))
    good = build_judged(load_settings(tmp_path)).version
    assert good is not None
    module.write_text(SWALLOWS.format(comment=""))
    result = build_judged(load_settings(tmp_path))
    assert [one.code for one in result.diagnostics] == ["WFC501"]
    assert "shop.py" in result.texts
    assert current_version(tmp_path / ".wfc") == good.id
