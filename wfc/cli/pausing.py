"""What `wfc pause` and `wfc unpause` do alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from wfc.cli.acting import Act, ended_already
from wfc.cli.chosen import Troubles
from wfc.cli.common import Common
from wfc.cli.session import wait_for_reaction
from wfc.config import Session
from wfc.errors import LogError
from wfc.ids import RunId
from wfc.runtime.answers import PauseAnswer

Ask = Callable[[Session, list[RunId]], Awaitable[Mapping[RunId, PauseAnswer]]]


def pausing(verb: str, ask: Ask) -> Act[PauseAnswer]:
    """Pause or unpause runs: exit code 5 if one has ended, 4 if a log cannot be read."""

    async def do(
        session: Session, run_ids: list[str], troubles: Troubles
    ) -> dict[str, PauseAnswer]:
        answers = await ask(session, [RunId(run_id) for run_id in run_ids])
        for run_id, answer in answers.items():
            if answer is PauseAnswer.UNREADABLE:
                troubles.by_run[run_id] = LogError(f"the log of run {run_id} cannot be read here")
        return {str(name): one for name, one in answers.items() if name not in troubles.by_run}

    return Act(
        verb=verb,
        kind=f"{verb}d",
        do=do,
        row=lambda run_id, answer: {"id": run_id, "answer": answer},
        undone=lambda answers: ended_already(
            [run_id for run_id, answer in answers.items() if answer is PauseAnswer.ENDED]
        ),
        afterwards=wait_for_reaction if verb == "unpause" else _nothing,
    )


async def _nothing(_common: Common, _session: Session, _run_ids: Sequence[str]) -> None:
    """Wait for nobody: a pause keeps workers from reacting."""
