"""A canonical tree is equal for every spelling of one meaning, and another for another meaning."""

from __future__ import annotations

import ast
import inspect
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.golden.fingerprints import FOLDER, fingerprint_of, library_of, vectors
from wfc.errors import UnknownSyntax
from wfc.ids import DefinitionId
from wfc.manifests.canonical import Tree
from wfc.manifests.fingerprint import body_hash, describe, meaning
from wfc.manifests.signature import canonical_type
from wfc.manifests.syntax import FIELDS, OPERATIONS

STEP = 'async def charge(order, cents: int):\n    "use step"\n    return 1\n'


def flow(body: str, *, head: str = "", arguments: str = "x") -> str:
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    return f'{head}\nasync def flow({arguments}):\n    "use workflow"\n{lines}'


SAME = {
    "comment": ("return x", "# why\nreturn (  x )  # because"),
    "docstring": ('"""Doc."""\nreturn x', "return x"),
    "literals": ("return 16, 'a', 1000", 'return 0x10, "a", 1_000'),
    "joined strings": ('return "ab"', 'return "a" "b"'),
    "elif": (
        "if x:\n    a = 1\nelif 2:\n    a = 2\nreturn a",
        "if x:\n    a = 1\nelse:\n    if 2:\n        a = 2\nreturn a",
    ),
    "local names": ("a = 1\nb = a\nreturn b", "c = 1\nd = c\nreturn d"),
    "comprehension names": ("return [a for a in x if a]", "return [b for b in x if b]"),
    "except names": (
        "try:\n    pass\nexcept E as a:\n    return a",
        "try:\n    pass\nexcept E as b:\n    return b",
    ),
    "match names": (
        "match x:\n    case [a, *b]:\n        return a, b",
        "match x:\n    case [c, *d]:\n        return c, d",
    ),
    "local import names": ("import json as a\nreturn a.x", "import json as b\nreturn b.x"),
    "local annotations": ("a: int = 1\nb: str\nreturn a", "a = 1\nreturn a"),
    "operation arguments": (
        "return await charge(x, 1)",
        "return await charge(order=x, cents=1)",
    ),
    "own operations": ('await wfc.sleep("3s")', 'await wfc.sleep(duration="3s")'),
    "empty f-string parts": ('return f"{x}" "a" "b"', 'return f"{x}" f"a" "" f"b"'),
}
OTHER = {
    "order": ("a = 1\nb = 2\nreturn a", "b = 2\na = 1\nreturn a"),
    "constant": ("return 1", "return 2"),
    "constant type": ("return 1", "return 1.0"),
    "truth": ("return 1", "return True"),
    "attribute": ("return x.a", "return x.b"),
    "keyword": ("return f(a=1)", "return f(b=1)"),
    "debug f-string": ('return f"{x=}"', 'return f"{x}"'),
    "log line": ('print("a")\nreturn x', "return x"),
    "nested function name": (
        "def a():\n    pass\nreturn a",
        "def b():\n    pass\nreturn b",
    ),
    "which local": ("a, b = x\nreturn a", "a, b = x\nreturn b"),
    "global or local": ("return RATE", "RATE = 1\nreturn RATE"),
    "spread call": ("return await charge(*x)", "return await charge(x)"),
    "not": ("return not x", "return x"),
    "negative zero": ("return 0.0", "return -0.0"),
}
HEAD = f"import wfc\n{STEP}RATE = 1\n"


@pytest.mark.parametrize("case", SAME)
def test_what_is_normalised_away(case: str) -> None:
    """Both spellings have one fingerprint."""
    one, other = SAME[case]
    assert fingerprint_of(flow(one, head=HEAD)) == fingerprint_of(flow(other, head=HEAD))


@pytest.mark.parametrize("case", OTHER)
def test_what_is_kept(case: str) -> None:
    """The two mean different things, so their fingerprints differ."""
    one, other = OTHER[case]
    assert fingerprint_of(flow(one, head=HEAD)) != fingerprint_of(flow(other, head=HEAD))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("import time\n", "import time as time\n"),
        ("from app.models import Order\nimport time\n", "import app.models\nimport time\n"),
    ],
)
def test_imports_may_be_spelled_otherwise(one: str, other: str) -> None:
    """A global is what it stands for, however it came in."""
    models = "class Order:\n    pass\n"
    others = {"app": "", "app__models": models}
    first = flow("return time.time(), Order(x)", head=one + "from app.models import Order\n")
    second = flow("return time.time(), app.models.Order(x)", head=other + "import app.models\n")
    assert fingerprint_of(first, **others) == fingerprint_of(second, **others)


