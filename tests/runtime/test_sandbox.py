"""Templates: loaded once, shared by runs that share nothing; and the guards of the second fence."""

from __future__ import annotations

import inspect
import pickle
import sys
import typing
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from copy import copy, deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.histories import (
    STEPS,
    Log,
    describe,
    output_of,
    run_program,
    template_of,
    version_of,
)
from wfc import abi, codec
from wfc.errors import BundleBroken, CompileError, EffectInWorkflow, OutsideWorkflow
from wfc.eventlog.event import FailureKind
from wfc.ids import DefinitionId
from wfc.runtime import context
from wfc.runtime.frozen import Freezer
from wfc.runtime.operations import Failed, StepAsked
from wfc.runtime.sandbox import load_template
from wfc.runtime.views import Refused, View

FLOW = 'async def flow():\n    "use workflow"\n'


def guard_of(body: str, **options: Any) -> str:
    """Run workflow code that must hit a guard, catch all it can, and give the guard's code."""
    lines = "\n".join("        " + line for line in body.splitlines())
    program = (
        f"{FLOW}    try:\n{lines}\n    except BaseException:\n        pass\n    return 'missed'\n"
    )
    outcome = Log(template_of(program, **options)).start()
    assert isinstance(outcome, Failed), describe(outcome)
    assert outcome.kind is FailureKind.USER
    error = codec.decode_error(outcome.error)
    assert isinstance(error, EffectInWorkflow), error
    return error.guard


# --- escapes and nondeterminism ----------------------------------------------------------------

PROBES = {
    "a file": ('open("/etc/passwd")', "WFC202"),
    "a file by io": ('import io\nio.open("/etc/passwd")', "WFC202"),
    "a file by pathlib": ('import pathlib\npathlib.Path("/etc/passwd").read_text()', "WFC202"),
    "a file by a path of the module": ("BASE.read_text()", "WFC202"),
    "a file by what a path gives": ("(BASE.parent / 'x').with_suffix('.y').exists()", "WFC202"),
    "whether a file exists": ('import os\nos.path.exists("/")', "WFC202"),
    "a folder": ('import os\nos.listdir("/")', "WFC202"),
    "a file as a context manager": ('with open("/etc/passwd") as f:\n    pass', "WFC202"),
    "a socket": ("import socket\nsocket.create_connection(('a', 1))", "WFC201"),
    "a class of the network": ("import socket\nsocket.socket()", "WFC201"),
    "a subclass of it": ("import socket\nclass Mine(socket.socket): pass", "WFC201"),
    "a process": ("import subprocess\nsubprocess.run(['ls'])", "WFC203"),
    "standard input": ("input()", "WFC203"),
    "a thread": ("import threading\nthreading.Thread(target=print)", "WFC204"),
    "a plain function in a thread": ("await asyncio.to_thread(len, [])", "WFC204"),
    "another loop": ("asyncio.run(None)", "WFC321"),
    "a secret": ("import secrets\nsecrets.token_hex()", "WFC205"),
    "random bytes of the system": ("import os\nos.urandom(4)", "WFC205"),
    "the system's generator": ("import random\nrandom.SystemRandom()", "WFC205"),
    "a variable that is not listed": ("import os\nos.environ['HOME']", "WFC206"),
    "a variable by getenv": ("import os\nos.getenv('HOME')", "WFC206"),
    "the machine's sleep": ("import time\ntime.sleep(1)", "WFC207"),
    "the processor's clock": ("import time\ntime.process_time()", "WFC207"),
    "an address": ("id([])", "WFC311"),
    "the hash of a text": ("hash('x')", "WFC311"),
    "the hash of texts in a tuple": ("hash((1, 'x'))", "WFC311"),
    "the hash of an object": ("hash(object())", "WFC311"),
    "eval": ("eval('1')", "WFC124"),
    "exec": ("exec('1')", "WFC124"),
    "globals": ("globals()", "WFC124"),
    "a weak reference": ("import weakref\nweakref.ref(add)", "WFC230"),
    "the collector": ("import gc\ngc.collect()", "WFC230"),
    "an unknown package": ("import pytest\npytest.raises(ValueError)", "WFC220"),
    "a module inside a pure module": ("import json\njson.codecs.open('x')", "WFC202"),
    "sys.modules": ("import sys\nsys.modules", "WFC124"),
    "a write to a module": ("import math\nmath.pi = 3", "WFC331"),
    "a delete from a module": ("import math\ndel math.pi", "WFC331"),
    "an import by other means": ("__builtins__['__import__']('colorsys')", "WFC124"),
    "a refused import by other means": ("__builtins__['__import__']('shutil')", "WFC202"),
    "the environment written": ("import os\nos.environ['A'] = 'b'", "WFC331"),
    "the environment deleted from": ("import os\ndel os.environ['A']", "WFC331"),
    "where its module lies": ("str(__file__)", "WFC206"),
    "a path made of where its module lies": (
        "import os\nos.path.join(os.path.dirname(__file__), 'x')",
        "WFC206",
    ),
    "what loaded its module": ("__spec__.origin", "WFC206"),
    "the process's logging": ("import logging\nlogging.basicConfig()", "WFC331"),
    "a logger's level": ("import logging\nlogging.getLogger('x').setLevel(1)", "WFC331"),
    "a logger's handlers": ("import logging\nlogging.getLogger('x').addHandler(None)", "WFC331"),
    "a logger's filters": ("import logging\nlogging.getLogger('x').addFilter(None)", "WFC331"),
}


