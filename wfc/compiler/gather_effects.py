"""Shake first, judge after: follow references from each workflow, then judge what was reached.

One breadth-first walk begins at all workflows at once, so whatever is reached is reached by the
shortest chain, and one cause is one finding however many workflows lead to it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from wfc.compiler import agent_effects
from wfc.compiler.agent_effects import Given
from wfc.compiler.allowances import Allowance, Allowances
from wfc.compiler.effect_graph import HARMLESS, Graph, LiveGraph
from wfc.compiler.effect_library import Library, Node
from wfc.compiler.facts import (
    Construction,
    Fill,
    Hazard,
    Import,
    ModuleFacts,
    Reference,
)
from wfc.determinism import Entry, Reason, Verdict, lookup
from wfc.determinism.extensions import code_of
from wfc.diagnostics import Diagnostic, Link, Place, Severity, diagnostic
from wfc.ids import ModuleName
from wfc.manifests.bundle import Span

_IDIOMS: Final = frozenset(
    {("__hash__", "builtins.hash"), ("__hash__", "builtins.id"), ("__repr__", "builtins.id")}
)
"""Uses by which a class only says how it is looked up and shown; no order comes of them."""
_VERBS: Final = {"call": "calls", "subclass": "subclasses", "register": "registers"}
_OF_RUNS: Final = frozenset({"WFC331", "WFC332"})
"""Hazards that are none while a module loads: state is written once then, for all runs alike."""
_STEP: Final = 'a step (a function that begins with "use step", awaited here)'
_REFUSED_AS: Final = {
    "WFC301": "read while loading",
    "WFC210": "refused while loading",
    "WFC211": "refused while loading",
}
_CHASES_MAX: Final = 100
_KINDS: Final[Mapping[str, frozenset[tuple[str, bool]]]] = {
    "operations": frozenset({("step", True), ("step", False), ("workflow", True)}),
    "coroutines": frozenset({("step", True), ("workflow", True)}),
    "sync steps": frozenset({("step", False)}),
}
"""What `Hazard.among` asks of a marked function: its kind, and whether it is `async`."""
_CLAUSES: Final[Mapping[Reason, str]] = {
    Reason.NETWORK: "(network); a replay would repeat it",
    Reason.DISK: "(disk); a replay could find other content",
    Reason.PROCESS: "(process); a replay would repeat it",
    Reason.THREAD: "(thread); a replay could not put its threads in the same order",
    Reason.RANDOM: "(random); a replay must draw the same again, and so could anybody",
    Reason.ENVIRONMENT: "(environment); a replay on another machine would read otherwise",
    Reason.CLOCK: "(clock); a replay would read another time or wait again",
    Reason.ADDRESS: "(address); it differs in each process",
    Reason.REFLECTION: "(reflection); it sees the machinery of the replay",
    Reason.STATE: "(state); a replay could find another state",
    Reason.ORDER: "(order); a replay could see another order",
    Reason.UNKNOWN: "of a package that wfc knows nothing about; it may do anything",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What all workflows reach, and what is wrong with it."""

    diagnostics: tuple[Diagnostic, ...]
    reached: Mapping[ModuleName, frozenset[str]]
    """The names of each module that a workflow reaches, its own included."""
    externals: frozenset[str]
    """Dotted names outside the project that workflow code uses."""
    allowed: tuple[tuple[str, str, str], ...]
    """Code, definition or module, reason, of each exemption that was used."""
    used: Mapping[ModuleName, frozenset[ModuleName]]
    """By module with a workflow, the first-party modules its workflows reach."""


