"""`wfc explain CODE|RUN`: the page of a diagnostic, or why a run is where it is."""

from __future__ import annotations

import asyncio
import re
import shlex
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Annotated, Final

import typer

import wfc
from wfc.cli import explain_run as explain_text
from wfc.cli import output
from wfc.cli.common import Common, command_app
from wfc.cli.session import opened_on
from wfc.diagnostics import CATALOGUE
from wfc.errors import UnknownCode
from wfc.ids import RunId
from wfc.runtime.explaining import explain_run

app = command_app()
_CODE: Final = re.compile(r"WFC\d{1,3}")


@app.command()
def explain(
    context: typer.Context,
    code: Annotated[
        str, typer.Argument(metavar="CODE|RUN", help="A code, such as WFC201 or 201, or a run.")
    ],
) -> None:
    """Print what a code means and its cure, or where a run stands and which lines asked for it."""
    name = code.upper() if code.upper().startswith("WFC") else f"WFC{code}"
    rule = CATALOGUE.get(name)
    if rule is None and not _CODE.fullmatch(name) and asyncio.run(_run(Common.of(context), code)):
        return
    if rule is None:
        near = get_close_matches(name, CATALOGUE, n=3, cutoff=0.6)
        hint = f"Did you mean {' or '.join(near)}?" if near else "Codes look like WFC201."
        message = (
            f"{code!r} is no code of a diagnostic. {hint}\n"
            f"If {code!r} is a run, `wfc inspect {shlex.quote(code)}` shows where it stands."
        )
        raise UnknownCode(message)
    page = page_of(name)
    data = {
        "code": rule.code, "name": rule.name, "severity": rule.severity, "summary": rule.summary,
        "fix": rule.fix, "off": rule.off, "page": page,
    }  # fmt: skip
    output.result(Common.of(context), "explanation", data, text=page.rstrip())


async def _run(common: Common, named: str) -> bool:
    """Explain a run, or tell that there is none of this name."""
    async with opened_on(common.load(), named) as (session, run_id):
        found = await explain_run(session.upgrader, RunId(run_id), session.types)
    if found is None:
        return False
    if common.json or common.jsonl:
        output.result(common, "explained", explain_text.to_plain(found))
    else:
        output.result(common, "explained", None, text="\n".join(explain_text.lines_of(found)))
    return True


def page_of(code: str) -> str:
    """Read the page of a code: from the installed package, or from a checkout."""
    installed = resources.files(wfc).joinpath("error_pages", f"{code}.md")
    if installed.is_file():
        return installed.read_text(encoding="utf-8")
    checkout = Path(wfc.__file__).parent.parent / "docs" / "errors" / f"{code}.md"
    return checkout.read_text(encoding="utf-8")
