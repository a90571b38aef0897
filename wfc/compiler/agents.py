"""What a manifest says of each agent that workflows reach, as far as its source tells.

Whatever is computed (tools out of a variable, a model by a function) is named in `unknown`, never
guessed.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from wfc.compiler.gather_signatures import signature_of
from wfc.ids import ModuleName
from wfc.manifests.agents import DURABILITY, DURABLE, Made, agent_of, agents_in
from wfc.manifests.bundle import Entry
from wfc.manifests.canonical import Tree
from wfc.manifests.fingerprint import Around, Library, Unit, describe
from wfc.manifests.signature import canonical_signature, canonical_type, dotted_name

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_TOOL: Final = frozenset({"pydantic_ai.Tool", "pydantic_ai.tools.Tool"})
_CONTEXT: Final = frozenset({"pydantic_ai.RunContext", "pydantic_ai.tools.RunContext"})
_MCP: Final = "pydantic_ai.mcp."
_TOOLSETS_OF_MCP: Final = frozenset({"pydantic_ai.MCPToolset", "pydantic_ai.toolsets.MCPToolset"})
_TEXT: Final = "str"
_WORDS: Final = ("instructions", "system", "system_prompt", "settings", "model_settings")
"""Arguments that change what a model is told, and no recorded call."""
_APPROVAL: Final = "approval"
_ALWAYS: Final = "always"


def agents_of(library: Library, reached: Mapping[ModuleName, Collection[str]]) -> dict[str, Any]:
    """Describe the agents among the names that workflows reach, by id (``app.bots:bot``)."""
    found: dict[str, Any] = {}
    for module, names in sorted(reached.items()):
        unit = library.unit(module)
        for made in agents_in(unit.tree) if unit is not None else ():
            if unit is not None and made.variable in names:
                found[f"{module}:{made.variable}"] = _Reader(library, unit, made).read()
    return found


@dataclass
class _Tools:
    """The tools of an agent: digests of their schemas, who must approve, what is a closure step."""

    schemas: dict[str, str] = field(default_factory=dict)
    approvals: dict[str, str] = field(default_factory=dict)
    closures: list[str] = field(default_factory=list)


class _Reader:
    """Reads one agent."""

    def __init__(self, library: Library, unit: Unit, made: Made) -> None:
        self.library = library
        self.unit = unit
        self.made = made
        self.around = Around(library, unit)
        self.unknown: set[str] = set()
        self.tools = _Tools()

    def read(self) -> dict[str, Any]:
        """Give what the manifest holds."""
        if self.made.is_open:
            self.unknown.update({"models", "toolsets", "tools", "output"})
        name = self._name()
        models, keys = self._models()
        self._read_tools()
        toolsets, servers = self._toolsets()
        return {
            "name": name,
            "models": models,
            "toolsets": toolsets,
            "tools": dict(sorted(self.tools.schemas.items())),
            "approvals": dict(sorted(self.tools.approvals.items())),
            "output": self._output(),
            "wording": self._wording(),
            "operations": sorted(self._operations(name, keys, servers)) if name else [],
            "unknown": sorted(self.unknown),
        }

    # --- its name and models ---

    def _name(self) -> str | None:
        given = self.made.argument("name", 0 if self.made.maker in DURABLE else None)
        if isinstance(given, ast.Constant) and isinstance(given.value, str):
            return given.value
        self.unknown.add("name")
        return None

    def _models(self) -> tuple[list[str], list[str]]:
        """Give the models by what they are made of, and the keys of those that a run may choose."""
        given = self.made.argument("model", 1 if self.made.maker in DURABLE else 0)
        models = [] if given is None else [self._model(given)]
        keys: list[str] = []
        more = self._of_durability("models")
        if isinstance(more, ast.Dict):
            for key, value in zip(more.keys, more.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    keys.append(key.value)
                    models.append(self._model(value))
                else:
                    self.unknown.add("models")
        elif more is not None:
            self.unknown.add("models")
        return models, keys

    def _model(self, given: ast.expr) -> str:
        match self._value(given):
            case ast.Constant(value=str(text)):
                return text
            case ast.Call() as call:
                called = self._called(call)
                first = call.args[0] if call.args else None
                if isinstance(first, ast.Constant) and called:
                    return f"{called}({first.value!r})"
                return called or self._not_told("models")
        return self._not_told("models")

    def _not_told(self, what: str) -> str:
        self.unknown.add(what)
        return "?"

    def _of_durability(self, name: str) -> ast.expr | None:
        """Give an option of the `Durability` that the agent was given, in either way."""
        given = self.made.argument("capabilities")
        listed = given.elts if isinstance(given, ast.List | ast.Tuple) else []
        for one in (self.made.argument("durability"), *listed):
            value = self._value(one) if one is not None else None
            if isinstance(value, ast.Call) and self._called(value) in DURABILITY:
                return next((word.value for word in value.keywords if word.arg == name), None)
        return None

    # --- its tools ---

    def _read_tools(self) -> None:
        given = self.made.argument("tools")
        listed = self._value(given) if given is not None else None
        if isinstance(listed, ast.List | ast.Tuple):
            for one in listed.elts:
                self._tool(one)
        elif listed is not None:
            self.unknown.add("tools")
        for statement, decorators in self.unit.tools.items():
            for decorator in decorators:
                if agent_of(decorator) == self.made.variable and isinstance(statement, _FUNCTIONS):
                    words = decorator.keywords if isinstance(decorator, ast.Call) else []
                    self._named(f"{self.unit.module}.{statement.name}", words)
        for given in (self.made.argument(_APPROVAL), self._of_durability(_APPROVAL)):
            self._approvals(given)

    def _tool(self, given: ast.expr) -> None:
        """Read one entry of `tools`: a function, or a `Tool` of one."""
        words: list[ast.keyword] = []
        value = self._value(given)
        if isinstance(value, ast.Call) and self._called(value) in _TOOL:
            words = value.keywords
            first = value.args[:1] or [one.value for one in words if one.arg == "function"]
            given = first[0] if first else value
        written = dotted_name(given)
        if written is None:
            self.unknown.add("tools")
            return
        self._named(self.around.qualified(written), words)

    def _named(self, qualified: str, words: Collection[ast.keyword]) -> None:
        """Note a tool of the function `qualified`; `words` are the options it was given with."""
        name: Any = qualified.rpartition(".")[2]
        for word in words:
            if word.arg == "name":
                name = word.value.value if isinstance(word.value, ast.Constant) else None
            elif word.arg == "requires_approval":
                self._approval(str(name), word.value)
        if not isinstance(name, str) or any(word.arg is None for word in words):
            self.unknown.add("tools")
        if isinstance(name, str):
            self.tools.schemas[name] = self._schema(qualified, name)

    def _schema(self, qualified: str, name: str) -> str:
        """Give the digest of what a model must give to a tool: no wording, no context."""
        entry, signature = self.library.entry(qualified), None
        found = self.library.split(qualified)
        if found is not None and entry is not None:
            signature = describe(entry, self.library, found[0].module)
        elif found is not None:
            node = found[0].find(found[1])
            if isinstance(node, _FUNCTIONS):
                tree = Tree(self.library.within(found[0].module))
                signature = canonical_signature(signature_of(node), tree.type_named, tree.text)
        if signature is None:
            self.unknown.add(f"tools.{name}")
            self.tools.closures.append(name)
            return "?"
        params = signature["params"]
        has_context = bool(params) and _is_context(params[0]["type"])
        if _is_closure(entry, has_context=has_context):
            self.tools.closures.append(name)
        return _digest(params[1:] if has_context else params)

    def _approvals(self, given: ast.expr | None) -> None:
        """Read ``approval={"book": True, ...}``."""
        value = self._value(given) if given is not None else None
        if isinstance(value, ast.Dict):
            for key, one in zip(value.keys, value.values, strict=True):
                if isinstance(key, ast.Constant):
                    self._approval(str(key.value), one)
                else:
                    self.unknown.add("approvals")
        elif value is not None and not (isinstance(value, ast.Constant) and value.value is None):
            self.unknown.add("approvals")

    def _approval(self, tool: str, given: ast.expr) -> None:
        """Note who must approve a tool: somebody always, or by what is written there."""
        match given:
            case ast.Constant(value=False | None):
                return
            case ast.Constant(value=True):
                self.tools.approvals[tool] = _ALWAYS
            case _:
                self.tools.approvals[tool] = _digest(Tree(self.around).text(given))

    # --- its toolsets ---

    def _toolsets(self) -> tuple[list[str], list[str]]:
        """Give the ids of its toolsets, and which of them are servers of MCP."""
        given = self.made.argument("toolsets")
        listed = self._value(given) if given is not None else None
        ids: list[str] = []
        servers: list[str] = []
        if listed is not None and not isinstance(listed, ast.List | ast.Tuple):
            self.unknown.add("toolsets")
            return ids, servers
        for one in listed.elts if listed is not None else ():
            value = self._value(one)
            words = value.keywords if isinstance(value, ast.Call) else []
            found = next((word.value for word in words if word.arg == "id"), None)
            if not isinstance(found, ast.Constant):
                self.unknown.add("toolsets")
                continue
            ids.append(str(found.value))
            called = self._called(value) if isinstance(value, ast.Call) else ""
            if called in _TOOLSETS_OF_MCP or called.startswith(_MCP):
                servers.append(str(found.value))
        return sorted(ids), servers

    # --- its output, its words, its operations ---

    def _output(self) -> str:
        given = self.made.argument("output_type")
        if given is None:
            return _TEXT
        if isinstance(given, ast.List | ast.Tuple):
            return " | ".join(sorted(map(self._type, given.elts)))
        return self._type(given)

    def _type(self, given: ast.expr) -> str:
        tree = Tree(self.around)
        if isinstance(given, ast.Call):
            return self._called(given) + ":" + _digest(tree.text(given))
        return canonical_type(given, tree.type_named, tree.text)

    def _wording(self) -> str | None:
        """Give the digest of what else was written: instructions, settings, limits, callbacks."""
        tree = Tree(self.around)
        written = {
            str(word.arg): tree.text(word.value)
            for word in self.made.call.keywords
            if word.arg in _WORDS
        }
        return _digest(written) if written else None

    def _operations(
        self, name: str, keys: Collection[str], servers: Collection[str]
    ) -> Iterator[str]:
        """Give the names of its steps, which stand in logs: those of pydantic-ai's naming."""
        for suffix in ("", *(f".{key}" for key in keys)):
            yield f"{name}__model.request{suffix}"
            yield f"{name}__model.request_stream{suffix}"
        for tool in self.tools.closures:
            yield f"{name}__function_toolset__<agent>.call_tool.{tool}"
        for server in servers:
            for operation in ("call_tool", "get_instructions", "get_tools"):
                yield f"{name}__mcp_server__{server}.{operation}"

    # --- helpers ---

    def _value(self, node: ast.expr) -> ast.expr:
        """Follow a name to what its one statement at module level binds, here or elsewhere."""
        written = dotted_name(node)
        found = None if written is None else self.library.split(self.around.qualified(written))
        if found is None:
            return node
        match found[0].bindings.get(found[1], ()):
            case [ast.Assign(value=value)] | [ast.AnnAssign(value=ast.expr() as value)]:
                return value
        return node

    def _called(self, call: ast.Call) -> str:
        function = call.func.value if isinstance(call.func, ast.Subscript) else call.func
        written = dotted_name(function)
        return "" if written is None else self.around.qualified(written)


def _is_context(type_: str | None) -> bool:
    return type_ is not None and type_.partition("[")[0] in _CONTEXT


def _is_closure(entry: Entry | None, *, has_context: bool) -> bool:
    """Tell whether a tool of the project is a closure step: a step that takes the context is."""
    return entry is not None and entry.kind == "step" and has_context


def _digest(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
