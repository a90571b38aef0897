"""The one table of effects, read by compiler, sandbox and linter, so they cannot disagree.

A row speaks for a dotted name and all below it; the longest prefix wins. A *mixed* module (a row
``time.*``) may be imported, but a member without a row of its own gets the verdict of the star.
The rows (`allowed`, `refused`) are text, parsed at the first question: importing them costs
nothing. This module looks up.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Final

from wfc.determinism.allowed import (
    ALIASES,
    MIXED_MODULES,
    PURE,
    PURE_MEMBERS,
    SHIM,
    THIRD_PARTY_PURE,
)
from wfc.determinism.refused import REFUSED, THIRD_PARTY_ROWS
from wfc.determinism.verdicts import CODES, NO_RULES, Entry, Reason, Rules, Verdict

__all__ = [
    "CODES",
    "NO_RULES",
    "Entry",
    "Reason",
    "Rules",
    "Verdict",
    "canonical",
    "is_mixed",
    "is_stdlib",
    "lookup",
    "shimmed",
    "stdlib_names",
    "table",
]


@lru_cache(maxsize=4096)
def lookup(name: str, rules: Rules = NO_RULES) -> Entry:
    """Give the verdict on `name`, a dotted name such as ``os.path.join`` or ``builtins.open``.

    The order is `rules.refused`, `rules.pure`, first party (`rules.packages`: an entry with
    `followed` set), the shipped table; else the name is of an unknown package and refused.
    """
    name = canonical(name)
    if refused := _prefix_in(name, rules.refused):
        return Entry(
            name=refused,
            verdict=Verdict.REFUSED,
            reason=Reason.UNKNOWN,
            instead="it stands in [tool.wfc] refused",
            code="WFC222",
        )
    if pure := _prefix_in(name, rules.pure):
        return Entry(name=pure, verdict=Verdict.PURE)
    if package := _prefix_in(name, rules.packages):
        return Entry(name=package, verdict=Verdict.PURE, followed=True)
    top = name.partition(".")[0]
    return _in_table(name) or Entry(
        name=top,
        verdict=Verdict.REFUSED,
        reason=Reason.UNKNOWN,
        instead="a step, or the package in [tool.wfc] pure if what is used of it is pure",
        code="WFC222" if top in _halves() else "",
    )


@cache
def _halves() -> frozenset[str]:
    """Give the packages of which only parts are pure."""
    return frozenset(name.partition(".")[0] for name in THIRD_PARTY_PURE.split() if "." in name)


def canonical(name: str) -> str:
    """Give the name under which the table knows `name`: ``posixpath.join`` is ``os.path.join``."""
    for prefix in _prefixes(name):
        if prefix in ALIASES:
            return canonical(ALIASES[prefix] + name[len(prefix) :])
    return name


def is_stdlib(name: str) -> bool:
    """Tell whether `name` belongs to the standard library of any supported Python."""
    top = name.partition(".")[0]
    return top in sys.stdlib_module_names or top in stdlib_names()


def is_mixed(module: str) -> bool:
    """Tell whether the members of `module` have verdicts of their own."""
    return f"{canonical(module)}.*" in table()


def shimmed() -> tuple[Entry, ...]:
    """List every row whose verdict is SHIM, for the sandbox to provide."""
    return tuple(entry for entry in table().values() if entry.verdict is Verdict.SHIM)


def _prefixes(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition(".")[0]


def _prefix_in(name: str, listed: tuple[str, ...]) -> str | None:
    if not listed:
        return None
    return next((prefix for prefix in _prefixes(name) if prefix in listed), None)


def _in_table(name: str) -> Entry | None:
    rows = table()
    for prefix in _prefixes(name):
        if prefix.rpartition(".")[2] in _MODULE_FACTS:
            name = prefix.rpartition(".")[0]  # and what is done with such a text is pure
    for prefix in _prefixes(name):
        if prefix != name and (star := rows.get(f"{prefix}.*")) is not None:
            return star
        if (found := rows.get(prefix)) is not None:
            return found
    return None


@cache
def table() -> Mapping[str, Entry]:
    """Give every shipped row by name; a name that ends in ``.*`` speaks for unknown members."""
    rows: dict[str, Entry] = {}
    for names in (PURE, MIXED_MODULES, THIRD_PARTY_PURE):
        rows |= {name: Entry(name=name, verdict=Verdict.PURE) for name in names.split()}
    for prefix, members in PURE_MEMBERS:
        for member in members.split():
            rows[f"{prefix}.{member}"] = Entry(name=f"{prefix}.{member}", verdict=Verdict.PURE)
    for reason, names in SHIM:
        for name in names.split():
            rows[name] = Entry(name=name, verdict=Verdict.SHIM, reason=reason)
    for reason, instead, names, *code in REFUSED:
        for name in names.split():
            rows[name] = Entry(
                name=name,
                verdict=Verdict.REFUSED,
                reason=reason,
                instead=instead,
                code=code[0] if code else "",
            )
    return rows


@cache
def stdlib_names() -> frozenset[str]:
    """List the top-level names of the standard libraries of all supported Pythons."""
    third_party = {name.partition(".")[0] for name in THIRD_PARTY_PURE.split()}
    third_party |= {name.partition(".")[0] for row in THIRD_PARTY_ROWS for name in row[2].split()}
    listed = {name.partition(".")[0] for name in table()} | set(ALIASES)
    return frozenset(name.partition(".")[0] for name in listed) - third_party - {"wfc"}


_MODULE_FACTS: Final = frozenset({"__name__", "__doc__", "__all__", "__version__"})
"""Members of a module that say no more than the module does, as text."""
