"""`wfc diff`: whatever stands on either side, what edits mean for runs in flight."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from wfc.cli.hints import with_hints
from wfc.manifests.findings import Hint
from wfc.manifests.store import read_version, to_archive
from wfc.worlds.open import open_world
from wfc.worlds.protocol import Environment

from .conftest import Said

Wfc = Callable[..., Said]
SHOP = """\
from wfc import policy


async def charge(order_id: str, cents: int) -> str:
    "use step"
    return f"pay-{order_id}-{cents}"


async def checkout(order_id: str) -> str:
    "use workflow"
    return await charge(order_id, 4200)
"""
NEW_CURRENCY = SHOP.replace("cents: int)", "cents: int, currency: str)").replace(
    "4200)", '4200, "eur")'
)
RENAMED = SHOP.replace("charge", "debit")

DIFFERENCE = """\
shop:checkout   if_recorded   step-parameter; deciding-code
  ~ WFC604 step charge has the new parameter `currency` without a default: recorded input does not \
have it   shop.py:4 -> :4
    Fix: give `currency` a default
  ~ {site}   WFC607 the call of `charge` has other arguments: runs past it had another   \
shop.py:11 -> :11
shop:charge     identical     definition
"""


@pytest.fixture
def shop(project: Path) -> Path:
    """A project with one workflow; gives its file."""
    (project / "shop.py").write_text(SHOP)
    return project / "shop.py"


@pytest.fixture
def git(project: Path, shop: Path) -> Callable[..., str]:
    """A repository of that project with one commit."""
    environment = {
        **os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com",
        "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com",
    }  # fmt: skip

    def run(*words: str, at: Path = project) -> str:
        return subprocess.run(
            ["git", *words], cwd=at, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    run("init", "-q", "-b", "main")
    run("add", "-A")
    run("commit", "-qm", "one")
    return run


def test_nothing_differs_from_itself(wfc: Wfc, shop: Path) -> None:
    """The second side is the working tree unless another is named."""
    said = wfc("diff", ".")
    assert (said.code, said.out) == (0, "")
    assert "1 workflow: 1 identical" in said.err


def test_a_ref_is_built_without_importing_anything(
    wfc: Wfc, shop: Path, git: Callable[..., str]
) -> None:
    """A branch, a tag, a commit; its files come out of git's archive."""
    shop.write_text(NEW_CURRENCY + "\nprint('imported!')\n")
    said = wfc("diff", "main", ".")
    assert said.code == 0
    assert "imported!" not in said.out
    site = next(word for word in said.out.split() if word.startswith("charge~"))
    assert said.out == DIFFERENCE.format(site=site)
    commit = git("rev-parse", "HEAD")
    assert wfc("diff", commit[:9], ".").out == said.out
    git("tag", "v1")
    assert wfc("diff", "v1").out == said.out


