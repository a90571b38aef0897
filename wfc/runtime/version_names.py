"""Versions by the names that people give them."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from wfc.errors import VersionUnknown
from wfc.ids import VersionId
from wfc.worlds.protocol import VersionRow, World

_PREFIX_MIN: Final = 4
_NAMED_MAX: Final = 5


async def version_named(world: World, wanted: str) -> VersionId:
    """Give the version with this id, label, or beginning of an id that no other has.

    Raises `VersionUnknown`, which names what is near.
    """
    rows = await world.versions()
    exact = [row.version for row in rows if row.version == wanted]
    labelled = [row.version for row in rows if row.label == wanted]
    begun = [row.version for row in rows if row.version.startswith(wanted)]
    if len(wanted) < _PREFIX_MIN:
        begun = []  # too short to be meant for one of the versions that are still to come
    found = exact or labelled or begun
    if len(found) == 1:
        return found[0]
    raise VersionUnknown(_unknown(world, wanted, rows, found))


def _unknown(
    world: World, wanted: str, rows: Sequence[VersionRow], found: Sequence[VersionId]
) -> str:
    if found:
        names = ", ".join(found[:_NAMED_MAX])
        return f"{wanted!r} names {len(found)} versions of {world.url}: {names}. Give a whole id."
    known = [row.version for row in rows] + [row.label for row in rows if row.label]
    near = get_close_matches(wanted, known, n=3, cutoff=0.6)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"There are {_listed(rows)}."
    return (
        f"no version {wanted!r} is registered in {world.url}. {hint}\n"
        "A worker registers its build when it starts."
    )


def _listed(rows: Sequence[VersionRow]) -> str:
    names = [row.version for row in rows[:_NAMED_MAX]]
    return ", ".join([*names, "..."] if len(rows) > _NAMED_MAX else names) or "none"
