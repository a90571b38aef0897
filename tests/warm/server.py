"""A warm process that forks one for each command: `python tests/warm/server.py SOCKET`.

Most of what `python -m wfc` takes is importing wfc and what it stands on. Here that is done once;
what is forked is a process of its own in every other respect: its folder, its environment, its
modules, its exit code, its end by a signal. The parent holds no thread, loop or database. Proofs of
what a fresh process imports, or of how it is told to end, start one.

A connection asks for one command: three streams and the length of what follows, then one JSON
object (`folder`, `words` as behind `python`, `environment`). It is answered by two lines, the
number of the process and, when that has ended, its exit code; if the connection ends first, the
process is killed. All ends when stdin does.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any, Final

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
DEADLINE_S: Final = 120


class Server:
    """The parent: who asked, and which process is theirs."""

    def __init__(self, path: str) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(f"{path}.new")
        self.listener.listen(64)
        Path(f"{path}.new").rename(path)  # whoever sees it may connect
        self.askers: dict[int, socket.socket] = {}
        self.bell, bell = socket.socketpair()  # rung by SIGCHLD, or a child's end would not be seen
        bell.settimeout(0)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(bell.fileno())
        self.rung = bell

    def serve(self) -> dict[str, Any] | None:
        """Fork a process for each command; only a child comes back, with what it has to run."""
        while True:
            waited = [sys.stdin, self.listener, self.bell, *self.askers.values()]
            ready, _, _ = select.select(waited, [], [])
            if sys.stdin in ready:
                self._end()
                return None
            if self.bell in ready:
                self.bell.recv(4096)
                self._answer()
            for child, asker in [*self.askers.items()]:
                if asker in ready:  # it says nothing, so it has gone
                    os.kill(child, signal.SIGKILL)
                    self.askers.pop(child).close()
            if self.listener in ready:
                asked = self._fork()
                if asked is not None:
                    return asked

    def _fork(self) -> dict[str, Any] | None:
        asker, _ = self.listener.accept()
        head, streams, _, _ = socket.recv_fds(asker, 8, 3)
        with asker.makefile("rb") as said:
            asked: dict[str, Any] = json.loads(said.read(int.from_bytes(head, "big")))
        child = os.fork()
        if child == 0:
            self._leave(asker)
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
                os.close(stream)
            return asked
        for stream in streams:
            os.close(stream)
        self.askers[child] = asker
        asker.sendall(b"%d\n" % child)
        return None

    def _leave(self, asker: socket.socket) -> None:
        """Be no server any more."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for each in (asker, self.listener, self.bell, self.rung, *self.askers.values()):
            each.close()

    def _answer(self) -> None:
        for child in [*self.askers]:
            found, status = os.waitpid(child, os.WNOHANG)
            if found:
                asker = self.askers.pop(child)
                asker.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
                asker.close()

    def _end(self) -> None:
        for child in self.askers:
            os.kill(child, signal.SIGKILL)


def main() -> None:
    """Serve until stdin ends; a child comes back from there with what it has to run."""
    for name in WARM:
        importlib.import_module(name)
    gc.freeze()  # a child that collected would copy all of it
    asked = Server(sys.argv[1]).serve()
    if asked is not None:
        _run(asked)


def _run(asked: dict[str, Any]) -> None:
    """Be `python WORDS...` in its folder; exits as that does, through the end of this program."""
    from wfc import fault  # noqa: PLC0415 - the parent imports it after this module

    signal.alarm(DEADLINE_S)  # what hangs ends as SIGALRM, not as a hanging suite
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    fault.arm(os.environ.get("WFC_FAULT"), os.environ.get("WFC_FAULT_LOG"))
    first, *rest = asked["words"] or ["-"]
    sys.path[0] = str(Path.cwd())
    if first == "-m":
        module, *rest = rest
        sys.argv = [module, *rest]
        sys.modules.pop(f"{module}.__main__", None)
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    elif first in {"-c", "-"}:
        text, rest = (rest[0], rest[1:]) if first == "-c" else (sys.stdin.read(), rest)
        sys.path[0] = ""
        sys.argv = [first, *rest]
        main_names = {"__name__": "__main__", "__builtins__": __builtins__}
        name = "<string>" if first == "-c" else "<stdin>"
        exec(compile(text, name, "exec"), main_names)  # noqa: S102 - as Python does
    else:
        sys.path[0] = str(Path(first).absolute().parent)
        sys.argv = [first, *rest]
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    main()
