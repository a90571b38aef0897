"""The project: where first-party code stands, and which dotted name belongs to which file."""

from __future__ import annotations

import codecs
import hashlib
import io
import os
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wfc.compiler.facts import ModuleSource
from wfc.determinism import Rules
from wfc.diagnostics import Diagnostic, Place, Severity
from wfc.ids import ModuleName

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

SOURCE: Final = ("src", ".")
EXCLUDE: Final = ("build", "dist", ".venv")
_NEVER: Final = frozenset({"tests", "test", "__pycache__", "node_modules", "site-packages"})
_NEVER_LINTED: Final = _NEVER - {"tests", "test"}
_TOOL_FILES: Final = frozenset({"setup", "conftest", "noxfile", "fabfile", "dodo"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """First-party code: import roots, packages, what to leave out, and the rules for its effects.

    `source` and `exclude` are relative to `root`; `packages` are the top-level names that are first
    party; `rules.packages` holds the same names.
    """

    root: Path
    source: tuple[str, ...] = SOURCE
    packages: tuple[str, ...] = ()
    exclude: tuple[str, ...] = EXCLUDE
    rules: Rules = field(default_factory=Rules)

    @classmethod
    def discover(
        cls,
        root: Path,
        *,
        packages: Sequence[str] = (),
        source: Sequence[str] = SOURCE,
        exclude: Sequence[str] = EXCLUDE,
        pure: Sequence[str] = (),
        refused: Sequence[str] = (),
        environment: Sequence[str] = (),
        renamed: Mapping[str, str] | None = None,
    ) -> Project:
        """Take the settings of `[tool.wfc]`; no `packages` means all that stand at `root` or `src`.

        Found are packages (folders with an `__init__.py`; under `src` any folder with code) and
        modules, but never tests, nor the files of tools such as `setup.py`.
        """
        root = root.resolve()
        if not packages:
            packages = sorted(_found_at(root, source, exclude))
        return cls(
            root=root,
            source=tuple(source),
            packages=tuple(packages),
            exclude=tuple(exclude),
            rules=Rules(
                packages=tuple(packages),
                pure=tuple(pure),
                refused=tuple(refused),
                environment=tuple(environment),
                renamed=tuple(sorted((renamed or {}).items())),
            ),
        )

    @classmethod
    def at(cls, root: Path) -> Project:
        """Read the `[tool.wfc]` (`pyproject.toml` or `wfc.toml`) at `root`, as far as it is ours.

        For the import hook, which stands below the settings; those check keys and values.
        """
        table = _table_at(root)
        keys = ("packages", "source", "exclude", "pure", "refused", "environment")
        found = {key: table[key] for key in keys if isinstance(table.get(key), list)}
        renamed = table.get("renamed")
        pairs = renamed.items() if isinstance(renamed, dict) else ()
        return cls.discover(
            root,
            renamed={str(old): str(new) for old, new in pairs},
            **{key: [str(one) for one in found[key]] for key in found},
        )

    def is_first_party(self, name: str) -> bool:
        """Tell whether the dotted `name` lies in one of the packages."""
        return any(name == one or name.startswith(f"{one}.") for one in self.packages)

    def roots(self) -> tuple[Path, ...]:
        """List the import roots that exist, first hit first."""
        found = (self.root / part if part != "." else self.root for part in self.source)
        return tuple(path for path in found if path.is_dir())

    def files(self) -> Iterator[tuple[ModuleName, Path]]:
        """Go through every first-party module that is neither excluded nor git-ignored, sorted."""
        seen: dict[ModuleName, Path] = {}
        for base in self.roots():
            for path in self._walk(base):
                name = _dotted(path, base)
                if name is not None and self.is_first_party(name):
                    seen.setdefault(name, path)
        yield from sorted(seen.items())

    def _walk(self, base: Path) -> Iterator[Path]:
        """Find the Python files of the packages below `base`."""
        ignored = _Ignored(self.root, self.exclude)
        for package in self.packages:
            path = base.joinpath(*package.split("."))
            if path.with_suffix(".py").is_file():
                yield path.with_suffix(".py")
            if path.is_dir() and not ignored.is_ignored(path, is_folder=True):
                yield from ignored.python_files(path)

    def python_files(self, folder: Path) -> Iterator[Path]:
        """Go through the Python files below `folder`, tests too, but not what is left out."""
        yield from _Ignored(self.root, self.exclude, _NEVER_LINTED).python_files(folder)

    def is_ignored(self, folder: Path) -> bool:
        """Tell whether a folder is hidden, excluded or git-ignored."""
        ignored = _Ignored(self.root, self.exclude, _NEVER_LINTED)
        return ignored.is_ignored(folder, is_folder=True)

    def module_of(self, path: Path) -> ModuleName | None:
        """Give the dotted name under which the file at `path` is imported, or None."""
        path = Path(os.path.abspath(path))  # noqa: PTH100 - `resolve` would follow links out
        for base in self.roots():
            if path.is_relative_to(base):
                name = _dotted(path, base)
                if name is not None and self.is_first_party(name):
                    return name
        return None

    def path_of(self, module: str) -> Path | None:
        """Give the file of a first-party module or package, or None if there is none."""
        if not self.is_first_party(module):
            return None
        for base in self.roots():
            stem = base.joinpath(*module.split("."))
            for path in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")):
                if path.is_file():
                    return path
        return None

    def read(self, module: str) -> ModuleSource | None:
        """Read a first-party module by its dotted name; None if it is not there or not readable."""
        path = self.path_of(module)
        if path is None:
            return None
        found = self.read_file(path, ModuleName(module))
        return found if isinstance(found, ModuleSource) else None

    def read_file(self, path: Path, module: ModuleName) -> ModuleSource | Diagnostic:
        """Read the file of `module`, or say why it cannot be read."""
        try:
            data = path.read_bytes()
        except OSError as error:
            return self._unreadable(path, f"cannot be read: {error.strerror or error}")
        return self.decode(path, module, data)

    def decode(self, path: Path, module: ModuleName, data: bytes) -> ModuleSource | Diagnostic:
        """Make a source of the bytes of a file, or say why it is no text."""
        try:
            text = decoded(data)
        except (SyntaxError, UnicodeError, LookupError) as error:
            return self._unreadable(path, f"is not text in its declared encoding: {error}")
        return ModuleSource(
            name=module,
            path=self.shown(path),
            filename=str(path),
            text=text,
            sha256=hashlib.sha256(data).hexdigest(),
            is_package=path.name == "__init__.py",
        )

    def shown(self, path: Path) -> str:
        """Give `path` as findings and bundles show it: relative to the root, forward slashes."""
        return (
            path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.name
        )

    def _unreadable(self, path: Path, why: str) -> Diagnostic:
        return Diagnostic(
            code="WFC910",
            severity=Severity.ERROR,
            sentence=f"the file {why}; it is left out of the build",
            place=Place(self.shown(path)),
            fix="repair or remove the file, or name its folder in [tool.wfc] exclude",
        )

    def doubly_named(self) -> tuple[Diagnostic, ...]:
        """Find files that can be imported under two first-party names (WFC122)."""
        names: dict[Path, list[str]] = {}
        for base in self.roots():
            for path in self._walk(base):
                name = _dotted(path, base)
                if name is not None and self.is_first_party(name):
                    names.setdefault(path, []).append(name)
        return tuple(
            Diagnostic(
                code="WFC122",
                severity=Severity.ERROR,
                sentence=(
                    f"the file can be imported as `{both[0]}` and as `{both[1]}`; its workflows "
                    "would have two ids"
                ),
                place=Place(self.shown(path)),
                fix=f'set [tool.wfc] packages = ["{both[0].partition(".")[0]}"]',
            )
            for path, both in sorted(names.items())
            if len(set(both)) > 1
        )


def decoded(data: bytes) -> str:
    """Decode the bytes of a Python file as Python does, with LF line ends and without a BOM."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    if encoding == "utf-8-sig":
        data, encoding = data.removeprefix(codecs.BOM_UTF8), "utf-8"
    text = data.decode(encoding)
    if "\0" in text:
        message = "the file holds null bytes"
        raise SyntaxError(message)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _table_at(root: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - a warm import of a module reads no settings

    for name, keys in (("wfc.toml", ()), ("pyproject.toml", ("tool", "wfc"))):
        try:
            table: Any = tomllib.loads((root / name).read_text("utf-8"))
        except (OSError, ValueError):
            continue
        for key in keys:
            table = table.get(key, {})
        if isinstance(table, dict) and table:
            return table
    return {}


def _dotted(path: Path, base: Path) -> ModuleName | None:
    parts = list(path.relative_to(base).with_suffix("").parts)
    if parts and parts[-1] == "__init__":
        parts.pop()
    if not parts or not all(part.isidentifier() for part in parts):
        return None
    return ModuleName(".".join(parts))


def _found_at(root: Path, source: Sequence[str], exclude: Sequence[str]) -> set[str]:
    """Find the packages and modules that stand at the import roots."""
    ignored = _Ignored(root, exclude)
    found: set[str] = set()
    for part in source:
        base = root if part == "." else root / part
        if not base.is_dir():
            continue
        for entry in sorted(os.scandir(base), key=lambda item: item.name):
            path = Path(entry.path)
            if ignored.is_ignored(path, is_folder=entry.is_dir()):
                continue
            if entry.is_dir():
                if entry.name.isidentifier() and _is_package(path, inner=part != "."):
                    found.add(entry.name)
            elif path.suffix == ".py" and _is_module(path.stem):
                found.add(path.stem)
    return found


def _is_package(path: Path, *, inner: bool) -> bool:
    if (path / "__init__.py").is_file():
        return True
    return inner and any(path.rglob("*.py"))


def _is_module(stem: str) -> bool:
    return (
        stem.isidentifier()
        and not stem.startswith(("test_", "__"))
        and not stem.endswith("_test")
        and stem not in _TOOL_FILES
    )


class _Ignored:
    """What `exclude`, hidden folders and `.gitignore` files leave out."""

    def __init__(self, root: Path, exclude: Sequence[str], never: frozenset[str] = _NEVER) -> None:
        self.root = root
        self.never = never
        self.exclude = frozenset(exclude)
        self.specs: dict[Path, GitIgnoreSpec | None] = {}
        self.top = _git_top(root)

    def python_files(self, folder: Path) -> Iterator[Path]:
        """Find the Python files below `folder`, in the order of their names."""
        try:
            entries = sorted(os.scandir(folder), key=lambda item: item.name)
        except OSError:
            return  # A folder that cannot be listed holds nothing that could be imported.
        for entry in entries:
            path = Path(entry.path)
            is_folder = entry.is_dir()
            if not is_folder and path.suffix != ".py":
                continue
            if self.is_ignored(path, is_folder=is_folder):
                continue
            if is_folder:
                yield from self.python_files(path)
            else:
                yield path

    def is_ignored(self, path: Path, *, is_folder: bool) -> bool:
        """Tell whether `path`, whose parents are not ignored, is left out."""
        if is_folder and (path.name.startswith(".") or path.name in self.never):
            return True
        if path.name in self.exclude or (
            path.is_relative_to(self.root)
            and path.relative_to(self.root).as_posix() in self.exclude
        ):
            return True
        return self._by_git(path, is_folder=is_folder)

    def _by_git(self, path: Path, *, is_folder: bool) -> bool:
        # The nearest file that has an opinion wins, as in git.
        folder = path.parent
        while True:
            spec = self._spec(folder)
            if spec is not None:
                shown = path.relative_to(folder).as_posix() + ("/" if is_folder else "")
                verdict = spec.check_file(shown).include
                if verdict is not None:
                    return verdict
            if folder in (self.top, folder.parent):
                return False
            folder = folder.parent

    def _spec(self, folder: Path) -> GitIgnoreSpec | None:
        if folder not in self.specs:
            self.specs[folder] = _read_gitignore(folder / ".gitignore")
        return self.specs[folder]


def _git_top(root: Path) -> Path:
    """Give the folder of the repository that `root` lies in, or `root`."""
    return next((path for path in (root, *root.parents) if (path / ".git").exists()), root)


def _read_gitignore(path: Path) -> GitIgnoreSpec | None:
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return None
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 - the import hook never walks

    return GitIgnoreSpec.from_lines(lines)
