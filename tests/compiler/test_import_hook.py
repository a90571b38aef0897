"""The import hook in real interpreters: right, warm, and never in the way."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import wfc
from tests.compiler.trees import APP, FLOWS, python, run, surroundings, write
from wfc.compiler.import_hook import DirectiveFinder, DirectiveLoader, install, root_of
from wfc.errors import CompileError

HEAVY = ("libcst", "astroid", "pydantic", "wfc.compiler.compile", "wfc.compiler.build")
LOAD = f"""
import sys, json, wfc
wfc.install(["app"])
import app.flows as flows
print(json.dumps({{
    "charge": flows.charge.__wfc_id__,
    "loader": type(flows.__spec__.loader).__name__,
    "heavy": [name for name in {HEAVY!r} if name in sys.modules],
    "plain": type(__import__("app.plain").plain.__spec__.loader).__name__,
}}))
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write(tmp_path, APP)


def load(root: Path, *options: str, cache_at: str = "") -> dict[str, object]:
    found: dict[str, object] = json.loads(
        python(root, LOAD, *options, PYTHONPYCACHEPREFIX=cache_at).stdout
    )
    return found


def entry_of(root: Path) -> Path:
    [path] = root.glob("app/__pycache__/flows.*opt-wfc*.pyc")
    return path


def test_a_module_with_directives_is_compiled(tree: Path) -> None:
    """Its functions are registered; a module without any keeps Python's own loader."""
    assert load(tree) | {"heavy": 0} == {
        "charge": "app.flows:charge",
        "loader": "DirectiveLoader",
        "plain": "SourceFileLoader",
        "heavy": 0,
    }


def test_a_workflow_without_a_line_to_spare_refuses(tree: Path) -> None:
    """Its body holds nothing but nested steps, and the module's directive marks it; cached too."""
    text = '"use workflow"\nasync def main():\n    async def one():\n        "use step"\n'
    write(tree, {"app/bare.py": text})
    code = (
        "import asyncio, wfc; wfc.install(['app']); from app import bare; asyncio.run(bare.main())"
    )
    for _ in range(2):
        assert "WorkflowAwaited" in python(tree, code, expect=1).stderr


@pytest.mark.parametrize(
    ("helper", "code"),
    [
        ("from app import flows\nasync def undo(x): flows.charge(x)\n", "WFC126"),
        ("from elsewhere import *\ndef undo(x): return helper(x)\n", "WFC121"),
        ("import math\ndef undo(x): return getattr(math, x)\n", "WFC124"),
        ("from app import rates\ndef undo(x): return rates.GBP\n", "WFC123"),
    ],
)
def test_rules_that_need_other_modules_hold_at_import(tree: Path, helper: str, code: str) -> None:
    """The hook looks as far as a build does."""
    flow = 'from app.undo import undo\nasync def main(x):\n    "use workflow"\n    return undo(x)\n'
    rates = "def __getattr__(name): return 3\n"
    write(tree, {"app/undo.py": helper, "app/main.py": flow, "app/rates.py": rates})
    told = python(tree, "import wfc; wfc.install(['app']); import app.main", expect=1).stderr
    assert code in told


def test_a_warm_import_loads_no_compiler(tree: Path) -> None:
    """The second process reads the index and the cached code, and nothing else."""
    assert load(tree)["heavy"] != []
    assert load(tree)["heavy"] == []


def test_an_edit_is_seen(tree: Path) -> None:
    """A changed file is compiled again."""
    load(tree)
    write(tree, {"app/flows.py": FLOWS.replace("charge", "bill")}, age_s=50)
    code = LOAD.replace("flows.charge", "flows.bill")
    assert json.loads(python(tree, code).stdout)["charge"] == "app.flows:bill"


def test_an_edit_of_what_was_judged_is_seen(tree: Path) -> None:
    """A helper in another module that becomes impure makes the warm entry stale."""
    load(tree)
    write(tree, {"app/rates.py": "import os\nRATE = os.getpid()\n"}, age_s=50)
    assert "WFC211" in python(tree, LOAD, expect=1).stderr


