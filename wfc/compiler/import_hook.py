"""The import hook: modules with directives are compiled when they are imported.

`install` belongs at the top of the package's `__init__.py`, so child processes and reloads get it
in time. A warm import loads nothing of the compiler: it reads `.wfc/index`, the cached step code,
and runs it.
"""

from __future__ import annotations

import atexit
import os
import sys
import types
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec, SourceFileLoader
from typing import TYPE_CHECKING, Any, Final, Self

from wfc.compiler import cache
from wfc.errors import CompileError

if TYPE_CHECKING:
    from pathlib import Path

    from wfc.compiler.cold import ColdCompiler

_SETTINGS: Final = ("wfc.toml", "pyproject.toml")
_UNJUDGED: Final = bytes(8)


def install(
    packages: str | Sequence[str] | None = None, *, strict: bool = True, cache: bool = True
) -> Installed:
    """Compile the modules of `packages` (by default the calling package) as they are imported.

    `strict`, for development: an effect that a workflow reaches is an error at import already;
    without it, it is one when the workflow is loaded. `cache=False` neither reads nor writes files.
    """
    if packages is None:
        packages = _package_of(sys._getframe(1).f_globals)  # noqa: SLF001 - who calls is the default
    names = (packages,) if isinstance(packages, str) else tuple(packages)
    installed = Installed(names, strict=strict, use_cache=cache)
    sys.meta_path.insert(0, installed.finder)
    installed.warn_of_imported()
    return installed


def _package_of(caller: dict[str, Any]) -> tuple[str, ...]:
    """Give the package of the calling module; of a script, what stands beside it."""
    package = caller.get("__package__") or ""
    if package:
        return (package,)
    name = caller.get("__name__", "")
    if name and name != "__main__":
        return (name,)
    from pathlib import Path  # noqa: PLC0415 - a script is no warm import

    from wfc.compiler.project import Project  # noqa: PLC0415 - likewise

    where = Path(caller.get("__file__") or "script.py").resolve()
    return Project.at(root_of(where, where.stem)).packages


class Installed:
    """An installed hook; leave the `with` block or call `uninstall` to take it out again."""

    def __init__(self, packages: tuple[str, ...], *, strict: bool, use_cache: bool) -> None:
        """Serve `packages`."""
        self.packages = packages
        self.strict = strict
        self.use_cache = use_cache
        self.finder = DirectiveFinder(self)
        self._inside = tuple(f"{one}." for one in packages)
        self._homes: dict[str, Home] = {}
        self._by_folder: dict[str, Home] = {}

    def __enter__(self) -> Self:
        """Be in force until the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take the hook out."""
        self.uninstall()

    def uninstall(self) -> None:
        """Take the hook out; modules that it compiled stay as they are. Twice is harmless."""
        with suppress(ValueError):
            sys.meta_path.remove(self.finder)
        for home in self._homes.values():
            home.save()

    def covers(self, module: str) -> bool:
        """Tell whether `module` lies in one of the packages."""
        return module.startswith(self._inside) or module in self.packages

    def home_of(self, path: str, module: str) -> Home:
        """Give the project that the file at `path` belongs to."""
        folder = path.rpartition(os.sep)[0]
        home = self._by_folder.get(folder)
        if home is None:
            root = _root_of(path, module)
            home = self._homes.get(root) or Home(root, self)
            self._homes[root] = self._by_folder[folder] = home
        return home

    def warn_of_imported(self) -> None:
        """Warn of modules with directives that were imported too early (WFC163)."""
        for name, module in list(sys.modules.items()):
            spec = getattr(module, "__spec__", None)
            if not self.covers(name) or spec is None or type(spec.loader) is not SourceFileLoader:
                continue
            path = spec.origin or ""
            known = self.home_of(path, name).index.look_up(path)
            if known is not None and known.has_directive and _holds_directive(path):
                import warnings  # noqa: PLC0415 - only on the way to a warning

                warnings.warn(
                    f"WFC163 `{name}` was imported before wfc.install(), so its directives do "
                    "nothing. Call wfc.install() first, at the top of the package's __init__.py.",
                    RuntimeWarning,
                    stacklevel=3,
                )


class Home:
    """A project as the hook knows it: its index, and the key of what is cached for it."""

    def __init__(self, root: str, installed: Installed) -> None:
        """Read the index at `root`, if caches are in use."""
        self.root = root
        self.installed = installed
        self.index = cache.Index(_joined(root, ".wfc", "index") if installed.use_cache else None)
        self._key: bytes | None = None
        self._judged: bytes | None = None
        self._cold: ColdCompiler | None = None
        atexit.register(self.save)

    @property
    def key(self) -> bytes:
        """The key of what is cached; asked for by the first module with directives."""
        if self._key is None:
            self._key = cache.compiler_key([_joined(self.root, name) for name in _SETTINGS])
        return self._key

    @property
    def judged(self) -> bytes:
        """The mark of what was judged with these packages as first party."""
        if self._judged is None:
            self._judged = cache.digest(f"judged {sorted(self.installed.packages)}".encode())
        return self._judged

    def save(self) -> None:
        """Keep what was learned of files for the next process, unless ``-B`` forbids it."""
        if not sys.dont_write_bytecode:
            self.index.save()

    @property
    def cold(self) -> ColdCompiler:
        """The compiler, loaded when the first module is not in the cache."""
        if self._cold is None:
            from pathlib import Path  # noqa: PLC0415 - this is what is put off

            from wfc.compiler.cold import ColdCompiler  # noqa: PLC0415 - and this above all

            # Before the compiler is read, so that the key never names newer sources than it is.
            assert self.key
            installed = self.installed
            self._cold = ColdCompiler(Path(self.root), installed.packages, strict=installed.strict)
        return self._cold

    def are_as_judged(self, dependencies: Iterable[cache.Dependency]) -> bool:
        """Tell whether every file that a module was judged by still holds what it held."""
        for path, contents in dependencies:
            known = self.index.look_up(path)
            if known is None or known.hash != contents:
                return False
        return True


