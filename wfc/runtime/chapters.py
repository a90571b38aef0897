"""Restart: how a chapter begins, and what the next one must know of those before it.

A chapter is read from its own beginning: what earlier ones left behind travels in `run_restarted`,
so a run in its thousandth chapter is recovered as fast as in its first.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from wfc.errors import WfcError
from wfc.eventlog.event import Recorded, RunCreated, RunRestarted, Scalar
from wfc.ids import DefinitionId, RunId, VersionId
from wfc.runtime.carried import CarriedHook, carry
from wfc.runtime.ledger import Ledger
from wfc.runtime.limits import Limits
from wfc.runtime.template import Template


class Archive(Protocol):
    """Where logs and versions are."""

    limits: Limits

    async def history(self, run_id: RunId, after: int, limit: int = ...) -> list[Recorded]:
        """Read events after a position."""
        ...

    async def active_version(self) -> VersionId | None:
        """Give the version that new work prefers."""
        ...

    async def template(self, version: VersionId, workflow: DefinitionId) -> Template:
        """Load what executions of a workflow are made from."""
        ...

    def environment(self, version: VersionId) -> Mapping[str, str]:
        """Capture what workflow code of a version may read of the machine, as of now."""
        ...


def draft(arguments: bytes, ledger: Ledger) -> RunRestarted:
    """Give the beginning of the next chapter as far as the code has said it."""
    assert ledger.version is not None
    return RunRestarted(
        chapter=ledger.chapter + 1,
        arguments=arguments,
        seed=os.urandom(32),
        version=ledger.version,
        fingerprint="",
    )


async def completed(
    restarted: RunRestarted,
    ledger: Ledger,
    attributes: Mapping[str, Scalar],
    hooks: Sequence[CarriedHook],
    archive: Archive,
) -> RunRestarted:
    """Say which code the next chapter runs on (the active version if that binds the arguments) and
    what it takes over. Raises `PayloadTooLarge`.
    """
    assert ledger.created is not None
    assert ledger.version is not None
    template = await _template(restarted, ledger.version, ledger.created.workflow, archive)
    return replace(
        restarted,
        version=template.version,
        fingerprint=template.fingerprint,
        changes=template.changes,
        environment=archive.environment(template.version),
        carried=carry(attributes, hooks, limit=archive.limits.payload),
    )


async def _template(
    restarted: RunRestarted, present: VersionId, workflow: DefinitionId, archive: Archive
) -> Template:
    active = await archive.active_version()
    if active is not None and active != present:
        # One that has the workflow no more, or takes other arguments, is not for this run.
        with suppress(WfcError, TypeError, AttributeError, KeyError):
            template = await archive.template(active, workflow)
            args, kwargs = template.spread(template.decode_arguments(restarted.arguments))
            template.signature.bind(*args, **kwargs)
            return template
    return await archive.template(present, workflow)


async def ledger_at(
    run_id: RunId, chapter_at: int, created: RunCreated | None, archive: Archive
) -> Ledger:
    """Give a ledger that is about to read the event at `chapter_at`, which begins a chapter."""
    if chapter_at == 1:
        return Ledger()
    if created is None:
        (opening,) = await archive.history(run_id, 0, 1)
        assert isinstance(opening.event, RunCreated)
        created = opening.event
    (begins,) = await archive.history(run_id, chapter_at - 1, 1)
    assert isinstance(begins.event, RunRestarted)
    return Ledger.before(begins, created)
