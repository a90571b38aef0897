"""A rename hint is read from its comment, and refused if nothing was renamed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.compiler.trees import APP, FLOWS, write
from wfc.compiler.build import BuildResult, build
from wfc.compiler.project import Project
from wfc.manifests.manifest import Manifest


def built(root: Path, text: str, **more: str) -> BuildResult:
    files = {f"{name.replace('__', '/')}.py": content for name, content in more.items()}
    write(root, {**APP, "app/flows.py": text, **files})
    return build(Project.at(root), out=None)


def renamed(root: Path, text: str, **more: str) -> dict[str, tuple[str, ...]]:
    result = built(root, text, **more)
    assert result.version is not None, result.diagnostics
    return dict(Manifest.parse(result.version.manifest).renamed)


HEAD = "from wfc import sleep\nfrom enum import Enum\nfrom dataclasses import dataclass\n"
HINTS = {
    "a line above": (
        '# wfc: was[pay]\nasync def charge(a):\n    "use step"\n',
        {"app.flows:charge": ("app.flows:pay",)},
    ),
    "the same line": (
        'async def charge(a):  # wfc: was[app.old:pay]\n    "use step"\n',
        {"app.flows:charge": ("app.old:pay",)},
    ),
    "dotted": (
        'async def charge(a):  # wfc: was[app.old.pay]\n    "use step"\n',
        {"app.flows:charge": ("app.old:pay",)},
    ),
    "several, oldest first": (
        '# wfc: was[pay, app.old:bill]\nasync def charge(a):\n    "use step"\n',
        {"app.flows:charge": ("app.flows:pay", "app.old:bill")},
    ),
    "above other comments and decorators": (
        (
            '# wfc: was[a]\n# wfc: was[b]\n@deco\n# wfc: was[c]\nasync def f(x):\n    "use step"\n'
            "def deco(f):\n    return f\n"
        ),
        {"app.flows:f": ("app.flows:a", "app.flows:b", "app.flows:c")},
    ),
    "a parameter": (
        'async def charge(\n    a,\n    cents,  # wfc: was[amount]\n):\n    "use step"\n',
        {"app.flows:charge.cents": ("app.flows:charge.amount",)},
    ),
    "a parameter, in full": (
        (
            "async def charge(\n    # wfc: was[app.flows:charge.amount]\n    cents,\n):\n"
            '    "use step"\n'
        ),
        {"app.flows:charge.cents": ("app.flows:charge.amount",)},
    ),
    "a class and its fields": (
        (
            "@dataclass\nclass Order:  # wfc: was[Purchase]\n    # wfc: was[Purchase.amount]\n"
            "    cents: int\n    a = b = 1  # wfc: was[c]\n"
        ),
        {
            "app.flows:Order": ("app.flows:Purchase",),
            "app.flows:Order.cents": ("app.flows:Order.amount",),
            "app.flows:Order.a": ("app.flows:Order.c",),
        },
    ),
    "a member": (
        "class Tier(Enum):\n    GOLD = 1  # wfc: was[YELLOW]\n",
        {"app.flows:Tier.GOLD": ("app.flows:Tier.YELLOW",)},
    ),
    "a method": (
        (
            "class Shop:\n    def total(self):  # wfc: was[Store.sum]\n        pass\n"
            "    def other(self):  # wfc: was[app.old.Shop.others]\n        pass\n"
        ),
        {
            "app.flows:Shop.total": ("app.flows:Store.sum",),
            "app.flows:Shop.other": ("app.old:Shop.others",),
        },
    ),
    "a nested step": (
        (
            'async def flow(x):\n    "use workflow"\n    if x:\n        pass\n'
            '    async def inner():  # wfc: was[within]\n        "use step"\n    await inner()\n'
        ),
        {"app.flows:flow.inner": ("app.flows:flow.within",)},
    ),
    "text that only looks like one": ('TEXT = "# wfc: was[pay]"\n', {}),
}


@pytest.mark.parametrize("name", HINTS)
def test_a_hint_is_read(tmp_path: Path, name: str) -> None:
    text, expected = HINTS[name]
    assert renamed(tmp_path, HEAD + text + FLOWS.replace("charge", "pays")) == expected


def test_hints_of_reached_modules_count(tmp_path: Path) -> None:
    """A helper may have been renamed as well."""
    text = "from app.rates import RATE\ndef price(order):  # wfc: was[cost]\n    return RATE\n"
    assert renamed(tmp_path, FLOWS, app__pricing=text) == {
        "app.pricing:price": ("app.pricing:cost",)
    }


def test_a_hint_changes_no_fingerprint(tmp_path: Path) -> None:
    """It is a comment."""
    plain = built(tmp_path / "1", FLOWS).version
    head, tail = FLOWS.split("async def checkout")
    text = f"{head}# wfc: was[buy]\nasync def checkout{tail}"
    hinted = built(tmp_path / "2", text).version
    assert plain is not None
    assert hinted is not None
    assert plain.fingerprints == hinted.fingerprints


WRONG = {
    "the function itself": ("def f(a):  # wfc: was[f]\n    pass\n", "app.flows:f"),
    "another function": ("def g(): pass\ndef f(a):  # wfc: was[g]\n    pass\n", "app.flows:g"),
    "a constant": ("G = 1\ndef f(a):  # wfc: was[G]\n    pass\n", "app.flows:G"),
    "another module's": (
        "def f(a):  # wfc: was[app.pricing:price]\n    pass\n",
        "app.pricing:price",
    ),
    "another parameter": ("def f(\n    a,\n    b,  # wfc: was[a]\n): pass\n", "app.flows:f.a"),
    "another field": ("class C:\n    a: int\n    b: int  # wfc: was[a]\n", "app.flows:C.a"),
    "nothing": ("# wfc: was[a]\n\ndef f(): pass\n", "stands beside nothing"),
    "an empty one": ("def f(): pass  # wfc: was[]\n", "stands beside nothing"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_hint_that_names_what_lives_is_refused(tmp_path: Path, name: str) -> None:
    """Then nothing was renamed, or something else took the name."""
    text, told = WRONG[name]
    [finding] = built(tmp_path, text + FLOWS).diagnostics
    assert finding.code == "WFC616"
    assert told in finding.sentence
    assert finding.place.path == "app/flows.py"


def test_modules_are_renamed_by_the_settings(tmp_path: Path) -> None:
    """The table is part of the version, and refused for a module that is still there."""
    plain = built(tmp_path, FLOWS).version
    table = '[tool.wfc.renamed]\n"app.old" = "app.flows"\n"app.older" = "app.flows"\n'
    write(tmp_path, {"pyproject.toml": table})
    moved = build(Project.at(tmp_path), out=None).version
    assert plain is not None
    assert moved is not None
    assert plain.id != moved.id
    assert Manifest.parse(moved.manifest).renamed == {"app.flows": ("app.old", "app.older")}
    write(tmp_path, {"pyproject.toml": '[tool.wfc.renamed]\n"app.rates" = "app.flows"\n'})
    [finding] = build(Project.at(tmp_path), out=None).diagnostics
    assert (finding.code, finding.place.path) == ("WFC616", "pyproject.toml")
    write(tmp_path, {"pyproject.toml": "[tool.wfc]\nrenamed = 3\n"})
    assert Project.at(tmp_path).rules.renamed == ()
