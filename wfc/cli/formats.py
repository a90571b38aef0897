"""How findings are printed, by `wfc lint` and `wfc build` alike: for people, programs and hosts."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from wfc.diagnostics import CATALOGUE, Place, Rule, Severity, render
from wfc.lint_rules.finding import Finding, Replacement

SARIF_SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_HELP: Final = "urn:wfc:errors:"
"""Where pages stand: no host, since they come with the package (``wfc explain WFC201``)."""
_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_COMMANDS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
Lines = Iterable[str]
Texts = Mapping[str, str]
"""Sources by the path that findings show. Without one, columns count bytes."""


class Printed(NamedTuple):
    """A place as editors count: lines and columns from 1, columns in characters."""

    line: int
    column: int
    end_line: int
    end_column: int


def printed(place: Place, texts: Texts) -> Printed:
    """Turn a place, whose columns are bytes from 0, into what editors show."""
    lines = _lines(texts.get(place.path, ""))
    return Printed(
        place.line,
        _column(lines, place.line, place.column),
        place.end_line,
        _column(lines, place.end_line, place.end_column),
    )


def as_text(found: Iterable[Finding], texts: Texts) -> Iterator[str]:
    """Write each finding with its chain and its fix, for people."""
    for one in found:
        yield render(one.told, texts) + "\n"


def as_concise(found: Iterable[Finding], texts: Texts) -> Iterator[str]:
    """Write each finding on a line of its own."""
    for one in found:
        at = printed(one.place, texts)
        sentence = " ".join(one.told.sentence.split())
        yield f"{one.place.path}:{at.line}:{at.column}: {one.code} {sentence}"


def as_plain(found: Iterable[Finding], texts: Texts) -> list[dict[str, Any]]:
    """Give findings for programs, as dicts, lists and scalars."""
    return [
        {
            "code": one.code,
            "name": CATALOGUE[one.code].name,
            "severity": one.severity.value,
            "message": one.told.sentence,
            "path": one.place.path,
            **printed(one.place, texts)._asdict(),
            "function": one.function or None,
            "chain": [
                {
                    "path": link.place.path,
                    **printed(link.place, texts)._asdict(),
                    "source": link.source,
                    "what": link.what,
                }
                for link in one.told.chain
            ],
            "advice": one.told.fix,
            "fix": None if one.fix is None else _fix(one, texts),
        }
        for one in found
    ]


def as_github(found: Iterable[Finding], texts: Texts) -> Iterator[str]:
    """Write workflow commands of GitHub Actions, with their escapes."""
    for one in found:
        at = printed(one.place, texts)
        where = ",".join(
            f"{name}={_property(str(value))}"
            for name, value in (
                ("file", one.place.path),
                ("line", at.line),
                ("endLine", at.end_line),
                *(
                    (("col", at.column), ("endColumn", at.end_column))
                    if at.line == at.end_line
                    else ()
                ),
                ("title", f"{one.code} {CATALOGUE[one.code].name}"),
            )
        )
        message = one.told.sentence + (f"\nFix: {one.told.fix}" if one.told.fix else "")
        yield f"::{_COMMANDS[one.severity]} {where}::{_data(message)}"


def as_sarif(found: Sequence[Finding], texts: Texts) -> str:
    """Write a log of SARIF 2.1.0, with chains as code flows."""
    codes = sorted({one.code for one in found})
    seen: Counter[str] = Counter()
    results = []
    for one in found:
        mark = fingerprint(one, texts)
        seen[mark] += 1
        results.append(_result(one, texts, codes.index(one.code), f"{mark}:{seen[mark]}"))
    driver = {
        "name": "wfc",
        "version": version("wfc-durable"),
        "rules": [_rule(CATALOGUE[code]) for code in codes],
    }
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    log = {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False)


def fingerprint(finding: Finding, texts: Texts) -> str:
    """Name a finding so that moving its code keeps the name: path, code, function, line."""
    lines = _lines(texts.get(finding.place.path, ""))
    line = lines[finding.place.line - 1] if finding.place.line <= len(lines) else ""
    parts = (finding.place.path, finding.code, finding.function, " ".join(line.split()))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


# --- SARIF -------------------------------------------------------------------------------------


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "help": {"text": f"{rule.fix}. More: wfc explain {rule.code}"},
        "helpUri": _HELP + rule.code,
        "defaultConfiguration": {"level": _LEVELS[rule.severity], "enabled": not rule.off},
    }


def _result(finding: Finding, texts: Texts, index: int, mark: str) -> dict[str, Any]:
    told = finding.told
    advice = f"\nFix: {told.fix}" if told.fix else ""
    location = _location(told.place, texts)
    if finding.function:
        location["logicalLocations"] = [
            {"fullyQualifiedName": finding.function, "kind": "function"}
        ]
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": told.sentence + advice},
        "locations": [location],
        "partialFingerprints": {"wfc/v1": mark},
    }
    if told.chain:
        steps = [
            {"location": {**_location(link.place, texts), "message": {"text": link.what}}}
            for link in told.chain
        ]
        result["codeFlows"] = [{"threadFlows": [{"locations": steps}]}]
    if finding.fix is not None and finding.fix.replacements:
        result["fixes"] = [_sarif_fix(finding, texts)]
    return result


def _location(place: Place, texts: Texts) -> dict[str, Any]:
    return {
        "physicalLocation": {
            "artifactLocation": _artifact(place.path),
            "region": _region(place, texts),
        }
    }


def _artifact(path: str) -> dict[str, Any]:
    if path.startswith("/"):
        return {"uri": "file://" + quote(path)}
    return {"uri": quote(path), "uriBaseId": "%SRCROOT%"}


def _region(place: Place, texts: Texts) -> dict[str, int]:
    at = printed(place, texts)
    return {
        "startLine": at.line,
        "startColumn": at.column,
        "endLine": at.end_line,
        "endColumn": at.end_column,
    }


def _sarif_fix(finding: Finding, texts: Texts) -> dict[str, Any]:
    assert finding.fix is not None
    replacements = [
        {"deletedRegion": _region(one.place, texts), "insertedContent": {"text": one.text}}
        for one in finding.fix.replacements
    ]
    change = {"artifactLocation": _artifact(finding.place.path), "replacements": replacements}
    return {"description": {"text": finding.told.fix or "fix"}, "artifactChanges": [change]}


# --- helpers -----------------------------------------------------------------------------------


def _fix(finding: Finding, texts: Texts) -> dict[str, Any]:
    assert finding.fix is not None
    return {
        "safe": finding.fix.safe,
        "replacements": [_replacement(one, texts) for one in finding.fix.replacements],
    }


def _replacement(one: Replacement, texts: Texts) -> dict[str, Any]:
    return {**printed(one.place, texts)._asdict(), "text": one.text}


@lru_cache(maxsize=64)
def _lines(text: str) -> list[str]:
    return text.split("\n")


def _column(lines: list[str], number: int, column: int) -> int:
    if not 0 < number <= len(lines) or lines[number - 1].isascii():
        return column + 1
    return len(lines[number - 1].encode()[:column].decode(errors="ignore")) + 1


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
