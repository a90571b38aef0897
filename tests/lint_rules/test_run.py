"""Linting many files: which ones, in which mode, in any number of processes, remembered."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from wfc.compiler.project import Project
from wfc.lint_rules import run
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.selection import Selection

STEP = 'async def {name}(x):\n    "use step"\n    return x\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with two modules, a test, and folders that nobody wants to see."""
    for name in ("app/__init__.py", "app/a.py", "app/b.py", "tests/test_a.py", "build/c.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("" if name.endswith("__init__.py") else STEP.format(name="f"))
    (tmp_path / "app" / "ignored.py").write_text(STEP.format(name="g"))
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "d.py").write_text(STEP.format(name="h"))
    return tmp_path


def job_at(root: Path, **given: object) -> run.Job:
    return run.Job(project=Project.discover(root), **given)  # type: ignore[arg-type]  # as given


def told(found: tuple[Finding, ...]) -> list[tuple[str, str]]:
    return [(one.place.path, one.code) for one in found]


def test_folders_are_walked_without_what_is_ignored(root: Path) -> None:
    """Tests belong to it; `exclude`, `.gitignore` and hidden folders do not."""
    files = run.files_in(Project.discover(root), [])
    shown = [path.relative_to(root).as_posix() for path in files]
    assert shown == ["app/__init__.py", "app/a.py", "app/b.py", "tests/test_a.py"]


def test_a_file_that_is_named_is_looked_at_whatever_ignores_it(root: Path) -> None:
    """Who names it means it; named twice, it is one file."""
    named = [root / "app" / "ignored.py", root / "app", root / "app" / "a.py"]
    files = run.files_in(Project.discover(root), named)
    assert [path.name for path in files] == ["__init__.py", "a.py", "b.py", "ignored.py"]


def test_files_of_the_project_and_others_are_told_by_their_paths(root: Path) -> None:
    """Relative to the root, or whole for a file from elsewhere."""
    elsewhere = root.parent / f"{root.name}-elsewhere.py"
    elsewhere.write_text(STEP.format(name="f"))
    job = job_at(root)
    files = [*run.files_in(job.project, []), elsewhere]
    found = run.lint(job, files).findings
    assert told(found) == [
        (elsewhere.as_posix(), "WFC403"),
        ("app/a.py", "WFC403"),
        ("app/b.py", "WFC403"),
        ("tests/test_a.py", "WFC403"),
    ]
    texts = run.texts_of(job.project, found)
    assert set(texts) == {path for path, _ in told(found)}


def test_an_unreadable_file_is_told_and_the_rest_goes_on(root: Path) -> None:
    """A missing file, bytes that are no text, and text that is no Python: WFC910 each."""
    (root / "app" / "bytes.py").write_bytes(b'\xff\xfe"use step"')
    (root / "app" / "syntax.py").write_text('def f(:\n    "use step"\n')
    job = job_at(root)
    files = [*run.files_in(job.project, [root / "app"]), root / "missing.py"]
    assert told(run.lint(job, files).findings) == [
        ("app/a.py", "WFC403"),
        ("app/b.py", "WFC403"),
        ("app/bytes.py", "WFC910"),
        ("app/syntax.py", "WFC910"),
        ("missing.py", "WFC910"),
    ]


