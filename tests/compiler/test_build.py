"""A build is reproducible, incremental, and whole or not there."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.compiler.trees import APP, FLOWS, PRICING, python, run, write
from wfc.compiler import build as building
from wfc.compiler.build import BuildResult, build
from wfc.compiler.findings import compile_error, from_plain, to_plain
from wfc.compiler.project import Project
from wfc.ids import DefinitionId, ModuleName
from wfc.manifests.bundle import Purpose
from wfc.manifests.manifest import Manifest
from wfc.manifests.store import (
    Version,
    current_version,
    from_archive,
    read_version,
    to_archive,
)

FLOWS_ID, CHECKOUT = ModuleName("app.flows"), DefinitionId("app.flows:checkout")
BUILD = """
import sys
from pathlib import Path
from wfc.compiler.build import build
from wfc.compiler.project import Project
root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd()
def main():
    result = build(Project.at(root), out=root / ".wfc", jobs=int(sys.argv[2]))
    print([one.code for one in result.diagnostics], len(result.changed))
if __name__ == "__main__":
    main()
"""


def built(
    root: Path, *, out: Path | None = None, check: bool = False, clean: bool = False
) -> BuildResult:
    return build(Project.at(root), out=out, check=check, clean=clean)


def made(result: BuildResult) -> Version:
    assert result.version is not None, result.diagnostics
    return result.version


def codes(result: BuildResult) -> list[str]:
    return [one.code for one in result.diagnostics]


def files_of(folder: Path) -> dict[str, bytes]:
    """Give what stands in a folder, but for what a build says of its machine."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "environment.json"
    }


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write(tmp_path / "one", APP)


def test_a_version_holds_what_workflows_reach(tree: Path) -> None:
    """Workflow bundles of all reached modules, step bundles and sources of marked ones."""
    version = made(built(tree))
    assert list(version.workflow) == ["app.flows", "app.pricing", "app.rates"]
    assert list(version.step) == ["app.flows"]
    assert version.source == {"app.flows": FLOWS}
    assert list(version.fingerprints) == [CHECKOUT]
    assert version.rules.packages == ("app",)
    assert version.workflow[FLOWS_ID].purpose is Purpose.WORKFLOW


def test_the_folder_is_the_version(tree: Path) -> None:
    """What stands under `versions` is what the build gave, and `current` names it."""
    result = built(tree, out=tree / ".wfc")
    version = made(result)
    assert result.folder == tree / ".wfc" / "versions" / version.id
    assert to_archive(read_version(result.folder)) == to_archive(version)
    assert to_archive(from_archive(to_archive(version))) == to_archive(version)
    assert current_version(tree / ".wfc") == version.id
    assert json.loads((result.folder / "diagnostics.json").read_text()) == []
    environment = json.loads((result.folder / "environment.json").read_text())
    assert environment["python"] == f"3.{sys.version_info[1]}"


def test_in_memory_nothing_is_written(tree: Path) -> None:
    """`out=None` gives the same version and leaves no trace."""
    before = set(tree.rglob("*"))
    one = made(built(tree))
    assert set(tree.rglob("*")) == before
    assert to_archive(one) == to_archive(made(built(tree, out=tree / ".wfc")))


def test_a_check_writes_nothing(tree: Path) -> None:
    """Neither version, index nor cache; it says what would be built."""
    before = set(tree.rglob("*"))
    assert built(tree, out=tree / ".wfc", check=True).ok
    assert set(tree.rglob("*")) == before


# --- reproducible ------------------------------------------------------------------------------


def many(count: int) -> dict[str, str]:
    """Give a project large enough to be worth processes."""
    more = {f"app/more{n}.py": FLOWS.replace("checkout", f"flow{n}") for n in range(count)}
    return {**APP, **more}


CASES = Path(__file__).parent / "cases"
ALONE = {"global_names", "module_directive_workflows", "pep695", "relative_imports"}
"""Cases that stop a build: they are about faults, new syntax or modules that are not there."""


def all_cases() -> dict[str, str]:
    """Give a project that holds the programs of all pairs, each as a module."""
    found = {
        path.name.removesuffix("_before.py"): path.read_text("utf-8")
        for path in CASES.glob("*_before.py")
    }
    cases = {f"app/{name}.py": text for name, text in found.items() if name not in ALONE}
    return {**APP, **cases}


