"""The options that every command takes, before or after its name; the later one wins."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from wfc.settings import Loaded

_PANEL = "Common options"
_GIVEN = {"COMMANDLINE", "ENVIRONMENT"}


class Color(StrEnum):
    """When to use colour."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What the common options came to, after those before and those behind the command."""

    world: str | None = None
    project: Path | None = None
    config: Path | None = None
    json: bool = False
    jsonl: bool = False
    quiet: bool = False
    verbose: bool = False
    color: Color = Color.AUTO
    no_input: bool = False
    yes: bool = False

    @classmethod
    def of(cls, context: typer.Context) -> Common:
        """Read them from the context of a command."""
        found = context.find_root().obj
        return found if isinstance(found, cls) else cls()

    def load(self, **overrides: Any) -> Loaded:
        """Read the settings; flags among `overrides` that are None were not given."""
        from wfc.settings import load_settings  # noqa: PLC0415 - pydantic is not needed for --help

        flags = {"world": self.world, **overrides}
        given = {name: value for name, value in flags.items() if value is not None}
        return load_settings(self.project, config=self.config, **given)

    def may_ask(self) -> bool:
        """Tell whether a question can be put to somebody."""
        return sys.stdin.isatty() and sys.stderr.isatty() and not (self.no_input or self.json)


def _declared(  # noqa: PLR0917 - never called: typer reads the options from its signature
    world: Annotated[
        str | None,
        typer.Option(help="Where runs live, as a URL (also WFC_WORLD).", rich_help_panel=_PANEL),
    ] = None,
    project: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the project.", envvar="WFC_PROJECT", rich_help_panel=_PANEL,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="File to read settings from.", envvar="WFC_CONFIG", rich_help_panel=_PANEL,
        ),
    ] = None,
    json: Annotated[  # noqa: FBT002 - a flag of the command line
        bool,
        typer.Option("--json", help="Print JSON.", envvar="WFC_JSON", rich_help_panel=_PANEL),
    ] = False,
    jsonl: Annotated[  # noqa: FBT002 - likewise
        bool,
        typer.Option(
            "--jsonl", help="Print one JSON object a line.", envvar="WFC_JSONL",
            rich_help_panel=_PANEL,
        ),
    ] = False,
    quiet: Annotated[  # noqa: FBT002 - likewise
        bool,
        typer.Option(
            "--quiet", "-q", help="Print results only.", envvar="WFC_QUIET",
            rich_help_panel=_PANEL,
        ),
    ] = False,
    verbose: Annotated[  # noqa: FBT002 - likewise
        bool,
        typer.Option(
            "--verbose", "-v", help="Say more.", envvar="WFC_VERBOSE", rich_help_panel=_PANEL,
        ),
    ] = False,
    color: Annotated[
        Color,
        typer.Option(help="When to use colour.", envvar="WFC_COLOR", rich_help_panel=_PANEL),
    ] = Color.AUTO,
    no_input: Annotated[  # noqa: FBT002 - likewise
        bool,
        typer.Option(
            "--no-input", help="Ask nothing.", envvar="WFC_NO_INPUT", rich_help_panel=_PANEL,
        ),
    ] = False,
    yes: Annotated[  # noqa: FBT002 - likewise
        bool,
        typer.Option(
            "--yes", "-y", help="Answer yes to every question.", envvar="WFC_YES",
            rich_help_panel=_PANEL,
        ),
    ] = False,
) -> None:  # fmt: skip
    """Declare the options; typer reads this signature."""


def options(*, environment: bool) -> list[Any]:
    """Make the options anew; only the copy before the command reads the environment, or a
    variable would win over a flag given there.
    """
    app = typer.Typer(add_completion=False)
    app.command()(_declared)
    made: list[Any] = [p for p in typer.main.get_command(app).params if p.name != "help"]
    for option in made:
        option.expose_value = False
        option.callback = _note
        if not environment:
            option.envvar = None
    return made


def _note(context: typer.Context, option: Any, value: Any) -> Any:
    """Remember an option that was given, wherever it stood."""
    source = context.get_parameter_source(option.name)
    if source is not None and source.name in _GIVEN:
        root = context.find_root()
        root.obj = replace(Common.of(context), **{option.name: value})
    return value
