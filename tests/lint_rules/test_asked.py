"""What settings and flags ask for, and which folders count as first party when nobody says."""

from __future__ import annotations

from pathlib import Path

import pytest

from wfc.errors import UnknownCode
from wfc.lint_rules import run
from wfc.lint_rules.asked import job_of
from wfc.settings import load_settings


def test_flags_win_over_settings(tmp_path: Path) -> None:
    """`extend_select` adds to whichever holds."""
    (tmp_path / "wfc.toml").write_text('[lint]\nselect = ["WFC2"]\nignore = ["WFC207"]\n')
    loaded = load_settings(tmp_path)
    assert job_of(loaded).selection.select == ("WFC2",)
    job = job_of(loaded, select=("wfc3",), extend_select=("WFC404",))
    assert (job.selection.select, job.selection.ignore) == (("WFC3", "WFC404"), ("WFC207",))
    assert job_of(loaded, ignore=("WFC1",)).selection.ignore == ("WFC1",)


def test_codes_of_globs_must_exist(tmp_path: Path) -> None:
    """As those of every other list."""
    (tmp_path / "wfc.toml").write_text('[lint.per-file]\n"*.py" = ["WFC299"]\n')
    with pytest.raises(UnknownCode, match="Did you mean WFC2"):
        job_of(load_settings(tmp_path))


def test_the_policy_of_the_project_is_known(tmp_path: Path) -> None:
    """Where every step has a time limit, or one attempt, no single one is told to get it."""
    text = (
        "import requests\nimport tenacity\n\n\n@tenacity.retry\ndef step() -> str:\n"
        '    "use step"\n    return requests.get("https://a").text\n'
    )
    (tmp_path / "app.py").write_text(text)
    for policy, codes in (
        ("", ["WFC354", "WFC353"]),
        ('[policy]\ntimeout = "1m"\n', ["WFC354"]),
        ("[policy]\nattempts = 1\n", ["WFC353"]),
    ):
        (tmp_path / "wfc.toml").write_text(policy)
        job = job_of(load_settings(tmp_path))
        found = run.lint(job, run.files_in(job.project, [])).findings
        assert [one.code for one in found] == codes


def test_folders_without_init_know_each_other(tmp_path: Path) -> None:
    """They may be namespace packages; those that are named alone count if any is named."""
    for name in ("app/flows.py", "app/prices.py", "tests/test_a.py", "env/lib.py", "email/x.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    (tmp_path / "app" / "prices.py").write_text(
        "import requests\n\n\ndef of():\n    requests.get('x')\n"
    )
    (tmp_path / "app" / "flows.py").write_text(
        'from app.prices import of\n\n\nasync def flow() -> None:\n    "use workflow"\n    of()\n'
    )
    job = job_of(load_settings(tmp_path))
    assert job.project.packages == job.project.rules.packages == ("app",)
    found = run.lint(job, run.files_in(job.project, [])).findings
    assert [(one.place.path, one.code) for one in found] == [("app/flows.py", "WFC201")]
    (tmp_path / "wfc.toml").write_text('packages = ["app"]\n')
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "x.py").write_text("")
    assert job_of(load_settings(tmp_path)).project.packages == ("app",)
