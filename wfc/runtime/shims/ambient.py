"""What surrounds the process: environment variables, `platform`, and paths without a disk."""

from __future__ import annotations

import os
import pathlib
import platform
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, Final

from wfc.codec.encoding import THAWED
from wfc.determinism import Reason, Verdict, lookup
from wfc.runtime import environment, refusals
from wfc.runtime.shims.active import run_for


class _Environment(MutableMapping[str, str]):
    """`os.environ` as it was when the run began, as far as the project lists its names."""

    def __getitem__(self, name: str) -> str:
        run = run_for("os.environ", Reason.ENVIRONMENT)
        if run is None:
            return os.environ[name]
        if name not in run.template.rules.environment:
            refusals.hit(
                f"workflow code reads the environment variable {name}, which is not recorded with "
                "the run, so a replay elsewhere would read another value.\n"
                f'List it: `[tool.wfc] environment = ["{name}"]`, or read it in a step.',
                "WFC206",
            )
            return os.environ[name]
        return run.environment[name]

    def __setitem__(self, name: str, value: str) -> None:
        if run_for("os.environ", Reason.ENVIRONMENT) is not None:
            refusals.refuse_write(f"the environment variable {name}")
        os.environ[name] = value

    def __delitem__(self, name: str) -> None:
        if run_for("os.environ", Reason.ENVIRONMENT) is not None:
            refusals.refuse_write(f"the environment variable {name}")
        del os.environ[name]

    def __iter__(self) -> Iterator[str]:
        run = run_for("os.environ", Reason.ENVIRONMENT)
        if run is None:
            return iter(os.environ)
        return iter([name for name in run.template.rules.environment if name in run.environment])

    def __len__(self) -> int:
        return sum(1 for _ in self)


_ENVIRONMENT: Final = _Environment()


def _getenv(key: str, default: Any = None) -> Any:
    return _ENVIRONMENT.get(key, default)


def _platform(name: str) -> Callable[..., Any]:
    genuine = getattr(platform, name)

    def value(*args: Any, **kwargs: Any) -> Any:
        run = run_for(f"platform.{name}", Reason.ENVIRONMENT)
        if run is None:
            return genuine(*args, **kwargs)
        recorded = run.environment.get(f"platform.{name}")
        if recorded is None:
            refusals.refuse(f"platform.{name}", Reason.ENVIRONMENT)
            return genuine(*args, **kwargs)
        return recorded

    value.__name__ = value.__qualname__ = name
    return value


def _refused_method(name: str) -> Callable[..., Any]:
    dotted = f"pathlib.Path.{name}"
    entry, genuine = lookup(dotted), getattr(pathlib.Path, name)

    def asked(*args: Any, **kwargs: Any) -> Any:
        refusals.refuse_entry(dotted, entry)
        return genuine(*args, **kwargs)

    return asked


def _is_refused(name: str) -> bool:
    return (
        not name.startswith("_")
        and callable(getattr(pathlib.Path, name))
        and lookup(f"pathlib.Path.{name}").verdict is Verdict.REFUSED
    )


_REFUSED: Final[dict[str, Any]] = {
    name: _refused_method(name) for name in dir(pathlib.Path) if _is_refused(name)
}
_Path: Final = type(
    "Path", (type(pathlib.Path()),), {"__module__": "pathlib", "__slots__": (), **_REFUSED}
)
"""A path whose methods that reach the disk are refused."""
THAWED[_Path] = type(pathlib.Path())


def without_disk(path: pathlib.Path) -> pathlib.Path:
    """Give the same path with those methods refused."""
    made: pathlib.Path = _Path(path)
    return made


SHIMS: Final[Mapping[str, Any]] = {
    "os.environ": _ENVIRONMENT,
    "os.getenv": _getenv,
    **{f"platform.{name}": _platform(name) for name in environment.PLATFORM},
}
SWAPPED: Final[Mapping[str, tuple[Any, Any]]] = {"pathlib.Path": (pathlib.Path, _Path)}
