"""What a diff shows although it means nothing for runs in flight: bodies, policies, effects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wfc.manifests.findings import Sides
from wfc.manifests.manifest import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A step or workflow whose next attempts or runs are affected, and by what."""

    id: str
    notes: tuple[str, ...]


def shown(sides: Sides) -> Iterator[Shown]:
    """List steps and workflows with another body, policy or reach, by their new ids."""
    for name in sorted(sides.old.steps):
        to = sides.hints.definition(name)
        if to in sides.new.steps:
            notes = tuple(_of_step(sides.old.steps[name], sides.new.steps[to]))
            if notes:
                yield Shown(id=to, notes=notes)
    for name in sorted(sides.old.workflows):
        to = sides.hints.definition(name)
        if to in sides.new.workflows:
            before, after = sides.old.workflows[name].policy, sides.new.workflows[to].policy
            notes = tuple(_policy(before, after))
            if notes:
                yield Shown(id=to, notes=notes)


def _of_step(old: Step, new: Step) -> Iterator[str]:
    if old.body_hash != new.body_hash:
        # The hash covers the parameters too, which findings tell of.
        yield "body" if old.signature == new.signature else "definition"
    yield from _policy(old.policy, new.policy)
    before, after = (set(one.effects.get("modules", ())) for one in (old, new))
    kinds = sorted(set(new.effects.get("kinds", ())) - set(old.effects.get("kinds", ())))
    if after - before:
        more = f" ({', '.join(kinds)})" if kinds else ""
        yield f"now reaches {', '.join(sorted(after - before))}{more}"
    if before - after:
        yield f"reaches {', '.join(sorted(before - after))} no more"


def _policy(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            yield f"{key} {_value(old, key)} -> {_value(new, key)}"


def _value(policy: Mapping[str, Any], key: str) -> str:
    return str(policy[key]) if key in policy else "default"