def gather_effects(modules: Iterable[ModuleFacts], library: Library) -> Effects:
    """Shake and judge from every workflow of `modules`."""
    ordered = sorted(modules, key=lambda facts: facts.name)
    workflows = [
        (Node(facts.name, definition.entry.qualname.partition(".")[0]), definition.entry.qualname)
        for facts in ordered
        for definition in facts.definitions
        if definition.entry.kind == "workflow"
    ]
    graph, live = Graph(library), LiveGraph(library)
    graph.walk(workflows)
    live.walk(workflows)
    judge = _Judge(live)
    found = [finding for node in live.steps for finding in judge.node(node)]
    found += [finding for node in live.steps for finding in judge.hazards(node)]
    for facts in ordered:
        found += judge.dropped(facts)
        found += judge.dropped_imports(facts)
    found += judge.fills_elsewhere()
    reached: dict[ModuleName, set[str]] = {}
    for node in graph.steps:
        reached.setdefault(node.module, set()).add(node.name)
    found += judge.allowances.findings(reached)
    return Effects(
        diagnostics=tuple(sorted(found, key=lambda one: (one.place, one.code, one.sentence))),
        reached={name: frozenset(names) for name, names in sorted(reached.items())},
        externals=frozenset(graph.externals()),
        allowed=tuple(sorted(judge.allowed)),
        used=graph.used(),
    )


