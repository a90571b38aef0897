"""Errors say what happened, and which page explains it."""

from __future__ import annotations

import pytest

from wfc import errors


class _Foreign(Exception):
    code = 404


@pytest.mark.parametrize(
    ("cause", "text", "code"),
    [
        (ValueError("two\nlines"), "ValueError: two\nlines", None),
        (ValueError(), "ValueError", None),
        (errors.LimitExceeded("too large"), "WFC461 LimitExceeded: too large", "WFC461"),
        (errors.EffectInWorkflow("a file\nWFC202 at a.py:1", guard="WFC202"),
         "EffectInWorkflow: a file\nWFC202 at a.py:1", "WFC202"),
        (_Foreign("gone"), "_Foreign: gone", None),
    ],
)  # fmt: skip
def test_a_failed_run_tells_the_code_of_its_cause(
    cause: Exception, text: str, code: str | None
) -> None:
    """So that the page of the cause is found; line ends stay line ends."""
    error = errors.RunFailed("r-1", "user", cause)
    assert str(error) == f"run r-1 failed: {text}"
    assert errors.code_of(error) == code


def test_a_failed_run_whose_error_cannot_be_read() -> None:
    """It says no more than it knows."""
    assert str(errors.RunFailed("r-1", "codec", None)) == "run r-1 failed (codec)"
    assert errors.code_of(errors.RunFailed("r-1", "codec", None)) is None


def test_a_cause_that_cannot_be_shown_does_not_hide_the_failure() -> None:
    """Its class is the user's own, and may be broken; the run's failure is still told."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise ZeroDivisionError

    shown = str(errors.RunFailed("r-1", "user", Mute()))
    assert shown == "run r-1 failed: Mute: (its text cannot be had: ZeroDivisionError)"
