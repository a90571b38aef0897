"""`wfc runs --watch`: the first page, and what changes on it, until Ctrl-C."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, Final

from wfc.cli import output
from wfc.cli.chosen import where_of
from wfc.cli.common import Common
from wfc.cli.filters import Filter
from wfc.cli.run_rows import rows_of, summary
from wfc.cli.session import opened
from wfc.errors import WorldLocked, WorldUnreachable
from wfc.settings import Loaded

_REDRAW_S: Final = 0.25
_LOOK_AGAIN_S: Final = 5.0
_TRY_AGAIN_S: Final = 1.0
_HOME_AND_CLEAR: Final = "\x1b[H\x1b[J"


class Shown:
    """What was printed last, so that only changes are printed next."""

    def __init__(self, common: Common) -> None:
        """Know nothing yet: at first everything is new."""
        self._common = common
        self._runs: dict[str, dict[str, Any]] | None = None

    @property
    def anything(self) -> bool:
        """Tell whether a page was shown."""
        return self._runs is not None

    def show(self, data: list[dict[str, Any]]) -> None:
        """Print a page: a new screen for people, rows or objects that changed for others."""
        common, before = self._common, self._runs or {}
        if output.is_terminal(sys.stdout) and not (common.json or common.jsonl):
            sys.stdout.write(_HOME_AND_CLEAR)
            output.result(common, "runs", data, rows=rows_of(data))
        else:
            changed = [run for run in data if before.get(run["id"]) != run]
            output.stream(common, "runs", changed, rows=rows_of(changed), first=not before)
        sys.stdout.flush()
        self._runs = {run["id"]: run for run in data}


async def watch(common: Common, chosen: Filter, limit: int) -> None:
    """Show runs until interrupted. A world that goes away is waited for, once it was there."""
    loaded, shown, told = common.load(), Shown(common), False
    while True:
        try:
            await _follow(loaded, chosen, limit, shown)
        except (WorldUnreachable, WorldLocked) as problem:
            if not shown.anything:
                raise
            if not told:
                output.note(common, f"{problem}\nThe world is tried again every second.")
            told = True
            await asyncio.sleep(_TRY_AGAIN_S)


async def _follow(loaded: Loaded, chosen: Filter, limit: int, shown: Shown) -> None:
    async with opened(loaded) as session:
        feed = session.world.watch("runs")
        try:
            while True:
                where = await where_of(session, loaded, chosen)
                page = await session.world.list_runs(where, limit=limit)
                shown.show([summary(run, session.world.now_us()) for run in page.runs])
                await asyncio.sleep(_REDRAW_S)
                await feed.changed(_LOOK_AGAIN_S)
        finally:
            feed.close()