def test_bytes_do_not_depend_on_place_seed_or_processes(tmp_path: Path) -> None:
    """Two roots, two hash seeds, one and eight jobs."""
    found = []
    for name, seed, jobs in (("a", "1", "1"), ("b/c", "77", "8")):
        root = write(tmp_path / name, {**many(10), **all_cases(), "make.py": BUILD})
        told = run(root, "make.py", str(root), jobs, PYTHONHASHSEED=seed).stdout
        found.append((told, files_of(root / ".wfc" / "versions")))
    assert found[0] == found[1]
    assert len(found[0][1]) > 2 * len(all_cases())


@pytest.mark.parametrize("minor", [11, 12, 13, 14])
def test_bytes_do_not_depend_on_the_python(tree: Path, tmp_path: Path, minor: int) -> None:
    """Every Python that is here with wfc's dependencies makes the same version of all cases."""
    other = shutil.which(f"python3.{minor}")
    if other is None:
        pytest.skip(f"no Python 3.{minor} here")
    write(tree, all_cases())
    root = write(tmp_path / "other", all_cases())
    try:
        run(root, "-c", "import msgpack, pydantic, pathspec", executable=other)
    except AssertionError:
        pytest.skip(f"Python 3.{minor} lacks the dependencies")
    run(root, "-c", BUILD, str(root), "1", executable=other)
    built(tree, out=tree / ".wfc")
    ours = files_of(tree / ".wfc" / "versions")
    assert files_of(root / ".wfc" / "versions") == ours
    assert len(ours) > 2 * len(all_cases())


# --- incremental -------------------------------------------------------------------------------


