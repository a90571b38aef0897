"""Spans and metrics by OpenTelemetry, where the application has set it up; else nothing at all.

Whoever could tell something holds a `Telemetry` or None, and asks which before anything else, so
that without the library a run costs what it always did. Nothing here imports the library unless
somebody else has.
"""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final

from wfc.ids import RunId

if TYPE_CHECKING:
    from wfc.runtime.otel import Telemetry

_PROVIDERS: Final = ("OTEL_PYTHON_TRACER_PROVIDER", "OTEL_PYTHON_METER_PROVIDER")
_NOTHING: Final = nullcontext()


def installed() -> Telemetry | None:
    """Give what tells the providers that this process has set up; None if it has set up none."""
    if "opentelemetry" not in sys.modules and not any(name in os.environ for name in _PROVIDERS):
        return None  # nobody can have set a provider
    try:
        from wfc.runtime.otel import Telemetry, is_set_up  # noqa: PLC0415 - see the top
    except ImportError:
        return None  # some other part of the library is there, and its API is not
    return Telemetry() if is_set_up() else None


def observed(
    telemetry: Telemetry | None, name: str, run_id: RunId | None = None
) -> AbstractContextManager[Any]:
    """Give a span around what follows, or nothing."""
    return _NOTHING if telemetry is None else telemetry.span(name, run_id)


def present_span() -> str | None:
    """Give the span in which this is called, for another process; None if there is none."""
    if "opentelemetry.trace" not in sys.modules:
        return None
    try:
        from wfc.runtime import otel  # noqa: PLC0415 - see the top
    except ImportError:
        return None  # as in `installed`
    return otel.present_span()


def within(traceparent: str | None) -> AbstractContextManager[None]:
    """Let that span of another process be the present one, if it is any and the library is here."""
    if traceparent is None:
        return _NOTHING
    try:
        from wfc.runtime import otel  # noqa: PLC0415 - see the top
    except ImportError:
        return _NOTHING  # another process may have what this one's path does not show
    return otel.within(traceparent)
