"""Values as operators see them: typed trees of JSON, with secrets and what is too much taken out.

Plain JSON stands for itself. What JSON has no form for is an object with one of these keys:
`$type` with `value` or `fields`, `$bytes` with `size`, `$redacted` with `length`, `$hidden` with
`size`, `$encrypted`, `$unreadable`, `$cut` with the path under which the rest is to be had.
"""

from __future__ import annotations

import base64
import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import BaseModel, SecretBytes, SecretStr

from wfc import codec
from wfc.errors import CannotDecrypt, WfcError

Payloads = Literal["shown", "redacted", "hidden"]
Redact = Callable[[str, Any], Any]
NODES_MAX: Final = 10_000
BYTES_MAX: Final = 256 * 1024
_BYTES_SHOWN: Final = 4096
_SECRET: Final = re.compile(
    r"(?:^|[_\-.])(?:password|passwd|secret|token|api_?key|authorization|cookie|private(?:_?key)?"
    r"|cvv|cvc|ssn|credentials?)(?:$|[_\-.])",
    re.IGNORECASE,
)
_CANARY_MIN: Final = 8
"""Text of so many letters that was secret in one place is so wherever it stands in that run."""
_SAFE_INT: Final = 1 << 53
_ENCRYPTED: Final = {"$encrypted": True}


def is_secret(name: str) -> bool:
    """Tell by its name whether a value is for nobody's eyes: `api_key`, `clientSecret`."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return _SECRET.search(parted) is not None


@dataclass(slots=True)
class Painter:
    """Makes trees of the values of one run; what it redacted once it redacts everywhere."""

    payloads: Payloads = "redacted"
    redact: Redact | None = None
    known: set[str] = field(default_factory=set)
    """Texts that were found to be secret."""
    _nodes: int = 0
    _bytes: int = 0

    def payload(self, data: bytes | None, types: codec.Types, path: str = "") -> Any:
        """Give the tree of an encoded value; None for none."""
        if data is None:
            return None
        if codec.is_withheld(data):
            return dict(_ENCRYPTED)
        if self.payloads == "hidden":
            return {"$hidden": True, "size": len(data)}
        try:
            value = codec.decode(data, types=types)
        except WfcError as problem:
            return self._unreadable(problem)
        return self.tree(value, path)

    def tree(self, value: Any, path: str = "") -> Any:
        """Give the tree of a value."""
        if self.payloads == "hidden":
            return {"$hidden": True, "type": type(value).__name__}
        self._nodes = self._bytes = 0
        if self.payloads == "redacted":
            self.learn(value)
        return self._tree(value, path, "")

    def text(self, text: str) -> str:
        """Give a text (of an error, of a log line) without what was found to be secret."""
        if self.payloads == "shown":
            return text
        for secret in sorted(self.known, key=len, reverse=True):
            text = text.replace(secret, "[redacted]")
        return text

    def learn(self, value: Any) -> None:
        """Remember the secrets of a value, so that they are found where no name tells of them."""
        stack = [(value, "")]
        seen = 0
        while stack and seen < NODES_MAX:
            one, name = stack.pop()
            seen += 1
            if isinstance(one, (SecretStr, SecretBytes)):
                self._remember(one.get_secret_value())
            elif is_secret(name):
                self._remember(one)
            else:
                stack += [(below, str(key)) for key, below in _children(one)]

    def _remember(self, value: Any) -> None:
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        if isinstance(value, str):
            if len(value) >= _CANARY_MIN:
                self.known.add(value)
        else:
            for _, below in _children(value):
                self._remember(below)

    def _unreadable(self, problem: WfcError) -> Any:
        if isinstance(problem, CannotDecrypt):
            return dict(_ENCRYPTED)
        return {"$unreadable": str(problem).partition("\n")[0], "code": problem.code}

    def _tree(self, value: Any, path: str, name: str) -> Any:
        self._nodes += 1
        if self._nodes > NODES_MAX or self._bytes > BYTES_MAX:
            return {"$cut": path}
        if self.payloads == "redacted" and (
            is_secret(name) or isinstance(value, (SecretStr, SecretBytes))
        ):
            return _redacted(value)
        if self.redact is not None:
            value = self.redact(path, value)
        return self._kind(value, path)

    def _kind(self, value: Any, path: str) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, (int, float)) and type(value) in {int, float}:
            return _number(value)
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, (bytes, bytearray)):
            return self._raw(bytes(value))
        if isinstance(value, BaseException):
            return self._raised(value)
        return self._container(value, path)

    def _raised(self, value: BaseException) -> Any:
        if isinstance(value, WfcError):
            return self._unreadable(value)
        return _typed(type(value).__name__, self.text(str(value)))

    def _text(self, value: str, path: str) -> Any:
        self._bytes += len(value)
        if self._bytes > BYTES_MAX:
            return {"$cut": path}
        return self.text(value)

    def _raw(self, value: bytes) -> dict[str, Any]:
        shown = value[:_BYTES_SHOWN]
        self._bytes += len(shown)
        return {"$bytes": base64.b64encode(shown).decode(), "size": len(value)}

    def _container(self, value: Any, path: str) -> Any:
        if type(value) is dict:
            return self._dict(value, path)
        if isinstance(value, (list, tuple, set, frozenset)):
            items = [self._tree(one, f"{path}/{at}", "") for at, one in enumerate(value)]
            return items if type(value) is list else _items(value, items)
        fields = _children(value)
        if fields:
            return {"$type": type(value).__name__, "fields": self._fields(fields, path)}
        return _typed(type(value).__name__, self.text(_written(value)))

    def _dict(self, value: dict[Any, Any], path: str) -> Any:
        if value == _ENCRYPTED:
            return dict(value)
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return self._fields(value.items(), path)
        pairs = [
            [self._tree(key, path, ""), self._tree(one, f"{path}/{key}", str(key))]
            for key, one in value.items()
        ]
        return _items(value, pairs)

    def _fields(self, items: Any, path: str) -> dict[str, Any]:
        return {str(key): self._tree(one, f"{path}/{key}", str(key)) for key, one in items}


def _children(value: Any) -> list[tuple[Any, Any]]:
    """Give what a value is made of, by name."""
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, BaseModel):
        extra = value.__pydantic_extra__ or {}
        return [
            *((name, getattr(value, name)) for name in type(value).model_fields),
            *extra.items(),
        ]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(one.name, getattr(value, one.name)) for one in dataclasses.fields(value)]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [("", one) for one in value]
    return []


def _redacted(value: Any) -> dict[str, Any]:
    plain = value.get_secret_value() if isinstance(value, (SecretStr, SecretBytes)) else value
    told: dict[str, Any] = {"$redacted": type(plain).__name__}
    if isinstance(plain, (str, bytes)):
        told["length"] = len(plain)
    return told


def _number(value: float) -> Any:
    """Give a number, as text where JSON has none or a browser would round it."""
    if isinstance(value, int):
        return value if abs(value) <= _SAFE_INT else _typed("int", str(value))
    return value if math.isfinite(value) else _typed("float", str(value))


def _items(value: Any, items: list[Any]) -> dict[str, Any]:
    return {"$type": type(value).__name__, "items": items}


def _typed(name: str, value: str) -> dict[str, Any]:
    return {"$type": name, "value": value}


def _written(value: Any) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - a user's __str__ may do anything
        return f"(cannot be written: {type(error).__name__})"
