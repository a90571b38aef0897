"""What the annotation of a parameter says about the value that is recorded under its name."""

from __future__ import annotations

import inspect
from typing import Any


def whole(kind: Any, annotation: Any) -> Any:
    """Give the type of all that a parameter takes: ``*rest: int`` collects a tuple of them."""
    if kind is inspect.Parameter.VAR_POSITIONAL:
        return tuple[annotation, ...]
    return dict[str, annotation] if kind is inspect.Parameter.VAR_KEYWORD else annotation
