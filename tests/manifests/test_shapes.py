"""The shape of a workflow holds its operations in order, helpers written out, and nothing else."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

import pytest

from tests.compiler.trees import write
from wfc.compiler.project import Project
from wfc.compiler.sources import Sources
from wfc.ids import DefinitionId
from wfc.manifests.places import Places
from wfc.manifests.shape import Node, from_plain, to_plain
from wfc.manifests.shapes import shape_of, word_of

HEAD = """
import asyncio, random, time, uuid, wfc
from datetime import datetime
from functools import partial
from app.steps import charge, ship, Shop
"""
STEPS = """
async def charge(order, cents=1, *, note=""):
    "use step"

async def ship(order):
    "use step"

class Base:
    async def inherited(self):
        "use step"

class Shop(Base):
    async def total(self, extra=0):
        "use step"

    @classmethod
    async def blank(cls, name):
        "use step"

    async def quote(self):
        return await self.total()
"""


def places_of(root: Path, body: str, *, head: str = "", more: dict[str, str]) -> Places:
    flow = f'{HEAD}\n{dedent(head)}\nasync def flow(x, y=None):\n    "use workflow"\n'
    files = {"app/__init__.py": "", "app/steps.py": STEPS, **more}
    files["app/flows.py"] = flow + indent(dedent(body), "    ")
    sources = Sources(Project.discover(write(root, files)))
    facts = [sources.facts(name) for name in ("app.flows", "app.steps", *map(_module, more))]
    return sources.places([one for one in facts if one is not None])


def _module(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


def shape(root: Path, body: str, *, head: str = "", **more: str) -> Node:
    files = {f"app/{name}.py": text for name, text in more.items()}
    places = places_of(root, body, head=head, more=files)
    node = shape_of(DefinitionId("app.flows:flow"), places).root
    assert from_plain(to_plain(node)) == node
    return node


def told(node: Node) -> str:
    """Write a shape in few words: kinds, and the words of sites."""
    word = (node.site or "").partition("~")[0]
    label = f"{node.kind}:{word}" if word else node.kind
    if node.kind == "seq":
        label = ""
    inside = " ".join(map(told, node.parts))
    return f"{label}({inside})" if node.parts or not label else label


def leaves(node: Node) -> list[Node]:
    return list(node.leaves())


SHAPES = {
    "nothing": ("a = 1\nif x:\n    a = 2\nreturn a", "()"),
    "a sequence": (
        "a = await charge(x)\nawait ship(a)\nreturn await wfc.sleep('1s')",
        "(step:charge step:ship wait:sleep)",
    ),
    "arguments come first": ("await charge(await ship(x))", "(step:ship step:charge)"),
    "if": (
        "if await ship(x):\n    await charge(x)\nelse:\n    pass",
        "(step:ship if(step:charge ()))",
    ),
    "ternary": ("return (await ship(x)) if x else await charge(x)", "(if(step:ship step:charge))"),
    "and": ("return x and await ship(x)", "(if(step:ship ()))"),
    "match": (
        "match x:\n  case 1 if await ship(x):\n    pass\n  case _:\n    await charge(x)",
        "(if(step:ship step:charge))",
    ),
    "while": (
        "while await ship(x):\n    await charge(x)\nelse:\n    await ship(2)",
        "(loop((step:ship step:charge) step:ship))",
    ),
    "for": (
        "for i in await ship(x):\n    await charge(i)",
        "(step:ship each(step:charge ()))",
    ),
    "comprehension": (
        "return [await charge(i) for i in await ship(x) if await ship(i)]",
        "(step:ship each((step:ship step:charge)))",
    ),
    "dict comprehension": (
        "return {i: await charge(j) for i in x for j in i}",
        "(each(step:charge))",
    ),
    "try": (
        ("try: await ship(x)\nexcept (A, B): await charge(x)\nexcept C: pass\n"
        "else: await ship(2)\nfinally: await charge(2)"),
        "(try(step:ship step:charge () step:ship step:charge))",
    ),
    "try without operations": ("try:\n    x()\nexcept KeyError:\n    pass", "()"),
    "gather": (
        "await asyncio.gather(ship(1), charge(2), x)",
        "(par(step:ship step:charge))",
    ),
    "gather of a list": (
        "await asyncio.wait([asyncio.create_task(ship(1)), ship(2)], timeout=3)",
        "(par(wait:wait task(step:ship) step:ship))",
    ),
    "wait without a time": ("await asyncio.wait(x, timeout=None)", "()"),
    "task group": (
        "async with asyncio.TaskGroup() as group:\n    group.create_task(ship(1))",
        "(par(task(step:ship)))",
    ),
    "timeout": (
        "async with asyncio.timeout(3):\n    await ship(1)",
        "(scope(wait:timeout step:ship))",
    ),
    "wait_for": ("await asyncio.wait_for(ship(1), 3)", "(scope(wait:wait_for step:ship))"),
    "shield": ("await asyncio.shield(ship(1))", "(scope(step:ship))"),
    "hook": (
        "async with wfc.create_hook(int, token='a') as hook:\n    await hook",
        "(scope(hook:create_hook))",
    ),
    "webhook": ("await wfc.create_webhook(int)", "(webhook:create_webhook)"),
    "a context": ("with x:\n    await ship(1)", "(step:ship)"),
    "an empty context": ("with x:\n    pass\nasync with y:\n    pass", "()"),
    "an unknown context": ("async with x as a:\n    await ship(1)", "(scope(step:ship))"),
    "as_completed": (
        "for one in asyncio.as_completed([ship(1)], timeout=2):\n    await one",
        "(par(wait:as_completed step:ship))",
    ),
    "call_later": (
        "asyncio.get_running_loop().call_later(1, print)",
        "(wait:timer)",
    ),
    "draws": (
        "return datetime.now(), time.time(), uuid.uuid4(), random.choice(x), random.Random(3)",
        "(draw:now draw:time draw:uuid4 draw:choice)",
    ),
    "marker": ("if wfc.changed('a'):\n    await ship(1)", "(marker:changed if(step:ship ()))"),
    "attributes": (
        "await wfc.set_attributes({'a': 1})\nawait wfc.remove_attributes('a')",
        "(attr:set_attributes attr:remove_attributes)",
    ),
    "stream and restart": (
        "wfc.get_writable(int)\nawait wfc.restart(1)",
        "(stream:get_writable restart:restart)",
    ),
    "to_thread": ("await asyncio.to_thread(ship, x)", "(step:ship)"),
    "to_thread of anything": ("await asyncio.to_thread(y[0], x)", "(dynamic:?)"),
    "a partial": ("f = partial(charge, 1)\nawait f(cents=2)", "(step:charge)"),
    "an alias": ("f = charge\nawait f(1)", "(step:charge)"),
    "a choice": ("f = ship if x else charge\nawait f(1)", "(dynamic:?)"),
    "a table": ("await {'a': ship, 'b': charge}[x](1)", "(dynamic:?)"),
    "a table asked": ("t = {'a': ship}\nawait t.get(x)(1)", "(step:ship)"),
    "rows": (
        "for name, step in [('a', ship), ('b', charge)]:\n    await step(1)",
        "(each(dynamic:? ()))",
    ),
    "values": ("for s in {'a': ship}.values():\n    await s(1)", "(each(step:ship ()))"),
    "a parameter": ("await x(1)", "(dynamic:?)"),
    "a parameter that nobody awaits": ("x(1)", "()"),
    "a step that came back": ("f = await ship(charge)\nawait f(1)", "(step:ship dynamic:?)"),
    "a map": ("await asyncio.gather(*map(ship, x))", "(par(each(dynamic:ship)))"),
    "a lazy map": ("for one in map(ship, x):\n    await one", "(each(dynamic:ship))"),
    "a map of a helper": ("list(map(str, x))", "()"),
    "a step handed to a library": ("await asyncio.run_all(ship)", "(dynamic:ship)"),
    "a step that is only named": ("print(ship)\nreturn ship", "()"),
    "a lambda": ("f = lambda i: charge(i)\nawait f(1)", "(step:charge)"),
    "a method": ("s = Shop()\nawait s.total(3)", "(step:total)"),
    "a method of an unknown": ("await x.total(3)", "(step:total)"),
    "a class method": ("await Shop.blank('a')", "(step:blank)"),
    "an inherited method": ("await Shop().inherited()", "(step:inherited)"),
    "a bound method": ("f = Shop().total\nawait f()", "(step:total)"),
    "a helper method": ("await Shop().quote()", "(helper(step:total))"),
    "a nested function": (
        "async def inner(z):\n    return await ship(z)\nawait inner(x)",
        "(helper(step:ship))",
    ),
    "a function as a value": (
        "async def inner(z):\n    return await ship(z)\nreturn x(inner)",
        "(helper(step:ship))",
    ),
    "a local import": (
        "from app.steps import ship as go\nimport app.steps as s\nawait go(x), await s.charge(x)",
        "(step:ship step:charge)",
    ),
    "a local package": ("import app.steps\nawait app.steps.charge(x)", "(step:charge)"),
    "a class in the flow": ("class A:\n    x = 1\nawait ship(A)", "(step:ship)"),
    "assigned": ("a: int = await ship(x)\nb: int\n(c := await ship(a))", "(step:ship step:ship)"),
    "global": ("global Q\nawait ship(f'{x}')", "(step:ship)"),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape(tmp_path: Path, name: str) -> None:
    body, expected = SHAPES[name]
    assert told(shape(tmp_path, body)) == expected


def test_a_leaf_says_what_is_called_where_and_with_what(tmp_path: Path) -> None:
    """Callee by id, site as the runtime names it, arguments by name, whether it is awaited."""
    root = shape(tmp_path, "await charge(x, 2)\nt = charge(cents=2, order=x)\nawait charge(x)")
    one, two, three = leaves(root)
    assert one.callee == "app.steps:charge"
    assert (one.site or "").startswith("charge~")
    assert two.site == f"{one.site}.2"
    assert one.args == two.args != three.args
    assert (one.awaited, two.awaited) == (True, False)


SAME = {
    "a local renamed": ("a = await ship(x)\nawait charge(a)", "b = await ship(x)\nawait charge(b)"),
    "a local inserted": ("a = await ship(x)\nawait charge(a)",
                         "z = 1\na = await ship(x)\nawait charge(a)"),
    "keywords": ("await charge(x, 2, note='a')", "await charge(note='a', cents=2, order=x)"),
    "spelling": ("await charge(16)", "await charge((0x10))"),
    "what an argument came from": ("a = await ship(x)\nawait charge(a)",
                                   "a = await ship(y)\nawait charge(a)"),
}  # fmt: skip
OTHER = {
    "a value": ("await charge(1)", "await charge(2)"),
    "a default passed": ("await charge(x)", "await charge(x, 1)"),
    "a parameter": ("await charge(x)", "await charge(y)"),
    "a local constant": ("a = 1\nawait charge(a)", "a = 2\nawait charge(a)"),
    "another origin": ("a = await ship(x)\nawait charge(a)", "a = len(x)\nawait charge(a)"),
    "a local of a local": ("a = x\nb = a.f()\nawait charge(b)", "b = a = x.g()\nawait charge(b)"),
    "which part": ("a, b = x\nawait charge(a)", "a, b = x\nawait charge(b)"),
    "spread": ("await charge(*x)", "await charge(x)"),
    "counted": ("n = 0\nn += 1\nawait charge(n)", "n = 0\nawait charge(n)"),
    "loop or with": ("for a in x:\n    await charge(a)", "with x as a:\n    await charge(a)"),
    "caught or matched": (
        "try:\n    pass\nexcept E as a:\n    await charge(a)",
        "match x:\n    case {'b': [*_], **a}:\n        await charge(a)",
    ),
}


def args(node: Node) -> list[str | None]:
    return [leaf.args for leaf in leaves(node)][-1:]


@pytest.mark.parametrize("name", SAME)
def test_arguments_are_digested_alike(tmp_path: Path, name: str) -> None:
    one, two = SAME[name]
    assert args(shape(tmp_path / "1", one)) == args(shape(tmp_path / "2", two))


@pytest.mark.parametrize("name", OTHER)
def test_arguments_are_told_apart(tmp_path: Path, name: str) -> None:
    one, two = OTHER[name]
    assert args(shape(tmp_path / "1", one)) != args(shape(tmp_path / "2", two))


def test_what_decides_has_a_digest(tmp_path: Path) -> None:
    """The condition, the iterated value, the pattern."""
    for one, two in (
        ("if x:\n    await ship(1)", "if y:\n    await ship(1)"),
        ("while x:\n    await ship(1)", "while not x:\n    await ship(1)"),
        ("for i in x:\n    await ship(1)", "for i in y:\n    await ship(1)"),
        ("[await ship(1) for i in x if i]", "[await ship(1) for i in x if not i]"),
        ("x and await ship(1)", "x or await ship(1)"),
        (
            "match x:\n    case 1:\n        await ship(1)",
            "match x:\n    case 2:\n        await ship(1)",
        ),
    ):
        [first] = shape(tmp_path / "1", one).parts
        [second] = shape(tmp_path / "2", two).parts
        assert first.test is not None
        assert first.test != second.test


def test_types_of_handlers_are_qualified(tmp_path: Path) -> None:
    """One for each handler, with ``*`` for a bare one."""
    body = (
        "try:\n    await ship(1)\nexcept (wfc.FatalError, KeyError):\n    pass\n"
        "except x[0]:\n    pass\nexcept:\n    pass"
    )
    [node] = shape(tmp_path, body).parts
    assert node.types == ("builtins.KeyError | wfc.FatalError", "?", "*")
    assert len(node.parts) == 1 + len(node.types) + 2


HELP = """
from app.steps import charge, ship

