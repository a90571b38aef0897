"""No false error on pure code of projects that people use: the ten that stand in the promise.

Each workflow is true Python, and is called here to show it: what the linter is silent about is what
a workflow would do. Half of these projects are shipped as pure, the others are listed by their
user; one is judged from its source as well.
"""

from __future__ import annotations

import asyncio
import runpy
import shutil
import textwrap
from dataclasses import dataclass
from pathlib import Path

import more_itertools
import pytest

from wfc.config import project_of
from wfc.diagnostics import render
from wfc.lint_rules import run
from wfc.settings import load_settings

INPUT = "2026-11-24"
FLOW = """\
{imports}

async def flow(text: str) -> list[object]:
    "use workflow"
    return [{calls}]
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a workflow calls of a project, and what that gives for `INPUT`."""

    imports: str
    calls: str
    given: list[object]
    pure: str = ""  # what its user lists under `pure`; nothing if it is shipped so


CASES = {
    "packaging": Case(
        imports="""
            from packaging.requirements import Requirement
            from packaging.specifiers import SpecifierSet
            from packaging.tags import parse_tag
            from packaging.utils import canonicalize_name
            from packaging.version import Version, parse
            """,
        calls="""
            Version("1.2") < parse("1.10"),
            SpecifierSet(">=1").contains("1.2"),
            Requirement("a[b]>=1").name,
            canonicalize_name("A_b." + text),
            [tag.platform for tag in parse_tag("py3-none-any")],
            """,
        given=[True, True, "a", "a-b-2026-11-24", ["any"]],
    ),
    "attrs": Case(
        imports="""
            import attr
            from attrs import asdict, define, evolve, field, validators

            @define
            class Item:
                name: str = field(validator=validators.instance_of(str))
                price: int = 1
            """,
        calls="""
            asdict(Item(text)),
            evolve(Item(text), price=2).price,
            [one.name for one in attr.fields(Item)],
            """,
        given=[{"name": INPUT, "price": 1}, 2, ["name", "price"]],
    ),
    "more-itertools": Case(
        imports="import more_itertools as mi",
        calls="""
            list(mi.chunked([1, 2, 3], 2)),
            mi.first(text),
            mi.one([1]),
            list(mi.windowed([1, 2, 3], 2)),
            "".join(mi.unique_everseen(text)),
            mi.ilen(text),
            """,
        given=[[[1, 2], [3]], "2", 1, [(1, 2), (2, 3)], "206-14", 10],
    ),
    "rich": Case(
        imports="""
            from rich.markup import escape, render
            from rich.text import Text
            """,
        calls='Text(text).plain, escape("[b]"), render("[b]a[/b]").plain',
        given=[INPUT, "\\[b]", "a"],
        pure="rich",
    ),
    "click": Case(
        imports="""
            from click.formatting import wrap_text
            from click.types import INT, Choice, IntRange
            """,
        calls="""
            wrap_text(text, 80),
            Choice(["a"]).convert("a", None, None),
            INT.convert("1", None, None),
            IntRange(1, 3).convert("2", None, None),
            """,
        given=[INPUT, "a", 1, 2],
        pure="click",
    ),
    "jinja2": Case(
        imports="""
            from jinja2 import Environment, Template
            from jinja2.filters import do_title
            """,
        calls="""
            Template("a {{ b }}").render(b=text),
            Environment(autoescape=True).from_string("{{ x }}").render(x="<"),
            do_title("a b"),
            """,
        given=[f"a {INPUT}", "&lt;", "A B"],
        pure="jinja2",
    ),
    "networkx": Case(
        imports="import networkx as nx",
        calls="""
            nx.shortest_path(nx.Graph([(1, 2), (2, 3)]), 1, 3),
            list(nx.topological_sort(nx.DiGraph([(2, 1)]))),
            nx.has_path(nx.Graph([(1, 2)]), 1, 2),
            """,
        given=[[1, 2, 3], [2, 1], True],
        pure="networkx",
    ),
    "sortedcontainers": Case(
        imports="from sortedcontainers import SortedDict, SortedList, SortedSet",
        calls="""
            SortedList([3, 1]).bisect(2),
            SortedDict({1: 2}).peekitem(),
            [letter for letter in SortedSet(text)],
            """,
        given=[1, (1, 2), ["-", "0", "1", "2", "4", "6"]],
    ),
    "python-dateutil": Case(
        imports="""
            from dateutil.parser import parse
            from dateutil.relativedelta import relativedelta
            from dateutil.rrule import DAILY, rrule
            """,
        calls="""
            (parse(text) + relativedelta(months=+1)).day,
            [day.day for day in rrule(DAILY, count=3, dtstart=parse(text))],
            """,
        given=[24, [24, 25, 26]],
    ),
    "markdown-it-py": Case(
        imports="from markdown_it import MarkdownIt",
        calls="""
            MarkdownIt().render("*a*"),
            [token.type for token in MarkdownIt("commonmark").parse("# a")],
            """,
        given=["<p><em>a</em></p>\n", ["heading_open", "inline", "heading_close"]],
        pure="markdown_it",
    ),
}


def written(root: Path, case: Case, *, pure: str) -> Path:
    """A project of one module, with its settings where a user has them."""
    (root / "app").mkdir()
    (root / "app" / "__init__.py").touch()
    (root / "pyproject.toml").write_text(f"[tool.wfc]\npure = {[pure] if pure else []}\n")
    flows = root / "app" / "flows.py"
    imports = textwrap.dedent(case.imports).strip()
    flows.write_text(FLOW.format(imports=imports, calls=" ".join(case.calls.split())))
    return flows


def told(root: Path) -> list[str]:
    """What `wfc lint` would say of the whole project."""
    job = run.Job(project=project_of(load_settings(root)))
    report = run.lint(job, run.files_in(job.project, []))
    assert report.files >= 2
    return [render(one.told) for one in report.findings]


@pytest.mark.parametrize("name", CASES)
def test_pure_code_of_a_real_project_raises_no_finding(name: str, tmp_path: Path) -> None:
    """As shipped, or as its user lists it."""
    case = CASES[name]
    flows = written(tmp_path, case, pure=case.pure)
    assert told(tmp_path) == []
    assert asyncio.run(runpy.run_path(str(flows))["flow"](INPUT)) == case.given


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.pure])
def test_a_project_that_nobody_listed_is_told(name: str, tmp_path: Path) -> None:
    """Silence above is a judgement: without the line in the settings there is a finding, and it
    names the word to add.
    """
    case = CASES[name]
    written(tmp_path, case, pure="")
    found = told(tmp_path)
    assert found
    assert all("WFC220" in one and f'pure = ["{case.pure}"]' in one for one in found), found


def test_the_source_of_a_pure_project_is_found_pure(tmp_path: Path) -> None:
    """As its authors have it: in their own tree, where no list speaks for it."""
    written(tmp_path, CASES["more-itertools"], pure="")
    package = Path(more_itertools.__file__).parent
    shutil.copytree(package, tmp_path / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    assert told(tmp_path) == []
