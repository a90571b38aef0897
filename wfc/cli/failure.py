"""What goes wrong becomes one exit code, one explanation, and never a traceback."""

from __future__ import annotations

import errno
import json
import os
import platform
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from enum import IntEnum
from pathlib import Path
from typing import Final, TypeGuard

import typer

from wfc import errors


class Exit(IntEnum):
    """The exit codes of every command, each with one meaning."""

    GOOD = 0
    NEGATIVE = 1  # findings, drift, divergence, a run that failed under --wait
    USAGE = 2  # usage or configuration, a taken port
    NOT_FOUND = 3
    UNREACHABLE = 4  # the world, or what is recorded in it
    CONFLICT = 5  # finished, used, existing
    INCOMPLETE = 6  # timed out
    OURS = 70  # our fault; a report lies in .wfc/crash
    INTERRUPTED = 130  # Ctrl-C
    CLOSED_PIPE = 141  # silent


# The first class that fits decides, so a subclass stands before its base.
_CODES: Final[tuple[tuple[type[BaseException], Exit], ...]] = (
    (KeyboardInterrupt, Exit.INTERRUPTED),
    (BrokenPipeError, Exit.CLOSED_PIPE),
    (errors.CompileError, Exit.NEGATIVE),
    (errors.RunFailed, Exit.NEGATIVE),
    (errors.RunCancelled, Exit.NEGATIVE),
    (errors.Diverged, Exit.NEGATIVE),
    (errors.RunNotFound, Exit.NOT_FOUND),
    (errors.QueueUnknown, Exit.NOT_FOUND),
    (errors.NoSuchWorkflow, Exit.NOT_FOUND),
    (errors.ScheduleNotFound, Exit.NOT_FOUND),
    (errors.VersionUnknown, Exit.NOT_FOUND),
    (errors.HookNotFound, Exit.NOT_FOUND),
    (errors.RunIdConflict, Exit.CONFLICT),
    (errors.RunEnded, Exit.CONFLICT),
    (errors.RunBusy, Exit.CONFLICT),
    (errors.HookPayloadInvalid, Exit.USAGE),
    (errors.SchemaUnavailable, Exit.USAGE),
    (errors.HookError, Exit.CONFLICT),
    (errors.RunLogFull, Exit.CONFLICT),
    (errors.RunBlocked, Exit.UNREACHABLE),
    (errors.WorldError, Exit.UNREACHABLE),
    (errors.StepTimeout, Exit.NEGATIVE),
    (TimeoutError, Exit.INCOMPLETE),
    (errors.IllegalEvent, Exit.OURS),
    # What is recorded cannot be read: nothing was typed wrong, and trying again does not help.
    (errors.LogError, Exit.UNREACHABLE),
    (errors.PayloadCorrupt, Exit.UNREACHABLE),
    (errors.PayloadTooNew, Exit.UNREACHABLE),
    (errors.WfcError, Exit.USAGE),
    (typer.TyperException, Exit.USAGE),
    (typer.Abort, Exit.INTERRUPTED),
)
# What the system refuses of a file that the command line or the settings name; other errors of the
# system are ours until shown otherwise.
_OF_FILES: Final = frozenset(
    {
        errno.EACCES, errno.EDQUOT, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOSPC, errno.EPERM,
        errno.EROFS,
    }
)  # fmt: skip
_SILENT: Final = {Exit.INTERRUPTED, Exit.CLOSED_PIPE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An error as people and programs read it."""

    code: str | None
    message: str
    where: str | None = None
    why: str | None = None
    fix: str | None = None
    docs: str | None = None

    def for_people(self) -> str:
        """Give it as lines for stderr."""
        head = f"error[{self.code}]: " if self.code else "error: "
        place = f"{self.where}: " if self.where else ""
        more = [line for line in (self.why, self.fix) if line]
        tail = [f"more: {self.docs}"] if self.docs else []
        return "\n".join([head + place + self.message, *more, *tail])


def exit_code(error: BaseException) -> Exit:
    """Give the one code that fits."""
    if _is_of_a_file(error):
        return Exit.USAGE
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.OURS)


def explain(error: BaseException) -> Explanation:
    """Split an error's sentences into what happened, where, why it matters and what to do."""
    if isinstance(error, typer.TyperException):
        return _usage(error)
    if _is_of_a_file(error):
        return _of_file(error)
    code = errors.code_of(error) or _code_of_findings(error)
    text = str(error).strip("\n") or type(error).__name__
    where, _, rest = _placed(text)
    if isinstance(error, errors.RunFailed):
        # Its text is the error of the run's own code, of as many lines as that likes.
        return Explanation(code=code, message=text, fix=f"See where: wfc explain {error.run_id}")
    # A finding says its code after its place; here the code stands in front already.
    first, *more = rest.removeprefix(f"{code} ").strip().split("\n")
    return Explanation(
        code=code,
        message=first,
        where=where,
        why="\n".join(more[:-1]) or None,
        fix=more[-1] if more else None,
        docs=f"wfc explain {code}" if code else None,
    )


def report(error: BaseException, words: Sequence[str]) -> int:
    """Tell the user of `error` and give the exit code; `words` are the command line."""
    if isinstance(error, SystemExit):
        return _of_system_exit(error)
    code = exit_code(error)
    if code is Exit.CLOSED_PIPE:
        _forget_stdout()
    if code in _SILENT:
        return code
    explanation = _crash(error, words) if code is Exit.OURS else explain(error)
    text = json.dumps(asdict(explanation)) if _wants_json(words) else explanation.for_people()
    sys.stderr.write(text + "\n")
    return code


def _wants_json(words: Sequence[str]) -> bool:
    """Read the flags by hand: what failed may be the reading of the command line itself."""
    twins = {os.environ.get(name, "").lower() for name in ("WFC_JSON", "WFC_JSONL")}
    return not {"--json", "--jsonl"}.isdisjoint(words) or not twins <= {"", "0", "false", "no"}


def _usage(error: typer.TyperException) -> Explanation:
    """Say what is wrong with the command line and how to learn more."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "wfc"
    message = error.format_message().replace("Value error, ", "")
    if near := getattr(error, "possibilities", None):
        meant = get_close_matches(message.split()[3], near, n=3, cutoff=0.6)
        message = message.partition(" (Possible")[0] + f". Did you mean {', '.join(meant)}?"
    return Explanation(code=None, message=message, fix=f"See `{path} --help`.")


def _is_of_a_file(error: BaseException) -> TypeGuard[OSError]:
    return isinstance(error, OSError) and error.errno in _OF_FILES and error.filename is not None


def _of_file(error: OSError) -> Explanation:
    return Explanation(
        code=None,
        message=f"{error.filename}: {error.strerror}",
        fix="Correct the name, or give it the rights or the room, and try again.",
    )


def _placed(text: str) -> tuple[str | None, str, str]:
    """Take a leading ``path:line[:column]: `` off the text."""
    match = re.match(r"(\S+:\d+(?::\d+)?): ", text)
    return (match[1], match[0], text[match.end() :]) if match else (None, "", text)


def _code_of_findings(error: BaseException) -> str | None:
    """Give the code of the first finding that stands in the way, which is the first one told."""
    findings = getattr(error, "findings", ())
    worst = [one for one in findings if getattr(one, "severity", None) == "error"]
    return getattr((worst or findings)[0], "code", None) if findings else None


def _of_system_exit(stop: SystemExit) -> int:
    """Typer turns a closed pipe into an exit; everything else said its own code."""
    if isinstance(stop.__context__, BrokenPipeError):
        _forget_stdout()
        return Exit.CLOSED_PIPE
    if stop.code is None:
        return Exit.GOOD
    if isinstance(stop.code, int):
        return stop.code
    sys.stderr.write(f"{stop.code}\n")
    return Exit.NEGATIVE


def _forget_stdout() -> None:
    """Nobody reads stdout any more; without this Python complains while it shuts down."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# --- our own faults ----------------------------------------------------------------------------


def _crash(error: BaseException, words: Sequence[str]) -> Explanation:
    """Write the report that lets us find the fault, and say where it lies."""
    text = _report_of(error, words)
    path = _written(Path(".wfc") / "crash", text) or _written(Path(tempfile.gettempdir()), text)
    return Explanation(
        code="WFC999",
        message=f"wfc failed by a fault of its own: {type(error).__name__}: {error}",
        why="What was recorded before stays recorded.",
        fix=f"Please report it with the file {path}, after a look for secrets in it.",
        docs="wfc explain WFC999",
    )


def _report_of(error: BaseException, words: Sequence[str]) -> str:
    command = re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1:***@", " ".join(words))
    lines = "".join(traceback.format_exception(error))
    return f"wfc {command}\nPython {sys.version}\n{platform.platform()}\n\n{lines}"


def _written(folder: Path, text: str) -> Path | None:
    path = folder / f"wfc-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.txt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Words of the command line that are no text stand in it as lone surrogates.
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError:
        return None
    return path
