"""Edits that need the whole text of a module: put an expression in place of another and import what
it names. Loaded only when a fix is done, since libcst takes longer to load than the rest together.
"""

from __future__ import annotations

from libcst import ParserSyntaxError, parse_module
from libcst.codemod import CodemodContext
from libcst.codemod.visitors import AddImportsVisitor

from wfc.compiler.facts import Edit
from wfc.manifests.bundle import Span


def import_edit(text: str, module: str, name: str = "") -> Edit | None:
    """Give the edit that lets `text` import `module`, or `name` from it; None: it does already.

    Raises ValueError for a text that libcst cannot read.
    """
    context = CodemodContext()
    AddImportsVisitor.add_needed_import(context, module, name or None)
    try:
        after = AddImportsVisitor(context).transform_module(parse_module(text)).code
    except ParserSyntaxError as error:
        raise ValueError(f"libcst cannot read this module: {error}") from error
    return None if after == text else _difference(text, after)


def _difference(before: str, after: str) -> Edit:
    """Give the one run of lines in which two texts differ."""
    old, new = before.split("\n"), after.split("\n")
    head = _alike(old, new)
    tail = _alike(old[head:][::-1], new[head:][::-1])
    replaced, put = old[head : len(old) - tail], new[head : len(new) - tail]
    if not replaced:  # lines are only added: an empty span before the line that follows
        return Edit(span=Span(head + 1, 0, head + 1, 0), kind="import", text="\n".join([*put, ""]))
    last = head + len(replaced)
    end = len(replaced[-1].encode("utf-8", "surrogatepass"))
    return Edit(span=Span(head + 1, 0, last, end), kind="import", text="\n".join(put))


def _alike(one: list[str], other: list[str]) -> int:
    """Count the lines at the beginning that are equal."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count