async def pay(order, step=charge):
    return await step(order)

async def each(steps, order):
    for step in steps:
        await step(order)

async def deep(n):
    if n:
        await deep(n - 1)
    await ship(n)

async def left(n):
    return await right(n)

async def right(n):
    return await left(n)

async def idle(n):
    return idle(n)

async def wrapped(fn, key):
    return await fn(key)

async def keyed(*, step=ship, other=None):
    await step(1)
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("await help.pay(x)", "(helper(step:charge))"),
        ("await help.pay(x, ship)", "(helper(step:ship))"),
        ("await help.pay(x, step=y)", "(helper(dynamic:?))"),
        ("await help.each([ship, charge], x)", "(helper(each(dynamic:? ())))"),
        ("await help.deep(3)", "(helper(if(again ()) step:ship))"),
        ("await help.left(3)\nawait help.idle(3)", "()"),
        ("await help.wrapped(lambda k: ship(k), 1)", "(step:ship)"),
        ("await help.wrapped(help.deep, 1)", "(helper(if(again ()) step:ship))"),
        ("await help.keyed()", "(helper(step:ship))"),
        ("await flow(x)", "(again)"),
        ("await other(x)", "(helper(step:ship))"),
        ("await wfc.start(other, x)", "(child:start)"),
        ("await wfc.start.options(id='a')(other, x)", "(child:start)"),
        ("await wfc.start(x)", "(child:start)"),
        ("await wfc.start.options(id='a')", "()"),
    ],
)
def test_helpers_are_written_out(tmp_path: Path, body: str, expected: str) -> None:
    """Also those of other modules, with the steps that they are given; recursion is `again`."""
    head = 'from app import help\nasync def other(a):\n    "use workflow"\n    await ship(a)\n'
    assert told(shape(tmp_path, body, head=head, help=HELP)) == expected


