"""Words of the command line become the arguments of a workflow, by its own annotations."""

from __future__ import annotations

import inspect
import json
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from pydantic import PydanticSchemaGenerationError, TypeAdapter, ValidationError

from wfc.errors import InputInvalid

INPUT_MAX: Final = 16 * 1024 * 1024
"""As much JSON as a payload may hold."""


def bind(
    workflow: Callable[..., Any], words: Sequence[str], given: str | None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Make positional and named arguments of ``ARG`` and ``NAME=ARG`` words and of `given`, which
    is JSON (an object by name, a list by position, else the one argument), ``@file`` or ``-``.
    """
    signature = inspect.signature(workflow)
    hints = _hints(workflow)
    positional, named = _sorted_out(signature, words)
    from_json = _from_json(given)
    try:
        bound = signature.bind(*positional, *from_json[0], **{**from_json[1], **named})
    except TypeError as problem:
        unknown = _unknown(signature, from_json[1])
        raise _misfit(workflow, signature, unknown or str(problem)) from None
    for name, value in bound.arguments.items():
        bound.arguments[name] = _converted(signature.parameters[name], hints.get(name), value)
    return bound.args, bound.kwargs


class _Word(str):
    """Text typed as one word, still to be read by the annotation; JSON values are no words."""

    __slots__ = ()


def _hints(workflow: Callable[..., Any]) -> Mapping[str, Any]:
    try:
        return typing.get_type_hints(workflow, include_extras=True)
    except NameError:
        # An annotation that only a type checker can see; its argument is then taken as JSON.
        return {}


def _sorted_out(
    signature: inspect.Signature, words: Sequence[str]
) -> tuple[list[_Word], dict[str, _Word]]:
    """Tell ``NAME=ARG`` from ``ARG``: only the name of a parameter makes a word named."""
    positional: list[_Word] = []
    named: dict[str, _Word] = {}
    open_ended = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    for word in words:
        name, equals, value = word.partition("=")
        if equals and (name in signature.parameters or (open_ended and name.isidentifier())):
            if name in named:
                message = f"argument `{name}` is given twice: `{name}={named[name]}` and `{word}`"
                raise InputInvalid(message)
            named[name] = _Word(value)
        else:
            positional.append(_Word(word))
    return positional, named


def _from_json(given: str | None) -> tuple[list[Any], dict[str, Any]]:
    if given is None:
        return [], {}
    try:
        value = json.loads(read_json_text(given))
    except ValueError as problem:
        message = f"--input is no JSON: {problem}"
        raise InputInvalid(message) from None
    if isinstance(value, dict):
        return [], value
    return (value if isinstance(value, list) else [value]), {}


def read_json_text(given: str) -> str:
    """Take JSON inline, from ``@file``, or from stdin (``-``), up to the payload limit."""
    if given == "-":
        text = sys.stdin.read(INPUT_MAX + 1)
    elif given.startswith("@"):
        try:
            with Path(given[1:]).open(encoding="utf-8") as file:
                text = file.read(INPUT_MAX + 1)
        except (OSError, UnicodeDecodeError) as problem:
            message = f"{given[1:]} cannot be read: {problem}"
            raise InputInvalid(message) from None
    else:
        text = given
    if len(text) > INPUT_MAX:
        message = f"the input is longer than {INPUT_MAX} characters, the most a payload may hold"
        raise InputInvalid(message)
    return text


def _converted(parameter: inspect.Parameter, annotation: Any, value: Any) -> Any:
    """Read one argument, or each of several that share a parameter."""
    if parameter.kind is parameter.VAR_POSITIONAL:
        return tuple(_one(parameter.name, annotation, item) for item in value)
    if parameter.kind is parameter.VAR_KEYWORD:
        return {name: _one(name, annotation, item) for name, item in value.items()}
    return _one(parameter.name, annotation, value)


def _one(name: str, annotation: Any, value: Any) -> Any:
    if annotation is None or annotation is Any:
        return _json_or_text(value) if isinstance(value, _Word) else value
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    except PydanticSchemaGenerationError:
        return _json_or_text(value) if isinstance(value, _Word) else value
    try:
        if isinstance(value, _Word):
            return _read_word(adapter, annotation, str(value))
        return adapter.validate_json(json.dumps(value))
    except ValidationError as problem:
        first = problem.errors()[0]
        path = ".".join([name, *map(str, first["loc"])])
        message = f"`{path}` = {str(first['input'])!r} does not fit: {first['msg']}"
        raise InputInvalid(message) from None


def _read_word(adapter: TypeAdapter[Any], annotation: Any, text: str) -> Any:
    """Text stays text where text is wanted (``42`` for a `str`); elsewhere JSON is tried first."""
    if annotation is str:
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return adapter.validate_python(text)  # a date, an enumeration, a path
    try:
        return adapter.validate_python(text)  # "42" for `str | None` is text, not a number
    except ValidationError:
        return adapter.validate_json(json.dumps(value))


def _json_or_text(word: str) -> Any:
    try:
        return json.loads(word)
    except ValueError:
        return str(word)


def _unknown(signature: inspect.Signature, named: Mapping[str, Any]) -> str:
    """Say which names of the input are no parameters, and which were meant."""
    if any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()):
        return ""
    for name in named:
        if name not in signature.parameters:
            near = get_close_matches(name, signature.parameters, n=3, cutoff=0.6)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            return f"there is no parameter {name!r}{hint}"
    return ""


def _misfit(
    workflow: Callable[..., Any], signature: inspect.Signature, problem: str
) -> InputInvalid:
    name = workflow.__qualname__
    return InputInvalid(
        f"the arguments do not fit {name}{signature}: {problem}.\n"
        f"Give them in order, or by name: python -m wfc start {name} "
        + " ".join(f"{parameter}=..." for parameter in signature.parameters)
    )
