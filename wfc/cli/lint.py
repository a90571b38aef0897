"""`wfc lint`: what is wrong with workflows and steps, file by file, and the cures done if asked."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from wfc.cli import formats, output
from wfc.cli.common import Common, command_app
from wfc.cli.failure import Exit
from wfc.cli.fixes import difference, fix_files
from wfc.cli.looking import Diff, Fix, Jobs, Watch, processes
from wfc.diagnostics import CATALOGUE, Severity
from wfc.errors import MissingExtra
from wfc.lint_rules import run
from wfc.lint_rules.asked import job_of
from wfc.lint_rules.neighbours import module_name
from wfc.lint_rules.registry import project_rules, rules
from wfc.lint_rules.selection import known_codes
from wfc.settings import Loaded

app = command_app()

_STDIN: Final = Path("-")
_DEBOUNCE_MS: Final = 200
_OF_COMPILER_END: Final = "WFC4"
_OF_RUNS: Final = frozenset(
    {"WFC160", "WFC161", "WFC162", "WFC163", "WFC164", "WFC165", "WFC166", "WFC183", "WFC190"}
)
"""Codes of the compiler's families that come when something is loaded, started or written."""


class Format(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    CONCISE = "concise"
    JSON = "json"
    JSONL = "jsonl"
    GITHUB = "github"
    SARIF = "sarif"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cures:
    """Which fixes are to be done, or only shown."""

    unsafe: bool
    show: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks for."""

    common: Common
    job: run.Job
    paths: tuple[Path, ...]
    stdin: Path | None  # what the text on stdin is called, if that is to be looked at
    cures: Cures | None
    form: Format
    jobs: int
    out: Path
    statistics: bool


Paths: TypeAlias = Annotated[
    list[Path] | None, typer.Argument(metavar="[PATH...]", help="Files, folders, or -.")
]
Select: TypeAlias = Annotated[
    list[str] | None, typer.Option(metavar="CODES", help="Report these alone, as WFC2,WFC301.")
]
Ignore: TypeAlias = Annotated[
    list[str] | None, typer.Option(metavar="CODES", help="Do not report these.")
]
ExtendSelect: TypeAlias = Annotated[
    list[str] | None, typer.Option(metavar="CODES", help="Report these too.")
]
UnsafeFixes: TypeAlias = Annotated[bool, typer.Option("--unsafe-fixes", help="Do the others too.")]
Deep: TypeAlias = Annotated[
    bool, typer.Option("--deep", help="Infer what names do not tell, which takes longer.")
]
Statistics: TypeAlias = Annotated[
    bool, typer.Option("--statistics", help="Count by code instead of listing.")
]
ExitZero: TypeAlias = Annotated[bool, typer.Option("--exit-zero", help="Exit 0 whatever is found.")]
StdinFilename: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="F", help="The name of what stands on stdin.")
]
Form: TypeAlias = Annotated[Format, typer.Option("--format", help="How findings are printed.")]


@app.command()
def lint(
    context: typer.Context,
    *,
    paths: Paths = None,
    select: Select = None,
    ignore: Ignore = None,
    extend_select: ExtendSelect = None,
    fix: Fix = False,
    unsafe_fixes: UnsafeFixes = False,
    diff: Diff = False,
    deep: Deep = False,
    watch: Watch = False,
    statistics: Statistics = False,
    exit_zero: ExitZero = False,
    jobs: Jobs = 0,
    stdin_filename: StdinFilename = None,
    form: Form = Format.TEXT,
) -> None:
    """Look for what is wrong with workflows and steps; exit 1 if something is."""
    common = Common.of(context)
    loaded = common.load()
    _tell_of_never_linted(common, (*_words(select), *_words(extend_select)))
    codes = {"select": select, "ignore": ignore, "extend_select": extend_select}
    cures = Cures(unsafe=unsafe_fixes, show=diff) if fix or unsafe_fixes or diff else None
    asked = Asked(
        common=common,
        job=job_of(loaded, deep=deep, **{name: _words(given) for name, given in codes.items()}),
        paths=tuple(paths or ()),
        stdin=_stdin(paths or [], stdin_filename),
        cures=cures,
        form=_form(common, form),
        jobs=processes(jobs),
        out=loaded.out,
        statistics=statistics,
    )
    if watch and cures is None and asked.stdin is None:
        asyncio.run(_watched(asked, loaded))
    elif _is_bad(asked) and not exit_zero:
        raise typer.Exit(Exit.NEGATIVE)


def _is_bad(asked: Asked) -> bool:
    """Do what is asked once, and tell whether something is left that is wrong."""
    if asked.stdin is not None:
        if asked.cures is not None:
            return _fixed_stdin(asked, asked.stdin, asked.cures)
        return _of_stdin(asked, asked.stdin)
    if asked.cures is not None:
        return _fixed(asked, asked.cures)
    return _reported(asked, _look(asked))


# --- what is asked -----------------------------------------------------------------------------


def _words(given: Sequence[str] | None) -> tuple[str, ...]:
    """Split lists between commas or spaces."""
    return tuple(word for text in given or () for word in text.replace(",", " ").split())


def _stdin(paths: Sequence[Path], name: Path | None) -> Path | None:
    """Give the name of what stands on stdin, if `-` or nothing but a name for it is given."""
    return (name or Path("stdin.py")) if _STDIN in paths or (name and not paths) else None


def _tell_of_never_linted(common: Common, words: tuple[str, ...]) -> None:
    """Note which of the selected codes no look at sources reports: those come while wfc works."""
    for word in known_codes(words):
        if not any(code.startswith(word) and _is_linted(code) for code in CATALOGUE):
            output.note(
                common, f"{word} is never reported by the linter; wfc explain {word} tells who does"
            )


def _is_linted(code: str) -> bool:
    """Tell whether the linter can report a code, by a rule of its own or as the compiler does."""
    own = any(code in rule.codes for rule in rules())
    own = own or any(code in rule.codes for rule in project_rules())
    return own or (code < _OF_COMPILER_END and code not in _OF_RUNS) or code == "WFC910"


def _form(common: Common, form: Format) -> Format:
    if form is not Format.TEXT:
        return form
    return Format.JSONL if common.jsonl else Format.JSON if common.json else form


# --- what is done ------------------------------------------------------------------------------


def _look(asked: Asked) -> run.Report:
    files = run.files_in(asked.job.project, asked.paths)
    named = frozenset(run.absolute(path) for path in asked.paths if not path.is_dir())
    job = replace(asked.job, named=named)
    return run.lint(job, files, jobs=asked.jobs, out=asked.out)


def _of_stdin(asked: Asked, name: Path) -> bool:
    data = sys.stdin.buffer.read()
    report = run.lint_text(asked.job, name, data)
    source = asked.job.project.decode(name, module_name(name), data)
    shown = {one.place.path for one in report.findings}
    text = getattr(source, "text", "")
    return _print(asked, report, dict.fromkeys(shown, text))


def _reported(asked: Asked, report: run.Report) -> bool:
    return _print(asked, report, run.texts_of(asked.job.project, report.findings))


def _print(asked: Asked, report: run.Report, texts: formats.Texts) -> bool:
    """Print a report and tell whether it holds more than information."""
    found = report.findings
    bad = any(one.severity is not Severity.INFO for one in found)
    if asked.statistics:
        _count(asked, report)
        return bad
    match asked.form:
        case Format.TEXT:
            _write(formats.as_text(found, texts))
        case Format.CONCISE:
            _write(formats.as_concise(found, texts))
        case Format.GITHUB:
            _write(formats.as_github(found, texts))
        case Format.SARIF:
            _write([formats.as_sarif(found, texts)])
        case Format.JSONL:
            output.result(asked.common.as_jsonl(), "lint", formats.as_plain(found, texts))
        case Format.JSON:
            output.result(asked.common.as_json(), "lint", formats.as_plain(found, texts))
    output.note(asked.common, _summary(report))
    return bad


def _write(lines: formats.Lines) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")


def _count(asked: Asked, report: run.Report) -> None:
    counts = Counter(one.code for one in report.findings)
    rows = [
        {"count": count, "code": code, "name": CATALOGUE[code].name}
        for code, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    common = asked.common
    if asked.form is Format.JSON:
        common = common.as_json()
    elif asked.form is Format.JSONL:
        common = common.as_jsonl()
    output.result(common, "lint-statistics", rows)


def _summary(report: run.Report) -> str:
    counts = Counter(one.severity for one in report.findings)
    errors = output.counted(counts[Severity.ERROR], "error")
    warnings = output.counted(counts[Severity.WARNING], "warning")
    fixable = sum(one.fix is not None and one.fix.safe for one in report.findings)
    more = f"; {fixable} can be fixed by --fix" if fixable else ""
    return f"{errors}, {warnings} in {output.counted(report.files, 'file')}{more}"


# --- fixing ------------------------------------------------------------------------------------


def _fixed(asked: Asked, cures: Cures) -> bool:
    """Do the fixes of every file that has any, or show them; then report what is left."""
    report = _look(asked)
    write = not cures.show
    changed = fix_files(asked.job, report.findings, unsafe=cures.unsafe, write=write)
    if write:
        output.note(asked.common, f"{changed} fixed")
        return _reported(asked, _look(asked))
    output.note(asked.common, f"{changed} would be fixed")
    return changed > 0


def _fixed_stdin(asked: Asked, name: Path, cures: Cures) -> bool:
    """Print what stands on stdin with its fixes done, or the difference: an editor takes it."""
    before = sys.stdin.buffer.read()
    after, done = run.fixed(asked.job, name, before, unsafe=cures.unsafe)
    if cures.show:
        sys.stdout.write(difference(str(name), before, after))
    else:
        sys.stdout.buffer.write(after)
    output.note(asked.common, f"{done} {'would be fixed' if cures.show else 'fixed'}")
    return cures.show and done > 0


# --- watching ----------------------------------------------------------------------------------


async def _watched(asked: Asked, loaded: Loaded) -> None:
    """Report at first everything, then what is new and how much is cured, until Ctrl-C."""
    try:
        import watchfiles  # noqa: PLC0415 - an extra
    except ImportError:
        message = (
            "`--watch` needs the library watchfiles, which is not installed.\n"
            "Install it: pip install 'wfc-durable[dev]'"
        )
        raise MissingExtra(message) from None
    known: set[str] = set()
    known = _tell_news(asked, known)
    files = watchfiles.PythonFilter(extra_extensions=(".toml",))
    async for _ in watchfiles.awatch(loaded.root, watch_filter=files, debounce=_DEBOUNCE_MS):
        known = await asyncio.to_thread(_tell_news, asked, known)


def _tell_news(asked: Asked, known: set[str]) -> set[str]:
    report = _look(asked)
    texts = run.texts_of(asked.job.project, report.findings)
    now = set(formats.as_text(report.findings, texts))
    _write(sorted(now - known))
    sys.stdout.flush()
    output.note(asked.common, f"{_summary(report)}; {len(known - now)} cured")
    return now
