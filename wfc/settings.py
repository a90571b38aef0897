"""`[tool.wfc]`: the settings that hold, and where the present value of each came from.

A value is looked for in this order: a flag, the environment (`WFC_*`, `__` nests), the nearest
`pyproject.toml` with `[tool.wfc]` upward or `wfc.toml`, the default. The result is frozen, and a
key that does not exist is refused with its place and the nearest one that does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfc import settings_sources as sources
from wfc.errors import ConfigError, NoSuchPackage, UnknownCode

if TYPE_CHECKING:
    from wfc.settings_tables import Settings


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """Settings, the folder they hold for, and the origin of each value that is no default.

    `origins` are keyed by dotted name: `world` -> ``environment WFC_WORLD``.
    """

    root: Path
    out: Path
    """The folder of builds."""
    world: str
    """Where runs live, with variables of the environment put in."""
    source: Sequence[str]
    """Folders from which modules are imported, as they were named."""
    origins: Mapping[str, str]
    judge: Settings | Mapping[str, Any]
    """The settings, or plain values that pydantic has not been asked about yet."""

    @cached_property
    def settings(self) -> Settings:
        """All settings. Those of a project that sets plain values are made when first asked for."""
        if not isinstance(self.judge, Mapping):
            found = self.judge
        else:
            from wfc.settings_tables import Settings  # noqa: PLC0415 - pydantic is slow to import

            found = Settings(**self.judge)
        return found.model_copy(update={"world": self.world})

    def source_roots(self) -> tuple[Path, ...]:
        """Give the folders from which modules are imported, those that exist, first hit wins."""
        folders = (self.root / name for name in self.source)
        return tuple(folder.resolve() for folder in folders if folder.is_dir())


def load_settings(
    project: Path | None = None, *, config: Path | None = None, **overrides: Any
) -> Loaded:
    """Read the settings that hold in `project` (default: here and upward), or those of the file
    `config`; `overrides` are flags. Raises `ConfigError` with file, key and the nearest right one.
    """
    root, file, table = sources.find(project, config)
    values, origins = _laid_over(file, table, overrides)
    if sources.is_plain(values):
        return _loaded(root, values, values, origins)
    from wfc.settings_tables import judged  # noqa: PLC0415 - pydantic is slow to import

    settings = judged(values, origins, file)
    loaded = _loaded(root, settings, dict(settings), origins)
    _check_codes((*settings.lint.select, *settings.lint.ignore))
    return loaded


def shown(loaded: Loaded) -> Iterator[tuple[str, Any, str]]:
    """Give dotted name, value and origin of every setting, secrets as ``***``."""
    dumped = loaded.settings.model_dump(mode="json", by_alias=True)
    for name, value in _leaves(dumped):
        origin = loaded.origins.get(name, "default")
        yield name, _masked(value) if name == "world" else value, origin


def _laid_over(
    file: Path | None, table: Mapping[str, Any], overrides: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Lay file, environment and flags over one another; give values and origins."""
    environment = sources.plain_environment()
    if environment is None:
        from wfc.settings_tables import from_environment  # noqa: PLC0415 - likewise

        environment = from_environment()
    origins: dict[str, str] = {}
    values: dict[str, Any] = {}
    sources.overlay(values, table, origins, lambda _: str(file))
    sources.overlay(
        values, environment, origins, lambda name: f"environment {sources.variable(name)}"
    )
    sources.overlay(values, overrides, origins, lambda name: f"flag --{name.replace('_', '-')}")
    return values, origins


def _loaded(
    root: Path,
    judge: Settings | Mapping[str, Any],
    values: Mapping[str, Any],
    origins: Mapping[str, str],
) -> Loaded:
    """Make the answer of values that fit, and see that the world and the packages exist."""
    loaded = Loaded(
        root=root,
        out=root / values.get("out", sources.OUT),
        world=_expanded(values.get("world", sources.WORLD)),
        source=values.get("source", sources.SOURCE),
        origins=origins,
        judge=judge,
    )
    _check_packages(values.get("packages", ()), loaded.source_roots())
    return loaded


def _leaves(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _expanded(url: str) -> str:
    """Put variables of the environment in for ``${VAR}``."""

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if found is None:
            message = f"`world` mentions ${{{match[1]}}}, but the environment has no {match[1]}."
            raise ConfigError(message)
        return found

    return re.sub(r"\$\{(\w+)\}", value, url)


def _masked(url: object) -> str:
    """Hide the password of a URL."""
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", str(url))


# --- what needs more than one value ------------------------------------------------------------


def _check_packages(packages: Iterable[str], roots: Sequence[Path]) -> None:
    """Refuse a first-party package that is not there: nothing of it would be compiled."""
    for package in packages:
        path = package.replace(".", "/")
        if not any((root / path).is_dir() or (root / f"{path}.py").is_file() for root in roots):
            searched = ", ".join(str(root) for root in roots)
            message = (
                f"`packages` names {package!r}, which is neither a folder nor a module under "
                f"{searched}. Correct the name, or `source`."
            )
            raise NoSuchPackage(message)


def _check_codes(codes: Iterable[str]) -> None:
    for code in codes:
        if re.fullmatch(r"WFC\d{0,3}", code) is None:
            message = f"`lint` names the code {code!r}; codes are WFC and up to three digits."
            raise UnknownCode(message)
