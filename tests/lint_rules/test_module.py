"""What rules may ask of a module: meanings, areas, operations."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from wfc.compiler.project import Project
from wfc.compiler.scan import read_source
from wfc.ids import ModuleName
from wfc.lint_rules.module import Area, Kind, Meaning, Module
from wfc.lint_rules.overview import Overview

TEXT = """
import asyncio
import pathlib
import time as clock
from asyncio import to_thread as threaded
from wfc import create_hook, sleep, start

RATE = 2
now = clock.time


def plain() -> int:
    return RATE


def helper() -> int:
    return inner_of_helper()


def inner_of_helper() -> int:
    return 3


def resize(name: str = plain()) -> str:
    "use step"
    text = pathlib.Path(name).read_text()
    return text


class Cards:
    @staticmethod
    async def charge(cents: int) -> int:
        "use step"
        return cents


async def child() -> None:
    "use workflow"


async def checkout(order) -> None:
    "use workflow"

    async def nested() -> int:
        "use step"
        return 1

    helper()
    await resize("a")
    await threaded(resize, "b")
    await asyncio.to_thread(plain)
    await Cards.charge(1)
    await nested()
    await sleep(1)
    await asyncio.sleep(1)
    async with create_hook() as hook:
        await hook
    await start(child)
    await child()
    await order.charge(1)
    now()


if __name__ == "__main__":
    print(helper())
"""


@pytest.fixture
def module() -> Module:
    return Module(read_source(ModuleName("shop"), "shop.py", "/shop.py", TEXT.encode()))


def call(module: Module, text: str) -> ast.Call:
    """Find the call that is written so."""
    (found,) = [one for one in module.nodes(ast.Call) if ast.unparse(one) == text]
    return found


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("sleep(1)", Meaning("wfc.sleep", exact=True)),
        ("threaded(resize, 'b')", Meaning("asyncio.to_thread", exact=True)),
        ("now()", Meaning("time.time", exact=False)),
        ("plain()", Meaning("shop.plain", exact=True)),
        ("nested()", Meaning("shop.checkout.nested", exact=True)),
        ("order.charge(1)", None),
        ("pathlib.Path(name).read_text()", None),
    ],
)
def test_names_are_followed(module: Module, text: str, meaning: Meaning | None) -> None:
    """Imports, aliases, definitions; exact only if nothing else could be meant."""
    assert module.resolve(call(module, text).func) == meaning


def test_members_of_known_values_are_followed(module: Module) -> None:
    """A call's target may be a member of a value whose class the module tells."""
    found = module.target(call(module, "pathlib.Path(name).read_text()"))
    assert found == Meaning("pathlib.Path.read_text", exact=True)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("resize('a')", Kind.STEP),
        ("threaded(resize, 'b')", Kind.STEP),
        ("asyncio.to_thread(plain)", None),
        ("Cards.charge(1)", Kind.STEP),
        ("nested()", Kind.STEP),
        ("sleep(1)", Kind.SLEEP),
        ("asyncio.sleep(1)", Kind.SLEEP),
        ("create_hook()", Kind.HOOK),
        ("start(child)", Kind.CHILD),
        ("child()", Kind.INLINE),
        ("helper()", None),
        ("order.charge(1)", None),
    ],
)
def test_operations_are_known(module: Module, text: str, kind: Kind | None) -> None:
    """A call is an operation if its exact target is one; `to_thread(step)` is the step."""
    found = [module.operation(one) for one in module.nodes(ast.Call) if ast.unparse(one) == text]
    assert found
    assert {one.kind if one is not None else None for one in found} == {kind}


def test_an_await_is_looked_through(module: Module) -> None:
    """Rules may ask with the `await`."""
    found = [module.operation(one) for one in module.nodes(ast.Await)]
    assert Kind.CHILD in {one.kind for one in found if one is not None}


@pytest.mark.parametrize(
    ("text", "area"),
    [
        ("inner_of_helper()", Area.WORKFLOW),
        ("sleep(1)", Area.WORKFLOW),
        ("pathlib.Path(name)", Area.STEP),
        ("plain()", Area.PLAIN),
        ("print(helper())", Area.PLAIN),
    ],
)
def test_areas(module: Module, text: str, area: Area) -> None:
    """Code that a workflow reaches, bodies of steps, and the rest; a step's defaults are rest."""
    assert module.area(call(module, text)) is area


