"""`wfc run` runs a script compiled: its own arguments, its own exit code, its own errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.warm import wfc
from wfc.cli.main import main

SCRIPT = """\
import asyncio, sys
from wfc.api import runtime, start


async def double(number: int) -> int:
    "use step"
    return 2 * number


async def main(number: int) -> int:
    "use workflow"
    return await double(number)


async def go() -> None:
    async with runtime():
        run = await start(main, int(sys.argv[1]))
        print(await run.result(), sys.argv[2:])


if __name__ == "__main__":
    asyncio.run(go())
    sys.exit(7)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A script with a workflow, in a project of its own."""
    (tmp_path / "wfc.toml").write_text('world = "memory:"\n')
    (tmp_path / "script.py").write_text(SCRIPT)
    return tmp_path


@pytest.mark.parametrize("words", [("script.py",), ("-m", "script")])
def test_a_script_runs_with_its_own_arguments_and_exit_code(
    script: Path, words: tuple[str, ...]
) -> None:
    """Options behind its name are the script's, even those that we have too."""
    done = wfc(script, "run", *words, "21", "-v", "--json")
    assert (done.stdout, done.returncode) == ("42 ['-v', '--json']\n", 7), done.stderr


@pytest.mark.parametrize("words", [("script.py",), ("-m", "script")])
def test_a_script_beside_the_packages_of_a_project_runs_too(
    script: Path, words: tuple[str, ...]
) -> None:
    """The packages are named and leave the script out; it is compiled all the same."""
    (script / "wfc.toml").write_text('world = "memory:"\npackages = ["app"]\n')
    (script / "app").mkdir()
    (script / "app" / "__init__.py").touch()
    done = wfc(script, "run", *words, "21")
    assert (done.stdout, done.returncode) == ("42 []\n", 7), done.stderr


def test_a_fault_in_a_script_is_explained(script: Path) -> None:
    """The finding, not a traceback of ours."""
    (script / "script.py").write_text(SCRIPT.replace("return await double(number)", "open('x')"))
    done = wfc(script, "run", "script.py", "1")
    assert done.returncode == 1
    assert "WFC202" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [("broken.py",), ("-m", "broken")])
@pytest.mark.parametrize("text", [b"x = (\n", b"x = '\xff'\n", b"x = 1\x00\n"])
def test_a_script_that_python_cannot_read_is_no_fault_of_ours(
    script: Path, words: tuple[str, ...], text: bytes
) -> None:
    """It is told as Python tells it, with the same exit code."""
    (script / "broken.py").write_bytes(text)
    done = wfc(script, "run", *words)
    assert done.returncode == 1, done.stderr
    assert "WFC999" not in done.stderr
    assert "Error: " in done.stderr


def test_what_cannot_be_run_is_a_usage_error(script: Path) -> None:
    """No script, no module name, or no file."""
    assert wfc(script, "run").returncode == 2
    assert "needs the name of a module" in wfc(script, "run", "-m").stderr
    assert wfc(script, "run", "gone.py").returncode == 2


def test_a_script_run_by_python_is_told_how(script: Path) -> None:
    """`python script.py` compiles nothing; the error says what to type instead."""
    done = subprocess.run(
        [sys.executable, "script.py", "1"],
        cwd=script,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert "python -m wfc run" in done.stderr


TYPED = """\
import asyncio
from dataclasses import dataclass
from wfc.api import runtime, start

print("loaded")


@dataclass
class Order:
    cents: int


class TooDear(Exception):
    pass


async def price(order: Order) -> Order:
    "use step"
    return Order(2 * order.cents)


async def main(order: Order) -> Order:
    "use workflow"
    priced = await price(order)
    assert type(priced) is Order
    return priced


async def refuse(order: Order) -> None:
    "use workflow"
    raise TooDear(order.cents)


async def go() -> None:
    async with runtime():
        run = await start.options(id="one")(main, Order(2))
        result = await run.result()
        print(type(result) is Order, result.cents)
        failed = await start.options(id="two")(refuse, Order(2))
        try:
            await failed.result()
        except Exception as error:
            print(type(error.__cause__) is TooDear)


if __name__ == "__main__":
    asyncio.run(go())
"""
READER = """\
import asyncio
import wfc

wfc.install(["script"])
import script
from wfc.api import get_run, runtime


async def go() -> None:
    async with runtime():
        result = await get_run("one").result()
        print(type(result) is script.Order, result.cents)
        try:
            await get_run("two").result()
        except Exception as error:
            print(type(error.__cause__) is script.TooDear)


asyncio.run(go())
"""


@pytest.mark.parametrize("words", [("script.py",), ("-m", "script")])
def test_classes_of_a_script_can_be_read_by_another_process(
    script: Path, words: tuple[str, ...]
) -> None:
    """They travel under its importable name; and the script itself is loaded once."""
    (script / "wfc.toml").write_text('world = "sqlite:///runs.db"\n')
    (script / "script.py").write_text(TYPED)
    done = wfc(script, "run", *words)
    assert (done.stdout, done.returncode) == ("loaded\nTrue 4\nTrue\n", 0), done.stderr
    reader = subprocess.run(
        [sys.executable, "-c", READER],
        cwd=script,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert reader.stdout == "loaded\nTrue 4\nTrue\n", reader.stderr


def test_a_name_that_no_file_can_have_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a\0b", "a" * 300):
        assert main(["run", name]) == 2
        assert "error" in capsys.readouterr().err
