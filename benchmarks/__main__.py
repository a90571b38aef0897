"""Run the workloads: `python -m benchmarks [--quick] [--only W1,W9] [--rounds N] [--json FILE]`."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path

import benchmarks
from benchmarks.harness import Report, Workload, lines, machine, measure, write


def _workloads(*, quick: bool) -> Iterator[Workload]:
    for module in sorted(pkgutil.iter_modules(benchmarks.__path__), key=lambda each: each.name):
        if module.name.startswith("w") or module.name == "lint":
            yield from importlib.import_module(f"benchmarks.{module.name}").workloads(quick=quick)


def main() -> int:
    """Measure, print, keep; the exit code is 0 whatever the figures say: they are reported."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller doses")
    parser.add_argument("--only", default="", help="ids, with commas")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of every side")
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    asked = parser.parse_args()
    only = {word for word in asked.only.split(",") if word}
    print(" ".join(f"{key}={value}" for key, value in machine().items()), file=sys.stderr)
    reports: list[Report] = []
    for workload in _workloads(quick=asked.quick):
        if not only or workload.id.partition(".")[0] in only or workload.id in only:
            reports.append(measure(workload, asked.rounds))
            print("\n".join(lines(reports[-1])), flush=True)
    if asked.json:
        write(reports, asked.json, " ".join(["python -m benchmarks", *sys.argv[1:]]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