def test_a_re_export_is_followed_to_its_home() -> None:
    """The package that passes a name on does not count."""
    direct = flow("return Order(x)", head="from app.models import Order\n")
    passed_on = flow("return Order(x)", head="from app import Order\n")
    starred = flow("return Order(x)", head="from app import *\n")
    others = {"app": "from .models import Order\n", "app__models": "class Order:\n    a: int\n"}
    assert (
        fingerprint_of(direct, **others)
        == fingerprint_of(passed_on, **others)
        == fingerprint_of(starred, **others)
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x: 'int'", "x: int"),
        ("x: Optional[int]", "x: 'int | None'"),
        ("x: t.List[int]", "x: list[int]"),
        ("x: Union[int, t.Optional[str]]", "x: None | str | int"),
        ("x: Alias", "x: dict[str, int]"),
        ("x: Cents", "x: int"),
    ],
)
def test_types_have_one_spelling(one: str, other: str) -> None:
    """Quotes, unions, old names and aliases of a parameter's type do not count."""
    head = (
        "import typing as t\nfrom typing import NewType, Optional, Union\n"
        "Alias = t.Dict[str, int]\nCents = NewType('Cents', int)\n"
    )
    first = fingerprint_of(flow("return x", head=head, arguments=one))
    assert first == fingerprint_of(flow("return x", head=head, arguments=other))
    assert first != fingerprint_of(flow("return x", head=head, arguments="x: bytes"))


def test_step_bodies_and_policies_are_not_in_it() -> None:
    """A step may be edited and retried otherwise, and no run need move."""
    plain = flow("return await charge(x, 1)", head=HEAD)
    edited = plain.replace("return 1\n", "return open('x')\n").replace(
        "async def", "@wfc.policy(attempts=5)\nasync def", 1
    )
    assert edited != plain
    assert fingerprint_of(plain) == fingerprint_of(edited)
    retyped = plain.replace("cents: int", "cents: float")
    assert fingerprint_of(plain) != fingerprint_of(retyped)


def test_what_is_reached_counts_and_what_is_not_does_not() -> None:
    """Helpers, classes and constants count through any depth; the rest of the module does not."""
    head = "def helper(a):\n    return deep(a)\ndef deep(a):\n    return a * RATE\nRATE = 1\n"
    base = fingerprint_of(flow("return helper(x)", head=head))
    assert base != fingerprint_of(flow("return helper(x)", head=head.replace("= 1", "= 2")))
    assert base != fingerprint_of(flow("return helper(x)", head=head.replace("a * R", "a + R")))
    unrelated = head + "def unrelated():\n    return 3\nOTHER = 4\n"
    assert base == fingerprint_of(flow("return helper(x)", head=unrelated))


def test_a_child_counts_by_signature_and_an_inline_workflow_by_tree() -> None:
    """A started child is checked as its own run; one that is awaited here is part of this one."""
    child = 'async def child(a: int):\n    "use workflow"\n    return 1\n'
    edited = child.replace("return 1", "return 2")
    started, awaited = "return await wfc.start(child, 1)", "return await child(1)"
    head = "import wfc\n"
    assert fingerprint_of(flow(started, head=head + child)) == fingerprint_of(
        flow(started, head=head + edited)
    )
    assert fingerprint_of(flow(awaited, head=head + child)) != fingerprint_of(
        flow(awaited, head=head + edited)
    )


def test_a_nested_step_counts_by_signature() -> None:
    """The body of a nested step is a step body."""
    text = 'async def local(a: int):\n    "use step"\n    return 1\nreturn await local(x)'
    base = fingerprint_of(flow(text))
    assert base == fingerprint_of(flow(text.replace("return 1", "return 2")))
    assert base != fingerprint_of(flow(text.replace("a: int", "a: str")))


