"""Which run a shim serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wfc.determinism import Reason
from wfc.runtime import context, refusals

if TYPE_CHECKING:
    from wfc.runtime.execution import Execution


def run_for(name: str, reason: Reason) -> Execution | None:
    """Give the current execution, or None outside of runs, where the real thing is to be used.

    Refuses `name` at the top level of a workflow module: there is no run yet whose clock or seed
    could serve.
    """
    execution = context.current.get()
    if execution is None and context.loading.get() is not None:
        refusals.refuse(name, reason)
    return execution
