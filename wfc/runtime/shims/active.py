"""Which run a shim serves."""

from __future__ import annotations

from wfc.determinism import Reason
from wfc.runtime import context, refusals
from wfc.runtime.live import Live


def run_for(name: str, reason: Reason) -> Live | None:
    """Give the current execution, or None outside of runs, where the real thing is to be used.

    Refuses `name` at the top level of a workflow module: there is no run yet whose clock or seed
    could serve.
    """
    execution = context.current.get()
    if execution is None and context.loading.get() is not None:
        refusals.refuse(name, reason)
    return execution