class _Judge:
    """What is refused of that which is reached."""

    def __init__(self, graph: LiveGraph) -> None:
        self.graph = graph
        self.library = graph.library
        self.allowed: set[tuple[str, str, str]] = set()
        self.allowances = Allowances(graph.library.source)
        self.seen: set[tuple[str, str, Span]] = set()

    def node(self, node: Node) -> Iterator[Diagnostic]:
        """Judge the references in the statements of a reached node."""
        facts = self.library.facts(node.module)
        if facts is None:
            return
        for reference in self.library.references(facts, node.name):
            if not self.graph.runs(facts, reference.function):
                continue
            if reference.use != "annotation":
                yield from self.lookups(node, reference, facts)
                yield from self.agents(node, reference)
            if reference.starred or reference.use in HARMLESS:
                continue
            if self.library.locate(reference.target) is None:
                yield from self.external(node, reference)

    def agents(self, node: Node, reference: Reference) -> Iterator[Diagnostic]:
        """Judge what is done with an agent: run though nothing records it, or made at each call."""
        fault = agent_effects.fault_of(self.library, node, reference)
        is_made = fault is None and agent_effects.makes_agent(self.library, reference)
        if is_made and not self.graph.only_loads(node, reference.function):
            fault = agent_effects.made_anew(reference.function)
        if fault is not None:
            at = replace(reference, exact=reference.exact and fault.certain)
            yield from self._told(node, fault.code, at, fault.sentence, fault.what, fix=fault.fix)

    def external(self, node: Node, reference: Reference) -> Iterator[Diagnostic]:
        """Judge one use of a name from outside of the project."""
        target = self.library.external(reference.target)
        entry = self._entry(reference, target)
        if entry is None or entry.followed:
            return  # told elsewhere, or a name that its first-party module does not hold
        if (reference.function.rpartition(".")[2], target) in _IDIOMS:
            return
        code = self._code(node, reference, entry)
        if code is None or (code, node.module, reference.span) in self.seen:
            return
        self.seen.add((code, node.module, reference.span))
        finding = self._finding(code, node, reference, target, entry)
        if finding is not None:
            yield finding

    def lookups(self, node: Node, reference: Reference, facts: ModuleFacts) -> Iterator[Diagnostic]:
        """Judge a name of which nobody can tell where it comes from."""
        name = reference.target.rpartition(".")[2]
        if reference.starred:
            for one in facts.imports:
                if one.name == "*" and reference.target.startswith(f"{one.module}."):
                    yield from self._of_star(node, reference, facts, one)
            return
        module = self.library.computing(reference.target)
        if module is not None:
            sentence = f"reaches `{name}`, which the `__getattr__` of `{module}` computes"
            yield from self._told(node, "WFC123", reference, sentence, "asks `__getattr__`")

    def _of_star(
        self, node: Node, reference: Reference, facts: ModuleFacts, star: Import
    ) -> Iterator[Diagnostic]:
        """Tell at the star import itself that a workflow needs a name of it."""
        source = self.library.source(facts.name)
        place = _place(source.path if source else facts.name, star.span)
        if any(one.code == "WFC121" and one.place == place for one in facts.findings):
            return
        name = reference.target.rpartition(".")[2]
        at = replace(reference, span=star.span, function="", exact=True)
        what = f"may bind `{name}`, used on line {reference.span.line}"
        sentence = f"needs `{name}`, which `from {star.module} import *` may bind, or may not"
        for finding in self._told(node, "WFC121", at, sentence, what):
            yield replace(finding, place=place)

    def hazards(self, node: Node) -> Iterator[Diagnostic]:
        """Judge what the statements of a reached node do beside using names."""
        facts = self.library.facts(node.module)
        if facts is None:
            return
        for hazard in facts.hazards:
            if hazard.within != node.name or not self.graph.runs(facts, hazard.function):
                continue
            if hazard.target and not self._is_among(hazard):
                continue
            if hazard.code in _OF_RUNS and self.graph.only_loads(node, hazard.function):
                continue
            yield from self._told(
                node, hazard.code, hazard, f"reaches code that {hazard.sentence}", hazard.sentence
            )
        for made in facts.constructions:
            if made.within == node.name and self.graph.runs(facts, made.function):
                left_out = tuple(self._left_out(made))
                if not left_out:
                    continue
                field, made_by = left_out[0]
                name = made.target.rpartition(".")[2]
                sentence = (
                    f"builds `{name}` without `{field}`, which `{made_by}` then fills; a "
                    "replay would fill in something else"
                )
                fix = "pass " + ", ".join(f"`{one}`" for one in dict(left_out))
                fix += "; what workflow code itself draws or reads is the same at each replay"
                what = f"leaves out {field}"
                yield from self._told(node, "WFC302", made, sentence, what, fix=fix)

    def _is_among(self, hazard: Hazard) -> bool:
        """Tell whether what a name means, there or in another module, makes a hazard of its use."""
        if hazard.among == "modules":
            return self.library.facts(self.library.external(hazard.target)) is not None
        if hazard.among in _KINDS:
            entry = self.library.definition(hazard.target)
            return entry is not None and (entry.kind, entry.is_async) in _KINDS[hazard.among]
        name = hazard.target.removesuffix("()")
        nodes = self.library.locate(name)
        facts = self.library.facts(nodes[-1].module) if nodes else None
        if not nodes or facts is None:
            return False
        held = nodes[-1].name + hazard.target[len(name) :]  # with `()`, what it returns
        return held in (facts.sets if hazard.among == "sets" else facts.containers)

    def _left_out(self, made: Construction) -> Iterator[tuple[str, str]]:
        """Give the fields that a construction leaves to a factory that draws or reads a clock."""
        nodes = self.library.locate(made.target)
        facts = self.library.facts(nodes[-1].module) if nodes else None
        if not nodes or facts is None:
            return
        for factory in facts.factories:
            if factory.owner != nodes[-1].name or factory.field in made.given:
                continue
            entry = lookup(self.library.external(factory.made_by), self.library.rules)
            drawn = entry.verdict is Verdict.SHIM and entry.reason in (Reason.CLOCK, Reason.RANDOM)
            if drawn and made.count <= factory.place:
                yield factory.field, factory.made_by

    def _told(
        self,
        node: Node,
        code: str,
        at: Hazard | Construction | Reference,
        sentence: str,
        what: str,
        *,
        fix: str | None = None,
    ) -> Iterator[Diagnostic]:
        """Make a finding of a hazard, with the chain that leads to it; nothing if it is allowed."""
        if (code, node.module, at.span) in self.seen:
            return
        self.seen.add((code, node.module, at.span))
        reference = Reference(
            target=node.name, span=at.span, within=node.name, function=at.function, use="call",
            exact=at.exact,
        )  # fmt: skip
        workflow, path = self.graph.reach(node)
        links = [self._link(origin, one, _what(one)) for origin, one in path]
        links = [self._with_import(*pair) for pair in zip(path, links, strict=True)]
        links.append(self._link(node, reference, what))
        allowance = self._allowance(code, node, reference)
        if allowance is not None:
            where = f"{node.module}:{reference.function or node.name}"
            self.allowed.add((code, where, allowance.reason))
            return
        certain = at.exact and all(one.exact for _, one in path)
        probably = "" if certain else "probably "
        sentence = f'workflow "{workflow}" {probably}{sentence}'
        finding = diagnostic(code, links[0].place, sentence, chain=links, fix=fix)
        if not certain and finding.severity is Severity.ERROR:
            finding = replace(finding, severity=Severity.WARNING)
        yield finding

    def _entry(self, reference: Reference, target: str) -> Entry | None:
        """Give the verdict on one use; None if it is no fault of its own."""
        rules = self.library.rules
        entry = lookup(target, rules)
        if reference.of and lookup(self.library.external(reference.of), rules).verdict is (
            Verdict.REFUSED
        ):
            return None  # making the value is the fault
        if entry.verdict is not Verdict.SHIM:
            return entry
        if entry.reason is Reason.ENVIRONMENT and target.startswith("os."):
            listed = reference.key in (None, *rules.environment)
            return entry if listed else _unlisted(entry, reference.key or "")
        if entry.name == "random.Random" and reference.key is not None:
            return replace(entry, verdict=Verdict.PURE)  # it has a seed
        if entry.reason is Reason.THREAD and reference.use == "call":
            return entry if self._is_step(reference.key) else _own_thread(entry)
        return entry

    def _is_step(self, name: str | None) -> bool:
        """Tell whether a name is that of a step; what cannot be known is taken for one."""
        if name is None:
            return True
        nodes = self.library.locate(name)
        facts = self.library.facts(nodes[-1].module) if nodes else None
        if not nodes or facts is None:
            return False
        symbol = self.library.symbols(facts).get(nodes[-1].name)
        if symbol is not None and symbol.kind == "constant":
            return True
        entry = self.library.definition(name)
        return entry is not None and entry.kind == "step"

    def _code(self, node: Node, reference: Reference, entry: Entry) -> str | None:
        is_place = reference.target.startswith("builtins.__") and entry.verdict is Verdict.REFUSED
        is_used = reference.use == "call" or reference.key is not None or is_place
        at_load = reference.function == "" and is_used
        if at_load and entry.verdict is not Verdict.PURE:
            at_load = not self.library.is_deferred(node, reference.span)
        if entry.verdict is Verdict.REFUSED:
            if not at_load or entry.reason is Reason.UNKNOWN:
                return code_of(entry)
            return self._while_loading(node)
        if entry.reason is Reason.ENVIRONMENT and at_load:
            return self._while_loading(node)  # what is recorded is recorded with a run
        is_drawn = entry.reason in (Reason.CLOCK, Reason.RANDOM)
        return "WFC301" if entry.verdict is Verdict.SHIM and at_load and is_drawn else None

    def _while_loading(self, node: Node) -> str:
        return "WFC211" if self._is_constant(node) else "WFC210"

    def _is_constant(self, node: Node) -> bool:
        facts = self.library.facts(node.module)
        symbol = self.library.symbols(facts).get(node.name) if facts else None
        return symbol is not None and symbol.kind == "constant"

    def _finding(
        self, code: str, node: Node, reference: Reference, target: str, entry: Entry
    ) -> Diagnostic | None:
        workflow, path = self.graph.reach(node)
        links = [self._link(origin, one, _what(one)) for origin, one in path]
        last = self._link(node, reference, _REFUSED_AS.get(code, "refused"))
        links = [self._with_import(*pair) for pair in zip(path, links, strict=True)] + [last]
        given = None
        if code in agent_effects.EFFECTS:
            given = agent_effects.given_on(self.library, path, (node, reference))
        if agent_effects.is_client(target):
            given = None
        of_agent = self._code_of_agent(code, target, given)
        for asked in dict.fromkeys((code, of_agent)):
            allowance = self._allowance(asked, node, reference)
            if allowance is not None:
                where = f"{node.module}:{reference.function or node.name}"
                self.allowed.add((asked, where, allowance.reason))
                return None
        certain = reference.exact and all(one.exact for _, one in path)
        sentence = _sentence(code, workflow, target, entry, certain=certain, given=given)
        fix = _fix(code, node, path, target, entry)
        if of_agent == "WFC717":
            fix = None
        elif given is not None:
            fix = given.fix()
        finding = diagnostic(of_agent, links[0].place, sentence, chain=links, fix=fix)
        if certain or finding.severity is not Severity.ERROR:
            return finding
        return replace(finding, severity=Severity.WARNING)

    def _code_of_agent(self, code: str, target: str, given: Given | None) -> str:
        """Give the code that agents have for it, if it has to do with one."""
        if agent_effects.is_client(target):
            return "WFC717"
        return code if given is None else given.code

    def _allowance(self, code: str, node: Node, reference: Reference) -> Allowance | None:
        for origin, one in (*self.graph.reach(node)[1], (node, reference)):
            found = self.allowances.of(origin.module, code, one.span.line, one.function)
            if found is not None:
                return found
        return None

    def _link(self, node: Node, reference: Reference, what: str) -> Link:
        source = self.library.source(node.module)
        line = reference.span.line
        lines = source.text.split("\n") if source else []
        return Link(
            place=_place(source.path if source else node.module, reference.span),
            source=lines[line - 1].strip() if line <= len(lines) else "",
            what=what,
        )

    def _with_import(self, step: tuple[Node, Reference], link: Link) -> Link:
        """Say where the name was imported, if it comes from another module."""
        node, reference = step
        facts = self.library.facts(node.module)
        imports = facts.imports if facts else ()
        for one in imports:
            if one.scope in ("", reference.function) and (
                reference.target == one.target or reference.target.startswith(f"{one.target}.")
            ):
                where = f"{link.place.path}:{one.span.line}"
                return replace(link, what=f"{link.what}, imported at {where}")
        return link

    def dropped(self, facts: ModuleFacts) -> Iterator[Diagnostic]:
        """Note effects at module level that no workflow reaches, and so stay out (WFC131)."""
        if not any(one.entry.kind == "workflow" for one in facts.definitions):
            return
        source = self.library.source(facts.name)
        for symbol in facts.symbols:
            if symbol.kind != "constant" or Node(facts.name, symbol.name) in self.graph.steps:
                continue
            for reference in self.library.references(facts, symbol.name):
                entry = lookup(reference.target, self.library.rules)
                if (
                    reference.use == "call"
                    and reference.function == ""
                    and entry.verdict is Verdict.REFUSED
                ):
                    yield diagnostic(
                        "WFC131",
                        _place(source.path if source else facts.name, reference.span),
                        f"`{symbol.name}` is made by `{reference.target}` and reached by no "
                        "workflow, so it stays out of the workflow bundle",
                    )
                    break

    def dropped_imports(self, facts: ModuleFacts) -> Iterator[Diagnostic]:
        """Note imports of modules of the project that act when they are imported and serve nothing
        else here: workflows do without them (WFC131).
        """
        if not any(one.entry.kind == "workflow" for one in facts.definitions):
            return
        targets = {reference.target for reference in facts.references}
        source = self.library.source(facts.name)
        for one in facts.imports:
            # `import app.effects` binds `app`; `from app import effects` binds the module itself.
            module = one.target if one.target.startswith(one.module) else one.module
            is_used = any(target == module or target.startswith(f"{module}.") for target in targets)
            is_kept = Node(facts.name, one.name) in self.graph.steps
            imported = self.library.facts(module)
            if one.scope or one.typing_only or is_used or is_kept or imported is None:
                continue
            act = next((each for each in imported.references if self._acts(each)), None)
            if act is not None:
                yield diagnostic(
                    "WFC131",
                    _place(source.path if source else facts.name, one.span),
                    f"`{module}` calls `{act.target}` when it is imported, and nothing here uses "
                    "it, so the import stays out of the workflow bundle",
                )

    def fills_elsewhere(self) -> Iterator[Diagnostic]:
        """Tell of what modules beside those of the workflows put into objects that these reach: it
        stays out of their bundles (WFC131).
        """
        reached = {node.module for node in self.graph.steps}
        words = self._filled_by()
        seen: set[str] = set()
        for name in sorted(reached) if words else ():
            facts = self.library.facts(name)
            for one in facts.imports if facts is not None else ():
                for module in (one.target, one.module):
                    if not one.typing_only and module not in seen:
                        seen.add(module)
                        yield from self._fills_of(module, words)
        for name in sorted(reached - seen) if words else ():
            yield from self._fills_of(name, words)

    def _filled_by(self) -> frozenset[str]:
        """Give the names that code must mention which fills what workflows reach."""
        words = set[str]()
        for node in self.graph.steps:
            facts = self.library.facts(node.module)
            if facts is not None:
                words.update(w for w, into in facts.writers.items() if node.name in into)
                symbol = self.library.symbols(facts).get(node.name)
                if symbol is not None and symbol.kind in {"constant", "class"}:
                    words.add(node.name)
        return frozenset(words)

    def _fills_of(self, module: str, words: frozenset[str]) -> Iterator[Diagnostic]:
        source = self.library.source(module)
        # Most modules mention none of it, and need not be parsed.
        if source is None or not any(word in source.text for word in words):
            return
        facts = self.library.facts(module)
        if facts is None:
            return
        told_of: set[tuple[Span, Node]] = set()
        for fill in facts.fills:
            if fill.bound is not None and Node(facts.name, fill.bound) in self.graph.steps:
                continue  # it is kept, and so is what it is decorated with
            for into in self._filled(fill):
                known = (fill.span, into) in told_of
                if into in self.graph.steps and into.module != module and not known:
                    told_of.add((fill.span, into))
                    told = diagnostic(
                        "WFC131",
                        _place(source.path, fill.span),
                        f"`{module}` changes `{into.name}` of `{into.module}`, which a workflow "
                        "reaches: that stays out of the workflow bundle, and workflows find the "
                        "object without it",
                        fix=f"do it in `{into.module}`, which defines the object",
                    )
                    yield replace(told, severity=Severity.WARNING)
                    break

    def _filled(self, fill: Fill) -> Iterator[Node]:
        """Give the objects that a statement of another module changes."""
        nodes = self.library.locate(fill.target)
        if not nodes:
            return
        node = nodes[-1]
        if not fill.calls:
            yield node
            return
        facts = self.library.facts(node.module)
        for name in sorted(facts.writers.get(node.name, ())) if facts is not None else ():
            yield Node(node.module, name)

    def _acts(self, reference: Reference) -> bool:
        """Tell whether a module-level statement calls what a workflow may not."""
        at_import = reference.use == "call" and reference.function == "" and not reference.in_step
        entry = lookup(reference.target, self.library.rules)
        return at_import and entry.verdict is Verdict.REFUSED


