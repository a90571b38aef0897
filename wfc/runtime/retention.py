"""How long a run is kept after its end: what its start says, or else its workflow."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from wfc.durations import Duration, seconds
from wfc.errors import OptionInvalid
from wfc.eventlog.event import KEPT_FOR_EVER
from wfc.policies import declared
from wfc.runtime.options import check_duration

NEVER: Final = "never"


def check_retention(name: str, value: Duration | None) -> None:
    """Refuse what is neither a duration nor "never". Raises `OptionInvalid`."""
    if value == NEVER:
        return
    try:
        check_duration(name, value)
    except OptionInvalid as problem:
        raise OptionInvalid(f'{problem} Or "{NEVER}", to keep it for ever.') from None


def retention_of(workflow: Callable[..., Any], given: Duration | None) -> float | None:
    """Give `RunCreated.retention_s`: what the start says, else the `@policy` of the workflow."""
    if given is not None:
        return KEPT_FOR_EVER if given == NEVER else seconds(given, what="retention")
    declaration = declared(workflow)
    found = None if declaration is None else declaration.retention_s
    return KEPT_FOR_EVER if found == math.inf else found
