"""Copies of what workflow code holds, for code that runs in a step: other objects, other classes.

A class of a workflow bundle has a twin in the module that the host imported. The bytes are our own
and of this moment, so they may name any class that is imported already.
"""

from __future__ import annotations

from typing import Any, Final

from wfc import codec
from wfc.runtime.host_types import imported


class _Imported:
    def find(self, name: str) -> type | None:
        """Give the class of this wire name, if its module was imported."""
        return codec.REGISTERED.find(name) or imported(name)


_TYPES: Final = _Imported()


def host_copy(value: Any, what: str, annotation: Any = None) -> Any:
    """Copy a value by way of the codec. Raises `CodecError` for what no log could hold either."""
    return codec.decode(codec.encode(value, path=what), annotation=annotation, types=_TYPES)
