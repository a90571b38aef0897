"""Guards: what workflow code may not do, said in a sentence, and the run poisoned by it."""

from __future__ import annotations

import os
import sys
from types import FrameType
from typing import Final, NoReturn

from wfc import abi
from wfc.determinism import CODES, Entry, Reason
from wfc.errors import EffectInWorkflow
from wfc.runtime import context

LOADING: Final = "WFC301"
FROZEN: Final = "WFC331"
GLOBAL: Final = "WFC332"
DYNAMIC: Final = "WFC124"

_WHY: Final = {
    Reason.CLOCK: "reads or waits for the machine's clock; a replay would see another time",
    Reason.RANDOM: "draws randomness that a replay cannot draw again",
    Reason.NETWORK: "reaches the network; a replay would repeat it",
    Reason.DISK: "reaches the disk; a replay would repeat it, or find something else",
    Reason.PROCESS: "reaches other processes or the terminal; a replay would repeat it",
    Reason.THREAD: "starts a thread, whose timing a replay cannot repeat",
    Reason.ENVIRONMENT: "reads the machine's environment, which differs where the run is replayed",
    Reason.ADDRESS: "depends on memory addresses or the hash seed, which no replay repeats",
    Reason.ORDER: "depends on an order that no replay repeats",
    Reason.STATE: "changes state that other runs share",
    Reason.REFLECTION: "reaches around what makes a replay exact",
    Reason.UNKNOWN: "is not known to be free of effects",
}
_LOOP: Final = {
    "thread": Reason.THREAD,
    "process": Reason.PROCESS,
    "network": Reason.NETWORK,
}


def refuse(
    name: str, reason: Reason | None, instead: str = "", *, code: str | None = None
) -> NoReturn:
    """Raise `EffectInWorkflow` for the use of `name`, and poison the run that used it."""
    why = _WHY[reason or Reason.UNKNOWN]
    module = context.loading.get()
    if module is not None and code is None:
        hit(
            f"the top level of {module} uses `{name}`, which {why}.\n"
            "It is executed once for all runs of a version. Move the call into a step.",
            LOADING,
        )
    advice = instead or "Call a step."
    hit(
        f"workflow code uses `{name}`, which {why}. {advice[0].upper()}{advice[1:].rstrip('.')}.",
        code or CODES[reason or Reason.UNKNOWN],
    )


def refuse_entry(name: str, entry: Entry) -> NoReturn:
    """Refuse `name` as the table of effects says."""
    instead = entry.instead
    refuse(name, entry.reason, f"Instead: {instead}" if instead else "")


def refuse_loop_method(name: str, group: str) -> NoReturn:
    """Refuse a method of the event loop."""
    if group == "loop":
        hit(
            f"workflow code calls `{name}` of its event loop, which the run itself drives. "
            "Await what you want to wait for.",
            CODES[Reason.THREAD],
        )
    refuse(f"loop.{name}", _LOOP[group])


def refuse_write(what: str) -> NoReturn:
    """Refuse a change of state that all runs of a version share."""
    hit(
        f"workflow code changes {what}, which is shared by all runs of this version, so a replay "
        "would not find it as it was.\n"
        "Keep the state in a local variable, or copy it first: `dict(...)`, `list(...)`.",
        FROZEN,
    )


def hit(message: str, code: str, *, place: str | None = None) -> NoReturn:
    """Raise `EffectInWorkflow` with the guard `code`, and poison the current run.

    The message ends with the code and ``file:line`` of the user's code that is to blame.
    """
    place = place or _place(sys._getframe(1))  # noqa: SLF001 - the user's code is up there
    where = f"\n{code} at {place}" if place else f"\n{code}"
    error = EffectInWorkflow(message + where, guard=code)
    execution = context.current.get()
    if execution is not None:
        execution.poison(error)
    raise error


def at_line() -> str:
    """Say which line of workflow code is at work, as a sentence's end; nothing outside of it."""
    if context.current.get() is None:
        return ""
    place = _place(sys._getframe(1))  # noqa: SLF001 - the user's code is up there
    return f" At {place}." if place else ""


def _place(frame: FrameType | None) -> str | None:
    """Give ``file:line`` of the innermost code of a bundle, as its author knows the file."""
    while frame is not None:
        filename = frame.f_code.co_filename
        if abi.NAME in frame.f_globals and filename != abi.__file__:
            return f"{source_path(filename)}:{frame.f_lineno}"
        frame = frame.f_back
    return None


def source_path(filename: str) -> str:
    """Give the path of the source behind a code object's filename, relative where it can be."""
    if filename.startswith("<wfc "):
        return filename[1:-1].split(" ", 2)[2]  # what a version holds: `<wfc VERSION PATH>`
    folder = os.path.join(os.getcwd(), "")  # noqa: PTH109, PTH118 - `pathlib` costs more
    return filename.removeprefix(folder)
