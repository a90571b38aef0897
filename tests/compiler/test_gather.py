"""Facts of whole modules: marks of the module, forms of source, and every file there is."""

from __future__ import annotations

import ast
import codecs
import os
import random
import sys
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.compiler.rules import PAIRS
from wfc.compiler.facts import ModuleFacts
from wfc.compiler.gather import gather, gather_tree
from wfc.compiler.scan import read_source, scan
from wfc.ids import ModuleName


def facts_of(text: str | bytes) -> ModuleFacts:
    data = text if isinstance(text, bytes) else text.encode()
    return gather(read_source(ModuleName("app.shop"), "app/shop.py", "/app/shop.py", data))


def marked(text: str) -> dict[str, str]:
    facts = facts_of(text)
    assert facts.findings == ()
    return {d.entry.qualname: d.entry.kind for d in facts.definitions}


# --- the module's directive --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("'use step'\n", 1),
        ("'Doc.'\n'use step'\n", 2),
        ("'use step'\n'Doc.'\n", 1),
        ("'Doc.'\nfrom __future__ import annotations\n'use step'\n", 3),
        ("'use step'\nfrom __future__ import annotations\n", 1),
        ("from __future__ import annotations\n'use step'\n", 2),
        ("# comment\n\n'use step'\n", 3),
    ],
)
def test_the_directive_of_a_module_has_its_places(head: str, line: int) -> None:
    """Alone, before or after the docstring, after or before `from __future__`."""
    facts = facts_of(head + "async def f(): ...\n")
    assert facts.findings == ()
    assert [d.entry.qualname for d in facts.definitions] == ["f"]
    assert facts.directive_span is not None
    assert facts.directive_span.line == line
    assert facts.futures == (("annotations",) if "__future__" in head else ())


def test_a_module_marks_its_public_functions() -> None:
    """Top level, defined here, no underscore; own directives win; the rest stands beside."""
    text = (
        "'use step'\nfrom x import imported\nimport typing\n"
        "async def a(): ...\ndef b(): ...\ndef _c(): ...\n"
        "async def d():\n    'use workflow'\n    def inner(): ...\n"
        "class C:\n    def m(self): ...\n"
        "if typing.TYPE_CHECKING:\n    def e(): ...\nelse:\n    def f(): ...\n"
        "if __name__ == '__main__':\n    def main(): ...\n"
        "@typing.overload\ndef g(x: int): ...\n@typing.overload\ndef g(x: str): ...\n"
        "def g(x): ...\n"
        "if x:\n    def h(): ...\nelif y:\n    def i(): ...\n"
    )
    assert marked(text) == {
        "a": "step",
        "b": "step",
        "d": "workflow",
        "f": "step",
        "g": "step",
        "h": "step",
        "i": "step",
    }


@pytest.mark.parametrize(
    ("exported", "names"),
    [
        ("__all__ = ['a', '_b']", {"a", "_b"}),
        ("__all__ = ('a',)\n__all__ += ['_b']", {"a", "_b"}),
        ("__all__: list[str] = ['_b']", {"_b"}),
        ("__all__ = names()", {"a", "c"}),
        ("__all__ = ['a', NAME]", {"a", "c"}),
        ("__all__.append('a')", {"a", "c"}),
        ("__all__ += ['a']", {"a"}),
        ("__all__ = ['a']\n__all__.append('_b')\n__all__.extend(('c',))", {"a", "_b", "c"}),
        ("__all__ = ['a', 'c']\n__all__.remove('c')", {"a"}),
        ("__all__ = ['a'] + ['_b']\nother.append('c')", {"a", "_b"}),
        ("__all__ = ['a']\n__all__.append(NAME)", {"a", "c"}),
        ("__all__ = ['a']\n__all__.sort()", {"a", "c"}),
        ("__all__ = ['a'] + names()", {"a", "c"}),
    ],
)
def test_all_decides_what_is_public(exported: str, names: set[str]) -> None:
    """`__all__` if it is written out, the underscore otherwise."""
    text = f"'use step'\n{exported}\ndef a(): ...\ndef _b(): ...\ndef c(): ...\n"
    assert set(marked(text)) == names


