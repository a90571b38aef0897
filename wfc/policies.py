"""`@policy`: how often, how long and where a step runs; what a run of a workflow may take.

The recordable part is a frozen `Policy`, which travels in `step_created`; classes and predicates
(`retry_on`, `give_up_on`) stay with the function, since a log never holds code.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import FunctionType
from typing import Any, Final, Literal, TypedDict, TypeVar, Unpack

from wfc.durations import Duration, seconds
from wfc.errors import PolicyError

ErrorTest = type[BaseException] | tuple[type[BaseException], ...] | Callable[[BaseException], bool]
"""Which errors are meant: a class, a tuple of classes, or a predicate."""
_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, init=False)
class Backoff:
    """How long to pause between attempts: `initial` times `factor` per attempt, at most `maximum`.

    `jitter` is a share (0 to 1): the pause is drawn from ``pause * (1 ± jitter)``.
    """

    initial_s: float
    factor: float
    maximum_s: float
    jitter: float

    def __init__(
        self,
        initial: Duration = "1s",
        factor: float = 2.0,
        maximum: Duration = "1m",
        jitter: float = 0.2,
    ) -> None:
        """Take durations in every form of `wfc.durations`. Raises `PolicyError`."""
        initial_s = _duration("backoff initial", initial)
        maximum_s = _duration("backoff maximum", maximum)
        if initial_s > maximum_s:
            raise PolicyError(
                f"the backoff begins with {initial!r}, which is longer than its maximum "
                f"{maximum!r}. Raise `maximum` or lower `initial`."
            )
        # A frozen class is filled through `object`.
        object.__setattr__(self, "initial_s", initial_s)
        object.__setattr__(self, "factor", _number("backoff factor", factor, least=1.0))
        object.__setattr__(self, "maximum_s", maximum_s)
        object.__setattr__(self, "jitter", _number("backoff jitter", jitter, least=0.0, most=1.0))


@cache
def _usual() -> Backoff:
    return Backoff()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The recordable part of a step's policy. Times are seconds, None means no limit."""

    attempts: int = 3
    timeout_s: float | None = None
    total_s: float | None = None
    backoff: Backoff = field(default_factory=_usual)
    isolation: str | None = None
    concurrency: int | None = None
    rate: str | None = None
    by: str | None = None
    queue: str | None = None
    cancel: str = "now"
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What `@policy` said about one function: `names` are its keywords, `given` those that are
    recorded, as fields of `Policy`.
    """

    names: tuple[str, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)
    retry_on: ErrorTest = Exception
    give_up_on: ErrorTest = ()
    cleanup_s: float | None = None
    retention_s: float | None = None  # infinity for "never"
    goal_s: float | None = None
    on_new_version: str | None = None


class Keywords(TypedDict, total=False):
    """The keywords of `@policy`."""

    attempts: int
    timeout: Duration | None
    total: Duration | None
    backoff: Backoff
    retry_on: ErrorTest
    give_up_on: ErrorTest
    isolation: Literal["thread", "process"] | None
    concurrency: int | None
    rate: str | None
    by: str | None
    queue: str | None
    memory: int | str | None
    cancel: Literal["now", "wait"]
    cleanup: Duration | None
    retention: Duration | Literal["never"] | None
    goal: Duration | None
    on_new_version: Literal["pin", "upgrade"] | None


def policy(**keywords: Unpack[Keywords]) -> Callable[[_Function], _Function]:
    """Say how a step is tried, or what a run of a workflow may take.

    A step takes: `attempts` (3 tries), `timeout` per attempt, `total` from the first start to
    giving up, `backoff` (`Backoff(initial="1s", factor=2.0, maximum="1m", jitter=0.2)`), `retry_on`
    (`Exception`) and `give_up_on`, which wins (a class, a tuple or a predicate), `isolation`
    (``"thread"``, ``"process"``), `memory` of that process (``"1GiB"``, or bytes), `concurrency`,
    `rate` (``"100/1m"``), `by` (a parameter), `queue` and `cancel` (``"now"``, ``"wait"``). A
    workflow takes: `timeout`, `cleanup`, `concurrency`, `rate`, `by`, `queue`, `retention` (or
    ``"never"``), `goal` (after which a run is late) and `on_new_version` (``"pin"``,
    ``"upgrade"``). Raises `PolicyError` at decoration for a wrong name, type, unit or target.
    """
    declaration = _declaration(keywords)

    def mark(function: _Function) -> _Function:
        _check_target(function, keywords)
        target: Any = _plain(function)
        target.__wfc_policy__ = declaration
        return function

    return mark


def declared(function: object) -> Declared | None:
    """Give what `@policy` said about a function, or None."""
    found = getattr(_plain(function), "__wfc_policy__", None)
    return found if isinstance(found, Declared) else None


def resolve(declaration: Declared | None, defaults: Mapping[str, Any] | None = None) -> Policy:
    """Give the policy of a step: what it declares, over `defaults` (keywords of `@policy`, as in
    ``[tool.wfc.policy]``), over three attempts. Raises `PolicyError` for wrong defaults.
    """
    said = declaration.given if declaration is not None else {}
    return Policy(**{**_fields(defaults or {}), **said})


def from_literal(keywords: Mapping[str, Any], defaults: Mapping[str, Any] | None = None) -> Policy:
    """Give the policy of literal keywords, as a bundle holds them; `backoff` may be a mapping.

    Keywords that are not recorded (`retry_on` and others) are passed over. Raises `PolicyError`.
    """
    return Policy(**{**_fields(defaults or {}), **_fields(keywords)})


# --- reading the keywords ----------------------------------------------------------------------


def _optional(read: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    return lambda name, value: None if value is None else read(name, value)


def _duration(name: str, value: Any) -> float:
    try:
        found = seconds(value, what=name)
    except ValueError as error:
        raise PolicyError(f"@policy: {error}") from None
    if found == 0:
        raise PolicyError(f"@policy: the {name} {value!r} is no time. Leave it out, or say None.")
    return found


def _number(name: str, value: Any, *, least: float, most: float = math.inf) -> float:
    if type(value) not in {int, float} or not least <= value <= most or math.isinf(value):
        bounds = f"at least {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
        raise PolicyError(f"@policy: the {name} is {value!r}; it must be a number {bounds}.")
    return float(value)


def _count(name: str, value: Any) -> int:
    if type(value) is not int or value < 1:
        raise PolicyError(f"@policy: `{name}` is {value!r}; it must be a whole number from 1.")
    return value


def _text(name: str, value: Any) -> str:
    if type(value) is not str or not value:
        raise PolicyError(f"@policy: `{name}` is {value!r}; it must be a name in quotes.")
    return value


def _one_of(*words: str) -> Callable[[str, Any], str]:
    def read(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            choice = " or ".join(f'"{word}"' for word in words)
            raise PolicyError(
                f"@policy: `{name}` is {value!r}; it must be {choice}{_near(value, words)}."
            )
        return value

    return read


def _rate(name: str, value: Any) -> str:
    count, slash, per = value.partition("/") if isinstance(value, str) else ("", "", "")
    if not slash or not count.strip().isdecimal() or int(count) < 1:
        raise PolicyError(
            f'@policy: `{name}` is {value!r}; it must be a number per time, such as "100/1m".'
        )
    _duration(name, per)
    return str(value)


_UNITS: Final = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def _size(name: str, value: Any) -> int:
    """Give bytes. Whole numbers are bytes."""
    match = re.fullmatch(r"(\d+)\s*([KMGT]iB|B)", value) if isinstance(value, str) else None
    found = int(match[1]) * _UNITS[match[2]] if match is not None else value
    if type(found) is not int or found < 1:
        raise PolicyError(
            f'@policy: `{name}` is {value!r}; it must be a size, such as "512MiB" or "1GiB", or a '
            "number of bytes."
        )
    return found


def _retention(name: str, value: Any) -> float:
    return math.inf if value == "never" else _duration(name, value)


def _backoff(name: str, value: Any) -> Backoff:
    if isinstance(value, Backoff):
        return value
    if not isinstance(value, Mapping):
        raise PolicyError(
            f'@policy: `{name}` is {value!r}; it must be a Backoff, such as Backoff(initial="1s").'
        )
    _check_names(value, _BACKOFF_NAMES, "Backoff")
    return Backoff(**value)


def _error_test(name: str, value: Any) -> ErrorTest:
    if isinstance(value, type):
        fits = issubclass(value, BaseException)
    elif isinstance(value, tuple):
        fits = all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in value)
    else:
        fits = callable(value)
    if not fits:
        raise PolicyError(
            f"@policy: `{name}` is {value!r}; it must be an exception class, a tuple of them, or a "
            "function that takes the error and says yes or no."
        )
    found: ErrorTest = value
    return found


_BACKOFF_NAMES: Final = ("initial", "factor", "maximum", "jitter")
_RECORDED: Final[Mapping[str, tuple[str, Callable[[str, Any], Any]]]] = {
    "attempts": ("attempts", _count),
    "timeout": ("timeout_s", _optional(_duration)),
    "total": ("total_s", _optional(_duration)),
    "backoff": ("backoff", _backoff),
    "isolation": ("isolation", _optional(_one_of("thread", "process"))),
    "concurrency": ("concurrency", _optional(_count)),
    "rate": ("rate", _optional(_rate)),
    "by": ("by", _optional(_text)),
    "queue": ("queue", _optional(_text)),
    "cancel": ("cancel", _one_of("now", "wait")),
    "memory": ("memory_bytes", _optional(_size)),
}
_KEPT: Final[Mapping[str, tuple[str, Callable[[str, Any], Any]]]] = {
    "retry_on": ("retry_on", _error_test),
    "give_up_on": ("give_up_on", _error_test),
    "cleanup": ("cleanup_s", _optional(_duration)),
    "retention": ("retention_s", _optional(_retention)),
    "goal": ("goal_s", _optional(_duration)),
    "on_new_version": ("on_new_version", _optional(_one_of("pin", "upgrade"))),
}
_NAMES: Final = (*_RECORDED, *_KEPT)
_STEP_ONLY: Final = (
    "attempts", "total", "backoff", "retry_on", "give_up_on", "isolation", "cancel",
    "memory",
)  # fmt: skip
_WORKFLOW_ONLY: Final = ("cleanup", "retention", "goal", "on_new_version")


def _fields(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Give the recordable keywords as fields of `Policy`."""
    _check_names(keywords, _NAMES, "@policy")
    return _read(keywords, _RECORDED)


