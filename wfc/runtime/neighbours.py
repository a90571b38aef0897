"""Workers on this machine whose process is gone, so that nobody waits for their lease to run out.

A worker's name carries which process it is. That another one is gone is only a hint for giving its
runs free earlier: the fence, not this, keeps a worker that lives after all from writing.
"""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path
from typing import Final, NamedTuple

from wfc import fault, ids
from wfc.ids import WorkerId
from wfc.worlds.protocol import World

_PROC: Final = Path("/proc")
_MARK: Final = "@"
_STARTED_AT: Final = 19
"""The place of `starttime` in /proc/PID/stat, counted behind the name of the program."""
_DEAD: Final = frozenset("ZXx")
"""The states of a process that ended and whose number is not free yet."""


class _Seen(NamedTuple):
    """What /proc tells of a process."""

    state: str
    started: str


def worker_id(now_us: int, entropy: bytes) -> WorkerId:
    """Make a fresh worker id that says which process it is, where the system can tell."""
    plain = ids.worker_id(now_us, entropy)
    seen = _seen(os.getpid())
    machine = _machine()
    if seen is None or machine is None:
        return plain
    return WorkerId(f"{plain}{_MARK}{machine}.{os.getpid()}.{seen.started}")


def is_gone(worker: WorkerId) -> bool:
    """Tell whether the process of a worker certainly does not live any more."""
    machine, _, rest = worker.partition(_MARK)[2].partition(".")
    pid, _, started = rest.partition(".")
    if not pid.isdigit() or machine != _machine():
        return False
    seen = _seen(int(pid))
    if seen is None:
        return not _is_known(int(pid))
    # The number may belong to a later process by now. What was killed stays a zombie until its
    # parent asks for it, which a parent that is busy or careless does late or never.
    return seen.started != started or seen.state in _DEAD


def _is_known(pid: int) -> bool:
    """Ask the kernel, since /proc may hide the processes of others."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # it is somebody else's, and it lives
    return True


async def give_up_gone(world: World) -> None:
    """Free what workers hold whose process is gone."""
    for row in await world.workers():
        if is_gone(row.worker_id):
            fault.point("neighbour.leaving")
            await world.leave(row.worker_id)
            fault.point("neighbour.left")


@functools.cache
def _machine() -> str | None:
    """Name what process numbers are relative to: this boot of this machine, this namespace."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text()
        namespace = (_PROC / "self/ns/pid").readlink()
    except OSError:
        return None  # not a Linux: leases alone must do
    return hashlib.blake2b(f"{boot}{namespace}".encode(), digest_size=6).hexdigest()


def _seen(pid: int) -> _Seen | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The program's name comes before, and may itself hold blanks and brackets.
    words = text.rpartition(")")[2].split()
    return _Seen(state=words[0], started=words[_STARTED_AT])
