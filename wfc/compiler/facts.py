"""What gathering finds out about one module: frozen facts, which writing and judging follow.

Spans are `ast`'s (1-based lines, UTF-8 byte columns). Ids use the dotted name as imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wfc.diagnostics import Diagnostic
from wfc.ids import ModuleName
from wfc.manifests.bundle import Bundle, CallSite, Entry, Span


@dataclass(frozen=True, slots=True)
class Star:
    """What a star import of a first-party module binds."""

    module: str
    names: tuple[str, ...]
    whole: bool  # no other name can come of it


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleSource:
    """A module as read from disk: decoded text with LF line ends, and where it stands."""

    name: ModuleName
    path: str  # relative to the project root, forward slashes; what findings print
    filename: str  # absolute; what code objects carry
    text: str
    sha256: str  # of the file's bytes
    is_package: bool = False
    findings: tuple[Diagnostic, ...] = ()  # why the text could not be read
    stars: tuple[Star, ...] = ()  # of its star imports, those that could be looked into


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A marked function and all that writing needs to know of it."""

    entry: Entry
    span: Span  # decorators included
    body_span: Span
    directive_span: Span | None  # None: marked by the module's directive
    decorator_spans: tuple[Span, ...] = ()
    captures: tuple[str, ...] = ()
    tool_spans: tuple[Span, ...] = ()
    """Of a step, the decorators that make it a tool of an agent: workflow bundles evaluate them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFact:
    """An agent that the module makes, as far as workflows that use it must be judged by it."""

    variable: str
    durable: bool | None  # None: the module does not tell
    tool_spans: tuple[Span, ...] = ()
    """Where its tools are named: the argument, and decorators of functions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One name bound by an import statement at module level or in a function."""

    name: str  # as bound here
    target: str  # fully qualified: "time.sleep", "app.models.Order", "json"
    module: str  # the module that is imported: "time", "app.models", "json"
    span: Span
    scope: str = ""  # qualname of the function it stands in, "" at module level
    typing_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A use of a name that a module-level statement, an import or a builtin binds.

    `target` is resolved through aliases of this module as far as this module knows: a builtin
    (``builtins.open``), an import target with attributes (``time.sleep``), or a symbol of this
    module (``app.billing.RATE``).
    """

    target: str
    span: Span
    within: str  # the top-level symbol (function, class, constant) whose statement uses it
    function: str  # qualname of the innermost function, "" outside
    use: str  # "call" "read" "subclass" "register" "annotation" "except" "isinstance"
    exact: bool = True  # import- or def-bound and never rebound in a reaching scope
    in_step: bool = False  # in the body, a default or a decorator of a step: never in a workflow
    starred: bool = False  # may come of a star import into which nobody can look
    of: str = ""  # for ``Path(x).exists``: the class that the value before the dot was made by
    key: str | None = None
    """Of ``os.environ["X"]`` and ``os.getenv("X")`` the text, of ``to_thread(f)`` what `f` means;
    an empty one: a lambda, or the name of a variable that is computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """A name bound at module level and the statements that bind it (whole top-level statements)."""

    name: str
    kind: str  # "function", "class", "constant", "import"
    spans: tuple[Span, ...]
    uses: frozenset[str] = frozenset()  # module-level names of this module that it needs
    hints: frozenset[str] = frozenset()  # those of `uses` that only annotations of functions name


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard:
    """What a replay may not repeat alike, wherever a workflow reaches it."""

    code: str
    span: Span
    within: str  # the top-level symbol whose statement holds it
    function: str  # qualname of the innermost function, "" outside
    sentence: str  # what follows ``workflow "x" reaches code that``
    exact: bool
    target: str = ""  # only a hazard if what this name means is among those:
    among: str = ""
    """"containers" or "sets" of its module, "modules", "operations" (steps and workflows),
    "coroutines" (those of them that are `async`), "sync steps"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factory:
    """A field that its class fills by a call if nobody gives it."""

    owner: str  # name of the class
    field: str
    made_by: str  # dotted name of what is called
    place: int  # among the fields, from 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Construction:
    """A call of what looks like a class, with the names and the number of its arguments."""

    target: str
    span: Span
    within: str
    function: str
    given: tuple[str, ...]
    count: int
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A top-level statement that changes an object of another module, or (`calls`) uses a function
    or class of it that may. `bound` is what the statement defines, if anything.
    """

    target: str
    span: Span
    calls: bool
    bound: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleFacts:
    """All that is known about a module without looking at any other."""

    name: ModuleName
    source_sha256: str
    definitions: tuple[Definition, ...] = ()
    imports: tuple[Import, ...] = ()
    symbols: tuple[Symbol, ...] = ()
    references: tuple[Reference, ...] = ()
    hazards: tuple[Hazard, ...] = ()
    constructions: tuple[Construction, ...] = ()
    factories: tuple[Factory, ...] = ()
    classes: frozenset[str] = frozenset()  # module-level names of classes
    called: frozenset[str] = frozenset()
    """Methods (``Class.method``) that a decorator may register, so that a framework calls them."""
    asked: Mapping[str, Mapping[str, frozenset[str]]] = field(default_factory=dict)
    """By top-level symbol and function, the attributes that its code asks of anything."""
    fills: tuple[Fill, ...] = ()
    writers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By function or class, the objects of the module that its users change."""
    containers: frozenset[str] = frozenset()  # module-level names of what can change in place
    sets: frozenset[str] = frozenset()  # module-level names of sets of other things than numbers
    agents: tuple[AgentFact, ...] = ()
    sites: tuple[CallSite, ...] = ()
    futures: tuple[str, ...] = ()
    findings: tuple[Diagnostic, ...] = ()
    directive_span: Span | None = None  # of the module's own directive


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Replace the text at `span` by `text` (padded so that the line count stays)."""

    span: Span
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """What a module compiles to; bundles are None if an error stands in the way."""

    step: Bundle | None
    workflow: Bundle | None
    facts: ModuleFacts
    diagnostics: tuple[Diagnostic, ...] = field(default=())
