"""Lint files: which ones, each alone or as a part of the project, in processes, remembered.

An unchanged tree costs a stat of each file: the last result lies in the cache of builds, under the
contents of all files and everything else that it depends on.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgpack  # type: ignore[import-untyped] # the package ships no types

from wfc.compiler import cache
from wfc.compiler.facts import ModuleSource
from wfc.compiler.gather import why_unreadable
from wfc.compiler.processes import spread
from wfc.compiler.project import Project
from wfc.compiler.sources import is_house
from wfc.diagnostics import Diagnostic, Place, diagnostic
from wfc.ids import ModuleName
from wfc.lint_rules import finding as findings
from wfc.lint_rules.engine import Options, check, check_project
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.fixing import CODEMODS, Codemod, encoded, fixed_text
from wfc.lint_rules.neighbours import module_name, rules_around
from wfc.lint_rules.overview import Overview
from wfc.lint_rules.selection import Selection

_WORTH_PROCESSES: Final = 64
_UNREADABLE: Final = "WFC910"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """By what files are judged. It travels to other processes."""

    project: Project
    selection: Selection = field(default_factory=Selection)
    per_file: tuple[tuple[str, tuple[str, ...]], ...] = ()  # glob, codes to ignore there
    named: frozenset[Path] = frozenset()  # asked for by name: parsed even if nothing is ours
    deep: bool = False  # let astroid infer what names do not tell
    noqa: bool = True  # obey comments that silence linters
    recorded: tuple[str, ...] = ()  # ids of classes that values of an earlier build may name
    recorded_in: str = ""  # its manifest, as findings show it

    def options_of(self, shown: str, options: Options) -> Options:
        """Add what is to be ignored in the file that findings call `shown`."""
        more = [
            code
            for glob, codes in self.per_file
            if fnmatchcase(shown, glob) or fnmatchcase(shown.rpartition("/")[2], glob)
            for code in codes
        ]
        if not more:
            return options
        selection = replace(options.selection, ignore=(*options.selection.ignore, *more))
        return replace(options, selection=selection)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found, sorted, and in how many files it was looked for."""

    findings: tuple[Finding, ...]
    files: int


def files_in(project: Project, paths: Iterable[Path]) -> list[Path]:
    """Give the files that `paths` name: folders with all below them but what is ignored, sorted."""
    found: dict[Path, None] = {}
    for path in paths or (project.root,):
        whole = absolute(path)
        for one in project.python_files(whole) if whole.is_dir() else (whole,):
            found.setdefault(one, None)
    return sorted(found)


def absolute(path: Path) -> Path:
    """Give a path from the root on; unlike `resolve`, links in it stay."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - see above


def lint(
    job: Job,
    files: Sequence[Path],
    *,
    jobs: int = 1,
    out: Path | None = None,
    slot: str = "lint",
) -> Report:
    """Give the findings in `files`; with `out` (the folder of builds) they are remembered, the last
    ones of each `slot`.
    """
    index = cache.Index(out / "index" if out is not None else None)
    marked, state = _state(job, files, index)
    place = out / "cache" / slot if out is not None else None
    recalled = _recall(place, state)
    if recalled is None:
        recalled = _found(job, files, marked, jobs)
        _keep(place, state, recalled)
        if place is not None:
            index.save()
    return Report(findings=tuple(recalled), files=len(files))


def lint_text(job: Job, path: Path, data: bytes) -> Report:
    """Give the findings in what an editor holds under the name `path` but has not saved."""
    path = absolute(path)
    overview = Overview(job.project)
    found = _check_data(job, overview, path, data)
    return Report(findings=tuple(sorted(found, key=lambda one: one.order)), files=1)


def fixed(
    job: Job,
    path: Path,
    before: bytes,
    *,
    unsafe: bool = False,
    codemods: Mapping[str, Codemod] = CODEMODS,
) -> tuple[bytes, int]:
    """Give what the file at `path`, which holds `before`, would hold with its fixes done, and how
    many these are.
    """
    path = absolute(path)
    source = job.project.decode(path, module_name(path), before)
    if isinstance(source, Diagnostic):
        return before, 0

    def look(text: str) -> list[Finding]:
        found = _check_data(job, Overview(job.project), path, encoded(text, before))
        return sorted(found, key=lambda one: one.order)

    text, done = fixed_text(source.text, look, unsafe=unsafe, codemods=codemods)
    return encoded(text, before) if done else before, done


# --- looking -----------------------------------------------------------------------------------


def _found(
    job: Job, files: Sequence[Path], marked: tuple[ModuleName, ...], jobs: int
) -> list[Finding]:
    overview = Overview(
        job.project,
        marked,
        deep=job.deep,
        recorded=job.recorded,
        recorded_in=job.recorded_in,
    )
    shown = {_shown(job.project, path) for path in files}
    found = [
        one
        for one in check_project(overview, Options(selection=job.selection))
        # Settings concern whoever asks; other modules those who ask for them.
        if one.place.path in shown or not one.place.path.endswith(".py")
    ]
    if jobs > 1 and len(files) >= _WORTH_PROCESSES:
        jobs = min(jobs, len(files))
        work = [(job, files[start::jobs], marked) for start in range(jobs)]
        for part in spread(_check_files, work, jobs):
            found += part
    else:
        found += _check_files(job, files, marked, overview)
    found += [Finding(told=one) for one in overview.late if job.selection.wants(one.code)]
    return sorted(set(found), key=lambda one: one.order)


def _check_files(
    job: Job,
    files: Sequence[Path],
    marked: tuple[ModuleName, ...],
    overview: Overview | None = None,
) -> list[Finding]:
    """Look at files, by what this process knows of the project or finds out."""
    overview = overview or Overview(job.project, marked, deep=job.deep)
    found: list[Finding] = []
    for path in files:
        try:
            data = path.read_bytes()
        except OSError as error:
            found.append(_unreadable(job.project, path, error))
            continue
        found += _check_data(job, overview, path, data)
    return found


def _check_data(job: Job, overview: Overview, path: Path, data: bytes) -> list[Finding]:
    """Look at one file: as a module of the project if it is one, else alone."""
    project = job.project
    own = project.module_of(path)
    name = own if own is not None else module_name(path)
    if is_house(name):
        return []
    source = project.decode(path, name, data)
    if isinstance(source, Diagnostic):
        return [Finding(told=source)]
    options = Options(selection=job.selection, noqa=job.noqa)
    if own is not None:
        overview.put(source)
    else:
        source = replace(source, path=_shown(project, path))
        options = replace(options, rules=_rules_of(project, path))
    options = job.options_of(source.path, options)
    found = check(source, overview if own is not None else None, options)
    if not found and path in job.named:
        found = [Finding(told=one) for one in why_unreadable(source)]
    return found


def _rules_of(project: Project, path: Path) -> Any:
    around = rules_around(path)
    return replace(
        project.rules, packages=tuple(dict.fromkeys((*project.rules.packages, *around.packages)))
    )


def _shown(project: Project, path: Path) -> str:
    """Name a file that is none of the project's: relative to its root if below, else whole."""
    inside = path.is_relative_to(project.root)
    return (path.relative_to(project.root) if inside else path).as_posix()


