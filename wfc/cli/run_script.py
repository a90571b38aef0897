"""`wfc run SCRIPT|-m MODULE [ARGS]`: a script as `__main__`, compiled, with its own exit code."""

from __future__ import annotations

from typing import Annotated

import typer

from wfc.cli.common import command_app
from wfc.compiler.script import run_module, run_script
from wfc.errors import InputInvalid

app = command_app()


# Options that stand after the script are the script's, so reading ends at the first word.
@app.command(
    "run", context_settings={"allow_interspersed_args": False, "ignore_unknown_options": True}
)
def run(
    words: Annotated[
        list[str], typer.Argument(metavar="SCRIPT|-m MODULE ARG", help="As Python takes them.")
    ],
) -> None:
    """Run a script or module, compiled; all that follows its name belongs to it."""
    raise typer.Exit(_ran(words))


def _ran(words: list[str]) -> int:
    if words[0] != "-m":
        return run_script(words[0], words[1:])
    if len(words) == 1:
        message = "-m needs the name of a module: python -m wfc run -m shop.report"
        raise InputInvalid(message)
    return run_module(words[1], words[2:])
