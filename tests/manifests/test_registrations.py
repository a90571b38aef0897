"""What a decorator, a call or a base class registers in an object goes where the object goes."""

from __future__ import annotations

import ast
from pathlib import Path
from textwrap import dedent

import pytest

from tests.compiler.test_gather_effects import codes, effects_of
from tests.runtime.histories import Log, describe, template_of
from wfc import codec
from wfc.compiler.build import build
from wfc.compiler.project import Project
from wfc.diagnostics import Severity
from wfc.ids import DefinitionId
from wfc.manifests.registrations import registrations_of
from wfc.runtime.operations import Completed
from wfc.runtime.sandbox import load_template

REGISTERED = {
    "by setattr": """
        class Conf: pass
        conf = Conf()
        setattr(conf, "pay", lambda x: x + 1)

        async def flow(x):
            "use workflow"
            return conf.pay(x)
        """,
    "by a decorator with a name": """
        TABLE = {}
        def handler(name):
            def decorate(function):
                TABLE[name] = function
                return function
            return decorate

        @handler("paid")
        def paid(x): return x + 1

        async def flow(x):
            "use workflow"
            return TABLE["paid"](x)
        """,
    "by a plain decorator": """
        LIST = []
        def listed(function):
            LIST.append(function)
            return function

        @listed
        def paid(x): return x + 1

        async def flow(x):
            "use workflow"
            return LIST[0](x)
        """,
    "by a method of an object": """
        class Registry:
            def __init__(self): self.table = {}
            def add(self, function):
                self.table[function.__name__] = function
                return function

        registry = Registry()

        @registry.add
        def paid(x): return x + 1

        async def flow(x):
            "use workflow"
            return registry.table["paid"](x)
        """,
    "by singledispatch": """
        from functools import singledispatch

        @singledispatch
        def paid(x): return None

        @paid.register(int)
        def _(x): return x + 1

        async def flow(x):
            "use workflow"
            return paid(x)
        """,
    "by a call": """
        TABLE = {}
        def register(name, function): TABLE[name] = function
        def paid(x): return x + 1
        register("paid", paid)

        async def flow(x):
            "use workflow"
            return TABLE["paid"](x)
        """,
    "by a decorator of classes": """
        TABLE = {}
        def register(kind):
            TABLE[kind.__name__] = kind
            return kind

        @register
        class Paid:
            def __init__(self, x): self.x = x + 1

        async def flow(x):
            "use workflow"
            return TABLE["Paid"](x).x
        """,
    "by another name": """
        def paid(x): return x + 1
        LIST = []
        OTHER = LIST
        OTHER.append(paid)

        async def flow(x):
            "use workflow"
            return LIST[0](x)
        """,
    "by one of two names": """
        def paid(x): return x + 1
        FIRST = SECOND = [0]
        if True:
            SECOND[0] = paid

        async def flow(x):
            "use workflow"
            return FIRST[0](x)
        """,
    "by a decorator that uses another name": """
        LIST = []
        OTHER = LIST
        def listed(function):
            OTHER.append(function)
            return function

        @listed
        def paid(x): return x + 1

        async def flow(x):
            "use workflow"
            return LIST[0](x)
        """,
    "as an attribute": """
        class Order: pass
        def paid(x): return x + 1
        setattr(Order, "paid", staticmethod(paid))

        async def flow(x):
            "use workflow"
            return Order.paid(x)
        """,
    "by a metaclass": """
        KINDS = {}
        class Meta(type):
            def __new__(mcs, name, bases, space):
                made = super().__new__(mcs, name, bases, space)
                KINDS[name] = made
                return made

        class Base(metaclass=Meta): pass

        class Paid(Base):
            def __init__(self, x): self.x = x + 1

        async def flow(x):
            "use workflow"
            return KINDS["Paid"](x).x
        """,
    "by a metaclass that keeps them on the class": """
        class Meta(type):
            def __init__(cls, name, bases, space):
                super().__init__(name, bases, space)
                cls.kinds[name] = cls

        class Base(metaclass=Meta):
            kinds = {}

        class Middle(Base): pass

        class Paid(Middle):
            def __init__(self, x): self.x = x + 1

        async def flow(x):
            "use workflow"
            return Base.kinds["Paid"](x).x
        """,
    "by a base class": """
        class Base:
            kinds = {}
            def __init_subclass__(cls, **options):
                Base.kinds[cls.__name__] = cls

        class Paid(Base):
            def __init__(self, x): self.x = x + 1

        async def flow(x):
            "use workflow"
            return Base.kinds["Paid"](x).x
        """,
}


def _built(root: Path, text: str) -> Project:
    (root / "app").mkdir(parents=True)
    (root / "app" / "__init__.py").write_text("")
    (root / "app" / "flows.py").write_text(dedent(text))
    return Project.discover(root)


@pytest.mark.parametrize("name", REGISTERED)
def test_what_is_registered_is_in_the_bundle_and_runs(name: str, tmp_path: Path) -> None:
    """The workflow finds it as plain Python would."""
    result = build(_built(tmp_path, REGISTERED[name]), out=tmp_path / ".wfc")
    assert result.version is not None, result.diagnostics
    assert result.diagnostics == ()
    outcome = Log(load_template(result.version, DefinitionId("app.flows:flow")), 1).start()
    assert isinstance(outcome, Completed), describe(outcome)
    assert codec.decode(outcome.output) == 2


