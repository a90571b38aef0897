"""What a name means where it stands, against the rules of Python's scopes."""

from __future__ import annotations

import ast
import os
import symtable
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from wfc.compiler.facts import Import, ModuleFacts, ModuleSource, Reference, Symbol
from wfc.compiler.gather import gather
from wfc.compiler.gather_names import Names
from wfc.compiler.scan import read_source
from wfc.ids import ModuleName


def source_of(text: str, *, name: str = "app.shop", is_package: bool = False) -> ModuleSource:
    return read_source(
        ModuleName(name), "app/shop.py", "/app/shop.py", text.encode(), is_package=is_package
    )


def names_of(text: str) -> tuple[ast.Module, Names]:
    tree = ast.parse(text)
    return tree, Names.of(tree, source_of(text))


def facts_of(text: str, **more: object) -> ModuleFacts:
    return gather(source_of(text, **more))  # type: ignore[arg-type]  # options of a helper


def meaning(text: str, marker: str = "HERE") -> tuple[str, bool] | None:
    """Give what the argument of the call ``HERE(...)`` means."""
    tree, names = names_of(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == marker:
            return names.resolve_exactly(node.args[0])
    raise AssertionError("no marker")


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("import time\nHERE(time.time)", "time.time"),
        ("import os.path\nHERE(os.path.join)", "os.path.join"),
        ("import os.path as p\nHERE(p.join)", "os.path.join"),
        ("from time import time as t\nHERE(t)", "time.time"),
        ("from . import models\nHERE(models.Order)", "app.models.Order"),
        ("from .models import Order\nHERE(Order)", "app.models.Order"),
        ("from ..lib import x\nHERE(x)", "..lib.x"),
        ("RATE = 1\nHERE(RATE)", "app.shop.RATE"),
        ("def f(): ...\nHERE(f)", "app.shop.f"),
        ("class C: ...\ndef f(): HERE(C.x)", "app.shop.C.x"),
        ("HERE(open)", "builtins.open"),
        ("def f():\n    def g(): ...\n    HERE(g)", "app.shop.f.g"),
        ("def f():\n    import json\n    def g(): HERE(json.loads)", "json.loads"),
        ("import a.b, a.c\nHERE(a.c.d)", "a.c.d"),
    ],
)
def test_a_name_is_resolved_with_certainty(text: str, target: str) -> None:
    """Imports, definitions, constants and builtins are certain where nothing rebinds them."""
    assert meaning(text) == (target, True)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("import time\nnow = time.time\nHERE(now)", "time.time"),
        ("import time\ndef f():\n    t = time\n    u = t\n    HERE(u.sleep)", "time.sleep"),
        ("try: import ujson as json\nexcept ImportError: import json\nHERE(json)", "ujson"),
        ("import time\ntime = 3\nHERE(time)", "time"),
        ("import time\ndef f():\n    global time\n    time = 1\nHERE(time)", "time"),
        ("X = 1\nX = 2\nHERE(X)", "app.shop.X"),
        ("from app.models import *\nHERE(Order)", "app.models.Order"),
        ("from app.models import *\nHERE(open)", "builtins.open"),
    ],
)
def test_a_name_is_resolved_with_doubt(text: str, target: str) -> None:
    """Aliases, rebound names and star imports give an answer that is only likely."""
    assert meaning(text) == (target, False)