def test_any_number_of_processes_finds_the_same(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order too."""
    monkeypatch.setattr(run, "_WORTH_PROCESSES", 1)
    for number in range(5):
        (root / "app" / f"m{number}.py").write_text(STEP.format(name=f"f{number}"))
    job = job_at(root)
    files = run.files_in(job.project, [])
    assert run.lint(job, files, jobs=2) == run.lint(job, files, jobs=1)


def test_an_unchanged_tree_is_not_looked_at_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result is kept under the contents of all files; what changes one of them asks anew."""
    job, out = job_at(root), root / ".wfc"
    files = run.files_in(job.project, [])
    first = run.lint(job, files, out=out)
    looked: list[Path] = []
    check_files = run._check_files

    def look(a_job: run.Job, paths: list[Path], *known: Any) -> list[Finding]:
        looked.extend(paths)
        return check_files(a_job, paths, *known)

    monkeypatch.setattr(run, "_check_files", look)
    assert run.lint(job, files, out=out) == first
    assert looked == []
    for path in files:
        os.utime(path, (1, 1))  # touched, not changed
    assert run.lint(job, files, out=out) == first
    assert looked == []
    (root / "app" / "a.py").write_text("")
    assert told(run.lint(job, files, out=out).findings) == told(first.findings)[1:]
    assert looked == files
    other = job_at(root, selection=Selection(ignore=("WFC4",)))
    assert run.lint(other, files, out=out).findings == ()


def test_a_damaged_memory_is_no_memory(root: Path) -> None:
    """An entry is whole or ignored."""
    job, out = job_at(root), root / ".wfc"
    files = run.files_in(job.project, [])
    first = run.lint(job, files, out=out)
    entry = out / "cache" / "lint"
    entry.write_bytes(entry.read_bytes()[:-3] + b"xyz")
    assert run.lint(job, files, out=out) == first


def test_codes_are_ignored_by_globs_of_files(root: Path) -> None:
    """A glob names the whole path or the file's own name."""
    job = job_at(root, per_file=(("tests/*", ("WFC4",)), ("b.py", ("WFC403",))))
    files = run.files_in(job.project, [])
    assert told(run.lint(job, files).findings) == [("app/a.py", "WFC403")]


def test_faults_of_the_project_are_told_where_they_are_asked_for(root: Path) -> None:
    """A file with two names is told with that file, not with every other."""
    (root / "__init__.py").write_text("")
    (root / "src" / "lib").mkdir(parents=True)
    (root / "src" / "lib" / "__init__.py").write_text("")
    (root / "src" / "__init__.py").write_text("")
    project = Project.discover(root, packages=["app", "lib", "src"])
    job = run.Job(project=project)
    everything = run.lint(job, run.files_in(project, [])).findings
    assert ("src/lib/__init__.py", "WFC122") in told(everything)
    assert told(run.lint(job, [root / "app" / "a.py"]).findings) == [("app/a.py", "WFC403")]


def test_an_unsaved_text_stands_for_its_file(root: Path) -> None:
    """The other modules are those on the disk."""
    (root / "app" / "b.py").write_text(
        'async def pay(x: int) -> int:\n    "use step"\n    return x\n'
    )
    text = (
        "from app.b import pay\n\n\nasync def flow() -> int:\n"
        '    "use workflow"\n    return await pay(1)\n\n\nasync def main() -> int:\n'
        "    return await flow()\n"
    )
    report = run.lint_text(job_at(root), root / "app" / "a.py", text.encode())
    assert told(report.findings) == [("app/a.py", "WFC135")]


def test_a_file_from_elsewhere_knows_the_modules_beside_it(tmp_path: Path) -> None:
    """What stands beside it is first party, so nothing is unknown; the network still is network."""
    project, other = tmp_path / "project", tmp_path / "other"
    project.mkdir()
    other.mkdir()
    (other / "prices.py").write_text("")
    (other / "flows.py").write_text(
        "import prices\nimport requests\nimport shapely\n\n\nasync def flow() -> None:\n"
        '    "use workflow"\n    prices.of(1)\n    requests.get("x")\n    shapely.area(1)\n'
    )
    found = run.lint(job_at(project), [other / "flows.py"]).findings
    assert [(one.place.line, one.code) for one in found] == [(9, "WFC201"), (10, "WFC220")]


def test_fixes_of_a_file(root: Path) -> None:
    """What a file would hold, and how many fixes that are; what is no text stays as it is."""
    path = root / "app" / "a.py"
    path.write_bytes(b"def f():  # wfc: allow[WFC403] once\r\n    pass\r\n")
    after = b"def f():\r\n    pass\r\n"
    assert run.fixed(job_at(root), path, path.read_bytes()) == (after, 1)
    assert run.fixed(job_at(root), path, b"\xff") == (b"\xff", 0)
