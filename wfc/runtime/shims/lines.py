"""`print` and `logging`: a line of workflow code appears once, however often it is replayed."""

from __future__ import annotations

import builtins
import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

from wfc.runtime import context, refusals


def _print(
    *values: object,
    sep: str | None = " ",
    end: str | None = "\n",
    file: Any = None,
    flush: bool = False,
) -> None:
    """Print outside of runs; in a run, write the text as a log line of the run."""
    run = context.current.get()
    if run is None or (file is not None and file not in {sys.stdout, sys.stderr}):
        builtins.print(*values, sep=sep, end=end, file=file, flush=flush)
    else:
        run.say(logging.INFO, (" " if sep is None else sep).join(map(str, values)))


class RunLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger of the host that is silent while history is delivered and names the run."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the stdlib's name
        """Tell whether a line of `level` would be written now."""
        run = context.current.get()
        if run is not None and (run.replaying or not run.alive):
            return False
        return self.logger.isEnabledFor(level)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, Any]:
        """Add the run to the record."""
        run = context.current.get()
        if run is not None:
            kwargs["extra"] = {**(kwargs.get("extra") or {}), **run.labels()}
        return msg, kwargs

    def getChild(self, suffix: str) -> RunLogger:  # noqa: N802 - likewise
        """Give a logger below this one."""
        return RunLogger(self.logger.getChild(suffix))

    def setLevel(self, level: int | str) -> None:  # noqa: N802 - likewise
        """Refuse: the host's loggers are shared by all runs."""
        refusals.refuse_write(f"the level of the logger {self.logger.name!r}")
        self.logger.setLevel(level)

    def addHandler(self, handler: logging.Handler) -> None:  # noqa: N802 - likewise
        """Refuse, likewise."""
        refusals.refuse_write(f"the handlers of the logger {self.logger.name!r}")
        self.logger.addHandler(handler)

    def addFilter(self, filter: Any) -> None:  # noqa: N802, A002 - likewise
        """Refuse, likewise."""
        refusals.refuse_write(f"the filters of the logger {self.logger.name!r}")
        self.logger.addFilter(filter)


def _get_logger(name: str | None = None) -> RunLogger:
    # A module of a template is named `app.billing@fingerprint`; its lines belong to `app.billing`.
    return RunLogger(logging.getLogger(name and name.partition("@")[0]))


_ROOT: Final = RunLogger(logging.getLogger())


SHIMS: Final[Mapping[str, Any]] = {
    "builtins.print": _print,
    "logging.getLogger": _get_logger,
    **{
        f"logging.{name}": getattr(_ROOT, name)
        for name in ("debug", "info", "warning", "error", "exception", "critical", "log")
    },
    **{
        f"logging.{name}": getattr(logging, name)
        for name in (
            "DEBUG", "INFO", "WARNING", "WARN", "ERROR", "CRITICAL", "FATAL", "NOTSET",
            "Logger", "LoggerAdapter", "LogRecord", "getLevelName", "Formatter", "NullHandler",
            "Handler",
        )
    },
}  # fmt: skip