def test_there_are_more_than_24_probes() -> None:
    """The specification asks for 24."""
    assert len(PROBES) >= 24


@pytest.mark.parametrize("name", PROBES)
def test_a_way_out_is_a_guard_hit(name: str) -> None:
    """It raises with the code of the table, and catching it does not help."""
    body, code = PROBES[name]
    assert (
        guard_of(body, head=STEPS + "from pathlib import Path\nBASE = Path('/etc/passwd')\n")
        == code
    )


def test_a_refused_name_may_be_named() -> None:
    """In `except`, in `isinstance`, as a value: only its use is an effect."""
    assert run_program("""
import socket
import subprocess
from socket import create_connection

async def flow():
    "use workflow"
    try:
        raise ConnectionError
    except (socket.timeout, subprocess.CalledProcessError):
        pass
    except OSError as error:
        return [
            isinstance(error, socket.socket), issubclass(int, socket.socket),
            issubclass(socket.socket, socket.socket),
            isinstance(error, socket.gaierror), hasattr(socket.socket, "__wrapped__"),
            hasattr(create_connection, "__wrapped__"), repr(create_connection),
            callable(create_connection),
        ]
""") == [False, False, True, False, False, False, "<refused socket.create_connection>", True]


@pytest.mark.parametrize("look", ["socket.socket.mro_of", "socket.create_connection.x"])
def test_looking_into_a_refused_name_is_a_use(look: str) -> None:
    """Attributes of it are refused as well."""
    assert guard_of(f"import socket\n{look}") == "WFC201"


def test_data_of_a_refused_module_is_refused_when_read() -> None:
    """There is no call to wait for."""
    assert guard_of("import socket\nsocket.AF_INET.value") == "WFC201"


def test_what_is_pure_is_the_hosts_own() -> None:
    """No copies, no wrappers around functions and classes."""
    assert run_program("""
import collections.abc
import json as j
import math, os.path
from decimal import Decimal
import pathlib

async def flow():
    "use workflow"
    import textwrap
    path = pathlib.Path("a") / "b.txt"
    return [
        j.dumps({"a": 1}), math.floor(2.5), str(Decimal("1.1")), os.path.join("a", "b"),
        isinstance([], collections.abc.Sequence), textwrap.dedent(" x"), "dumps" in dir(j),
        path.suffix, isinstance(path, pathlib.PurePath), hash(5), hash((1, None)),
    ]
""") == ['{"a": 1}', 2, "1.1", "a/b", True, "x", True, ".txt", True, 5, hash((1, None))]


def test_a_hash_method_may_combine_texts() -> None:
    """What it gives shows nowhere but in the place inside a set."""
    assert (
        run_program("""
class Key:
    def __init__(self, name):
        self.name = name

    def __hash__(self):
        return hash((self.name, 1))

    def __eq__(self, other):
        return self.name == other.name

async def flow():
    "use workflow"
    return {Key("a"): 1}[Key("a")]
""")
        == 1
    )


def test_a_module_that_the_host_lacks_cannot_be_imported() -> None:
    """Also a refused one, which is not executed to find out; and one that is there may be named."""
    assert run_program("""
import socket
try:
    import orjson_that_nobody_has
except ImportError:
    orjson_that_nobody_has = None
try:
    from orjson_that_nobody_has import dumps
except ModuleNotFoundError as error:
    dumps = error.name
try:
    import email.nothing_like_that
except ImportError:
    inner = "none"
import pytest

async def flow():
    "use workflow"
    found = orjson_that_nobody_has is None, dumps, inner, socket is not None, pytest != None
    return list(found)
""") == [True, "orjson_that_nobody_has", "none", True, True]


def test_a_listed_package_is_pure() -> None:
    """`[tool.wfc] pure` decides before the table."""
    program = "import pytest\n" + FLOW + "    return pytest.approx(1.0) == 1.0\n"
    assert run_program(program, pure=("pytest",)) is True


