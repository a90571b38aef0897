"""How far long work has come: a bar on a terminal, elsewhere a plain line every ten seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from wfc.cli import output
from wfc.cli.common import Common

_SHOW_AFTER_S: Final = 0.5
_LINE_EVERY_S: Final = 10.0
Tell = Callable[[int, int, str], None]
"""Hears what is done, of how much, and what is being done."""


@contextmanager
def progress(common: Common, what: str) -> Iterator[Tell | None]:
    """Show how far `what` has come, once it has taken a while; nothing if nobody wants to hear."""
    if common.quiet:
        yield None
        return
    if not output.is_terminal(sys.stderr):
        yield _lines(common, what)
        return
    from rich.console import Console  # noqa: PLC0415 - only people on a terminal need it
    from rich.progress import Progress  # noqa: PLC0415 - likewise

    with Progress(console=Console(stderr=True), transient=True, disable=False) as bar:
        yield _on(bar, what, time.monotonic() + _SHOW_AFTER_S)


def _on(bar: Any, what: str, from_s: float) -> Tell:
    task = bar.add_task(what, total=None, visible=False)

    def tell(done: int, total: int, name: str) -> None:
        visible = time.monotonic() >= from_s
        bar.update(task, completed=done, total=total, description=name or what, visible=visible)

    return tell


def _lines(common: Common, what: str) -> Tell:
    due = [time.monotonic() + _LINE_EVERY_S]

    def tell(done: int, total: int, name: str) -> None:  # noqa: ARG001 - a line says how much, not which
        now = time.monotonic()
        if now >= due[0]:
            due[0] = now + _LINE_EVERY_S
            output.note(common, f"{what}: {done} of {total}")

    return tell
