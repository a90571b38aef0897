"""Judge the linter by the blind corpus (`tests/blind`): precision, recall, and what is behind them.

python -m tests.lint_rules.blind            the table
python -m tests.lint_rules.blind --all      with every miss and every false alarm
python -m tests.lint_rules.blind --snippets folder   another corpus of the same format
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.blind import corpus
from tests.blind.corpus import Expectation, Snippet
from wfc.diagnostics import CATALOGUE, Severity
from wfc.lint_rules.asked import job_of
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.run import files_in, lint
from wfc.settings import load_settings

FAMILIES: Final = "123458"
"""The families that are judged; 6 and 7 come with their issues, 9 is about settings."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the linter says of one snippet, against what the snippet expects."""

    name: str
    met: tuple[Finding, ...]  # code, place and level are as expected
    wrong_level: tuple[Finding, ...]
    false_alarms: tuple[Finding, ...]
    hits: tuple[Expectation, ...]
    misses: tuple[Expectation, ...]


@dataclass(slots=True)
class Score:
    """The sums over all snippets. A finding of the wrong level counts against its level."""

    verdicts: list[Verdict] = field(default_factory=list)

    def precision(self, severity: Severity) -> float:
        """Give the share of the findings of a level that were expected at that level."""
        right = _count(severity, (one for verdict in self.verdicts for one in verdict.met))
        wrong = _count(
            severity,
            (
                one
                for verdict in self.verdicts
                for one in (*verdict.false_alarms, *verdict.wrong_level)
            ),
        )
        return _share(right, right + wrong)

    def recall(self, family: str = FAMILIES) -> float:
        """Give the share of the expectations of these families that were met."""
        hits, misses = self.expected(family)
        return _share(hits, hits + misses)

    def expected(self, family: str) -> tuple[int, int]:
        """Count hits and misses of families."""
        hits = [one for verdict in self.verdicts for one in verdict.hits]
        misses = [one for verdict in self.verdicts for one in verdict.misses]
        return _in(family, hits), _in(family, misses)

    def table(self) -> str:
        """Show the figures, a line for each family."""
        lines = [
            "family  expected  met  missed  recall   false errors  false warnings  wrong level"
        ]
        for family in (*FAMILIES, FAMILIES):
            hits, misses = self.expected(family)
            alarms = [one for verdict in self.verdicts for one in verdict.false_alarms]
            wrong = [one for verdict in self.verdicts for one in verdict.wrong_level]
            mine = [one for one in alarms if one.code[3] in family]
            lines.append(
                f"{family + 'xx' if len(family) == 1 else 'all':<6}  {hits + misses:>8}  {hits:>3}"
                f"  {misses:>6}  {_share(hits, hits + misses):>6.3f}"
                f"  {_count(Severity.ERROR, mine):>13}  {_count(Severity.WARNING, mine):>14}"
                f"  {sum(one.code[3] in family for one in wrong):>11}"
            )
        lines.append(
            f"precision of errors {self.precision(Severity.ERROR):.3f}, "
            f"of warnings {self.precision(Severity.WARNING):.3f}; recall {self.recall():.3f} "
            f"({len(self.verdicts)} snippets)"
        )
        return "\n".join(lines)

    def details(self) -> Iterator[str]:
        """Give a line for each miss, false alarm and wrong level."""
        for verdict in self.verdicts:
            for expected in verdict.misses:
                where = f"{expected.path}:{expected.line}"
                yield f"miss   {verdict.name}  {where}  {expected.code} {expected.severity}"
            for kind, found in (("false", verdict.false_alarms), ("level", verdict.wrong_level)):
                for one in found:
                    where = f"{one.place.path}:{one.place.line}"
                    told = f"{one.code} {one.severity}  {one.told.sentence}"
                    yield f"{kind}  {verdict.name}  {where}  {told}"


def score(snippets: Iterable[Snippet], folder: Path, *, deep: bool = False) -> Score:
    """Judge all snippets, each laid out in a folder of its own below `folder`."""
    found = Score()
    for snippet in snippets:
        found.verdicts.append(
            judge(snippet, findings_in(snippet, folder / snippet.name, deep=deep))
        )
    return found


def findings_in(snippet: Snippet, folder: Path, *, deep: bool = False) -> list[Finding]:
    """Lint a snippet as `wfc lint` would in its folder: with its own settings, as one project."""
    for path, text in snippet.files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    for path in list(snippet.files):
        if path.endswith(".py"):
            for around in (folder / path).relative_to(folder).parents:
                if around.name:
                    (folder / around / "__init__.py").touch()
    (folder / "pyproject.toml").touch()
    job = job_of(load_settings(folder), deep=deep)
    return list(lint(job, files_in(job.project, ())).findings)


def judge(snippet: Snippet, findings: Iterable[Finding]) -> Verdict:
    """Compare findings with expectations, as the README of the corpus says."""
    judged = [one for one in findings if _is_judged(one)]
    wanted = [one for one in snippet.expected if one.code[3] in FAMILIES]
    met: list[Finding] = []
    wrong: list[Finding] = []
    alarms: list[Finding] = []
    hits = set[Expectation]()
    for one in judged:
        places, level = _places(one), one.severity.value
        located = [each for each in snippet.expected if each.located_by(one.code, places)]
        hits.update(located)
        if any(each.met_by(one.code, level, places) for each in located):
            met.append(one)
        elif located:
            wrong.append(one)
        elif not any((each.path, each.line) in places and each.code == one.code
                     for each in snippet.tolerated):  # fmt: skip
            alarms.append(one)
    return Verdict(
        snippet.name,
        tuple(met),
        tuple(wrong),
        tuple(alarms),
        tuple(one for one in wanted if one in hits),
        tuple(one for one in wanted if one not in hits),
    )


def _is_judged(finding: Finding) -> bool:
    return (
        finding.code[3] in FAMILIES
        and finding.severity is not Severity.INFO
        and not CATALOGUE[finding.code].off
    )


def _places(finding: Finding) -> frozenset[tuple[str, int]]:
    places = (finding.place, *(link.place for link in finding.told.chain))
    return frozenset((one.path, one.line) for one in places)


def _count(severity: Severity, findings: Iterable[Finding]) -> int:
    return Counter(one.severity for one in findings)[severity]


def _in(family: str, expected: Iterable[Expectation]) -> int:
    return sum(one.code[3] in family for one in expected)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def main() -> None:
    """Print the table, and the cases behind it if they are asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.lint_rules.blind")
    parser.add_argument("--all", action="store_true", help="print every miss and false alarm")
    parser.add_argument("--deep", action="store_true", help="let astroid infer, too")
    parser.add_argument("--snippets", type=Path, default=corpus.SNIPPETS)
    asked = parser.parse_args()
    snippets = [corpus.read(path) for path in sorted(asked.snippets.glob("*.txt"))]
    with tempfile.TemporaryDirectory() as folder:
        found = score(snippets, Path(folder), deep=asked.deep)
    lines = [found.table(), *(found.details() if asked.all else ())]
    sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main()