def test_functions_without_a_directive_are_not_marked() -> None:
    """A module without its own directive marks only who asks."""
    facts = facts_of("def a():\n    'Doc.'\nasync def b():\n    'use step'\n")
    assert [d.entry.qualname for d in facts.definitions] == ["b"]
    assert facts.directive_span is None


# --- forms of source ---------------------------------------------------------------------------


def test_a_body_on_one_line_is_a_body() -> None:
    """The directive may share its line with the header and with what follows."""
    facts = facts_of("async def f(): 'use step'; return 1\nasync def g(): 'use workflow'\n")
    assert facts.findings == ()
    f, g = facts.definitions
    assert f.directive_span is not None
    assert (f.directive_span.column, f.directive_span.end_column) == (15, 25)
    assert (f.body_span.column, f.body_span.end_column) == (15, 35)
    assert g.body_span == g.directive_span


@pytest.mark.parametrize(
    "data",
    [
        codecs.BOM_UTF8 + b"async def f():\n    'use step'\n",
        b"# coding: latin-1\nasync def f():\n    'use step'; x = '\xe4'\n",
        b"async def f():\r\n    'use step'\r\n",
        b"async def f():\r\t'use step'\r",
        b"async def f():\n\t'use step'\n\treturn 1",
        b"async def f():\n    \\\n    'use step'\n",
        b"if True:\n\tasync def f():\n\t\t'use step'",
        b"\x0casync def f():\n    'use step'\n",
    ],
)
def test_a_directive_is_found_however_the_file_is_written(data: bytes) -> None:
    """Byte order mark, cookie, line ends, tabs, form feeds and continued lines."""
    facts = facts_of(data)
    assert facts.findings == ()
    assert [d.entry.qualname for d in facts.definitions] == ["f"]


def test_columns_are_bytes_and_lines_are_lines() -> None:
    """Spans are `ast`'s, whatever letters stand before them."""
    text = "x = 'ä'; y = '🙂'\nclass Ä:\n    @staticmethod\n    async def ö(): 'use step'\n"
    (found,) = facts_of(text).definitions
    assert found.directive_span is not None
    assert (found.directive_span.line, found.directive_span.column) == (4, 20)
    assert (found.span.line, found.span.column) == (3, 4)
    assert found.entry.qualname == "Ä.ö"


def test_modern_statements_hold_steps() -> None:
    """`match`, `except*`, walrus and `async with` are only blocks."""
    text = (
        "async def flow(x):\n    'use workflow'\n    match x:\n        case {'a': y}:\n"
        "            def one():\n                'use step'\n    try: ...\n"
        "    except* ValueError:\n        def two():\n            'use step'\n    finally:\n"
        "        def three():\n            'use step'\n    while (z := x):\n"
        "        def four():\n            'use step'\n    async with x:\n"
        "        def five():\n            'use step'\n"
    )
    names = ("one", "two", "three", "four", "five")
    assert list(marked(text)) == ["flow", *(f"flow.{name}" for name in names)]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="PEP 695 and 701 came with 3.12")
def test_the_grammar_of_3_12_is_known() -> None:
    """Type parameters and f-strings in f-strings."""
    text = (
        "type Rate[T] = list[T]\n"
        "async def step[T: int](x: T) -> Rate[T]:\n    'use step'\n    return f'{f'{x}'}'\n"
        "class Box[T]:\n    @staticmethod\n    async def m[U](x: U) -> T:\n        'use step'\n"
    )
    facts = facts_of(text)
    assert facts.findings == ()
    step, method = facts.definitions
    assert step.entry.signature.returns == "Rate[T]"
    assert method.entry.qualname == "Box.m"
    assert "Rate" in {s.name for s in facts.symbols}


def test_the_spans_of_a_definition_cut_it_up() -> None:
    """Decorators, directive and body, each where it stands."""
    text = "@a\n@b(1)\nasync def f(x):\n    'Doc.'\n    'use step'\n    @c\n    def g(): ...\n"
    (found,) = facts_of(text).definitions
    assert (found.span.line, found.span.column, found.span.end_line) == (1, 0, 7)
    assert [(s.line, s.column, s.end_column) for s in found.decorator_spans] == [
        (1, 1, 2),
        (2, 1, 5),
    ]
    assert (found.body_span.line, found.body_span.end_line) == (4, 7)


