"""Record what a proof found, so that `docs/reliability.md` can say it.

A proof runs inside `proof(...)` and puts its figures into the mapping that it is given. Nothing is
written unless `WFC_RECORD` is set: then `docs/reliability/NAME.json` holds the last run, held or
not. `python docs/write_reliability.py` makes the page of these files.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

RECORDS = Path(__file__).resolve().parent.parent.parent / "docs" / "reliability"

Figures = dict[str, int | float | str]
"""What was counted, by words a reader understands: ``{"processes killed": 4312}``."""


@contextmanager
def proof(name: str, *, title: str, holds: str, dose: str, command: str) -> Iterator[Figures]:
    """Run a proof; `name` is that of its file, `holds` what must hold, `command` repeats it.

    An exception passes on, after the record has been written as not held.
    """
    figures: Figures = {}
    began = time.monotonic()
    held = False
    try:
        yield figures
        held = True
    finally:
        if os.environ.get("WFC_RECORD"):
            said = {"title": title, "holds": holds, "dose": dose, "command": command, "held": held}
            seconds = round(time.monotonic() - began)
            _write(name, {**said, "figures": figures, "seconds": seconds, **_circumstances()})


def _circumstances() -> dict[str, str | int]:
    return {
        "wfc": version("wfc-durable"),
        "python": platform.python_version(),
        "system": platform.system(),
        "cores": os.cpu_count() or 0,
        "date": datetime.now(UTC).date().isoformat(),
    }


def _write(name: str, said: dict[str, object]) -> None:
    RECORDS.mkdir(exist_ok=True)
    text = json.dumps(said, indent=1, ensure_ascii=False)
    (RECORDS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