def _unlisted(entry: Entry, variable: str) -> Entry:
    """Judge a variable that `[tool.wfc] environment` does not name."""
    shown = f'"{variable}"' if variable else "the variable"
    instead = f"a parameter, or list {shown} in [tool.wfc] environment"
    return replace(entry, verdict=Verdict.REFUSED, instead=instead)


def _own_thread(entry: Entry) -> Entry:
    """Judge a thread for what is no step."""
    return replace(entry, verdict=Verdict.REFUSED, instead="a step: only steps may run in a thread")


def _place(path: str, span: Span) -> Place:
    return Place(path, span.line, span.column, span.end_line, span.end_column)


def _what(reference: Reference) -> str:
    name = reference.target.rpartition(".")[2]
    return f"{_VERBS.get(reference.use, 'uses')} {name}"


def _sentence(
    code: str,
    workflow: str,
    target: str,
    entry: Entry,
    *,
    certain: bool,
    given: Given | None = None,
) -> str:
    shown = target.removeprefix("builtins.")
    if agent_effects.is_client(target):
        probably = "" if certain else "probably "
        return (
            f'workflow "{workflow}" {probably}makes `{shown}`, a client of a model\'s provider: '
            "its keys and connections are no part of a run"
        )
    reaches = "reaches" if certain else "probably reaches"
    if code == "WFC301":
        return (
            f'workflow "{workflow}" {reaches} a statement that calls `{shown}` while its module '
            "loads; each worker would read another value"
        )
    if code in {"WFC210", "WFC211"}:
        is_read = entry.reason is Reason.ENVIRONMENT
        so = "another worker could read otherwise" if is_read else "every worker would do it again"
        does = "reads" if shown.startswith("__") else "calls"
        return (
            f'workflow "{workflow}" {reaches} a statement that {does} `{shown}` while its module '
            f"loads; {so}"
        )
    clause = _CLAUSES[entry.reason or Reason.UNKNOWN]
    if code == "WFC222" and entry.instead.startswith("a step"):
        clause = "of a package of which only parts are pure, and this is none of them"
    elif code == "WFC221" and entry.reason is Reason.UNKNOWN:
        clause = "of a package with compiled code, which cannot be read; it may do anything"
    if given is not None:
        return (
            f'workflow "{workflow}" uses the agent `{given.agent}`; {given.title} of it {reaches} '
            f"`{shown}` {clause}"
        )
    return f'workflow "{workflow}" {reaches} `{shown}` {clause}'


