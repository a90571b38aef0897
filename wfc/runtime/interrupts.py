"""Whether a `KeyboardInterrupt` is the user's Ctrl-C, or was raised by the code it came out of."""

from __future__ import annotations

import dis
import functools
import inspect
import signal
import threading
from collections.abc import Iterator
from types import CodeType, TracebackType
from typing import Any, Final

_RAISE: Final = dis.opmap["RAISE_VARARGS"]


def is_from_user(error: KeyboardInterrupt) -> bool:
    """Tell whether `error` came by a signal, which strikes whatever code the main thread is in.

    Python's own handler raises between two instructions, a handler that is a function (asyncio's,
    at the second Ctrl-C) from a frame of its own; a `raise` in the body is neither.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    handler = signal.getsignal(signal.SIGINT)
    frames = list(_frames(error.__traceback__))
    if not frames:
        return True
    if handler is signal.default_int_handler:
        code, at = frames[-1]
        return code.co_code[at] != _RAISE
    return _code_of(handler) in [code for code, _ in frames]


def _frames(traceback: TracebackType | None) -> Iterator[tuple[CodeType, int]]:
    while traceback is not None:
        yield traceback.tb_frame.f_code, traceback.tb_lasti
        traceback = traceback.tb_next


def _code_of(handler: Any) -> CodeType | None:
    while isinstance(handler, functools.partial):
        handler = handler.func
    found = getattr(inspect.unwrap(handler), "__code__", None) if callable(handler) else None
    return found if isinstance(found, CodeType) else None