def test_what_does_not_exist_is_an_ordinary_error() -> None:
    """Neither a guard hit nor a fault of ours."""
    assert (
        run_program("""
import math

async def flow():
    "use workflow"
    try:
        math.nothing
    except AttributeError:
        pass
    try:
        math.__path__
    except AttributeError as error:
        return str(error)
""")
        == "module 'math' has no attribute '__path__'"
    )


# --- load mode ---------------------------------------------------------------------------------

AT_TOP_LEVEL = {
    "the clock": ("import time\nNOW = time.time()", "WFC301"),
    "a draw": ("import random\nLUCK = random.random()", "WFC301"),
    "an id": ("import uuid\nNAME = uuid.uuid4()", "WFC301"),
    "a file": ('TEXT = open("/etc/passwd")', "WFC211"),
    "a file in a class": ('class Text:\n    it = open("/etc/passwd")', "WFC210"),
    "a file in a default": ('def read(it=open("/etc/passwd")):\n    return it', "WFC210"),
    "a variable": ("import os\nHOME = os.environ['HOME']", "WFC211"),
    "a listed variable": ("import os\nREGION = os.environ['REGION']", "WFC211"),
    "where the module lies": ("HERE = __file__ + 'x'", "WFC211"),
    "a path": ("from pathlib import Path\nHERE = Path(__file__).parent", "WFC211"),
    "the platform": ("import platform\nSYSTEM = platform.system()", "WFC211"),
    "a generator without a seed": ("import random\nGENERATOR = random.Random()", "WFC301"),
}


@pytest.mark.parametrize("name", AT_TOP_LEVEL)
def test_an_effect_at_the_top_level_refuses_to_load(name: str) -> None:
    """With the code of the compiler, naming the module."""
    text, code = AT_TOP_LEVEL[name]
    with pytest.raises(EffectInWorkflow, match="the top level of app uses") as caught:
        template_of(text + "\n\n" + FLOW + "    return 1\n", environment=("REGION",))
    assert caught.value.guard == code


def test_an_unknown_package_at_the_top_level_refuses_to_load() -> None:
    """It is the package that is unknown, wherever it is used."""
    with pytest.raises(EffectInWorkflow, match=r"uses `pytest\.raises`") as caught:
        template_of(f"import pytest\nCHECK = pytest.raises(ValueError)\n\n{FLOW}    return 1\n")
    assert caught.value.guard == "WFC220"


def test_a_top_level_that_fails_says_so() -> None:
    """With the module and its error."""
    with pytest.raises(CompileError, match="workflow module app failed: ZeroDivisionError"):
        template_of("RATE = 1 / 0\n\n" + FLOW + "    return RATE\n")
    assert context.loading.get() is None


def test_a_global_write_refuses_to_load() -> None:
    """WFC332, wherever it stands; the compiler says so before."""
    template = template_of(FLOW + "    return 1\n")
    version = version_of({"app": STEPS + FLOW + "    return 1\n"})
    (bundle,) = version.workflow.values()
    text = bundle.text + "\ndef count():\n    def inner():\n        global n\n        n = 1\n"
    broken = replace(version, workflow={bundle.module: replace(bundle, text=text)})
    with pytest.raises(EffectInWorkflow, match="writes the global `n`") as caught:
        load_template(broken, template.workflow)
    assert caught.value.guard == "WFC332"


def test_a_version_without_the_workflow_is_broken() -> None:
    """Unknown workflow, missing module, missing function: one sentence each."""
    version = version_of({"app": FLOW + "    return 1\n"})
    with pytest.raises(BundleBroken, match="no workflow app:other"):
        load_template(version, DefinitionId("app:other"))
    with pytest.raises(BundleBroken, match="no workflow app:flow"):
        load_template(replace(version, workflow={}), DefinitionId("app:flow"))
    (bundle,) = version.workflow.values()
    empty = replace(bundle, text="", sites=(), entries=())
    with pytest.raises(BundleBroken, match="lacks flow"):
        load_template(replace(version, workflow={bundle.module: empty}), DefinitionId("app:flow"))


# --- modules of a template ---------------------------------------------------------------------

