"""The options that `wfc build` and `wfc lint` share: both look at all files, and may cure some."""

from __future__ import annotations

import os
from typing import Annotated, TypeAlias

import typer

Jobs: TypeAlias = Annotated[
    int, typer.Option(min=0, metavar="N", help="Processes; 0 is one a core.")
]
Fix: TypeAlias = Annotated[bool, typer.Option("--fix", help="Do the fixes that are safe, first.")]
Diff: TypeAlias = Annotated[
    bool, typer.Option("--diff", help="Show what the fixes would change; write nothing.")
]
Watch: TypeAlias = Annotated[
    bool, typer.Option("--watch", help="Look again whenever a file changes.")
]


def processes(jobs: int) -> int:
    """Give how many processes `--jobs` asks for."""
    return jobs or os.cpu_count() or 1
