"""`wfc init [DIR]`: a new project that runs at once. Nothing that exists is overwritten."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wfc.cli import output
from wfc.cli.common import Common, command_app
from wfc.cli.failure import Exit
from wfc.settings_sources import settings_of

app = command_app()

_SETTINGS = """\
# Every key and its default: python -m wfc config show
world = "sqlite:///.wfc/wfc.db"
"""

_FLOWS = '''\
"""A first workflow: two steps and a wait between them."""

from wfc import sleep


async def greet(name: str) -> str:
    """Do something; here it may reach the network, the disk, anything."""
    "use step"
    return f"Hello, {name}!"


async def shout(text: str) -> str:
    """Do something else."""
    "use step"
    return text.upper()


async def welcome(name: str) -> str:
    """Decide what happens when."""
    "use workflow"
    greeting = await greet(name)
    await sleep("1s")
    return await shout(greeting)
'''

_TEST = '''\
"""The workflow runs to its end in a world in memory."""

import asyncio

import wfc
from wfc.api import runtime, start

wfc.install()

from flows import welcome  # noqa: E402 - compiled by the hook


def test_everybody_is_welcome(monkeypatch) -> None:
    """The greeting arrives in capitals."""
    monkeypatch.setenv("WFC_WORLD", "memory:")

    async def greeted() -> str:
        async with runtime():
            return await (await start(welcome, "Ana")).result()

    assert asyncio.run(greeted()) == "HELLO, ANA!"
'''
_FILES = {"wfc.toml": _SETTINGS, "flows.py": _FLOWS, "test_flows.py": _TEST}


@app.command()
def init(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where.")] = Path(),
) -> None:
    """Make a new project: settings, a workflow and its test."""
    common = Common.of(context)
    files = {name: text for name, text in _FILES.items() if not _settled(folder, name)}
    existing = [name for name in files if (folder / name).exists()]
    if existing:
        output.note(common, f"{folder}: {', '.join(existing)} exist already; nothing was written")
        raise typer.Exit(Exit.CONFLICT)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    where = "" if folder == Path() else f"cd {folder} && "
    output.result(
        common,
        "project",
        {"folder": str(folder), "files": list(files)},
        text="\n".join(f"wrote {folder / name}" for name in files),
    )
    output.note(common, f"Next: {where}python -m wfc start welcome Ana --id hello")
    output.note(common, "      python -m wfc worker   (Ctrl-C ends it)")
    output.note(common, "      python -m wfc result hello")


def _settled(folder: Path, name: str) -> bool:
    """Tell whether `name` holds settings that a pyproject.toml beside it holds already: two places
    would be refused by every later command.
    """
    file = folder / "pyproject.toml"
    return name == "wfc.toml" and file.is_file() and bool(settings_of(file))
