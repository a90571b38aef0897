"""A step function, ready to be called with recorded arguments."""

from __future__ import annotations

import inspect
import types
import typing
from typing import Any, Final

from wfc import abi, codec
from wfc.errors import CodecError, UnknownType
from wfc.ids import VersionId
from wfc.manifests.bundle import Entry
from wfc.manifests.rename_hints import NO_HINTS, RenameHints
from wfc.policies import declared
from wfc.runtime import nested_steps
from wfc.runtime.annotations import evaluated, result_annotation
from wfc.runtime.host_types import FormerTypes
from wfc.runtime.nested_steps import EntryOf
from wfc.runtime.parameters import whole
from wfc.runtime.retry import Matcher
from wfc.runtime.step_code import is_async, spread

_UNRESOLVED: Final = object()
_UNJUDGED: Final = (None, Any, object, types.NoneType)
"""Annotations that let anything pass; ``-> None`` says that nobody uses the result."""
_PLAIN: Final = (int, str, bytes, bool, float, list, dict)
_NAMED: Final = frozenset({inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY})


class StepBody:
    """A step function and how recorded arguments are put into a call of it."""

    def __init__(
        self,
        registration: abi.Registration,
        entry: Entry | None,
        known: codec.Types,
        *,
        version: VersionId | None = None,
        entry_of: EntryOf = lambda _: None,
        renamed: RenameHints = NO_HINTS,
    ) -> None:
        """Prepare to call what was registered; `entry` is what the build says about it, `entry_of`
        what about others, `renamed` what older builds called otherwise, and `version` whose code it
        is, if not the imported one's.
        """
        self.registration = registration
        self.version = version
        self.name = registration.id.partition(":")[2]
        self.declaration = declared(registration.function)
        self.retry_on: Matcher = self.declaration.retry_on if self.declaration else Exception
        self.give_up_on: Matcher = self.declaration.give_up_on if self.declaration else ()
        self._renamed = renamed
        self._types = FormerTypes(known, renamed) if renamed else known
        self._entry = entry
        self._entry_of = entry_of
        plain = getattr(registration.function, "__func__", registration.function)
        self._nested = abi.id_of(plain) != registration.id
        self._plain = plain
        self._hints: dict[str, Any] | None = None
        self._result: Any = _UNRESOLVED
        if self._nested:
            self._code = nested_steps.code_of(plain, registration.id)
            self._captures: tuple[str, ...] = self._code.co_freevars
            self.is_async = bool(self._code.co_flags & inspect.CO_COROUTINE)
            self._parameters = nested_steps.parameters_of(self._code, entry, plain.__globals__)
        else:
            self._captures = ()
            self.is_async = is_async(plain)
            self._parameters = tuple(inspect.signature(plain).parameters.values())
        takes_class = inspect.ismethod(registration.function)
        self._class = self._parameters[0].name if takes_class else None
        self._kinds = {each.name: each.kind for each in self._parameters}
        self._by_name = _NAMED.issuperset(self._kinds.values())

    @property
    def signature(self) -> inspect.Signature:
        """What the function takes."""
        return inspect.Signature(self._parameters)

    def accepts(self, arguments: bytes) -> bool:
        """Tell whether this function can take a recorded call: its names, captures and types."""
        try:
            names = set(self._decoded(arguments))
        except CodecError:
            return False
        if not set(self._captures) <= names:
            return False
        names -= self._all_captures()
        variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        needed = {
            each.name
            for each in self._parameters
            if each.default is each.empty and each.kind not in variadic
        }
        return needed <= names <= set(self._kinds)

    def call(self, arguments: bytes | None) -> Any:
        """Decode the arguments and call the function; gives a coroutine if it is async."""
        assert arguments is not None
        values = self._decoded(arguments)
        function = self._plain
        if self._nested:
            captured = {name: values.pop(name) for name in self._all_captures() & values.keys()}
            function = nested_steps.rebuilt(
                self.registration.id, self._plain, captured, self._entry_of
            )
        if self._class is not None:
            values[self._class] = self._found(values[self._class])
        if self._by_name:
            return function(**values)
        args, kwargs = spread(self._parameters, values)
        return function(*args, **kwargs)

    def _decoded(self, arguments: bytes) -> dict[str, Any]:
        """Decode recorded arguments, by the present names of the parameters."""
        step, hints = self.registration.id, self.hints()
        former = {
            old: hints[new] for old, new in self._renamed.parameters(step).items() if new in hints
        }
        values = codec.decode_arguments(arguments, {**former, **hints}, self._types)
        return self._renamed.arguments(step, values)

    def _all_captures(self) -> set[str]:
        """Give what the code captures, and what it needs for the nested steps among that."""
        said = () if self._entry is None else self._entry.signature.captures
        return {*self._captures, *said}

    def recorded(self, value: Any, limit: int = codec.PAYLOAD_MAX) -> bytes:
        """Encode what the function returned. Raises `Unserialisable` for what no run could read,
        `PayloadMismatch` for what is not what the function is annotated to return, and
        `PayloadTooLarge`.
        """
        annotation, path = self._returns(), f"the result of step `{self.name}`"
        data = codec.encode(value, path=path, annotation=annotation, types=self._types, limit=limit)
        if annotation not in _UNJUDGED and not (type(value) is annotation and annotation in _PLAIN):
            # A success is recorded for good: what its readers refuse would end the run each time.
            codec.decode(data, annotation=annotation, types=self._types, what=path)
        return data

    def _returns(self) -> Any:
        if self._result is _UNRESOLVED:
            if self._nested:
                text = None if self._entry is None else self._entry.signature.returns
                space = self._plain.__globals__
                self._result = None if text is None else evaluated(text, space)
            else:
                self._result = result_annotation(self._plain)
        return self._result

    def _found(self, name: str) -> type:
        """Give the class that a class method was called on."""
        found = self._types.find(name)
        if found is None:
            raise UnknownType(
                f"step `{self.name}` was called on the class {name}, which this worker does not "
                "know. Keep the class where it was, or register it under its old name."
            )
        return found

    def hints(self) -> dict[str, Any]:
        """Give the annotations of the parameters, as far as they resolve."""
        if self._hints is None:
            self._hints = self._resolved_hints()
        return self._hints

    def _resolved_hints(self) -> dict[str, Any]:
        source: Any = self._plain
        if self._nested:
            source = types.FunctionType(self._code, self._plain.__globals__, self.name, None, tuple(
                types.CellType() for _ in self._code.co_freevars
            ))  # fmt: skip
            if self._entry is not None:
                source.__annotations__ = {
                    each.name: each.annotation
                    for each in self._entry.signature.parameters
                    if each.annotation is not None
                }
        try:
            hints = typing.get_type_hints(inspect.unwrap(source), include_extras=True)
        except Exception:  # noqa: BLE001 - an annotation that does not resolve only costs the check
            return {}
        hints.pop("return", None)
        if self._class is not None:
            hints[self._class] = str
        return {name: whole(self._kinds.get(name), hint) for name, hint in hints.items()}
