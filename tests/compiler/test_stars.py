"""Star imports of first-party modules are as good as names that are written out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.compiler.test_gather_effects import ERROR, codes, effects_of
from tests.compiler.trees import run, write
from wfc.compiler.build import build
from wfc.compiler.compile import compile_module
from wfc.compiler.project import Project
from wfc.compiler.sources import Sources

TOOLS = """
import shutil
__all__ = ["RATE", "tidy", "wipe", "_charge"]
RATE = 3
def wipe(folder): shutil.rmtree(folder)
def tidy(name): return name.strip("/")
async def _charge(cents: int) -> int:
    "use step"
    return cents * RATE
"""
FLOW = """
async def flow(x):
    "use workflow"
    return {0}
"""


def test_an_effect_behind_a_star_is_certain(tmp_path: Path) -> None:
    """An error with the whole chain, the star import in it."""
    effects = effects_of(
        tmp_path, {"tools": TOOLS, "flows": "from app.tools import *\n" + FLOW.format("wipe(x)")}
    )
    assert codes(effects) == [("WFC202", ERROR)]
    assert [link.what for link in effects.diagnostics[0].chain] == [
        "calls wipe, imported at app/flows.py:1",
        "refused",
    ]


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("third party", "from acme_finance import *"),
        ("missing", "from app.nowhere import *"),
        ("computed", "from app.computed import *"),
        ("behind another", "from app.behind import *"),
    ],
)
def test_a_star_that_nobody_can_look_into(tmp_path: Path, module: str, imported: str) -> None:
    """One error at the import, and none for the names that may come of it."""
    effects = effects_of(
        tmp_path,
        {
            "computed": "def schedule(x): return open(x)\n__all__ = sorted(globals())\n",
            "behind": "from acme_finance import *\n",
            "flows": f"{imported}\n" + FLOW.format("schedule(x), other(x), schedule(x)"),
        },
    )
    assert codes(effects) == [("WFC121", ERROR)], module
    finding = effects.diagnostics[0]
    assert (finding.place.path, finding.place.line) == ("app/flows.py", 1)
    assert finding.chain[-1].what == "may bind `schedule`, used on line 5"


@pytest.mark.parametrize(
    "text",
    [
        FLOW.format("len(x)"),
        FLOW.format("x") + 'async def act(x):\n    "use step"\n    return schedule(x)\n',
        FLOW.format("x") + "def unreached(x): return schedule(x)\n",
    ],
)
def test_a_star_that_no_workflow_needs(tmp_path: Path, text: str) -> None:
    """Builtins, names in steps and in what is not reached are no reason."""
    assert codes(effects_of(tmp_path, {"flows": "from acme_finance import *\n" + text})) == []


def test_a_star_in_a_helper_is_told_there(tmp_path: Path) -> None:
    """With the chain that leads from the workflow to it."""
    effects = effects_of(
        tmp_path,
        {
            "tools": "from math import *\ndef helper(x): return sqrt(x)\n",
            "flows": "from app.tools import helper\n" + FLOW.format("helper(x)"),
        },
    )
    assert codes(effects) == [("WFC121", ERROR)]
    assert effects.diagnostics[0].place.path == "app/tools.py"
    assert effects.diagnostics[0].chain[0].place.path == "app/flows.py"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from app.tools import *\ndef wipe(x): return x\n", []),
        ("from app.more import *\nfrom app.tools import *\n", [("WFC202", "error")]),
        ("from app.tools import *\nfrom app.more import *\n", []),
        ("def wipe(x): return x\nfrom app.tools import *\n", [("WFC202", "warning")]),
        ("from app.tools import *\nif X:\n    def wipe(x): return x\n", [("WFC202", "warning")]),
        ("try:\n    from app.tools import *\nexcept ImportError: ...\n", [("WFC202", "error")]),
    ],
)
def test_the_last_binding_counts(tmp_path: Path, text: str, found: list[tuple[str, str]]) -> None:
    """As Python does it; where that depends on the run, it is only likely."""
    effects = effects_of(
        tmp_path,
        {
            "tools": TOOLS,
            "more": "def wipe(x): return x\n",
            "flows": "X = 1\n" + text + FLOW.format("wipe(x)"),
        },
    )
    assert [(code, severity.value) for code, severity in codes(effects)] == found


def bundle_text(root: Path, flows: str) -> str:
    """Compile `app.flows` beside `TOOLS`; give the imports of its workflow bundle."""
    files = {"app/__init__.py": "", "app/tools.py": TOOLS, "app/flows.py": flows}
    sources = Sources(Project.discover(write(root, files)))
    source = sources.source("app.flows")
    assert source is not None
    compiled = compile_module(source)
    assert compiled.workflow is not None, compiled.diagnostics
    return compiled.workflow.text.split("\nasync")[0]


@pytest.mark.parametrize(
    ("statement", "written"),
    [
        ("from app.tools import *", "from app.tools import _charge, tidy"),
        ("from .tools import *  # all", "from .tools import _charge, tidy"),
        ("from app.tools \\\n    import *", "from app.tools import (_charge, tidy\n)"),
        ("X = 1; from app.tools import *", "pass ; from app.tools import _charge, tidy"),
        ("from app.tools import *; X = 1", "from app.tools import *; pass"),
    ],
)
def test_the_bundle_names_what_it_needs(tmp_path: Path, statement: str, written: str) -> None:
    """So that a list of names does not ask for what was shaken off; lines and columns stay."""
    text = bundle_text(tmp_path, statement + FLOW.format("await _charge(tidy(x))"))
    assert [line.rstrip() for line in text.split("\n")] == written.split("\n")


def test_the_workflow_runs(tmp_path: Path) -> None:
    """Helper, constant and step come through stars, one behind another."""
    script = """
