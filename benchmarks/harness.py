"""What all workloads share: sides measured in turn, medians, ratios held against goals."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

Measure = Callable[[], float]
"""One round of one side; gives its figure in the workload's unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """`left / right` (or `left` alone) held against `bound`, by the sides' medians."""

    left: str
    bound: float
    right: str | None = None
    at_least: bool = True

    def sentence(self) -> str:
        """Write the goal as people read it."""
        figure = self.left if self.right is None else f"{self.left} / {self.right}"
        return f"{figure} {'>=' if self.at_least else '<='} {self.bound:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One row of the table of goals: its sides, measured in turn, and what must hold."""

    id: str
    title: str
    unit: str
    sides: Mapping[str, Measure]
    goals: Sequence[Goal] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A goal and what came of it."""

    goal: str
    value: float
    met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All rounds of one workload."""

    id: str
    title: str
    unit: str
    rounds: dict[str, list[float]]
    medians: dict[str, float] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)


def measure(workload: Workload, rounds: int) -> Report:
    """Run every side once per round, in turn, so that a drifting machine hits all alike."""
    taken: dict[str, list[float]] = {side: [] for side in workload.sides}
    for _ in range(rounds):
        for side, once in workload.sides.items():
            taken[side].append(once())
    medians = {side: statistics.median(values) for side, values in taken.items()}
    return Report(
        id=workload.id, title=workload.title, unit=workload.unit, rounds=taken, medians=medians,
        verdicts=[_verdict(goal, medians) for goal in workload.goals],
    )  # fmt: skip


def _verdict(goal: Goal, medians: Mapping[str, float]) -> Verdict:
    value = medians[goal.left] / (medians[goal.right] if goal.right else 1.0)
    met = value >= goal.bound if goal.at_least else value <= goal.bound
    return Verdict(goal=goal.sentence(), value=value, met=met)


def machine() -> dict[str, str]:
    """Say what the figures were measured on."""
    return {
        "python": sys.version.split()[0],
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.machine()}",
        "cores": str(os.cpu_count()),
    }


def write(reports: Sequence[Report], path: Path, command: str) -> None:
    """Keep a run as JSON, with the command that made it."""
    data = {
        "command": command,
        "machine": machine(),
        "workloads": [asdict(report) for report in reports],
    }
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def lines(report: Report) -> list[str]:
    """Lay out one workload for a terminal."""
    out = [f"{report.id} {report.title} ({report.unit})"]
    out += [f"   {side:<28} {value:>14,.4g}" for side, value in report.medians.items()]
    out += [
        f"   {'met   ' if verdict.met else 'MISSED'} {verdict.goal}: {verdict.value:.3g}"
        for verdict in report.verdicts
    ]
    return out