@pytest.mark.parametrize(
    "text",
    [
        "import time\ndef f(time): HERE(time.time)",
        "import time\nf = lambda time: HERE(time)",
        "import time\n[HERE(time) for time in (1, 2)]",
        "import time\ndef f():\n    for time in (): HERE(time)",
        "import time\ndef f():\n    with x as time: HERE(time)",
        "import time\ndef f():\n    try: ...\n    except ValueError as time: HERE(time)",
        "import time\ndef f():\n    match 1:\n        case time: HERE(time)",
        "import time\ndef f():\n    match 1:\n        case [*time]: HERE(time)",
        "import time\ndef f():\n    match 1:\n        case {**time}: HERE(time)",
        "import time\ndef f():\n    if (time := 1): HERE(time)",
        "import time\ndef f():\n    [(time := x) for x in ()]\n    HERE(time)",
        "import time\ndef f():\n    time += 1\n    HERE(time)",
        "import time\ndef f():\n    HERE(time)\n    del time",
        "import time\ndef f():\n    time: int\n    HERE(time)",
        "import time\ndef f():\n    time, b = 1, 2\n    HERE(time)",
        "import time\ndef f():\n    time: int = 1\n    HERE(time)",
        "HERE(nothing_known)",
        "HERE(f().x)",
        "x = x\ndef f():\n    y = y\n    HERE(y)",
    ],
)
def test_a_local_value_has_no_name(text: str) -> None:
    """Whatever binds a name in a function hides the import of that name."""
    assert meaning(text) is None


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("import time\nclass C:\n    time = 1\n    def f(self): HERE(time)", "time"),
        ("import time\ndef f():\n    global time\n    HERE(time)", "time"),
        ("import time\ndef f(x=HERE(time)):\n    time = 1", "time"),
        ("def f():\n    TABLE.x = 1\n    HERE(TABLE)\nTABLE = 1", "app.shop.TABLE"),
        ("import time\n[1 for time in HERE(time)]", "time"),
        ("class C:\n    import time\n    HERE(time)", "time"),
        (
            "def f():\n    import time\n    def g():\n        nonlocal time\n        HERE(time)",
            "time",
        ),
        ("import time\n@HERE(time)\nclass time2: ...", "time"),
        ("import time\nasync def f():\n    async with a as b, c as (d, e): HERE(time)", "time"),
        ("import time\n{HERE(time): v for k, v in x for y in k if y}", "time"),
    ],
)
def test_scopes_are_pythons(text: str, target: str) -> None:
    """Class bodies, defaults, comprehensions and `global` look where Python looks."""
    found = meaning(text)
    assert found is not None
    assert found[0] == target


def test_endless_aliases_end() -> None:
    """Names that alias each other in a circle are not followed for ever."""
    assert meaning("a = b\nb = a\nHERE(a)") is not None


@pytest.mark.skipif(sys.version_info < (3, 12), reason="PEP 695 came with 3.12")
def test_type_parameters_hide_imports() -> None:
    """A type parameter is seen in its function, class or alias, and nowhere else."""
    assert meaning("import T\ndef f[T](x: T): HERE(T)") is None
    assert meaning("import T\nclass C[T: int](list[T]):\n    x = HERE(T)") is None
    assert meaning("import T\ntype X[T] = list[T]\nHERE(T)") == ("T", True)
    assert meaning("type X = int\nHERE(X)") == ("app.shop.X", True)
    assert meaning("import time\nclass C:\n    import json\n    def f[T](self): HERE(time)")


