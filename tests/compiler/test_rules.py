"""Every rule of directives: a program that breaks it, told at the exact place, and its twin."""

from __future__ import annotations

import re

import pytest

from tests.compiler.rules import PAIRS, Pair
from wfc.compiler.gather import gather
from wfc.compiler.scan import read_source, scan
from wfc.diagnostics import CATALOGUE, Diagnostic, Severity
from wfc.ids import ModuleName

_MARK = re.compile(r"# (below )?(WFC\d{3}): (\d+)")


def _findings(text: str) -> tuple[Diagnostic, ...]:
    source = read_source(ModuleName("app.shop"), "app/shop.py", "/app/shop.py", text.encode())
    return gather(source).findings


def _marked(text: str) -> list[tuple[int, int, str]]:
    return sorted(
        (number + bool(below), int(column), code)
        for number, line in enumerate(text.split("\n"), 1)
        for below, code, column in _MARK.findall(line)
    )


def _told(findings: tuple[Diagnostic, ...]) -> list[tuple[int, int, str]]:
    return sorted((f.place.line, f.place.column + 1, f.code) for f in findings)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_a_fault_is_told_at_its_place(pair: Pair) -> None:
    """Exactly the marked faults are found, each at its line and column."""
    marked = _marked(pair.bad)
    assert marked, "the program marks no fault"
    assert _told(_findings(pair.bad)) == marked


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_the_twin_is_silent(pair: Pair) -> None:
    """The same program without the fault has no finding."""
    assert _findings(pair.good) == ()


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_a_finding_says_what_to_do(pair: Pair) -> None:
    """Each finding has a sentence without a full stop, a fix with one, and its code's severity."""
    for finding in _findings(pair.bad):
        assert finding.severity is CATALOGUE[finding.code].severity
        assert not finding.sentence.endswith(".")
        assert finding.fix is not None
        assert finding.fix.endswith((".", '"'))


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_the_scan_sends_every_faulty_file_to_the_parser(pair: Pair) -> None:
    """The bytes of a program with a fault never pass for those of a plain module."""
    for fault in _findings(pair.bad):
        alone = "\n".join(pair.bad.split("\n")[fault.place.line - 1 : fault.place.end_line])
        if fault.code in {"WFC112", "WFC113"} and "x20" not in alone:
            assert scan(alone.encode()).hit, alone
    assert scan(pair.bad.encode()).hit


def test_a_directive_in_triple_quotes_is_told_what_is_wrong_with_it() -> None:
    """It stands on a line of its own already, and says the right words."""
    (finding,) = _findings('async def f(x):\n    """use step"""\n    return x\n')
    assert (
        finding.sentence == "this says `use step`, but not as one plain string, so it marks nothing"
    )
    assert finding.fix is not None
    assert "no triple quotes" in finding.fix


def test_a_step_of_an_annotated_value_is_probably_forgotten() -> None:
    """An annotation is a promise that nobody checks, so it makes no error."""
    (finding,) = _findings("""
from dataclasses import dataclass
@dataclass
class Account:
    async def close(self):
        "use step"
async def checkout(account: Account):
    "use workflow"
    account.close()
""")
    assert (finding.code, finding.severity) == ("WFC126", Severity.WARNING)
    assert "probably" in finding.sentence


def test_a_call_in_a_generator_is_awaited_in_a_list() -> None:
    """`any(await allowed(x) for x in xs)` would be a TypeError."""
    (finding,) = _findings("""
async def allowed(x):
    "use step"
async def checkout(xs):
    "use workflow"
    return any(allowed(x) for x in xs)
""")
    assert finding.fix == "write `[await allowed(...) for ...]`."
