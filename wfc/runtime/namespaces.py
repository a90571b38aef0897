"""The namespaces of a run: copies of a template's that hold its functions, rebound to them.

They cost microseconds and some hundred bytes; all else is shared with the other runs.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from wfc import abi
from wfc.runtime import refusals


class Namespaces:
    """What is a run's own: namespaces for its functions, and that of the workflow."""

    __slots__ = ("_spaces", "workflow")

    def __init__(self, spaces: Iterable[dict[str, Any]], workflow: Callable[..., Any]) -> None:
        """Own `spaces`."""
        self._spaces = tuple(spaces)
        self.workflow = workflow

    def kill(self) -> None:
        """Let the guards of these functions say no from now on, in whatever context they run."""
        for space in self._spaces:
            space[abi.NAME] = _DEAD


_DEAD: Final = types.SimpleNamespace(live=bool, place_at=None, home="")
"""Takes the place of `__wfc__` in a dropped run: `bool()` is a fast way to say False."""


class TemplateModule(types.ModuleType):
    """A module of a template."""

    def __init__(self, name: str) -> None:
        """Come from nowhere: what loads such modules is no business of workflow code."""
        super().__init__(name)
        for fact in ("__spec__", "__loader__"):
            del self.__dict__[fact]

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: all runs of the version share it."""
        refusals.refuse_write(f"`{self.__name__.partition('@')[0]}.{name}`")
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        """Refuse, likewise."""
        refusals.refuse_write(f"`{self.__name__.partition('@')[0]}.{name}`")
        super().__delattr__(name)


def functions_in(code: types.CodeType) -> Iterator[types.CodeType]:
    """Go through the functions and class bodies inside of code, at any depth."""
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from functions_in(constant)


class Copies:
    """How the namespaces of a run are made of those of the template; worked out once.

    A run's namespace holds `__wfc__`, by which it can be killed, and copies of the functions that
    the workflow can come to by name, since a function can carry attributes. All else is frozen or
    refuses writes, so runs share it: Python finds it where it looks after the globals.
    """

    def __init__(self, modules: Mapping[str, types.ModuleType], module: str, head: str) -> None:
        """Prepare for the workflow that `module` holds under `head`, or inside of it."""
        self._functions: list[tuple[types.FunctionType, int]] = []
        self._bindings: dict[tuple[int, str], int] = {}
        """By namespace and name: the number of a function."""
        self._numbers: dict[int, int] = {}
        self._spaces = [each.__dict__ for each in modules.values()]
        self.home = list(modules).index(module)
        self._modules = _links(modules)
        if self._modules:
            # What a module is asked for by attribute cannot be found elsewhere.
            for place, space in enumerate(self._spaces):
                self._bind_all(place, space)
        else:
            self._keep_what_is_reached(head)

    def make(self) -> list[dict[str, Any]]:
        """Make all namespaces, the functions rebound to them."""
        if not self._modules:
            spaces = [dict(space) for space in self._spaces]
        else:
            spaces = self._as_modules()
        functions = [_rebound(function, spaces[home]) for function, home in self._functions]
        for (place, key), number in self._bindings.items():
            spaces[place][key] = functions[number]
        return spaces

    def _bind_all(self, place: int, names: Iterable[str]) -> list[types.FunctionType]:
        """Let these names of a namespace be each run's own, if they are functions; give those that
        are new.
        """
        found = []
        homes = {id(space): home for home, space in enumerate(self._spaces)}
        for key in names:
            value = self._spaces[place].get(key)
            if not isinstance(value, types.FunctionType) or _is_stub(value):
                continue
            home = homes.get(id(value.__globals__))
            if home is None:
                continue
            if id(value) not in self._numbers:
                self._numbers[id(value)] = len(self._functions)
                self._functions.append((value, home))
                found.append(value)
            self._bindings[place, key] = self._numbers[id(value)]
        return found

    def _keep_what_is_reached(self, head: str) -> None:
        """Follow names from the workflow on, and forget the namespaces that it does not come to."""
        places = {id(space): place for place, space in enumerate(self._spaces)}
        reached = {self.home}
        left = self._bind_all(self.home, [head])
        while left:
            function = left.pop()
            place = places[id(function.__globals__)]
            reached.add(place)
            left += self._bind_all(place, _names(function.__code__))
        kept = sorted(reached)
        small = [_small(self._spaces[place]) for place in kept]
        small[kept.index(self.home)][head] = self._spaces[self.home][head]
        self._functions = [(function, kept.index(home)) for function, home in self._functions]
        self._bindings = {(kept.index(place), key): n for (place, key), n in self._bindings.items()}
        for (place, key), number in self._bindings.items():
            small[place][key] = self._functions[number][0]
        self.home, self._spaces = kept.index(self.home), small

    def _as_modules(self) -> list[dict[str, Any]]:
        """Copy namespaces that hold modules of the template: those become modules of the run."""
        copies = [TemplateModule(str(space["__name__"])) for space in self._spaces]
        spaces = [copy.__dict__ for copy in copies]
        for copied, space in zip(spaces, self._spaces, strict=True):
            copied.update(space)
        for place, key, target in self._modules:
            spaces[place][key] = copies[target]
        return spaces


def _links(modules: Mapping[str, types.ModuleType]) -> list[tuple[int, str, int]]:
    """List where one of `modules` holds another: its place, the name, the place of the other."""
    places = {id(module): place for place, module in enumerate(modules.values())}
    return [
        (place, key, places[id(value)])
        for place, module in enumerate(modules.values())
        for key, value in vars(module).items()
        if id(value) in places
    ]


_OWN: Final = ("__name__", "__package__", abi.NAME)
"""Names that C code looks up in the globals of a function and nowhere else, and `__wfc__`."""


def _small(space: Mapping[str, Any]) -> dict[str, Any]:
    """Make a namespace that finds the names of `space` among its builtins."""
    kept = {name: space[name] for name in _OWN}
    kept["__builtins__"] = {**space["__builtins__"], **space}
    return kept


def _names(code: types.CodeType) -> set[str]:
    """Collect the global names that code may look up, with that of functions inside it."""
    return set(code.co_names).union(*(inner.co_names for inner in functions_in(code)))


def _is_stub(function: types.FunctionType) -> bool:
    """Tell a step's stub, which reads the run from the context, from code of the module."""
    return abi.id_of(function) is not None and function.__code__.co_filename == abi.__file__


def _rebound(function: types.FunctionType, space: dict[str, Any]) -> types.FunctionType:
    copy = types.FunctionType(
        function.__code__, space, function.__name__, function.__defaults__, function.__closure__
    )
    if function.__kwdefaults__:
        copy.__kwdefaults__ = function.__kwdefaults__
    if function.__annotations__:
        copy.__annotations__ = function.__annotations__
    if function.__dict__:
        copy.__dict__.update(function.__dict__)
    copy.__qualname__ = function.__qualname__
    copy.__doc__ = function.__doc__
    return copy
