"""What commands do alike that act on runs: choose them, ask for consent, act, tell of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from wfc.cli import output
from wfc.cli.chosen import Troubles, may, runs_of
from wfc.cli.common import Common
from wfc.cli.failure import Exit
from wfc.cli.filters import Filter
from wfc.cli.session import opened, wait_for_reaction
from wfc.config import Session

T = TypeVar("T")
_Told = Callable[[Common, Session, Sequence[str]], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Act(Generic[T]):
    """Something that can be done to runs, and how it is told."""

    verb: str
    kind: str
    """What the answer is called in JSON."""
    do: Callable[[Session, list[str], Troubles], Awaitable[Mapping[str, T]]]
    """Act, and give the answers of the runs that gave one; of the others there is a trouble."""
    row: Callable[[str, T], Mapping[str, Any]]
    """Tell of one run as data."""
    undone: Callable[[Mapping[str, T]], str | None] = lambda _: None
    """Say what could not be done in the state that runs are in, which is exit code 5."""
    destructive: bool = False
    """Whether consent is needed even for one run."""
    ended: bool = False
    """Whether a filter means runs that have ended, too."""
    afterwards: _Told = wait_for_reaction


async def act_on(
    common: Common, named: Sequence[str], chosen: Filter, act: Act[T], *, dry_run: bool
) -> None:
    """Act on the runs that were named or that the filter finds."""
    loaded = common.load()
    async with opened(loaded) as session:
        troubles = Troubles()
        run_ids = await runs_of(session, loaded, named, chosen, troubles, ended=act.ended)
        much = act.destructive or len(run_ids) > 1
        if not may(common, act.verb, run_ids, destructive=much, dry_run=dry_run):
            troubles.tell(common)
            return
        answers = await act.do(session, run_ids, troubles)
        data = [dict(act.row(run_id, answer)) for run_id, answer in answers.items()]
        output.result(common, act.kind, [*data, *troubles.rows()], rows=data)
        undone = act.undone(answers)
        if undone is not None:
            output.note(common, undone)
        troubles.tell(common, others=Exit.GOOD if undone is None else Exit.CONFLICT)
        await act.afterwards(common, session, run_ids)


def ended_already(run_ids: Sequence[str]) -> str | None:
    """Say which runs have ended, if any."""
    return f"ended already: {', '.join(run_ids)}" if run_ids else None