@pytest.mark.parametrize("name", REGISTERED)
def test_it_is_part_of_what_the_workflow_means(name: str, tmp_path: Path) -> None:
    """A run must not move to another registered function as if nothing had changed."""
    prints = []
    for number, text in enumerate((REGISTERED[name], REGISTERED[name].replace("x + 1", "x + 2"))):
        project = _built(tmp_path / str(number), text)
        version = build(project, out=tmp_path / str(number) / ".wfc").version
        assert version is not None
        prints.append(version.fingerprints[DefinitionId("app.flows:flow")])
    assert prints[0] != prints[1]


def test_a_registered_step_stays_a_step(tmp_path: Path) -> None:
    """No workflow bundle decorates a step, so its body is no part of what the workflow means."""
    text = REGISTERED["by a plain decorator"].replace("def paid(x): return x + 1", "{step}")
    text = text.replace("return LIST[0](x)", "return await paid(x)")
    prints = set()
    for number in (1, 2):
        step = f'def paid(x):\n            "use step"\n            return open(x), {number}'
        project = _built(tmp_path / str(number), text.replace("{step}", step))
        result = build(project, out=tmp_path / str(number) / ".wfc")
        assert result.version is not None, result.diagnostics
        assert "LIST" not in result.version.workflow[next(iter(result.version.workflow))].text
        prints.add(result.version.fingerprints[DefinitionId("app.flows:flow")])
    assert len(prints) == 1


def test_an_effect_in_what_is_registered_is_a_warning(tmp_path: Path) -> None:
    """The workflow probably comes to it: nobody can tell which entry it takes."""
    text = REGISTERED["by a plain decorator"].replace("return x + 1", "return open(x)")
    effects = effects_of(tmp_path, {"flows": text})
    assert codes(effects) == [("WFC202", Severity.WARNING)]
    assert [link.what for link in effects.diagnostics[0].chain][1] == "registers paid"


def test_a_registry_may_be_written_while_it_loads_and_not_by_a_run(tmp_path: Path) -> None:
    """The same function is fine as a decorator, and changes shared state if a workflow calls it."""
    text = REGISTERED["by a plain decorator"]
    called = text.replace("return LIST[0](x)", "return listed(x)")
    assert codes(effects_of(tmp_path / "a", {"flows": text})) == []
    assert codes(effects_of(tmp_path / "b", {"flows": called})) == [("WFC331", Severity.ERROR)]
    by_value = (
        text.replace("return LIST[0](x)", "return USED[0](x)").replace("LIST = []", "LIST = []\n")
        + "\n        USED = [listed]\n"
    )
    found = codes(effects_of(tmp_path / "c", {"flows": by_value}))
    assert found == [("WFC331", Severity.ERROR)]


@pytest.mark.parametrize(
    "text",
    [
        "import app\n@app.get('/')\ndef f(): ...",  # an object of another module
        "KEPT = []\ndef timed(f):\n    KEPT2 = KEPT\n    return f\n@timed\ndef f(): ...",
        "KEPT = []\ndef timed(f):\n    KEPT = {}\n    KEPT['a'] = f\n@timed\ndef f(): ...",
        "class B:\n    def __init_subclass__(cls): print(cls)\nclass C(B): ...",
        "class C(B): ...\nf()\n@unknown\ndef g(): ...",
    ],
)
def test_what_registers_nothing_is_left_alone(text: str) -> None:
    """Reading is no writing, and a local name is not the module's."""
    assert registrations_of(ast.parse(text)) == ()


def test_a_template_of_one_module_registers_too() -> None:
    """Also without a judge: the module's own names lead there."""
    text = dedent(REGISTERED["by a call"])
    assert Log(template_of(text), 1).start()


REG = """
    TABLE = {}
    def register(name):
        def decorate(function):
            TABLE[name] = function
            return function
        return decorate
    class Base:
        kinds = {}
        def __init_subclass__(cls):
            Base.kinds[cls.__name__] = cls
    """
PLUGS = {
    "by itself": "from app.reg import TABLE\nTABLE['p'] = 1",
    "by the module": "from app import reg\nreg.TABLE['p'] = 1",
    "by an attribute": "from app import reg\nreg.TABLE = {'p': 1}",
    "by setattr": "import app.reg\nsetattr(app.reg, 'TABLE', {'p': 1})",
    "by delattr": "from app import reg\ndelattr(reg.TABLE, 'p')",
    "by a decorator": "from app.reg import register\n@register('p2')\ndef p2(): ...",
    "by a base class": "from app.reg import Base\nclass P2(Base): ...",
}


@pytest.mark.parametrize("load", ["import app.plug", "from app import plug"])
@pytest.mark.parametrize("name", PLUGS)
def test_what_another_module_registers_is_told(name: str, load: str, tmp_path: Path) -> None:
    """It stays out of the bundle, and the build says so where a workflow reaches the object."""
    flow = f"""
        {load}
        from app.reg import Base, TABLE

        async def flow(x):
            "use workflow"
            return TABLE["p"], Base.kinds
        """
    modules = {"reg": REG, "plug": PLUGS[name], "flows": flow}
    [found] = effects_of(tmp_path / "a", modules).diagnostics
    assert (found.code, found.severity) == ("WFC131", Severity.WARNING)
    assert "`app.plug` changes " in found.sentence
    assert found.place.path == "app/plug.py"
    unused = {**modules, "flows": flow.replace('TABLE["p"], Base.kinds', "x")}
    assert effects_of(tmp_path / "b", unused).diagnostics == ()


def test_what_is_registered_elsewhere_and_reached_is_kept(tmp_path: Path) -> None:
    """The decorator comes with the function."""
    flow = """
        from app.plug import p2
        from app.reg import TABLE

        async def flow(x):
            "use workflow"
            return TABLE["p2"], p2
        """
    modules = {"reg": REG, "plug": PLUGS["by a decorator"], "flows": flow}
    assert effects_of(tmp_path, modules).diagnostics == ()
