"""The words in which cases are written, and what each may expect."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, Final

_COUNTING: Final = {
    "refuse", "flaky", "picky", "too_slow", "limited_in_all", "exits", "slowly_retried",
    "asks_for_time",
}  # fmt: skip
"""Steps that have one attempt only, or whose results tell how many they took."""


@dataclass(frozen=True, slots=True)
class Told:
    """One thing done from outside once nothing moves: a method of `Run`, ``pass`` (of `value`
    seconds), ``restart`` (of the worker), ``again`` (the same start), ``send`` (to a hook),
    ``post`` (to a webhook) or ``foreign`` (an event that other code wrote). `value` is its answer.
    """

    what: str
    keywords: Mapping[str, Any] = field(default_factory=dict)
    value: Any = None
    in_step: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One run, what is done to it, and what must become of it."""

    name: str
    workflow: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    told: tuple[Told, ...]
    options: Mapping[str, Any]
    outcome: tuple[Any, ...]
    steps: list[str]
    attributes: Mapping[str, Any]

    @property
    def slug(self) -> str:
        """The name as a run id may hold it."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    def options_at(self, now: datetime) -> dict[str, Any]:
        """Give the options of `start`; an `at` is said as a delay from the case's begin."""
        options = dict(self.options)
        if "at" in options:
            options["at"] = now + options["at"]
        return options


@dataclass(frozen=True, slots=True)
class Entry:
    """A case before the project is imported: values of its classes are made by functions."""

    name: str
    make: Callable[[], Case]
    killable: bool = True
    """Whether the outcome is the same when one attempt of a step is lost with its worker."""
    long: bool = False
    """Whether it is played in soaks alone."""


def case(
    name: str,
    workflow: str,
    *args: Any,
    returns: Any = ...,
    fails: tuple[Any, Any, Any] | None = None,
    cancelled: Any = ...,
    steps: str = "",
    told: tuple[Told, ...] = (),
    kwargs: Mapping[str, Any] | None = None,
    attributes: Mapping[str, Any] | None = None,
    attributes_given: Mapping[str, Any] | None = None,
    long: bool = False,
    **options: Any,
) -> Entry:
    """Write one case; `steps` are the recorded steps in any order, as ``add*3 hang:cancelled``."""

    if attributes_given is not None:
        options["attributes"] = attributes_given

    def make() -> Case:
        if fails is not None:
            outcome: tuple[Any, ...] = ("fails", *fails)
        elif cancelled is not ...:
            outcome = "cancelled", cancelled
        else:
            outcome = "returns", _made(returns)
        return Case(
            name=name,
            workflow=workflow,
            args=tuple(_made(each) for each in args),
            kwargs={key: _made(value) for key, value in (kwargs or {}).items()},
            told=told,
            options=options,
            outcome=outcome,
            steps=_steps(steps),
            attributes=attributes or {},
        )

    killable = not told and not _COUNTING & set(re.split(r"[ *:]", steps))
    return Entry(name, make, killable=killable, long=long)


def of(module: str, name: str, /, *args: Any, **kwargs: Any) -> Callable[[], Any]:
    """Make a value by a class of the project, once it is imported."""
    return lambda: getattr(import_module(f"semantic_flows.{module}"), name)(*args, **kwargs)


def _made(value: Any) -> Any:
    if callable(value) and getattr(value, "__name__", "") == "<lambda>":
        return value()
    return value


def _steps(text: str) -> list[str]:
    found: list[str] = []
    for each in text.split():
        name, _, count = each.partition("*")
        count, _, status = count.partition(":") if count else ("1", "", "")
        found.extend([f"{name}:{status}" if status else name] * int(count))
    return sorted(found)


# --- what is done from outside -----------------------------------------------------------------


def passes(**by: float) -> Told:
    """Let time pass, whatever is due."""
    return Told("pass", value=timedelta(**by).total_seconds())


def cancels(reason: str | None = None, *, force: bool = False, in_step: bool = False) -> Told:
    """Cancel the run."""
    return Told("cancel", {"reason": reason, "force": force}, value=True, in_step=in_step)


def wakes(count: int) -> Told:
    """Wake it up; so many things wake."""
    return Told("wake_up", value=count)


def sets(**changes: Any) -> Told:
    """Set attributes."""
    return Told("set_attributes", {"changes": changes})


def sends(hook: str, payload: Any) -> Told:
    """Send a value to the hook that has a token."""
    return Told("send", {"hook": hook, "payload": payload})


def posts(status: int = 202, **request: Any) -> Told:
    """Send a request to the run's newest webhook, which is answered by this status."""
    return Told("post", {"method": "POST", **request}, status)


PAUSE, UNPAUSE = Told("pause", {"reason": "wait"}), Told("unpause")
RESTART, AGAIN = Told("restart"), Told("again")
FOREIGN = Told("foreign")
