"""Workers on this machine whose process is gone, so that nobody waits for their lease to run out.

A worker's name carries which process it is. That another one is gone is only a hint for giving its
runs free earlier: the fence, not this, keeps a worker that lives after all from writing.
"""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path
from typing import Final

from wfc import fault, ids
from wfc.ids import WorkerId
from wfc.worlds.protocol import World

_PROC: Final = Path("/proc")
_MARK: Final = "@"
_STARTED_AT: Final = 19
"""The place of `starttime` in /proc/PID/stat, counted behind the name of the program."""


def worker_id(now_us: int, entropy: bytes) -> WorkerId:
    """Make a fresh worker id that says which process it is, where the system can tell."""
    plain = ids.worker_id(now_us, entropy)
    started = _started_at(os.getpid())
    machine = _machine()
    if started is None or machine is None:
        return plain
    return WorkerId(f"{plain}{_MARK}{machine}.{os.getpid()}.{started}")


def is_gone(worker: WorkerId) -> bool:
    """Tell whether the process of a worker certainly does not live any more."""
    machine, _, rest = worker.partition(_MARK)[2].partition(".")
    pid, _, started = rest.partition(".")
    if not pid.isdigit() or machine != _machine():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False  # it is somebody else's, and it lives
    found = _started_at(int(pid))
    return found is not None and found != started  # the number belongs to a later process


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


def _started_at(pid: int) -> str | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()[_STARTED_AT]
