"""A bundle: compiled code of one module for one purpose, as text plus tables.

Byte code is only a cache of it. The compiler writes bundles, the runtime loads them; here they
meet.
Spans are those of `ast`: 1-based lines, UTF-8 byte columns; the end is exclusive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from wfc.ids import DefinitionId, ModuleName


class Purpose(StrEnum):
    """Which of the two bundles of a module."""

    WORKFLOW = "workflow"
    STEP = "step"


class Receiver(StrEnum):
    """What a step takes first besides its arguments."""

    NONE = "none"  # a function or a static method
    SELF = "self"  # an instance method: the instance is recorded first
    CLASS = "class"  # a class method: the class travels by its type name


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in a file."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter as written; `default` is source text if it is a literal, else ``...``.

    Of a nested step it is always source text: an attempt has only that to make the function of.
    """

    name: str
    kind: str  # the name of an `inspect.Parameter` kind: POSITIONAL_OR_KEYWORD, ...
    annotation: str | None = None
    default: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """How a step or workflow is called; `captures` are the free names of a nested step."""

    parameters: tuple[Parameter, ...]
    returns: str | None = None
    captures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One marked definition of a module."""

    id: DefinitionId
    qualname: str  # without <locals>
    kind: str  # "step" or "workflow"
    is_async: bool
    docstring: str | None
    signature: Signature
    span: Span
    receiver: Receiver = Receiver.NONE
    nested_in: str | None = None  # qualname of the enclosing workflow
    policy: Mapping[str, Any] = field(default_factory=dict)  # the literal keywords of @policy


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSite:
    """A call and its stable place: 8 hex digits, then `.2`, `.3` for equal ones in source order."""

    span: Span
    place: str
    callee: str
    function: str
    blocks: tuple[str, ...]
    ordinal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """Lines on which ``# wfc: allow[code]`` stands, or that lie in a function whose ``def`` has it.

    The guard at run time obeys it: what the lines use of this code is used for real.
    """

    code: str
    line: int
    end_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """The code of `module` for `purpose`. Line and column of every kept statement are the source's.

    `imports` are the dotted names of modules the text imports; the sandbox admits no others.
    """

    module: ModuleName
    purpose: Purpose
    text: str
    path: str  # relative to the project, with forward slashes
    source_sha256: str
    is_package: bool = False
    futures: tuple[str, ...] = ()  # names imported from __future__
    entries: tuple[Entry, ...] = ()
    sites: tuple[CallSite, ...] = ()
    imports: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    allowed: tuple[Exemption, ...] = ()
