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
import signal
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
from wfc.types import StepStatus

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
    """Steps that have their outcome, by name."""
    again: int
    """How many attempts these steps took beyond their first; a step that a lost worker was asked
    for counts as tried, whether its body had begun or not, so this may be more than bodies show.
    """


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
            Invoice(
                number=row["number"],
                customer=row["customer"],
                email=row["email"],
                amount_cents=int(row["amount_cents"]),
                currency=row["currency"],
                due_date=row["due_date"],
            )
            for row in csv.DictReader(rows)
        ]


async def demo(invoices: Sequence[Invoice], folder: Path) -> int:
    """Build, start, kill, restart, wait, count."""
    began = time.monotonic()
    async with runtime(worker=False):
        begun = (start.options(id=invoice.number)(bill, invoice) for invoice in invoices)
        runs = await asyncio.gather(*begun)  # together: starts share their commits
        say("start", f"{len(runs)} runs, one per row of invoices.csv")
        kills = 0
        for step, position in (("charge", 0.3), ("book", 0.7)):
            held = invoices[int(len(invoices) * position)].number
            await killed_in(step, held, runs, folder)
            kills += 1
        async with worker(folder, hold=""):
            say("work", "a third worker takes over")
            told: set[int] = set()
            await until("every run is completed", lambda: all_completed(runs, told))
        tally, outcomes = await tally_of(runs), await outcomes_in(runs)
    print_table(len(runs), tally, bodies_in(folder))
    refused = sum(is_greylisted(invoice.number) for invoice in invoices)
    good = checked(
        len(runs),
        tally,
        outcomes=outcomes,
        bodies=bodies_in(folder).total(),
        kills=kills,
        refused=refused,
    )
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
            process.send_signal(signal.SIGSTOP)  # nothing moves between this count and the kill
            began = {(line.step, line.number) for line in ledger.lines(folder / "ledger.jsonl")}
            if began - await recorded_in(runs) == {(step, number)}:
                return True
            process.send_signal(signal.SIGCONT)
            return False

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


async def recorded_in(runs: Sequence[Run[str]]) -> set[tuple[str, str]]:
    """Name the steps that have their outcome, with the invoice that each is about."""
    return {
        (step.name, run.id)
        for run in runs
        for step in await run.steps()
        if step.status is StepStatus.COMPLETED
    }


async def tally_of(runs: Sequence[Run[str]]) -> Tally:
    """Count recorded steps and their attempts, as the event logs have them."""
    done = [
        step for run in runs for step in await run.steps() if step.status is StepStatus.COMPLETED
    ]
    return Tally(Counter(step.name for step in done), sum(step.attempt - 1 for step in done))


async def outcomes_in(runs: Sequence[Run[str]]) -> int:
    """Count the events that record an outcome; a step must never have two."""
    names = [each.event.name for run in runs for each in await run.events()]
    return names.count("step_completed")


async def all_completed(runs: Sequence[Run[str]], told: set[int]) -> bool:
    """Tell whether every run has its result, saying so as it changes; a failed one ends it all."""
    states = Counter([await run.status() for run in runs])
    if ended_badly := states[RunStatus.FAILED] + states[RunStatus.CANCELLED]:
        raise GaveUp(f"{ended_badly} runs failed")
    completed = states[RunStatus.COMPLETED]
    if completed not in told:
        told.add(completed)
        say("wait", f"{completed} of {len(runs)} runs completed")
    return completed == len(runs)


def bodies_in(folder: Path) -> Counter[str]:
    """Count the bodies that began, by the steps' own ledger."""
    return Counter(line.step for line in ledger.lines(folder / "ledger.jsonl"))


def print_table(runs: int, tally: Tally, bodies: Counter[str]) -> None:
    """Print what each step did: the first number is asked for, the others are found."""
    print(f"\n{'step':14}{'runs':>6}{'bodies started':>16}{'recorded':>10}")
    for step in STEPS:
        print(f"{step:14}{runs:6}{bodies[step]:16}{tally.recorded[step]:10}")
    total = len(STEPS) * runs
    print(f"{'sum':14}{total:6}{bodies.total():16}{tally.recorded.total():10}\n")


def checked(
    runs: int, tally: Tally, *, outcomes: int, bodies: int, kills: int, refused: int
) -> bool:
    """Print each sum, and tell whether all of them hold."""
    steps = len(STEPS) * runs
    checks = (
        ("recorded = runs, on each line", all(tally.recorded[step] == runs for step in STEPS)),
        (f"each outcome stands in the log once: {outcomes} = {steps}", outcomes == steps),
        (
            f"bodies: {bodies} = {steps} steps + {kills} kills + {refused} refused letters",
            bodies == steps + kills + refused,
        ),
        (
            f"the log counted each of them: {tally.again} attempts beyond the first",
            tally.again >= kills + refused,
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
