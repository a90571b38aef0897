"""Whether a package is compiled code, which nobody can read: asked of the files, never imported."""

from __future__ import annotations

import importlib.machinery
import importlib.util
from functools import cache
from pathlib import Path

from wfc.determinism.verdicts import Entry


@cache
def is_compiled(package: str) -> bool:
    """Tell whether the installed top-level `package` holds an extension module."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return False  # a parent that cannot be imported, or a module made by hand
    if spec is None:
        return False
    suffixes = tuple(importlib.machinery.EXTENSION_SUFFIXES)
    if spec.origin is not None and spec.origin.endswith(suffixes):
        return True
    return any(
        path.name.endswith(suffixes)
        for folder in spec.submodule_search_locations or ()
        for path in Path(folder).rglob("*.*")
    )


def code_of(entry: Entry) -> str:
    """Give the diagnostic of a refused entry: of an unknown package, WFC221 if it is compiled."""
    unread = entry.diagnostic == "WFC220" and is_compiled(entry.name)
    return "WFC221" if unread else entry.diagnostic
