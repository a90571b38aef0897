"""Gather the marked functions of a module, and every directive that is not where it may be.

A directive is an expression statement, first in the body or second after the docstring. All of
this is decided by the tree alone; what needs names is judged in `gather_rules`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from wfc import directives
from wfc.compiler.marks import Mark, Marks, decorator_word, fault_of
from wfc.compiler.scopes import FUNCTIONS, Function, is_main_test, type_checking
from wfc.compiler.spans import header_of, place_at, span_of, text_at
from wfc.diagnostics import Diagnostic, diagnostic
from wfc.manifests.bundle import Span


def gather_directives(tree: ast.Module, path: str, text: str) -> Marks:
    """Find every directive of `tree`; `text` is its source."""
    reader = _Reader(path, text.split("\n"))
    reader.module(tree)
    reader.redefinitions()
    return Marks(
        functions=tuple(reader.marks),
        directive=reader.directive,
        findings=tuple(reader.findings),
    )


class _Meaning(NamedTuple):
    """What a string statement says: the directive it is or was meant to be, and how it says so."""

    directive: str
    how: str  # "exact", "not plain", "near"


class _Head(NamedTuple):
    """The top of a body."""

    directive: ast.Expr | None
    kind: str | None
    docstring: str | None
    rest: int  # index of the first statement below


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """Where the reader stands."""

    kind: str = "module"  # module, class, function
    qualname: str = ""
    owner: ast.ClassDef | None = None
    in_function: bool = False
    mark: str | None = None  # the kind of the innermost function
    marked: bool = False  # the innermost function has a directive of its own
    top_line: int = 1  # where a directive of this body belongs
    module_marks: bool = True  # the module's directive counts here
    counts: bool = True  # definitions here exist at run time


@dataclass(slots=True)
class _Reader:
    """Reads a module from top to bottom, statements only."""

    path: str
    lines: list[str]
    marks: list[Mark] = field(default_factory=list)
    findings: list[Diagnostic] = field(default_factory=list)
    directive: ast.Expr | None = None
    module_kind: str | None = None
    exported: frozenset[str] | None = None
    defined: dict[str, list[tuple[Function, bool]]] = field(default_factory=dict)

    def module(self, tree: ast.Module) -> None:
        body = [statement for statement in tree.body if not _is_future(statement)]
        head = self.head(body)
        self.directive, self.module_kind = head.directive, head.kind
        self.exported = _exported(tree.body)
        frame = _Frame(marked=head.directive is not None, top_line=_top_line(tree.body))
        self.block(body[head.rest :], frame)

    def head(self, body: Sequence[ast.stmt]) -> _Head:
        """Read directive and docstring at the top of a function's or module's body."""
        read = [(statement, self.meaning(statement)) for statement in body[:2]]
        exact = [index for index, (_, said) in enumerate(read) if said and said.how == "exact"]
        if exact and (exact[0] == 0 or _string(body[0]) is not None):
            index = exact[0]
            directive = body[index]
            assert isinstance(directive, ast.Expr)
            docstring = None
            if len(read) > 1:
                other, said = read[1 - index]
                # A second directive is no docstring; `block` reports it.
                if said is None or said.how == "near":
                    docstring = _string(other)
            kind = directives.KINDS[str(_string(directive))]
            return _Head(directive, kind, docstring, 2 if docstring is not None or index else 1)
        for index, (statement, said) in enumerate(read):
            if said is None or (index == 1 and _string(body[0]) is None):
                continue
            if said.how == "near":
                self.near_miss(statement, said)
        return _Head(None, None, _string(body[0]) if body else None, 0)

    def meaning(self, statement: ast.stmt) -> _Meaning | None:
        """Tell whether a statement is a string that is, or was meant to be, a directive."""
        if not isinstance(statement, ast.Expr):
            return None
        value, plain = statement.value, True
        if isinstance(value, ast.JoinedStr):
            said, plain = _literal_text(value), False
        elif isinstance(value, ast.Constant) and isinstance(value.value, bytes):
            said, plain = value.value.decode("latin-1"), False
        else:
            said = _string(statement)
        if said is None:
            return None
        if "\n" in said:
            inside = said.strip()
            return _Meaning(inside, "not plain") if inside in directives.KINDS else None
        wanted = directives.meant(said)
        if wanted is None:
            return None
        if said not in directives.KINDS:
            return _Meaning(wanted, "near") if plain else None
        return _Meaning(wanted, "exact" if plain and self.is_plain(statement) else "not plain")

    def is_plain(self, statement: ast.Expr) -> bool:
        """Tell whether a string stands there as itself: no prefix, escape, part or parenthesis."""
        span = span_of(statement)
        if span.line != span.end_line or span != span_of(statement.value):
            return False
        written = text_at(self.lines, span)
        text = str(_string(statement))
        return written in (f'"{text}"', f"'{text}'")

    # --- blocks --------------------------------------------------------------------------------

    def block(self, body: Sequence[ast.stmt], frame: _Frame) -> None:
        for statement in body:
            if isinstance(statement, FUNCTIONS):
                self.function(statement, frame)
            elif isinstance(statement, ast.ClassDef):
                self.class_(statement, frame)
            elif isinstance(statement, ast.Expr):
                self.stray(statement, frame)
            elif isinstance(statement, ast.If):
                self.condition(statement, frame)
            else:
                for inner in _blocks(statement):
                    self.block(inner, frame)

    def condition(self, statement: ast.If, frame: _Frame) -> None:
        branch: ast.If | None = statement
        while branch is not None:
            typing_only, on_body = type_checking(branch.test)
            main = is_main_test(branch.test)
            silent = replace(frame, module_marks=False, counts=False)
            unmarked = replace(frame, module_marks=False)
            in_body = silent if typing_only and on_body else unmarked if main else frame
            self.block(branch.body, in_body)
            rest = branch.orelse
            branch = None
            if len(rest) == 1 and isinstance(rest[0], ast.If):
                branch = rest[0]
            else:
                self.block(rest, silent if typing_only and not on_body else frame)

    def class_(self, node: ast.ClassDef, frame: _Frame) -> None:
        inner = replace(
            frame,
            kind="class",
            qualname=_below(frame.qualname, node.name),
            owner=node,
            marked=False,
            module_marks=False,
        )
        self.block(node.body, inner)

    def function(self, node: Function, frame: _Frame) -> None:
        head = self.head(node.body)
        kind = head.kind or (self.module_kind if self.is_public(node, frame) else None)
        qualname = _below(frame.qualname, node.name)
        words = {decorator_word(decorator) for decorator in node.decorator_list}
        if frame.counts and "overload" not in words:
            self.defined.setdefault(qualname, []).append((node, kind is not None))
        mark = None
        if kind is not None:
            mark = Mark(
                node=node,
                kind=kind,
                qualname=qualname,
                docstring=head.docstring,
                directive=head.directive,
                owner=frame.owner if frame.kind == "class" else None,
                workflow=frame.qualname if frame.mark == "workflow" else None,
            )
            fault = fault_of(mark, self.path, words, in_function=frame.in_function)
            if fault is None:
                self.marks.append(mark)
            else:
                self.findings.append(fault)
        inner = _Frame(
            kind="function",
            qualname=qualname,
            in_function=True,
            mark=kind or "plain",
            marked=head.directive is not None,
            top_line=_top_line(node.body),
            module_marks=False,
            counts=frame.counts,
        )
        self.block(node.body[head.rest :], inner)

    def is_public(self, node: Function, frame: _Frame) -> bool:
        """Tell whether the module's directive marks `node`."""
        if not frame.module_marks or frame.kind != "module":
            return False
        if any(decorator_word(decorator) == "overload" for decorator in node.decorator_list):
            return False
        if self.exported is not None:
            return node.name in self.exported
        return not node.name.startswith("_")

    # --- findings ------------------------------------------------------------------------------

    def stray(self, statement: ast.Expr, frame: _Frame) -> None:
        """Judge a string statement that does not stand at the top of a body."""
        said = self.meaning(statement)
        if said is None or said.how == "near":
            return
        line = f'"{said.directive}"'
        if said.how == "not plain":
            self.report(
                span_of(statement),
                "WFC112",
                f"this says `{said.directive}`, but not as one plain string, so it marks nothing",
                f"write exactly {line}: no prefix, no brackets, no escapes, no triple quotes.",
            )
        elif frame.kind == "class":
            self.report(
                span_of(statement),
                "WFC109",
                f"{line} stands in a class body; classes cannot be marked",
                "move it into the method it is meant for.",
            )
        elif frame.marked:
            self.report(
                span_of(statement),
                "WFC111",
                f"{line} is the second directive of one body; the first already decides",
                "choose one and delete the other.",
            )
        else:
            self.report(
                span_of(statement),
                "WFC110",
                f"{line} stands below other statements, where it marks nothing",
                f"move it to line {frame.top_line}, the top of the body.",
            )

    def near_miss(self, statement: ast.stmt, said: _Meaning) -> None:
        self.report(
            span_of(statement),
            "WFC113",
            f"{_string(statement)!r} is almost a directive, but marks nothing",
            f'write exactly "{said.directive}".',
        )

    def redefinitions(self) -> None:
        """Report each further definition of a name of which one is marked."""
        for qualname, found in self.defined.items():
            if len(found) < 2 or not any(marked for _, marked in found):  # noqa: PLR2004 - a pair
                continue
            first = found[0][0]
            self.findings.extend(
                self.at(
                    header_of(node),
                    "WFC114",
                    f'"{qualname}" is marked and defined twice, also at line {first.lineno}; '
                    "a log could not tell the two apart",
                    "rename one; or define it once and branch in its body.",
                )
                for node, _ in found[1:]
            )

    def report(self, span: Span, code: str, sentence: str, fix: str) -> None:
        self.findings.append(self.at(span, code, sentence, fix))

    def at(self, span: Span, code: str, sentence: str, fix: str) -> Diagnostic:
        return diagnostic(code, place_at(self.path, span), sentence, fix=fix)