def test_the_enclosing_function_is_named_without_locals() -> None:
    """Lambdas and comprehensions belong to the `def` around them."""
    tree, names = names_of(
        "a()\nasync def f():\n    b()\n    def g():\n        [c() for x in (lambda: d())]\n"
        "class C:\n    e()\n    def h(self): k()\n"
    )
    found = {
        node.func.id: names.enclosing(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert found == {"a": "", "b": "f", "c": "f.g", "d": "f.g", "e": "", "k": "C.h"}


def test_a_constant_has_no_scope_of_its_own() -> None:
    """Asking for one is answered, with nothing."""
    _, names = names_of("x = 1")
    assert names.enclosing(ast.Constant(1)) == ""
    assert names.resolve(ast.Constant(1)) is None


# --- imports -----------------------------------------------------------------------------------


def imports(text: str, **more: object) -> list[tuple[str, str, str, str, bool]]:
    return [
        (i.name, i.target, i.module, i.scope, i.typing_only) for i in facts_of(text, **more).imports
    ]


def test_imports_are_listed_with_what_they_bind() -> None:
    """Each bound name, its full target, the module it loads, and where it stands."""
    assert imports(
        "import a.b, c as d\nfrom e import f as g, h\nfrom i import *\n"
        "async def w():\n    import j\n    def x(): from k import l\n"
    ) == [
        ("a", "a", "a.b", "", False),
        ("d", "c", "c", "", False),
        ("g", "e.f", "e", "", False),
        ("h", "e.h", "e", "", False),
        ("*", "i.*", "i", "", False),
        ("j", "j", "j", "w", False),
        ("l", "k.l", "k", "w.x", False),
    ]


@pytest.mark.parametrize(
    ("text", "is_package", "module"),
    [
        ("from . import x", False, "app"),
        ("from . import x", True, "app.shop"),
        ("from .. import x", True, "app"),
        ("from .a.b import x", False, "app.a.b"),
        ("from .a import x", True, "app.shop.a"),
        ("from ... import x", False, "..."),
    ],
)
def test_relative_imports_become_absolute(text: str, module: str, *, is_package: bool) -> None:
    """Dots are counted from the package that the module stands in."""
    ((_, _, found, _, _),) = imports(text, is_package=is_package)
    assert found == module


def test_imports_for_type_checkers_are_told_apart() -> None:
    """Only the branch that never runs is typing only, aliases and `not` included."""
    found = facts_of(
        "import typing as t\nif t.TYPE_CHECKING:\n    import a\nelif x:\n    import b\n"
        "else:\n    import c\nif not t.TYPE_CHECKING:\n    import d\nelse:\n    import e\n"
    ).imports
    assert {i.name for i in found if i.typing_only} == {"a", "e"}


# --- symbols -----------------------------------------------------------------------------------


def symbols(text: str) -> dict[str, Symbol]:
    return {symbol.name: symbol for symbol in facts_of(text).symbols}


def lines(symbol: Symbol) -> list[tuple[int, int]]:
    return [(span.line, span.end_line) for span in symbol.spans]


def test_a_symbol_knows_the_statements_that_bind_and_fill_it() -> None:
    """Assignments to items and attributes, and methods called for effect, belong to the object."""
    found = symbols(
        "T = {}\nT['x'] = 1\nT.y = 2\nT.update(a=1)\nT += 1\nfor k in (): T[k] = 1\n"
        "if x:\n    A = 1\nelse:\n    A = 2\nimport log\nlog.setup()\ndel B\n"
    )
    assert lines(found["T"]) == [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6)]
    assert lines(found["A"]) == [(7, 10)]
    assert lines(found["log"]) == [(11, 11)]
    assert lines(found["B"]) == [(13, 13)]
    assert {name: symbol.kind for name, symbol in found.items()} == {
        "T": "constant",
        "k": "constant",
        "A": "constant",
        "log": "import",
        "B": "constant",
    }


def test_a_symbol_includes_its_decorators() -> None:
    """The span of a function begins at its first decorator."""
    found = symbols("@a\n@b(\n  1)\ndef f(): ...\n@c\nclass D: ...\n")
    assert lines(found["f"]) == [(1, 4)]
    assert lines(found["D"]) == [(5, 6)]


def test_uses_follow_bodies_defaults_decorators_bases_and_annotations() -> None:
    """All that a definition needs of its module is listed; what only annotations need apart."""
    found = symbols(
        "a = b = c = d = e = f = g = h = i = 1\n"
        "@a\ndef helper(x: b, y: 'c' = d) -> 'list[e]':\n    z: i = f\n    def g(): g()\n"
        "class C(g, k=h):\n    x: b\n    y: 'c'\n    def m(self, o: d): return e\n"
    )
    assert found["helper"].uses == {"a", "b", "c", "d", "e", "f"}
    assert found["helper"].hints == {"b", "c", "e"}
    assert found["C"].uses == {"g", "h", "b", "c", "d", "e"}
    assert found["C"].hints == {"d"}


def test_the_body_of_a_step_needs_nothing_in_a_workflow() -> None:
    """Body, decorators and defaults of a step stay out of the workflow bundle; annotations not."""
    found = symbols(
        "a = b = c = d = e = 1\n"
        "@a\nasync def step(x: b = c):\n    'use step'\n    return d\n"
        "async def flow():\n    'use workflow'\n    async def inner(y: b):\n"
        "        'use step'\n        return d\n    return await inner(e)\n"
    )
    assert found["step"].uses == found["step"].hints == {"b"}
    assert found["flow"].uses == {"b", "e"}
    assert found["flow"].hints == {"b"}


def test_a_main_block_binds_nothing() -> None:
    """What stands under ``__name__ == "__main__"`` is of no use to a workflow."""
    found = symbols("import sys\nif __name__ == '__main__':\n    x = sys.argv\n")
    assert found["x"].spans == ()
    assert found["x"].uses == frozenset()


# --- references --------------------------------------------------------------------------------


def references(text: str) -> list[Reference]:
    return list(facts_of(text).references)


def uses(text: str, target: str) -> list[str]:
    return [r.use for r in references(text) if r.target == target]


def test_each_use_is_of_a_kind() -> None:
    """A name may be called, read, subclassed, caught, tested for, or only annotate."""
    text = (
        "import m\n@m.x\n@m.x(1)\ndef f(a: m.x = m.x) -> 'm.x':\n    m.x()\n    b: m.x\n"
        "    try: ...\n    except (m.x, ValueError): ...\n"
        "    isinstance(a, (m.x, int))\n    match a:\n        case m.x(): ...\n"
        "    m.x[0]()\n    m.x().y(m.x)\nclass C(m.x): ...\nclass D(m.x[m.x]): ...\n"
        "getattr(m, 'x')()\n"
    )
    assert uses(text, "m.x") == [
        *("call", "call", "annotation", "read", "annotation", "call", "annotation"),
        *("except", "isinstance", "isinstance", "read", "call", "read"),
        *("subclass", "subclass", "read", "read"),
    ]


@pytest.mark.parametrize(
    "annotation",
    [
        "Literal['open']",
        "typing.Literal['open', 'id']",
        "Annotated[int, 'open']",
        "'open file'",
        "'1 +'",
        "''",
    ],
)
def test_strings_that_are_no_types_name_nothing(annotation: str) -> None:
    """Values of `Literal`, notes of `Annotated` and prose are not looked into."""
    text = f"def f(x: {annotation}): ..."
    assert not [r for r in references(text) if r.target in {"builtins.open", "builtins.id"}]


def test_evaluated_annotations_can_call() -> None:
    """A class body runs its annotations, so a call in one is a call; a function's never runs."""
    assert uses("import m\nclass C:\n    x: Annotated[int, m.f()]", "m.f") == ["call"]
    assert uses("import m\ndef g(x: Annotated[int, m.f(m.f)]): ...", "m.f") == [
        "annotation",
        "annotation",
    ]


def test_a_reference_says_where_it_stands() -> None:
    """The top-level symbol, the innermost function, and whether a step holds it."""
    found = references(
        "async def step():\n    'use step'\n    open('x')\n"
        "class C:\n    def m(self):\n        def g(): open('x')\n"
        "a, b = open, 1\nopen('x')\n"
    )
    told = [(r.within, r.function, r.in_step) for r in found if r.target == "builtins.open"]
    assert told == [
        ("step", "step", True),
        ("C", "C.m.g", False),
        ("a", "", False),
        ("b", "", False),
        ("", "", False),
    ]


def test_columns_are_bytes() -> None:
    """Letters beyond ASCII take as many columns as they have bytes."""
    (found,) = [r for r in references("x = 'ä🙂', open\n") if r.target == "builtins.open"]
    assert (found.span.column, found.span.end_column) == (14, 18)


def test_long_sums_and_long_elif_chains_are_walked() -> None:
    """Neither needs a stack as deep as it is long."""
    text = "x = " + " + ".join(["a"] * 900) + "\nif a: pass\n"
    text += "".join(f"elif b == {n}: c\n" for n in range(150))
    found = names_of(text)[1].walked.uses
    assert sum(use.name == "a" for use in found) == 901
    assert sum(use.name == "c" for use in found) == 150


def test_imports_are_facts() -> None:
    """Facts are values: equal for equal sources."""
    assert facts_of("import a").imports == facts_of("import a").imports
    assert isinstance(facts_of("import a").imports[0], Import)


# --- against the standard library --------------------------------------------------------------


def test_scopes_agree_with_symtable() -> None:
    """For functions of the standard library, locals and free names are those CPython finds."""
    folder = Path(os.__file__).parent
    compared = 0
    for name in ("asyncio/tasks.py", "functools.py", "typing.py", "enum.py", "dataclasses.py"):
        text = (folder / name).read_text(encoding="utf-8")
        tables = tables_of(symtable.symtable(text, name, "exec"))
        _, names = names_of(text)
        for scope in names.walked.scopes:
            if not isinstance(scope.node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            found = tables.get((scope.node.name, scope.node.lineno), [])
            if scope.kind != "function" or len(found) != 1:
                continue
            inside = names.scopes_in(scope.node)
            free = {
                use.name
                for use in names.walked.uses
                if use.scope in inside
                and (owner := use.scope.owner_of(use.name)) is not None
                and owner.kind not in {"module", "class"}
                and owner not in inside
            }
            local = {s.get_name() for s in found[0].get_symbols() if s.is_local()}
            assert set(scope.bindings) <= local, (name, scope.qualname)
            # A free name may only be written (`nonlocal`), and `__class__` is used by `super()`.
            assert free <= set(found[0].get_frees()), (name, scope.qualname)
            written = scope.nonlocals | {"__class__"} | nonlocals_in(names, inside)
            assert set(found[0].get_frees()) - free <= written, (name, scope.qualname)
            compared += 1
    assert compared > 400


def nonlocals_in(names: Names, inside: frozenset[object]) -> set[str]:
    return {name for scope in names.walked.scopes if scope in inside for name in scope.nonlocals}


def tables_of(top: symtable.SymbolTable) -> dict[tuple[str, int], list[symtable.Function]]:
    found = defaultdict(list)
    waiting: list[symtable.SymbolTable] = [top]
    while waiting:
        table = waiting.pop()
        waiting.extend(table.get_children())
        if isinstance(table, symtable.Function):
            found[table.get_name(), table.get_lineno()].append(table)
    return found
