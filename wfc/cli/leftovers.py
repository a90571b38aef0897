"""What helped runs of older versions along and helps none any more, so that it can be taken out:
rename hints that no version in use needs, and markers that all of them know.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wfc.cli.against import Side
from wfc.diagnostics import Place
from wfc.manifests.manifest import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A hint (WFC616) or a marker (WFC615) that can go."""

    code: str
    sentence: str
    place: Place | None


def leftovers(new: Side, in_use: Sequence[Side]) -> tuple[Leftover, ...]:
    """List what no open run needs; `in_use` are the versions that open runs are on, all of them."""
    if not in_use:
        return ()
    return (*_hints(new, in_use), *_markers(new, in_use))


def _hints(new: Side, in_use: Sequence[Side]) -> Iterator[Leftover]:
    known = frozenset[str]().union(*(_names(side.manifest) for side in in_use))
    for name, before in sorted(new.manifest.renamed.items()):
        for old in before:
            if old not in known:
                yield Leftover(
                    code="WFC616",
                    sentence=f"no version in use knows `{old}`: the hint at `{name}` can go",
                    place=_place(new, name),
                )


def _markers(new: Side, in_use: Sequence[Side]) -> Iterator[Leftover]:
    for name, workflow in sorted(new.manifest.workflows.items()):
        before = [one for side in in_use if (one := side.manifest.workflows.get(name)) is not None]
        for marker in workflow.changes:
            if before and all(marker in one.changes for one in before):
                yield Leftover(
                    code="WFC615",
                    sentence=f'no open run is older than `changed("{marker}")` in `{name}`: '
                    "the branch for older ones can go",
                    place=new.spans.get(name),
                )


def _names(manifest: Manifest) -> Iterator[str]:
    """Give every name that a hint may mean: modules, definitions, parameters and fields."""
    yield from manifest.modules
    for definitions in (manifest.workflows, manifest.steps):
        for name, one in definitions.items():
            yield name
            yield from (f"{name}.{each['name']}" for each in one.signature.get("params", ()))
    for name, kind in manifest.classes.items():
        yield name
        yield from (f"{name}.{each}" for each in (*(kind.fields or ()), *(kind.members or ())))
    for workflow in manifest.workflows.values():
        yield from workflow.reaches


def _place(new: Side, name: str) -> Place | None:
    """Find where a name stands, or what it stands in."""
    while name:
        if name in new.spans:
            return new.spans[name]
        name = name.rpartition(".")[0]
    return None
