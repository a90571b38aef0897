"""From settings to code: the project, its build, and its modules imported."""

from __future__ import annotations

import importlib
import logging
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wfc import abi, codec
from wfc.config.shared import current_session
from wfc.config.tables import CodePlaces, code_places
from wfc.errors import ConfigError, ModuleBroken, WfcError
from wfc.settings import Loaded

if TYPE_CHECKING:
    # Whoever only looks at runs, or asks something of one, needs neither compiler nor interpreter.
    from wfc.compiler.project import Project
    from wfc.manifests.store import Version


_LOG: Final = logging.getLogger("wfc")


def project_of(loaded: Loaded) -> Project:
    """Give the first-party code that the settings describe."""
    from wfc.compiler.project import Project  # noqa: PLC0415 - as in `build_version`

    settings = loaded.settings
    return Project.discover(
        loaded.root,
        packages=_with_script(settings.packages),
        source=settings.source,
        exclude=settings.exclude,
        pure=settings.pure,
        refused=settings.refused,
        environment=settings.environment,
        renamed=settings.renamed,
    )


def build_version(loaded: Loaded) -> Version:
    """Build the project, incrementally; where the folder of builds cannot be written, in memory.

    Raises `CompileError` with every finding.
    """
    # The compiler is asked for only here: a process that looks at runs never loads it.
    from wfc.compiler.build import build  # noqa: PLC0415 - see above
    from wfc.compiler.findings import compile_error  # noqa: PLC0415 - see above

    project = project_of(loaded)
    out = loaded.out if _is_writable(loaded.out) else None
    result = build(project, out=out, load=load_preludes)
    if result.version is None:
        raise compile_error(result.diagnostics, result.texts)
    return result.version


def load_preludes(
    version: Version,
) -> AbstractContextManager[Mapping[str, Mapping[str, Any]]]:
    """Execute the workflow bundles of a version, for the schemas of its types: `build` asks."""
    from wfc.runtime.sandbox import preludes  # noqa: PLC0415 - an unchanged tree needs none

    return preludes(version)


def _with_script(packages: Sequence[str]) -> Sequence[str]:
    """Add the script that runs as `__main__` through `wfc run`, if the packages leave it out."""
    bundle = getattr(sys.modules.get("__main__"), abi.NAME, None)
    if not packages or not isinstance(bundle, abi.Bundle):
        return packages  # none named: whatever stands beside the script is found anyway
    return sorted({*packages, bundle.module.partition(".")[0]})


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        _LOG.info("builds are kept in memory, since %s cannot be written: %s", folder, error)
        return False
    return True


def import_code(loaded: Loaded, version: Version) -> None:
    """Import every module that holds marked functions, through the import hook."""
    import_modules(code_places(loaded), version)


def import_modules(places: CodePlaces, version: Version) -> None:
    """Import every module of `version`, through the import hook. Raises `ModuleBroken`."""
    from wfc.compiler.import_hook import install  # noqa: PLC0415 - as in `build_version`
    from wfc.runtime.run import serve_handles  # noqa: PLC0415 - see the top

    serve_handles(current_session)
    for root in reversed(places.sources):
        if str(root) not in sys.path:
            sys.path.insert(0, str(root))
    packages = tuple(version.rules.packages)
    if packages:
        install(packages, strict=False)
    for module in version.step:
        _import(places, module)
    for name in places.types:
        codec.REGISTERED.register_type(_named(name, "types"))
    if places.app:
        _named(places.app, "app")


def _import(places: CodePlaces, module: str) -> None:
    """Import a module of the project. Raises `ModuleBroken` with the user's own line."""
    try:
        importlib.import_module(module)
    except WfcError:
        raise  # it says already what is wrong and where
    except Exception as error:
        raise ModuleBroken(
            f"{_place(places, error)}the module `{module}` cannot be imported: "
            f"{type(error).__name__}: {error}\n"
            "Steps run in the project's own modules, so nothing is executed until all of them can "
            "be imported.\n"
            "Correct the line, or install what is missing, and begin again."
        ) from error


def _place(places: CodePlaces, error: Exception) -> str:
    """Name the innermost line of the project itself; what it called is seldom at fault."""
    roots = [root.resolve() for root in places.sources]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename).resolve()
        inside = next((root for root in roots if path.is_relative_to(root)), None)
        if inside is not None and "site-packages" not in path.parts:
            base = places.root.resolve()
            shown = path.relative_to(base) if path.is_relative_to(base) else path
            return f"{shown}:{frame.lineno}: "
    return ""


def _named(name: str, key: str) -> Any:
    """Import what a setting names as ``module:Name``."""
    module, colon, qualname = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in qualname.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise ConfigError(
            f"`{key}` names {name!r}, which cannot be had: {type(error).__name__}: {error}"
        ) from error
    if not colon:
        raise ConfigError(f"`{key}` names {name!r}; the form is module:Name")
    return found
