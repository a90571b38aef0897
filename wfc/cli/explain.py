"""`wfc explain CODE`: the page of a diagnostic, wherever wfc is installed."""

from __future__ import annotations

import shlex
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

import wfc
from wfc.cli import output
from wfc.cli.common import Common, command_app
from wfc.diagnostics import CATALOGUE
from wfc.errors import UnknownCode

app = command_app()


@app.command()
def explain(
    context: typer.Context,
    code: Annotated[str, typer.Argument(metavar="CODE", help="A code, such as WFC201 or 201.")],
) -> None:
    """Print what a code means, why it matters, and code before and after the cure."""
    name = code.upper() if code.upper().startswith("WFC") else f"WFC{code}"
    rule = CATALOGUE.get(name)
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


def page_of(code: str) -> str:
    """Read the page of a code: from the installed package, or from a checkout."""
    installed = resources.files(wfc).joinpath("error_pages", f"{code}.md")
    if installed.is_file():
        return installed.read_text(encoding="utf-8")
    checkout = Path(wfc.__file__).parent.parent / "docs" / "errors" / f"{code}.md"
    return checkout.read_text(encoding="utf-8")
