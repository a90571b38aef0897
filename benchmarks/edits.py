"""Other builds of the measured programs: edits that the runs of `ship` have to be judged for."""

from __future__ import annotations

import shutil
from functools import cache

from benchmarks.stage import scratch
from wfc.config import build_version
from wfc.manifests.store import Version
from wfc.settings import load_settings

EDITS = {
    "equal": (
        'weigh(Parcel(number))\n    await sleep("1 day")',
        'weigh(Parcel(number))\n    await sleep("2 days")',
    ),
    "renamed": (
        "        number = await weigh(Parcel(number))",
        "        if number >= 0:\n            number = await weigh(Parcel(number))",
    ),
    "unequal": ("    number: int\n", '    number: int\n    unit: str = "kg"\n'),
}
"""By name, a text and what stands in its place.

`equal`: the history decides, and all of it is as it was. `renamed`: every step has another name
now. `unequal`: every step is called with other bytes that say the same, for a field with a default
was added.
"""


@cache
def edited(name: str) -> Version:
    """Build the programs with one edit."""
    before, after = EDITS[name]
    root = scratch().parent / name
    shutil.copytree(scratch(), root)
    path = root / "bench_flows.py"
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1, f"{before!r} stands in the programs {text.count(before)} times"
    path.write_text(text.replace(before, after), encoding="utf-8")
    return build_version(load_settings(root))