import asyncio
from app.all import *
from wfc.api import runtime, start

async def flow(x: str) -> str:
    "use workflow"
    return f"{tidy(x)}:{RATE}:{await _charge(2)}"

async def go() -> None:
    async with runtime():
        print(await (await start(flow, "/a/")).result())

if __name__ == "__main__":
    asyncio.run(go())
"""
    deep = TOOLS.replace('"_charge"', '"_charge", "gone"') + "def gone(x): return open(x)\n"
    write(
        tmp_path,
        {
            "wfc.toml": 'world = "memory:"\n',
            "app/__init__.py": "",
            "app/deep.py": deep,
            "app/all.py": "from .deep import *\nfrom . import deep\n__all__ = deep.__all__\n",
            "script.py": script,
        },
    )
    assert run(tmp_path, "-m", "wfc", "run", "script.py").stdout == "a:3:6\n"


def test_an_edit_behind_a_star_is_seen(tmp_path: Path) -> None:
    """By the fingerprint of the workflow, and by a build that finds its own module unchanged."""
    flows = "from app.all import *\n" + FLOW.format("helper(x)")
    files = {
        "app/__init__.py": "",
        "app/all.py": "from app.deep import *\n",
        "app/deep.py": "def helper(x): return x\n",
        "app/flows.py": flows,
    }

    def fingerprint(**edits: str) -> str:
        write(tmp_path, {**files, **{f"app/{name}.py": text for name, text in edits.items()}})
        result = build(Project.discover(tmp_path), out=tmp_path / ".wfc")
        assert result.version is not None, result.diagnostics
        return next(iter(result.version.fingerprints.values()))

    first = fingerprint()
    assert fingerprint(deep="def helper(x): return x + 1\n") != first
    assert fingerprint(deep="def helper(x): return x\nOTHER = 1\n") == first


def test_a_new_name_behind_a_star_makes_the_cache_of_imports_stale(tmp_path: Path) -> None:
    """Even though no workflow reached that module: now its name hides a builtin."""
    files = {
        "pyproject.toml": "[tool.wfc]\n",
        "app/__init__.py": "import wfc\nwfc.install()\n",
        "app/tools.py": "RATE = 1\n",
        "app/flows.py": "from app.tools import *\n" + FLOW.format("len(x)"),
    }
    write(tmp_path, files)
    run(tmp_path, "-c", "import app.flows")
    write(tmp_path, {"app/tools.py": "def len(x): return open(x)\n"})
    told = run(tmp_path, "-c", "import app.flows", expect=1).stderr
    assert "WFC202" in told


def test_circles_of_stars_end(tmp_path: Path) -> None:
    """Each has what the other binds."""
    write(
        tmp_path,
        {
            "app/__init__.py": "",
            "app/one.py": "from app.two import *\na = 1\n",
            "app/two.py": "from app.one import *\nb = 1\n",
        },
    )
    sources = Sources(Project.discover(tmp_path))
    for name, other in (("one", "b"), ("two", "a")):
        facts = sources.facts(f"app.{name}")
        assert facts is not None
        assert other in {symbol.name for symbol in facts.symbols}