def test_a_child_has_its_id_and_its_options(tmp_path: Path) -> None:
    """What is started with another id is another call."""
    head = 'async def other(a):\n    "use workflow"\n'
    body = (
        "await wfc.start(other, x)\nawait wfc.start(other, a=x)\n"
        "await wfc.start.options(id='a')(other, x)"
    )
    one, two, three = leaves(shape(tmp_path, body, head=head))
    assert one.callee == "app.flows:other"
    assert one.args == two.args != three.args


def test_a_table_of_the_module_is_looked_into(tmp_path: Path) -> None:
    """Dicts, lists, and what other modules call so."""
    head = "from app.help import ALL\nTABLE: dict = {'a': charge}\nsecond = ship\nshop = Shop()"
    body = (
        "await TABLE[x](1)\nfor s in reversed(ALL):\n    await s(2)\nawait second(1)\n"
        "await shop.quote()\nawait NOWHERE[0](1)"
    )
    root = shape(tmp_path, body, head=head, help="from app.steps import ship\nALL = (ship,)\n")
    assert told(root) == "(dynamic:charge each(step:ship ()) step:ship helper(step:total))"
    assert leaves(root)[0].candidates == ("app.steps:charge",)


def test_a_shape_does_not_explode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Helpers that call helpers twice are not written out without end."""
    monkeypatch.setattr("wfc.manifests.shapes._NODES_MAX", 100)
    levels = "\n".join(
        f"async def h{n}():\n    await h{n + 1}()\n    await h{n + 1}()" for n in range(30)
    )
    root = shape(tmp_path, "await h0()", head=f"{levels}\nasync def h30():\n    await ship(1)\n")
    assert len(leaves(root)) <= 102


def test_what_is_not_asked_for_still_has_a_word() -> None:
    """A call of which the shape says nothing is named as the runtime would name it."""
    assert word_of("wfc.runtime.workflow_api.sleep", None) == "sleep"
    assert word_of("app.price", None) == "price"
