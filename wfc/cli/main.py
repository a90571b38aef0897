"""`wfc` and `python -m wfc`: a table of commands, of which only the one asked for is imported."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from wfc.cli import common, failure
from wfc.cli.coercion import be_patient


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the table: what `--help` says without importing anything."""

    name: str
    help: str
    panel: str
    module: str = ""

    def load(self) -> Any:
        """Import the command's module and make its command."""
        module = importlib.import_module(f"wfc.cli.{self.module or self.name}")
        command = typer.main.get_command(module.app)
        _prepare(command)
        return command


COMPLETION: Final = "_WFC_COMPLETE"
"""The variable by which a shell asks for completions."""
PROJECT: Final = "Project"
SERVE: Final = "Serve"
RUNS: Final = "Runs"
STORE: Final = "Store"
TABLE: Final = (
    Entry("init", "Make a new project: settings, a workflow and its test.", PROJECT),
    Entry("build", "Compile the project into a version.", PROJECT),
    Entry("lint", "Look for what is wrong with workflows and steps, and fix it.", PROJECT),
    Entry("diff", "Show what edits mean for runs in flight.", PROJECT),
    Entry("check", "Refuse a change that would strand runs in flight.", PROJECT),
    Entry("transform", "Show what the compiler makes of one file.", PROJECT),
    Entry("run", "Run a script or module, compiled.", PROJECT, "run_script"),
    Entry("config", "Show every setting and where its value comes from.", PROJECT),
    Entry("doctor", "Look for what is wrong with this project and machine.", PROJECT),
    Entry("explain", "Explain a code such as WFC201: what, why, wrong, right.", PROJECT),
    Entry("completion", "Print the completion script of a shell.", PROJECT),
    Entry("dev", "Build, work, and begin again whenever a file changes.", SERVE),
    Entry("web", "Serve webhooks, streams and health over HTTP.", SERVE),
    Entry("worker", "Execute runs until told to stop.", SERVE),
    Entry("start", "Start a run of a workflow.", RUNS),
    Entry("runs", "List runs.", RUNS),
    Entry("inspect", "Show one run: its state, steps and events.", RUNS),
    Entry("why", "Say in a sentence why a run is where it is.", RUNS),
    Entry("result", "Wait for a run and print its result.", RUNS),
    Entry("stream", "Print what the steps of a run have written.", RUNS),
    Entry("hooks", "List the hooks that take values from outside.", RUNS),
    Entry("resume", "Send a value to a hook.", RUNS),
    Entry("approve", "Say yes to a hook that asks for a decision.", RUNS),
    Entry("deny", "Say no to a hook that asks for a decision.", RUNS),
    Entry("queues", "List queues and limits: how many run, how many wait.", RUNS),
    Entry("wake", "End the sleeps and retry pauses of runs.", RUNS),
    Entry("cancel", "Cancel runs.", RUNS),
    Entry("pause", "Pause runs.", RUNS),
    Entry("unpause", "Let paused runs go on.", RUNS),
    Entry("upgrade", "Move runs in flight to another version.", RUNS),
    Entry("rerun", "Begin runs again.", RUNS),
    Entry("fork", "Begin a run that shares the beginning of another.", RUNS),
    Entry("replay", "See whether a history and its code agree.", RUNS),
    Entry("export", "Write runs to files that can be replayed elsewhere.", RUNS),
    Entry("schedules", "List, create, pause, resume, trigger and delete schedules.", STORE),
    Entry("audit", "List who changed what about the world itself.", STORE),
    Entry("gc", "Remove runs that ended long ago.", STORE),
    Entry("db", "Bring a world's tables up to date, check them, back them up.", STORE),
    Entry("versions", "List, activate, register and prune versions of the code.", STORE),
)


class Commands(TyperGroup):
    """The commands of `TABLE`; help reads the table, invocation imports one module."""

    def __init__(self, **attrs: Any) -> None:
        """Stand a line of help in for each command until it is asked for."""
        super().__init__(**attrs)
        self._table = {entry.name: entry for entry in TABLE}
        for entry in TABLE:
            self.add_command(TyperCommand(entry.name, help=entry.help))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the form of the method
        """Import the command."""
        entry = self._table.get(cmd_name)
        return entry.load() if entry is not None else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - likewise
        """Print the table, by panel, and import nothing."""
        for panel, entries in groupby(TABLE, key=lambda entry: entry.panel):
            with formatter.section(panel):
                formatter.write_dl([(entry.name, entry.help) for entry in entries])


def _prepare(command: Any) -> None:
    """Let the command, and the commands below it, take the common options too, and print help
    without rich, whose import takes longer than everything else together.
    """
    command.rich_markup_mode = None
    taken = {option for parameter in command.params for option in parameter.opts}
    command.params.extend(
        option
        for option in common.options(environment=False)
        if not taken.intersection(option.opts)
    )
    be_patient(command)
    for below in getattr(command, "commands", {}).values():
        _prepare(below)


def application() -> Any:
    """Make the command `wfc`."""
    app = typer.Typer(
        cls=Commands,
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_root)
    command = typer.main.get_command(app)
    command.params.extend(common.options(environment=True))
    be_patient(command)
    return command


def _root(
    context: typer.Context,
    *,
    version: bool = typer.Option(False, "--version", help="Print the version of wfc."),  # noqa: FBT003 - typer's form
) -> None:
    """Durable workflows in plain async Python."""
    if version:
        from importlib.metadata import version as version_of  # noqa: PLC0415 - rarely wanted

        typer.echo(f"wfc {version_of('wfc-durable')}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code; a user never sees a traceback."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if COMPLETION in os.environ:
        from typer import completion  # noqa: PLC0415 - only a shell that completes wants it

        completion.completion_init()  # type: ignore[attr-defined]  # typer documents no other way
    try:
        answer = application().main(args=words, prog_name="wfc", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - the last door: everything becomes an exit code
        return failure.report(error, words)
    return answer if isinstance(answer, int) else failure.Exit.GOOD
