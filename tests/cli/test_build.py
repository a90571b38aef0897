"""`wfc build` and `wfc transform`: what the compiler made, or what stands in its way."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wfc.manifests.store import read_version

from .conftest import Said

Wfc = Callable[..., Said]

SHOP = """\
async def charge(order_id: str) -> str:
    "use step"
    return "pay-" + order_id


async def checkout(order_id: str) -> str:
    "use workflow"
    return await charge(order_id)
"""
FAULTY = """\
def checkout(order_id: str) -> str:
    "use workflow"
    return order_id
"""


@pytest.fixture
def shop(project: Path) -> Path:
    """A project with one workflow."""
    (project / "shop.py").write_text(SHOP)
    return project


def test_a_project_without_workflows_says_so(wfc: Wfc, project: Path) -> None:
    """By the build and by a worker: it may be the wrong folder. One workflow is enough."""
    for words in (("build",), ("worker", "--until-idle")):
        said = wfc(*words)
        assert (said.code, f"no workflow is below {project}" in said.err) == (0, True), said.err
    (project / "idle_flows.py").write_text('async def nothing() -> None:\n    "use workflow"\n')
    assert "no workflow" not in wfc("build").err


def test_a_build_stands_under_its_version(wfc: Wfc, shop: Path) -> None:
    """Twice gives the same, and `current` names it."""
    said = wfc("build", "--json")
    assert said.code == 0
    data = said.json["data"]
    assert data["changed"] == ["shop"]
    assert (shop / ".wfc" / "current").read_text().strip() == data["version"]
    again = wfc("build", "--format", "json").json["data"]
    assert (again["version"], again["changed"]) == (data["version"], [])
    assert "1 workflow; 0 errors" in wfc("build", "--clean").err


def test_check_writes_nothing_and_sees_what_is_out_of_date(wfc: Wfc, shop: Path) -> None:
    """Exit 1 while the build on disk is not that of the sources."""
    assert wfc("build", "--check").code == 1
    assert not (shop / ".wfc" / "current").exists()
    wfc("build")
    assert wfc("build", "--check").code == 0
    (shop / "shop.py").write_text(SHOP.replace("pay-", "paid-"))
    said = wfc("build", "--check", "--json")
    assert (said.code, said.json["data"]["stale"]) == (1, True)
    assert "WFC620" in said.err


def test_another_folder_can_be_named(wfc: Wfc, shop: Path) -> None:
    """--out is a flag like the setting."""
    assert wfc("build", "--out", "made").code == 0
    assert (shop / "made" / "current").exists()


def test_a_fault_is_shown_in_each_format(wfc: Wfc, shop: Path) -> None:
    """For people, for programs, for GitHub; always exit 1 and no version."""
    (shop / "shop.py").write_text(FAULTY)
    said = wfc("build")
    assert said.code == 1
    assert "shop.py:1:1: WFC102" in said.out
    assert "no version; 1 error," in said.err
    (finding,) = wfc("build", "--json").json["data"]["findings"]
    assert (finding["code"], finding["place"][:2]) == ("WFC102", ["shop.py", 1])
    line = wfc("build", "--format", "github").out
    assert line.startswith("::error file=shop.py,line=1,endLine=1,col=1,")
    assert "title=WFC102 sync-workflow::" in line
    assert "%0AFix:" in line
    log = json.loads(wfc("build", "--format", "sarif").out)
    assert log["runs"][0]["results"][0]["ruleId"] == "WFC102"


def test_paths_choose_whose_findings_are_shown(wfc: Wfc, shop: Path) -> None:
    """Files and folders, by place or by chain; the build is the whole project's all the same."""
    (shop / "shop.py").write_text(FAULTY)
    (shop / "app").mkdir()
    (shop / "app" / "__init__.py").write_text("")
    (shop / "app" / "tools.py").write_text("import os\n\n\ndef pid():\n    return os.getpid()\n")
    (shop / "app" / "flow.py").write_text(
        'from app.tools import pid\n\n\nasync def flow():\n    "use workflow"\n    return pid()\n'
    )

    def codes(*words: str) -> list[str]:
        found = wfc("build", "--no-deep", "--json", *words).json["data"]["findings"]
        return [one["code"] for one in found]

    assert codes() == ["WFC203", "WFC102"]
    assert codes("shop.py") == ["WFC102"]
    assert codes("app") == codes("app/tools.py") == codes("app/flow.py") == ["WFC203"]
    assert codes("app", "shop.py") == ["WFC203", "WFC102"]
    assert codes("app/__init__.py") == []
    said = wfc("build", "--no-deep", "app/__init__.py")
    assert (said.code, said.out) == (1, "")
    assert "no version; 2 errors" in said.err
    assert "2 findings elsewhere" in said.err
    assert "WFC954" in wfc("build", "gone.py").err


def test_a_syntax_error_is_a_finding_too(wfc: Wfc, shop: Path) -> None:
    """And no traceback."""
    (shop / "shop.py").write_text('def f(:\n    "use step"\n')
    said = wfc("build")
    assert said.code == 1
    assert "WFC910" in said.out
    assert "Traceback" not in said.out + said.err


