"""A warm process that forks one for each command: `python tests/warm/server.py`, asked on stdin.

Most of what `python -m wfc` takes is importing wfc and what it stands on. Here that is done once;
what is forked is a process of its own in every other respect: its folder, its environment, its
modules, its exit code, its end by a signal. The parent holds no thread, loop or database. Proofs of
what a fresh process imports, or of how it is told to end, start one.

One JSON object a line asks (`folder`, `words` as behind `python`, `environment`, files `out` and
`err`), one answers (`code`).
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import signal
import sys
from pathlib import Path
from typing import Any, Final

DEADLINE_S: Final = 120
WARM: Final = (
    "wfc.api",
    "wfc.__main__",
    # What commands and sessions import when they need it, which each child would do again.
    "wfc.cli.check",
    "wfc.cli.inspect",
    "wfc.cli.result",
    "wfc.cli.start",
    "wfc.cli.upgrade",
    "wfc.cli.versions",
    "wfc.cli.wake",
    "wfc.cli.worker",
    "wfc.compiler.build",
    "wfc.runtime.registry",
    "wfc.runtime.worker",
    "wfc.settings_tables",
    "wfc.worlds.memory",
    "wfc.worlds.sqlite",
)


def main() -> None:
    """Serve until stdin ends; a child comes back from here with what it has to run."""
    for name in WARM:
        importlib.import_module(name)
    gc.freeze()  # a child that collected would copy all of it
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(asked)
            return
        _, status = os.waitpid(child, 0)
        sys.stdout.write(json.dumps({"code": os.waitstatus_to_exitcode(status)}) + "\n")
        sys.stdout.flush()


def _run(asked: dict[str, Any]) -> None:
    """Be `python WORDS...` in its folder; exits as that does, through the end of this program."""
    from wfc import fault  # noqa: PLC0415 - the parent imports it after this module

    signal.alarm(DEADLINE_S)  # what hangs ends as SIGALRM, not as a hanging suite
    for stream, name in ((0, os.devnull), (1, asked["out"]), (2, asked["err"])):
        file = os.open(name, os.O_RDWR)
        os.dup2(file, stream)
        os.close(file)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    fault.arm(os.environ.get("WFC_FAULT"), os.environ.get("WFC_FAULT_LOG"))
    first, *rest = asked["words"]
    if first == "-m":
        module, *rest = rest
        sys.path[0] = str(Path.cwd())
        sys.argv = [module, *rest]
        sys.modules.pop(f"{module}.__main__", None)
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = str(Path(first).absolute().parent)
        sys.argv = [first, *rest]
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    main()
