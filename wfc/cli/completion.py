"""`wfc completion SHELL`: the script that lets a shell complete commands and options."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from wfc.cli.common import command_app
from wfc.cli.main import COMPLETION

app = command_app()


class Shell(StrEnum):
    """The shells we know."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"


@app.command()
def completion(shell: Annotated[Shell, typer.Argument(help="Which shell.")]) -> None:
    """Print the completion script of a shell; `eval "$(wfc completion bash)"` uses it at once."""
    from typer import completion as scripts  # noqa: PLC0415 - rarely wanted

    typer.echo(
        scripts.get_completion_script(  # type: ignore[attr-defined]  # typer documents no other way
            prog_name="wfc", complete_var=COMPLETION, shell=shell.value
        )
    )
