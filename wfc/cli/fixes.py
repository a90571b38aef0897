"""Doing fixes, or showing what they would change: for `wfc lint` and `wfc build`."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable
from pathlib import Path

from wfc.lint_rules import fixing, run
from wfc.lint_rules.finding import Finding


def fix_files(
    job: run.Job, findings: Iterable[Finding], *, unsafe: bool = False, write: bool = True
) -> int:
    """Do the fixes of every file that has any, or print them as a difference; give their number."""
    changed = 0
    for name in sorted({one.place.path for one in findings if one.fix is not None}):
        path = Path(name) if Path(name).is_absolute() else job.project.root / name
        before = path.read_bytes()
        after, done = run.fixed(job, path, before, unsafe=unsafe)
        if after == before:
            continue
        changed += done
        if write:
            fixing.write(path, after)
        else:
            sys.stdout.write(difference(name, before, after))
    return changed


def difference(name: str, before: bytes, after: bytes) -> str:
    """Write what changed in a file as a unified diff."""
    old, new = (
        data.decode("utf-8", "replace").splitlines(keepends=True) for data in (before, after)
    )
    return "".join(difflib.unified_diff(old, new, name, name))
