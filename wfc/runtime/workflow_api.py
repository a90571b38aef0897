"""What workflow code calls by name: sleep, markers, restart, attributes, metadata."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Mapping
from datetime import datetime
from typing import Any, Final, NoReturn

from wfc import codec
from wfc.clock import to_datetime
from wfc.durations import Duration, wake_at_us
from wfc.errors import OutsideWorkflow, PayloadTooLarge
from wfc.eventlog.event import RunCreated, RunUpgraded, Scalar, WaitCause, WaitCompleted
from wfc.manifests.sites import site_of
from wfc.runtime import context
from wfc.runtime.attributes import check_attributes
from wfc.runtime.live import Live
from wfc.runtime.metadata import Woke, WorkflowMetadata
from wfc.runtime.refusals import at_line

__all__: Final = [
    "changed",
    "get_workflow_metadata",
    "remove_attributes",
    "restart",
    "set_attributes",
    "sleep",
]


def sleep(duration: Duration | datetime) -> Coroutine[Any, Any, Woke]:
    """Suspend the run for `duration`, or until an aware datetime; no process is held.

    Gives ``Woke(early)``: whether somebody woke the run before its time. Raises `ValueError`.
    """
    execution = context.needed("sleep(...)")
    frame = sys._getframe(1)  # noqa: SLF001 - sites are found so
    wake_at = wake_at_us(duration, execution.now_us())
    name = execution.name(site_of(frame, "sleep"))
    return execution.wait(name, wake_at, (frame.f_code, frame.f_lasti), _woke)


def _woke(completed: WaitCompleted | None) -> Woke:
    return Woke(early=completed is not None and completed.cause is WaitCause.WOKEN)


def changed(change: str) -> bool:
    """Tell whether the run's version, at this point of its history, knows the marker `change`."""
    return change in context.needed(f"changed({change!r})").in_force.changes


def restart(*args: Any, **kwargs: Any) -> Coroutine[Any, Any, NoReturn]:
    """End this chapter of the run and begin the next with new arguments and an empty history.

    Never returns; nothing more of this chapter runs, not even `finally`. Only the main task may.
    """
    execution = context.needed("restart(...)")
    try:
        bound = execution.template.signature.bind(*args, **kwargs).arguments
    except TypeError as error:
        raise TypeError(f"restart(): {execution.template.workflow}: {error}") from None
    return _restart(execution, dict(bound))


async def _restart(execution: Live, arguments: dict[str, Any]) -> NoReturn:
    if asyncio.current_task() is not execution.main:
        raise RuntimeError(
            "restart(...) was awaited in a task of its own; only the workflow's main task may end "
            "the chapter. Let the task end, and restart where it is awaited."
        )
    if execution.alive:
        template = execution.template
        try:
            payload, _ = codec.encode_arguments(
                arguments,
                call="restart(...)",
                annotations=template.annotations,
                types=template.types,
                limit=execution.payload_max,
            )
        except PayloadTooLarge as error:
            raise PayloadTooLarge(f"{error}{at_line()}") from None
        execution.restart(payload)
    await execution.parked()
    raise AssertionError("a restarted chapter went on")


def set_attributes(changes: Mapping[str, Scalar | None]) -> Coroutine[Any, Any, None]:
    """Set attributes of the run; None removes one. They are searchable from outside."""
    execution = context.current.get()
    if execution is None:
        attempt = context.attempt.get()
        if attempt is None:
            raise OutsideWorkflow(
                "set_attributes(...) was called outside of a run. Use it in workflow code or in a "
                "step; from outside, `await get_run(id).set_attributes(...)`."
            )
        return attempt.set_attributes(changes)
    site = site_of(sys._getframe(1), "set_attributes")  # noqa: SLF001 - sites are found so
    return _set_attributes(execution, site, changes)


def remove_attributes(*keys: str) -> Coroutine[Any, Any, None]:
    """Remove attributes of the run."""
    execution = context.current.get()
    if execution is None:
        return set_attributes(dict.fromkeys(keys))
    site = site_of(sys._getframe(1), "remove_attributes")  # noqa: SLF001 - likewise
    return _set_attributes(execution, site, dict.fromkeys(keys))


async def _set_attributes(execution: Live, site: Any, changes: Mapping[str, Scalar | None]) -> None:
    if not execution.alive:
        await execution.parked()
    check_attributes(changes, execution.attributes, limit=execution.attributes_max)
    execution.set_attributes(site, changes)


def get_workflow_metadata() -> WorkflowMetadata:
    """Describe the run that the calling code belongs to: workflow code, or a step's body."""
    execution = context.current.get()
    if execution is not None:
        return _metadata(execution)
    attempt = context.attempt.get()
    if attempt is None:
        raise OutsideWorkflow(
            "get_workflow_metadata() was called outside of a run; it describes the run that the "
            "calling workflow code or step belongs to."
        )
    return attempt.workflow_metadata()


def _metadata(execution: Live) -> WorkflowMetadata:
    # Neither is what the present code is called: a run that has moved must see again what it saw.
    begun, in_force = execution.begun, execution.in_force
    # A later chapter does not repeat who made the run: whoever begins it tells the execution.
    created = begun if isinstance(begun, RunCreated) else execution.created
    parent = None if created is None else created.parent
    root = None if created is None else created.root_id
    return WorkflowMetadata(
        run_id=execution.run_id,
        chapter=execution.chapter,
        workflow=execution.template.workflow if created is None else created.workflow,
        version=in_force.to_version if isinstance(in_force, RunUpgraded) else in_force.version,
        started_at=to_datetime(execution.started_at),
        attributes=execution.attributes,
        parent_id=None if parent is None else parent.run_id,
        root_id=root or execution.run_id,
    )
