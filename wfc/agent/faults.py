"""What errors of models and tools mean to the one layer of retries, that of the step."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from pydantic_ai import exceptions

from wfc import codec
from wfc.runtime.retry import never_retry

RETRY_AFTER_MAX_S: Final = 300.0
_WORTH_ANOTHER_TRY: Final = frozenset({408, 409, 425, 429})
_NAMES_A_TIME: Final = frozenset({429, 503})
_CLIENT_ERRORS: Final = range(400, 500)
_OURS: Final = "pydantic_ai"

ANSWERS: Final = (
    exceptions.ModelRetry,
    exceptions.ToolFailed,
    exceptions.ApprovalRequired,
    exceptions.CallDeferred,
)
"""What tools raise to tell the agent something: answers, and no failures of the step."""


def is_final(error: BaseException) -> bool:
    """Tell whether a call would fail again: by its HTTP status, misused, or not installed."""
    if isinstance(error, exceptions.ModelHTTPError):
        return error.status_code in _CLIENT_ERRORS and error.status_code not in _WORTH_ANOTHER_TRY
    return isinstance(error, ImportError | exceptions.UserError | exceptions.UsageLimitExceeded)


def retry_after_s(error: BaseException) -> float | None:
    """Give the seconds for which a provider asks to be left alone, at most five minutes."""
    if not isinstance(error, exceptions.ModelHTTPError) or error.status_code not in _NAMES_A_TIME:
        return None
    found = (error.headers or {}).get("retry-after")
    seconds = None if found is None else _seconds(found)
    return None if seconds is None else min(max(seconds, 0.0), RETRY_AFTER_MAX_S)


def _seconds(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return (at - datetime.now(UTC)).total_seconds()


def register() -> None:
    """Let errors of pydantic-ai keep their class in logs, and their control flow be no failure."""
    never_retry(*ANSWERS)
    for name in dir(exceptions):
        kind = getattr(exceptions, name)
        if isinstance(kind, type) and issubclass(kind, Exception) and _OURS in kind.__module__:
            codec.REGISTERED.register_type(kind)
