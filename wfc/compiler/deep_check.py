"""What calls probably mean beyond what a module itself tells: attributes, containers, inheritance,
returns. Asked of astroid, for `build`, `check` and `lint` alone, never while something is imported.

An answer is a use like any other that gathering notes, only never a certain one, so it is judged by
the same table and told with the same chain, as a warning.
"""

from __future__ import annotations

import ast
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final

from wfc.compiler.effect_library import Library
from wfc.compiler.facts import ModuleFacts, ModuleSource, Reference
from wfc.compiler.gather import Gathered
from wfc.compiler.gather_effects import Effects, gather_effects
from wfc.compiler.gather_names import bound_by
from wfc.compiler.spans import span_of
from wfc.determinism import Reason, Rules, Verdict, lookup
from wfc.diagnostics import Diagnostic, Place, diagnostic
from wfc.ids import ModuleName
from wfc.manifests.bundle import Span

BUDGET_S: Final = 2.0
"""How long the check of one module may take before it stops and says so (WFC183). One inference may
read half the library, so astroid is made to look at the clock too: for each module that it reads
and each answer that it draws. What it overruns by is the reading of one file.
"""
_ANSWERS_MAX: Final = 5
_OTHER_NAMES: Final = {"_io.open": "builtins.open", "_io.open_code": "builtins.open"}

_OTHER_PLACES: Final = {
    "pathlib._abc.PathBase.": "pathlib.Path.",
    "pathlib._abc.PurePathBase.": "pathlib.PurePath.",
    "pathlib._local.": "pathlib.",
}
"""Where Python 3.13 keeps what its users know by the second name."""


@dataclass(slots=True)
class Deep:
    """What was found out about one module."""

    references: list[Reference] = field(default_factory=list)
    findings: list[Diagnostic] = field(default_factory=list)


def deepened(
    modules: Sequence[ModuleFacts],
    library: Library,
    gathered: Callable[[ModuleName], Gathered | None],
    budget_s: float = BUDGET_S,
) -> tuple[Effects, list[Diagnostic]]:
    """Judge again what workflows reach, with what can be inferred of the modules they reach.

    The second answer says which modules took too long.
    """
    inferred: dict[str, Sequence[Reference]] = {}
    late: list[Diagnostic] = []
    plain = gather_effects(modules, library)
    for name in plain.reached:
        source, known = library.source(name), gathered(name)
        if source is None or known is None:
            continue
        found = deep_check(source, known, library.rules, budget_s)
        inferred[name] = found.references
        late += found.findings
    deeper = Library(library.facts, library.source, library.rules, inferred=inferred)
    # What is known without inference stays as it was told; what is certain already need not be
    # probable elsewhere.
    told = {one.sentence for one in plain.diagnostics}
    more = [
        one
        for one in gather_effects(modules, deeper).diagnostics
        if one.sentence not in told and one.sentence.replace("probably ", "") not in told
    ]
    listed = sorted(
        [*plain.diagnostics, *more], key=lambda one: (one.place, one.code, one.sentence)
    )
    return replace(plain, diagnostics=tuple(listed)), late