PACKAGE = {
    "shop": "",
    "shop.models": """
        from dataclasses import dataclass
        from datetime import datetime
        from pydantic import BaseModel

        class Order(BaseModel):
            id: str
            at: datetime | None = None
            parent: "Order | None" = None

        @dataclass(frozen=True)
        class Line:
            name: str
            cents: int = 1
    """,
    "shop.prices": """
        from . import models
        from .models import Line

        RATES = {"EUR": [1, 2]}

        def total(lines):
            return sum(line.cents for line in lines) * RATES["EUR"][1]

        def line(name):
            return models.Line(name, 5)
    """,
    "shop.flows": """
        import shop.prices
        import shop.models as m
        from shop import prices
        from shop.models import Line, Order
        from shop.prices import total

        async def price(order: Order) -> Line:
            "use step"

        async def flow(order: Order):
            "use workflow"
            line = await price(order)
            return [
                type(order).__module__.partition("@")[0], order.id, isinstance(line, Line),
                total([line, prices.line("x")]), shop.prices.total is total, m.Line is Line,
            ]
    """,
}


def test_a_template_of_several_modules() -> None:
    """Relative imports, packages, `import a.b`, modules as values; classes are its own."""
    version = version_of(PACKAGE, classes=("shop.models:Order", "shop.models:Line"))
    template = load_template(version, DefinitionId("shop.flows:flow"))
    modules = template.loaded.modules
    assert set(modules) == set(PACKAGE)
    order = modules["shop.models"].Order(id="o-1")
    line = modules["shop.models"].Line("y", 7)
    log = Log(template, order)
    assert output_of(log.run({"price": lambda **_: line})) == [
        "shop.models",
        "o-1",
        True,
        24,
        True,
        True,
    ]
    assert modules["shop.models"].__name__ == "shop.models"
    name = modules["shop.models"].Order.__module__
    assert name == f"shop.models@{template.fingerprint[:12]}"
    assert sys.modules[name] is modules["shop.models"]
    assert "shop.models" not in sys.modules


def test_two_versions_of_a_class_live_side_by_side() -> None:
    """Each template has its own, also if the fingerprints are equal."""
    version = version_of(PACKAGE)
    one = load_template(version, DefinitionId("shop.flows:flow"))
    two = load_template(version, DefinitionId("shop.flows:flow"))
    first, second = (each.loaded.modules["shop.models"] for each in (one, two))
    assert first.Order is not second.Order
    assert first.__name__ == second.__name__ == "shop.models"
    assert first.Order.__module__ != second.Order.__module__
    assert codec.wire_name(first.Order) == codec.wire_name(second.Order) == "shop.models:Order"


def test_a_module_has_its_own_name_in_every_version() -> None:
    """So what is made of it is the same; classes still find the names of their version."""
    assert run_program("""
from dataclasses import dataclass
from typing import NamedTuple, get_type_hints
from pydantic import BaseModel

PACKAGE = __name__.partition(".")[0]

class Line(BaseModel):
    'Told.'
    cents: "Cents"

class Cents(BaseModel):
    n: int

class Bare(BaseModel):
    \"\"\"No more than that.\"\"\"

class Pair(NamedTuple):
    left: "Cents"

@dataclass
class Order:
    line: "Line"

def helper(): ...

async def flow():
    "use workflow"
    class Inner(BaseModel):
        cents: "Cents"
    return [
        __name__, PACKAGE, helper.__module__, Line(cents={"n": 1}).cents.n, Line.__doc__,
        get_type_hints(Order)["line"] is Line, get_type_hints(Pair)["left"] is Cents,
        Inner(cents=Cents(n=2)).cents.n, Bare.__doc__, str(Cents).startswith("<class 'app@"),
    ]
""") == ["app", "app", "app", 1, "Told.", True, True, 2, "No more than that.", True]


def test_payloads_name_only_what_is_allowed() -> None:
    """Classes of the manifest, and the template's own exceptions."""
    version = version_of(
        {
            "app": "class A: pass\nclass B: pass\nclass E(Exception): pass\n"
            + FLOW
            + "    return [A, B, E]\n"
        },
        classes=("app:A",),
    )
    types = load_template(version, DefinitionId("app:flow")).types
    assert types.find("app:A").__name__ == "A"  # type: ignore[union-attr]  # it is found
    assert types.find("app:A") is types.find("app:A")
    assert types.find("app:B") is None
    assert types.find("app:E").__name__ == "E"  # type: ignore[union-attr]  # likewise
    assert types.find("app:flow") is None
    assert types.find("os:system") is None


def test_runs_of_one_template_share_nothing() -> None:
    """Functions and their attributes, interleaved turns, modules as values."""
    template = template_of("""
def helper(n):
    helper.calls = getattr(helper, "calls", 0) + n
    return helper.calls

async def flow(n: int):
    "use workflow"
    seen = []
    for _ in range(3):
        seen.append(helper(n))
        await add(n)
    return seen
""")
    logs = [Log(template, n) for n in (1, 10, 100)]
    for log in logs:
        log.start()
    for _ in range(3):
        outcomes = [log.deliver(log.completed("add", 0)) for log in logs]
    assert [output_of(each) for each in outcomes] == [[1, 2, 3], [10, 20, 30], [100, 200, 300]]
    assert not hasattr(template.loaded.modules["app"].helper, "calls")