def _fix(
    code: str, node: Node, path: tuple[tuple[Node, Reference], ...], target: str, entry: Entry
) -> str | None:
    if code in {"WFC210", "WFC211"} and entry.reason is Reason.ENVIRONMENT:
        return _fix_at_load(target, entry)
    if code == "WFC211":
        return f"make `{node.name}` in the body of the step that uses it, and await that step here"
    if code in {"WFC210", "WFC301"}:
        return _fix_at_load(target, entry)
    if entry.reason is Reason.UNKNOWN and code in {"WFC220", "WFC221"}:
        top = target.partition(".")[0]
        listed = f'if it is pure, list it: [tool.wfc] pure = ["{top}"]'
        return f"{listed}; else move the call into {_STEP}"
    helpers = [one.target.rpartition(".")[2] for _, one in path if one.use == "call"]
    marked = f'give `{helpers[0]}` the line "use step"; or ' if helpers else ""
    if entry.instead != "a step":
        marked = marked if entry.instead.startswith("a step") else ""
        instead = entry.instead if marked else entry.instead.replace("a step", _STEP, 1)
        return f"{marked}use {instead}"
    # What Python itself brings and the table refuses is never pure.
    is_foreign = target.partition(".")[0] not in {"builtins", *sys.stdlib_module_names}
    listed = "; or, if pure, list it in [tool.wfc] pure" if is_foreign else ""
    return f"{marked}move the call into {'a step' if helpers else _STEP}{listed}"


def _fix_at_load(target: str, entry: Entry) -> str | None:
    """Say what to do about what happens while a module loads; None is the catalogue's advice."""
    if entry.reason is not Reason.ENVIRONMENT:
        return None
    if target.startswith("builtins.__"):
        return f"use {entry.instead}"
    listing = entry.instead.partition(", or ")[2]
    return "read it in the workflow" + (f", and {listing}" if listing else "")
