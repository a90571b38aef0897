"""`wfc run`: a script compiled as `__main__`, with its own arguments and exit code."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.compiler.trees import APP, run, write
from wfc.compiler.script import build_script
from wfc.errors import CompileError, NotCompiled

RUN = "import sys; from wfc.compiler.script import {0}; sys.exit({0}(sys.argv[1], sys.argv[2:]))"
SCRIPT = """
import sys
from app.flows import charge

async def greet(name: str) -> str:
    "use step"
    return name

async def hello(name: str) -> str:
    "use workflow"
    return await greet(name)

if __name__ == "__main__":
    print(hello.__wfc_id__, charge.__wfc_id__, sys.argv[1:], __file__.rpartition("/")[2])
    print(sys.modules["__main__"].hello is hello)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write(tmp_path, {**APP, "script.py": SCRIPT, "folder/odd name.py": SCRIPT})


def call(
    root: Path, function: str, *arguments: str, expect: int = 0
) -> subprocess.CompletedProcess[str]:
    return run(root, "-c", RUN.format(function), *arguments, expect=expect)


def test_ids_stand_under_the_importable_name(tree: Path) -> None:
    """A worker that imports the file finds the same ids; imports are compiled too."""
    told = call(tree, "run_script", "script.py", "a", "-b").stdout
    assert told == "script:hello app.flows:charge ['a', '-b'] script.py\nTrue\n"


def test_a_script_outside_the_packages_is_compiled_too(tree: Path) -> None:
    """Under the name of its file."""
    told = call(tree, "run_script", "folder/odd name.py").stdout
    assert told.startswith("odd name:hello app.flows:charge []")


def test_a_module_runs_as_with_python(tree: Path) -> None:
    """`-m` finds it on the import path."""
    told = call(tree, "run_module", "script", "x").stdout
    assert told.startswith("script:hello app.flows:charge ['x'] script.py")


def test_a_package_runs_by_its_main_module(tree: Path) -> None:
    """As with `python -m package`; relative imports work in it."""
    write(
        tree, {"app/__main__.py": "from .flows import charge\nprint(__name__, charge.__name__)\n"}
    )
    assert call(tree, "run_module", "app").stdout == "__main__ charge\n"


@pytest.mark.parametrize("name", ["gone", "gone.deep", "app.gone", "folder"])
def test_a_module_that_is_not_there(tree: Path, name: str) -> None:
    """A package without a `__main__` neither."""
    told = call(tree, "run_module", name, expect=1).stderr
    assert "NotCompiled" in told
    assert "cannot be run" in told


def test_whoever_imports_the_script_gets_the_module_that_runs(tree: Path) -> None:
    """Under its importable name, while it runs."""
    write(tree, {"script.py": SCRIPT + "    import script\n    print(script.hello is hello)\n"})
    for function, name in (("run_script", "script.py"), ("run_module", "script")):
        assert call(tree, function, name).stdout.endswith("True\nTrue\n")


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("raise SystemExit(7)", 7, ""),
        ("raise SystemExit", 0, ""),
        ("raise SystemExit('bye')", 1, "bye\n"),
        ("1 / 0", 1, "ZeroDivisionError"),
    ],
)
def test_the_exit_code_is_the_scripts(tree: Path, text: str, code: int, told: str) -> None:
    """What a script raises ends as it would under Python."""
    write(tree, {"end.py": text + "\n"})
    assert told in call(tree, "run_script", "end.py", expect=code).stderr


def test_effects_are_found_before_anything_runs(tree: Path) -> None:
    """The script is judged like any module."""
    write(tree, {"script.py": SCRIPT.replace("await greet(name)", "open(name)")})
    with pytest.raises(CompileError, match="WFC202"):
        build_script(tree / "script.py")


def test_a_script_that_is_not_there(tree: Path) -> None:
    """The file is named."""
    with pytest.raises(NotCompiled, match=r"gone\.py"):
        build_script(tree / "gone.py")
