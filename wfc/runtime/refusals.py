"""Guards: what workflow code may not do, said in a sentence, and the run poisoned by it."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterable
from types import FrameType
from typing import Final, NoReturn

from wfc import abi
from wfc.determinism import CODES, Entry, Reason, Verdict, lookup
from wfc.determinism.extensions import code_of
from wfc.errors import EffectInWorkflow
from wfc.manifests.bundle import Bundle
from wfc.manifests.code import parse_quietly
from wfc.runtime import context

LOADING: Final = "WFC301"
AT_IMPORT: Final = "WFC211"
IN_DEFINITION: Final = "WFC210"
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
_DEFINITIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_LOOP: Final = {
    "thread": Reason.THREAD,
    "process": Reason.PROCESS,
    "network": Reason.NETWORK,
}


def refuse(name: str, reason: Reason, instead: str = "", *, code: str | None = None) -> None:
    """Refuse the use of `name`; whoever asks does the real thing if this returns."""
    why, code = _WHY[reason], code or CODES[reason]
    bundle = context.loading.get()
    if bundle is not None and reason is not Reason.UNKNOWN:
        hit(
            f"the top level of {bundle.module} uses `{name}`, which {why}.\n"
            "It is executed once for all runs of a version. Move the call into a step.",
            _while_loading(bundle, name),
        )
        return
    advice = instead or "Call a step."
    hit(
        f"workflow code uses `{name}`, which {why}. {advice[0].upper()}{advice[1:].rstrip('.')}.",
        code,
    )


def refuse_entry(name: str, entry: Entry) -> None:
    """Refuse `name` as the table of effects says."""
    instead = f"Instead: {entry.instead}" if entry.instead else ""
    refuse(name, entry.reason or Reason.UNKNOWN, instead, code=code_of(entry))


def refuse_loop_method(name: str, group: str) -> NoReturn:
    """Refuse a method of the event loop, which no comment can give to a run."""
    code = lookup(f"asyncio.AbstractEventLoop.{name}").diagnostic
    if group == "loop":
        raise _poison(
            f"workflow code calls `{name}` of its event loop, which the run itself drives. "
            "Await what you want to wait for.",
            code,
        )
    raise _poison(
        f"workflow code uses `loop.{name}`, which {_WHY[_LOOP[group]]}. Call a step.", code
    )


def refuse_thread(name: str) -> NoReturn:
    """Refuse to run what is no step in a thread: the loop of a run has none."""
    raise _poison(
        f"workflow code uses `asyncio.to_thread({name})`, which {_WHY[Reason.THREAD]}. "
        f'Call a step: begin `{name}` with "use step".',
        CODES[Reason.THREAD],
    )


def refuse_write(what: str) -> None:
    """Refuse a change of state that all runs of a version share."""
    hit(
        f"workflow code changes {what}, which is shared by all runs of this version, so a replay "
        "would not find it as it was.\n"
        "Keep the state in a local variable, or copy it first: `dict(...)`, `list(...)`.",
        FROZEN,
    )


def hit(message: str, code: str) -> None:
    """Raise `EffectInWorkflow` with the guard `code`, and poison the current run.

    Nothing happens where ``# wfc: allow[code]`` stands: on the line that is at work, on one that
    led to it, or on the ``def`` around either. Somebody has decided that it is safe.
    """
    if not _is_allowed(code, sys._getframe(1)):  # noqa: SLF001 - the user's code is up there
        raise _poison(message, code)


def refuse_at(message: str, code: str, bundle: Bundle, line: int, path: str) -> None:
    """Refuse what stands on a `line` of `bundle` and has not been executed, unless it is allowed.

    Raises `EffectInWorkflow`.
    """
    if not _covers(bundle.allowed, code, line):
        raise _error(message, code, f"{path}:{line}")


def _poison(message: str, code: str) -> EffectInWorkflow:
    """Make the error of a guard hit, and let the current run end with it whoever catches it."""
    error = _error(message, code, _place(sys._getframe(1)))  # noqa: SLF001 - likewise
    execution = context.current.get()
    if execution is not None:
        execution.poison(error)
    return error


def _error(message: str, code: str, place: str | None) -> EffectInWorkflow:
    """Say it, with the code and ``file:line`` of the user's code that is to blame at the end."""
    where = f"\n{code} at {place}" if place else f"\n{code}"
    return EffectInWorkflow(message + where, guard=code)


def _is_allowed(code: str, frame: FrameType | None) -> bool:
    while frame is not None:
        allowed = getattr(frame.f_globals.get(abi.NAME), "allowed", ())
        if allowed and _covers(allowed, code, frame.f_lineno):
            return True
        frame = frame.f_back
    return False


def _covers(allowed: Iterable[abi.Exemption], code: str, line: int) -> bool:
    return any(one.code == code and one.line <= line <= one.end_line for one in allowed)


def _while_loading(bundle: Bundle, name: str) -> str:
    """Give the code of an effect at the top level: as the compiler, by what the statement makes."""
    entry = lookup(name)
    if entry.verdict is Verdict.SHIM and entry.reason is not Reason.ENVIRONMENT:
        return LOADING
    line = _line_in(bundle)
    statements = parse_quietly(bundle.text).body if line else []
    around = [one for one in statements if one.lineno <= line <= (one.end_lineno or 0)]
    return IN_DEFINITION if any(isinstance(one, _DEFINITIONS) for one in around) else AT_IMPORT


def _line_in(bundle: Bundle) -> int:
    """Give the line of the top level of `bundle` that is being executed, or 0."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - it is up there
    while frame is not None:
        own = frame.f_code.co_name == "<module>" and abi.NAME in frame.f_globals
        if own and frame.f_globals[abi.NAME].module == bundle.module:
            return frame.f_lineno
        frame = frame.f_back
    return 0


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
