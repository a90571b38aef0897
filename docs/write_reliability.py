"""Write `docs/reliability.md` from what the long proofs recorded in `docs/reliability/`.

`python docs/write_reliability.py` writes it; `docs/check.py` fails while it differs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
_HEAD = """\
# Reliability

What wfc promises is tried by killing it. Each proof below runs in a small dose in the default
suite; this page is generated from the last recorded full doses by `docs/write_reliability.py`; do
not edit it. Repeat any of them by its command; with `WFC_RECORD=1` before it the record is written
anew. A proof that failed is shown as failed.
"""


def page(records: Path = HERE / "reliability") -> str:
    """Give the text of the page for the records of a folder."""
    found = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(records.glob("*.json"))
    ]
    return "\n".join([_HEAD, *_table(found), *(line for each in found for line in _proof(each))])


def _table(found: list[Mapping[str, Any]]) -> Iterator[str]:
    yield "| proof | dose | held | date | wfc |"
    yield "|---|---|---|---|---|"
    for each in found:
        held = "yes" if each["held"] else "**NO**"
        yield f"| {each['title']} | {each['dose']} | {held} | {each['date']} | {each['wfc']} |"
    yield ""


def _proof(each: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {each['title']}\n"
    yield f"Must hold: {each['holds']}.\n"
    yield f"```\n{each['command']}\n```\n"
    yield "| counted | |"
    yield "|---|---|"
    for name, value in each["figures"].items():
        yield f"| {name} | {value:,} |" if isinstance(value, int) else f"| {name} | {value} |"
    python, system, cores = each["python"], each["system"], each["cores"]
    yield f"\nPython {python}, {system}, {cores} cores, {each['seconds']:,} s.\n"


if __name__ == "__main__":
    (HERE / "reliability.md").write_text(page(), encoding="utf-8")
