"""What workflows reach is judged by the table, and told with the chain that leads there."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.compiler.trees import write
from wfc.compiler.effect_library import Library
from wfc.compiler.gather_effects import Effects, gather_effects
from wfc.compiler.project import Project
from wfc.compiler.sources import Sources
from wfc.diagnostics import Severity, render
from wfc.ids import ModuleName

FLOW = """
async def flow(x):
    "use workflow"
    return helper(x)
"""


def effects_of(root: Path, modules: dict[str, str], **rules: Any) -> Effects:
    """Judge a project of modules of the package `app`."""
    files = {f"app/{name.replace('.', '/')}.py": dedent(text) for name, text in modules.items()}
    project = Project.discover(write(root, {"app/__init__.py": "", **files}), **rules)
    sources = Sources(project)
    names = [name for name, _ in project.files()]
    facts = [one for name in names if (one := sources.facts(name)) is not None]
    return gather_effects(
        [one for one in facts if one.definitions],
        Library(sources.facts, sources.source, project.rules),
    )


def codes(effects: Effects) -> list[tuple[str, Severity]]:
    return [(one.code, one.severity) for one in effects.diagnostics]


ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


def test_the_chain_is_whole_and_the_shortest(tmp_path: Path) -> None:
    """Workflow first, each call with its line, and where the name was imported."""
    effects = effects_of(
        tmp_path,
        {
            "checkout": """
                from app.pricing import price, detour

                async def checkout(order):
                    "use workflow"
                    detour(order)
                    return price(order)
                """,
            "pricing": """
                from app.rates import rate

                def price(order):
                    return order * rate("EUR")

                def detour(order):
                    return again(order)

                def again(order):
                    return rate(order)
                """,
            "rates": """
                import socket

                def rate(name):
                    return socket.create_connection((name, 80))
                """,
        },
    )
    [finding] = effects.diagnostics
    assert render(finding) == dedent(
        """\
        app/checkout.py:7:12: WFC201 workflow "checkout" reaches `socket.create_connection` (network); a replay would repeat it
            app/checkout.py:7   return price(order)                           calls price, imported at app/checkout.py:2
            app/pricing.py:5    return order * rate("EUR")                    calls rate, imported at app/pricing.py:2
            app/rates.py:5      return socket.create_connection((name, 80))   refused
          Fix: give `price` the line "use step"; or move the call into a step"""  # noqa: E501 - as it is printed
    )
    assert effects.reached == {
        "app.checkout": {"checkout", "price", "detour"},
        "app.pricing": {"price", "detour", "again", "rate"},
        "app.rates": {"rate", "socket"},
    }
    assert effects.used[ModuleName("app.checkout")] == {"app.checkout", "app.pricing", "app.rates"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("import requests\ndef helper(x): return requests.get(x)", "WFC201"),
        ("def helper(x): return open(x)", "WFC202"),
        ("import os\ndef helper(x): os.remove(x)", "WFC202"),
        ("from pathlib import Path\ndef helper(x): return Path.cwd()", "WFC206"),
        ("import subprocess as s\ndef helper(x): s.run(x)", "WFC203"),
        ("from threading import Lock as L\ndef helper(x): return L()", "WFC204"),
        ("import secrets\ndef helper(x): return secrets.token_hex()", "WFC205"),
        ("from time import sleep as s\ndef helper(x): s(x)", "WFC207"),
        ("def helper(x): return id(x)", "WFC311"),
        ("def helper(x): return eval(x)", "WFC124"),
        ("import asyncio\ndef helper(x): return asyncio.run(x)", "WFC321"),
        ("import gc\ndef helper(x): gc.collect()", "WFC230"),
        ("import strange\ndef helper(x): return strange.thing(x)", "WFC220"),
        ("import threading\nclass helper(threading.Thread): pass", "WFC204"),
        ("import socket\ndef helper(x): return [socket.socket]", "WFC201"),
        ("from wfc import api\ndef helper(x): return api.start(x)", "WFC134"),
        ("import socket\nLINE = socket.socket()\ndef helper(x): return LINE", "WFC211"),
        ("from pathlib import Path\nX = Path(__file__).parent\ndef helper(x): return X", "WFC211"),
        ("X = __spec__.origin\ndef helper(x): return X", "WFC211"),
        ("def helper(x): return __file__", "WFC206"),
        ("import socket\nclass helper:\n    line = socket.socket()", "WFC210"),
        ("import time\nNOW = time.time()\ndef helper(x): return NOW", "WFC301"),
        ("import uuid\ndef helper(x, y=uuid.uuid4()): return y", "WFC301"),
        ("def helper(x):\n    import httpx\n    return httpx.get(x)", "WFC201"),
        ("from pathlib import Path\ndef helper(x): return Path(x).exists()", "WFC202"),
        ("from pathlib import Path\ndef helper(x): return (Path(x) / 'a').parent.stat()", "WFC202"),
        (
            "from pathlib import Path\ndef helper(x):\n    p = Path(x)\n    return p.read_text()",
            "WFC202",
        ),
        ("import os\ndef helper(x): return os.environ['HOME']", "WFC206"),
        ("import os\ndef helper(x): return os.getenv('HOME', x)", "WFC206"),
        ("import os\ndef helper(x): return 'HOME' in os.environ", "WFC206"),
        ("from os import environ\ndef helper(x): return x not in environ", "WFC206"),
        ("import os\ndef helper(x): return os.environ.pop('HOME')", "WFC206"),
        ("import asyncio\ndef helper(x): return asyncio.to_thread(str, x)", "WFC204"),
        ("import asyncio\ndef helper(x): return asyncio.to_thread(lambda: x)", "WFC204"),
        (
            "from asyncio import get_running_loop\ndef helper(x): return id(get_running_loop())",
            "WFC311",
        ),
        ("import asyncio\ndef helper(x): asyncio.get_event_loop().run_forever()", "WFC321"),
        ("import asyncio\ndef helper(x): asyncio.get_event_loop().run_in_executor(x)", "WFC204"),
        ("import asyncio\ndef helper(x): asyncio.get_running_loop().add_reader(x, x)", "WFC320"),
        ("import msgpack\ndef helper(x): return msgpack.packb(x)", "WFC221"),
        (
            "from pydantic_ai.direct import model_request\ndef helper(x): return model_request(x)",
            "WFC222",
        ),
    ],
)
def test_a_refused_name_is_an_error(tmp_path: Path, text: str, code: str) -> None:
    """However it was bound, a certain use of a refused name stops the build."""
    assert codes(effects_of(tmp_path, {"flows": text + "\n" + FLOW})) == [(code, ERROR)]


@pytest.mark.parametrize(
    "text",
    [
        "import json, math\ndef helper(x): return json.dumps(math.floor(x))",
        "import time, random\ndef helper(x): return time.time(), random.choice(x)",
        "import os\ndef helper(x): return os.path.join(x, 'a')",
        "import socket\ndef helper(x: socket.socket): return isinstance(x, socket.socket)",
        "import socket\ndef helper(x):\n    try: return x\n    except socket.error: return 1",
        "import requests\ndef other(): return requests.get(1)\ndef helper(x): return x",
        """
        try:
            import orjson
            from requests import get
        except ImportError:
            orjson = get = None
        def helper(x): return orjson is not None and (None is get or x is None)
        """,
        "import time\nLATER = lambda: time.time()\ndef helper(x): return LATER",
        "import logging\nLOG = logging.getLogger(__name__)\ndef helper(x): LOG.info(x)",
        "PKG = __name__.split('.')[0]\ndef helper(x): return PKG, __doc__",
        """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from httpx import Client as y, get as z
        else:
            y = 5
            from json import dumps as z
        def helper(x: y): return y, z(x)
        """,
        """
        from datetime import datetime
        from dataclasses import dataclass, field
        @dataclass
        class helper:
            x: int
            at: datetime = field(default_factory=datetime.now)
        """,
        "import httpx\nasync def helper(x):\n    'use step'\n    return httpx.get(x)",
    ],
)
def test_what_is_pure_shimmed_or_not_reached_is_silent(tmp_path: Path, text: str) -> None:
    """No finding for pure names, shims, annotations, handlers, unreached code and step bodies."""
    assert effects_of(tmp_path, {"flows": dedent(text) + "\n" + FLOW}).diagnostics == ()


def test_a_variable_is_read_in_the_workflow_and_not_while_loading(tmp_path: Path) -> None:
    """It is recorded with a run, and the loaded code is that of all runs, listed or not."""
    text = "import os\nREGION = os.environ.get('REGION')\ndef helper(x): return REGION\n"
    (finding,) = effects_of(tmp_path / "a", {"flows": text + FLOW}).diagnostics
    assert finding.code == "WFC211"
    assert finding.sentence.endswith("loads; another worker could read otherwise")
    assert finding.fix == ('read it in the workflow, and list "REGION" in [tool.wfc] environment')
    (listed,) = effects_of(
        tmp_path / "b", {"flows": text + FLOW}, environment=["REGION"]
    ).diagnostics
    assert (listed.code, listed.fix) == ("WFC211", "read it in the workflow")


def test_an_uncertain_use_is_a_warning(tmp_path: Path) -> None:
    """A name that may have been bound otherwise is no error."""
    text = "try:\n    from os import remove\nexcept ImportError:\n    remove = print\n"
    effects = effects_of(tmp_path, {"flows": text + "def helper(x): remove(x)\n" + FLOW})
    assert codes(effects) == [("WFC202", WARNING)]


@pytest.mark.parametrize(
    "text",
    [
        "def helper(x: Path): return x.exists()",
        "def helper(x: Path | None): return x.exists()",
        """
        class helper:
            def __init__(self, x):
                self.place = Path(x)

            def read(self):
                return self.place.read_text()

            def __iter__(self):
                return self.read()
        """,
    ],
)
def test_an_instance_that_nobody_vouches_for_is_a_warning(tmp_path: Path, text: str) -> None:
    """Annotations and attributes say what a value probably is."""
    effects = effects_of(tmp_path, {"flows": f"from pathlib import Path\n{dedent(text)}\n{FLOW}"})
    assert codes(effects) == [("WFC202", WARNING)]
    assert "probably reaches" in effects.diagnostics[0].sentence


@pytest.mark.parametrize(
    "text",
    [
        "from pathlib import Path\ndef helper(x): return Path(x).parent / Path(x).stem",
        "import os\ndef helper(x): return os.environ['LISTED'], os.getenv('LISTED')",
        "import os\ndef helper(x): return os.environ.get('LISTED')",
        "import os\ndef helper(x): return 'LISTED' in os.environ",
        "import asyncio\ndef work(): 'use step'\ndef helper(x): return asyncio.to_thread(work)",
        "import asyncio\ndef helper(x): return asyncio.to_thread(x)",
        "import asyncio\ndef helper(x): return asyncio.get_running_loop().create_future()",
    ],
)
def test_members_and_keys_that_are_fine_are_silent(tmp_path: Path, text: str) -> None:
    """What a path says of itself, listed variables, steps in threads, futures of the run's loop."""
    modules = {"flows": text + "\n" + FLOW}
    assert effects_of(tmp_path, modules, environment=["LISTED"]).diagnostics == ()


