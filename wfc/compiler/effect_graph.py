"""What is reached from the workflows, each node by its shortest chain."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from wfc.compiler.effect_library import Library, Node
from wfc.compiler.facts import ModuleFacts, Reference
from wfc.determinism import lookup
from wfc.ids import ModuleName

_AT_CLASS_CREATION: Final = frozenset({"__init_subclass__", "__set_name__", "__prepare__"})
_OF_METACLASSES: Final = frozenset({"__new__", "__init__"})
HARMLESS: Final = frozenset({"annotation", "except", "isinstance"})
"""Uses in which a refused name may stand."""


@dataclass(frozen=True, slots=True)
class Step:
    """How a node was reached: from which one, by which reference."""

    origin: Node
    reference: Reference | None


class Graph:
    """What is reached from the workflows, each node by its shortest chain."""

    def __init__(self, library: Library) -> None:
        """Follow references by what `library` knows."""
        self.library = library
        self.steps: dict[Node, Step | None] = {}
        self.workflows: dict[Node, str] = {}
        self.edges: dict[Node, list[Node]] = {}

    def walk(self, workflows: Iterable[tuple[Node, str]]) -> None:
        """Reach all that can be reached from the given workflows (node and qualname)."""
        for node, qualname in workflows:
            self.workflows.setdefault(node, qualname)
            self.steps.setdefault(node, None)
        pending = deque(self.steps)
        while pending:
            node = pending.popleft()
            for target, reference in self.leads_to(node):
                self.edges.setdefault(node, []).append(target)
                if target not in self.steps:
                    self.steps[target] = Step(node, reference)
                    pending.append(target)

    def leads_to(self, node: Node) -> Iterator[tuple[Node, Reference | None]]:
        """Give the nodes that the statements of `node` need."""
        facts = self.library.facts(node.module)
        if facts is None:
            return
        symbols = self.library.symbols(facts)
        symbol = symbols.get(node.name)
        if symbol is None:
            return
        is_typed = symbol.kind == "class" or _is_marked(facts, node.name)
        for reference in self.library.references(facts, node.name):
            # An annotation is only a string in the bundle; where a star leads, nobody can tell.
            if reference.starred or (reference.use == "annotation" and not is_typed):
                continue
            for target in self.library.locate(reference.target) or ():
                yield target, reference
        for name in sorted(symbol.uses if is_typed else symbol.uses - symbol.hints):
            if name in symbols:
                yield Node(node.module, name), None
        if symbol.kind == "import":
            for target in self.library.locate(f"{node.module}.{node.name}") or ():
                yield target, None

    def reach(self, node: Node) -> tuple[str, tuple[tuple[Node, Reference], ...]]:
        """Give the nearest workflow of `node` and the references that lead from it to `node`."""
        chain: list[tuple[Node, Reference]] = []
        step = self.steps[node]
        while step is not None:
            if step.reference is not None:
                chain.append((step.origin, step.reference))
            node = step.origin
            step = self.steps[node]
        return self.workflows[node], tuple(reversed(chain))

    def externals(self) -> Iterator[str]:
        """Give the dotted names outside the project that what is reached uses."""
        for node in self.steps:
            facts = self.library.facts(node.module)
            if facts is None:
                continue
            for reference in self.library.references(facts, node.name):
                if reference.starred or reference.use in HARMLESS:
                    continue
                if self.library.locate(reference.target) is not None:
                    continue
                target = self.library.external(reference.target)
                if not lookup(target, self.library.rules).followed:
                    yield target

    def used(self) -> Mapping[ModuleName, frozenset[ModuleName]]:
        """Give, by module with a workflow, the modules that its workflows reach."""
        found: dict[ModuleName, set[ModuleName]] = {}
        for root in self.workflows:
            seen = {root}
            pending = [root]
            while pending:
                for target in self.edges.get(pending.pop(), ()):
                    if target not in seen:
                        seen.add(target)
                        pending.append(target)
            found.setdefault(root.module, set()).update(node.module for node in seen)
        return {name: frozenset(modules) for name, modules in sorted(found.items())}


class LiveGraph(Graph):
    """What is probably executed of that: methods count once their name is asked of anything.

    A class comes into a bundle whole, and so does all that its methods need. But a method whose
    name no code that runs ever writes is not called, and what it does is no fault of a workflow.
    Methods that Python or a framework calls by itself always count: ``__init__`` and its like, and
    those with a decorator that may register them.
    """

    def __init__(self, library: Library) -> None:
        """Begin with no name asked for."""
        super().__init__(library)
        self._pending: deque[Node] = deque()
        self._asked: set[str] = set()
        self._parked: dict[str, list[tuple[Node, Reference]]] = {}
        """What methods that nobody has asked for would lead to."""
        self._uses: list[tuple[Node, Node, Reference]] = []
        """Whose statements use what, and how."""
        self._silent: dict[str, list[tuple[ModuleFacts, str]]] = {}
        """The statements that hold such methods: what these ask for does not count yet."""

    def walk(self, workflows: Iterable[tuple[Node, str]]) -> None:
        """Reach what probably runs."""
        for node, qualname in workflows:
            self.workflows.setdefault(node, qualname)
            self._asked.add(qualname.rpartition(".")[2])
            self._reach(None, node)
        while self._pending:
            self._visit(self._pending.popleft())

    def runs(self, facts: ModuleFacts, function: str) -> bool:
        """Tell whether a function probably runs, if the top-level symbol around it is reached."""
        method = method_of(facts, function)
        return method is None or method in self._asked

    def only_loads(self, node: Node, function: str) -> bool:
        """Tell whether a function of `node` only runs while modules load: as a decorator, say."""
        name = function.rpartition(".")[2]
        if name in _AT_CLASS_CREATION or (name in _OF_METACLASSES and self._makes_classes(node)):
            return True
        return self._is_function(node) and node not in self._running

    def _makes_classes(self, node: Node) -> bool:
        facts = self.library.facts(node.module)
        return facts is not None and any(
            reference.use == "subclass" and reference.target == "builtins.type"
            for reference in self.library.references(facts, node.name)
        )

    def _is_function(self, node: Node) -> bool:
        facts = self.library.facts(node.module)
        symbol = self.library.symbols(facts).get(node.name) if facts is not None else None
        return symbol is not None and symbol.kind == "function"

    @cached_property
    def _running(self) -> frozenset[Node]:
        """What runs of workflows may come to: by name from code that runs, or as a value."""
        running = {node for node in self.steps if not self._is_function(node)}
        running.update(self.workflows)
        by_origin: dict[Node, list[Node]] = {}
        for origin, target, reference in self._uses:
            if reference.function:
                by_origin.setdefault(origin, []).append(target)
            elif reference.use != "call" or self.library.is_deferred(origin, reference.span):
                running.add(target)
        pending = list(running)
        while pending:
            for target in by_origin.get(pending.pop(), ()):
                if target not in running:
                    running.add(target)
                    pending.append(target)
        return frozenset(running)

    def _visit(self, node: Node) -> None:
        facts = self.library.facts(node.module)
        symbol = self.library.symbols(facts).get(node.name) if facts is not None else None
        if facts is None or symbol is None:
            return
        self._ask(facts, node.name)
        for target, reference in self.leads_to(node):
            if reference is None:
                # By name alone; of a class, its references say better what runs.
                if symbol.kind != "class":
                    self._reach(Step(node, None), target)
            elif self.runs(facts, reference.function):
                self._uses.append((node, target, reference))
                self._reach(Step(node, reference), target)
            else:
                method = method_of(facts, reference.function) or ""
                self._parked.setdefault(method, []).append((node, reference))

    def _reach(self, step: Step | None, target: Node) -> None:
        if target not in self.steps:
            self.steps[target] = step
            self._pending.append(target)

    def _ask(self, facts: ModuleFacts, within: str) -> None:
        """Note the names that a statement's running functions ask for, and what that sets off."""
        waiting = [(facts, within)]
        while waiting:
            one, statement = waiting.pop()
            for function, names in one.asked.get(statement, {}).items():
                if not self.runs(one, function):
                    method = method_of(one, function) or ""
                    self._silent.setdefault(method, []).append((one, statement))
                    continue
                for name in names - self._asked:
                    self._asked.add(name)
                    waiting += self._silent.pop(name, [])
                    for origin, reference in self._parked.pop(name, []):
                        for target in self.library.locate(reference.target) or ():
                            self._uses.append((origin, target, reference))
                            self._reach(Step(origin, reference), target)


def _is_marked(facts: ModuleFacts, name: str) -> bool:
    return any(one.entry.qualname.partition(".")[0] == name for one in facts.definitions)


def method_of(facts: ModuleFacts, function: str) -> str | None:
    """Give the name by which the method around a function has to be asked for; None: it is no
    method, or Python or a framework calls it by itself.
    """
    owner, _, rest = function.partition(".")
    name = rest.partition(".")[0]
    if not name or owner not in facts.classes or f"{owner}.{name}" in facts.called:
        return None
    implicit = (name.startswith("__") and name.endswith("__")) or name[:1].isupper()
    return None if implicit else name
