"""Properties of every module of the grammar, and of the same module written in another way."""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiler.grammar import PROGRAMS, Program, Style, written
from tests.compiler.test_compile import compiled
from wfc.compiler.facts import Compiled
from wfc.manifests.bundle import Bundle
from wfc.manifests.code import code_of
from wfc.manifests.sites import SiteTable

FEW = settings(max_examples=25, deadline=None)
STYLES = st.one_of(st.none(), st.integers(0, 2**16)).map(Style)


def bundles_of(text: str) -> tuple[Compiled, Bundle, Bundle]:
    found = compiled(text)
    assert found.step is not None, found.diagnostics
    assert found.workflow is not None
    return found, found.step, found.workflow


@FEW
@given(PROGRAMS, STYLES)
def test_bundles_compile_and_each_call_has_a_site(program: Program, style: Style) -> None:
    """The prelude one statement at a time, the module of steps as one."""
    _, step, workflow = bundles_of(written(program, style))
    assert code_of(step, "app/case.py")
    assert len(code_of(workflow, "app/case.py")) == len(ast.parse(workflow.text).body)
    SiteTable(workflow)


@FEW
@given(PROGRAMS, STYLES)
def test_lines_stay(program: Program, style: Style) -> None:
    """Line by line: what is kept stands where it stood, to the column."""
    text = written(program, style)
    _, step, workflow = bundles_of(text)
    assert workflow.text.count("\n") == text.count("\n")
    added = step.text.split("\n")[text.count("\n") : -1]
    assert added
    assert all("__wfc__.register(" in line for line in added)
    for old, new in zip(text.split("\n"), workflow.text.split("\n"), strict=True):
        kept = new.rstrip()
        changed = "__wfc__." in kept or "import " in kept or '"use ' in old or "'use " in old
        assert changed or kept in ("", old.rstrip()), (old, new)


@FEW
@given(PROGRAMS, STYLES)
def test_positions_of_kept_functions_stay(program: Program, style: Style) -> None:
    """CPython's own tables say the same of both, but for what a nested step or a directive was."""
    text = written(program, style)
    found, _, workflow = bundles_of(text)
    replaced = {
        line
        for one in found.facts.definitions
        if one.entry.kind == "step"
        for line in range(one.span.line, one.span.end_line + 1)
    }
    was, now = positions(text, replaced), positions(workflow.text, replaced)
    names = {name for name, _ in now}
    assert {"Order.flow", *(name for name, _ in program.workflows)} <= names
    assert {key: was.get(key) for key in now} == now


def positions(text: str, without: set[int]) -> dict[tuple[str, int], set[object]]:
    """Give the positions in each function of a module, those on some lines left out."""
    pending: list[types.CodeType] = [compile(text, "case.py", "exec", dont_inherit=True)]
    found: dict[tuple[str, int], set[object]] = {}
    while pending:
        code = pending.pop()
        pending += [one for one in code.co_consts if isinstance(one, types.CodeType)]
        optimized = code.co_flags & 1
        if optimized and code.co_firstlineno not in without:
            found[code.co_qualname, code.co_firstlineno] = {
                each for each in code.co_positions() if each[0] not in without
            }
    return found


@FEW
@given(PROGRAMS, STYLES, STYLES)
def test_a_way_of_writing_renames_no_site(program: Program, one: Style, other: Style) -> None:
    """Comments, layout, names of locals, and `try` or `with` around a statement."""
    assert list(sites(program, one)) == list(sites(program, other))


def sites(program: Program, style: Style) -> Iterator[tuple[str, str, str]]:
    _, _, workflow = bundles_of(written(program, style))
    for site in workflow.sites:
        yield site.place, site.callee, site.function