def test_a_run_owns_no_more_than_what_its_workflow_comes_to_by_name() -> None:
    """Through helpers, nested functions, other modules and other names; the rest is shared."""
    version = version_of(
        {
            "app": "from tools import far as near\n"
            "def one():\n    class Inner:\n        two = two()\n    return Inner.two\n"
            "def two():\n    return (lambda: near())()\n"
            "def unused():\n    return one()\n"
            + FLOW
            + "    near.mark = 'mine'\n    return [one(), near.mark]\n",
            "tools": "def deep(): return 'deep'\ndef far(): return deep()\ndef idle(): pass\n",
            "tools.other": "def nothing(): pass\n",
        }
    )
    template = load_template(version, DefinitionId("app:flow"))
    assert output_of(Log(template).start()) == ["deep", "mine"]
    spaces = {each["__name__"].partition("@")[0]: each for each in template.instantiate()._spaces}
    own = {
        name: {key for key in space if not key.startswith("__")} for name, space in spaces.items()
    }
    assert own == {"app": {"flow", "one", "two", "near"}, "tools": {"deep"}}
    assert spaces["app"]["near"].__globals__ is spaces["tools"]
    assert not hasattr(template.loaded.modules["tools"].far, "mark")


def test_names_that_a_run_does_not_own_are_found_as_if_it_did() -> None:
    """Constants, classes, imports, and names of the module before those of the builtins."""
    template = template_of("""
import math as m
LIMIT = 3

def max(*values):
    return "our own"

class Point:
    at = LIMIT

    def where(self):
        return [self.at, max(1), __name__.partition("@")[0]]

async def flow():
    "use workflow"
    class Local(Point):
        at = LIMIT + len("ab")
    try:
        missing
    except NameError as error:
        return [Local().where(), max(1, 2), m.floor(2.5), min(LIMIT, 9), str(error)]
""")
    assert output_of(Log(template).start()) == [
        [5, "our own", "app"], "our own", 2, 3, "name 'missing' is not defined",
    ]  # fmt: skip


def test_a_dropped_run_is_dead_in_every_function_of_its_own() -> None:
    """Guards of its functions say no in whatever context; another run goes on."""
    template = template_of("""
def helper():
    return "alive"

async def flow():
    "use workflow"
    return helper()
""")
    one, other = template.instantiate(), template.instantiate()
    (space,), (another,) = one._spaces, other._spaces
    one.kill()
    assert space["helper"]() is None
    assert another["helper"]() == "alive"


def test_rebound_functions_are_what_they_were() -> None:
    """Name, docstring, annotations, defaults, attributes, closure."""
    template = template_of("""
import functools

def logged(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return ["logged", function(*args, **kwargs)]
    return inner

def helper(a: int, b=2, *, c=3) -> int:
    "Help."
    return a + b + c

helper.mark = "x"
wrapped = logged(helper)

async def flow():
    "use workflow"
    return [
        helper.__name__, helper.__doc__, helper.__annotations__, helper.__qualname__, helper.mark,
        helper(1), wrapped(1, c=0), helper.__module__.partition("@")[0],
    ]
""")
    assert output_of(Log(template).start()) == [
        "helper", "Help.", {"a": "int", "return": "int"}, "helper", "x", 6, ["logged", 3], "app",
    ]  # fmt: skip
    spaces = template.instantiate()._spaces
    assert spaces[0]["helper"].__globals__ is spaces[0]
    assert spaces[0]["helper"] is not template.loaded.modules["app"].helper


def test_the_signature_and_spread_of_a_workflow() -> None:
    """Every kind of parameter comes back as it was given."""
    template = template_of("""
async def flow(a, /, b=2, *rest, c, d=4, **more):
    "use workflow"
    return [a, b, list(rest), c, d, more]
""")
    assert list(template.signature.parameters) == ["a", "b", "rest", "c", "d", "more"]
    bound = template.signature.bind(1, 2, 3, c=5, e=6).arguments
    assert template.spread(bound) == ([1, 2, 3], {"c": 5, "e": 6})
    assert template.spread({"a": 1, "c": 3}) == ([1], {"c": 3})
    other = template_of('async def flow(a=1, b=2):\n    "use workflow"\n    return [a, b]\n')
    assert other.spread({"b": 5}) == ([], {"b": 5})


