"""What the errors of wfc are over HTTP: a status, a code of the API, and their own sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wfc import errors
from wfc.runtime.webhook_door import Refusal

_STATUSES: Final[tuple[tuple[type[errors.WfcError], int, str, str], ...]] = (
    (errors.RunNotFound, 404, "no-such-run", "There is no such run"),
    (errors.VersionUnknown, 404, "no-such-version", "There is no such version"),
    (errors.HookNotFound, 404, "no-such-hook", "There is no such hook"),
    (errors.ScheduleNotFound, 404, "no-such-schedule", "There is no such schedule"),
    (errors.NoSuchWorkflow, 404, "no-such-workflow", "There is no such workflow"),
    (errors.QueueUnknown, 404, "no-such-queue", "There is no such queue"),
    (errors.HookClosed, 410, "hook-disposed", "The hook takes nothing any more"),
    (errors.RunEnded, 409, "run-ended", "The run has ended"),
    (errors.RunIdConflict, 409, "id-taken", "The id is taken"),
    (errors.RunBusy, 409, "run-busy", "The run changes too fast"),
    (errors.RunLogFull, 409, "log-full", "The log of the run is full"),
    (errors.Diverged, 409, "upgrade-refused", "Its history does not fit"),
    (errors.IdempotencyMismatch, 422, "key-reused", "The key was used for something else"),
    (errors.SchemaUnavailable, 501, "not-in-this-world", "Nothing here can judge it"),
    (errors.AmbiguousName, 422, "invalid-payload", "It fits several"),
    (errors.InputInvalid, 422, "invalid-payload", "It does not fit"),
    (errors.HookPayloadInvalid, 422, "invalid-payload", "It does not fit"),
    (errors.CodecError, 422, "invalid-payload", "It does not fit"),
    (errors.LimitExceeded, 422, "invalid-payload", "It is too much"),
    (errors.LogError, 409, "log-unreadable", "The log cannot be read"),
    (errors.WorldFull, 507, "disk-full", "The disk is full"),
)
"""The first that fits counts, so classes stand before those that they are made of."""


def refusal_of(error: errors.WfcError) -> Refusal | None:
    """Say what an error is over HTTP; None for those that are no fault of the request."""
    for kind, status, code, title in _STATUSES:
        if isinstance(error, kind):
            return Refusal(
                status=status, code=code, title=title, detail=str(error), errors=_pointers(error)
            )
    return None


def _pointers(error: errors.WfcError) -> tuple[tuple[str, str], ...]:
    return error.problems if isinstance(error, errors.HookPayloadInvalid) else ()


_OTHERS: Final = (
    ("bad-request", 400, "It cannot be read"),
    ("bad-cursor", 400, "Not a cursor of this list"),
    ("who-are-you", 401, "Nobody knows who asks"),
    ("role-missing", 403, "Not with these roles"),
    ("read-only", 403, "This server only shows"),
    ("cross-origin", 403, "Not from another page"),
    ("no-such-event", 404, "There is no such event"),
    ("no-such-step", 404, "There is no such step"),
    ("no-such-page", 404, "There is nothing here"),
    ("no-such-problem", 404, "There is no such problem"),
    ("no-source", 404, "This server shows no source"),
    ("method-not-allowed", 405, "Not by this method"),
    ("nothing-to-wake", 409, "Nothing sleeps"),
    ("log-moved", 412, "The run has moved on"),
    ("too-large", 413, "Too large"),
    ("unsupported-media-type", 415, "Not in this form"),
    ("wrong-host", 421, "Not under this name"),
    ("too-often", 429, "Too often"),
    ("our-fault", 500, "The fault is ours"),
    ("world-unavailable", 503, "It cannot be done now"),
)
PROBLEMS: Final[Mapping[str, Mapping[str, str | int]]] = {
    **{code: {"status": status, "title": title} for _, status, code, title in _STATUSES},
    **{code: {"status": status, "title": title} for code, status, title in _OTHERS},
}
"""By code: with what status it comes, and what it says."""
