"""Versions by the names that people give them: an id, the beginning of one, or a label."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from wfc.errors import AmbiguousName, VersionUnknown
from wfc.ids import VersionId
from wfc.worlds.protocol import VersionRow, World

_PREFIX_MIN: Final = 4
"""A shorter beginning would soon be that of another version, too."""
_NEAR: Final = 3


async def version_named(world: World, wanted: str) -> VersionId:
    """Give the id of the registered version that `wanted` means. Raises as `find_version`."""
    return find_version(await world.versions(), wanted).version


async def active_version(world: World) -> VersionId:
    """Give the active version. Raises `VersionUnknown` if there is none."""
    active = [row.version for row in await world.versions() if row.active]
    if not active:
        raise VersionUnknown(
            f"no version is active in {world.url}, so nothing says which code is meant.\n"
            "Start a worker, which registers its build, or name a version."
        )
    return active[0]


def find_version(rows: Sequence[VersionRow], wanted: str) -> VersionRow:
    """Find the version that `wanted` means: an id, a label, or the only id that begins so.

    Raises `VersionUnknown` with the nearest names, `AmbiguousName` with all that fit.
    """
    exact = [row for row in rows if row.version == wanted]
    labelled = [row for row in rows if wanted and row.label == wanted]
    begun = [row for row in rows if len(wanted) >= _PREFIX_MIN and row.version.startswith(wanted)]
    fitting = exact or labelled or begun
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        shown = ", ".join(f"{row.version} ({row.label or 'no label'})" for row in fitting)
        message = f"{wanted!r} fits {len(fitting)} versions.\nName one of {shown}"
        raise AmbiguousName(message)
    message = f"no version {wanted!r} is registered.\n{_hint(rows, wanted)}"
    raise VersionUnknown(message)


def _hint(rows: Sequence[VersionRow], wanted: str) -> str:
    names = [str(name) for row in rows for name in (row.version, row.label) if name]
    near = get_close_matches(wanted, names, n=_NEAR, cutoff=0.6)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return "`wfc versions` lists those that are, `wfc versions register` adds this build."