def test_transform_shows_each_view(wfc: Wfc, shop: Path) -> None:
    """The workflow bundle holds the call, the step bundle the body."""
    assert '"pay-"' not in wfc("transform", "shop.py").out
    assert "await charge(order_id)" in wfc("transform", "shop.py").out
    assert '"pay-"' in wfc("transform", "shop.py", "--view", "step").out
    assert "(workflow bundle)" in wfc("transform", "shop.py", "--view", "diff").out
    assert wfc("transform", "shop.py", "--view", "sites").out.count("\n") == 2
    assert wfc("transform", "shop.py", "--view", "json").json["data"]["module"] == "shop"
    assert not (shop / ".wfc" / "current").exists()


def test_transform_says_what_stands_in_the_way(wfc: Wfc, shop: Path) -> None:
    """A fault, a file that is not there, one that is not ours, one that needs no bundle."""
    (shop / "plain.py").write_text("x = 1\n")
    (shop / "tests").mkdir()
    (shop / "tests" / "other.py").write_text("x = 1\n")
    assert "has no workflow bundle" in wfc("transform", "plain.py").err
    assert wfc("transform", "plain.py", "--view", "sites").out == ""
    assert "is not there" in wfc("transform", "gone.py").err
    said = wfc("transform", "tests/other.py", "--json")
    assert (said.code, json.loads(said.err)["code"]) == (2, "WFC954")
    (shop / "shop.py").write_text(FAULTY)
    said = wfc("transform", "shop.py")
    assert (said.code, "WFC102" in said.err) == (1, True)


INTERRUPTED = """
import os, runpy, signal, sys
from wfc import fault

where = sys.argv.pop(1)

def interrupt(name):
    if name == where:
        os.kill(os.getpid(), signal.SIGINT)

fault._TRAP.active = True
fault._pass = interrupt
runpy.run_module("wfc", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    "point", ["version.written", "version.published", "current.replacing", "current.replaced"]
)
def test_ctrl_c_leaves_a_whole_build(wfc: Wfc, shop: Path, point: str) -> None:
    """Wherever a real process is in writing: the old one, or the new one once it is named."""

    def current() -> str:
        return (shop / ".wfc" / "current").read_text()

    assert wfc("build", "--no-deep").code == 0
    old = current()
    (shop / "shop.py").write_text(SHOP.replace("pay-", "paid-"))
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, point, "build", "--no-deep"],
        cwd=shop,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert (current() == old) is (point != "current.replaced")
    read_version(shop / ".wfc" / "versions" / current().strip())
    assert wfc("build", "--no-deep").code == 0
    assert current() != old
    read_version(shop / ".wfc" / "versions" / current().strip())


IN_PROCESSES = """
import os, runpy, signal
from wfc.compiler import build, processes

def interrupted(*asked):
    for done, one in enumerate(processes.spread(*asked)):
        if not done:
            os.killpg(0, signal.SIGINT)
        yield one

if __name__ == "__main__":
    build.spread = interrupted
    runpy.run_module("wfc", run_name="__main__", alter_sys=True)
"""


def test_ctrl_c_ends_the_processes_of_a_build_quietly(shop: Path) -> None:
    """A terminal sends it to all of them."""
    for number in range(40):
        (shop / f"shop_{number}.py").write_text(SHOP * 20)
    (shop / "tests").mkdir()
    (shop / "tests" / "main.py").write_text(IN_PROCESSES)
    done = subprocess.run(
        [sys.executable, "tests/main.py", "build", "--no-deep", "--jobs", "3"],
        cwd=shop,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        start_new_session=True,
    )
    assert (done.returncode, done.stdout) == (130, ""), done.stderr
    assert "Traceback" not in done.stderr
    assert "KeyboardInterrupt" not in done.stderr


def test_people_see_progress_that_leaves_nothing_behind(
    wfc: Wfc, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal only; results stay on stdout."""
    monkeypatch.setattr("wfc.cli.output.is_terminal", lambda stream: stream is sys.stderr)
    monkeypatch.setattr("wfc.cli.progress._SHOW_AFTER_S", 0)
    assert shop.is_dir()
    said = wfc("build", "--json")
    assert (said.code, said.json["data"]["changed"]) == (0, ["shop"])
    assert wfc("build", "-q", "--clean").err == ""


def test_fixes_are_shown_or_done_before_the_build(wfc: Wfc, project: Path) -> None:
    """What is safe; `--diff` writes nothing and exits 1 if there is something to do."""
    (project / "shop.py").write_text(FAULTY)
    shown = wfc("build", "--diff")
    assert shown.code == 1
    assert "+async def checkout(order_id: str) -> str:" in shown.out
    assert (project / "shop.py").read_text() == FAULTY
    assert wfc("build", "--fix").code == 0
    assert (project / "shop.py").read_text() == f"async {FAULTY}"
    assert wfc("build", "--diff").code == 0


def test_a_folder_that_cannot_be_written_to_is_named(wfc: Wfc, shop: Path) -> None:
    """It was configured so; nothing is wrong with wfc."""
    (shop / "taken").write_text("a file")
    said = wfc("build", "--out", "taken")
    assert said.code == 2
    assert "WFC904" in said.err
    assert "cannot be written to" in said.err
    assert "taken" in said.err
