"""The frame of the command line: the lazy table, common options, exit codes, help."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from wfc.cli.main import COMPLETION, TABLE, application, main

HEAVY = {"libcst", "astroid", "pydantic_ai", "starlette", "asyncpg"}
"""What only compiling, linting or serving needs."""
SLOW = {"pydantic", "pydantic_settings", "rich", "importlib.metadata", "wfc.settings_tables"}
"""What takes longer to import than a look at runs takes."""


def loaded_by(*words: str, folder: Path | None = None) -> set[str]:
    """Run the command line in a fresh process and give the modules it loaded."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WFC_")}
    program = (
        "import sys, json; from wfc.cli.main import main\n"
        f"code = main({list(words)!r})\n"
        "sys.stderr.write(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, check=True, cwd=folder, env=clean,
    )  # fmt: skip
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_help_imports_no_command_and_nothing_heavy() -> None:
    """`--help` prints from the table."""
    loaded = loaded_by("--help")
    assert not loaded & (HEAVY | SLOW | {"asyncio"})
    assert {name for name in loaded if name.startswith("wfc.cli.")} == {
        "wfc.cli.coercion",
        "wfc.cli.common",
        "wfc.cli.failure",
        "wfc.cli.main",
    }


@pytest.mark.parametrize("words", [("runs",), ("runs", "--status", "failed", "--search", "x")])
def test_a_look_at_runs_imports_neither_compiler_nor_pydantic(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    """It is typed often, and should answer before the finger leaves the key."""
    (tmp_path / "wfc.toml").write_text('world = "sqlite:///runs.db"\n')
    loaded = loaded_by(*words, folder=tmp_path)
    assert not loaded & (HEAVY | SLOW)
    assert not {name for name in loaded if name.startswith(("wfc.compiler", "wfc.runtime"))}


def test_runs_are_started_and_executed_without_what_only_building_needs(tmp_path: Path) -> None:
    """On a fresh build there is nothing to compile."""
    assert main(["init", str(tmp_path)]) == 0
    loaded_by("build", folder=tmp_path)
    assert not loaded_by("start", "welcome", "Ana", "--id", "a", folder=tmp_path) & HEAVY
    assert not loaded_by("worker", "--until-idle", folder=tmp_path) & HEAVY


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line of the table is a line of the help."""
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    for entry in TABLE:
        assert f" {entry.name} " in printed


def test_no_command_at_all_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody who types `wfc` wants to know what there is."""
    assert main([]) == 0
    assert "Usage: wfc" in capsys.readouterr().out


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` answers without a project."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("wfc 0.")


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry.name)
def test_every_command_loads_and_explains_itself(
    entry: object, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table names only modules that exist, and each takes the common options."""
    assert main([getattr(entry, "name", ""), "--help"]) == 0
    printed = capsys.readouterr().out
    assert "Usage: wfc" in printed
    assert "--world" in printed


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["rns"], "Did you mean 'runs'"),
        (["config", "shwo"], "Did you mean 'show'"),
        (["config", "show", "--jsno"], "Did you mean --json"),
        (["config"], "Missing command"),
    ],
)
def test_a_typo_is_a_usage_error_with_a_suggestion(
    words: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, and the nearest word."""
    assert main(words) == 2
    printed = capsys.readouterr().err
    assert hint in printed
    assert "--help" in printed


def test_common_options_stand_before_or_after_and_the_later_wins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrapper script may add its own before; the person's come after."""
    words = ["--world", "memory:before", "--project", str(tmp_path), "config", "show", "--json"]
    for arguments, world in (
        (words, "memory:before"),
        ([*words, "--world", "memory:x"], "memory:x"),
    ):
        assert main(arguments) == 0
        settings = json.loads(capsys.readouterr().out)["data"]["settings"]
        found = next(row for row in settings if row["setting"] == "world")
        assert (found["value"], found["origin"]) == (world, "flag --world")


def test_a_common_option_has_a_twin_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """WFC_PROJECT and WFC_JSON work as the flags do; a flag wins."""
    (tmp_path / "wfc.toml").write_text('app = "shop:app"\n')
    monkeypatch.setenv("WFC_JSON", "1")
    monkeypatch.setenv("WFC_PROJECT", str(tmp_path / "none"))
    assert main(["--project", str(tmp_path), "config", "show"]) == 0
    assert json.loads(capsys.readouterr().out)["data"]["root"] == str(tmp_path)
    assert main(["config", "show"]) == 2
    error = json.loads(capsys.readouterr().err)
    assert set(error) == {"code", "message", "where", "why", "fix", "docs"}
    assert error["code"] == "WFC904"


def test_the_application_can_be_made_more_than_once() -> None:
    """Making it leaves nothing behind in the commands."""
    assert len(application().params) == len(application().params)


def test_python_m_wfc_is_the_same_door() -> None:
    """The module and the script are one program; a closed stdin is no trouble."""
    done = subprocess.run(
        [sys.executable, "-m", "wfc", "--version"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_closed_pipe_is_silent() -> None:
    """`wfc ... | head -0` prints no complaint and exits with 141."""
    program = (
        "import os, sys; from wfc.cli.main import main\n"
        "read, write = os.pipe(); os.close(read); os.dup2(write, 1)\n"
        "sys.exit(main(['config', 'show']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(("words", "offered"), [("wfc ru", "runs"), ("wfc runs --st", "--status")])
def test_a_shell_completes_commands_and_options(words: str, offered: str) -> None:
    """The script of `wfc completion` asks by these variables."""
    done = subprocess.run(
        [sys.executable, "-m", "wfc"],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            COMPLETION: "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(words.count(" ")),
        },
    )
    assert offered in done.stdout.split()
    assert done.returncode == 0
