"""Classes of the project by their dotted names, with the fields they have."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from wfc.compiler.gather import Gathered
from wfc.compiler.gather_names import Names
from wfc.lint_rules.module import Module

_MODELS: Final = frozenset(
    {"pydantic.BaseModel", "pydantic.main.BaseModel", "pydantic.RootModel", "msgspec.Struct"}
    | {"typing.NamedTuple", "enum.Enum", "enum.StrEnum", "enum.IntEnum"}
)
_DECORATORS: Final = frozenset(
    {"dataclasses.dataclass", "pydantic.dataclasses.dataclass", "attr.s", "attr.attrs"}
    | {"attr.define", "attr.frozen", "attr.mutable", "attrs.define", "attrs.frozen"}
    | {"attrs.mutable"}
)
_DEPTH_MAX: Final = 10


class Known(NamedTuple):
    """A class whose source is known, and the names of its module."""

    node: ast.ClassDef
    names: Names

    @property
    def is_local(self) -> bool:
        """Tell whether it is defined in a function."""
        return self.names.scope_of(self.node).function() is not None


class Field(NamedTuple):
    """A field of a model, as it is written."""

    annotation: str
    required: bool


def class_named(module: Module, name: str) -> Known | None:
    """Give the class that a dotted name means, of this module or of another that is known."""
    for gathered, own in _holders(module, name):
        for scope in gathered.names.walked.scopes:
            node = scope.node
            if scope.kind == "class" and isinstance(node, ast.ClassDef) and scope.qualname == own:
                return Known(node, gathered.names)
    return None


def _holders(module: Module, name: str) -> Iterator[tuple[Gathered, str]]:
    """Give the modules that may hold a class, and what it would be called in each."""
    prefix = f"{module.facts.name}."
    if name.startswith(prefix):
        yield module.gathered, name.removeprefix(prefix)
    nodes = module.library.locate(name) if module.overview is not None else None
    if nodes and module.overview is not None:
        gathered = module.overview.gathered(nodes[-1].module)
        if gathered is not None:
            yield gathered, nodes[-1].name


def bases_of(module: Module, known: Known) -> Iterator[Known | str]:
    """Give the bases of a class: known ones, and the dotted names of others."""
    for base in known.node.bases:
        plain = base.value if isinstance(base, ast.Subscript) else base
        name = known.names.resolve(plain)
        if name is not None:
            yield class_named(module, name) or name


def is_model(module: Module, known: Known, depth: int = 0) -> bool:
    """Tell whether a class travels by its fields: a model, a dataclass, an attrs class."""
    if any(_word(known, one) in _DECORATORS for one in known.node.decorator_list):
        return True
    for base in bases_of(module, known) if depth < _DEPTH_MAX else ():
        if isinstance(base, str):
            if base in _MODELS:
                return True
        elif is_model(module, base, depth + 1):
            return True
    return False


def fields_of(module: Module, known: Known, depth: int = 0) -> Mapping[str, Field] | None:
    """Give the fields of a model, inherited ones too; None if a base of it is not known."""
    found: dict[str, Field] = {}
    for base in bases_of(module, known) if depth < _DEPTH_MAX else ():
        if isinstance(base, str):
            if base not in _MODELS and not base.startswith(("typing.", "abc.", "builtins.")):
                return None
            continue
        inherited = fields_of(module, base, depth + 1)
        if inherited is None:
            return None
        found.update(inherited)
    for statement in known.node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            annotation = ast.unparse(statement.annotation)
            name = statement.target.id
            if not annotation.startswith(("ClassVar", "typing.ClassVar")) and name[0] != "_":
                found[name] = Field(annotation, _is_required(statement.value))
    return found


def _is_required(value: ast.expr | None) -> bool:
    """Tell whether a field must be given: no value, `Field(...)`, or a call without a default."""
    match value:
        case None | ast.Constant(value=builtins.Ellipsis):
            return True
        case ast.Call(args=args, keywords=words):
            first = args[0] if args else None
            if isinstance(first, ast.Constant) and first.value is ...:
                return True
            names = {word.arg for word in words}
            return not args and not names & {"default", "default_factory", "factory", None}
    return False


def _word(known: Known, decorator: ast.expr) -> str | None:
    return known.names.resolve(decorator.func if isinstance(decorator, ast.Call) else decorator)