def test_a_value_of_a_refused_class_is_told_where_it_is_made(tmp_path: Path) -> None:
    """One cause is one finding: not again at each use of the client."""
    text = "import httpx\ndef helper(x):\n    client = httpx.Client()\n    return client.get(x)\n"
    assert codes(effects_of(tmp_path, {"flows": text + FLOW})) == [("WFC201", ERROR)]


METHODS = """
import subprocess
from pydantic import BaseModel, field_validator

class helper:
    def __init__(self, x):
        self.x = x

    def price(self):
        return self.x

    def save(self):
        return other(self)

    @property
    def size(self):
        return subprocess.run(self.x)

def other(x):
    return open(x)

class Checked(BaseModel):
    x: int

    @field_validator("x")
    def checked(cls, x):
        return input(x)

def total(x):
    return x.save()
"""


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("helper(x).price()", []),
        ("helper(x).save()", [("WFC202", ERROR)]),
        ("helper(x).size", [("WFC203", ERROR)]),
        ("total(helper(x))", [("WFC202", ERROR)]),
        ("map(lambda one: one.save(), [helper(x)])", [("WFC202", ERROR)]),
        ("getattr(helper(x), 'save')()", [("WFC202", ERROR)]),
        ("Checked(x=x)", [("WFC203", ERROR)]),
    ],
)
def test_a_method_counts_once_its_name_is_asked_for(
    tmp_path: Path, body: str, found: list[tuple[str, Severity]]
) -> None:
    """Whoever asks, of whatever; what a framework calls counts always, what nobody calls never."""
    flow = f"{METHODS}\nasync def flow(x):\n    'use workflow'\n    return {body}\n"
    effects = effects_of(tmp_path, {"flows": flow})
    assert codes(effects) == found
    if "helper" in body:
        assert "other" in effects.reached[ModuleName("app.flows")], "the bundle has it all the same"