def test_without_strict_effects_wait_for_the_workflow(tree: Path) -> None:
    """`strict=False` imports steps without a pure world, and `strict` then still judges."""
    write(tree, {"app/rates.py": "import os\nRATE = os.getpid()\n"})
    lax = LOAD.replace('["app"]', '["app"], strict=False')
    assert json.loads(python(tree, lax).stdout)["charge"] == "app.flows:charge"
    assert "WFC211" in python(tree, LOAD, expect=1).stderr
    write(tree, {"app/rates.py": APP["app/rates.py"]})
    load(tree)
    assert json.loads(python(tree, lax).stdout)["heavy"] == []


def test_directive_errors_are_import_errors(tree: Path) -> None:
    """All findings of the module, each with place, code and fix."""
    write(tree, {"app/flows.py": 'def flow():\n    "use workflow"\n\ndef g():\n    "use steps"\n'})
    told = python(tree, LOAD, expect=1).stderr
    assert "wfc.errors.CompileError" in told
    assert "app/flows.py:1:1: WFC102" in told
    assert "WFC113" in told


def test_syntax_errors_are_pythons_own(tree: Path) -> None:
    """With file, line and caret."""
    write(tree, {"app/flows.py": FLOWS + "def broken(:\n"})
    told = python(tree, LOAD, expect=1).stderr
    assert "SyntaxError: invalid syntax" in told
    assert "def broken(:" in told


@pytest.mark.parametrize("damage", ["cut", "flip", "older", "empty", "folder"])
def test_a_damaged_cache_is_ignored(tree: Path, damage: str) -> None:
    """Whatever stands in the place of the entry, the import is right and the entry is mended."""
    load(tree)
    path = entry_of(tree)
    data = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "flip":
        data[-1] ^= 1
        path.write_bytes(data)
    elif damage == "older":
        data[4] ^= 1
        path.write_bytes(data)
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        path.unlink()
        path.mkdir()
    assert load(tree)["charge"] == "app.flows:charge"
    if damage != "folder":
        assert load(tree)["heavy"] == []


def test_a_damaged_index_is_ignored(tree: Path) -> None:
    """The files are hashed instead."""
    load(tree)
    (tree / ".wfc" / "index").write_bytes(b"rubbish")
    assert load(tree)["charge"] == "app.flows:charge"
    assert load(tree)["heavy"] == []


@pytest.mark.parametrize(
    "point",
    [
        "os.makedirs = lambda *_, **__: os._exit(9)",
        "os.replace = lambda *_: os._exit(9)",
        "move = os.replace; os.replace = lambda *both: (move(*both), os._exit(9))",
        "m = os.replace; os.replace = lambda a, b: b[-5:] == 'index' and os._exit(9) or m(a, b)",
    ],
)
def test_a_process_killed_while_it_writes_leaves_nothing_wrong(tree: Path, point: str) -> None:
    """Before and after each rename, of the first entry and of the index: the next one is right."""
    python(tree, f"import os; {point}\n{LOAD}", expect=9)
    assert load(tree)["charge"] == "app.flows:charge"
    assert load(tree)["heavy"] == []


def test_a_tree_that_was_moved_is_compiled_anew(tree: Path) -> None:
    """Tracebacks name the file where it stands now."""
    load(tree)
    moved = tree.rename(tree.with_name("elsewhere"))
    code = LOAD + "print(flows.charge.__code__.co_filename)"
    assert python(moved, code).stdout.splitlines()[1] == str(moved / "app" / "flows.py")


def test_eight_processes_at_once(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """All of them are right, and what they leave behind is whole."""
    # A house of their own: an edit of ours between two of them would rightly make entries stale.
    house = tmp_path_factory.mktemp("house")
    shutil.copytree(Path(wfc.__file__).parent, house / "wfc")
    importable = f"{tree}{os.pathsep}{house}"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", LOAD],
            cwd=tree,
            env=surroundings(tree, PYTHONPATH=importable),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(8)
    ]
    for process in running:
        out, told = process.communicate()
        assert process.returncode == 0, told
        assert json.loads(out)["charge"] == "app.flows:charge"
    assert json.loads(python(tree, LOAD, PYTHONPATH=importable).stdout)["heavy"] == []
    assert not list(tree.rglob("*.tmp.*"))


