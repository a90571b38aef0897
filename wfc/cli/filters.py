"""FILTER: the options by which commands choose runs, the same everywhere."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import wraps
from typing import Annotated, Any, Final, TypeAlias

import typer

from wfc.clock import SystemClock, to_us
from wfc.durations import parse, wake_at_us
from wfc.errors import InputInvalid
from wfc.eventlog.entity import RunStatus
from wfc.ids import DefinitionId, VersionId
from wfc.worlds.protocol import RunFilter


def _option(*names: str, text: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=text, metavar=metavar)


Status = Annotated[str, _option("--status", text="States, with commas between.", metavar="S,S")]
Workflow = Annotated[str, _option("--workflow", text="Workflow, as module:qualname.", metavar="W")]
Version = Annotated[str, _option("--version", text="Version.", metavar="V")]
Queue = Annotated[str, _option("--queue", text="Queue.", metavar="Q")]
Attribute = Annotated[
    list[str], _option("--attribute", text="Attribute that must be equal; repeat.", metavar="K=V")
]
Since = Annotated[
    str, _option("--since", text="Created since then: 2h, or an instant.", metavar="T")
]
Until = Annotated[str, _option("--until", text="Created until then.", metavar="T")]

Search = Annotated[
    str, _option("--search", text="Text in the id, the workflow or an attribute.", metavar="TEXT")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What the options said; `where` makes the world's filter of it."""

    status: str = ""
    workflow: str = ""
    version: str = ""
    queue: str = ""
    attribute: Sequence[str] = ()
    since: str = ""
    until: str = ""
    search: str = ""
    late: bool = False

    def __bool__(self) -> bool:
        """Tell whether anything was asked for; no filter is never taken for all runs."""
        return any((
            self.status, self.workflow, self.version, self.queue,
            self.attribute, self.since, self.until, self.search, self.late,
        ))  # fmt: skip

    def where(self, now_us: int) -> RunFilter:
        """Make the filter. Raises `InputInvalid` for a state or a time that does not exist."""
        from wfc.worlds.protocol import RunFilter  # noqa: PLC0415 - not needed for --help

        return RunFilter(
            statuses=frozenset(_status(word) for word in _words(self.status)),
            workflow=DefinitionId(self.workflow) if self.workflow else None,
            version=VersionId(self.version) if self.version else None,
            queue=self.queue or None,
            attributes=attributes(self.attribute),
            created_from=_instant(self.since, now_us),
            created_until=_instant(self.until, now_us),
            search=self.search or None,
            late=self.late or None,
        )


_OPTIONS: Final[Mapping[str, tuple[Any, Any]]] = {
    "status": (Status, ""), "workflow": (Workflow, ""), "version": (Version, ""),
    "queue": (Queue, ""), "attribute": (Attribute, []), "since": (Since, ""), "until": (Until, ""),
    "search": (Search, ""),
}  # fmt: skip
"""What typer declares each of them by: its type and its default."""


Command: TypeAlias = Callable[..., None]


def filtered_by(*names: str) -> Callable[[Command], Command]:
    """Give a command these options of FILTER in the place of its parameter `chosen`.

    Typer reads the options of a command from its signature, so they are written into that.
    """

    def decorate(command: Command) -> Command:
        @wraps(command)
        def filled(**given: Any) -> None:
            chosen = Filter(**{name: given.pop(name) for name in names})
            command(chosen=chosen, **given)

        parameters: list[inspect.Parameter] = []
        for own in inspect.signature(command, eval_str=True).parameters.values():
            if own.name == "chosen":
                parameters += map(_parameter, names)
            else:
                parameters.append(own)
        filled.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by typer
        filled.__annotations__ = {one.name: one.annotation for one in parameters}
        return filled

    return decorate


def _parameter(name: str) -> inspect.Parameter:
    type_, default = _OPTIONS[name]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=type_
    )


filtered: Final = filtered_by(*_OPTIONS)
"""Give a command all options of FILTER in the place of its parameter `chosen`."""


def attributes(pairs: Sequence[str]) -> dict[str, Any]:
    """Read ``K=V`` pairs; a value is JSON if it can be, else text."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            message = (
                f"--attribute {pair!r} has no name and value. The form is --attribute tier=free"
            )
            raise InputInvalid(message)
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
        if isinstance(found[name], (list, dict)):
            found[name] = value
    return found


def duration(option: str, text: str) -> str | None:
    """See that an option holds a duration that the calendar can hold; give None for none.

    Raises `InputInvalid`.
    """
    if not text:
        return None
    try:
        wake_at_us(text, SystemClock().now_us())
    except ValueError as problem:
        message = f"{option} {text!r}: {problem}"
        raise InputInvalid(message) from None
    return text


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _status(word: str) -> RunStatus:
    try:
        return RunStatus(word)
    except ValueError:
        near = get_close_matches(word, list(RunStatus), n=3, cutoff=0.6)
        hint = (
            f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(RunStatus)}."
        )
        message = f"{word!r} is no state of a run. {hint}"
        raise InputInvalid(message) from None


def _instant(text: str, now_us: int) -> int | None:
    """Read an instant, or a duration back from now."""
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        try:
            return max(0, now_us - to_us_of(text))  # before all runs is before all runs
        except ValueError as problem:
            message = f"{text!r} is neither an instant such as 2030-01-31T12:00Z nor so: {problem}"
            raise InputInvalid(message) from None
    return to_us(instant if instant.tzinfo else instant.astimezone())


def to_us_of(duration: str) -> int:
    """Give a duration in microseconds."""
    return int(parse(duration).total_seconds() * 1_000_000)