def test_own_rules_decide_first(tmp_path: Path) -> None:
    """`pure` lets an unknown package pass, `refused` takes a pure one out."""
    text = "import strange, json\ndef helper(x): return strange.f(json.dumps(x))\n" + FLOW
    effects = effects_of(tmp_path, {"flows": text}, pure=["strange"], refused=["json"])
    assert codes(effects) == [("WFC222", ERROR)]
    assert effects.externals >= {"strange.f", "json.dumps"}


def test_cycles_of_modules_end(tmp_path: Path) -> None:
    """Two modules that import each other are walked once."""
    effects = effects_of(
        tmp_path,
        {
            "flows": "from app.a import helper\n" + FLOW,
            "a": "from app.b import other\ndef helper(x): return other(x)\n",
            "b": "import app.a\nimport os\ndef other(x): return app.a.helper(os.remove(x))\n",
        },
    )
    assert codes(effects) == [("WFC202", ERROR)]


def test_re_exports_are_followed_and_kept(tmp_path: Path) -> None:
    """The package that passes a name on, and star imports of first-party modules."""
    effects = effects_of(
        tmp_path,
        {
            "pack.__init__": "from .deep import helper\nfrom .more import *\n",
            "pack.deep": "import os\ndef helper(x): return os.remove(x)\n",
            "pack.more": "def extra(x): return open(x)\n",
            "flows": "from app.pack import helper, extra\n"
            + FLOW.replace("helper(x)", "helper(x), extra(x)"),
        },
    )
    assert codes(effects) == [("WFC202", ERROR), ("WFC202", ERROR)]
    assert "helper" in effects.reached[ModuleName("app.pack")]