def test_a_folder_below_the_repository_is_the_project(
    wfc: Wfc, project: Path, shop: Path, git: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what stands there is looked at; links are left out."""
    inner = project / "inner"
    inner.mkdir()
    (inner / "wfc.toml").write_text("packages = ['shop']\n")
    (inner / "shop.py").write_text(SHOP)
    (inner / "link.py").symlink_to("/etc/hostname")
    git("add", "-A")
    git("commit", "-qm", "two")
    (inner / "shop.py").write_text(SHOP.replace("checkout", "buy"))
    monkeypatch.chdir(inner)
    said = wfc("diff", "main")
    assert "shop:checkout   breaking" in said.out
    assert "shop:buy        new" in said.out


def test_versions_are_named_by_a_prefix(wfc: Wfc, shop: Path) -> None:
    """Of the folder of builds, with the environment they were built in."""
    first = wfc("build", "--json").json["data"]["version"]
    shop.write_text(SHOP.replace("4200", "4300"))
    second = wfc("build", "--json").json["data"]["version"]
    said = wfc("diff", first[:8], second, "--json")
    data = said.json["data"]
    assert (data["old"], data["new"], data["level"]) == (first, second, "replay")
    (finding,) = data["findings"]
    assert (finding["code"], finding["workflow"]) == ("WFC607", "shop:checkout")
    assert (finding["old"]["line"], finding["new"]["path"]) == (11, "shop.py")


def test_a_prefix_of_several_versions_is_refused(wfc: Wfc, shop: Path, project: Path) -> None:
    """It lists them."""
    wfc("build")
    for name in ("abcd000000000000", "abcd111111111111"):
        folder = project / ".wfc" / "versions" / name
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}")
    said = wfc("diff", "abcd", ".")
    assert said.code == 2
    assert "abcd000000000000, abcd111111111111" in said.err


def test_a_version_of_the_world(wfc: Wfc, shop: Path, project: Path) -> None:
    """One that was built elsewhere, and on what it was registered."""
    elsewhere = Environment(python="3.10", wfc="0.0.1", platform="linux-x86_64")
    name = wfc("build", "--json").json["data"]["version"]
    folder = project / ".wfc" / "versions" / name

    async def register() -> None:
        world = open_world(f"sqlite:///{project / 'runs.db'}")
        await world.open()
        archive = to_archive(read_version(folder))
        await world.register_version(name, archive, environment=elsewhere)
        await world.close()

    asyncio.run(register())
    for path in sorted(folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    folder.rmdir()
    shop.write_text(RENAMED)
    said = wfc("diff", name[:6]).out
    assert "the step `charge` is gone" in said
    assert "WFC614 Python 3.10 -> " in said


def test_manifests_and_baselines_are_files(wfc: Wfc, shop: Path, project: Path) -> None:
    """A manifest has its positions beside it; a baseline has neither version nor modules."""
    name = wfc("build", "--json").json["data"]["version"]
    folder = project / ".wfc" / "versions" / name
    plain = json.loads((folder / "manifest.json").read_text())
    baseline = {key: plain[key] for key in plain if key not in {"version", "modules"}}
    (project / "wfc.baseline.json").write_text(json.dumps(baseline))
    shop.write_text("\n" + SHOP.replace("4200", "4300"))
    assert "shop.py:11 -> :12" in wfc("diff", str(folder / "manifest.json")).out
    assert "shop.py:11 -> :12" in wfc("diff", str(folder)).out
    said = wfc("diff", "wfc.baseline.json")
    assert "WFC607 the call of `charge` has other arguments" in said.out
    assert "shop.py:12" in said.out


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": "wfc.manifest/1.0"}', '{"steps": 1}'])
def test_what_is_no_manifest_is_refused(wfc: Wfc, shop: Path, project: Path, text: str) -> None:
    """With file and field; exit 2."""
    (project / "bad.json").write_text(text)
    said = wfc("diff", "bad.json")
    assert (said.code, "WFC683" in said.err, "bad.json" in said.err) == (2, True, True)


def test_what_is_nowhere_is_not_found(wfc: Wfc, shop: Path, git: Callable[..., str]) -> None:
    """Exit 3, with the nearest ref; an option is no ref; a shallow clone is told of."""
    said = wfc("diff", "mian")
    assert (said.code, "Did you mean main?" in said.err) == (3, True)
    assert wfc("diff", "abcdef12").code == 3
    assert wfc("diff", "--", "--all").code == 3


def test_a_shallow_clone_says_what_to_fetch(
    wfc: Wfc, shop: Path, project: Path, git: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The usual trap of continuous integration."""
    shop.write_text(RENAMED)
    git("commit", "-qam", "two")
    git("clone", "-q", "--depth", "1", f"file://{project}", "clone")
    monkeypatch.chdir(project / "clone")
    said = wfc("diff", "main~1")
    assert (said.code, "fetch-depth: 0" in said.err) == (3, True)


def test_without_git_a_ref_is_not_found(
    wfc: Wfc, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing crashes."""
    monkeypatch.setenv("PATH", "")
    assert wfc("diff", "main").code == 3


def test_a_side_that_does_not_build_is_told(wfc: Wfc, shop: Path) -> None:
    """There is nothing to compare."""
    shop.write_text('def checkout() -> int:\n    "use workflow"\n    return 1\n')
    said = wfc("diff", ".")
    assert (said.code, "WFC102" in said.err) == (1, True)


def test_the_places_are_shown_on_demand(wfc: Wfc, shop: Path, git: Callable[..., str]) -> None:
    """Which is which, and by which pass; operations that are new or gone."""
    shop.write_text(
        SHOP.replace("    return await", "    if order_id:\n        return await")
        + '    return await charge("x", 1)\n'
    )
    said = wfc("diff", "main", "--sites")
    rows = [line for line in said.out.splitlines() if " -> charge~" in line]
    assert any("pass 2: same arguments" in row for row in rows)
    assert any(row.startswith("    nothing -> charge~") for row in rows)
    assert "inserted" in said.out.splitlines()[0]
    data = wfc("diff", "main", "--sites", "--format", "json").json["data"]
    assert {one["pass"] for one in data["sites"]} == {2, None}
    back = wfc("diff", ".", "main", "--sites")
    assert "-> nothing" in back.out
    assert "1 operation gone" in back.out


def test_rename_hints_are_written(wfc: Wfc, shop: Path, git: Callable[..., str]) -> None:
    """Then the edit is compatible, and there is nothing more to write."""
    shop.write_text(RENAMED.replace("async def debit", "@policy(attempts=2)\nasync def debit"))
    said = wfc("diff", "main", "--fix")
    assert "1 rename hint written" in said.err
    assert "shop:checkout   compatible" in said.out
    assert "@policy(attempts=2)\n# wfc: was[shop:charge]\nasync def debit" in shop.read_text()
    assert "no rename hint is offered" in wfc("diff", "main", "--fix").err
    assert wfc("diff", ".", "main", "--fix").code == 2


def test_a_hint_for_a_parameter_needs_a_line_of_its_own(
    wfc: Wfc, shop: Path, git: Callable[..., str]
) -> None:
    """Above the line of the function it would mean the function."""
    shop.write_text(SHOP.replace("cents: int", "amount: int"))
    assert "no rename hint is offered" in wfc("diff", "main", "--fix").err
    shop.write_text(
        SHOP.replace("order_id: str, cents: int", "\n    order_id: str,\n    amount: int,\n")
    )
    said = wfc("diff", "main", "--fix")
    assert "    # wfc: was[cents]\n    amount: int,\n" in shop.read_text()
    assert "shop:checkout   compatible" in said.out


def test_hints_keep_line_ends_and_indentation() -> None:
    """From the last line to the first, so that places stay true."""
    before = b"a = 1\r\nclass A:\r\n    def f(self): ...\r\n    def g(self): ..."
    hints = [(3, Hint(new="m:A.f", old="m:A.e")), (4, Hint(new="m:A.g", old="m:A.h"))]
    assert with_hints(before, hints) == (
        b"a = 1\r\nclass A:\r\n    # wfc: was[m:A.e]\r\n    def f(self): ...\r\n"
        b"    # wfc: was[m:A.h]\n    def g(self): ..."
    )


def test_hosts_get_what_may_strand_runs(wfc: Wfc, shop: Path, git: Callable[..., str]) -> None:
    """Errors and warnings by level; what is compatible is no finding."""
    shop.write_text(NEW_CURRENCY)
    lines = wfc("diff", "main", "--format", "github").out.splitlines()
    assert [line.split(" ")[0] for line in lines] == ["::error", "::warning"]
    assert lines[0].startswith("::error file=shop.py,line=4,")
    assert "title=WFC604 step-parameter::shop:checkout, if_recorded:" in lines[0]
    log = json.loads(wfc("diff", "main", "--format", "sarif").out)
    assert [one["ruleId"] for one in log["runs"][0]["results"]] == ["WFC604", "WFC607"]
    shop.write_text(SHOP.replace("cents: int)", "cents: int, currency: str = 'eur')"))
    assert wfc("diff", "main", "--format", "github").out == ""


def test_what_is_gone_is_placed_where_it_stood(
    wfc: Wfc, shop: Path, git: Callable[..., str]
) -> None:
    """And without positions, at the file of the module."""
    shop.write_text(SHOP[: SHOP.index("async def checkout")])
    line = wfc("diff", "main", "--format", "github").out
    assert line.startswith("::error file=shop.py,line=9,")
    assert "WFC601" in line


def test_a_chain_is_shown(wfc: Wfc, shop: Path, git: Callable[..., str]) -> None:
    """From the workflow to the helper that has changed, in text and JSON."""
    helper = "def total(cents: int) -> int:\n    return cents\n\n\n"
    text = SHOP.replace("async def charge", helper + "async def charge")
    shop.write_text(text.replace("4200)", "total(4200))"))
    git("commit", "-qam", "two")
    shop.write_text(shop.read_text().replace("return cents", "return -cents"))
    assert "      shop.py:15   calls total" in wfc("diff", "main").out
    (finding,) = wfc("diff", "main", "--json").json["data"]["findings"]
    assert finding["chain"][0]["what"] == "calls total"
