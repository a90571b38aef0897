"""Plays many seeds: `python -m tests.proofs.simulation --seeds 100000`; a failing one is shrunk."""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import time

from tests.proofs.record import Figures, proof
from tests.proofs.simulation.oracle import judge
from tests.proofs.simulation.scenario import Scenario, scenario_of
from tests.proofs.simulation.shrink import kept_as, shrink
from tests.proofs.simulation.stage import Stage

HOLDS = (
    "the same outcome as without faults, or a documented error; every log legal and equal to its "
    "replay; bodies at most attempts, none after its outcome; streams whole; limits kept; nothing "
    "stuck"
)


def wrong_with(scenario: Scenario) -> list[str]:
    """Play a scenario, and give what is wrong with it."""
    with contextlib.redirect_stderr(io.StringIO()):  # tasks of programs that nobody awaited
        return judge(Stage(scenario).play())


def play(seeds: range, figures: Figures, *, until: float | None = None) -> list[int]:
    """Play seeds, until an instant of `time.monotonic` at most; give those that failed."""
    failed = []
    for count, seed in enumerate(seeds, 1):
        wrong = wrong_with(scenario_of(seed))
        if wrong:
            failed.append(seed)
            sys.stdout.write(f"seed {seed}: {wrong[0][:300]}\n")
            sys.stdout.flush()
        figures["seeds played"] = count
        figures["seeds that failed"] = len(failed)
        if until is not None and time.monotonic() > until:
            break
    return failed


def main() -> int:
    """Read the command line, play, and shrink the first that failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.simulation")
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    asked = parser.parse_args()
    seeds = range(asked.first, asked.first + asked.seeds)
    command = f"python -m tests.proofs.simulation --seeds {asked.seeds} --first {asked.first}"
    with proof(
        "simulation",
        title="Simulation",
        holds=HOLDS,
        dose=f"{asked.seeds:,} seeds",
        command=command,
    ) as figures:
        failed = play(seeds, figures)
        if failed:
            figures["the first that failed"] = ", ".join(map(str, failed[:20]))
            small = shrink(scenario_of(failed[0]), lambda one: bool(wrong_with(one)))
            sys.stdout.write("keep this in tests/proofs/simulation/kept.py:\n")
            sys.stdout.write(kept_as(f"seed {failed[0]}", small, wrong_with(small)))
            message = f"{len(failed)} of {len(seeds)} seeds failed"
            raise AssertionError(message)
    return 0


if __name__ == "__main__":
    sys.exit(main())