def test_an_external_name_behind_a_first_party_one(tmp_path: Path) -> None:
    """`from app.compat import sleep` is `time.sleep`."""
    effects = effects_of(
        tmp_path,
        {
            "compat": "from time import sleep\n",
            "flows": "from app.compat import sleep\ndef helper(x): sleep(x)\n" + FLOW,
        },
    )
    assert codes(effects) == [("WFC207", ERROR)]


def test_one_cause_is_one_finding(tmp_path: Path) -> None:
    """Two workflows that reach it share the finding, told from the nearer one."""
    text = "def helper(x): return open(x)\n" + FLOW + FLOW.replace("flow", "second")
    effects = effects_of(tmp_path, {"flows": text})
    assert codes(effects) == [("WFC202", ERROR)]


def test_a_dropped_connection_is_noted(tmp_path: Path) -> None:
    """What stays out of the workflow bundle though it acts at import is told (WFC131)."""
    text = "import httpx\nCLIENT = httpx.Client()\ndef helper(x): return x\n" + FLOW
    assert codes(effects_of(tmp_path, {"flows": text})) == [("WFC131", INFO)]


ACTING = "import sqlite3\nsqlite3.connect('x')\ndef tool(x): return x\n"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("import app.effects", [("WFC131", INFO)]),
        ("import app.effects as acting", [("WFC131", INFO)]),
        ("from app import effects", [("WFC131", INFO)]),
        ("import app.quiet", []),
        ("import sqlite3", []),
        ("from app.effects import tool", []),
        ("from app import effects\nasync def step():\n    'use step'\n    effects.tool(1)", []),
        ("def late():\n    import app.effects", []),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import app.effects", []),
    ],
)
def test_a_dropped_import_of_a_module_that_acts_is_noted(
    tmp_path: Path, line: str, found: list[tuple[str, Severity]]
) -> None:
    """It is there for what it does when it is imported, and workflows do without that (WFC131)."""
    modules = {"effects": ACTING, "quiet": "import sqlite3\ndef late(): sqlite3.connect('x')\n"}
    text = f"{line}\ndef helper(x): return x\n" + FLOW
    assert codes(effects_of(tmp_path, {"flows": text, **modules})) == found


