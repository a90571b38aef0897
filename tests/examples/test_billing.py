"""The demo bills, is killed twice in the middle of a step, and its sums hold."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_demo_loses_nothing_and_repeats_only_what_was_killed(tmp_path: Path) -> None:
    """12 invoices, two kills: one body more for each kill and each refused letter."""
    done = subprocess.run(
        [sys.executable, "-m", "examples.billing", "12"],
        cwd=ROOT,
        env={**os.environ, "BILLING_FOLDER": str(tmp_path / "demo")},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("  KILL  worker") == 2
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line}
    assert rows["validate"] == ["12", "12", "12"]
    assert rows["charge"] == ["12", "13", "12"]
    assert rows["send_receipt"] == ["12", "13", "12"]
    assert rows["book"] == ["12", "13", "12"]
    assert re.search(r"^FAILED", done.stdout, re.MULTILINE) is None


def test_the_invoices_are_realistic() -> None:
    """At least 200 rows, each complete, no number twice, more than one currency."""
    with (ROOT / "examples/billing/invoices.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 200
    assert len({row["number"] for row in rows}) == len(rows)
    assert all(all(row.values()) and int(row["amount_cents"]) > 0 for row in rows)
    assert len({row["currency"] for row in rows}) > 3
