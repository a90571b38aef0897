"""`make demo`: bill every invoice, kill the worker in the middle of steps, and count.

The worker is killed by SIGKILL twice, each time while one step body is known to run: it has written
its line into the ledger, has not ended, and everything else that began is recorded. What is printed
comes from two places that know nothing of each other: the steps' ledger and wfc's event log.
"""

from __future__ import annotations

import asyncio
import csv
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import wfc
from examples.billing import ledger
from wfc.api import Run, RunStatus, runtime, start

wfc.install()

from examples.billing.flows import Invoice, bill, is_greylisted  # noqa: E402 - after the hook

HERE = Path(__file__).resolve().parent
STEPS = ("validate", "charge", "send_receipt", "book")
PATIENCE_S = 120.0
"""How long one phase may take before the demo gives up; it takes seconds."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What the event logs of all runs add up to."""

    recorded: Counter[str]
    retried: int

    @property
    def outcomes(self) -> int:
        """How many bodies have left something in a log: an outcome, or a retry."""
        return self.recorded.total() + self.retried


class GaveUp(Exception):
    """A phase took too long or a process died by itself."""


def main(arguments: Sequence[str] = ()) -> int:
    """Run the demo in a fresh folder; `arguments` may name how many invoices to bill."""
    rows = int(arguments[0]) if arguments else None
    folder = Path(os.environ.get("BILLING_FOLDER", HERE / ".wfc"))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ.update(environment(folder))
    say("build", "compiling examples.billing")
    subprocess.run([sys.executable, "-m", "wfc", "build"], check=True)
    try:
        return asyncio.run(demo(read(HERE / "invoices.csv")[:rows], folder))
    except GaveUp as reason:
        print(f"FAILED: {reason}. The worker's log: {folder / 'worker.log'}")
        return 1


def environment(folder: Path) -> dict[str, str]:
    """Give the settings of this demo: a world of its own, and leases short enough to watch."""
    return {
        "WFC_WORLD": f"sqlite:///{folder / 'wfc.db'}",
        "WFC_OUT": str(folder / "build"),
        "WFC_PACKAGES": "examples.billing",
        "WFC_WORKER__LEASE": "2s",
        "WFC_WORKER__HEARTBEAT": "0.5s",
        "WFC_WORKER__SWEEP": "0.5s",
        ledger.FILE: str(folder / "ledger.jsonl"),
    }


def read(file: Path) -> list[Invoice]:
    """Read the invoices."""
    with file.open(encoding="utf-8", newline="") as rows:
        return [
            Invoice(**{**row, "amount_cents": int(row["amount_cents"])})
            for row in csv.DictReader(rows)
        ]


async def demo(invoices: Sequence[Invoice], folder: Path) -> int:
    """Build, start, kill, restart, wait, count."""
    began = time.monotonic()
    async with runtime(worker=False):
        runs = [await start.options(id=invoice.number)(bill, invoice) for invoice in invoices]
        say("start", f"{len(runs)} runs, one per row of invoices.csv")
        kills = 0
        for step, position in (("charge", 0.3), ("book", 0.7)):
            held = invoices[int(len(invoices) * position)].number
            await killed_in(step, held, runs, folder)
            kills += 1
        async with worker(folder, hold=""):
            say("work", "a third worker takes over")
            await until("every run is completed", lambda: all_completed(runs))
        tally = await tally_of(runs)
    greylisted = sum(is_greylisted(invoice.number) for invoice in invoices)
    good = verdict(len(runs), kills, greylisted, tally, bodies_in(folder))
    say("done", f"in {time.monotonic() - began:.1f} s")
    return 0 if good else 1


# --- the worker, and how it dies ---------------------------------------------------------------