def test_stubs_look_like_the_steps_they_stand_for() -> None:
    """A schema can be derived from one, and asyncio takes it for a coroutine function."""
    template = template_of(FLOW + "    return [await add(1), await double(1)]\n")
    stub = template.loaded.modules["app"].add
    assert inspect.iscoroutinefunction(stub)
    assert stub.__signature__.parameters["right"].default == 1
    assert typing.get_type_hints(stub) == {"left": int, "right": int, "return": int}
    assert abi.id_of(stub) == "app:add"
    assert template.loaded.modules["app"].double.__name__ == "double"


def test_methods_as_steps() -> None:
    """`self` is recorded first; a static method records its arguments alone."""
    version = version_of(
        {
            "app": """
                from dataclasses import dataclass

                @dataclass
                class Cart:
                    total: int = 0

                    async def add(self, n: int) -> int:
                        "use step"

                    @staticmethod
                    async def tax(n: int) -> int:
                        "use step"

                async def flow():
                    "use workflow"
                    cart = Cart(5)
                    return [await cart.add(1), await Cart.tax(2)]
            """
        },
        classes=("app:Cart",),
    )
    template = load_template(version, DefinitionId("app:flow"))
    log = Log(template)
    log.start()
    asked = log.named("add")
    assert isinstance(asked, StepAsked)
    assert asked.step == "app:Cart.add"
    assert asked.arguments is not None
    found = codec.decode_arguments(asked.arguments, {}, types=template.types)
    assert (found["self"].total, found["n"]) == (5, 1)
    log.deliver(log.completed(asked, 6))
    assert log.arguments(log.named("tax")) == {"n": 2}


def test_a_nested_step_records_what_it_captures() -> None:
    """The free names stand among its arguments, read at each call."""
    log = Log(
        template_of("""
async def flow():
    "use workflow"
    rate = 2

    async def charge(n: int) -> int:
        "use step"
        return n * rate

    first = await charge(1)
    rate = 3
    return [first, await charge(1)]
""")
    )
    log.start()
    assert log.arguments(log.named("charge")) == {"n": 1, "rate": 2}
    log.deliver(log.completed("charge", 2))
    assert log.arguments(log.named("charge")) == {"n": 1, "rate": 3}
    assert log.named("charge").operation_id.startswith("charge~")


def test_results_are_what_the_step_is_annotated_to_return() -> None:
    """By the template's own types; an annotation that only type checkers see says nothing."""
    template = template_of(
        """
from __future__ import annotations
from typing import TYPE_CHECKING
from datetime import datetime
from pydantic import BaseModel
if TYPE_CHECKING:
    from nowhere import Thing

class Box(BaseModel):
    n: int

async def pack(n: int) -> Box:
    "use step"

async def when() -> datetime:
    "use step"

async def thing() -> Thing:
    "use step"

async def flow():
    "use workflow"
    box = await pack(1)
    return [isinstance(box, Box), box.n, (await when()).year, await thing()]
""",
        head="",
    )
    box = template.loaded.modules["app"].Box(n=4)
    steps: dict[str, Callable[..., Any]] = {
        "pack": lambda n: box if n else None,
        "when": lambda: datetime(2030, 1, 1, tzinfo=UTC),
        "thing": lambda: 9,
    }
    assert output_of(Log(template).run(steps)) == [True, 4, 2030, 9]


def test_a_workflow_awaited_in_a_workflow_runs_inline() -> None:
    """The same run, own call places."""
    log = Log(
        template_of("""
async def inner(n: int) -> int:
    "use workflow"
    return await add(n)

async def flow():
    "use workflow"
    return [await inner(1), await inner(2)]
""")
    )
    assert output_of(log.run()) == [2, 3]
    assert [name.partition("~")[0] for name in log.asked] == ["add", "add"]


def test_a_workflow_that_is_no_coroutine_function_fails() -> None:
    """A decorator made something else of it."""
    outcome = Log(
        template_of("""
def plain(function):
    return lambda *args: 5

@plain
async def flow():
    "use workflow"
    return 1
""")
    ).start()
    assert isinstance(outcome, Failed)
    assert "no coroutine" in str(codec.decode_error(outcome.error))


