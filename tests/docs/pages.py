"""The pages of errors as tests read them: each example is a folder of files, and what is typed."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests import warm
from wfc.diagnostics import CATALOGUE

DOCS: Final = Path(__file__).parents[2] / "docs"
PAGES: Final = DOCS / "errors"
SIDES: Final = ("Wrong", "Right")
BEFORE: Final = "Before"
"""The side of an older version, on pages about what an edit of it means."""
_BLOCKS: Final = re.compile(
    r"^\*\*(Before|Wrong|Right):\*\*\n((?:\s*^```.*?^```$)+)", re.DOTALL | re.MULTILINE
)
_BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE: Final = re.compile(r"^# ([\w/]+\.py)\n", re.MULTILINE)
_ONLY_FILE: Final = "shop.py"
_SETTINGS: Final = "pyproject.toml"
_PATIENCE_S: Final = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One side of a page. `commands` is a script of the shell, typed in the folder of `files`."""

    files: Mapping[str, str]
    commands: str = ""

    def lay(self, folder: Path) -> None:
        """Write the files."""
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    @property
    def alone(self) -> str | None:
        """The text of the one file there is, if it says all."""
        return self.files[_ONLY_FILE] if set(self.files) == {_ONLY_FILE} else None


def read_blocks(blocks: str) -> Example:
    """Read the blocks of one side: Python is files, TOML the settings, `sh` what is typed.

    A line ``# app/orders.py`` begins a file, so that a block may hold several.
    """
    files: dict[str, str] = {}
    commands = ""
    for language, text in _BLOCK.findall(blocks):
        match language:
            case "python":
                files.update(_split(text))
            case "toml":
                files[_SETTINGS] = text
            case "sh":
                commands += text
            case _:
                raise AssertionError(f"nobody knows what to do with a block of {language}")
    return Example(files=files, commands=commands)


def done(page: str, where: Path) -> str:
    """Lay the files of a guide and type its commands, all of which must be good; give the text."""
    example = read_blocks((DOCS / page).read_text("utf-8"))
    folder, tools = where / "project", where / "tools"
    folder.mkdir()
    tools.mkdir()
    example.lay(folder)
    warm.shim(tools)
    environment = {
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(DOCS.parent),
    }
    said = subprocess.run(
        ["sh", "-e", "-c", example.commands],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE_S,
    )
    assert said.returncode == 0, said
    return said.stdout


def _split(text: str) -> Iterator[tuple[str, str]]:
    before, *parts = _FILE.split(text)
    if not parts:
        yield _ONLY_FILE, text
        return
    assert not before.strip(), "the first line of a block of several files names the first of them"
    for name, content in zip(parts[::2], parts[1::2], strict=True):
        yield name, content.strip("\n") + "\n"


def _examples() -> Mapping[str, Mapping[str, Example]]:
    found = {}
    for page in sorted(PAGES.glob("WFC*.md")):
        sides = _BLOCKS.findall(page.read_text("utf-8"))
        if sides:
            found_sides = {side: read_blocks(blocks) for side, blocks in sides}
            before = {BEFORE: found_sides.pop(BEFORE)} if BEFORE in found_sides else {}
            assert tuple(found_sides) == SIDES, page
            wrong, right = found_sides.values()
            # The cure shows what it changes; the other files stay as they are.
            right = replace(right, files={**wrong.files, **right.files})
            found[page.stem] = {**before, "Wrong": wrong, "Right": right}
    return found


EXAMPLES: Final = _examples()
"""The two sides of each page that has them."""
_EDITED: Final = {code: one for code, one in EXAMPLES.items() if BEFORE in one}
COMPARED: Final = {code: one for code, one in _EDITED.items() if code < "WFC650"}
"""What appears when two versions are compared: `tests/manifests/test_pages.py`."""
MOVED: Final = {code: one for code, one in _EDITED.items() if code not in COMPARED}
"""What appears when a run moves from one version to another: `tests/upgrade/test_pages.py`."""
LINTED: Final = {
    code: one for code, one in EXAMPLES.items() if not one["Wrong"].commands and code not in _EDITED
}
"""What the linter, or who reads the settings, finds in the files: `tests/lint_rules/test_pages`."""
RAISED: Final = {code: one for code, one in EXAMPLES.items() if one["Wrong"].commands}
"""What appears only when something is run: `test_pages` beside this file."""

_LATER: Final = {
    "WFC901": "comes with the baseline of the linter",
    "WFC613": "comes with agents; tests/manifests/test_compare.py compares hand-made ones",
    **{code: "comes with agents" for code in CATALOGUE if "WFC701" <= code <= "WFC799"},
}
_NOBODY_WRITES_IT: Final = {
    "WFC164": "a build changed by hand or by a half copy; tests/manifests/test_store.py does it",
    "WFC166": "bytes damaged on a disk, told as WFC164; tests/manifests/test_store.py damages some",
    "WFC181": "a Python newer than the installed libcst; no build needs libcst any more",
    "WFC183": "too large a module; tests/compiler/test_deep_check.py gives one no time",
    "WFC190": "our fault: a bundle written wrong; tests/compiler/test_verify.py writes one",
    "WFC465": "our fault: an impossible event; tests/worlds/test_legality.py appends some",
    "WFC466": "an event damaged on a disk; tests/worlds/test_sqlite_faults.py damages some",
    "WFC467": "a key that went away; tests/worlds/test_vault.py takes some",
    "WFC660": "a worker that was too slow; tests/runtime/test_worker_trouble.py takes its lease",
    "WFC682": "a run that is busy for too long; tests/runtime/test_run.py has one",
    "WFC684": "an archive that is not whole; tests/runtime/test_many_versions.py has one",
    "WFC690": "a bundle that does not do what it did; tests/runtime/test_execution.py has some",
    "WFC698": "a Python newer than wfc; tests/manifests/test_canonical.py makes up a node",
    "WFC614": "another library or Python; tests/manifests/test_compare.py compares two",
    "WFC956": "a port that another program has; tests/cli/test_web.py holds one",
    "WFC999": "our fault; tests/cli/test_failure.py has one",
}
WITHOUT: Final = {**_LATER, **_NOBODY_WRITES_IT}
"""Why the pages of these codes show no example, or why nothing tries the one they show."""