class DirectiveFinder:
    """Asks the finders behind it, and changes the loader of files that hold a directive.

    Without a base, since `importlib.abc` loads `tempfile` and more, which costs a warm import 6 ms.
    """

    def __init__(self, installed: Installed) -> None:
        """Serve the packages of `installed`."""
        self.installed = installed

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Find `fullname` if it is of our packages; None at once if it is not."""
        if not self.installed.covers(fullname):
            return None
        spec = self._ask_the_others(fullname, path, target)
        if spec is None or type(spec.loader) is not SourceFileLoader or spec.origin is None:
            return spec
        home = self.installed.home_of(spec.origin, fullname)
        known = home.index.look_up(spec.origin)
        if known is not None and known.has_directive:
            spec.loader = DirectiveLoader(fullname, spec.origin, home, known)
        return spec

    def _ask_the_others(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None
    ) -> ModuleSpec | None:
        is_behind = self not in sys.meta_path
        for finder in sys.meta_path:
            if not is_behind:
                is_behind = finder is self
                continue
            find = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find(fullname, path, target) if find is not None else None
            if spec is not None:
                return spec
        return None


class DirectiveLoader(SourceFileLoader):
    """Loads the step bundle of a file instead of the file; in all else a `SourceFileLoader`."""

    def __init__(
        self, fullname: str, path: str, home: Home, known: cache.Known | None = None
    ) -> None:
        """Load `path` as `fullname`; `known` is what the finder has just seen of it."""
        self.name = fullname
        self.path = path
        self.home = home
        self._known = known

    def get_code(self, fullname: str) -> types.CodeType:
        """Give the code of the step bundle, out of the cache if that is whole and current."""
        path = self.get_filename(fullname)
        use_cache = self.home.installed.use_cache
        place = cache.code_path(path) if use_cache else None
        # Good for once: whoever keeps the loader and asks again may ask after an edit.
        known, self._known = self._known or self.home.index.look_up(path), None
        entry = cache.read_or_none(place) if place is not None else None
        if entry is not None and known is not None:
            recalled = self._recalled(entry, known.hash, path)
            if recalled is not None:
                return recalled
        data = self.get_data(path)
        code, dependencies = self.home.cold.compile(self.name, path, data)
        if place is not None and not sys.dont_write_bytecode:
            judged = self.home.judged if self.home.installed.strict else _UNJUDGED
            body = cache.dump_code(code, dependencies)
            cache.write_whole(place, cache.seal(self.home.key, cache.digest(data), judged, body))
        return code

    def _recalled(self, entry: bytes, source: bytes, path: str) -> types.CodeType | None:
        found = cache.unseal(entry, self.home.key, source)
        loaded = cache.load_code(found[1]) if found is not None else None
        if found is None or loaded is None:
            return None
        code, dependencies = loaded
        if code.co_filename != path:
            return None  # the tree was moved
        # What was judged serves those who do not ask for it too.
        if self.home.installed.strict and (
            found[0] != self.home.judged or not self.home.are_as_judged(dependencies)
        ):
            return None
        return code

    def source_to_code(  # type: ignore[override] # later Pythons add parameters
        self, data: Any, path: Any, *more: Any, **options: Any
    ) -> types.CodeType:
        """Compile source text to the code of its step bundle; a tree is taken as it is."""
        if isinstance(data, str):
            data = data.encode()
        if not isinstance(data, bytes):
            return super().source_to_code(data, path, *more, **options)
        return self.home.cold.compile(self.name, str(path), data)[0]


def root_of(path: Path, module: str) -> Path:
    """Give the root of the project of a file: where its settings stand, or its import root."""
    return type(path)(_root_of(str(path), module))


def _root_of(path: str, module: str) -> str:
    """Do it with text: `pathlib` alone takes as long to load as a dozen modules."""
    folder, _, name = path.rpartition(os.sep)
    beside = folder
    while True:
        if any(os.path.isfile(_joined(folder, one)) for one in _SETTINGS):  # noqa: PTH113 - likewise
            return folder or os.sep
        if not folder:
            break
        folder = folder.rpartition(os.sep)[0]
    for _ in range(module.count(".") + (name == "__init__.py")):
        beside = beside.rpartition(os.sep)[0]
    return beside or os.sep


def _joined(*parts: str) -> str:
    return os.sep.join(parts)  # noqa: PTH118 - likewise


def _holds_directive(path: str) -> bool:
    """Tell whether a file that mentions a directive really holds one."""
    from wfc.compiler.cold import holds_directive  # noqa: PLC0415 - only on the way to a warning

    data = cache.read_or_none(path)
    return data is not None and holds_directive(data)


__all__ = ["CompileError", "DirectiveFinder", "DirectiveLoader", "Installed", "install"]
