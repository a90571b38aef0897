"""How right the linter is, by a corpus written before it: the figures of the specification.

The table stands in the output of this test; `python -m tests.lint_rules.blind --all` shows what is
behind it.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Final

import pytest

from tests.blind import corpus
from tests.lint_rules.blind import FAMILIES, Score, Verdict, findings_in, judge, score
from wfc.diagnostics import Place, Severity, diagnostic
from wfc.lint_rules.finding import Finding

_ERRORS_MIN: Final = 0.98
_WARNINGS_MIN: Final = 0.90
_RECALL_MIN: Final = 0.90


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Score:
    """Judge the whole corpus once."""
    return score(corpus.load(), tmp_path_factory.mktemp("blind"))


def test_errors_are_right_and_faults_are_found(
    judged: Score, capsys: pytest.CaptureFixture[str]
) -> None:
    """Users switch a linter off that cries without reason; one that is blind is of no use."""
    with capsys.disabled():
        print(f"\n{judged.table()}")  # noqa: T201 - the figures belong into the log of CI
    behind = "\n".join(judged.details())
    assert judged.precision(Severity.ERROR) >= _ERRORS_MIN, behind
    assert judged.precision(Severity.WARNING) >= _WARNINGS_MIN, behind
    assert judged.recall() >= _RECALL_MIN, behind


def test_no_family_is_left_behind(judged: Score) -> None:
    """A large family must not hide that a small one is not found."""
    assert [one for one in FAMILIES if judged.recall(one) < _RECALL_MIN] == []


def test_every_family_is_asked_for(judged: Score) -> None:
    """A share of nothing would prove nothing."""
    assert [one for one in FAMILIES if sum(judged.expected(one)) == 0] == []


# --- the judge itself ----------------------------------------------------------------------------

_FAULTY: Final = textwrap.dedent(
    """\
    === app/flow.py
    import time


    async def flow() -> None:
        "use workflow"
        time.sleep(1)  # expect: WFC207 error
        print(flow)  # may: WFC312
    """
)
_LINE: Final = 6


def _finding(code: str, line: int = _LINE) -> Finding:
    return Finding(told=diagnostic(code, Place("app/flow.py", line), "is wrong"))


def _verdict(*found: Finding) -> Verdict:
    return judge(corpus.parse("f000_sleeps", _FAULTY), found)


def test_a_fault_that_is_found_is_a_hit(tmp_path: Path) -> None:
    """The linter is asked as a user asks it, and the mark is not part of what it reads."""
    snippet = corpus.parse("f000_sleeps", _FAULTY)
    verdict = judge(snippet, findings_in(snippet, tmp_path))
    assert [one.code for one in verdict.met] == ["WFC207"]
    assert verdict.misses == ()
    assert verdict.false_alarms == ()


def test_a_fault_that_is_not_found_is_a_miss() -> None:
    """Another code on the line, or the code on another line, is no hit."""
    for verdict in (_verdict(), _verdict(_finding("WFC201")), _verdict(_finding("WFC207", 5))):
        assert len(verdict.misses) == 1
        assert Score([verdict]).recall() == 0


def test_what_nobody_expects_is_a_false_alarm() -> None:
    """It lowers the precision of its level, not of the other."""
    found = Score([_verdict(_finding("WFC207"), _finding("WFC201"))])
    assert found.precision(Severity.ERROR) == pytest.approx(0.5)
    assert found.precision(Severity.WARNING) == 1


def test_the_wrong_level_is_found_but_not_precise() -> None:
    """Who says "error" of what is inferred has refused a program on a guess."""
    text = _FAULTY.replace("WFC207 error", "WFC207 warning")
    verdict = judge(corpus.parse("f000_sleeps", text), [_finding("WFC207")])
    assert verdict.misses == ()
    assert Score([verdict]).precision(Severity.ERROR) == 0


@pytest.mark.parametrize("code", ["WFC312", "WFC131", "WFC350", "WFC903"])
def test_some_findings_do_not_count(code: str) -> None:
    """What is tolerated, what only informs, what is off, and what concerns settings."""
    verdict = _verdict(_finding(code, _LINE + 1))
    assert (verdict.false_alarms, verdict.met) == ((), ())
