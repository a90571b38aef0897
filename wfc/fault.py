"""Named points where a test may kill the process, delay it or make it fail.

Outside tests `point` is a call that returns at once. A test process arms points before it starts:
`WFC_FAULT="append.committed:3:kill"` kills the process by SIGKILL the third time that point is
passed, and `WFC_FAULT_LOG` names a file to which each pass appends one line. A test lists every
commit, launch, delivery, flush and release of the sources and fails on one without a point.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path
from typing import Final

_PASSES: Final[Counter[str]] = Counter()


def _armed() -> tuple[str, int] | None:
    spec = os.environ.get("WFC_FAULT")
    if not spec:
        return None
    name, _, rest = spec.partition(":")
    count, _, action = rest.partition(":")
    if action != "kill":
        message = f"WFC_FAULT={spec!r}: the form is NAME:COUNT:kill"
        raise ValueError(message)
    return name, int(count)


_ARMED: Final = _armed()
_LOG: Final = os.environ.get("WFC_FAULT_LOG")
_ACTIVE: Final = _ARMED is not None or _LOG is not None


def point(name: str) -> None:
    """Mark a place where a crash must do no harm; `name` is ``noun.verbed``."""
    if _ACTIVE:
        _pass(name)


def _pass(name: str) -> None:
    _PASSES[name] += 1
    if _LOG is not None:
        with Path(_LOG).open("a", encoding="utf-8") as log:
            log.write(f"{name}:{_PASSES[name]}\n")
    if _ARMED is not None and (name, _PASSES[name]) == _ARMED:
        os.kill(os.getpid(), signal.SIGKILL)
