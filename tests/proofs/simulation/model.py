"""What a program may come to, said without running it: the outcomes that no fault may change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.proofs.simulation.scenario import Asked, Node


@dataclass(frozen=True, slots=True)
class Exactly:
    """This value."""

    value: Any


@dataclass(frozen=True, slots=True)
class Each:
    """A list of one of each."""

    parts: tuple[Form, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of some."""

    parts: tuple[Form, ...]


@dataclass(frozen=True, slots=True)
class Shuffled:
    """These values in any order."""

    values: tuple[Any, ...]


Form = Exactly | Each | Either | Shuffled


def fits(form: Form, value: Any) -> bool:
    """Tell whether a value has a form."""
    match form:
        case Exactly(expected):
            return bool(value == expected)
        case Each(parts):
            return (
                isinstance(value, Sequence)
                and len(value) == len(parts)
                and all(fits(part, each) for part, each in zip(parts, value, strict=True))
            )
        case Either(parts):
            return any(fits(part, value) for part in parts)
        case Shuffled(values):
            return isinstance(value, list) and Counter(map(str, value)) == Counter(map(str, values))


@dataclass(frozen=True, slots=True)
class Ends:
    """How a program may end: with a value of the form `returns` (None: it never returns), or with
    an error of one of these types.
    """

    returns: Form | None
    raises: frozenset[str] = frozenset()


def run_ends(asked: Asked, *, losing: bool) -> Ends:
    """Say how a run may end, unless it is cancelled."""
    one = ends(asked.node, losing=losing)
    returns = None if one.returns is None else Each((one.returns,) * (asked.chapters + 1))
    return Ends(returns, one.raises)


_RAISES: Final = {"broken": "ValueError", "late": "StepTimeout", "fatal": "FatalError"}


def ends(node: Node, *, losing: bool) -> Ends:
    """Say how a tree of operations may end; `losing`: attempts may be lost with their worker."""
    kind, *rest = node
    if kind in _RAISES:
        return Ends(None, frozenset({_RAISES[kind], *(["WorkerLost"] if losing else [])}))
    if kind in ("child", "limit", "try", "guard"):
        parts = [ends(part, losing=losing) for part in inner_nodes(node)]
        return _around(kind, parts[0], parts[-1])
    if kind in ("seq", "gather", "settle", "group", "race"):
        return _many(kind, [ends(part, losing=losing) for part in rest[0]])
    return Ends(_value(kind, rest))


def _value(kind: str, rest: list[Any]) -> Form:
    match kind:
        case "nap":
            return Exactly("slept")
        case "attr":
            return Exactly(rest[1])
        case "hook":
            return Shuffled(tuple(range(rest[1])))
    return Exactly(f"{rest[0]}!")


def _around(kind: str, inner: Ends, then: Ends) -> Ends:
    match kind:
        case "child":
            child = None if inner.returns is None else Each((inner.returns,))
            return Ends(child, frozenset({"RunFailed"}) if inner.raises else frozenset())
        case "limit":
            forms = [form for form in (inner.returns, Exactly("late")) if form is not None]
            return Ends(Either(tuple(forms)), inner.raises - {"StepTimeout"})
        case "try" if inner.raises:
            forms = [form for form in (inner.returns, then.returns) if form is not None]
            return Ends(Either(tuple(forms)) if forms else None, then.raises)
    return inner


def _many(kind: str, parts: list[Ends]) -> Ends:
    raises = frozenset[str]().union(*(part.raises for part in parts))
    forms = [part.returns for part in parts if part.returns is not None]
    match kind:
        case "settle":
            return Ends(Each(tuple(_settled(part) for part in parts)))
        case "race":
            return Ends(Either(tuple(forms)) if forms else None, raises)
        case "group":
            raises = frozenset({"ExceptionGroup"}) if raises else raises
    return Ends(Each(tuple(forms)) if len(forms) == len(parts) else None, raises)


def _settled(part: Ends) -> Form:
    errors = tuple(Exactly(["error", name]) for name in sorted(part.raises))
    return Either(errors if part.returns is None else (part.returns, *errors))


def hooks(node: Node, name: str) -> list[tuple[str, int]]:
    """Find the tokens of a program, of its child runs too, and how many values each hook reads."""
    kind, *rest = node
    if kind == "hook":
        return [(f"{name}:{rest[0]}", rest[1])]
    if kind == "child":
        return hooks(rest[1], f"{name}.{rest[0]}")
    return [found for part in inner_nodes(node) for found in hooks(part, name)]


def inner_nodes(node: Node) -> list[Node]:
    """Give the trees right below a node."""
    found: list[Node] = []
    for each in node[1:]:
        if isinstance(each, tuple):
            found += [each] if each and isinstance(each[0], str) else list(each)
    return found


def attributes(node: Node) -> dict[str, Any]:
    """Give what a program sets of its own run, if it gets so far."""
    kind, *rest = node
    if kind == "attr":
        return {rest[0]: rest[1]}
    if kind == "child":
        return {}
    return {key: value for part in inner_nodes(node) for key, value in attributes(part).items()}


__all__ = ["Ends", "attributes", "ends", "fits", "hooks", "inner_nodes", "run_ends"]
