"""How a step function is called: at once or by a coroutine, with arguments by name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any


def is_async(function: Any) -> bool:
    """Tell whether a call of `function` gives a coroutine, decorators seen through."""
    return inspect.iscoroutinefunction(inspect.unwrap(function)) or inspect.iscoroutinefunction(
        function
    )


def spread(
    parameters: tuple[inspect.Parameter, ...], values: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Turn arguments by name into positional and keyword ones."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    positional = True
    for each in parameters:
        if each.kind is inspect.Parameter.VAR_POSITIONAL:
            args.extend(values.get(each.name, ()))
        elif each.kind is inspect.Parameter.VAR_KEYWORD:
            kwargs.update(values.get(each.name, {}))
        elif each.name not in values:
            positional = False
        elif each.kind is inspect.Parameter.KEYWORD_ONLY or not positional:
            kwargs[each.name] = values[each.name]
        else:
            args.append(values[each.name])
    return args, kwargs
