"""Log records of step bodies say whose they are: `wfc_run`, `wfc_step` and `wfc_attempt`.

Every record has the three, so that a format may name them; outside of bodies they are empty. A
record factory does it and no filter, for a filter of a logger hears nothing from loggers below it.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from wfc.runtime import context
from wfc.runtime.attempt import Call

FIELDS: Final = ("wfc_run", "wfc_step", "wfc_attempt")


def install() -> None:
    """Have records made so from now on, by whatever factory there is; once is enough."""
    before = logging.getLogRecordFactory()
    if isinstance(before, _Factory):
        return
    logging.setLogRecordFactory(_Factory(before))


class _Factory:
    """Makes records as another factory does, and says whose they are."""

    def __init__(self, before: Any) -> None:
        self.before = before

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record: logging.LogRecord = self.before(*args, **kwargs)
        call = context.attempt.get()
        if isinstance(call, Call):
            record.wfc_run, record.wfc_step = call.run_id, call.operation_id
            record.wfc_attempt = call.attempt
        else:
            record.wfc_run = record.wfc_step = record.wfc_attempt = ""
        return record
