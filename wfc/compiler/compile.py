"""Compile a module: gather its facts, judge them, write both bundles, prove that nothing moved.

`compile_module` orders the passes; each of them computes and none decides. Code objects are made of
the bundles in `manifests.code`, at import and in a worker alike.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TypeAlias

from wfc.compiler.facts import Compiled, ModuleSource
from wfc.compiler.gather import Gathered, gather_tree
from wfc.compiler.gather_sites import gather_sites
from wfc.compiler.verify import moved
from wfc.compiler.write_step_bundle import write_step_bundle
from wfc.compiler.write_workflow_bundle import write_workflow_bundle
from wfc.diagnostics import Diagnostic, Severity

Judge: TypeAlias = Callable[[Gathered], tuple[Diagnostic, ...]]
"""Finds effects; needs other modules, so the build brings it along."""


def compile_module(
    source: ModuleSource, *, reached: Collection[str] = (), judge: Judge | None = None
) -> Compiled:
    """Compile one module.

    `reached` are the names of this module that workflows of other modules reach; they, and what the
    module's own workflows reach, make up its workflow bundle. Errors leave both bundles unwritten.
    """
    gathered = gather_module(source)
    return write_module(
        source, gathered, reached=reached, findings=judge(gathered) if judge else ()
    )


def gather_module(source: ModuleSource) -> Gathered:
    """Give all facts of a module, its sites included; what Python cannot read becomes a finding."""
    gathered = gather_tree(source)
    if not gathered.tree.body:
        return gathered
    sites = gather_sites(gathered.tree, gathered.names, source.name, source.text)
    return replace(gathered, facts=replace(gathered.facts, sites=sites))


def write_module(
    source: ModuleSource,
    gathered: Gathered,
    *,
    reached: Collection[str] = (),
    findings: Sequence[Diagnostic] = (),
) -> Compiled:
    """Write the bundles of a module whose facts are known, unless an error stands in the way."""
    facts = gathered.facts
    diagnostics = (*facts.findings, *findings)
    if any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics):
        return Compiled(step=None, workflow=None, facts=facts, diagnostics=diagnostics)
    main_blocks = gathered.names.walked.main_blocks
    step = write_step_bundle(source, gathered.tree, facts, main_blocks)
    workflow = write_workflow_bundle(source, gathered.tree, facts, reached)
    written = (step,) if workflow is None else (step, workflow)
    faults = [fault for one in written for fault in moved(source, gathered.tree, facts, one)]
    if faults:
        diagnostics = (*diagnostics, *faults)
        return Compiled(step=None, workflow=None, facts=facts, diagnostics=diagnostics)
    return Compiled(step=step, workflow=workflow, facts=facts, diagnostics=diagnostics)