def test_an_unchanged_tree_is_recalled(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is gathered, and the findings are said again."""
    write(tree, {"app/flows.py": FLOWS + "import httpx\nCLIENT = httpx.Client()\n"})
    first = built(tree, out=tree / ".wfc")
    assert codes(first) == ["WFC131"]
    monkeypatch.setattr(building, "gather_effects", lambda *_: pytest.fail("gathered again"))
    second = built(tree, out=tree / ".wfc")
    assert to_archive(made(second)) == to_archive(made(first))
    assert second.diagnostics == first.diagnostics
    assert second.changed == ()


def test_an_edit_writes_its_module_alone(tree: Path) -> None:
    """The others come out of the cache."""
    built(tree, out=tree / ".wfc")
    write(tree, {"app/rates.py": "RATE = 3\n"}, age_s=50)
    result = built(tree, out=tree / ".wfc")
    assert result.changed == ("app.rates",)
    assert to_archive(made(result)) == to_archive(made(built(tree)))


def test_dependants_are_judged_again(tree: Path) -> None:
    """A helper that becomes impure is found though its callers did not change."""
    built(tree, out=tree / ".wfc")
    write(tree, {"app/pricing.py": PRICING + "\nopen('x')\n"}, age_s=50)
    assert built(tree, out=tree / ".wfc").ok
    write(tree, {"app/pricing.py": PRICING.replace("return", "open(order)\n    return")}, age_s=30)
    assert codes(built(tree, out=tree / ".wfc")) == ["WFC202"]


def test_an_older_version_becomes_current_again(tree: Path) -> None:
    """An edit that is taken back names the version that stands there."""
    out = tree / ".wfc"
    first = made(built(tree, out=out))
    write(tree, {"app/rates.py": "RATE = 3\n"}, age_s=50)
    second = made(built(tree, out=out))
    write(tree, {"app/rates.py": "RATE = 2\n"}, age_s=30)
    assert made(built(tree, out=out)).id == first.id != second.id
    assert current_version(out) == first.id
    (out / "current").write_text("0000000000000000\n")
    built(tree, out=out)
    assert current_version(out) == first.id


@pytest.mark.parametrize("part", ["cache/last", "cache/bundles/app.flows", "index"])
def test_a_damaged_cache_changes_nothing(tree: Path, part: str) -> None:
    """Whatever is cached is checked before it is believed."""
    out = tree / ".wfc"
    first = to_archive(made(built(tree, out=out)))
    (out / part).write_bytes((out / part).read_bytes()[:-1] + b"?")
    assert to_archive(made(built(tree, out=out))) == first


def test_a_damaged_version_is_built_again(tree: Path) -> None:
    """A folder that is not its manifest's is replaced."""
    out = tree / ".wfc"
    result = built(tree, out=out)
    assert result.folder is not None
    (result.folder / "workflow" / "app.flows.py").write_text("broken")
    again = built(tree, out=out)
    assert again.folder is not None
    assert to_archive(read_version(again.folder)) == to_archive(made(result))


def test_a_clean_build_forgets(tree: Path) -> None:
    """`clean` writes every module anew."""
    out = tree / ".wfc"
    built(tree, out=out)
    assert built(tree, out=out, clean=True).changed == ("app.flows", "app.pricing", "app.rates")


# --- what goes wrong ---------------------------------------------------------------------------


def test_a_broken_file_is_a_finding_and_the_rest_goes_on(tree: Path) -> None:
    """Bad syntax, bad encoding, an unreadable file and an effect: all told in one build."""
    write(
        tree,
        {
            "app/syntax.py": 'def f(:\n    "use step"\n',
            "app/encoding.py": b'"use step"\n# \xff\n',
            "app/flows.py": FLOWS.replace("price(order)", "open(order)"),
        },
    )
    (tree / "app" / "link.py").symlink_to(tree / "nowhere.py")
    result = built(tree, out=tree / ".wfc")
    assert [(one.place.path, one.code) for one in result.diagnostics] == [
        ("app/encoding.py", "WFC910"),
        ("app/flows.py", "WFC202"),
        ("app/link.py", "WFC910"),
        ("app/syntax.py", "WFC910"),
    ]
    assert not result.ok
    assert result.version is None
    assert current_version(tree / ".wfc") is None


def test_a_failed_build_leaves_the_old_one(tree: Path) -> None:
    """`current` still names the last good version."""
    out = tree / ".wfc"
    first = made(built(tree, out=out))
    write(tree, {"app/flows.py": FLOWS.replace("price(order)", "open(order)")}, age_s=50)
    result = built(tree, out=out)
    assert codes(result) == ["WFC202"]
    assert current_version(out) == first.id
    assert "WFC202" in str(compile_error(result.diagnostics, result.texts))


def test_a_killed_build_leaves_the_old_one(tree: Path) -> None:
    """At each point of writing; the next build is right."""
    out = tree / ".wfc"
    old = made(built(tree, out=out)).id
    write(tree, {"app/rates.py": "RATE = 3\n"}, age_s=50)
    code = BUILD.replace("sys.argv[2]", '"1"').replace("root = ", f"root = Path({str(tree)!r}) or ")
    for point in ("version.written", "version.published", "current.replacing"):
        python(tree, code, expect=-9, WFC_FAULT=f"{point}:1:kill")
        assert current_version(out) == old
    python(tree, code, expect=-9, WFC_FAULT="current.replaced:1:kill")
    new = made(built(tree, out=out))
    assert current_version(out) == new.id != old
    assert to_archive(read_version(out / "versions" / new.id)) == to_archive(new)


def test_files_with_two_names_stop_the_build(tmp_path: Path) -> None:
    """WFC122, before anything gets two ids."""
    write(tmp_path, {f"src/{name}": text for name, text in APP.items()} | {"src/__init__.py": ""})
    assert "WFC122" in codes(built(tmp_path))


def test_syntax_without_a_name_stops_the_build(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python newer than this wfc: the workflow is named (WFC698)."""
    fields: Mapping[str, tuple[str, ...]] = {}
    monkeypatch.setattr("wfc.manifests.canonical.FIELDS", fields)
    [finding] = built(tree).diagnostics
    assert finding.code == "WFC698"
    assert 'step "charge"' in finding.sentence


def test_a_project_without_workflows_has_an_empty_version(tmp_path: Path) -> None:
    """No directive, no finding, no bundle."""
    version = made(built(write(tmp_path, {"app/__init__.py": "x = 1\n"})))
    assert (version.workflow, version.step, version.fingerprints) == ({}, {}, {})


def test_wfc_itself_is_never_compiled(tmp_path: Path) -> None:
    """Even where it is first party."""
    root = write(tmp_path, {"wfc/__init__.py": FLOWS, **APP})
    assert list(made(built(root)).step) == ["app.flows"]


def test_progress_is_told(tree: Path) -> None:
    """Each module that is gathered and written."""
    told: list[tuple[int, int, str]] = []
    build(Project.at(tree), out=None, progress=lambda *one: told.append(one))
    assert {name for _, _, name in told} == {"app.flows", "app.pricing", "app.rates"}
    assert all(done <= total for done, total, _ in told)


# --- what it means -----------------------------------------------------------------------------

MODELS = '''
from dataclasses import dataclass
from pydantic import BaseModel
from wfc import policy
from zoneinfo import ZoneInfo
from app.other import Far

class Line(BaseModel):
    cents: int

class Order(BaseModel):
    lines: "list[Line]"
    class Meta:
        pass

class Unused: pass

@policy(attempts=5)
async def charge(order: Order, far: Far) -> None:
    """Charge."""
    "use step"

class Shop(BaseModel):
    @staticmethod
    async def flow(order: Order) -> None:
        "use workflow"
        if order.lines:
            await charge(order, None)
        return ZoneInfo("UTC")  # a zone
'''


def test_the_manifest_says_what_the_build_means(tmp_path: Path) -> None:
    """Signatures, policies, sites, classes and dependencies, and no position anywhere."""
    root = write(
        tmp_path,
        {"app/__init__.py": "", "app/other.py": "class Far:\n    x: int\n", "app/m.py": MODELS},
    )
    version = made(built(root))
    manifest = Manifest.parse(version.manifest)
    assert manifest.text() == version.manifest
    assert manifest.version == version.id
    assert list(manifest.workflows) == ["app.m:Shop.flow"]
    sites = manifest.workflows["app.m:Shop.flow"].sites.values()
    assert sorted((site.callee, list(site.blocks)) for site in sites) == [
        ("app.m.charge", ["if"]),
        ("zoneinfo.ZoneInfo", []),
    ]
    assert manifest.steps["app.m:charge"].policy == {"attempts": 5}
    assert set(manifest.classes) == version.classes
    assert version.classes >= {"app.m:Order", "app.m:Line", "app.m:Order.Meta", "app.other:Far"}
    assert "app.m:Unused" not in version.classes
    assert "pydantic" in manifest.depends
    assert '"line"' not in version.manifest


def test_a_comment_changes_version_but_no_fingerprint(tree: Path) -> None:
    """Runs are pinned to what workflows mean."""
    first = made(built(tree))
    write(tree, {"app/flows.py": "# why\n" + FLOWS})
    second = made(built(tree))
    assert first.id != second.id
    assert first.fingerprints == second.fingerprints


def test_exemptions_stand_in_the_manifest(tree: Path) -> None:
    """So that a review sees who allowed what, and why."""
    text = FLOWS.replace("price(order)", "open(order)  # wfc: allow[WFC202] a fixture")
    write(tree, {"app/flows.py": text})
    [allowed] = Manifest.parse(made(built(tree)).manifest).allowed
    assert (allowed.code, allowed.id, allowed.reason) == (
        "WFC202",
        "app.flows:checkout",
        "a fixture",
    )


def test_findings_survive_json(tree: Path) -> None:
    """With chain, places and fix."""
    text = PRICING.replace("return", "open(order)\n    return")
    write(tree, {"app/pricing.py": text})
    [finding] = built(tree).diagnostics
    assert finding.chain
    assert from_plain(json.loads(json.dumps(to_plain(finding)))) == finding
    assert from_plain(to_plain(replace(finding, fix=None))).fix is None


MADE = """
import collections
from enum import Enum
from typing import NamedTuple

Point = collections.namedtuple("Point", "x y")
Pair = NamedTuple("Pair", [("left", int)])
Colour = Enum("Colour", "RED BLUE")
Other = collections.namedtuple("Another", "x")
Unused = collections.namedtuple("Unused", "x")

async def draw(at: Pair) -> None:
    "use step"

async def flow() -> object:
    "use workflow"
    await draw(None)
    return Point(1, 2), Colour.RED, Other(1)
"""


def test_classes_made_by_a_call_are_classes(tmp_path: Path) -> None:
    """A class of `namedtuple(...)` or `Enum(...)` travels as if it had been written out."""
    version = made(built(write(tmp_path, {"app/__init__.py": "", "app/m.py": MADE})))
    assert version.classes == {"app.m:Point", "app.m:Pair", "app.m:Colour"}
