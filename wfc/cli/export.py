"""`wfc export RUN...`: one file a run, with all that is needed to read and replay it elsewhere."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import Annotated, Final
from urllib.parse import quote

import typer

from wfc.cli import output
from wfc.cli.chosen import Troubles
from wfc.cli.common import Common, command_app
from wfc.cli.failure import Exit
from wfc.cli.session import opened
from wfc.errors import InputInvalid
from wfc.ids import RunId
from wfc.runtime.exported import SUFFIX, Exported, lines_of, redact
from wfc.runtime.exported import export as exported_of

app = command_app()
_TEST: Final = '''\
"""Run $run as it was: whatever changes, the code has to agree with its history."""

import subprocess
import sys
from pathlib import Path

HISTORY = Path(__file__).with_name("$file")


def test_the_history_of_${name}_replays() -> None:
    """The present code asks for what was recorded; no step runs, and nothing is written."""
    words = [sys.executable, "-m", "wfc", "replay", str(HISTORY), "--version", "."]
    said = subprocess.run(words, cwd=HISTORY.parent, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
'''


@app.command()
def export(
    context: typer.Context,
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Ids.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where to.")] = Path(),
    as_test: Annotated[
        bool, typer.Option("--as-test", help="Beside each, a test that the code still replays it.")
    ] = False,
    hidden: Annotated[
        list[str],
        typer.Option("--redact", metavar="PATH", help="Black this out, as arguments.card; repeat."),
    ] = [],  # noqa: B006 - typer copies it
) -> None:
    """Write each run, with its versions, to a file DIR/RUN.jsonl; nothing is overwritten."""
    asyncio.run(_export(Common.of(context), runs, out, hidden, as_test=as_test))


async def _export(
    common: Common, run_ids: list[str], out: Path, hidden: list[str], *, as_test: bool
) -> None:
    names = {
        run_id: out / (quote(run_id, safe="", errors="backslashreplace") + SUFFIX)
        for run_id in dict.fromkeys(run_ids)
    }
    tests = [_test_of(path) for path in names.values()] if as_test else []
    existing = [str(path) for path in (*names.values(), *tests) if _exists(path)]
    if existing:
        output.note(common, f"{', '.join(existing)} exist already; nothing was written")
        raise typer.Exit(Exit.CONFLICT)
    async with opened(common.load()) as session:
        troubles = Troubles()
        found = await troubles.each(
            list(names), lambda run_id: exported_of(session.world, RunId(run_id))
        )
    if len(names) == 1 and troubles.by_run:
        raise next(iter(troubles.by_run.values()))
    kept = _redacted(found, hidden)
    rows = [_written(common, one, names[run_id]) for run_id, one in kept.items()]
    if as_test:
        rows = [
            {**row, "test": str(_write_test(one, names[run_id]))}
            for row, (run_id, one) in zip(rows, kept.items(), strict=True)
        ]
    output.result(common, "exported", [*rows, *troubles.rows()], rows=rows)
    troubles.tell(common)


def _redacted(found: dict[str, Exported], hidden: list[str]) -> dict[str, Exported]:
    """Black out everywhere, before anything is written. Raises `InputInvalid` for a path that
    leads nowhere: a slip of the pen must not let a secret out.
    """
    if not hidden:
        return found
    kept, missed = {}, set(hidden)
    for run_id, one in found.items():
        kept[run_id], nowhere = redact(one, hidden)
        missed &= nowhere
    if missed and found:
        message = (
            f"--redact {min(missed)!r}: no event of these runs has anything there, so nothing was "
            "written.\nThe form is [EVENT.]FIELD[.KEY...], as `arguments.card` or "
            "`step_completed.output.*.token`; `wfc inspect RUN --events` shows fields and keys."
        )
        raise InputInvalid(message)
    return kept


def _written(common: Common, one: Exported, path: Path) -> dict[str, object]:
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with _writing(path), path.open("x", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines_of(one))
    if one.version not in one.archives:
        output.note(
            common,
            f"{path}: version {one.version} is not held here, so the file has no code and "
            "cannot be replayed by itself",
        )
    return {"id": one.run_id, "file": str(path), "events": len(one.log)}


def _exists(path: Path) -> bool:
    """Tell whether a file is there; what no file can be called is not."""
    return os.path.exists(path)  # noqa: PTH110 - `Path.exists` raises for a name that is too long


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Say what could not be written. Raises `InputInvalid`."""
    try:
        yield
    except (OSError, ValueError) as problem:  # a path may hold what no file name can
        raise InputInvalid(f"{path} cannot be written: {problem}") from None


def _test_of(history: Path) -> Path:
    return history.with_name(f"test_{_plain(history.name.removesuffix(SUFFIX))}.py")


def _plain(name: str) -> str:
    return re.sub(r"\W", "_", name, flags=re.ASCII)


def _write_test(one: Exported, history: Path) -> Path:
    path = _test_of(history)
    named = {"run": one.run_id, "file": history.name, "name": _plain(one.run_id)}
    with _writing(path), path.open("x", encoding="utf-8") as file:
        file.write(Template(_TEST).substitute(named))
    return path
