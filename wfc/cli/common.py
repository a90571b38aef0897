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

    def as_json(self) -> Common:
        """Give the same options with JSON asked for."""
        return self if self.jsonl else replace(self, json=True)

    def as_jsonl(self) -> Common:
        """Give the same options with JSON Lines asked for."""
        return replace(self, jsonl=True)

    def may_ask(self) -> bool:
        """Tell whether a question can be put to somebody."""
        return sys.stdin.isatty() and sys.stderr.isatty() and not (self.no_input or self.json)


def command_app(**given: Any) -> typer.Typer:
    """Make the Typer application of one command."""
    return typer.Typer(add_completion=False, rich_markup_mode=None, **given)


def _option(*names: str, text: str) -> Any:
    """Declare one option and its twin in the environment, named after its long form."""
    long = next((name for name in names if name.startswith("--")), "")
    return typer.Option(
        *names, help=text, envvar="WFC_" + long.strip("-").upper().replace("-", "_")
    )


def _declared(  # noqa: PLR0917 - never called: typer reads the options from its signature
    world: Annotated[
        str | None, typer.Option("--world", help="Where runs live, as a URL (also WFC_WORLD).")
    ] = None,
    project: Annotated[Path | None, _option("--project", text="Folder of the project.")] = None,
    config: Annotated[Path | None, _option("--config", text="File to read settings from.")] = None,
    json: Annotated[bool, _option("--json", text="Print JSON.")] = False,  # noqa: FBT002 - a flag
    jsonl: Annotated[bool, _option("--jsonl", text="Print one JSON object a line.")] = False,  # noqa: FBT002 - a flag
    quiet: Annotated[bool, _option("--quiet", "-q", text="Print results only.")] = False,  # noqa: FBT002 - a flag
    verbose: Annotated[bool, _option("--verbose", "-v", text="Say more.")] = False,  # noqa: FBT002 - a flag
    color: Annotated[Color, _option("--color", text="When to use colour.")] = Color.AUTO,
    no_input: Annotated[bool, _option("--no-input", text="Ask nothing.")] = False,  # noqa: FBT002 - a flag
    yes: Annotated[bool, _option("--yes", "-y", text="Answer yes to every question.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Declare the options; typer reads this signature."""


def options(*, environment: bool) -> list[Any]:
    """Make the options anew; only the copy before the command reads the environment, or a
    variable would win over a flag given there.
    """
    app = command_app()
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
