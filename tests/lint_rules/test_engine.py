"""The engine: what is looked at, in whose words it is told, and what silences it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wfc.compiler.build import build
from wfc.compiler.project import Project
from wfc.compiler.scan import read_source
from wfc.determinism import Rules
from wfc.diagnostics import CATALOGUE, Diagnostic, Severity
from wfc.ids import ModuleName
from wfc.lint_rules import module as modules
from wfc.lint_rules.engine import Options, check, check_project
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.overview import Overview
from wfc.lint_rules.registry import Rule, rules
from wfc.lint_rules.selection import Selection

FLOWS = """
import time


async def charge(order_id):
    "use step"
    return order_id


async def checkout(order_id: str) -> str:
    "use workflow"
    time.sleep(1)
    return await charge(order_id)
"""


def look(
    text: str, options: Options | None = None, project: Overview | None = None
) -> list[Finding]:
    source = read_source(ModuleName("shop"), "shop.py", "/shop.py", text.encode())
    return check(source, project, options or Options())


def codes(found: list[Finding]) -> list[str]:
    return [one.code for one in found]


def test_a_file_that_says_nothing_of_wfc_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone, it costs a scan of its bytes."""

    def parsed(*_: object) -> None:
        raise AssertionError("it was parsed")

    monkeypatch.setattr(modules, "gather_tree", parsed)
    assert look("import time\n\n\ndef f(step):\n    'use it'\n    time.sleep(1)\n") == []
    with pytest.raises(AssertionError, match="it was parsed"):
        look("import wfc\n")


def test_linter_and_build_tell_a_fault_in_the_same_words(tmp_path: Path) -> None:
    """Code, sentence, place, chain and fix are those of the compiler, alone and with a project."""
    (tmp_path / "shop.py").write_text(FLOWS)
    project = Project.discover(tmp_path)
    built = [one for one in build(project, out=None).diagnostics if one.code == "WFC207"]
    source = project.read("shop")
    assert source is not None
    alone = check(source, None, Options(rules=project.rules))
    together = check(source, Overview(project), Options())
    assert built
    for found in (alone, together):
        assert [one.told for one in found if one.code == "WFC207"] == built


def test_rules_look_at_helpers_that_a_workflow_of_another_module_reaches(tmp_path: Path) -> None:
    """The helper says nothing of wfc; only the project tells that it is replayed."""
    (tmp_path / "helpers.py").write_text(
        "import asyncio\n\n\nasync def spread(work):\n    asyncio.create_task(work)\n"
    )
    (tmp_path / "flows.py").write_text(
        'import helpers\n\n\nasync def flow() -> None:\n    "use workflow"\n'
        "    await helpers.spread(flow())\n"
    )
    overview = Overview(Project.discover(tmp_path))
    source = overview.sources.source("helpers")
    assert source is not None
    assert codes(check(source, overview, Options())) == ["WFC502"]
    assert check(source, None, Options()) == []


def test_a_caller_that_says_nothing_of_wfc_is_looked_at(tmp_path: Path) -> None:
    """It calls a workflow by a name that it imports; nothing else in it is ours."""
    (tmp_path / "shop.py").write_text(FLOWS)
    (tmp_path / "views.py").write_text(
        "from shop import checkout\n\n\nasync def view() -> str:\n    return await checkout('o')\n"
    )
    overview = Overview(Project.discover(tmp_path))
    source = overview.sources.source("views")
    assert source is not None
    assert codes(check(source, overview, Options())) == ["WFC135"]


def test_a_module_that_changes_another_one_is_looked_at(tmp_path: Path) -> None:
    """It marks nothing and no workflow reaches it, but workflows do without what it sets."""
    (tmp_path / "conf.py").write_text("RATE = 1\n")
    (tmp_path / "tuning.py").write_text("import conf\n\nconf.RATE = 5\n")
    (tmp_path / "flows.py").write_text(
        "import conf\nimport tuning\n\n\nasync def flow() -> int:\n"
        '    "use workflow"\n    return conf.RATE\n'
    )
    overview = Overview(Project.discover(tmp_path))
    source = overview.sources.source("tuning")
    assert source is not None
    (found,) = check(source, overview, Options())
    assert (found.code, found.told.place.line) == ("WFC131", 3)
    assert "changes `RATE` of `conf`, which a workflow reaches" in found.told.sentence


