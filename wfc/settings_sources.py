"""Where settings are looked for: the file, the environment, flags, laid over one another.

Nothing here is judged but TOML itself. `is_plain` tells of values that need no judge.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from wfc.errors import ConfigError

ENVIRONMENT_PREFIX: Final = "WFC_"
WORLD: Final = "sqlite:///.wfc/wfc.db"
SOURCE: Final = ("src", ".")
OUT: Final = ".wfc"
_WORLD_VARIABLE: Final = "WFC_WORLD"
_TEXTS: Final = frozenset({"world", "out", "public_url", "app"})
_LISTS: Final = frozenset({
    "packages", "source", "exclude", "pure", "refused", "environment", "types",
})  # fmt: skip


def is_plain(values: Mapping[str, Any]) -> bool:
    """Tell whether every value is text, or a list of text, under a key that takes just that.

    A project that sets no more is read without pydantic, whose import would take longer than
    everything else that `wfc runs` does.
    """
    return all(
        isinstance(value, str) if key in _TEXTS else key in _LISTS and _is_list_of_text(value)
        for key, value in values.items()
    )


def _is_list_of_text(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def plain_environment() -> dict[str, Any] | None:
    """Give what the environment sets if that is the world at most, else None."""
    ours = {name for name in os.environ if name.upper().startswith(ENVIRONMENT_PREFIX)}
    if ours == {_WORLD_VARIABLE}:
        return {"world": os.environ[_WORLD_VARIABLE]}
    return None if ours else {}


# --- finding the file --------------------------------------------------------------------------


def find(project: Path | None, config: Path | None) -> tuple[Path, Path | None, dict[str, Any]]:
    """Give the project's folder, the file that configures it if there is one, and its keys.

    Raises `ConfigError`.
    """
    if config is not None:
        file = config.resolve()
        return file.parent, file, settings_of(file)
    start = (project or Path.cwd()).resolve()
    if not start.is_dir():
        message = f"the project folder {start} does not exist. Name one with --project."
        raise ConfigError(message)
    first_pyproject: Path | None = None
    for folder in (start, *start.parents):
        pyproject, own = folder / "pyproject.toml", folder / "wfc.toml"
        table = settings_of(pyproject) if pyproject.is_file() else {}
        if own.is_file():
            if table:
                message = (
                    f"both {own} and [tool.wfc] in {pyproject} configure wfc, and neither may win "
                    "silently.\nMove everything into one of them and delete the other."
                )
                raise ConfigError(message)
            return folder, own, settings_of(own)
        if table:
            return folder, pyproject, table
        if pyproject.is_file() and first_pyproject is None:
            first_pyproject = folder
    return (start if project else first_pyproject or start), None, {}


def settings_of(file: Path) -> dict[str, Any]:
    """Read the settings of one file: all of `wfc.toml`, the table `tool.wfc` of another."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as problem:
        message = f"{file} cannot be read: {problem}"
        raise ConfigError(message) from None
    except tomllib.TOMLDecodeError as problem:
        message = f"{file} is no valid TOML: {problem}"
        raise ConfigError(message) from None
    if file.name == "wfc.toml":
        return content
    table = content.get("tool", {}).get("wfc", {})
    return table if isinstance(table, dict) else {}


# --- laying sources over one another -----------------------------------------------------------


def overlay(
    target: dict[str, Any],
    layer: Mapping[str, Any],
    origins: dict[str, str],
    origin: Any,
    above: str = "",
) -> None:
    """Lay `layer` over `target`, table by table, noting for each value where it came from."""
    for key, value in layer.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping):
            nested = target.setdefault(key, {})
            if isinstance(nested, dict):
                overlay(nested, value, origins, origin, f"{name}.")
                continue
        target[key] = value
        origins[name] = origin(name)


def variable(name: str) -> str:
    """Give the variable that sets the key of this dotted name."""
    return ENVIRONMENT_PREFIX + name.upper().replace(".", "__").replace("-", "_")