def _declaration(keywords: Mapping[str, Any]) -> Declared:
    return Declared(names=tuple(keywords), given=_fields(keywords), **_read(keywords, _KEPT))


def _read(
    keywords: Mapping[str, Any], table: Mapping[str, tuple[str, Callable[[str, Any], Any]]]
) -> dict[str, Any]:
    return {
        target: read(name, keywords[name])
        for name, (target, read) in table.items()
        if name in keywords
    }


def _check_names(keywords: Mapping[str, Any], names: tuple[str, ...], of: str) -> None:
    for name in keywords:
        if name not in names:
            raise PolicyError(
                f"{of} has no keyword `{name}`{_near(name, names)}. It takes: {', '.join(names)}."
            )


_ELSEWHERE: Final = {
    **dict.fromkeys(("retries", "max_retries", "max_attempts", "tries", "max_tries"), "attempts"),
    **dict.fromkeys(("delay", "retry_delay", "wait", "interval"), "backoff"),
    **dict.fromkeys(("retry_for", "on"), "retry_on"),
    "deadline": "total",
}
"""What other libraries call the same."""


def _near(word: object, words: tuple[str, ...]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - needed only to explain a mistake

    known = _ELSEWHERE.get(str(word))
    near = [known] if known in words else get_close_matches(str(word), words, n=1)
    return f" (did you mean `{near[0]}`?)" if near else ""


# --- what may be decorated ---------------------------------------------------------------------


def check_kind(function: object, kind: str) -> None:
    """See that the `@policy` of a function fits what it is, ``"step"`` or ``"workflow"``.

    The decorator cannot know that; who registers the function does. Raises `PolicyError`.
    """
    declaration = declared(function)
    wrong = _WORKFLOW_ONLY if kind == "step" else _STEP_ONLY
    for name in declaration.names if declaration is not None else ():
        if name in wrong:
            other = "workflow" if kind == "step" else "step"
            raise PolicyError(
                f"@policy on the {kind} {_name(function)}: `{name}` is for a {other}."
            )


def _check_target(function: object, keywords: Mapping[str, Any]) -> None:
    plain = _plain(function)
    if not isinstance(plain, FunctionType):
        raise PolicyError(
            f"@policy was put on {function!r}, which is no function. Put it, as the outermost "
            'decorator, on a function that begins with "use step" or "use workflow".'
        )
    of_step = [name for name in keywords if name in _STEP_ONLY]
    of_workflow = [name for name in keywords if name in _WORKFLOW_ONLY]
    if of_step and of_workflow:
        raise PolicyError(
            f"@policy on {_name(function)}: `{of_step[0]}` is for a step and `{of_workflow[0]}` "
            "for a workflow; no function is both. Remove one of them."
        )
    if keywords.get("memory") is not None and keywords.get("isolation") != "process":
        raise PolicyError(
            f"@policy on {_name(function)}: `memory` limits the process of a step, so it needs "
            '`isolation="process"`. Say that too, or leave `memory` out.'
        )
    code = plain.__code__
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    by = keywords.get("by")
    if by is not None and by not in parameters:
        raise PolicyError(
            f"@policy on {_name(function)}: `by` names the parameter {by!r}, which it does not "
            f"have{_near(by, parameters)}."
        )


def _plain(function: object) -> object:
    """Look through `staticmethod`, `classmethod` and bound methods."""
    return getattr(function, "__func__", function)


def _name(function: object) -> str:
    return str(getattr(_plain(function), "__qualname__", function))
