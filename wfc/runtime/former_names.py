"""Fields that older code named otherwise: rename hints, told to the codec class by class."""

from __future__ import annotations

from collections.abc import Callable

from wfc import codec
from wfc.manifests.renamed import Renamed


def remember_former(renamed: Renamed, own: Callable[[str], type | None]) -> None:
    """Let fields of the classes that `own` finds be read by the names that they had before."""
    for name in renamed.owners:
        kind = own(name)
        if kind is not None:
            codec.remember_former(kind, renamed.parameters(name))
