"""What a delivery came to, once the code waits or has ended."""

from __future__ import annotations

import asyncio
from typing import TypedDict

from wfc import codec
from wfc.errors import CodecError, Deadlock, LimitExceeded, StepError, TurnTooLong
from wfc.eventlog.event import FailureKind
from wfc.runtime import divergence, inherited
from wfc.runtime.operations import (
    Cancelled,
    Completed,
    Failed,
    Operation,
    Outcome,
    Restarted,
    Suspended,
    Told,
)
from wfc.runtime.state import State


def outcome_of(state: State) -> Outcome:
    """Say what the code of `state` waits for, or how it ended."""
    if state.failure is not None:
        error, kind = state.failure
        return Failed(error=encoded(error), kind=kind)
    if state.restarts_with is not None:
        return Restarted(
            arguments=state.restarts_with, hooks=inherited.left_open(state), **_news(state)
        )
    if state.settled:
        return _end(state)
    if not state.can_wake():
        error = Deadlock(divergence.stuck(state))
        return Failed(error=encoded(error), kind=FailureKind.DEADLOCK)
    news = _news(state)
    withdrawn = (*news["withdrawn"], *inherited.unclaimed(state))
    return Suspended(asked=news["asked"], withdrawn=withdrawn, chunks=news["chunks"])


def _end(state: State) -> Outcome:
    main = state.main
    assert main is not None
    state.withdraw_all()
    news = _news(state)
    if main.cancelled():
        if state.cancel is not None:
            return Cancelled(reason=state.cancel.reason, **news)
        stray = asyncio.CancelledError("the workflow cancelled itself")
        return Failed(error=encoded(stray), kind=FailureKind.USER, **news)
    error = main.exception()
    if error is None:
        try:
            output = codec.encode(
                main.result(),
                path="the workflow's result",
                annotation=state.template.result,
                types=state.template.types,
                limit=state.limits.payload,
            )
        except Exception as problem:  # noqa: BLE001 - a serialiser is user code
            error = problem
        else:
            return Completed(output=output, **news)
    return Failed(error=encoded(error), kind=kind_of(error), **news)


class _News(TypedDict):
    asked: tuple[Operation, ...]
    withdrawn: tuple[Operation, ...]
    chunks: tuple[Told, ...]


def _news(state: State) -> _News:
    return {
        "asked": tuple(state.asked.values()),
        "withdrawn": tuple(state.withdrawn.values()),
        "chunks": state.told,
    }


def encoded(error: BaseException) -> bytes:
    """Encode an error; one that cannot be is replaced by its type and text."""
    try:
        return codec.encode_error(error)
    except Exception as problem:  # noqa: BLE001 - its own attributes and `str` are user code
        kind = type(error)
        try:
            text = str(error)
        except Exception:  # noqa: BLE001 - likewise
            text = f"(its text cannot be had: {problem!r})"
        return codec.encode_error(StepError(f"{kind.__module__}:{kind.__qualname__}", text))


def kind_of(error: BaseException) -> FailureKind:
    """Say which kind of failure an error out of the code is."""
    match error:
        case CodecError():
            return FailureKind.CODEC
        case LimitExceeded() | TurnTooLong():
            return FailureKind.LIMIT
    return FailureKind.USER
