"""Which types a payload may name, and by what names."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

Convert = Callable[[Any], Any]


class Types(Protocol):
    """Where decoding looks a type up. Never by importing: bytes must not run code."""

    def find(self, name: str) -> type | None:
        """Give the type of this wire name, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Registered:
    """A registered type; without converters it travels by its own fields."""

    kind: type
    name: str
    encode: Convert | None = None
    decode: Convert | None = None


class Registry:
    """The types that an application allows in payloads beside those of its manifest."""

    def __init__(self) -> None:
        """Begin empty."""
        self._by_name: dict[str, Registered] = {}
        self._by_wire_name: dict[str, Registered] = {}
        self.remembered: dict[type, Any] = {}
        """What encoding knows of a class; forgotten when a type is registered."""

    def register_type(
        self,
        kind: type,
        *,
        encode: Convert | None = None,
        decode: Convert | None = None,
        name: str | None = None,
    ) -> None:
        """Allow a type; `encode` turns a value into a serialisable one, `decode` turns it back.

        `name` is what payloads call it (``module:Qualname`` unless told), and must never change.
        Raises `ValueError` when only one converter is given, or the name belongs to another type.
        """
        if (encode is None) != (decode is None):
            raise ValueError(f"{wire_name(kind)}: give both `encode` and `decode`, or neither")
        entry = Registered(kind, name or wire_name(kind), encode, decode)
        known = self._by_name.get(entry.name)
        if known is not None and wire_name(known.kind) != wire_name(kind):
            raise ValueError(
                f"the name {entry.name!r} is registered for {wire_name(known.kind)} already, so "
                f"{wire_name(kind)} needs another"
            )
        self._by_name[entry.name] = entry
        self._by_wire_name[wire_name(kind)] = entry
        self.remembered.clear()

    def find(self, name: str) -> type | None:
        """Give the type registered under this name, or that has it by itself, or None."""
        entry = self._by_name.get(name) or self._by_wire_name.get(name)
        return entry.kind if entry is not None else None

    def entry(self, name: str) -> Registered | None:
        """Give the registration of this name, or None."""
        return self._by_name.get(name)

    def entry_of(self, kind: type) -> Registered | None:
        """Give the registration of a type, or None; a sandbox's twin of a class counts as it."""
        return self._by_wire_name.get(wire_name(kind)) if self._by_wire_name else None


REGISTERED: Final = Registry()
"""What `App.register_type` fills, for the whole process."""


def wire_name(kind: type) -> str:
    """Name a type in payloads: ``module:Qualname``, the same in a sandbox as outside.

    A sandbox calls its modules ``name@fingerprint``; pydantic's ``Box[int]`` travels as ``Box``; a
    class of a script has the name under which another process can import that.
    """
    generic = getattr(kind, "__pydantic_generic_metadata__", None)
    plain = (generic and generic["origin"]) or kind
    module = plain.__module__.partition("@")[0]
    return f"{_importable() if module == '__main__' else module}:{plain.__qualname__}"


def _importable() -> str:
    """Give the name that the script which runs as ``__main__`` can be imported by, if it has one.

    Python and `wfc run` note it in the module's spec: ``python -m``, but not ``python script.py``.
    """
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec.name if spec is not None else "__main__"
