"""Cures that move or rewrite code: the fixes of the catalogue beyond an insertion in place."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from wfc.diagnostics import Place
from wfc.directives import meant
from wfc.lint_rules.finding import Finding, Fix, Replacement
from wfc.lint_rules.module import Area, Module

Cure: TypeAlias = Callable[[Module, Finding], Fix | None]


def with_cure(module: Module, finding: Finding) -> Finding:
    """Give a finding with what cures it, if the catalogue has a fix and it can be done here."""
    cure = _CURES.get(finding.code)
    if cure is None or finding.fix is not None:
        return finding
    fix = cure(module, finding)
    return finding if fix is None else replace(finding, fix=fix)


def importing(place: Place, text: str, module: str, name: str = "") -> Fix:
    """Put `text` in the place of an expression, and import what it names."""
    where = (place.line, place.column, place.end_line, place.end_column)
    return Fix(safe=True, codemod="importing", arguments=(text, module, name, *map(str, where)))


def _first_in_body(module: Module, finding: Finding) -> Fix | None:
    """WFC110: the directive becomes the first statement, after the docstring."""
    statement = _statement_at(module, finding.place)
    function = None if statement is None else module.function(statement)
    if statement is None or function is None:
        return None
    holder = module.parent(statement)
    if holder is not function and len(getattr(holder, "body", ())) == 1:
        return None  # the block would be left empty
    documented = ast.get_docstring(function, clean=False) is not None
    anchor = function.body[1 if documented else 0]
    line = min([anchor.lineno, *(one.lineno for one in getattr(anchor, "decorator_list", ()))])
    directive = meant(str(getattr(statement.value, "value", "")))
    lines = module.source.text.split("\n")
    alone = lines[statement.lineno - 1].strip() == module.text(statement.value)
    if not alone or directive is None or line in (function.lineno, statement.lineno):
        return None
    path = finding.place.path
    text = f'{" " * anchor.col_offset}"{directive}"\n'
    return Fix(
        safe=True,
        replacements=(
            Replacement(Place(path, line, 0, line, 0), text),
            Replacement(Place(path, statement.lineno, 0, statement.lineno + 1, 0), ""),
        ),
    )


def _child(module: Module, finding: Finding) -> Fix | None:
    """WFC134: `wfc.start` for `wfc.api.start`."""
    call = _call_at(module, _last(finding))
    found = None if call is None else module.resolve(call.func)
    if call is None or found is None or found.name != "wfc.api.start":
        return None
    if _is_taken(module, call, "wfc", {"wfc", "wfc.api"}):
        return None
    return importing(module.place(call.func), "wfc.start", "wfc")


def _started(module: Module, finding: Finding) -> Fix | None:
    """WFC135: `start(workflow, ...)` for `workflow(...)`."""
    call = _call_at(module, finding.place)
    if call is None or _is_taken(module, call, "start", {"wfc.api.start"}):
        return None
    text, func = module.text(call), module.text(call.func)
    if not text.startswith(f"{func}("):
        return None
    rest = text[len(func) + 1 :]
    comma = "" if rest.strip() == ")" else ", "
    return importing(module.place(call), f"start({func}{comma}{rest}", "wfc.api", "start")


def _slept(module: Module, finding: Finding) -> Fix | None:
    """WFC207: `await sleep(60)` for `time.sleep(60)`."""
    call = _time_sleep(module, _last(finding), Area.WORKFLOW)
    if call is None or _is_taken(module, call, "sleep", {"wfc.sleep"}):
        return None
    arguments = module.text(call)[len(module.text(call.func)) :]
    return importing(module.place(call), f"await sleep{arguments}", "wfc", "sleep")


def _slept_in_step(module: Module, finding: Finding) -> Fix | None:
    """WFC352: `await asyncio.sleep(60)` for `time.sleep(60)`."""
    call = _time_sleep(module, finding.place, Area.STEP)
    if call is None or _is_taken(module, call, "asyncio", {"asyncio"}):
        return None
    arguments = module.text(call)[len(module.text(call.func)) :]
    return importing(module.place(call), f"await asyncio.sleep{arguments}", "asyncio")


def _time_sleep(module: Module, place: Place, area: Area) -> ast.Call | None:
    call = _call_at(module, place)
    found = None if call is None else module.resolve(call.func)
    if call is None or found is None or found.name != "time.sleep":
        return None
    awaits = isinstance(module.function(call), ast.AsyncFunctionDef)
    return call if awaits and module.area(call) is area else None


def _sorted(module: Module, finding: Finding) -> Fix | None:
    """WFC310, unsafe (elements may have no order): `sorted(...)`."""
    place = _last(finding)
    node = _expression_at(module, place)
    if node is None or isinstance(module.parent(node), ast.Attribute):
        return None
    put = Replacement(place, f"sorted({module.text(node)})")
    return Fix(safe=False, replacements=(put,))


def _raised(module: Module, finding: Finding) -> Fix | None:
    """WFC501, unsafe (the workflow ends there): `raise` at the end of the handler."""
    handlers = (one for one in module.nodes(ast.ExceptHandler))
    handler = next((one for one in handlers if module.place(one) == finding.place), None)
    if handler is None:
        return None
    last = handler.body[-1]
    if last.lineno == handler.lineno or last.end_lineno is None:
        return None
    if isinstance(last, ast.Return | ast.Raise | ast.Break | ast.Continue):
        return None  # a `raise` below it would never run, and would silence the finding
    line = last.end_lineno + 1
    place = Place(finding.place.path, line, 0, line, 0)
    put = Replacement(place, f"{' ' * last.col_offset}raise\n")
    return Fix(safe=False, replacements=(put,))


_CURES: Final[Mapping[str, Cure]] = {
    "WFC110": _first_in_body,
    "WFC134": _child,
    "WFC135": _started,
    "WFC207": _slept,
    "WFC310": _sorted,
    "WFC352": _slept_in_step,
    "WFC501": _raised,
}


# --- places --------------------------------------------------------------------------------------


def _last(finding: Finding) -> Place:
    """Give where the fault itself stands: a finding is placed where the workflow leads there."""
    return finding.told.chain[-1].place if finding.told.chain else finding.place


def _statement_at(module: Module, place: Place) -> ast.Expr | None:
    for one in module.nodes(ast.Expr):
        if place in (module.place(one), module.place(one.value)):
            return one
    return None


def _call_at(module: Module, place: Place) -> ast.Call | None:
    """Give the call at a place, or whose function stands there."""
    if place.path != module.source.path:
        return None
    for call in module.nodes(ast.Call):
        if place in (module.place(call), module.place(call.func)):
            return call
    return None


def _expression_at(module: Module, place: Place) -> ast.expr | None:
    if place.path != module.source.path:
        return None
    for kind in (ast.Name, ast.Call, ast.Set, ast.SetComp, ast.BinOp, ast.Attribute, ast.IfExp):
        for node in module.nodes(kind):
            if isinstance(node, ast.expr) and module.place(node) == place:
                return node
    return None


def _is_taken(module: Module, node: ast.AST, name: str, meanings: set[str]) -> bool:
    """Tell whether a name means something else where `node` stands."""
    owner = module.names.scope_of(node).owner_of(name)
    if owner is None:
        return False
    return not {str(binding.target) for binding in owner.bindings[name]} <= meanings
