"""Makes a scenario that fails smaller while it still fails, and writes it as one to keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.proofs.simulation.model import inner_nodes
from tests.proofs.simulation.scenario import Asked, Node, Scenario

_TRIES_MAX = 400


def shrink(scenario: Scenario, fails: Callable[[Scenario], bool]) -> Scenario:
    """Leave out faults, runs, deeds and parts of programs, one after the other, as long as what is
    left still fails; a scenario plays the same way each time, so one look at each is enough.
    """
    tries, smaller = 0, True
    while smaller:
        smaller = False
        for candidate in _smaller(scenario):
            tries += 1
            if tries > _TRIES_MAX:
                return scenario
            if fails(candidate):
                scenario, smaller = candidate, True
                break
    return scenario


def _smaller(scenario: Scenario) -> Iterator[Scenario]:
    """Give scenarios that are a little smaller, those that leave out most first."""
    for half in (scenario.faults[: len(scenario.faults) // 2],
                 scenario.faults[len(scenario.faults) // 2 :]):  # fmt: skip
        if len(half) < len(scenario.faults):
            yield replace(scenario, faults=half)
    for at in range(len(scenario.runs)):
        if len(scenario.runs) > 1:
            yield replace(scenario, runs=scenario.runs[:at] + scenario.runs[at + 1 :])
    for at in range(len(scenario.faults)):
        yield replace(scenario, faults=scenario.faults[:at] + scenario.faults[at + 1 :])
    if scenario.workers > 1:
        left = tuple(one for one in scenario.faults if one.place < scenario.workers - 1)
        yield replace(scenario, workers=scenario.workers - 1, faults=left)
    if scenario.always_replay:
        yield replace(scenario, always_replay=False)
    for at, asked in enumerate(scenario.runs):
        for less in _smaller_run(asked):
            yield replace(scenario, runs=(*scenario.runs[:at], less, *scenario.runs[at + 1 :]))


def _smaller_run(asked: Asked) -> Iterator[Asked]:
    if asked.chapters:
        yield replace(asked, chapters=asked.chapters - 1)
    for at in range(len(asked.deeds)):
        yield replace(asked, deeds=asked.deeds[:at] + asked.deeds[at + 1 :])
    if asked.queue is not None:
        yield replace(asked, queue=None)
    if asked.at_ms:
        yield replace(asked, at_ms=0)
    for node in smaller_nodes(asked.node):
        yield replace(asked, node=node)


def smaller_nodes(node: Node) -> Iterator[Node]:
    """Give programs that are a little smaller: a part in the place of the whole, a part less, or a
    smaller part.
    """
    yield from inner_nodes(node)
    for place, each in enumerate(node):
        if place == 0 or not isinstance(each, tuple):
            continue
        before, after = node[:place], node[place + 1 :]
        if isinstance(each[0], str):
            for less in smaller_nodes(each):
                yield (*before, less, *after)
            continue
        for at, part in enumerate(each):
            if len(each) > 1:
                yield (*before, each[:at] + each[at + 1 :], *after)
            for less in smaller_nodes(part):
                yield (*before, (*each[:at], less, *each[at + 1 :]), *after)


def kept_as(name: str, scenario: Scenario, wrong: list[str]) -> str:
    """Write an entry of `kept.py`."""
    reason = wrong[0][:90] if wrong else ""
    return f"    # {reason}\n    {name!r}: {scenario!r},\n"