def test_code_of_wfc_itself_is_left_alone() -> None:
    """The compiler skips it, and so does the linter."""
    source = read_source(ModuleName("wfc.shop"), "wfc/shop.py", "/shop.py", FLOWS.encode())
    assert check(source, None, Options()) == []


def test_what_cannot_be_read_is_a_finding() -> None:
    """A syntax error in a marked file is told, not raised."""
    assert codes(look('def f(:\n    "use step"\n')) == ["WFC910"]


def test_findings_are_sorted_and_know_their_function() -> None:
    """Place first; the function is the innermost around the place."""
    found = look(FLOWS)
    assert [(one.code, one.place.line, one.function) for one in found] == [
        ("WFC403", 5, "charge"),
        ("WFC207", 12, "checkout"),
    ]


# --- silencing ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("comment", "left"),
    [
        ("# noqa", []),
        ("# noqa: WFC403", []),
        ("#noqa:E501,WFC403", []),
        ("# noqa: WFC4", []),
        ("# NOQA: wfc403", []),
        ("# noqa: E501", ["WFC403"]),
        ("# noqa : WFC40", []),
        ("# no", ["WFC403"]),
    ],
)
def test_noqa_silences_the_linter(comment: str, left: list[str]) -> None:
    """Bare or with codes, as flake8 reads it."""
    text = f'async def charge(order_id):  {comment}\n    "use step"\n'
    assert codes(look(text)) == left
    assert codes(look(text, Options(noqa=False))) == ["WFC403"]


def test_an_allowance_is_obeyed() -> None:
    """On the line or on the `def` line, with a reason."""
    text = 'async def charge(order_id):  # wfc: allow[WFC403] from a queue\n    "use step"\n'
    assert look(text) == []


def test_an_allowance_on_the_def_line_holds_for_the_body() -> None:
    """As for effects."""
    text = (
        "import asyncio\n\n\nasync def flow() -> None:  # wfc: allow[WFC502] ends with the run\n"
        '    "use workflow"\n    asyncio.create_task(asyncio.sleep(1))\n'
    )
    assert look(text) == []


def test_an_allowance_without_reason_is_told() -> None:
    """It is obeyed all the same."""
    text = 'async def charge(order_id):  # wfc: allow[WFC403]\n    "use step"\n'
    assert codes(look(text)) == ["WFC132"]


@pytest.fixture
def together(tmp_path: Path) -> Callable[..., list[Finding]]:
    """Look at a text as the module of a project."""

    def look_together(text: str, options: Options | None = None) -> list[Finding]:
        (tmp_path / "shop.py").write_text(text)
        overview = Overview(Project.discover(tmp_path))
        source = overview.sources.source("shop")
        assert source is not None
        return check(source, overview, options or Options())

    return look_together


UNUSED = 'async def charge() -> None:  # wfc: allow[{code}] once needed\n    "use step"\n'


@pytest.mark.parametrize("code", ["WFC403", "WFC135"])
def test_an_allowance_that_exempts_nothing_is_told_and_can_be_removed(
    code: str, together: Callable[..., list[Finding]]
) -> None:
    """The fix takes the comment and the blanks before it."""
    (found,) = together(UNUSED.format(code=code))
    assert found.code == "WFC133"
    assert found.fix is not None
    assert found.fix.safe
    (replacement,) = found.fix.replacements
    assert (replacement.place.column, replacement.text) == (27, "")


def test_an_allowance_is_not_unused_only_because_nobody_looked(
    together: Callable[..., list[Finding]],
) -> None:
    """Its rule was not selected, or what it exempts may stand in another file."""
    text = UNUSED.format(code="WFC403")
    assert together(text, Options(selection=Selection(select=("WFC133",)))) == []
    assert look(text) == []
    flow = 'import prices\n\n\nasync def flow() -> None:\n    "use workflow"\n'
    flow += "    prices.of(1)  # wfc: allow[WFC201] from a cache\n"
    assert look(flow, Options(rules=Rules(packages=("prices",)))) == []