def test_an_edit_of_the_compiler_makes_entries_stale(
    tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Another compiler may write another bundle, so what the last one wrote is not believed."""
    house = tmp_path_factory.mktemp("house")
    shutil.copytree(Path(wfc.__file__).parent, house / "wfc")
    importable = f"{tree}{os.pathsep}{house}"

    def heavy() -> object:
        return json.loads(python(tree, LOAD, PYTHONPATH=importable).stdout)["heavy"]

    assert heavy() != []
    assert heavy() == []
    os.utime(house / "wfc" / "compiler" / "gather.py")
    assert heavy() != []


@pytest.mark.parametrize("options", [("-B",), ()])
def test_nothing_is_written_on_request(tree: Path, options: tuple[str, ...]) -> None:
    """`-B`, or a `cache=False` install, leaves the tree as it was."""
    code = LOAD if options else LOAD.replace('["app"]', '["app"], cache=False')
    before = {path for path in tree.rglob("*") if "__pycache__" not in path.parts}
    python(tree, code, *options)
    assert {path for path in tree.rglob("*") if "__pycache__" not in path.parts} == before
    assert not list(tree.rglob("*opt-wfc*"))


def test_the_cache_may_stand_elsewhere(
    tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """PYTHONPYCACHEPREFIX is honoured, and so is the level of optimisation."""
    elsewhere = tmp_path_factory.mktemp("pycache")
    load(tree, "-OO", cache_at=str(elsewhere))
    assert [path.name for path in elsewhere.rglob("flows*")] == [
        f"flows.{sys.implementation.cache_tag}.opt-wfc2.pyc"
    ]
    assert not list(tree.rglob("*.pyc"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_tree_is_imported(tree: Path) -> None:
    """Without a cache, and without a word."""
    for path in (tree, tree / "app"):
        path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert load(tree)["charge"] == "app.flows:charge"
    finally:
        for path in (tree, tree / "app"):
            path.chmod(stat.S_IRWXU)


def test_a_place_that_cannot_be_written_is_done_without(tree: Path) -> None:
    """A file where the folders of caches should be, which stops root as well."""
    write(tree, {"app/__pycache__": "", ".wfc": ""})
    assert load(tree)["charge"] == "app.flows:charge"


def test_modules_run_by_runpy(tree: Path) -> None:
    """`python -m app.flows` finds its steps under the importable name; reload works."""
    write(
        tree,
        {
            "app/__init__.py": "import wfc\nwfc.install()\n",
            "app/flows.py": FLOWS + 'if __name__ == "__main__":\n    print(charge.__wfc_id__)\n',
        },
    )
    assert run(tree, "-m", "app.flows").stdout == "app.flows:charge\n"
    code = (
        "import importlib, inspect, app.flows as f; importlib.reload(f);"
        "print(f.charge.__wfc_id__, '\"use workflow\"' in inspect.getsource(f))"
    )
    assert python(tree, code).stdout == "app.flows:charge True\n"


def test_modules_imported_too_early_are_told_of(tree: Path) -> None:
    """WFC163 for a module that holds a directive; a mere mention of one is none."""
    write(tree, {"app/plain.py": 'HINT = """\n"use step"\n"""\n'})
    code = "import app.flows, app.plain, wfc, json; wfc.install('app')"
    told = python(tree, code).stderr
    assert told.count("WFC163") == 1
    assert "`app.flows`" in told


def test_the_calling_package_is_the_default(tree: Path) -> None:
    """From a package, from a module, and from a script: what stands beside it."""
    caller = "import wfc\nHOOK = wfc.install()\n"
    write(
        tree,
        {
            "app/__init__.py": caller,
            "lone.py": caller,
            "script.py": caller + "print(HOOK.packages)\n",
        },
    )
    code = "import app, lone; print(app.HOOK.packages, lone.HOOK.packages)"
    assert python(tree, code).stdout == "('app',) ('lone',)\n"
    assert run(tree, "script.py").stdout == "('app', 'lone', 'script')\n"


# --- in this process ---------------------------------------------------------------------------


@pytest.fixture
def here(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tree))
    yield tree
    for name in [name for name in sys.modules if name == "app" or name.startswith("app.")]:
        del sys.modules[name]


def test_the_hook_can_be_taken_out(here: Path) -> None:
    """As a context manager, or twice by hand."""
    before = list(sys.meta_path)
    with install("app") as installed:
        assert sys.meta_path[0] is installed.finder
        flows = import_module("app.flows")

        assert isinstance(flows.__loader__, DirectiveLoader)
    assert sys.meta_path == before
    installed.uninstall()


def test_the_finder_leaves_others_alone(here: Path) -> None:
    """Foreign names, missing modules, and what another finder loads in its own way."""
    with install("app") as installed:
        finder: DirectiveFinder = installed.finder
        assert finder.find_spec("json") is None
        assert finder.find_spec("app.missing", [str(here / "app")]) is None
        (here / "app" / "space").mkdir()
        app = import_module("app")

        spec = finder.find_spec("app.space", list(app.__path__))
        assert spec is not None
        assert spec.origin is None
        with install("app"):  # the inner one has been asked already
            found = finder.find_spec("app.flows", [str(here / "app")])
            assert found is not None
            assert isinstance(found.loader, DirectiveLoader)


def test_source_to_code_takes_text_bytes_and_trees(here: Path) -> None:
    """Tools that call it get step code; a tree is compiled as it is."""
    import ast  # noqa: PLC0415 - used here alone

    with install("app") as installed:
        spec = installed.finder.find_spec("app.flows", [str(here / "app")])
        assert spec is not None
        loader = spec.loader
        assert isinstance(loader, DirectiveLoader)
        path = str(here / "app" / "flows.py")
        assert "__wfc__" in loader.source_to_code(FLOWS, path).co_names
        assert "__wfc__" in loader.source_to_code(FLOWS.encode(), path).co_names
        assert "__wfc__" not in loader.source_to_code(ast.parse(FLOWS), path).co_names


def test_files_that_are_no_text_fail_as_in_python(here: Path) -> None:
    """The hook does not make another error of it."""
    write(here, {"app/flows.py": b'"use step"\nx = "\xff"\n'})
    with install("app"), pytest.raises(SyntaxError):
        import_module("app.flows")


def test_a_mention_of_a_directive_is_no_directive(here: Path) -> None:
    """Such a file is loaded as it is, and its code cached all the same."""
    write(here, {"app/plain.py": 'HINT = """\n"use step"\n"""\n'})
    with install("app"):
        plain = import_module("app.plain")

    assert not hasattr(plain, "__wfc__")
    assert plain.HINT == '\n"use step"\n'


def test_a_loader_that_is_kept_sees_edits(here: Path) -> None:
    """What the finder saw serves one loading; the next looks at the file again."""
    with install("app") as installed:
        spec = installed.finder.find_spec("app.flows", [str(here / "app")])
        assert spec is not None
        loader = spec.loader
        assert isinstance(loader, DirectiveLoader)
        assert "charge" in loader.get_code("app.flows").co_names
        write(here, {"app/flows.py": FLOWS.replace("charge", "bill")}, age_s=50)
        assert "bill" in loader.get_code("app.flows").co_names


def test_errors_carry_their_findings(here: Path) -> None:
    """Whoever catches a `CompileError` gets the diagnostics themselves."""
    write(here, {"app/flows.py": 'def flow():\n    "use workflow"\n'})
    with wfc.install("app"), pytest.raises(CompileError) as caught:
        import_module("app.flows")
    assert [getattr(one, "code", None) for one in caught.value.findings] == ["WFC102"]


def test_without_settings_the_import_root_is_the_project(tmp_path: Path) -> None:
    """A package without a pyproject.toml has its caches beside it."""
    write(tmp_path, {"x/app/inner/deep.py": "", "x/app/inner/__init__.py": ""})
    deep = tmp_path / "x/app/inner"
    assert root_of(deep / "deep.py", "app.inner.deep") == tmp_path / "x"
    assert root_of(deep / "__init__.py", "app.inner") == tmp_path / "x"
    assert root_of(Path("/lone.py"), "app.inner.lone") == Path("/")