def _below(qualname: str, name: str) -> str:
    return f"{qualname}.{name}" if qualname else name


def _string(statement: ast.stmt) -> str | None:
    """Give the text of a statement that is a string and nothing else."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        value = statement.value.value
        return value if isinstance(value, str) else None
    return None


def _literal_text(joined: ast.JoinedStr) -> str | None:
    """Give the text of an f-string that has no fields."""
    parts = [part.value for part in joined.values if isinstance(part, ast.Constant)]
    return "".join(map(str, parts)) if len(parts) == len(joined.values) else None


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _top_line(body: Sequence[ast.stmt]) -> int:
    """Give the line where the directive of a body belongs."""
    if not body:
        return 1
    docstring = _string(body[0]) is not None and len(body) > 1
    return (body[0].end_lineno or body[0].lineno) + 1 if docstring else body[0].lineno


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """Give the blocks of a compound statement, in source order."""
    yield getattr(statement, "body", [])
    for part in (*getattr(statement, "cases", ()), *getattr(statement, "handlers", ())):
        yield part.body
    yield getattr(statement, "orelse", [])
    yield getattr(statement, "finalbody", [])


def _exported(body: Sequence[ast.stmt]) -> frozenset[str] | None:
    """Give the names in `__all__` if it is written out, None if it is absent or computed."""
    names: set[str] | None = None
    for statement in body:
        said = _said_of_all(statement)
        if said is None:
            continue
        how, value = said
        one = ast.List([value]) if value is not None else None
        listed = _strings(one if how in {"append", "remove"} else value)
        if listed is None or how not in _CHANGES or (names is None and how[-1] != "="):
            return None
        before = set[str]() if how == "=" else names or set()
        names = before - listed if how == "remove" else before | listed
    return frozenset(names) if names is not None else None


_CHANGES: Final = frozenset({"=", "+=", "append", "extend", "remove"})


def _said_of_all(statement: ast.stmt) -> tuple[str, ast.expr | None] | None:
    """Give how a statement changes `__all__` and by what; None if it leaves it alone."""
    match statement:
        case ast.Assign(targets=targets, value=value) if any(map(_is_all, targets)):
            return "=", value
        case ast.AnnAssign(target=ast.Name(id="__all__"), value=value) if value is not None:
            return "=", value
        case ast.AugAssign(target=ast.Name(id="__all__"), value=value):
            return "+=", value
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(value=ast.Name(id="__all__"), attr=how), args=arguments
            )
        ):
            return how, arguments[0] if len(arguments) == 1 else None
    return None


def _is_all(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and target.id == "__all__"


def _strings(value: ast.expr | None) -> set[str] | None:
    """Give the texts of a list that is written out, in parts too; None if anything is computed."""
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
        left, right = _strings(value.left), _strings(value.right)
        return None if left is None or right is None else left | right
    if not isinstance(value, ast.List | ast.Tuple):
        return None
    found = {item.value for item in value.elts if isinstance(item, ast.Constant)}
    return {str(name) for name in found} if len(found) == len(value.elts) else None