def test_tracebacks_show_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file itself while it is unchanged, else the text of the bundle."""
    text = 'async def flow():\n    "use workflow"\n    raise ValueError\n'
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text(text)
    for expected in (str(tmp_path / "app.py"), "<wfc "):
        template = template_of(text, head="")
        outcome = Log(template).start()
        assert isinstance(outcome, Failed)
        frame = codec.read_error(outcome.error).frames[-1]
        assert frame.file.startswith(expected)
        assert (frame.line, frame.text) == (3, "raise ValueError")
        (tmp_path / "app.py").write_text("# changed\n")


def test_the_line_of_a_call_place() -> None:
    """Known places have a line in this version, others and bare names none."""
    template = template_of(FLOW + "    return await add(1)\n")
    log = Log(template)
    log.start()
    site = log.named("add").operation_id.partition("#")[0]
    line = (STEPS + FLOW).count("\n") + 1
    assert template.line_of(site) == f"app.py:{line}"  # type: ignore[arg-type]  # a site is text
    assert template.line_of("add~00000000") is None  # type: ignore[arg-type]  # likewise
    assert template.line_of("add") is None  # type: ignore[arg-type]  # likewise


def test_outside_of_runs_workflow_code_asks_for_nothing() -> None:
    """A stub called there says so."""
    template = template_of(FLOW + "    return await add(1)\n")
    with pytest.raises(OutsideWorkflow, match="app:add"):
        template.loaded.modules["app"].add(1)
    assert bool(abi.slots.live())


# --- frozen module state -----------------------------------------------------------------------

STATE = """
from collections import Counter, OrderedDict, defaultdict, deque

ITEMS = [1, [2], {"a": [3]}]
TABLE = {"a": [1], "b": (1, [2])}
NAMES = {"x"}
TAIL = deque([1, 2], maxlen=5)
COUNTS = Counter("aab")
ORDER = OrderedDict(a=1)
GROUPS = defaultdict(list, a=[1])
SAME = ITEMS

class Config:
    rates = {"EUR": 1}

    def method(self, seen=[]):
        return seen

def helper(seen=[], *, more={}):
    return [seen, more]
"""
WRITES = [
    "ITEMS.append(1)", "ITEMS[0] = 1", "del ITEMS[0]", "ITEMS[1].extend([1])", "ITEMS.sort()",
    "ITEMS[2]['a'].pop()", "ITEMS.__iadd__([1])", "TABLE['c'] = 1", "TABLE.update(a=1)",
    "TABLE.setdefault('z', 1)", "TABLE['b'][1].clear()", "TABLE.__ior__({})", "NAMES.add('y')",
    "NAMES.discard('x')", "NAMES.__iand__({'x'})", "TAIL.append(1)", "TAIL.rotate(1)",
    "TAIL.popleft()", "COUNTS['a'] = 1", "COUNTS.update('x')", "ORDER.popitem()", "GROUPS['new']",
    "GROUPS['a'].append(1)", "Config.rates['USD'] = 1", "helper()[0].append(1)",
    "helper()[1].update(a=1)", "Config().method().append(1)",
]  # fmt: skip


@pytest.mark.parametrize("write", WRITES)
def test_module_state_cannot_be_written(write: str) -> None:
    """WFC331, recursively, through every name it has."""
    assert guard_of(write, head=STEPS + STATE) == "WFC331"


def test_module_state_reads_as_it_was_written() -> None:
    """Equal, of its class, copied as plain, and recorded as plain."""
    log = Log(
        template_of(
            STATE
            + """
async def flow():
    "use workflow"
    mine = list(ITEMS)
    mine.append(4)
    other = TABLE.copy()
    other["c"] = 1
    joined = NAMES | {"y"}
    joined.add("z")
    await say(ITEMS)
    return [
        ITEMS, TABLE, sorted(joined), mine, other, type(ITEMS).__name__, isinstance(TABLE, dict),
        list(TAIL), COUNTS.most_common(1), list(ORDER), GROUPS["a"], SAME is ITEMS, TAIL.maxlen,
    ]
