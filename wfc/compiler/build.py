"""Build a version: find, gather, judge, write, name; then publish it, last and atomically.

Nothing that is written depends on paths, time, locale, seed or the number of processes. An
unchanged tree costs a stat and a scan of each file; a changed module is written anew, the rest
comes out of the cache.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from wfc.compiler import cache, findings
from wfc.compiler.compile import compile_module, gather_module, write_module
from wfc.compiler.effect_library import Library
from wfc.compiler.facts import Compiled, ModuleFacts, ModuleSource
from wfc.compiler.gather_effects import Effects, gather_effects
from wfc.compiler.gather_renames import renames_of
from wfc.compiler.kept import Kept
from wfc.compiler.meaning import Parts, depends_on, environment_of, version_of
from wfc.compiler.operations import judge_markers
from wfc.compiler.processes import spread
from wfc.compiler.project import Project
from wfc.compiler.schemas import Load
from wfc.compiler.sources import UNREADABLE, Sources, is_house
from wfc.diagnostics import Diagnostic, Place, diagnostic
from wfc.errors import UnknownSyntax
from wfc.ids import ModuleName
from wfc.manifests.fingerprint import Unit
from wfc.manifests.old_names import OldNames
from wfc.manifests.store import (
    Version,
    current_version,
    set_current,
    version_id,
    write_version,
)

Progress = Callable[[int, int, str], None]
"""Told how many modules are done, of how many, and which was the last."""
_WORTH_PROCESSES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """What a build found. There is no version if a finding is an error."""

    version: Version | None
    diagnostics: tuple[Diagnostic, ...]
    changed: tuple[ModuleName, ...] = ()
    """The modules that were written anew, not taken from the cache."""
    timings: Mapping[str, float] = field(default_factory=dict)
    """Seconds by phase."""
    folder: Path | None = None
    """Where the version stands, if it was written."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """The sources that were read, by the path that findings show: `diagnostics.render` asks."""

    @property
    def ok(self) -> bool:
        """Tell whether no finding is an error."""
        return not findings.has_error(self.diagnostics)


def build(
    project: Project,
    *,
    out: Path | None,
    jobs: int = 1,
    check: bool = False,
    clean: bool = False,
    progress: Progress | None = None,
    load: Load | None = None,
) -> BuildResult:
    """Build all workflows of `project`, into the folder `out` or (None) in memory alone.

    `check` writes nothing, `clean` forgets the caches first. `load` executes workflow bundles, for
    the schemas of their types; without it the manifest has none. Errors of sources are findings;
    what is raised is a fault of ours or of the disk.
    """
    if clean and out is not None and not check:
        shutil.rmtree(out / "cache", ignore_errors=True)
        (out / "index").unlink(missing_ok=True)
    may_write = out is not None and not check
    return _Build(project, out, jobs, may_write=may_write, progress=progress, load=load).run()


class _Build:
    """One build. `run` decides the order of things; the others do one of them each."""

    def __init__(
        self,
        project: Project,
        out: Path | None,
        jobs: int,
        *,
        may_write: bool,
        progress: Progress | None,
        load: Load | None,
    ) -> None:
        self.project = project
        self.load = load
        self.out = out
        self.jobs = jobs
        self.may_write = may_write
        self.progress: Progress = progress or (lambda done, total, name: None)  # noqa: ARG005
        self.index = cache.Index(out / "index" if out is not None else None)
        self.kept = Kept(out, may_write=may_write)
        self.sources = Sources(project)
        self.code = Library(self.sources.facts, self.sources.source, project.rules)
        self.findings: list[Diagnostic] = []
        self.renamed: Mapping[str, tuple[str, ...]] = {}
        self.changed: list[ModuleName] = []
        self.timings: dict[str, float] = {}

    def run(self) -> BuildResult:
        with self._timed("scan"):
            marked, state = self._scan()
        with self._timed("recall"):
            recalled = self._recall(state)
        if recalled is not None:
            return recalled
        with self._timed("gather"):
            facts = self._gather(marked)
        with self._timed("judge"):
            effects = gather_effects(facts, self.code)
            self._judge_names(facts, effects)
        self.findings += [*self.sources.findings, *effects.diagnostics]
        self.findings += [finding for one in facts for finding in one.findings]
        with self._timed("write"):
            written = self._write(facts, effects)
        with self._timed("name"):
            version = self._version(facts, effects, written)
        with self._timed("publish"):
            return self._publish(version, effects, state)

    # --- find ---

    def _scan(self) -> tuple[list[ModuleName], bytes]:
        """Find the modules that may hold directives, and name the state of the whole tree."""
        marked: list[ModuleName] = []
        lines: list[str] = [repr(self.project.rules), repr(self.project.source)]
        lines.append("with schemas" if self.load is not None else "without schemas")
        for name, path in self.project.files():
            if is_house(name):
                continue
            known = self.index.look_up(str(path))
            if known is None:
                found = self.project.read_file(path, name)
                if isinstance(found, Diagnostic):
                    self.findings.append(found)
                lines.append(f"{name} unreadable")
                continue
            lines.append(f"{name} {self.project.shown(path)} {known.hash.hex()}")
            if known.has_directive:
                marked.append(name)
        self.findings += self.project.doubly_named()
        return marked, cache.digest("\n".join(lines).encode("utf-8", "surrogateescape"))

    # --- an unchanged tree ---

    def _recall(self, state: bytes) -> BuildResult | None:
        """Give what the last build gave, if nothing has changed since."""
        kept = None if self.findings else self.kept.result(state)
        if kept is None or self.out is None:
            return None
        version, listed = kept
        if self.may_write and current_version(self.out) != version.id:
            set_current(self.out, version.id)
        folder = self.out / "versions" / version.id
        return BuildResult(version=version, diagnostics=listed, timings=self.timings, folder=folder)

    # --- gather ---

    def _gather(self, marked: Sequence[ModuleName]) -> list[ModuleFacts]:
        if self.jobs > 1 and len(marked) >= _WORTH_PROCESSES:
            self._gather_in_processes(marked)
        facts = []
        for done, name in enumerate(marked, 1):
            source = self.sources.source(name)
            found = self.sources.facts(name)
            if found is not None:
                facts.append(found)
            elif source is None:
                self._say_unreadable(name)
            self.progress(done, 2 * len(marked), name)
        return facts

    def _say_unreadable(self, name: ModuleName) -> None:
        path = self.project.path_of(name)
        if path is not None:
            found = self.project.read_file(path, name)
            if isinstance(found, Diagnostic):
                self.findings.append(found)

    def _gather_in_processes(self, marked: Sequence[ModuleName]) -> None:
        sources = [one for name in marked if (one := self.sources.source(name)) is not None]
        for name, facts in spread(_facts_of, [(one,) for one in sources], self.jobs):
            if facts is not None:
                self.sources.known[name] = facts

    # --- judge ---

    def _judge_names(self, facts: Sequence[ModuleFacts], effects: Effects) -> None:
        """Judge markers and rename hints in all modules that workflows reach."""
        self.places = self.sources.places(facts)
        modules: list[tuple[ModuleSource, Unit]] = []
        for name in sorted({one.name for one in facts} | set(effects.reached)):
            source, unit = self.sources.source(name), self.sources.unit(name)
            if source is not None and unit is not None:
                modules.append((source, unit))
                self.findings += judge_markers(unit, self.places)
        self.renamed, wrong = renames_of(modules, self.project.rules.renamed, self.sources.unit)
        self.findings += wrong
        self.places.names = OldNames(self.renamed)

    # --- write ---

    def _write(self, facts: Sequence[ModuleFacts], effects: Effects) -> dict[ModuleName, Compiled]:
        """Write the bundles of marked modules, and of those that workflows reach."""
        marked = {one.name for one in facts}
        names = sorted(marked | set(effects.reached))
        written: dict[ModuleName, Compiled] = {}
        work: list[tuple[ModuleSource, tuple[str, ...]]] = []
        for name in names:
            source, found = self.sources.source(name), self.sources.facts(name)
            if source is None or found is None or findings.has_error(found.findings):
                continue
            reached = tuple(sorted(effects.reached.get(name, ())))
            recalled = self.kept.bundles(source, reached)
            if recalled is not None:
                written[name] = Compiled(step=recalled[0], workflow=recalled[1], facts=found)
            else:
                work.append((source, reached))
        asked = {source.name: (source, reached) for source, reached in work}
        for done, (name, compiled) in enumerate(self._written(work), 1):
            written[name] = compiled
            self.changed.append(name)
            if compiled.step is None:
                self.findings += compiled.diagnostics
            else:
                self.kept.keep_bundles(*asked[name], compiled)
            self.progress(len(names) + done, len(names) + len(work), name)
        return written

    def _written(
        self, work: Sequence[tuple[ModuleSource, tuple[str, ...]]]
    ) -> Iterator[tuple[ModuleName, Compiled]]:
        if self.jobs > 1 and len(work) >= _WORTH_PROCESSES:
            yield from spread(_compiled, work, self.jobs)
            return
        for source, reached in work:
            gathered = self.sources.gather(source.name)
            if gathered is not None:
                yield source.name, write_module(source, gathered, reached=reached)

    # --- name and publish ---

    def _version(
        self,
        facts: Sequence[ModuleFacts],
        effects: Effects,
        written: Mapping[ModuleName, Compiled],
    ) -> Version | None:
        if findings.has_error(self.findings):
            return None
        marked = {one.name for one in facts if one.definitions}
        workflow = {name: one.workflow for name, one in written.items() if one.workflow is not None}
        step = {
            name: one.step
            for name, one in written.items()
            if one.step is not None and name in marked
        }
        hashes = {one.module: one.source_sha256 for one in (*workflow.values(), *step.values())}
        own = {
            one.name: source.text
            for one in facts
            if any(definition.entry.kind == "workflow" for definition in one.definitions)
            and (source := self.sources.source(one.name)) is not None
        }
        try:
            return version_of(
                version_id(self.project.rules, hashes),
                Parts(
                    rules=self.project.rules,
                    facts=[one for one in facts if one.definitions],
                    places=self.places,
                    code=self.code,
                    effects=effects,
                    renamed=self.renamed,
                    workflow=workflow,
                    step=step,
                    source=own,
                ),
                self.load,
            )
        except UnknownSyntax as error:
            self.findings.append(diagnostic("WFC698", Place("pyproject.toml"), str(error)))
            return None

    def _publish(self, version: Version | None, effects: Effects, state: bytes) -> BuildResult:
        listed = findings.ordered(self.findings)
        folder = None
        if version is not None and self.out is not None and self.may_write:
            plain = [findings.to_plain(one) for one in listed]
            folder = write_version(
                version,
                self.out,
                environment=environment_of(version, depends_on(effects.externals)),
                diagnostics=plain,
            )
            set_current(self.out, version.id)
            self.kept.keep_result(version.id, plain, state)
        if self.may_write:
            self.index.save()
        return BuildResult(
            version=version,
            diagnostics=listed,
            changed=tuple(sorted(self.changed)),
            timings=self.timings,
            folder=folder,
            texts=self.sources.texts(),
        )

    # --- helpers ---

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.timings[phase] = time.perf_counter() - began


def _facts_of(source: ModuleSource) -> tuple[ModuleName, ModuleFacts | None]:
    with suppress(*UNREADABLE):
        return source.name, gather_module(source).facts
    return source.name, None


def _compiled(source: ModuleSource, reached: tuple[str, ...]) -> tuple[ModuleName, Compiled]:
    return source.name, compile_module(source, reached=reached)
