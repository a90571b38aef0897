"""The corpus of edits: pairs of programs, and what becomes of runs of the first on the second.

A case is a folder `cases/<row>_<name>` with `before.py`, `after.py` and `expect.toml`; `row` is the
row of the table of edits. A line ``# file: prices.py`` in a program begins another module of its
package. `expect.toml` says

* `level` and `codes`: what a comparison finds (the codes of its highest findings),
* `answers`: ``"MMMSS"``, a letter for each length of the history from 2 on,
* `rules`: of which rules of replay there are refusals, if any,
* and where needed `workflow`, `arguments`, `settings` (of the new build; `settings_before`),
  `renamed` (old id -> new id, old parameter -> new one), `steps` (scripts of steps by name, instead
  of their bodies, of children, and of the `hook` that sends payloads; `steps_after`: those of the
  new build that differ), `queued` (attempts are written one by one), `depends` (of the new build;
  `depends_before`), `environment` (what the new build was registered on; `environment_before`),
  `input_differs` (steps whose recorded input reads otherwise), `result` (what every run that moved
  gives; `results` by the length at which it moved), `ends` (how runs of the new code end, if they
  do not complete: ``"failed"``, ``"never"``).
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.upgrade.moving import REGISTERED, Tale, built
from wfc.ids import VersionId
from wfc.manifests.store import Version
from wfc.worlds.protocol import Environment, VersionRow

CASES = Path(__file__).parent / "cases"
_MARK = "# file: "


@dataclass(frozen=True, eq=False)
class Pair:
    """A case, as it stands in its folder."""

    name: str
    row: int
    before: str
    after: str
    level: str
    answers: str
    codes: Sequence[str] = ()
    rules: Sequence[str] = ()
    workflow: str = "app.flows:flow"
    arguments: tuple[Any, ...] = ("o-1",)
    settings: str = ""
    settings_before: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[str, str] = field(default_factory=dict)
    steps_after: Mapping[str, str] = field(default_factory=dict)
    queued: bool = False
    depends: Mapping[str, str] = field(default_factory=dict)
    depends_before: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    environment_before: Mapping[str, str] = field(default_factory=dict)
    input_differs: Sequence[str] = ()
    result: Any = None
    results: Mapping[str, Any] = field(default_factory=dict)
    ends: str = "completed"

    @classmethod
    def at(cls, folder: Path) -> Pair:
        """Read a folder."""
        found = tomllib.loads((folder / "expect.toml").read_text())
        if "arguments" in found:
            found["arguments"] = tuple(found["arguments"])
        return cls(
            name=folder.name,
            row=int(folder.name.partition("_")[0]),
            before=(folder / "before.py").read_text(),
            after=(folder / "after.py").read_text(),
            **found,
        )

    @cached_property
    def old(self) -> Version:
        """Build the old program."""
        version = built(modules(self.before), self.settings_before)
        return _registered(_depending(version, self.depends_before), self.environment_before)

    @cached_property
    def new(self) -> Version:
        """Build the new program."""
        version = built(modules(self.after), self.settings)
        return _registered(_depending(version, self.depends), self.environment)

    def tale(self) -> Tale:
        """Run the old program to its end."""
        before = _bodies(self.before, self.steps)
        after = _bodies(self.after, {**self.steps, **self.steps_after})
        story = Tale(
            self.old, self.new, *self.arguments,
            steps=before, workflow=self.workflow, queued=self.queued,
        )  # fmt: skip
        story.steps = after
        return story


def _bodies(text: str, scripts: Mapping[str, str]) -> Mapping[str, Callable[..., Any]]:
    return Bodies(text, {name: eval(script, {}) for name, script in scripts.items()})  # noqa: S307 - our own text


def _depending(version: Version, depends: Mapping[str, str]) -> Version:
    """Let a build pass through other libraries than are installed here."""
    if not depends:
        return version
    manifest = json.loads(version.manifest) | {"depends": dict(depends)}
    return _called(replace(version, manifest=json.dumps(manifest)), str(depends))


def _registered(version: Version, environment: Mapping[str, str]) -> Version:
    """Let a build have been registered elsewhere than here."""
    if not environment:
        return version
    found = _called(version, str(environment))
    row = VersionRow(
        version=found.id,
        size=0,
        registered_at=0,
        label=None,
        active=False,
        environments=(Environment(platform="linux-x86_64", **environment),),
    )
    REGISTERED.rows.append(row)
    return found


def _called(version: Version, why: str) -> Version:
    """Give a build another id, since it differs in more than its text."""
    name = VersionId(sha256(f"{version.id} {why}".encode()).hexdigest()[:16])
    manifest = json.loads(version.manifest) | {"version": name}
    return replace(version, id=name, manifest=json.dumps(manifest))


def pairs() -> list[Pair]:
    """Read all cases, in the order of the table."""
    found = [Pair.at(each.parent) for each in CASES.glob("*/expect.toml")]
    return sorted(found, key=lambda each: (each.row, each.name))


def modules(text: str) -> tuple[tuple[str, str], ...]:
    """Take a program apart into the modules of its package."""
    first, *others = text.split(_MARK)
    files = [("flows.py", first)]
    for other in others:
        name, _, content = other.partition("\n")
        files.append((name.strip(), content))
    return tuple(files)


class Bodies(Mapping[str, Callable[..., Any]]):
    """The step functions of a program by qualified name, as they run outside of a workflow."""

    def __init__(self, text: str, scripts: Mapping[str, Callable[..., Any]]) -> None:
        """Import the modules; `scripts` stand instead of some of their functions."""
        self._scripts = scripts
        self._modules = list(_imported(modules(text)))

    def __getitem__(self, name: str) -> Callable[..., Any]:
        """Find a function; a coroutine function is run to its end, since none of them waits."""
        found = self._scripts.get(name)
        if found is not None:
            return found
        for module in self._modules:
            value: Any = module
            for part in name.split("."):
                value = getattr(value, part, None)
            if value is not None:
                return _plain(getattr(value, "__func__", value))
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        """Name the scripts."""
        return iter(self._scripts)

    def __len__(self) -> int:
        """Count the scripts."""
        return len(self._scripts)


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(**arguments: Any) -> Any:
        bound = inspect.signature(function).parameters
        places = [name for name, one in bound.items() if one.kind is one.POSITIONAL_ONLY]
        first = [arguments.pop(name) for name in places]
        value = function(*first, **arguments)
        return asyncio.run(value) if inspect.iscoroutine(value) else value

    return call


def _imported(files: tuple[tuple[str, str], ...]) -> Iterator[Any]:
    with tempfile.TemporaryDirectory() as folder, _importable(folder):
        package = Path(folder) / "app"
        package.mkdir()
        (package / "__init__.py").touch()
        for name, content in files:
            (package / name).write_text(content)
        importlib.invalidate_caches()
        for name, _ in files:
            yield importlib.import_module(f"app.{name.removesuffix('.py')}")


@contextmanager
def _importable(folder: str) -> Iterator[None]:
    """Let `app` be found in a folder, and be forgotten afterwards."""
    sys.path.insert(0, folder)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = written
        sys.path.remove(folder)
        for name in [one for one in sys.modules if one.partition(".")[0] == "app"]:
            del sys.modules[name]


def bare(value: Any) -> Any:
    """Give a value without its classes, which two builds have each for themselves."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {name: bare(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [bare(one) for one in value]
    if isinstance(value, type):
        return value.__qualname__
    fields = getattr(value, "__dict__", None)
    return value if fields is None else bare(dict(fields))
