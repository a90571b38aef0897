"""The table of effects answers for every name that workflow code may meet."""

from __future__ import annotations

import builtins
import subprocess
import sys

import pytest

from wfc.determinism import (
    Reason,
    Rules,
    Verdict,
    allowed,
    is_mixed,
    is_stdlib,
    lookup,
    refused,
    shimmed,
    table,
)


@pytest.mark.parametrize("module", sorted(sys.stdlib_module_names))
def test_every_stdlib_module_has_a_verdict(module: str) -> None:
    """No module of the standard library is judged as an unknown package."""
    assert lookup(module).reason is not Reason.UNKNOWN
    assert is_stdlib(module)


@pytest.mark.parametrize(
    "name", [name for name in dir(builtins) if name.isidentifier() and name != "_"]
)
def test_every_builtin_has_a_row_of_its_own(name: str) -> None:
    """A builtin is never judged by the row for unknown members."""
    assert lookup(f"builtins.{name}").name != "builtins.*"


@pytest.mark.parametrize(
    ("name", "verdict", "code"),
    [
        ("datetime.datetime.now", Verdict.SHIM, "WFC207"),
        ("datetime.datetime.fromisoformat", Verdict.PURE, ""),
        ("datetime.date.today", Verdict.SHIM, "WFC207"),
        ("os.path.join", Verdict.PURE, ""),
        ("os.path.exists", Verdict.REFUSED, "WFC202"),
        ("os.environ.get", Verdict.SHIM, "WFC206"),
        ("os.remove", Verdict.REFUSED, "WFC202"),
        ("os.system", Verdict.REFUSED, "WFC203"),
        ("os.urandom", Verdict.REFUSED, "WFC205"),
        ("pathlib.PurePath.joinpath", Verdict.PURE, ""),
        ("pathlib.Path", Verdict.PURE, ""),
        ("pathlib.Path.name", Verdict.PURE, ""),
        ("pathlib.Path.exists", Verdict.REFUSED, "WFC202"),
        ("random.Random", Verdict.SHIM, "WFC205"),
        ("random.SystemRandom", Verdict.REFUSED, "WFC205"),
        ("asyncio.sleep", Verdict.SHIM, "WFC207"),
        ("asyncio.gather", Verdict.PURE, ""),
        ("asyncio.run", Verdict.REFUSED, "WFC321"),
        ("time.sleep", Verdict.REFUSED, "WFC207"),
        ("time.struct_time", Verdict.PURE, ""),
        ("uuid.uuid4", Verdict.SHIM, "WFC205"),
        ("uuid.UUID", Verdict.PURE, ""),
        ("builtins.open", Verdict.REFUSED, "WFC202"),
        ("builtins.id", Verdict.REFUSED, "WFC311"),
        ("builtins.eval", Verdict.REFUSED, "WFC124"),
        ("builtins.print", Verdict.SHIM, ""),
        ("socket.create_connection", Verdict.REFUSED, "WFC201"),
        ("http.HTTPStatus.OK", Verdict.PURE, ""),
        ("urllib.parse.quote", Verdict.PURE, ""),
        ("urllib.request.urlopen", Verdict.REFUSED, "WFC201"),
        ("configparser.ConfigParser.read_string", Verdict.PURE, ""),
        ("configparser.ConfigParser.read", Verdict.REFUSED, "WFC202"),
        ("wfc.sleep", Verdict.PURE, ""),
        ("wfc.api.start", Verdict.REFUSED, "WFC134"),
        ("pydantic.BaseModel", Verdict.PURE, ""),
        ("requests.get", Verdict.REFUSED, "WFC201"),
        ("numpy.array", Verdict.REFUSED, "WFC221"),
        ("unheard_of.thing", Verdict.REFUSED, "WFC220"),
    ],
)
def test_verdicts(name: str, verdict: Verdict, code: str) -> None:
    """The longest prefix decides, in both halves of mixed modules."""
    entry = lookup(name)
    assert (entry.verdict, entry.diagnostic) == (verdict, code)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("posixpath.join", "os.path.join"),
        ("asyncio.tasks.sleep", "asyncio.sleep"),
        ("_io.open", "io.*"),
        ("_pydatetime.datetime.now", "datetime.datetime.now"),
    ],
)
def test_other_names_of_a_thing_have_its_verdict(alias: str, name: str) -> None:
    """Where CPython keeps a thing under two names, both are judged alike."""
    assert lookup(alias).name == name


def test_an_unknown_member_of_a_mixed_module_is_refused() -> None:
    """What a later Python adds to a mixed module is not pure by accident."""
    assert is_mixed("time")
    assert not is_mixed("json")
    assert lookup("time").verdict is Verdict.PURE
    assert lookup("time.new_in_3_99").verdict is Verdict.REFUSED
    assert lookup("time.__name__").verdict is Verdict.PURE


def test_own_rules_come_in_order() -> None:
    """`refused` wins over `pure`, `pure` over first party, first party over the table."""
    rules = Rules(
        packages=("app", "shop"),
        pure=("app.native", "shapely.geometry", "requests"),
        refused=("app.native.worst", "requests.post"),
    )
    assert lookup("app.native.worst.call", rules).diagnostic == "WFC222"
    assert lookup("app.native.call", rules).followed is False
    assert lookup("app.native.call", rules).verdict is Verdict.PURE
    assert lookup("app.other", rules).followed is True
    assert lookup("shapely.geometry.Point", rules).verdict is Verdict.PURE
    assert lookup("shapely.ops", rules).diagnostic == "WFC220"
    assert lookup("requests.post", rules).diagnostic == "WFC222"
    assert lookup("requests.codes", rules).verdict is Verdict.PURE


def test_a_package_name_is_matched_whole() -> None:
    """`app` does not speak for `apple`."""
    assert lookup("apple.core", Rules(packages=("app",))).diagnostic == "WFC220"


def test_third_party_is_not_the_standard_library() -> None:
    """Shipped verdicts on third-party packages do not make them stdlib."""
    assert not is_stdlib("pydantic")
    assert not is_stdlib("requests.get")
    assert not is_stdlib("wfc")
    assert not is_stdlib("pydantic_ai")


def test_every_refusal_says_what_to_do_instead() -> None:
    """Each refused row has a reason, a code and a way out; each shim is listed once."""
    for entry in table().values():
        if entry.verdict is Verdict.REFUSED:
            assert entry.diagnostic.startswith("WFC")
            assert entry.instead
    names = [entry.name for entry in shimmed()]
    assert "time.time" in names
    assert len(names) == len(set(names))


def test_no_name_stands_in_two_rows() -> None:
    """A name with two verdicts would depend on the order of the tables."""
    rows: list[str] = []
    for names in (
        allowed.PURE,
        allowed.MIXED_MODULES,
        allowed.THIRD_PARTY_PURE,
    ):
        rows += names.split()
    rows += [f"{p}.{m}" for p, members in allowed.PURE_MEMBERS for m in members.split()]
    rows += [name for _, names in allowed.SHIM for name in names.split()]
    rows += [name for row in refused.REFUSED for name in row[2].split()]
    assert sorted(rows) == sorted(set(rows))


def test_the_table_is_read_at_the_first_question() -> None:
    """Importing the ground module parses no row and loads nothing heavy."""
    code = (
        "import wfc.determinism as d, sys; assert d.table.cache_info().currsize == 0;"
        "assert not {'pydantic', 'libcst', 'asyncio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