def _unreadable(project: Project, path: Path, error: OSError) -> Finding:
    place = Place(_shown(project, path))
    why = error.strerror or str(error)
    return Finding(told=diagnostic(_UNREADABLE, place, f"the file cannot be read: {why}"))


def texts_of(project: Project, found: Iterable[Finding]) -> Mapping[str, str]:
    """Give the texts of the files that findings and their chains name, as far as readable."""
    shown = {one.place.path for one in found}
    shown |= {link.place.path for one in found for link in one.told.chain}
    texts: dict[str, str] = {}
    for path in sorted(shown):
        file = Path(path) if Path(path).is_absolute() else project.root / path
        try:
            source = project.decode(file, ModuleName(""), file.read_bytes())
        except OSError:
            continue  # the finding says so
        if isinstance(source, ModuleSource):
            texts[path] = source.text
    return texts


# --- remembering -------------------------------------------------------------------------------


def _state(
    job: Job, files: Sequence[Path], index: cache.Index
) -> tuple[tuple[ModuleName, ...], bytes]:
    """Give the modules that may hold directives, and a hash of all that a result depends on."""
    marked: list[ModuleName] = []
    lines = [repr(replace(job, named=frozenset())), *sorted(map(str, job.named))]
    seen: set[Path] = set()
    for name, path in job.project.files():
        known = index.look_up(str(path))
        lines.append(f"{name} {path} {known.hash.hex() if known else 'unreadable'}")
        seen.add(path)
        if known is not None and known.has_directive and not is_house(name):
            marked.append(name)
    for path in files:
        if path not in seen:
            known = index.look_up(str(path))
            lines.append(f"{path} {known.hash.hex() if known else 'unreadable'}")
    lines.append("\n".join(map(str, files)))
    return tuple(marked), cache.digest("\n".join(lines).encode("utf-8", "surrogateescape"))


def _recall(place: Path | None, state: bytes) -> list[Finding] | None:
    entry = cache.read_or_none(place) if place is not None else None
    opened = cache.unseal(entry, _key(), state) if entry is not None else None
    if opened is None:
        return None
    plain = msgpack.unpackb(opened[1], unicode_errors="surrogatepass")
    return [findings.from_plain(one) for one in plain]


def _keep(place: Path | None, state: bytes, found: Sequence[Finding]) -> None:
    if place is None:
        return
    body = msgpack.packb([findings.to_plain(one) for one in found], unicode_errors="surrogatepass")
    cache.write_whole(place, cache.seal(_key(), state, bytes(8), body))


@lru_cache(maxsize=1)
def _key() -> bytes:
    """Name this linter: any change of its code makes what it remembers stale."""
    parts = [cache.compiler_key(()).hex()]
    with os.scandir(Path(__file__).parent) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                known = entry.stat()
                parts.append(f"{entry.name} {known.st_mtime_ns} {known.st_size}")
    return cache.digest("\n".join(sorted(parts)).encode())
