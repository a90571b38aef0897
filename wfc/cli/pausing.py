"""What `wfc pause` and `wfc unpause` do alike: choose runs, ask for consent, tell of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from wfc.cli import output
from wfc.cli.chosen import Troubles, may, runs_of
from wfc.cli.common import Common
from wfc.cli.failure import Exit
from wfc.cli.filters import Filter
from wfc.cli.session import opened, wait_for_reaction
from wfc.config import Session
from wfc.errors import LogError
from wfc.ids import RunId
from wfc.runtime.answers import PauseAnswer

Ask = Callable[[Session, list[RunId]], Awaitable[Mapping[RunId, PauseAnswer]]]


async def change(
    common: Common, named: list[str], chosen: Filter, verb: str, ask: Ask, *, dry_run: bool
) -> None:
    """Pause or unpause the runs that were named or that the filter finds.

    Ends with exit code 5 if one of them has ended, 1 if a log could not be read.
    """
    loaded = common.load()
    async with opened(loaded) as session:
        troubles = Troubles()
        run_ids = [
            RunId(run_id) for run_id in await runs_of(session, loaded, named, chosen, troubles)
        ]
        if not may(common, verb, run_ids, destructive=len(run_ids) > 1, dry_run=dry_run):
            troubles.tell(common)
            return
        answers = await ask(session, run_ids)
        data: list[dict[str, Any]] = [
            {"id": run_id, "answer": answer} for run_id, answer in answers.items()
        ]
        for run_id, answer in answers.items():
            if answer is PauseAnswer.UNREADABLE:
                troubles.by_run[run_id] = LogError(f"the log of run {run_id} cannot be read here")
        output.result(common, f"{verb}d", [*data, *troubles.rows()], rows=data)
        ended = [run_id for run_id, answer in answers.items() if answer is PauseAnswer.ENDED]
        if ended:
            output.note(common, f"ended already: {', '.join(ended)}")
        troubles.tell(common, others=Exit.CONFLICT if ended else Exit.GOOD)
        if verb == "unpause":
            await wait_for_reaction(common, session, run_ids)
