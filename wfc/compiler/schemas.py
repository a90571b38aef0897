"""JSON Schema of what steps and workflows take and give, for forms, agents and reviews.

Types are evaluated in the namespaces of the workflow bundles, which whoever composes a build loads
in the sandbox: a build never imports a step module. What does not resolve there has no schema, and
its name is listed.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final, Literal, TypeAlias

from wfc.manifests.bundle import Entry, Parameter, Receiver
from wfc.manifests.store import Version

Namespaces: TypeAlias = Mapping[str, Mapping[str, Any]]
"""By module, the names that its workflow bundle binds."""
Load: TypeAlias = Callable[[Version], AbstractContextManager[Namespaces]]
"""Executes the workflow bundles of a version; afterwards the modules are forgotten."""
_SPREAD: Final = {"VAR_POSITIONAL": "list[{}]", "VAR_KEYWORD": "dict[str, {}]"}
_MODE: Literal["validation"] = "validation"


class _Unresolved(Exception):
    """A type cannot be evaluated, or pydantic knows no schema for it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def schemas_of(entry: Entry, spaces: Namespaces) -> dict[str, Any]:
    """Give `input_schema`, `output_schema` and `unresolved` of a step or workflow."""
    described = _Schemas(entry, spaces.get(entry.id.partition(":")[0], {}))
    missing: list[str] = []
    return {
        "input_schema": _or_missing(described.taken, missing),
        "output_schema": _or_missing(described.given, missing),
        "unresolved": sorted(set(missing)),
    }


def _or_missing(describe: Callable[[], dict[str, Any]], missing: list[str]) -> Any:
    try:
        return describe()
    except _Unresolved as error:
        missing.append(error.name)
        return None


class _Schemas:
    """The schemas of one entry, whose types are names of `space`."""

    def __init__(self, entry: Entry, space: Mapping[str, Any]) -> None:
        self.entry = entry
        self.space = dict(space)

    def taken(self) -> dict[str, Any]:
        """Describe the recorded arguments: an object with one property for each parameter."""
        parameters = self.entry.signature.parameters
        hints = {one.name: self._hint(one, first=not at) for at, one in enumerate(parameters)}
        hints.update({name: Any for name in self.entry.signature.captures if name not in hints})
        properties, defs = self._properties(hints)
        spread = {one.name for one in parameters if one.kind in _SPREAD or one.default is not None}
        schema: dict[str, Any] = {
            "type": "object",
            "properties": properties,
            "required": [name for name in hints if name not in spread],
            "additionalProperties": False,
        }
        return {**schema, **({"$defs": defs} if defs else {})}

    def given(self) -> dict[str, Any]:
        """Describe the recorded result."""
        text = self.entry.signature.returns
        return {} if text is None else _schema_of(text, self._evaluated(text), "serialization")

    def _properties(self, hints: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        from pydantic import TypeAdapter  # noqa: PLC0415 - an unchanged tree needs none

        for name, hint in hints.items():
            _schema_of(name, hint, "validation")  # to know which one it is that has none
        asked = [(name, _MODE, TypeAdapter[Any](hint)) for name, hint in hints.items()]
        schemas, rest = TypeAdapter.json_schemas(asked)
        return {name: schemas[name, _MODE] for name in hints}, rest.get("$defs", {})

    def _hint(self, parameter: Parameter, *, first: bool) -> Any:
        """Give the type of all that is recorded under the name of a parameter."""
        receiver = self.entry.receiver if first else Receiver.NONE
        if receiver is Receiver.CLASS:
            return str  # a class travels by its name
        text = parameter.annotation
        if text is None and receiver is Receiver.SELF:
            text = self.entry.qualname.rpartition(".")[0]
        if parameter.kind not in _SPREAD:
            return Any if text is None else self._evaluated(text)
        return self._evaluated(_SPREAD[parameter.kind].format(text or "__wfc_any"))

    def _evaluated(self, text: str) -> Any:
        holder = types.SimpleNamespace(__annotations__={"it": text})
        names = {**self.space, "__wfc_any": Any}
        try:
            return typing.get_type_hints(holder, names, include_extras=True)["it"]
        except NameError as error:
            raise _Unresolved(error.name or text) from error
        except Exception as error:  # whatever the user's own types raise
            raise _Unresolved(text) from error


def _schema_of(name: str, hint: Any, mode: Literal["validation", "serialization"]) -> Any:
    """Describe a type; one that pydantic cannot describe is listed by `name`."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - likewise

    try:
        return TypeAdapter(hint).json_schema(mode=mode)
    except Exception as error:  # whatever the schema hooks of the user's types raise
        raise _Unresolved(name) from error