def deep_check(
    source: ModuleSource,
    gathered: Gathered,
    rules: Rules,
    budget_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> Deep:
    """Infer the calls of a module whose names say nothing; step bodies are left out."""
    found = Deep()
    calls = deque(_unknown_calls(gathered))
    if not calls:
        return found
    deadline = _Deadline(clock() + budget_s, clock)
    inferred: _Inference | None = None
    while calls:
        call, symbols, function = calls[0]
        try:
            deadline.look()
            inferred = inferred or _Inference(source, deadline)
            target = inferred.target(call)
        except _OutOfTime:
            found.findings.append(_out_of_time(source, call, len(calls), budget_s))
            break
        calls.popleft()
        if target is not None and _is_refused(target, rules):
            found.references += [
                Reference(
                    target=target, span=span_of(call.func), within=symbol, function=function,
                    use="call", exact=False,
                )
                for symbol in symbols
            ]  # fmt: skip
    return found


def _unknown_calls(gathered: Gathered) -> Iterator[tuple[ast.Call, tuple[str, ...], str]]:
    """Give the calls of which names tell nothing: what they call is no import and no definition."""
    names, facts = gathered.names, gathered.facts
    known = {reference.span for reference in facts.references}
    within = bound_by(names)
    free = _step_spans(facts)
    tops = gathered.tree.body
    for top, statement in enumerate(tops):
        symbols = within.get(top, ())
        for node in ast.walk(statement) if symbols else ():
            if not isinstance(node, ast.Call) or isinstance(node.func, ast.Name):
                continue
            span = span_of(node.func)
            function = names.scope_of(node).function()
            if function is None or span in known or any(_holds(one, span) for one in free):
                continue
            yield node, symbols, function.qualname


def _step_spans(facts: ModuleFacts) -> list[Span]:
    return [one.span for one in facts.definitions if one.entry.kind == "step"]


def _holds(outer: Span, inner: Span) -> bool:
    return (outer.line, outer.column) <= (inner.line, inner.column) and (
        inner.end_line,
        inner.end_column,
    ) <= (outer.end_line, outer.end_column)


def _is_refused(target: str, rules: Rules) -> bool:
    entry = lookup(target, rules)
    if entry.verdict is not Verdict.REFUSED or entry.reason is Reason.UNKNOWN:
        return False
    return not (target.startswith("builtins.") and entry.name.endswith("*"))


def _out_of_time(source: ModuleSource, call: ast.Call, left: int, budget_s: float) -> Diagnostic:
    return diagnostic(
        "WFC183",
        Place(source.path, call.lineno, call.col_offset, call.lineno, call.col_offset),
        f"the deep check took longer than {budget_s:g} s; {left} calls from here on are unchecked",
    )


def _known_as(name: str) -> str:
    """Give the name by which users know what `name` defines."""
    for place, known in _OTHER_PLACES.items():
        if name.startswith(place):
            return known + name.removeprefix(place)
    return _OTHER_NAMES.get(name, name)


class _OutOfTime(Exception):
    """The budget of a module is used up. No error of astroid, which would take it for an answer."""


@dataclass(frozen=True, slots=True)
class _Deadline:
    """When the check of a module has to end."""

    at: float
    clock: Callable[[], float]

    def look(self) -> None:
        """Raise `_OutOfTime` if it has passed."""
        if self.clock() > self.at:
            raise _OutOfTime


class _Reading(set[str]):
    """The modules that astroid may not read: none, but asking for one looks at the clock."""

    def __init__(self, refused: set[str], deadline: _Deadline) -> None:
        super().__init__(refused)
        self.deadline = deadline

    def __contains__(self, name: object) -> bool:
        self.deadline.look()
        return super().__contains__(name)


@contextmanager
def _held_to(deadline: _Deadline) -> Iterator[None]:
    """Let astroid raise `_OutOfTime` from within: a thread or a signal could end it anywhere.

    Both places are settings of astroid that it asks before it goes on: which modules it may not
    read, and how many nodes it may infer.
    """
    from astroid.context import (  # type: ignore[import-untyped]  # noqa: PLC0415 - see below
        InferenceContext,
    )
    from astroid.manager import (  # type: ignore[import-untyped]  # noqa: PLC0415 - see below
        AstroidManager,
    )

    nodes_max, refused = InferenceContext.max_inferred, AstroidManager.brain["module_denylist"]

    def looked(_: object) -> int:
        deadline.look()
        return int(nodes_max)

    InferenceContext.max_inferred = property(looked)
    AstroidManager.brain["module_denylist"] = _Reading(refused, deadline)
    try:
        yield
    except _OutOfTime:
        # What was half read must not answer for the next module.
        AstroidManager().clear_cache()
        raise
    finally:
        InferenceContext.max_inferred = nodes_max
        AstroidManager.brain["module_denylist"] = refused


class _Inference:
    """astroid's tree of one module, made when the first call is asked for."""

    def __init__(self, source: ModuleSource, deadline: _Deadline) -> None:
        # Heavy, and never wanted while something is imported.
        import astroid  # type: ignore[import-untyped]  # noqa: PLC0415 - see above; it ships no types

        self._errors = (astroid.exceptions.AstroidError, RecursionError)
        self._unknown = astroid.Uninferable
        self._calls: dict[tuple[int, int, int | None, int | None], Any] = {}
        self._deadline = deadline
        try:
            with _held_to(deadline):
                tree = astroid.parse(source.text, module_name=source.name, path=source.filename)
        except self._errors:
            return
        for call in tree.nodes_of_class(astroid.nodes.Call):
            self._calls[call.lineno, call.col_offset, call.end_lineno, call.end_col_offset] = call

    def target(self, call: ast.Call) -> str | None:
        """Give the dotted name of what a call calls, if every answer is the same.

        Raises `_OutOfTime` if the answers take too long.
        """
        node = self._calls.get((call.lineno, call.col_offset, call.end_lineno, call.end_col_offset))
        if node is None:
            return None
        try:
            with _held_to(self._deadline):
                answers = list(islice(node.func.infer(), _ANSWERS_MAX))
        except self._errors:
            return None
        names = {self._name(answer) for answer in answers}
        name = names.pop() if len(names) == 1 else None
        return None if name is None else _known_as(name)

    def _name(self, answer: Any) -> str | None:
        if answer is self._unknown or not hasattr(answer, "qname"):
            return None
        return str(answer.qname())