def test_module_constants_count_with_the_statements_that_change_them() -> None:
    """`TABLE["x"] = 1` behind `TABLE = {}` is part of what TABLE is."""
    head = "TABLE = {}\nTABLE['a'] = 1\nTABLE.update(b=2)\n"
    base = fingerprint_of(flow("return TABLE", head=head))
    assert base != fingerprint_of(flow("return TABLE", head=head.replace("= 1", "= 3")))
    assert base != fingerprint_of(flow("return TABLE", head=head.replace("b=2", "b=3")))


def test_an_edit_elsewhere_does_not_touch_an_import_of_the_same_name() -> None:
    """A call on an imported module at module level does not make the module a constant."""
    head = "import logging\nlogging.basicConfig()\n"
    library = library_of(vector=flow("logging.info(1)", head=head))
    found = meaning(DefinitionId("vector:flow"), library)
    assert not found.trees
    assert not found.signatures
    assert '(Global "logging.info")' in found.root


def test_cycles_end() -> None:
    """Two helpers that call each other, a class that names itself, an alias of itself."""
    head = (
        "def a():\n    return b()\ndef b():\n    return a()\n"
        "class C:\n    other: 'C'\n    def m(self):\n        return C()\nLoop = 'Loop'\nT = T\n"
    )
    assert len(fingerprint_of(flow("return a(), C()", head=head, arguments="x: Loop, y: T"))) == 64


def test_a_method_and_a_static_workflow_have_fingerprints() -> None:
    """A workflow in a class is found by its qualname, and its neighbours are named only."""
    text = (
        "class Shop:\n    @staticmethod\n    async def flow(x):\n        'use workflow'\n"
        "        return x\n    @staticmethod\n    async def other(x):\n        'use workflow'\n"
        "        return Shop.flow\n"
    )
    base = fingerprint_of(text, "Shop.flow")
    assert base == fingerprint_of(text.replace("return Shop.flow", "return 3"), "Shop.flow")
    assert base != fingerprint_of(text.replace("return x", "return 3"), "Shop.flow")


def test_unknown_syntax_is_an_error_and_not_a_guess() -> None:
    """A node that the table does not hold stops the build."""

    class Novel(ast.expr):
        lineno = 3

    library = library_of(vector="x = 1\n")
    with pytest.raises(UnknownSyntax, match=r"line 3.*Novel"):
        Tree(library.within("vector")).text(Novel())


def test_the_table_knows_every_node_of_this_python() -> None:
    """Only abstract, deprecated and contextual node types are left out."""
    left_out = {"Load", "Store", "Del", "Module", "Interactive", "Expression", "FunctionType"}
    left_out |= {"TypeIgnore", "Num", "Str", "Bytes", "NameConstant", "Ellipsis", "Index"}
    left_out |= {"ExtSlice", "Suite", "AugLoad", "AugStore", "Param", "slice"}
    every = {
        name
        for name, node in vars(ast).items()
        if isinstance(node, type) and issubclass(node, ast.AST) and not node.__subclasses__()
        if not name.startswith("_")  # 3.13 keeps its deprecated aliases under such names
    }
    assert every - left_out - set(FIELDS) == set()


def test_a_body_hash_ignores_the_name_alone() -> None:
    """A renamed step is known again by the hash of its body."""
    text = STEP + STEP.replace("charge", "pay") + STEP.replace("charge", "x").replace("1", "2")
    library = library_of(vector=text)
    hashes = {
        entry.qualname: body_hash(entry, library, "vector") for entry in library.entries.values()
    }
    assert hashes["charge"] == hashes["pay"] != hashes["x"]


def test_own_operations_are_named_as_they_are_defined() -> None:
    """The table of wfc's own parameters agrees with the functions that exist."""
    for name, parameters in OPERATIONS.items():
        module, _, attribute = name.rpartition(".")
        function = getattr(import_module(module), attribute, None)
        if function is not None:
            assert tuple(inspect.signature(function).parameters)[: len(parameters)] == parameters


