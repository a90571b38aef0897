"""Background work of a worker: nothing that goes wrong there is lost."""

from __future__ import annotations

import asyncio
import logging

import pytest

from wfc.errors import WorldCorrupt, WorldError
from wfc.runtime.chores import Chores


async def fails(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "hopeless", "level"),
    [
        (WorldCorrupt("broken"), True, None),
        (WorldError("away"), False, logging.WARNING),
        (ValueError("ours"), False, logging.ERROR),
    ],
    ids=["hopeless", "passing", "a fault of wfc"],
)
async def test_an_error_is_told_by_what_it_means(
    error: Exception, level: int | None, caplog: pytest.LogCaptureFixture, *, hopeless: bool
) -> None:
    landed: list[None] = []
    given_up: list[WorldError] = []
    doubted: list[None] = []
    chores = Chores(lambda: landed.append(None), given_up.append, lambda: doubted.append(None))
    chores.spawn(fails(error))
    assert len(chores) == 1
    await chores.settle(10)
    assert len(chores) == 0
    assert len(landed) == 1
    assert given_up == ([error] if hopeless else [])
    # What a call without answer did is not known, so the worker has to look.
    assert len(doubted) == (type(error) is WorldError)
    told = [each.levelno for each in caplog.records if each.name == "wfc.worker"]
    assert told == ([] if level is None else [level])


async def test_what_is_cancelled_at_the_end_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """Bodies too."""
    chores = Chores(lambda: None, lambda _error: None, lambda: None)
    chores.spawn(asyncio.Event().wait())  # type: ignore[arg-type]  # what it gives is not looked at
    body = chores.launch(asyncio.sleep(3600))
    await chores.cancel()
    assert body.cancelled()
    assert len(chores) == 0
    assert caplog.records == []