async def killed_in(step: str, number: str, runs: Sequence[Run[str]], folder: Path) -> None:
    """Run a worker until it stands in the middle of one body of `step`, and kill it there."""
    async with worker(folder, hold=f"{step}:{number}") as process:
        say("work", f"worker {process.pid} runs; {step} of {number} will not end by itself")

        async def only_that_body_runs() -> bool:
            if process.poll() is not None:
                raise GaveUp(f"worker {process.pid} ended by itself, code {process.returncode}")
            began = [*ledger.lines(folder / "ledger.jsonl")]
            inside = any((line.step, line.number) == (step, number) for line in began)
            return inside and len(began) - (await tally_of(runs)).outcomes == 1

        await until(f"{step} of {number} is the one body that runs", only_that_body_runs)
        process.kill()
        process.wait()
    say("KILL", f"worker {process.pid}, SIGKILL, in the middle of {step} of {number}")


@asynccontextmanager
async def worker(folder: Path, *, hold: str) -> AsyncIterator[subprocess.Popen[bytes]]:
    """Run `python -m wfc worker` beside us; end it if it still lives."""
    with (folder / "worker.log").open("ab") as log:
        process = _spawn(log, hold)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait()


def _spawn(log: IO[bytes], hold: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "wfc", "worker"],
        env={**os.environ, ledger.HELD: hold},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )


# --- counting ----------------------------------------------------------------------------------


async def tally_of(runs: Sequence[Run[str]]) -> Tally:
    """Count outcomes and retries in the event logs."""
    recorded: Counter[str] = Counter()
    retried = 0
    for run in runs:
        names = {step.id: step.name for step in await run.steps()}
        for recorded_event in await run.events():
            event = recorded_event.event
            if event.name == "step_completed":
                recorded[names[event.operation_id]] += 1
            retried += event.name == "step_retrying"
    return Tally(recorded, retried)


async def all_completed(runs: Sequence[Run[str]]) -> bool:
    """Tell whether every run has its result; a failed one ends the demo."""
    states = Counter([await run.status() for run in runs])
    if ended_badly := states[RunStatus.FAILED] + states[RunStatus.CANCELLED]:
        raise GaveUp(f"{ended_badly} runs failed")
    say("wait", f"{states[RunStatus.COMPLETED]} of {len(runs)} runs completed")
    return states[RunStatus.COMPLETED] == len(runs)


def bodies_in(folder: Path) -> Counter[str]:
    """Count the bodies that began, by the steps' own ledger."""
    return Counter(line.step for line in ledger.lines(folder / "ledger.jsonl"))


def verdict(runs: int, kills: int, greylisted: int, tally: Tally, bodies: Counter[str]) -> bool:
    """Print the table and the sums, and tell whether they all hold."""
    print(f"\n{'step':14}{'runs':>6}{'bodies started':>16}{'recorded':>10}")
    for step in STEPS:
        print(f"{step:14}{runs:6}{bodies[step]:16}{tally.recorded[step]:10}")
    total = len(STEPS) * runs
    print(f"{'sum':14}{total:6}{bodies.total():16}{tally.recorded.total():10}\n")
    checks = (
        ("recorded = runs, on each line", all(tally.recorded[step] == runs for step in STEPS)),
        (
            f"bodies: {bodies.total()} = {total} steps + {kills} kills + {greylisted} retries",
            bodies.total() == total + kills + greylisted,
        ),
        (
            f"the log counts as many second attempts: {tally.retried}",
            tally.retried == kills + greylisted,
        ),
    )
    for sentence, holds in checks:
        print(f"{'ok    ' if holds else 'FAILED'} {sentence}")
    return all(holds for _, holds in checks)


# --- telling -----------------------------------------------------------------------------------


async def until(what: str, holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until what `holds` asks is true; give up after `PATIENCE_S`."""
    deadline = time.monotonic() + PATIENCE_S
    while not await holds():
        if time.monotonic() > deadline:
            raise GaveUp(f"{what}: not so after {PATIENCE_S:.0f} s")
        await asyncio.sleep(0.2)


def say(stage: str, text: str) -> None:
    """Print one line of progress."""
    print(f"{stage:>6}  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
