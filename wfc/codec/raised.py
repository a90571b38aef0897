"""Errors as values: what was raised, without its frames' objects, and an exception made of it."""

from __future__ import annotations

import builtins
import contextlib
import os
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from wfc import errors
from wfc.codec.naming import wire_name
from wfc.errors import FatalError, StepError

MESSAGE_MAX: Final = 16 * 1024
FRAMES_MAX: Final = 50
CHAIN_MAX: Final = 10
ERRORS_MAX: Final = 1000
"""How many errors one value holds at most, in all chains and groups."""
_TEXT_MAX: Final = 1024
_NOTES_MAX: Final = 20
_BASES_MAX: Final = 20
_KNOWN_EVERYWHERE: Final = frozenset({"builtins", "wfc.errors"})
_CALLERS: Final = (
    str(Path(errors.__file__).parent) + os.sep,
    str(Path(os.__file__).with_name("asyncio")) + os.sep,
)
"""Where the code stands that calls bodies: wfc, and the event loop between it and a body."""

Pack = Callable[[Any], bytes]
Unpack = Callable[[bytes], Any]


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a traceback."""

    file: str
    line: int
    function: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorValue:
    """An error as a payload holds it. `args` and `state` are bodies of the codec, or None where
    they cannot be recorded; chains stop at 10. `bases` are the wire names of the classes above its
    own, nearest first: whoever does not know the class may know one of them.
    """

    type: str
    message: str
    args: bytes | None = None
    state: bytes | None = None
    frames: tuple[Frame, ...] = ()
    notes: tuple[str, ...] = ()
    cause: ErrorValue | None = None
    context: ErrorValue | None = None
    group: tuple[ErrorValue, ...] = ()
    fatal: bool = False
    code: str | None = None
    bases: tuple[str, ...] = ()


# --- taking apart ------------------------------------------------------------------------------


def value_of(
    error: BaseException, pack: Pack, *, fatal: bool = False, code: str | None = None
) -> ErrorValue:
    """Take an error apart; what `pack` refuses is left out."""
    return _Apart(pack).value_of(error, frozenset(), fatal=fatal, code=code)


def bare_value_of(error: BaseException, *, fatal: bool, code: str | None) -> ErrorValue:
    """Give no more than type and message, which always works."""
    return ErrorValue(type=wire_name(type(error)), message=_message(error), fatal=fatal, code=code)


class _Apart:
    """Takes an error apart with all that hangs on it, within bounds."""

    def __init__(self, pack: Pack) -> None:
        self._pack = pack
        self._left = ERRORS_MAX

    def value_of(
        self, error: BaseException, above: frozenset[int], *, fatal: bool, code: str | None
    ) -> ErrorValue:
        self._left -= 1
        above |= {id(error)}
        hides_context = error.__suppress_context__ or error.__cause__ is not None
        parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
        cause = self._linked(error.__cause__, above)
        context = None if hides_context else self._linked(error.__context__, above)
        group = [self._linked(part, above) for part in parts]
        return ErrorValue(
            type=wire_name(type(error)),
            message=_message(error),
            args=_packed(_arguments_of(error), self._pack),
            state=_state_of(error, self._pack),
            frames=_frames(error),
            notes=_notes(error),
            cause=cause,
            context=context,
            group=tuple(part for part in group if part is not None),
            fatal=fatal or isinstance(error, FatalError),
            code=code or _code_of(error),
            bases=tuple(_bases_of(type(error))),
        )

    def _linked(self, error: BaseException | None, above: frozenset[int]) -> ErrorValue | None:
        if error is None or id(error) in above or len(above) >= CHAIN_MAX or self._left <= 0:
            return None
        return self.value_of(error, above, fatal=False, code=None)


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception as problem:  # noqa: BLE001 - a user's __str__ may raise anything
        text = f"<its message could not be made: {type(problem).__qualname__}>"
    return _cut(text, MESSAGE_MAX)


def _cut(text: object, size: int) -> str:
    """Give at most `size` bytes of text that UTF-8 can hold."""
    data = str(text)[:size].encode("utf-8", "backslashreplace")
    if len(data) <= size:
        return data.decode()
    return data[: size - 3].decode("utf-8", "ignore") + "..."


def _bases_of(kind: type[BaseException]) -> Iterator[str]:
    if kind.__module__ in _KNOWN_EVERYWHERE:
        return
    for base in kind.__mro__[1 : _BASES_MAX + 1]:
        if issubclass(base, Exception) and base is not Exception:
            yield wire_name(base)


def _arguments_of(error: BaseException) -> tuple[Any, ...]:
    if isinstance(error, BaseExceptionGroup):
        return (error.message,)  # its parts stand beside
    if isinstance(error, OSError) and len(error.args) == _OS_ERROR_PAIR and error.filename:
        # OSError takes the names of files out of `args`.
        names = [error.filename]
        if error.filename2 is not None:
            names += [getattr(error, "winerror", None), error.filename2]
        return (*error.args, *names)
    return error.args


_OS_ERROR_PAIR: Final = 2


def _packed(value: Any, pack: Pack) -> bytes | None:
    try:
        return pack(value)
    except Exception:  # noqa: BLE001 - arguments may be anything; the error still must be recorded
        return None


def _state_of(error: BaseException, pack: Pack) -> bytes | None:
    state = {name: value for name, value in vars(error).items() if name != "__notes__"}
    if not state:
        return None
    whole = _packed(state, pack)
    if whole is not None:
        return whole
    kept = {name: value for name, value in state.items() if _packed(value, pack) is not None}
    return _packed(kept, pack)


def _frames(error: BaseException) -> tuple[Frame, ...]:
    # The last frames are those nearest to the fault.
    found = traceback.extract_tb(_entered(error.__traceback__), limit=-FRAMES_MAX)
    return tuple(
        Frame(
            _cut(one.filename, _TEXT_MAX),
            one.lineno or 0,
            _cut(one.name, _TEXT_MAX),
            _cut(one.line or "", _TEXT_MAX),
        )
        for one in found
    )


def _entered(whole: TracebackType | None) -> TracebackType | None:
    """Leave out how wfc came to call the user's code; a fault of wfc's own keeps its frames."""
    below = whole
    while below is not None and below.tb_frame.f_code.co_filename.startswith(_CALLERS):
        below = below.tb_next
    return below or whole


def _notes(error: BaseException) -> tuple[str, ...]:
    notes = getattr(error, "__notes__", None)
    found = notes[:_NOTES_MAX] if isinstance(notes, list) else ()
    return tuple(_cut(note, MESSAGE_MAX) for note in found)


def _code_of(error: BaseException) -> str | None:
    code = getattr(error, "code", None)
    return code if isinstance(error, errors.WfcError) and isinstance(code, str) else None


# --- lists for msgpack -------------------------------------------------------------------------


def as_list(error: ErrorValue) -> list[Any]:
    """Give an error as plain lists; new fields are appended."""
    return [
        error.type,
        error.message,
        error.args,
        error.state,
        [[frame.file, frame.line, frame.function, frame.text] for frame in error.frames],
        list(error.notes),
        None if error.cause is None else as_list(error.cause),
        None if error.context is None else as_list(error.context),
        [as_list(part) for part in error.group],
        error.fatal,
        error.code,
        *([list(error.bases)] if error.bases else ()),
    ]


def of_list(found: Any) -> ErrorValue:
    """Make an error of plain lists. Raises `ValueError` or `TypeError` for anything else."""
    kind, message, args, state, frames, notes, cause, context, group, fatal, code, *more = found
    bases = more[0] if more else ()  # an older release wrote none
    return ErrorValue(
        type=_checked(kind, str),
        message=_checked(message, str),
        args=None if args is None else _checked(args, bytes),
        state=None if state is None else _checked(state, bytes),
        frames=tuple(_frame(*frame) for frame in frames),
        notes=tuple(_checked(note, str) for note in notes),
        cause=None if cause is None else of_list(cause),
        context=None if context is None else of_list(context),
        group=tuple(of_list(part) for part in group),
        fatal=_checked(fatal, bool),
        code=None if code is None else _checked(code, str),
        bases=tuple(_checked(base, str) for base in bases),
    )


def _frame(file: Any, line: Any, function: Any, text: Any) -> Frame:
    return Frame(
        _checked(file, str), _checked(line, int), _checked(function, str), _checked(text, str)
    )


def _checked(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{type(value).__name__} instead of {kind.__name__}")
    return value


# --- making again ------------------------------------------------------------------------------

Find = Callable[[str], type | None]


def made_again(error: ErrorValue, unpack: Unpack, find: Find) -> BaseException:
    """Make an exception of the same class again, or of the nearest class above it that is known
    here, or a `StepError`; runs none of its code.
    """
    made = _instance(error, unpack, find)
    for note in error.notes:
        made.add_note(note)
    if error.cause is not None:
        made.__cause__ = made_again(error.cause, unpack, find)
    if error.context is not None:
        made.__context__ = made_again(error.context, unpack, find)
    return made


def _instance(error: ErrorValue, unpack: Unpack, find: Find) -> BaseException:
    kind = error_class(error.type, find)
    if error.args is None:
        return StepError(error.type, error.message)
    try:
        args = tuple(unpack(error.args))
        state = {} if error.state is None else unpack(error.state)
        parts = [made_again(part, unpack, find) for part in error.group]
        if kind is not None:
            return _restored(kind, _with_parts(kind, args, parts), state)
    except Exception:  # noqa: BLE001 - whatever keeps it from being made, the failure is reported
        return StepError(error.type, error.message)
    for base in _bases_to_make(error, find):
        with contextlib.suppress(Exception):  # then the next one may do
            return _base_made(base, error, _with_parts(base, args, parts), state)
    return StepError(error.type, error.message)


def _with_parts(
    kind: type[BaseException], args: tuple[Any, ...], parts: list[BaseException]
) -> tuple[Any, ...]:
    return (*args, parts) if issubclass(kind, BaseExceptionGroup) else args


def _bases_to_make(error: ErrorValue, find: Find) -> Iterator[type[BaseException]]:
    """Give the known classes above that of an error, nearest first.

    An iteration that ends is left out: a coroutine cannot raise it.
    """
    for name in error.bases:
        kind = error_class(name, find)
        if kind is not None and issubclass(kind, Exception) and kind is not Exception:
            if issubclass(kind, StopIteration | StopAsyncIteration):
                return
            yield kind


def _base_made(
    kind: type[BaseException], error: ErrorValue, args: tuple[Any, ...], state: dict[str, Any]
) -> BaseException:
    made = _restored(kind, args, state)
    if not str(made) and error.message:
        # Its own class had made the text of something else than its arguments.
        made.args = (error.message,)
        if not str(made):
            raise TypeError(f"a {kind.__qualname__} of these arguments says nothing")
    made.add_note(f"it was raised as {error.type}, which is not known here")
    return made


def _restored(
    kind: type[BaseException], args: tuple[Any, ...], state: dict[str, Any]
) -> BaseException:
    # The builtin base makes the object, so that no `__new__` or `__init__` of the user runs.
    base: Any = next(one for one in kind.__mro__ if one.__module__ == "builtins")
    made: BaseException = base.__new__(kind, *args)
    # Some keep their fields only in `__init__`; others refuse arguments that a subclass took.
    with contextlib.suppress(Exception):
        base.__init__(made, *args)
    if not isinstance(made, OSError):  # which has read `args` itself
        made.args = args
    made.__dict__.update(state)
    return made


def error_class(name: str, find: Find) -> type[BaseException] | None:
    """Find an exception class among the builtins, `wfc.errors` and what `find` knows."""
    module, _, qualname = name.partition(":")
    if module == "builtins":
        kind = getattr(builtins, qualname, None)
    elif module == "wfc.errors":
        kind = getattr(errors, qualname, None)
    else:
        kind = find(name)
    return kind if isinstance(kind, type) and issubclass(kind, BaseException) else None
