"""RUN... or FILTER: which runs a command acts on, and whether it may act on so many."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from wfc.cli import output, workflows
from wfc.cli.common import Common
from wfc.cli.failure import Exit, exit_code
from wfc.cli.filters import Filter
from wfc.cli.session import row_of
from wfc.config import Session
from wfc.errors import InputInvalid, NeedsYes, WfcError, WorldUnreachable
from wfc.ids import DefinitionId
from wfc.worlds.protocol import RunFilter

if TYPE_CHECKING:
    from wfc.settings import Loaded

EXAMPLES = 5
_PAGE = 200
T = TypeVar("T")


class Troubles:
    """What went wrong with single runs while a command went on with the others."""

    def __init__(self) -> None:
        """Begin without trouble."""
        self.by_run: dict[str, WfcError] = {}

    async def each(
        self, run_ids: Sequence[str], act: Callable[[str], Awaitable[T]]
    ) -> dict[str, T]:
        """Act on one run after the other, and give the answers of those that could be reached."""
        answers: dict[str, T] = {}
        for run_id in run_ids:
            try:
                answers[run_id] = await act(run_id)
            except WorldUnreachable:
                raise  # the others would fail alike
            except WfcError as error:
                self.by_run[run_id] = error
        return answers

    def tell(self, common: Common, *, others: Exit = Exit.GOOD) -> None:
        """Name them on stderr and end with the worst exit code, if there are any."""
        for run_id, error in self.by_run.items():
            output.note(common, f"{run_id}: {error}")
        worst = max([others, *map(exit_code, self.by_run.values())])
        if worst is not Exit.GOOD:
            raise typer.Exit(worst)

    def rows(self) -> list[dict[str, Any]]:
        """Give them as data."""
        return [
            {"id": run_id, "error": {"code": error.code, "message": str(error)}}
            for run_id, error in self.by_run.items()
        ]


async def where_of(session: Session, loaded: Loaded, chosen: Filter) -> RunFilter:
    """Make the world's filter; `--workflow` may be a short name that fits one of the build.

    Raises `InputInvalid`, `AmbiguousName`, and `NoSuchWorkflow` for one that no run ever had.
    """
    where = chosen.where(session.world.now_us())
    if not chosen.workflow or await _had(session, where.workflow):
        return where
    return replace(where, workflow=workflows.resolve(chosen.workflow, workflows.built(loaded.out)))


async def _had(session: Session, workflow: DefinitionId | None) -> bool:
    page = await session.world.list_runs(RunFilter(workflow=workflow), limit=1)
    return bool(page.runs)


async def runs_of(
    session: Session,
    loaded: Loaded,
    run_ids: Sequence[str],
    chosen: Filter,
    troubles: Troubles,
    *,
    ended: bool = False,
) -> list[str]:
    """Give the ids of the runs that were named or that the filter finds: the open ones, unless
    those that have `ended` are meant too.

    A run that does not exist is an error if it is the only one, else a trouble.
    """
    if bool(run_ids) == bool(chosen):
        message = "name runs, or choose them by a filter such as --status suspended; one of the two"
        raise InputInvalid(message)
    if run_ids:
        if len(run_ids) == 1:
            return [(await row_of(session, run_ids[0])).run_id]
        rows = await troubles.each(
            list(dict.fromkeys(run_ids)), lambda run_id: row_of(session, run_id)
        )
        return [row.run_id for row in rows.values()]
    where, found, cursor = await where_of(session, loaded, chosen), [], None
    while True:
        page = await session.world.list_runs(where, cursor=cursor, limit=_PAGE)
        found += [run.run_id for run in page.runs if ended or not run.status.ended]
        cursor = page.next
        if cursor is None:
            return [str(run_id) for run_id in found]


def may(
    common: Common,
    verb: str,
    names: Sequence[str],
    *,
    destructive: bool,
    dry_run: bool,
    noun: str = "run",
    count: int | None = None,
) -> bool:
    """Show what would happen, and ask if it is much; False if nothing is to be done.

    `count` is how many they are, where `names` are examples.

    Raises `NeedsYes` where nobody can be asked.
    """
    described = _described(names, len(names) if count is None else count, noun)
    if dry_run or not names:
        output.note(common, f"would {verb} {described}")
        return False
    if not destructive or common.yes:
        return True
    output.note(common, f"about to {verb} {described}")
    if not common.may_ask():
        message = (
            f"to {verb} {described} needs consent, and nobody can be asked here.\n"
            "Look at them with --dry-run, then add -y"
        )
        raise NeedsYes(message)
    return typer.confirm("Go on?", default=False, err=True)


def _described(names: Sequence[str], count: int, noun: str) -> str:
    if not count:
        return f"no {noun}"
    shown = ", ".join(names[:EXAMPLES])
    more = f" and {count - EXAMPLES} more" if count > EXAMPLES else ""
    return f"{output.counted(count, noun)}: {shown}{more}"