@pytest.mark.parametrize(
    ("annotation", "spelled"),
    [
        (
            "t.Callable[[int, t.Optional[str]], None]",
            "collections.abc.Callable[[int, str | None], None]",
        ),
        ("t.Callable[..., t.Any]", "collections.abc.Callable[..., typing.Any]"),
        ("t.Literal['a', 1, None]", "typing.Literal['a', 1, None]"),
        (
            "t.Annotated['int', Field(gt=0)]",
            (
                'typing.Annotated[int, (Call func=(Global "pydantic.Field")'
                ' keywords=[(keyword arg="gt" value=(Constant int:0))])]'
            ),
        ),
        ("tuple[*Ts]", "tuple[*Ts]"),
        (
            "t.DefaultDict[str, t.Deque[int]]",
            "collections.defaultdict[str, collections.deque[int]]",
        ),
        ("t.ContextManager[int]", "contextlib.AbstractContextManager[int]"),
        ("t.AbstractSet[int]", "collections.abc.Set[int]"),
        ("te.NotRequired[int]", "typing.NotRequired[int]"),
        ("t.Union[int]", "int"),
        ("int | int | None", "int | None"),
        ("'not a type('", "not a type("),
        ("not a type(", "not a type("),
        ("3", "3"),
        ("...", "..."),
        ("f()", '(Call func=(Global "builtins.f"))'),
        ("t.Literal[-1]", "typing.Literal[(UnaryOp op=(USub) operand=(Constant int:1))]"),
    ],
)
def test_types_are_spelled_as_today(annotation: str, spelled: str) -> None:
    """Old names, nesting, constraints, and what is no type at all."""
    head = "import typing as t, typing_extensions as te\nfrom pydantic import Field\n"
    around = library_of(vector=head).within("vector")
    tree = Tree(around)
    assert canonical_type(annotation, tree.type_named, tree.text) == spelled


def test_signatures_hold_no_default_values() -> None:
    """Whether there is a default counts, its value does not."""
    text = "def s(a, b: 'Optional[int]' = 3, *, c=None) -> str:\n    'use step'\n"
    library = library_of(vector=f"from typing import Optional\n{text}")
    entry = library.entries[DefinitionId("vector:s")]
    assert describe(entry, library, "vector") == {
        "captures": [],
        "params": [
            {"has_default": False, "kind": "POSITIONAL_OR_KEYWORD", "name": "a", "type": None},
            {
                "has_default": True,
                "kind": "POSITIONAL_OR_KEYWORD",
                "name": "b",
                "type": "int | None",
            },
            {"has_default": True, "kind": "KEYWORD_ONLY", "name": "c", "type": None},
        ],
        "returns": "str",
    }


# --- golden vectors ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", vectors(), ids=lambda path: path.stem)
def test_golden_vectors(path: Path) -> None:
    """What a workflow meant when its runs began, it means in every later release."""
    assert (
        fingerprint_of(path.read_text("utf-8")) == path.with_suffix(".sha256").read_text().strip()
    )


def test_there_are_enough_vectors() -> None:
    """One per node type and rule; each has its hash."""
    assert len(list(FOLDER.glob("*.py"))) >= 90
    assert {path.stem for path in FOLDER.glob("*.py")} == {
        path.stem for path in FOLDER.glob("*.sha256")
    }


def test_every_node_type_has_a_vector() -> None:
    """Of those that this Python knows; one that nothing asks for could change its text unseen."""
    seen = {
        type(node).__name__
        for path in vectors()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
    }
    known = {name for name in FIELDS if hasattr(ast, name)}
    newest = {"TemplateStr", "Interpolation"}  # no vector was written on 3.14 yet
    new = (
        {"TypeAlias", "TypeVar", "ParamSpec", "TypeVarTuple"}
        if sys.version_info < (3, 12)
        else set()
    )
    assert known - seen <= newest | new


@pytest.mark.parametrize("minor", [11, 12, 13, 14])
def test_other_pythons_agree(minor: int) -> None:
    """Each Python that is here computes the hashes that stand written."""
    python = shutil.which(f"python3.{minor}") if minor != sys.version_info[1] else sys.executable
    if python is None or subprocess.run([python, "-c", ""], capture_output=True).returncode:  # noqa: PLW1510 - a failure is the answer
        pytest.skip(f"no Python 3.{minor} here")
    done = subprocess.run(
        [python, "-m", "tests.golden.fingerprints"],
        cwd=FOLDER.parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    for line in done.stdout.splitlines():
        name, found = line.split()
        assert (name, found) == (name, (FOLDER / f"{name}.sha256").read_text().strip())
