"""The manifest tells what step bodies reach outside, for whoever reads a diff."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.compiler.trees import APP, write
from wfc.compiler.build import build
from wfc.compiler.project import Project
from wfc.manifests.manifest import Manifest

HELP = """
import socket
from app import deeper

def call(x):
    return socket.create_connection(x)

def around(x):
    return around(deeper.draw(x))
"""
DEEPER = "import random\ndef draw(x):\n    return random.random()\n"


def effects(root: Path, body: str, head: str = "") -> dict[str, tuple[str, ...]]:
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    text = f'from app import help\n{head}\nasync def step(x):\n    "use step"\n{lines}'
    files = {**APP, "app/help.py": HELP, "app/deeper.py": DEEPER, "app/steps.py": text}
    result = build(Project.at(write(root, files)), out=None)
    assert result.version is not None, result.diagnostics
    return dict(Manifest.parse(result.version.manifest).steps["app.steps:step"].effects)


@pytest.mark.parametrize(
    ("body", "modules", "kinds"),
    [
        ("return x", (), ()),
        ("import httpx\nreturn httpx.get(x)", ("httpx",), ("network",)),
        ("import httpx", ("httpx",), ()),
        ("return open(x).read()", (), ("disk",)),
        ("return help.call(x)", ("socket",), ("network",)),
        ("return help.around(x)", ("random",), ("random",)),
        ("def inner():\n    return os.environ['A']\nreturn inner()", ("os",), ("environment",)),
        ("from app.help import call\nreturn call(x)", ("socket",), ("network",)),
        ("return json.dumps(x)", ("json",), ()),
    ],
)
def test_what_a_body_reaches(
    tmp_path: Path, body: str, modules: tuple[str, ...], kinds: tuple[str, ...]
) -> None:
    """External modules and the reasons of the table, through first-party helpers."""
    found = effects(tmp_path, body, "import os, json, time")
    assert found == {"modules": modules, "kinds": kinds}


def test_the_list_ends_somewhere(tmp_path: Path) -> None:
    body = "\n".join(f"import third{n}" for n in range(99))
    assert len(effects(tmp_path, body)["modules"]) == 50


def test_a_body_does_not_change_what_a_workflow_is(tmp_path: Path) -> None:
    """What annotations name is not reached."""
    assert effects(tmp_path, "y: socket.socket = x\nreturn y", "import socket")["modules"] == ()
