"""RUN... or FILTER: which runs a command acts on, and whether it may act on so many."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from wfc.cli import output
from wfc.cli.common import Common
from wfc.cli.filters import Filter
from wfc.cli.session import row_of
from wfc.config import Session
from wfc.errors import InputInvalid, NeedsYes

EXAMPLES = 5
_PAGE = 200


async def runs_of(session: Session, run_ids: Sequence[str], chosen: Filter) -> list[str]:
    """Give the ids of the open runs that were named or that the filter finds."""
    if bool(run_ids) == bool(chosen):
        message = "name runs, or choose them by a filter such as --status suspended; one of the two"
        raise InputInvalid(message)
    if run_ids:
        return [(await row_of(session, run_id)).run_id for run_id in run_ids]
    where, found, cursor = chosen.where(session.world.now_us()), [], None
    while True:
        page = await session.world.list_runs(where, cursor=cursor, limit=_PAGE)
        found += [run.run_id for run in page.runs if not run.status.ended]
        cursor = page.next
        if cursor is None:
            return [str(run_id) for run_id in found]


def may(
    common: Common, verb: str, run_ids: Sequence[str], *, destructive: bool, dry_run: bool
) -> bool:
    """Show what would happen, and ask if it is much; False if nothing is to be done.

    Raises `NeedsYes` where nobody can be asked.
    """
    if dry_run or not run_ids:
        output.note(common, f"would {verb} {_described(run_ids)}")
        return False
    if not destructive or common.yes:
        return True
    output.note(common, f"about to {verb} {_described(run_ids)}")
    if not common.may_ask():
        message = (
            f"to {verb} {_described(run_ids)} needs consent, and nobody can be asked here.\n"
            "Look at them with --dry-run, then add -y"
        )
        raise NeedsYes(message)
    return typer.confirm("Go on?", default=False, err=True)


def _described(run_ids: Sequence[str]) -> str:
    if not run_ids:
        return "no run"
    shown = ", ".join(run_ids[:EXAMPLES])
    more = f" and {len(run_ids) - EXAMPLES} more" if len(run_ids) > EXAMPLES else ""
    return f"{len(run_ids)} run{'s' if len(run_ids) > 1 else ''}: {shown}{more}"
