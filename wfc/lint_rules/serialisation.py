"""Family 4: what crosses the border of a run, and whether it can be recorded."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from wfc.lint_rules.finding import Finding
from wfc.lint_rules.module import Marked, Module
from wfc.lint_rules.registry import rule
from wfc.manifests.bundle import Receiver


@rule("WFC403")
def unannotated(module: Module) -> Iterator[Finding]:
    """Find a marked function that leaves a parameter or its result without an annotation."""
    for mark in module.marked:
        missing = list(_missing(mark))
        if missing:
            yield module.finding(
                "WFC403",
                mark.node,
                f'the {mark.kind} "{mark.qualname}" does not annotate {" and ".join(missing)}, so '
                "a value read from the log cannot be checked",
            )


def _missing(mark: Marked) -> Iterator[str]:
    arguments = mark.node.args
    named = [*arguments.posonlyargs, *arguments.args]
    if mark.definition.entry.receiver in {Receiver.SELF, Receiver.CLASS}:
        named = named[1:]
    extra: list[ast.arg | None] = [*arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    for argument in (*named, *extra):
        if argument is not None and argument.annotation is None:
            yield f"`{argument.arg}`"
    if mark.node.returns is None:
        yield "its result"
