"""The run clock: `datetime.now`, `time.time` and their like.

A run has no time zone but UTC: what the stdlib calls local time would differ between machines.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from typing import Any, Final

from wfc.clock import MICROSECONDS, to_datetime
from wfc.determinism import Reason
from wfc.runtime.shims.active import run_for

_NANOSECONDS: Final = 1000


class _AsReal(type):
    """Makes a class answer `isinstance` and `issubclass` as the real one does."""

    genuine: type

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.genuine)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, cls.genuine)

    def __eq__(cls, other: object) -> bool:
        # `type(value) is datetime` cannot be helped; `==` and look-ups in dicts of types can.
        return other is cls.genuine or other is cls

    def __hash__(cls) -> int:
        return hash(cls.genuine)


class _Date(dt.date, metaclass=_AsReal):
    """`datetime.date` by the run clock; makes real dates."""

    genuine = dt.date

    def __new__(cls, *args: Any, **kwargs: Any) -> dt.date:  # type: ignore[misc]  # makes the real one
        return dt.date(*args, **kwargs)

    @classmethod
    def today(cls) -> dt.date:  # type: ignore[override]  # makes the real one
        run = run_for("datetime.date.today", Reason.CLOCK)
        return dt.date.today() if run is None else to_datetime(run.now_us()).date()  # noqa: DTZ011 - outside of runs

    @classmethod
    def fromtimestamp(cls, timestamp: float, /) -> dt.date:  # type: ignore[override]  # likewise
        return _Datetime.fromtimestamp(timestamp).date()

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, handler: Callable[[Any], Any]) -> Any:
        return handler(cls.genuine)


class _Datetime(dt.datetime, metaclass=_AsReal):
    """`datetime.datetime` by the run clock; makes real datetimes."""

    genuine = dt.datetime

    def __new__(cls, *args: Any, **kwargs: Any) -> dt.datetime:  # type: ignore[misc]  # makes the real one
        return dt.datetime(*args, **kwargs)  # noqa: DTZ001 - as its caller says

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> dt.datetime:  # type: ignore[override]  # likewise
        run = run_for("datetime.datetime.now", Reason.CLOCK)
        if run is None:
            return dt.datetime.now(tz)
        now = to_datetime(run.now_us())
        return now.replace(tzinfo=None) if tz is None else now.astimezone(tz)

    @classmethod
    def today(cls) -> dt.datetime:  # type: ignore[override]  # likewise
        return cls.now()

    @classmethod
    def utcnow(cls) -> dt.datetime:  # type: ignore[override]  # likewise
        return cls.now(UTC).replace(tzinfo=None)

    @classmethod
    def fromtimestamp(cls, timestamp: float, tz: tzinfo | None = None) -> dt.datetime:  # type: ignore[override]  # likewise
        run = run_for("datetime.datetime.fromtimestamp", Reason.CLOCK) if tz is None else None
        if run is None:
            return dt.datetime.fromtimestamp(timestamp, tz)
        return dt.datetime.fromtimestamp(timestamp, UTC).replace(tzinfo=None)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, handler: Callable[[Any], Any]) -> Any:
        return handler(cls.genuine)


_Date.__name__ = _Date.__qualname__ = "date"
_Datetime.__name__ = _Datetime.__qualname__ = "datetime"
_Date.__module__ = _Datetime.__module__ = "datetime"


def _seconds(name: str) -> Callable[[], float]:
    genuine = getattr(time, name)

    def now() -> float:
        run = run_for(f"time.{name}", Reason.CLOCK)
        return genuine() if run is None else run.now_us() / MICROSECONDS

    now.__name__ = now.__qualname__ = name
    return now


def _nanoseconds(name: str) -> Callable[[], int]:
    genuine = getattr(time, name)

    def now() -> int:
        run = run_for(f"time.{name}", Reason.CLOCK)
        return genuine() if run is None else run.now_us() * _NANOSECONDS

    now.__name__ = now.__qualname__ = name
    return now


def _gmtime(seconds: float | None = None) -> time.struct_time:
    run = run_for("time.gmtime", Reason.CLOCK) if seconds is None else None
    return time.gmtime(seconds if run is None else run.now_us() / MICROSECONDS)


def _localtime(seconds: float | None = None) -> time.struct_time:
    run = run_for("time.localtime", Reason.CLOCK)
    if run is None:
        return time.localtime(seconds)
    return time.gmtime(run.now_us() / MICROSECONDS if seconds is None else seconds)


def _strftime(form: str, instant: Any = None) -> str:
    return time.strftime(form, _localtime() if instant is None else instant)


def _asctime(instant: Any = None) -> str:
    return time.asctime(_localtime() if instant is None else instant)


SHIMS: Final[Mapping[str, Any]] = {
    **{f"time.{name}": _seconds(name) for name in ("time", "monotonic", "perf_counter")},
    **{
        f"time.{name}": _nanoseconds(name)
        for name in ("time_ns", "monotonic_ns", "perf_counter_ns")
    },
    "time.gmtime": _gmtime,
    "time.localtime": _localtime,
    "time.strftime": _strftime,
    "time.asctime": _asctime,
}
SWAPPED: Final[Mapping[str, tuple[Any, Any]]] = {
    "datetime.datetime": (dt.datetime, _Datetime),
    "datetime.date": (dt.date, _Date),
}
