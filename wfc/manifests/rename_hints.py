"""Rename hints as a mapping: what a version calls things that older versions called otherwise.

A manifest's table maps new ids to old ones: definitions and classes (``app.pay:charge``), their
parameters and fields (``app.pay:charge.cents``), and modules (``app.pay``). A hint whose old name
is still alive decides nothing: that name keeps its own meaning.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    # Pydantic is heavy, and workers read hints without it.
    from wfc.manifests.manifest import Manifest

_T = TypeVar("_T")
_NONE: Final = '\n "renamed": {}'
"""How the text of a manifest says it: at the first level, where the settings' own table is not."""
_NO_IDS: Final[frozenset[str]] = frozenset()


class RenameHints:
    """The hints of one version, for names that older ones have given.

    `alive` are the ids that the version has; `old` those of the older one, where just one is read.
    """

    def __init__(
        self,
        table: Mapping[str, Iterable[str]],
        *,
        alive: frozenset[str] = _NO_IDS,
        old: frozenset[str] = _NO_IDS,
    ) -> None:
        """Take a manifest's table: new id -> old ids."""
        self._alive = alive
        self._old = old
        self._modules: dict[str, str] = {}
        self._definitions: dict[str, str] = {}
        self._members: dict[str, dict[str, str]] = {}
        """Of a definition, by its present id: the former names of parameters or fields."""
        for new, olds in sorted(table.items()):
            for one in olds:
                self._add(new, one)

    def __bool__(self) -> bool:
        """Tell whether anything has another name now."""
        return bool(self._modules or self._definitions or self._members)

    def _add(self, new: str, old: str) -> None:
        if ":" not in new:
            self._modules[old] = new
            return
        # `app:flow.charge` may be a nested step or a parameter; each is asked for by other means.
        self._definitions[old] = new
        owner, _, name = new.rpartition(".")
        if ":" in owner:
            self._members.setdefault(owner, {})[_last(old)] = name

    # -- definitions

    def definition(self, old: str) -> str:
        """Give the present id of a step, a workflow or a class; itself if nobody says so."""
        if old in self._alive:
            return old
        return self._definitions.get(old) or self._enclosed(old) or self._moved(old)

    def hinted(self, old: str) -> bool:
        """Tell whether a hint gives an old id another one."""
        return self.definition(old) != old

    def without_effect(self) -> Iterator[tuple[str, str]]:
        """List hints (new id, old id) whose old id is still there."""
        for old, new in sorted(self._definitions.items()):
            if old in self._alive:
                yield new, old

    def _enclosed(self, name: str) -> str | None:
        """Follow the hint of the class that `name` stands in: ``app:Old.pay``."""
        module, _, qualname = name.partition(":")
        outer, dot, inner = qualname.rpartition(".")
        if not dot:
            return None
        around = self._definitions.get(f"{module}:{outer}") or self._enclosed(f"{module}:{outer}")
        return f"{around}.{inner}" if around else None

    def _moved(self, name: str) -> str:
        """Follow the hint of the module, or of a package around it; then one of what is in it."""
        module, colon, qualname = name.partition(":")
        head, rest = module, ""
        while head:
            if head in self._modules:
                moved = f"{self._modules[head]}{rest}{colon}{qualname}"
                return self._definitions.get(moved, moved)
            head, _, last = head.rpartition(".")
            rest = f".{last}{rest}"
        return name

    # -- parameters and fields; a definition is named by its present id

    @property
    def owners(self) -> Iterable[str]:
        """Name what has parameters or fields of another name now."""
        return self._members

    def parameters(self, definition: str) -> Mapping[str, str]:
        """Give former names of parameters (or fields), with the present ones."""
        return self._members.get(definition, {})

    def parameter(self, definition: str, name: str) -> str:
        """Give the present name of one parameter or field."""
        return self.parameters(definition).get(name, name)

    def arguments(self, definition: str, given: Mapping[str, _T]) -> dict[str, _T]:
        """Give arguments (or fields) by their present names."""
        names = self._members.get(definition)
        if not names:
            return dict(given)
        return {
            (names.get(name, name) if names.get(name, name) not in given else name): value
            for name, value in given.items()
        }

    # -- words in the text of one older version

    def callee(self, dotted: str) -> str:
        """Give the new dotted name of what an old call place calls: ``app.pay.charge``."""
        return self._dotted.get(dotted, dotted)

    def function(self, qualname: str) -> str:
        """Give the new qualname of a function that holds call places."""
        return self._qualnames.get(qualname, qualname)

    def word(self, word: str) -> str:
        """Give the new word by which sites name a step or function."""
        return self._words.get(word, word)

    @cached_property
    def _dotted(self) -> Mapping[str, str]:
        return {_dots(one): _dots(self.definition(one)) for one in self._old if self.hinted(one)}

    @cached_property
    def _qualnames(self) -> Mapping[str, str]:
        return {
            one.partition(":")[2]: self.definition(one).partition(":")[2]
            for one in sorted(self._old)
            if self.hinted(one)
        }

    @cached_property
    def _words(self) -> Mapping[str, str]:
        return {_last(one): _last(two) for one, two in self._qualnames.items()}


NO_HINTS: Final = RenameHints({})


def hints_between(old: Manifest, new: Manifest) -> RenameHints:
    """Read the hints of `new` for what `old` holds."""
    return RenameHints(new.renamed, alive=ids_of(new), old=ids_of(old))


@lru_cache(maxsize=64)
def hints_in(manifest: str) -> RenameHints:
    """Read the table of a manifest's text; most have none, and are not read for it."""
    if not manifest or _NONE in manifest:
        return NO_HINTS
    found = json.loads(manifest)
    alive = (name for part in ("workflows", "steps", "classes") for name in found.get(part, ()))
    return RenameHints(found.get("renamed", {}), alive=frozenset(alive))


def ids_of(manifest: Manifest) -> frozenset[str]:
    """List the ids of all that a manifest knows by name: definitions, helpers, constants."""
    reached = (name for workflow in manifest.workflows.values() for name in workflow.reaches)
    return frozenset([*manifest.workflows, *manifest.steps, *manifest.classes, *reached])


def _dots(name: str) -> str:
    return name.replace(":", ".")


def _last(name: str) -> str:
    return name.rpartition(":")[2].rpartition(".")[2]
