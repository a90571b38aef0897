"""The shape of a workflow: the ordered tree of its operations, all else left out or a digest.

Helpers that hold operations are written out where they are called. It is what `compare` reads,
the dashboard draws, and `explain` puts a run's events beside.

Leaves: ``step wait hook webhook child attr stream agent restart`` are recorded; ``draw`` (now,
random, uuid) and ``marker`` are not, but aligned; ``dynamic`` is a step out of a dict, a parameter
or a `map`. Inner nodes: ``seq``, ``helper`` (`name`), ``again`` (`name`, a recursion that is not
written out again), ``task`` (a coroutine made a task), ``scope`` (timeout, `async with`, shield),
``if`` (also `match`, ternary, `and`/`or`), ``loop`` (`while`), ``each`` (`for`, comprehensions),
``try`` (`types` of its handlers), ``par`` (gather, task group, wait, as_completed).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wfc.ids import Site

RECORDED: Final = frozenset(
    {"step", "wait", "hook", "webhook", "child", "attr", "stream", "agent", "restart", "dynamic"}
)
"""Leaves whose operations stand in a log."""
LEAVES: Final = RECORDED | {"draw", "marker"}
INNER: Final = frozenset(
    {"seq", "helper", "again", "task", "scope", "if", "loop", "each", "try", "par"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One operation, or what holds some. A kind that is not known counts as something that only a
    replay can judge.

    `site` is the full site (``charge~9c01d2ab.2``), `callee` the id of the step or child or the
    dotted name of the operation (``wfc.sleep``), `args` the digest of the bound argument
    expressions by parameter name. `test` is the digest of what decides (a condition, an iterated
    value, a pattern). `parts` are the branches in source order: body and else of an ``if``, one per
    ``case``, body, handlers (as many as `types`), else and finally of a ``try``.
    """

    kind: str
    site: Site | None = None
    callee: str | None = None
    args: str | None = None
    awaited: bool | None = None
    candidates: tuple[str, ...] = ()
    name: str | None = None
    test: str | None = None
    types: tuple[str, ...] = ()
    parts: tuple[Node, ...] = ()

    def leaves(self) -> Iterator[Node]:
        """Go through the operations in source order."""
        if self.kind in LEAVES:
            yield self
        for part in self.parts:
            yield from part.leaves()


def to_plain(node: Node) -> dict[str, Any]:
    """Give a node as JSON holds it; what is not said is left out."""
    plain: dict[str, Any] = {"kind": node.kind}
    for name in _FIELDS:
        value = getattr(node, name)
        if value is not None and value != ():
            plain[name] = list(value) if isinstance(value, tuple) else value
    if node.parts:
        plain["parts"] = [to_plain(part) for part in node.parts]
    return plain


def from_plain(plain: Mapping[str, Any]) -> Node:
    """Read what `to_plain` gave; unknown keys are passed over."""
    return Node(
        kind=str(plain["kind"]),
        **{name: _frozen(plain[name]) for name in _FIELDS if name in plain},
        parts=tuple(from_plain(part) for part in plain.get("parts", ())),
    )


_FIELDS: Final = ("site", "callee", "args", "awaited", "candidates", "name", "test", "types")


def _frozen(value: Any) -> Any:
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    return tuple(value) if is_list else value