"""
        )
    )
    log.start()
    assert log.arguments(log.named("say")) == {"text": [1, [2], {"a": [3]}]}
    found = output_of(log.deliver(log.completed("say", "")))
    assert found == [
        [1, [2], {"a": [3]}], {"a": [1], "b": (1, [2])}, ["x", "y", "z"],
        [1, [2], {"a": [3]}, 4], {"a": [1], "b": (1, [2]), "c": 1}, "list", True,
        [1, 2], [("a", 2)], ["a"], [1], True, 5,
    ]  # fmt: skip
    assert type(found[0]) is list


@pytest.mark.parametrize(
    "value",
    [[1, [2]], {"a": [1]}, {1, 2}, deque([1], maxlen=3), Counter("aab"), OrderedDict(a=1),
     defaultdict(list, a=[1]), OrderedDict(), set(), deque([{1}]), {"a": {1}}, [{2}]],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_copies_of_a_frozen_value_are_plain(value: Any) -> None:
    """By `copy`, `deepcopy` and pickle, with what belongs to the class."""
    frozen = Freezer().freeze(value)
    assert frozen == value
    assert type(frozen) is not type(value)
    assert (repr(frozen), str([frozen]), f"{frozen}") == (repr(value), str([value]), f"{value}")
    for made in (copy(frozen), frozen.copy(), deepcopy(frozen), pickle.loads(pickle.dumps(frozen))):  # noqa: S301 - made here
        assert type(made) is type(value)
        assert made == value
        assert getattr(made, "maxlen", None) == getattr(value, "maxlen", None)
        assert getattr(made, "default_factory", None) == getattr(value, "default_factory", None)


def test_a_value_that_holds_itself_can_be_frozen() -> None:
    """Cycles stay cycles; what holds no container stays the same object."""
    items: list[Any] = [1]
    items.append(items)
    frozen = Freezer().freeze(items)
    assert frozen[1] is frozen
    pair = (1, "x")
    assert Freezer().freeze(pair) is pair
    assert Freezer().freeze(frozen) is frozen


def test_a_long_value_is_cut_in_the_message() -> None:
    """One line is enough."""
    frozen = Freezer().freeze(list(range(1000)))
    with pytest.raises(EffectInWorkflow, match=r"\.\.\.\)") as caught:
        frozen.append(1)
    assert len(str(caught.value)) < 400


def test_module_attributes_cannot_be_written() -> None:
    """Of the template's own modules neither."""
    version = version_of({"lib": "X = 1\n", "app": "import lib\n" + FLOW + "    lib.X = 2\n"})
    outcome = Log(load_template(version, DefinitionId("app:flow"))).start()
    assert isinstance(outcome, Failed)
    assert codec.read_error(outcome.error).message.startswith("workflow code changes `lib.X`")
    version = version_of({"lib": "X = 1\n", "app": "import lib\n" + FLOW + "    del lib.X\n"})
    assert isinstance(Log(load_template(version, DefinitionId("app:flow"))).start(), Failed)


def test_views_are_made_once() -> None:
    """And hold no state of a run."""
    template = template_of("import math\n" + FLOW + "    return math.pi\n")
    space = template.loaded.modules["app"].__dict__
    view = space["math"]
    assert isinstance(view, View)
    assert view.__views__.module("math") is view
    assert isinstance(view.__views__.module("socket").create_connection, Refused)


def test_a_module_without_a_bundle_is_empty() -> None:
    """A package whose own symbols nobody reaches: only its modules are there."""
    version = version_of({"pack": "", "pack.app": FLOW + "    return 1\n"})
    assert set(version.workflow) == {"pack.app"}
    template = load_template(version, DefinitionId("pack.app:flow"))
    assert output_of(Log(template).start()) == 1


def test_steps_and_workflows_travel_as_what_they_are_here() -> None:
    """A recorded reference becomes the stub of the run's own bundle, never the step function."""
    log = Log(
        template_of("""
async def other() -> int:
    "use workflow"
    return await add(1)

async def choose(options: list, fallback) -> object:
    "use step"

async def flow():
    "use workflow"
    found = await choose([add, double], other)
    return [found[0] is add, await found[0](1), await found[1](5), await found[2]()]
""")
    )
    log.start()
    space = log.template.loaded.modules["app"].__dict__
    asked = log.named("choose")
    assert isinstance(asked, StepAsked)
    assert asked.arguments is not None
    for name in (b"app:add", b"app:double", b"app:other"):
        assert name in asked.arguments
    value = [space["add"], space["double"], space["other"]]
    log.deliver(log.completed(asked, value))
    log.deliver(log.completed("add", 2))
    log.deliver(log.completed("double", 10))
    assert output_of(log.deliver(log.completed("add", 2))) == [True, 2, 10, 2]


def test_a_reference_to_what_the_template_lacks_is_unknown() -> None:
    """Not the host's function of that name, which would act unrecorded."""
    template = template_of(FLOW + "    return await add(1)\n")
    assert template.function(DefinitionId("app:add")) is template.loaded.modules["app"].add
    assert template.function(DefinitionId("app:STEPS")) is None
    assert template.function(DefinitionId("lib:add")) is None


def test_a_class_method_as_a_step() -> None:
    """`cls` travels by its name, the subclass's if that is called."""
    version = version_of(
        {
            "app": """
                from dataclasses import dataclass

                @dataclass
                class Base:
                    n: int = 0

                    @classmethod
                    async def load(cls, n: int) -> int:
                        "use step"

                @dataclass
                class Sub(Base):
                    pass

                async def flow():
                    "use workflow"
                    return [await Base.load(1), await Sub.load(2)]
            """
        },
        classes=("app:Base", "app:Sub"),
    )
    template = load_template(version, DefinitionId("app:flow"))
    log = Log(template)
    outcome = log.start()
    asked = log.named("load")
    assert isinstance(asked, StepAsked), describe(outcome)
    assert log.arguments(asked) == {"cls": "app:Base", "n": 1}
    log.deliver(log.completed("load", 1))
    assert log.arguments(log.named("load"))["cls"] == "app:Sub"
