"""`python -m wfc run`: a script or a module as `__main__`, compiled, with its own arguments.

Ids of its steps and workflows are those of its importable name, so a worker that imports the file
finds the same ones.
"""

from __future__ import annotations

import sys
import traceback
import types
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

from wfc.compiler.cold import ColdCompiler
from wfc.compiler.import_hook import install, root_of
from wfc.compiler.project import Project
from wfc.errors import NotCompiled
from wfc.ids import ModuleName


def run_script(path: str | Path, argv: Sequence[str] = ()) -> int:
    """Run the file at `path` as `__main__` and give its exit code.

    Its directory comes first on the import path, as with `python path`; first-party modules that it
    imports are compiled too. An exception of the script is printed and gives 1. Raises
    `NotCompiled` for what names no file.
    """
    try:
        path = Path(path).resolve()
    except ValueError as error:  # it holds what no file name can
        raise NotCompiled(f"{str(path)!r} cannot be run: {error}") from None
    project, name = _home_of(path)
    # Says under which name the file can be imported, as `python -m` does.
    spec = ModuleSpec(name, None, origin=str(path))
    with install(project.packages):
        return _as_main([str(path), *argv], path.parent, lambda: (spec, build_script(path)))


def run_module(name: str, argv: Sequence[str] = ()) -> int:
    """Run the module `name` as `python -m` does, with the import hook in place."""
    where = Path.cwd()
    project = Project.at(root_of(where / "script.py", "script"))
    top = name.partition(".")[0]
    with install(tuple(sorted({*project.packages, top}))):
        return _as_main([name, *argv], where, lambda: _found(name))


def _found(name: str) -> tuple[ModuleSpec, types.CodeType]:
    """Find a module, or the `__main__` of a package, and its code. Raises `NotCompiled`."""
    try:
        spec = find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            name = f"{name}.__main__"
            spec = find_spec(name)
    except ModuleNotFoundError as error:
        raise NotCompiled(f"{name} cannot be run: {error}") from error
    code = getattr(spec and spec.loader, "get_code", lambda _: None)(name)
    if spec is None or code is None:
        raise NotCompiled(f"{name} cannot be run: there is no module of this name with code")
    return spec, code


def build_script(path: Path) -> types.CodeType:
    """Compile the file at `path` to the code of its step bundle, under its importable name."""
    project, name = _home_of(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NotCompiled(f"{path} cannot be read: {error.strerror or error}") from error
    packages = tuple(sorted({*project.packages, name.partition(".")[0]}))
    compiler = ColdCompiler(project.root, packages, strict=True)
    return compiler.compile(name, str(path), data)[0]


def _home_of(path: Path) -> tuple[Project, ModuleName]:
    """Give the project of a script, and the name under which the script can be imported."""
    project = Project.at(root_of(path, path.stem))
    top = ModuleName(path.stem)
    name = project.module_of(path)
    if name is not None:
        return project, name
    every = tuple(sorted({*project.packages, top}))
    return replace(project, packages=every, rules=replace(project.rules, packages=every)), top


def _as_main(
    argv: list[str], folder: Path, load: Callable[[], tuple[ModuleSpec, types.CodeType]]
) -> int:
    """Execute what `load` gives as `__main__`, and put all back afterwards.

    It stands under its importable name too: whoever imports that gets this module, so its classes
    exist once and what it does while it loads is done once.
    """
    before = sys.modules["__main__"], sys.argv, list(sys.path)
    sys.argv = argv
    sys.path.insert(0, str(folder))
    main = types.ModuleType("__main__")
    name = ""
    try:
        try:
            spec, code = load()
        except (SyntaxError, ValueError) as error:  # a NUL byte is a ValueError before 3.12
            traceback.print_exception(error.with_traceback(None))
            return 1
        name = spec.name
        main.__spec__, main.__loader__, main.__file__ = spec, spec.loader, spec.origin
        main.__package__ = spec.parent
        sys.modules["__main__"] = main
        sys.modules.setdefault(name, main)
        argv[0] = spec.origin or argv[0]
        return _executed(code, main)
    finally:
        if sys.modules.get(name) is main:
            del sys.modules[name]
        sys.modules["__main__"], sys.argv, sys.path[:] = before


def _executed(code: types.CodeType, main: types.ModuleType) -> int:
    try:
        exec(code, main.__dict__)  # noqa: S102 - to run it is the purpose
    except SystemExit as leaving:
        return _exit_code(leaving)
    except Exception as error:  # noqa: BLE001 - whatever a script raises is printed as Python does
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    return 0


def _exit_code(leaving: SystemExit) -> int:
    if leaving.code is None:
        return 0
    if isinstance(leaving.code, int):
        return leaving.code
    print(leaving.code, file=sys.stderr)  # noqa: T201 - as Python does with a text
    return 1
