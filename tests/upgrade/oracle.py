"""A naive reading of histories, to judge the real one by: what was recorded, and what code got.

Nothing here knows of sites, occurrences or maps. A recorded result is a step with its input and
what it came to; code that goes on must be given each of these once, for the same step with the same
input, and whatever else it is given must come from calls that were made after the move.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.upgrade.corpus import bare
from wfc import codec
from wfc.errors import CodecError
from wfc.eventlog.event import Recorded, StepCompleted, StepCreated, StepFailed
from wfc.runtime.steps import StepPlan
from wfc.runtime.template import Template


@dataclass(frozen=True)
class Deed:
    """A step with its input, and what it came to."""

    step: str
    input: Any
    outcome: Any

    def like(self, other: Deed, *, input_differs: bool) -> bool:
        """Tell whether both are the same."""
        same = self.step == other.step and self.outcome == other.outcome
        return same and (input_differs or self.input == other.input)


@dataclass
class Given:
    """What workflow code was given by its steps."""

    deeds: list[Deed] = field(default_factory=list)
    cancelled: list[Deed] = field(default_factory=list)
    """Calls that the code gave up before they came to anything; they have no outcome."""


@contextmanager
def listening() -> Iterator[Given]:
    """Write down what code is given while this is open."""
    given = Given()
    original = StepPlan._run

    async def run(self: Any, execution: Any, name: Any, bound: Any, place: Any) -> Any:
        asked = bare(dict(bound))
        try:
            value = await original(self, execution, name, bound, place)
        except asyncio.CancelledError:
            given.cancelled.append(Deed(self._id, asked, None))
            raise
        except CodecError:
            raise
        except Exception as error:
            given.deeds.append(Deed(self._id, asked, _failure(error)))
            raise
        given.deeds.append(Deed(self._id, asked, bare(value)))
        return value

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StepPlan, "_run", run)
        yield given


def _failure(error: BaseException) -> tuple[str, str]:
    return "raised", str(error)


def deeds_of(
    history: Sequence[Recorded],
    template: Template,
    renamed: Mapping[str, str],
    taken_back: frozenset[str] = frozenset(),
) -> list[Deed]:
    """Read what a history recorded, under the names that the code of `template` has for it."""
    asked: dict[str, StepCreated] = {}
    found: list[Deed] = []
    for each in history:
        event: Any = each.event
        created = event if isinstance(event, StepCreated) else getattr(event, "created", None)
        if created is not None:
            asked[event.operation_id] = created
        if isinstance(event, StepCompleted | StepFailed) and event.operation_id not in taken_back:
            found.append(_deed(asked[event.operation_id], event, template, renamed))
    return found


def _deed(
    created: StepCreated,
    event: StepCompleted | StepFailed,
    template: Template,
    renamed: Mapping[str, str],
) -> Deed:
    step = renamed.get(created.step, created.step)
    definition = template.plan_of(step)  # type: ignore[arg-type]  # the id of a step
    annotations = dict(definition._takes())
    for old, new in renamed.items():
        if new in annotations:
            annotations[old] = annotations[new]
    assert created.arguments is not None
    arguments = codec.decode_arguments(created.arguments, annotations, template.types)
    named = {renamed.get(name, name): bare(value) for name, value in arguments.items()}
    if isinstance(event, StepFailed):
        return Deed(step, named, _failure(codec.decode_error(event.error, types=template.types)))
    value = codec.decode(event.output, annotation=definition._returns(), types=template.types)
    return Deed(step, named, bare(value))


def unmatched(
    recorded: Sequence[Deed], given: Sequence[Deed], *, input_differs: Sequence[str] = ()
) -> tuple[list[Deed], list[Deed]]:
    """Pair what was recorded with what was given; tell what is left on either side."""
    left, missing = list(given), []
    for deed in recorded:
        differs = deed.step.rpartition(":")[2] in input_differs
        found = next((one for one in left if deed.like(one, input_differs=differs)), None)
        if found is None:
            missing.append(deed)
        else:
            left.remove(found)
    return missing, left