def test_an_allowance_cannot_silence_what_stands_in_the_way_of_a_build() -> None:
    """The compiler would refuse it whatever the comment says."""
    text = 'def checkout() -> None:  # wfc: allow[WFC102] old\n    "use workflow"\n'
    assert codes(look(text)) == ["WFC102"]


# --- selecting ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("select", "ignore", "wanted"),
    [
        (("WFC",), (), True),
        (("WFC4",), (), True),
        (("WFC2",), (), False),
        (("WFC",), ("WFC4",), False),
        (("WFC403",), ("WFC4",), True),
        (("WFC403",), ("WFC403",), False),
        (("WFC4",), ("WFC40",), False),
    ],
)
def test_the_longer_prefix_wins(
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    wanted: bool,  # noqa: FBT001 - a parameter of a test
) -> None:
    """Of equally long ones, the one that ignores."""
    assert Selection(select=select, ignore=ignore).wants("WFC403") is wanted


def test_a_rule_that_is_off_is_selected_by_its_whole_code() -> None:
    """A prefix turns on nobody's hints."""
    assert CATALOGUE["WFC404"].off
    assert not Selection(select=("WFC", "WFC4", "WFC40")).wants("WFC404")
    assert Selection(select=("WFC", "WFC404")).wants("WFC404")


def test_rules_that_nobody_wants_are_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is off costs nothing."""

    def run(_: object) -> None:
        raise AssertionError("it was run")

    one = Rule(("WFC404",), run, project=False)  # type: ignore[arg-type]  # it never returns
    monkeypatch.setattr("wfc.lint_rules.engine.rules", lambda: (one,))
    assert look('import wfc\n\n\nasync def f() -> None:\n    "use step"\n') == []


# --- sureness ----------------------------------------------------------------------------------


def test_what_is_not_certain_is_a_warning_and_says_so() -> None:
    """An error needs a name that is bound by import or definition and never rebound."""
    source = read_source(ModuleName("shop"), "shop.py", "/shop.py", FLOWS.encode())
    module = modules.Module(source)
    node = module.tree.body[0]
    told = module.finding("WFC505", node, "this probably never ends", certain=False)
    assert told.severity is Severity.WARNING
    assert module.finding("WFC505", node, "this never ends").severity is Severity.ERROR
    with pytest.raises(AssertionError, match='say "probably"'):
        module.finding("WFC505", node, "this never ends", certain=False)


def test_a_project_is_looked_at_as_a_whole(tmp_path: Path) -> None:
    """A file with two names is told once, not once for each file."""
    (tmp_path / "src" / "app").mkdir(parents=True)
    (tmp_path / "src" / "__init__.py").write_text("")
    (tmp_path / "src" / "app" / "__init__.py").write_text(FLOWS)
    project = Project.discover(tmp_path, packages=["app", "src"])
    found = check_project(Overview(project), Options())
    assert codes(found) == ["WFC122"]
    assert check_project(Overview(project), Options(selection=Selection(ignore=("WFC122",)))) == []


def test_every_rule_is_told_apart_from_the_compiler() -> None:
    """A code that the compiler finds by itself at the same place is told once, in its words."""
    found = look(FLOWS, Options(rules=Rules(packages=("shop",))))
    assert all(isinstance(one.told, Diagnostic) for one in found)
    assert len({(one.code, one.place) for one in found}) == len(found)
    assert rules()


def test_two_causes_behind_one_call_are_both_told() -> None:
    """Both have the workflow's call for a place, and their own last link."""
    text = (
        "import requests\n\ndef send(x):\n    requests.get(x)\n    requests.post(x)\n\n"
        'async def flow(x: str) -> None:\n    "use workflow"\n    send(x)\n'
    )
    found = look(text, Options(selection=Selection(select=("WFC201",))))
    assert [(one.place.line, one.told.chain[-1].place.line) for one in found] == [(9, 4), (9, 5)]