@pytest.mark.parametrize(
    "text",
    [
        "def helper(x):\n    return open(x)  # wfc: allow[WFC202] fixture of the tests\n",
        "def helper(x):  # wfc: allow[WFC202, WFC201] fixture of the tests\n    return open(x)\n",
    ],
)
def test_an_exemption_is_honoured_and_listed(tmp_path: Path, text: str) -> None:
    """On the line or on the `def`, with its reason."""
    effects = effects_of(tmp_path, {"flows": text + FLOW})
    assert effects.diagnostics == ()
    assert effects.allowed == (("WFC202", "app.flows:helper", "fixture of the tests"),)


def test_an_exemption_may_stand_at_the_call(tmp_path: Path) -> None:
    """The line of the workflow that leads there counts too."""
    flow = FLOW.replace("helper(x)", "helper(x)  # wfc: allow[WFC202] known")
    effects = effects_of(tmp_path, {"flows": "def helper(x): return open(x)\n" + flow})
    assert effects.diagnostics == ()


def test_an_exemption_without_reason_or_use_is_told(tmp_path: Path) -> None:
    """WFC132 and WFC133; codes of other tools are not ours to judge, nor is a text a comment."""
    text = (
        "def helper(x):\n"
        "    open(x)  # wfc: allow[WFC202]\n"
        "    x = 1  # wfc: allow[WFC201] nothing\n"
        "    y = 'ä # wfc: allow[WFC201] a text'\n"
        "    return y  # wfc: allow[WFC604] a decision about an upgrade\n"
    )
    effects = effects_of(tmp_path, {"flows": text + FLOW})
    assert codes(effects) == [("WFC132", WARNING), ("WFC133", WARNING)]


def test_classes_of_signatures_are_reached(tmp_path: Path) -> None:
    """The types of a step's parameters are needed where its payloads are read."""
    effects = effects_of(
        tmp_path,
        {
            "models": "class Order: pass\nclass Other: pass\n",
            "flows": "from app.models import Order\n"
            "async def helper(x: Order) -> Order:\n    'use step'\n    return x\n" + FLOW,
        },
    )
    assert effects.reached[ModuleName("app.models")] == {"Order"}


def test_a_workflow_in_a_class_is_a_root(tmp_path: Path) -> None:
    """Static methods are walked from their class."""
    text = (
        "class Shop:\n    @staticmethod\n    async def flow(x):\n        'use workflow'\n"
        "        return open(x)\n"
    )
    [finding] = effects_of(tmp_path, {"flows": text}).diagnostics
    assert (finding.code, '"Shop.flow"' in finding.sentence) == ("WFC202", True)


def test_a_name_that_its_module_does_not_hold_is_not_ours_to_judge(tmp_path: Path) -> None:
    """A missing first-party module or name fails at import, as in Python."""
    text = "from app.gone import a\nimport app.other\ndef helper(x): return a, app.other.b\n"
    assert effects_of(tmp_path, {"flows": text + FLOW, "other": ""}).diagnostics == ()


@pytest.mark.parametrize(
    ("text", "is_offered"),
    [
        ("import socket\ndef helper(x): return socket.gethostname()", False),
        ("def helper(x): return open(x)", False),
        ("import subprocess\ndef helper(x): return subprocess.run(x)", False),
        ("import strange\ndef helper(x): return strange.thing(x)", True),
        ("import tornado\ndef helper(x): return tornado.fetch(x)", True),
    ],
)
def test_only_what_could_be_pure_may_be_listed_as_pure(
    tmp_path: Path, text: str, *, is_offered: bool
) -> None:
    """A socket never is, so listing it is no way out."""
    (finding,) = effects_of(tmp_path, {"flows": f"{text}\n{FLOW}"}).diagnostics
    assert finding.fix is not None
    assert "step" in finding.fix
    assert ("pure" in finding.fix) is is_offered


def test_decorators_of_a_step_are_none_of_the_workflow(tmp_path: Path) -> None:
    """They stay in the step bundle; those of a helper come into the other."""
    step = """
        from functools import cache

        @cache
        def helper(x):
            {}
            return x

        async def flow(x):
            "use workflow"
            return await helper(x)
        """
    assert codes(effects_of(tmp_path / "a", {"flows": step.format('"use step"')})) == []
    [found] = effects_of(tmp_path / "b", {"flows": step.format("pass")}).diagnostics
    assert found.code == "WFC333"
    assert found.fix == "take the cache off, or keep results in a dict that the workflow makes"
