"""Types for a process that only shows values: an unknown name is a bag of its fields."""

from __future__ import annotations

from wfc import codec


class AnyTypes:
    """Gives a stand-in for whatever is asked for.

    So a run can be looked at on a machine, or in a moment, where its code cannot be imported.
    """

    shows_anything = True
    """What was registered elsewhere, with converters, is shown as it was written."""

    def __init__(self) -> None:
        """Know nothing but what is registered."""
        self._made: dict[str, type] = {}

    def find(self, name: str) -> type | None:
        """Give the registered type, or a stand-in that takes any fields."""
        known = codec.REGISTERED.find(name)
        if known is not None:
            return known
        if name not in self._made:
            qualname = name.rpartition(":")[2].rpartition(".")[2]
            from pydantic import ConfigDict, create_model  # noqa: PLC0415 - only if there is one

            self._made[name] = create_model(qualname, __config__=ConfigDict(extra="allow"))
        return self._made[name]
