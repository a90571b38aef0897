"""Classes that payloads may name: what kind they are, their fields or members, what they inherit.

All of it is read off the source; nothing is imported. A field that cannot be read so (of a base
from outside of the project, of a class that a call makes in ways of its own) is left out.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from typing import Any, Final

from wfc.manifests.canonical import Tree
from wfc.manifests.expressions import digest_of
from wfc.manifests.fingerprint import Around, Library, Unit
from wfc.manifests.signature import canonical_type, dotted_name

_PYDANTIC: Final = frozenset(
    {"pydantic.BaseModel", "pydantic.RootModel", "pydantic.main.BaseModel"}
    | {"pydantic_settings.BaseSettings"}
)
_DATACLASS: Final = frozenset({"dataclasses.dataclass", "pydantic.dataclasses.dataclass"})
_ATTRS: Final = frozenset(
    f"{module}.{name}"
    for module in ("attr", "attrs")
    for name in ("s", "attrs", "define", "frozen", "mutable", "dataclass")
)
_NAMEDTUPLES: Final = frozenset({"typing.NamedTuple", "collections.namedtuple"})
_ENUMS: Final = frozenset(
    f"enum.{name}" for name in ("Enum", "Flag", "IntEnum", "IntFlag", "StrEnum", "ReprEnum")
)
_FIELD_MAKERS: Final = frozenset(
    {"dataclasses.field", "pydantic.Field", "pydantic.fields.Field", "pydantic.dataclasses.Field"}
    | {"attr.ib", "attr.attrib", "attr.field", "attrs.field", "msgspec.field"}
)
_DEFAULTS: Final = frozenset({"default", "default_factory", "factory"})
_WITH_DEFAULT_FIRST: Final = frozenset({"pydantic.Field", "pydantic.fields.Field", "attr.ib"})
_DEEPEST: Final = 20


def class_details(library: Library, unit: Unit, node: ast.ClassDef | ast.Assign) -> dict[str, Any]:
    """Give `kind`, `fields` or `members`, `extra` and `bases` of a class, as a manifest holds them.

    An assignment is that of a class which a call makes: ``P = namedtuple("P", "x y")``.
    """
    reader = _Reader(library, unit)
    if isinstance(node, ast.Assign):
        return reader.made(node)
    kind = reader.kind(node)
    details: dict[str, Any] = {"kind": kind, "bases": list(reader.bases(node))}
    if kind == "enum":
        details["members"] = dict(reader.members(node))
    else:
        details["fields"] = reader.fields(node)
    if kind == "pydantic":
        details["extra"] = reader.unknown(node) or "ignore"
    return details


class _Reader:
    """Reads the classes of one module; those they inherit from, by readers of their own."""

    def __init__(self, library: Library, unit: Unit, depth: int = 0) -> None:
        self.library = library
        self.unit = unit
        self.around = Around(library, unit)
        self.tree = Tree(self.around)
        self.depth = depth

    def meaning(self, node: ast.expr) -> str:
        """Give the qualified name of what a decorator, base or call names."""
        while isinstance(node, (ast.Call, ast.Subscript)):
            node = node.func if isinstance(node, ast.Call) else node.value
        dotted = dotted_name(node)
        return self.around.qualified(dotted) if dotted is not None else ""

    def bases(self, node: ast.ClassDef) -> Iterator[str]:
        """Give the bases: ids of those of the project, dotted names of others."""
        for base in node.bases:
            name = self.meaning(base)
            found = self.library.split(name)
            yield f"{found[0].module}:{found[1]}" if found is not None else name

    def parents(self, node: ast.ClassDef) -> Iterator[tuple[_Reader, ast.ClassDef]]:
        """Give the bases that are classes of the project."""
        if self.depth > _DEEPEST:
            return  # A class that inherits from itself.
        for base in node.bases:
            found = self.library.split(self.meaning(base))
            parent = found[0].find(found[1]) if found is not None and found[1] else None
            if found is not None and isinstance(parent, ast.ClassDef):
                yield _Reader(self.library, found[0], self.depth + 1), parent

    def kind(self, node: ast.ClassDef) -> str:
        """Give the kind: that of its decorators, of its bases, or of what those inherit from."""
        decorators = {self.meaning(one) for one in node.decorator_list}
        if decorators & _DATACLASS:
            return "dataclass"
        if decorators & _ATTRS:
            return "attrs"
        names = {self.meaning(base) for base in node.bases}
        for kind, known in (
            ("pydantic", _PYDANTIC),
            ("enum", _ENUMS),
            ("namedtuple", _NAMEDTUPLES),
        ):
            if names & known:
                return kind
        if any(map(_is_exception, names)):
            return "exception"
        inherited = (reader.kind(parent) for reader, parent in self.parents(node))
        return next((kind for kind in inherited if kind != "class"), "class")

    def fields(self, node: ast.ClassDef) -> dict[str, dict[str, Any]]:
        """Give the annotated fields, those of its bases first."""
        found: dict[str, dict[str, Any]] = {}
        for reader, parent in reversed(list(self.parents(node))):
            found.update(reader.fields(parent))
        for statement in node.body:
            match statement:
                case ast.AnnAssign(target=ast.Name(id=name)) if not name.startswith("__"):
                    spelled = canonical_type(
                        statement.annotation, self.tree.type_named, self.tree.text
                    )
                    if not spelled.startswith(("typing.ClassVar", "dataclasses.KW_ONLY")):
                        has_default = self.has_default(statement.value)
                        found[name] = {"type": spelled, "has_default": has_default}
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as value):
                    if self.meaning(value) in _FIELD_MAKERS:  # attrs without annotations
                        found[name] = {"type": None, "has_default": self.has_default(value)}
        return found

    def has_default(self, value: ast.expr | None) -> bool:
        """Tell whether a field may be left out."""
        if value is None or _is_ellipsis(value):
            return False
        if not isinstance(value, ast.Call) or self.meaning(value) not in _FIELD_MAKERS:
            return True
        if self.meaning(value) in _WITH_DEFAULT_FIRST and value.args:
            return not _is_ellipsis(value.args[0])
        for word in value.keywords:
            if word.arg in _DEFAULTS and not _is_ellipsis(word.value):
                return True
            if word.arg == "init" and getattr(word.value, "value", None) is False:
                return True
        return False

    def members(self, node: ast.ClassDef) -> Iterator[tuple[str, str]]:
        """Give the members of an enum, each with the digest of its value."""
        for statement in node.body:
            match statement:
                case ast.Assign(targets=targets, value=value):
                    for target in targets:
                        if isinstance(target, ast.Name) and not target.id.startswith("_"):
                            yield target.id, digest_of(self.tree.text(value))

    def unknown(self, node: ast.ClassDef) -> str | None:
        """Give what a pydantic model does with a field it does not know, if it or a base says."""
        said = [word.value for word in node.keywords if word.arg == "extra"]
        for statement in node.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id="model_config")], value=value):
                    said += _keyed(value, "extra")
                case ast.AnnAssign(target=ast.Name(id="model_config"), value=ast.expr() as value):
                    said += _keyed(value, "extra")
                case ast.ClassDef(name="Config", body=body):
                    said += [
                        inner.value
                        for inner in body
                        if isinstance(inner, ast.Assign)
                        and any(getattr(one, "id", "") == "extra" for one in inner.targets)
                    ]
        for value in said:
            word = value.attr if isinstance(value, ast.Attribute) else getattr(value, "value", None)
            if word in {"allow", "ignore", "forbid"}:
                return str(word)
        inherited = (reader.unknown(parent) for reader, parent in self.parents(node))
        return next((one for one in inherited if one is not None), None)

    # --- classes that a call makes ---

    def made(self, node: ast.Assign) -> dict[str, Any]:
        """Describe ``P = namedtuple("P", "x y")``, ``E = Enum("E", ["A", "B"])`` and their like."""
        call = node.value
        assert isinstance(call, ast.Call)
        maker = self.meaning(call)
        listed = call.args[1] if len(call.args) > 1 else None
        if maker in _ENUMS:
            return {"kind": "enum", "bases": [maker], "members": dict(self._listed_members(listed))}
        kind = "namedtuple" if maker in _NAMEDTUPLES else "class"
        if maker == "dataclasses.make_dataclass":
            kind = "dataclass"
        return {"kind": kind, "bases": [], "fields": dict(self._listed_fields(listed))}

    def _listed_members(self, listed: ast.expr | None) -> Iterator[tuple[str, str]]:
        if isinstance(listed, ast.Dict):
            for key, value in zip(listed.keys, listed.values, strict=True):
                if isinstance(key, ast.Constant):
                    yield str(key.value), digest_of(self.tree.text(value))
            return
        for index, (name, said) in enumerate(_rows(listed), 1):
            yield name, digest_of(self.tree.text(said or ast.Constant(index)))

    def _listed_fields(self, listed: ast.expr | None) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, annotation in _rows(listed):
            spelled = (
                canonical_type(annotation, self.tree.type_named, self.tree.text)
                if annotation is not None
                else None
            )
            yield name, {"type": spelled, "has_default": False}


def _rows(listed: ast.expr | None) -> Iterator[tuple[str, ast.expr | None]]:
    """Read ``"x y"``, ``["x", "y"]`` and ``[("x", int), ("y", str)]``."""
    match listed:
        case ast.Constant(value=str(text)):
            yield from ((name, None) for name in text.replace(",", " ").split())
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            for one in elements:
                match one:
                    case ast.Constant(value=str(name)):
                        yield name, None
                    case ast.Tuple(elts=[ast.Constant(value=str(name)), second, *_]):
                        yield name, second


def _keyed(value: ast.expr, name: str) -> list[ast.expr]:
    """Give what ``ConfigDict(extra=...)`` or ``{"extra": ...}`` says of `name`."""
    match value:
        case ast.Call(keywords=words):
            return [word.value for word in words if word.arg == name]
        case ast.Dict(keys=keys, values=values):
            return [
                one
                for key, one in zip(keys, values, strict=True)
                if isinstance(key, ast.Constant) and key.value == name
            ]
    return []


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _is_exception(name: str) -> bool:
    module, _, last = name.rpartition(".")
    if module in {"wfc", "wfc.errors"}:
        return True  # the classes that a project may inherit from there are errors
    found = getattr(builtins, last, None) if module == "builtins" else None
    return isinstance(found, type) and issubclass(found, BaseException)
