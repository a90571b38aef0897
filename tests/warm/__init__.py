"""Real processes that need not import wfc anew: the test's side of `server.py`."""

from __future__ import annotations

import atexit
import functools
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PROGRAM: Final = Path(__file__).parent / "server.py"
PATIENCE_S: Final = 150
"""More than a command may take there."""


class Server:
    """The warm process of this process of tests, begun when it is first needed."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=PROGRAM.parents[2],
            env={**os.environ, "PYTHONPATH": str(PROGRAM.parents[2])},
            text=True,
        )
        atexit.register(self.close)

    def ask(self, **asked: object) -> int:
        """Run one command to its end; the exit code is negative if a signal ended it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        assert select.select([self._process.stdout], [], [], PATIENCE_S)[0], "no answer"
        line = self._process.stdout.readline()
        assert line, f"the warm process died with {self._process.wait()}"
        return int(json.loads(line)["code"])

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


@functools.cache
def _server() -> Server:
    return Server()


def python(
    folder: Path, *words: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `python WORDS...` in `folder` (`-m MODULE`, or a script), as `subprocess.run` would."""
    with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
        code = _server().ask(
            folder=str(folder),
            words=words,
            environment=dict(os.environ if env is None else env),
            out=out.name,
            err=err.name,
        )
        said, noted = (Path(one.name).read_text(encoding="utf-8") for one in (out, err))
    return subprocess.CompletedProcess([sys.executable, *words], code, said, noted)


def wfc(
    folder: Path, *words: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line in `folder`, to its end."""
    return python(folder, "-m", "wfc", *words, env=env)
