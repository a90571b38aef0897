"""One catalogue, one format."""

from __future__ import annotations

import dataclasses

import pytest

from wfc.catalogue import ROWS
from wfc.diagnostics import CATALOGUE, Link, Place, Rule, Severity, diagnostic, render


def test_codes_are_unique_and_in_order() -> None:
    """No code stands twice; a family is one hundred numbers."""
    numbers = [row[0] for row in ROWS]
    assert sorted(set(numbers)) == numbers


def test_names_are_unique_within_a_family() -> None:
    """A family and a name find one rule; `environment` is both an effect and a change."""
    assert len({(rule.code[:4], rule.name) for rule in CATALOGUE.values()}) == len(CATALOGUE)


@pytest.mark.parametrize("rule", CATALOGUE.values(), ids=lambda rule: rule.code)
def test_a_rule_is_whole(rule: Rule) -> None:
    """Each rule has its texts, neither ends with a full stop, and only a warning may be off."""
    code, name, severity, summary, fix, off = rule
    assert CATALOGUE[code] is rule
    assert name == name.lower()
    assert " " not in name
    assert summary
    assert fix
    assert not summary.endswith(".")
    assert not fix.endswith(".")
    assert severity is Severity.WARNING or not off


@pytest.mark.parametrize(
    ("code", "name", "severity", "off"),
    [
        ("WFC102", "sync-workflow", Severity.ERROR, False),
        ("WFC120", "typing-only", Severity.WARNING, False),
        ("WFC131", "dropped-import", Severity.INFO, False),
        ("WFC136", "unused-step", Severity.WARNING, True),
        ("WFC201", "network", Severity.ERROR, False),
        ("WFC330", "mutable-default", Severity.ERROR, False),
        ("WFC910", "unreadable-file", Severity.ERROR, False),
    ],
)
def test_the_catalogue_says_how_bad_it_is(
    code: str, name: str, severity: Severity, *, off: bool
) -> None:
    """Names and severities are those of the specification."""
    rule = CATALOGUE[code]
    assert (rule.name, rule.severity, rule.off) == (name, severity, off)


def test_a_diagnostic_takes_severity_and_fix_from_the_catalogue() -> None:
    """A finding is written in one line; its own fix wins."""
    place = Place("app/a.py", 3, 4, 3, 9)
    plain = diagnostic("WFC120", place, "it is so")
    assert plain.severity is Severity.WARNING
    assert plain.fix == CATALOGUE["WFC120"].fix
    assert diagnostic("WFC120", place, "it is so", fix="do this.").fix == "do this."


def test_an_unknown_code_is_no_diagnostic() -> None:
    """A code that has no row cannot be reported."""
    with pytest.raises(KeyError):
        diagnostic("WFC100", Place("a.py"), "no such rule")


def test_a_finding_is_rendered_with_chain_and_fix() -> None:
    """The format of the specification, to the letter."""
    finding = diagnostic(
        "WFC201",
        Place("app/checkout.py", 12, 14, 12, 19),
        'workflow "checkout" reaches `socket.create_connection` (network); '
        "a replay would repeat it",
        chain=(
            Link(
                place=Place("app/checkout.py", 12), source="await price(order)", what="calls price"
            ),
            Link(
                place=Place("app/pricing.py", 8),
                source='return amount * rate("EUR")',
                what="calls rate, imported at app/pricing.py:3",
            ),
            Link(
                place=Place("lib/rates.py", 20),
                source="socket.create_connection(...)",
                what="refused",
            ),
        ),
        fix='give `price` the line "use step"; or move the call into a step; or, if pure, list it '
        "in [tool.wfc] pure.",
    )
    assert (
        render(finding)
        == """\
app/checkout.py:12:15: WFC201 workflow "checkout" reaches `socket.create_connection` (network); \
a replay would repeat it
    app/checkout.py:12   await price(order)              calls price
    app/pricing.py:8     return amount * rate("EUR")     calls rate, imported at app/pricing.py:3
    lib/rates.py:20      socket.create_connection(...)   refused
  Fix: give `price` the line "use step"; or move the call into a step; or, if pure, list it in \
[tool.wfc] pure."""
    )


def test_a_column_counts_characters_when_the_source_is_at_hand() -> None:
    """A place holds bytes, a reader counts letters: `ä` is one, a face is one."""
    text = 'x = "ä🙂"; y = 1\n'
    finding = diagnostic("WFC115", Place("a.py", 1, 13, 1, 14), "`y` is taken")
    assert render(finding, {"a.py": text}).startswith("a.py:1:10: ")
    assert render(finding).startswith("a.py:1:14: ")


def test_a_link_without_source_is_given_its_line() -> None:
    """The line is read from the sources, without its indentation."""
    finding = diagnostic(
        "WFC201",
        Place("a.py", 9),
        "it is so",
        chain=(Link(place=Place("a.py", 2), source="", what="calls"),),
    )
    rendered = render(finding, {"a.py": "def f():\n    g()\n"})
    assert "    a.py:2   g()   calls" in rendered
    assert rendered.startswith("a.py:9:1: ")


def test_a_finding_without_a_fix_ends_with_its_sentence() -> None:
    """No empty advice is printed."""
    finding = dataclasses.replace(diagnostic("WFC201", Place("a.py"), "it is so"), fix=None)
    assert render(finding) == "a.py:1:1: WFC201 it is so"
