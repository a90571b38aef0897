"""`wfc lint`: what it prints, what it changes, and how it ends."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Said
from wfc.cli.main import main

STEP = 'async def charge(order_id):\n    "use step"\n    return order_id\n'
CLEAN = 'async def charge(order_id: str) -> str:\n    "use step"\n    return order_id\n'
UNUSED = CLEAN.replace("str:", "str:  # wfc: allow[WFC403] once")

Wfc = Callable[..., Said]


@pytest.fixture
def shop(project: Path) -> Path:
    path = project / "shop.py"
    path.write_text(STEP)
    return path


def test_findings_are_exit_code_1(wfc: Wfc, shop: Path) -> None:
    """On stdout the findings, on stderr the sum."""
    said = wfc("lint")
    assert said.code == 1
    assert said.out.startswith('shop.py:1:1: WFC403 the step "charge" does not annotate')
    assert said.err == "0 errors, 1 warning in 1 file\n"
    shop.write_text(CLEAN)
    assert wfc("lint") == Said(0, "", "0 errors, 0 warnings in 1 file\n")


def test_exit_zero(wfc: Wfc, shop: Path) -> None:
    """For those who only want to read."""
    assert shop.exists()
    said = wfc("lint", "--exit-zero", "--format", "concise")
    assert said.code == 0
    assert said.out.count("\n") == 1


def test_information_alone_is_no_negative_answer(wfc: Wfc, shop: Path) -> None:
    """WFC131 notes what nobody needs to change."""
    shop.write_text(
        "import requests\n\nSESSION = requests.Session()\n\n\n"
        'async def flow() -> None:\n    "use workflow"\n'
    )
    said = wfc("lint", "--format=concise")
    assert "WFC131" in said.out
    assert said.code == 0


def test_codes_are_selected_and_ignored(wfc: Wfc, shop: Path) -> None:
    """By prefix, between commas, repeated, in small letters; the longer one wins."""
    assert shop.exists()
    assert wfc("lint", "--select=WFC2,WFC3").code == 0
    assert wfc("lint", "--select", "wfc2", "--select", "wfc4").code == 1
    assert wfc("lint", "--ignore=WFC4").code == 0
    assert wfc("lint", "--select=WFC2", "--extend-select=WFC403").code == 1


def test_an_unknown_code_is_a_usage_error(wfc: Wfc, shop: Path) -> None:
    """With the nearest ones of its family first."""
    assert shop.exists()
    said = wfc("lint", "--select=WFC209")
    assert said.code == 2
    assert said.err.startswith(
        "error[WFC902]: no diagnostic has the code 'WFC209'. Did you mean WFC2"
    )


def test_settings_hold_unless_a_flag_says_otherwise(wfc: Wfc, project: Path, shop: Path) -> None:
    """`[tool.wfc.lint]`: select, ignore, and codes to ignore by globs of files."""
    (project / "wfc.toml").write_text('[lint]\nignore = ["WFC4"]\n')
    assert wfc("lint").code == 0
    assert wfc("lint", "--ignore=WFC2").code == 1
    (project / "wfc.toml").write_text('[lint.per-file]\n"sh*.py" = ["WFC403"]\n')
    assert wfc("lint").code == 0
    assert wfc("lint", str(shop)).code == 0


def test_paths_are_looked_at_alone(wfc: Wfc, project: Path, shop: Path) -> None:
    """A file, a folder; one that is not there is a finding, and the rest goes on."""
    (project / "other").mkdir()
    (project / "other" / "flow.py").write_text(STEP)
    assert wfc("lint", "--format=concise", "other").out.startswith("other/flow.py:1:1: WFC403")
    said = wfc("lint", "--format=concise", "gone.py", str(shop))
    assert [line.split()[:2] for line in said.out.splitlines()] == [
        ["gone.py:1:1:", "WFC910"],
        ["shop.py:1:1:", "WFC403"],
    ]


def test_a_file_that_is_named_is_read_to_its_end(wfc: Wfc, project: Path) -> None:
    """A syntax error in code that is none of ours is told to who names the file; a walk over
    folders only scans such files.
    """
    (project / "plain.py").write_text("def f(:\n")
    assert wfc("lint").code == 0
    said = wfc("lint", "--format=concise", "plain.py")
    assert (said.code, said.out.split()[:2]) == (1, ["plain.py:1:7:", "WFC910"])


def test_what_an_editor_holds(wfc: Wfc, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text on stdin stands for the file that it is not saved to; the file stays as it is."""

    def send(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    send(CLEAN)
    assert wfc("lint", "--stdin-filename=shop.py", "-").code == 0
    send(STEP)
    assert wfc("lint", "--format=concise", "--stdin-filename=new.py", "-").out.startswith(
        "new.py:1"
    )
    send(STEP)
    assert wfc("lint", "-").code == 1
    assert shop.read_text() == STEP


def test_programs_read_json(wfc: Wfc, shop: Path) -> None:
    """By `--json` or by `--format`, in one envelope or line by line."""
    assert shop.exists()
    for words in (("--json",), ("--format=json",)):
        envelope = wfc("lint", *words).json
        assert (envelope["format"], envelope["kind"]) == (1, "lint")
        assert [one["code"] for one in envelope["data"]] == ["WFC403"]
    for words in (("--jsonl",), ("--format=jsonl",)):
        assert wfc("lint", *words).json["code"] == "WFC403"


def test_hosts_read_their_own_forms(wfc: Wfc, shop: Path) -> None:
    """GitHub and SARIF."""
    assert shop.exists()
    assert wfc("lint", "--format=github").out.startswith("::warning file=shop.py,line=1")
    log = json.loads(wfc("lint", "--format=sarif").out)
    assert log["runs"][0]["results"][0]["ruleId"] == "WFC403"


def test_statistics_count_by_code(wfc: Wfc, shop: Path) -> None:
    """The most frequent first, for people and for programs."""
    shop.write_text(STEP + STEP.replace("charge", "refund") + 'def f():\n    "use workflow"\n')
    said = wfc("lint", "--statistics")
    assert said.code == 1
    assert said.out.splitlines() == [
        "count\tcode\tname",
        "2\tWFC403\tunannotated",
        "1\tWFC102\tsync-workflow",
    ]
    for form in ("json", "jsonl"):
        assert "WFC403" in wfc("lint", "--statistics", f"--format={form}").out


# --- fixing ------------------------------------------------------------------------------------


def test_fixes_are_shown(wfc: Wfc, shop: Path) -> None:
    """`--diff` writes nothing, and exits 1 if anything would change."""
    shop.write_text(UNUSED)
    said = wfc("lint", "--diff")
    assert (said.code, said.err) == (1, "1 would be fixed\n")
    assert "-async def charge(order_id: str) -> str:  # wfc: allow[WFC403] once\n" in said.out
    assert "+async def charge(order_id: str) -> str:\n" in said.out
    assert shop.read_text() == UNUSED
    shop.write_text(CLEAN)
    assert wfc("lint", "--diff") == Said(0, "", "0 would be fixed\n")


def test_fixes_are_done(wfc: Wfc, shop: Path) -> None:
    """`--fix` writes, and reports what is left."""
    shop.write_text(UNUSED + STEP.replace("charge", "refund"))
    assert "1 can be fixed by --fix" in wfc("lint").err
    said = wfc("lint", "--fix", "--format=concise")
    assert said.code == 1
    assert said.out.count("\n") == 1
    assert said.err == "1 fixed\n0 errors, 1 warning in 1 file\n"
    assert shop.read_text().startswith(CLEAN)
    assert wfc("lint", "--fix").err.startswith("0 fixed\n")


def test_what_an_editor_holds_is_fixed_too(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text comes back on stdout; the file stays as it is."""

    def send() -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(UNUSED.encode())))

    send()
    out = io.TextIOWrapper(io.BytesIO(), write_through=True)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        assert main(["lint", "--fix", "--stdin-filename=shop.py", "-"]) == 0
    assert out.buffer.getvalue() == CLEAN.encode()
    send()
    assert main(["lint", "--diff", "--stdin-filename=shop.py", "-"]) == 1
    assert shop.read_text() == STEP


# --- watching ----------------------------------------------------------------------------------


def test_watching_tells_what_is_new_and_what_is_cured(
    wfc: Wfc, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At first everything; after each change only the difference."""

    def change() -> None:
        shop.write_text(CLEAN + STEP.replace("charge", "refund"))

    async def changes(*_: object, **__: object) -> AsyncIterator[object]:
        change()
        yield object()

    monkeypatch.setattr("watchfiles.awatch", changes)
    said = wfc("lint", "--watch")
    assert said.code == 0
    told = [line.split(" does")[0] for line in said.out.splitlines() if "WFC403" in line]
    assert told == [
        'shop.py:1:1: WFC403 the step "charge"',
        'shop.py:4:1: WFC403 the step "refund"',
    ]
    assert said.err.splitlines()[-1] == "0 errors, 1 warning in 1 file; 1 cured"


def test_watching_without_the_library_says_how_to_get_it(
    wfc: Wfc, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an extra."""
    assert shop.exists()
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    said = wfc("lint", "--watch")
    assert said.code == 2
    assert "WFC955" in said.err
    assert "pip install 'wfc-durable[dev]'" in said.err


def test_a_code_that_no_look_at_sources_reports_is_told(wfc: Wfc, shop: Path) -> None:
    """To select it is no mistake, but it finds nothing; an unknown one is refused."""
    said = wfc("lint", "--select", "WFC660")
    assert said.code == 0
    assert "WFC660 is never reported by the linter" in said.err
    assert "never" not in wfc("lint", "--select", "WFC4,WFC201,WFC2").err
    unknown = wfc("lint", "--select", "WFC998")
    assert unknown.code == 2
    assert "WFC902" in unknown.err
    assert "Did you mean" in unknown.err
