"""Named points where a test may kill or stop the process.

Outside tests `point` returns at once. A test process is armed by the environment before it starts,
or by `arm`: `WFC_FAULT="append.committed:3:kill"` kills the process by SIGKILL the third time that
point is passed, `append.committed:3:stop` stops it there by SIGSTOP until somebody sends SIGCONT,
and `WFC_FAULT_LOG` names a file to which each pass appends one line. A test lists every commit,
launch, delivery, flush and release of the sources and fails on one without a point.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import Final

_SIGNALS: Final = {"kill": "SIGKILL", "stop": "SIGSTOP"}
"""By name: Windows has neither, and may import this all the same."""


class _Trap:
    """What this process is armed with."""

    def __init__(self) -> None:
        self.active = False
        self.target: tuple[str, int, str] | None = None
        self.log: Path | None = None
        self.passes: Counter[str] = Counter()
        self.turn = threading.Lock()


_TRAP = _Trap()


def arm(spec: str | None, log: str | None = None) -> None:
    """Kill at `spec` (``NAME:COUNT:kill``) or stop there (``NAME:COUNT:stop``), and write every
    pass to the file `log`; None for neither.

    Raises `ValueError` for another form of `spec`.
    """
    _TRAP.target = _target(spec) if spec else None
    _TRAP.log = Path(log) if log else None
    _TRAP.passes.clear()
    _TRAP.active = _TRAP.target is not None or _TRAP.log is not None


def _target(spec: str) -> tuple[str, int, str]:
    name, _, rest = spec.partition(":")
    count, _, action = rest.partition(":")
    if action not in _SIGNALS or not count.isdigit():
        message = f"WFC_FAULT={spec!r}: the form is NAME:COUNT:kill or NAME:COUNT:stop"
        raise ValueError(message)
    return name, int(count), _SIGNALS[action]


def point(name: str) -> None:
    """Mark a place where a crash must do no harm; `name` is ``noun.verbed``."""
    if _TRAP.active:
        _pass(name)


def _pass(name: str) -> None:
    with _TRAP.turn:  # several threads may commit at once
        _counted(name)


def _counted(name: str) -> None:
    _TRAP.passes[name] += 1
    if _TRAP.log is not None:
        with _TRAP.log.open("a", encoding="utf-8") as log:
            log.write(f"{name}:{_TRAP.passes[name]}\n")
    if _TRAP.target is not None and _TRAP.target[:2] == (name, _TRAP.passes[name]):
        # To this thread: a stop that another one takes lets this one run on for a moment.
        signal.pthread_kill(threading.get_ident(), getattr(signal, _TRAP.target[2]))


arm(os.environ.get("WFC_FAULT"), os.environ.get("WFC_FAULT_LOG"))