def test_tree_and_names_come_with_the_facts() -> None:
    """Later passes read the same tree and never parse again."""
    source = read_source(ModuleName("a"), "a.py", "/a.py", b"import time\ntime.sleep\n")
    gathered = gather_tree(source)
    statement = gathered.tree.body[1]
    assert isinstance(statement, ast.Expr)
    assert gathered.names.resolve(statement.value) == "time.sleep"


# --- what Python cannot read -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("x = (\n", 1, 4),
        ("x = 'ä' 1 = 2\n", 1, 9),
        ("def f():\n    nonlocal x\n", 2, 4),
        ("return 1\n", 1, 0),
        ("'Doc.'\n'use step'\nfrom __future__ import annotations\n", 3, 0),
    ],
)
def test_bad_syntax_is_a_finding(text: str, line: int, column: int) -> None:
    """Told once, at its place, also what only Python's compiler would notice."""
    facts = facts_of(text)
    (finding,) = facts.findings
    assert finding.code == "WFC910"
    assert finding.place.path == "app/shop.py"
    assert (finding.place.line, finding.place.column) == (line, column)
    assert facts.definitions == ()


@pytest.mark.parametrize("text", ["x = '\x00'\n", "def f():\n  x\n   y\n", "\ttry:\nx"])
def test_broken_text_is_a_finding(text: str) -> None:
    """Null bytes and broken indentation, wherever this Python places them."""
    assert [finding.code for finding in facts_of(text).findings] == ["WFC910"]


def test_a_module_nested_too_deeply_is_a_finding() -> None:
    """Neither Python's stack nor ours decides by a traceback."""
    for text in ("x = " + "f(" * 800 + ")" * 800, "x = a" + ".b()" * 2000):
        (finding,) = facts_of(text).findings
        assert finding.code == "WFC910"


def test_warnings_of_python_are_not_given_twice() -> None:
    """Gathering is silent: Python warns when it compiles the bundle."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert facts_of("x = '\\d'\ny = 1 is 1\n").findings == ()
    assert told == []


# --- every file there is -----------------------------------------------------------------------


def stdlib() -> list[Path]:
    folder = Path(os.__file__).parent
    files = [p for p in folder.rglob("*.py") if "site-packages" not in p.parts]
    small = [p for p in sorted(files) if p.stat().st_size < 200_000 and "lib2to3" not in p.parts]
    return random.Random(3).sample(small, 150)  # noqa: S311 - a sample, the same each time


def is_python(data: bytes) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(data, "module", "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return False
    return True


def test_the_standard_library_has_no_findings() -> None:
    """No exception, and no finding but where Python itself cannot read the file."""
    for path in stdlib():
        data = path.read_bytes()
        facts = gather(read_source(ModuleName("a.b"), path.name, str(path), data))
        assert [f.code for f in facts.findings] == ([] if is_python(data) else ["WFC910"]), path
        assert not scan(data).near_miss, path
        assert facts.definitions == (), path


@pytest.mark.soak
def test_the_whole_standard_library_has_no_findings() -> None:
    """The full dose."""
    for path in Path(os.__file__).parent.rglob("*.py"):
        data = path.read_bytes()
        facts = gather(read_source(ModuleName("a.b"), path.name, str(path), data))
        assert [f.code for f in facts.findings] == ([] if is_python(data) else ["WFC910"]), path


@given(st.data())
def test_cut_and_mixed_programs_never_raise(data: st.DataObject) -> None:
    """Lines left out, doubled or moved make odd programs; each is facts or findings."""
    lines = data.draw(st.sampled_from(PAIRS)).bad.split("\n")
    lines += data.draw(st.sampled_from(PAIRS)).good.split("\n")
    picked = data.draw(st.lists(st.sampled_from(lines), max_size=30))
    facts = facts_of("\n".join(picked))
    assert sorted(facts.findings, key=lambda f: (f.place, f.code)) == list(facts.findings)
