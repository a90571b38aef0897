"""Family 4: the types of what is recorded, and the errors that are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import combinations
from typing import Final

from wfc.lint_rules.annotations import (
    Type,
    annotations_of,
    types_of,
    types_of_mark,
    walked,
)
from wfc.lint_rules.classes import Known, bases_of, class_named, fields_of, is_model
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.module import Kind, Module
from wfc.lint_rules.registry import rule

_WEAK: Final = {"typing.Any": "Any", "builtins.object": "object"}
_BARE: Final = {"builtins.dict": "dict", "typing.Dict": "Dict"}
_DEPTH_MAX: Final = 8


@rule("WFC402")
def local_class(module: Module) -> Iterator[Finding]:
    """Find a model in a signature that is defined in a function, where no other process looks."""
    for mark in module.marked:
        for annotation in annotations_of(mark):
            for one in walked(types_of_mark(module, mark, annotation.node)):
                known = class_named(module, one.name) if one.exact else None
                if known is None or not known.is_local or not is_model(module, known):
                    continue
                yield module.finding(
                    "WFC402",
                    one.node,
                    f'{annotation.what} of the {mark.kind} "{mark.qualname}" is `{known.node.name}`'
                    f", a class made in a function (line {known.node.lineno}); a replay in "
                    "another process cannot find it",
                    advice=f"move `class {known.node.name}` to the top of the module",
                )


@rule("WFC404")
def weak_type(module: Module) -> Iterator[Finding]:
    """Find an annotation that takes anything, so that nothing is checked and nothing compared."""
    for mark in module.marked:
        for annotation in annotations_of(mark):
            for one in walked(types_of_mark(module, mark, annotation.node)):
                weak = _WEAK.get(one.name) or (None if one.arguments else _BARE.get(one.name))
                if weak is None:
                    continue
                yield module.finding(
                    "WFC404",
                    one.node,
                    f'{annotation.what} of the {mark.kind} "{mark.qualname}" is `{weak}`, which '
                    "checks nothing and hides changes from `wfc check`",
                    advice="say what it is: a model, a dataclass, a `TypedDict`, `dict[str, int]`",
                )
                break  # one word per annotation


@rule("WFC408")
def ambiguous_union(module: Module) -> Iterator[Finding]:
    """Find a union of two models that the same data fits, so that the first one wins."""
    for what, types in _unions(module):
        models = [(one, known) for one in types if (known := _model(module, one)) is not None]
        for (_, first), (second_type, second) in combinations(models, 2):
            if first.node is second.node or not _look_alike(module, first, second):
                continue
            one, other = first.node.name, second.node.name
            yield module.finding(
                "WFC408",
                second_type.node,
                f"{what} may be `{one}` or `{other}`, which have the same required fields; data "
                f"that fits both is read as `{one}`, whatever was meant",
                advice=f'give each a field that tells them apart: `kind: Literal["{one.lower()}"]` '
                f'and `kind: Literal["{other.lower()}"]`',
            )
            break


def _unions(module: Module) -> Iterator[tuple[str, tuple[Type, ...]]]:
    """Give the unions that signatures and hooks name, with whose they are."""
    for mark in module.marked:
        for annotation in annotations_of(mark):
            what = f'{annotation.what} of the {mark.kind} "{mark.qualname}"'
            for union in _within(types_of_mark(module, mark, annotation.node)):
                yield what, union
    for call in module.nodes(ast.Call):
        operation = module.operation(call)
        if operation is None or operation.kind is not Kind.HOOK:
            continue
        schemas = [*call.args[:1], *(one.value for one in call.keywords if one.arg == "schema")]
        for schema in schemas:
            yield "the payload of this hook", types_of(module, schema)


def _within(types: tuple[Type, ...]) -> Iterator[tuple[Type, ...]]:
    """Give a union and those inside of it, but the ones that a discriminator tells apart."""
    yield types
    for one in types:
        if one.name == "typing.Annotated":
            continue
        for argument in one.arguments:
            yield from _within(argument)


def _model(module: Module, one: Type) -> Known | None:
    known = class_named(module, one.name) if one.name and one.exact else None
    return known if known is not None and is_model(module, known) else None


def _look_alike(module: Module, first: Known, second: Known) -> bool:
    one, other = fields_of(module, first), fields_of(module, second)
    if one is None or other is None:
        return False
    # A `Literal` of another value differs in its text, so a tag tells two models apart.
    tags = {name: field for name, field in one.items() if "Literal" in field.annotation}
    if any(name in other and other[name] != field for name, field in tags.items()):
        return False
    return {name: field.annotation for name, field in one.items() if field.required} == {
        name: field.annotation for name, field in other.items() if field.required
    }


# --- errors --------------------------------------------------------------------------------------


@rule("WFC406")
def error_lost(module: Module) -> Iterator[Finding]:
    """Find an error whose arguments do not hold what its `__init__` needs."""
    for mark in module.steps():
        for node in module.own(mark.node.body):
            if not isinstance(node, ast.Raise) or node.exc is None:
                continue
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            found = module.resolve(raised) or module.instance(raised)
            known = class_named(module, found.name) if found is not None else None
            maker = _maker(module, known) if known is not None else None
            lost = _lost(maker) if maker is not None else []
            if known is None or maker is None or found is None or not lost:
                continue
            name = known.node.name
            shown = " and ".join(f"`{one}`" for one in lost)
            guess = "" if found.exact else "probably "
            yield module.finding(
                "WFC406",
                node.exc,
                f"`{name}` is {guess}recorded without {shown}: its `__init__` needs "
                f"{'them' if len(lost) > 1 else 'it'}, but does not pass "
                f"{'them' if len(lost) > 1 else 'it'} to `super().__init__`, so the error cannot "
                "be made again from its `args`",
                certain=found.exact,
                advice=f"in `{maker.node.name}.__init__` call "
                f"`super().__init__({', '.join(_needed(maker))})` "
                "and make the text in `__str__`",
            )


def _maker(module: Module, known: Known, depth: int = 0) -> Known | None:
    """Give the class whose `__init__` makes an error; None if it says how to make it again."""
    names = {one.name for one in known.node.body if isinstance(one, ast.FunctionDef)}
    if names & {"__reduce__", "__reduce_ex__", "__new__", "__getnewargs__"}:
        return None
    if _init(known) is not None:
        return known
    for base in bases_of(module, known) if depth < _DEPTH_MAX else ():
        if isinstance(base, Known):
            return _maker(module, base, depth + 1)
    return None


def _lost(maker: Known) -> list[str]:
    """Give the needed parameters of an error that it keeps from its `args`."""
    function = _init(maker)
    passed = _passed(function) if function is not None else None
    return [] if passed is None else [one for one in _needed(maker) if one not in passed]


def _init(known: Known) -> ast.FunctionDef | None:
    for one in known.node.body:
        if isinstance(one, ast.FunctionDef) and one.name == "__init__":
            return one
    return None


def _needed(known: Known) -> list[str]:
    function = _init(known)
    if function is None:
        return []
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    count = len(positional) - len(arguments.defaults)
    needed = [one.arg for one in positional[1:count]]
    for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if default is None:
            needed.append(one.arg)
    return needed


def _passed(function: ast.FunctionDef) -> set[str] | None:
    """Give the names that `super().__init__` gets as they are; None if that cannot be told."""
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and node.attr == "args":
            return None  # it sees to its arguments itself
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Attribute(attr="__init__")):
                if any(isinstance(one, ast.Starred) for one in node.args) or any(
                    word.arg is None for word in node.keywords
                ):
                    return None
                values = [*node.args, *(word.value for word in node.keywords)]
                return {one.id for one in values if isinstance(one, ast.Name)}
    return None  # without a call Python keeps all positional arguments