def test_a_nested_step_is_a_step(module: Module) -> None:
    """Its body is never replayed, wherever it stands."""
    (constant,) = [one for one in module.nodes(ast.Return) if ast.unparse(one) == "return 1"]
    assert module.area(constant) is Area.STEP
    mark = module.marked_around(constant)
    assert mark is not None
    assert mark.qualname == "checkout.nested"


def test_definitions_of_other_modules_are_known_with_a_project(tmp_path: Path) -> None:
    """Through re-exports too; alone, an imported step is a name like any other."""
    (tmp_path / "steps.py").write_text('async def charge() -> int:\n    "use step"\n    return 1\n')
    (tmp_path / "all.py").write_text("from steps import charge as pay\n")
    (tmp_path / "flows.py").write_text(
        'import all\n\n\nasync def flow() -> int:\n    "use workflow"\n    return await all.pay()\n'
    )
    overview = Overview(Project.discover(tmp_path))
    source = overview.sources.source("flows")
    assert source is not None
    together, alone = Module(source, overview), Module(source)
    operation = together.operation(call(together, "all.pay()"))
    assert operation is not None
    assert (operation.kind, operation.name) == (Kind.STEP, "steps.charge")
    assert alone.operation(call(alone, "all.pay()")) is None


def test_the_way_up(module: Module) -> None:
    """Parents, ancestors, statement and function of a node."""
    found = call(module, "inner_of_helper()")
    statement = module.statement(found)
    assert isinstance(statement, ast.Return)
    assert module.parent(found) is statement
    function = module.function(found)
    assert function is not None
    assert function.name == "helper"
    assert list(module.ancestors(found))[-1] is module.tree
    assert module.function_at(module.place(found)) == "helper"


def test_a_definition_is_shown_by_its_name(module: Module) -> None:
    """Not by all lines of its body: what stands there would silence it."""
    (node,) = [one for one in module.nodes(ast.AsyncFunctionDef) if one.name == "child"]
    place = module.place(node)
    assert (place.line, place.column) == (node.lineno, 0)
    assert (place.end_line, place.end_column) == (node.lineno, len("async def child"))


def test_only_workflow_code_is_gone_through(module: Module) -> None:
    """Calls of helpers that a workflow reaches count; those of steps and of scripts do not."""
    found = {ast.unparse(one) for one in module.in_workflows(ast.Call)}
    assert {"helper()", "inner_of_helper()", "sleep(1)"} <= found
    assert "pathlib.Path(name)" not in found
    assert "print(helper())" not in found


def test_a_value_of_the_module_has_a_class(tmp_path: Path) -> None:
    """A client that is made once is the client everywhere."""
    text = "import requests\nSESSION = requests.Session()\n\n\ndef f():\n    SESSION.get('a')\n"
    source = read_source(ModuleName("shop"), "shop.py", str(tmp_path / "shop.py"), text.encode())
    one = Module(source)
    assert one.target(call(one, "SESSION.get('a')")) == Meaning("requests.Session.get", exact=True)
    assert not one.may_name_wfc


def test_text_is_what_was_written(tmp_path: Path) -> None:
    """Columns are bytes; what spans lines is written as one."""
    text = "print('ä', len( 'b' ))\nmax(1,\n    2)\n"
    source = read_source(ModuleName("shop"), "shop.py", str(tmp_path / "shop.py"), text.encode())
    one = Module(source)
    assert one.text(call(one, "len('b')")) == "len( 'b' )"
    assert one.text(call(one, "max(1, 2)")) == "max(1, 2)"


def test_types_that_the_project_registers_are_known(tmp_path: Path) -> None:
    """The codec was taught how to record them."""
    text = "from wfc.api import App\nApp().register_type(pandas.DataFrame, encode=e, decode=d)\n"
    source = read_source(ModuleName("shop"), "shop.py", str(tmp_path / "shop.py"), text.encode())
    assert Module(source).is_registered("pandas.DataFrame")
    assert not Module(source).is_registered("pandas.Series")
