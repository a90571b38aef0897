"""Ask the warm process for a command: a module for tests, and a program that stands for `python`.

``python -IS client.py SOCKET WORDS...`` is `python WORDS...` of the shells that try documented
commands: the same folder, environment and streams, its exit code, and its end by a signal in both
directions. It imports nothing that is not needed, for it is started hundreds of times.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence

KNOWN = "-", "-c", "-m"
"""First words that the warm process knows, besides scripts; other options need a Python."""
AT_START = "PYTHONNODEBUGRANGES", "PYTHONOPTIMIZE", "PYTHONHASHSEED"
"""Variables that Python reads when it starts, so the warm process would not obey them."""
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def ask(
    path: str,
    words: Sequence[str],
    *,
    folder: str,
    environment: Mapping[str, str],
    streams: Sequence[int] = (0, 1, 2),
    passed_on: Sequence[signal.Signals] = (),
) -> int:
    """Run `python WORDS...` to its end; the exit code is negative if a signal ended it.

    `streams` become stdin, stdout and stderr; the signals `passed_on` go to the command. Whoever
    closes the connection, and be it by dying, kills the command. Raises `ConnectionError` if the
    warm process died.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        asked = json.dumps({"words": words, "folder": folder, "environment": environment}).encode()
        socket.send_fds(connection, [len(asked).to_bytes(8, "big")], streams)
        connection.sendall(asked)
        with connection.makefile("rb") as answers:
            child = int(answers.readline() or 0)
            for number in passed_on:
                signal.signal(number, lambda said, _frame: os.kill(child, said))
            line = answers.readline()
    if not line:
        message = "the warm process died"
        raise ConnectionError(message)
    return int(line)


def main() -> None:
    """Be `python WORDS...`."""
    path, *words = sys.argv[1:]
    unknown = not words or (words[0][:1] == "-" and words[0] not in KNOWN)
    if unknown or any(name in os.environ for name in AT_START):
        os.execv(sys.executable, [sys.executable, *words])  # noqa: S606 - no shell is wanted
    here = os.getcwd()  # noqa: PTH109 - pathlib takes longer to import than all the rest
    environment = os.environ.copy()
    code = ask(path, words, folder=here, environment=environment, passed_on=PASSED_ON)
    if code < 0:
        if -code in PASSED_ON:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main()
