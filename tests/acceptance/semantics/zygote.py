"""A warm process that forks one real process per case: `python zygote.py PROJECT`.

As in `tests.acceptance.crash`: one JSON object per line on stdin asks for a case, by its name, and
one per line on stdout answers with the exit code. The child judges, since it has the classes.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.acceptance.semantics.entries import ENTRIES
from tests.acceptance.semantics.scene import agrees, compiled, last_instant, scene
from wfc import fault
from wfc.manifests.store import Version

DEADLINE_S = 60


def main() -> None:
    """Serve cases until stdin ends."""
    version = compiled(Path(sys.argv[1]))
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            _child(version, asked)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(json.dumps({"code": os.waitstatus_to_exitcode(status)}) + "\n")
        sys.stdout.flush()


def _child(version: Version, asked: dict[str, Any]) -> None:
    code = 70
    try:
        signal.alarm(DEADLINE_S)  # a hanging case ends as SIGALRM, not as a hanging suite
        fault.arm(asked["fault"], asked["fault_log"])
        asyncio.run(_play(version, asked["case"], Path(asked["database"])))
        code = 0
    except BaseException:  # noqa: BLE001 - the child must never return into the parent's loop
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


async def _play(version: Version, name: str, database: Path) -> None:
    case = next(entry for entry in ENTRIES if entry.name == name).make()
    async with scene(version, database, at=last_instant(database)) as stage:
        ended = await stage.play(case)
    assert agrees(ended.outcome, case.outcome), f"{ended.outcome} is not {case.outcome}"
    assert ended.steps == case.steps, ended.steps
    assert ended.attributes == dict(case.attributes)


if __name__ == "__main__":
    main()
