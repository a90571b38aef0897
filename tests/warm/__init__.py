"""Real processes that need not import wfc anew: the test's side of `server.py`."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.warm import client

PROGRAM: Final = Path(__file__).parent / "server.py"
CLIENT: Final = Path(client.__file__)
PATIENCE_S: Final = 60


@functools.cache
def socket() -> str:
    """Name the socket of the warm process of this process of tests, begun when first needed."""
    folder = Path(tempfile.mkdtemp(prefix="warm"))
    path = folder / "socket"
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(path)],
        stdin=subprocess.PIPE,
        cwd=PROGRAM.parents[2],
        env={**os.environ, "PYTHONPATH": str(PROGRAM.parents[2])},
    )

    def close() -> None:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=30)
        shutil.rmtree(folder)

    atexit.register(close)
    until = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert process.poll() is None, "the warm process died"
        assert time.monotonic() < until, "the warm process does not listen"
        time.sleep(0.01)
    return str(path)


def shim(folder: Path) -> None:
    """Put a `python` and a `wfc` into `folder`, for the PATH of a shell; both are quick."""
    # -I and -S: it is a messenger, and starts in a tenth of the time of what it asks for.
    messenger = f'exec "{sys.executable}" -IS "{CLIENT}" "{socket()}"'
    for name, words in (("python", ""), ("wfc", " -m wfc")):
        program = folder / name
        program.write_text(f'#!/bin/sh\n{messenger}{words} "$@"\n')
        program.chmod(0o755)


def python(
    folder: Path, *words: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `python WORDS...` in `folder`, as `subprocess.run` would, with nothing on its stdin."""
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        Path(os.devnull).open("rb") as nothing,
    ):
        code = client.ask(
            socket(),
            words,
            folder=str(folder),
            environment=dict(os.environ if env is None else env),
            streams=[nothing.fileno(), out.fileno(), err.fileno()],
        )
        for each in (out, err):
            each.seek(0)
        said, noted = (each.read().decode() for each in (out, err))
    return subprocess.CompletedProcess([sys.executable, *words], code, said, noted)


def wfc(
    folder: Path, *words: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line in `folder`, to its end."""
    return python(folder, "-m", "wfc", *words, env=env)
