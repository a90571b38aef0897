"""Where log records of steps and workflow code are caught, whatever handlers there are.

A handler would not do: one at the root keeps `logging.basicConfig` from doing anything, hears
nothing from loggers that do not propagate, and nothing below the level of the root, which is
WARNING unless the application says otherwise. So the two methods that every record passes are
wrapped, once in a process. Outside of a worker that keeps lines they do what they always did.
"""

from __future__ import annotations

import logging
from typing import Final, Protocol

from wfc.runtime import context
from wfc.runtime.attempt import Call


class Speaker(Protocol):
    """Whose lines are kept."""

    @property
    def log_level(self) -> int | None:
        """Give the level from which on they are; None if none is."""
        ...

    def keep(self, record: logging.LogRecord) -> None:
        """Keep one."""
        ...


_enabled: Final = logging.Logger.isEnabledFor
_handled: Final = logging.Logger.callHandlers


def install() -> None:
    """Catch records from now on; once is enough."""
    if logging.Logger.callHandlers is _call_handlers:
        return
    logging.Logger.isEnabledFor = _is_enabled_for  # type: ignore[method-assign]  # see the module
    logging.Logger.callHandlers = _call_handlers  # type: ignore[method-assign]  # likewise


def _is_enabled_for(self: logging.Logger, level: int) -> bool:
    return _enabled(self, level) or (_speaker(level) is not None and _is_left_to_root(self, level))


def _call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
    whose = _speaker(record.levelno)
    if whose is None:
        _handled(self, record)
        return
    whose.keep(record)
    if _enabled(self, record.levelno):  # else the application does not want to see it
        _handled(self, record)


def _speaker(level: int) -> Speaker | None:
    """Give whose line this is, if it is to be kept: a run whose code is executed, or an attempt."""
    whose: Speaker | None = context.current.get()
    if whose is None:
        call = context.attempt.get()
        whose = call if isinstance(call, Call) else None
    if whose is None or whose.log_level is None or level < whose.log_level:
        return None
    return whose


def _is_left_to_root(logger: logging.Logger, level: int) -> bool:
    """Tell whether nobody but the root keeps a line of this level down."""
    if logger.disabled or logger.manager.disable >= level:
        return False
    above: logging.Logger | None = logger
    while above is not None and above.parent is not None:
        if above.level:
            return False  # it was set to more than `level`, or the line would be enabled anyway
        above = above.parent
    return True
