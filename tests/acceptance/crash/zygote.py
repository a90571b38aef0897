"""A warm process that forks one real process per crash: `python zygote.py PROJECT`.

Importing wfc and building the flows takes most of a second; forking after that takes milliseconds,
so every fault point can be tried. The parent holds no thread, no loop and no database when it
forks. One JSON object per line on stdin asks for a case (see `zygotes.Zygote`), one per line on
stdout answers it.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

DEADLINE_S = 60
WARM = (
    "wfc.api",
    # What a session imports when it needs it, which each child would do again.
    "wfc.compiler.build",
    "wfc.runtime.registry",
    "wfc.runtime.worker",
    "wfc.settings_tables",
    "wfc.worlds.memory",
    "wfc.worlds.postgres",
    "wfc.worlds.sqlite",
)


def main() -> None:
    """Serve cases until stdin ends."""
    project, module = Path(sys.argv[1]), sys.argv[2]
    os.chdir(project)
    sys.path[:0] = [str(project), str(Path(__file__).parents[3])]
    for name in WARM:
        importlib.import_module(name)
    from wfc.compiler.import_hook import install  # noqa: PLC0415 - wfc finds its settings here

    install([module])
    flows = importlib.import_module(module)
    drivers = importlib.import_module("tests.acceptance.crash.drivers")
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_served(flows, drivers, json.loads(line))) + "\n")
        sys.stdout.flush()


def _served(flows: ModuleType, drivers: ModuleType, case: dict[str, Any]) -> dict[str, int]:
    if "wait" in case:
        return {"code": _ended(case["wait"])}
    child = os.fork()
    if child == 0:
        _child(flows, drivers, case)
    return {"pid": child} if case.get("background") else {"code": _ended(child)}


def _ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _child(flows: ModuleType, drivers: ModuleType, case: dict[str, Any]) -> None:
    from wfc import fault  # noqa: PLC0415 - the parent imports wfc after changing its directory

    code = 70
    try:
        # A hanging case ends as SIGALRM, not as a hanging suite.
        signal.alarm(case.get("deadline_s", DEADLINE_S))
        os.environ.update(case["env"])
        if case.get("said"):
            os.dup2(os.open(case["said"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), 2)
        fault.arm(case.get("fault"), case.get("fault_log"))
        answer = asyncio.run(getattr(drivers, case["driver"])(flows, case["flow"]))
        Path(case["answer"]).write_text(json.dumps(answer), encoding="utf-8")
        code = 0
    except BaseException:  # noqa: BLE001 - the child must never return into the parent's loop
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
