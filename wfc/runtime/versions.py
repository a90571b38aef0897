"""Versions as their world knows them: registered, and listed with what they changed."""

from __future__ import annotations

import asyncio
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Final

from wfc.clock import to_datetime
from wfc.eventlog.event import Channel
from wfc.ids import DefinitionId, VersionId
from wfc.manifests.store import Version, to_archive
from wfc.runtime.answers import VersionSummary
from wfc.worlds.protocol import Environment, Note, VersionRow, World

_GIT: Final = ("git", "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12")
_GIT_S: Final = 5.0


async def register(
    world: World,
    version: Version,
    *,
    root: Path | None = None,
    label: str | None = None,
    activate: bool = True,
    actor: str | None = None,
    channel: Channel = Channel.RUNTIME,
) -> bool:
    """Register a build from this environment, and tell whether it is new to the world.

    A new one that nobody has labelled gets the git commit of `root`. What the world knows already
    is not written again. If it becomes active by this, that is noted as a deed of `actor`.
    """
    environment = here()
    row = next((row for row in await world.versions() if row.version == version.id), None)
    if row is not None and environment in row.environments and row.fingerprints is not None:
        return False
    if row is None and label is None and root is not None:
        label = await asyncio.to_thread(commit_of, root)
    return await world.register_version(
        version.id,
        to_archive(version),
        label=label,
        activate=activate,
        environment=environment,
        fingerprints=version.fingerprints,
        note=activation(version.id, actor, channel),
    )


def activation(version: VersionId, actor: str | None, channel: Channel) -> Note:
    """Say that a version has become the active one."""
    details = {"version": version}
    return Note(action="version.activated", actor=actor, channel=channel, details=details)


def here() -> Environment:
    """Say what this process runs on."""
    from importlib.metadata import version  # noqa: PLC0415 - slow to import, and asked for once

    return Environment(
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        wfc=version("wfc-durable"),
        platform=f"{sys.platform}-{platform.machine()}",
    )


def ran_in(environments: Iterable[Environment]) -> Mapping[str, str]:
    """Put what a version was registered on as comparisons take it: the Pythons and wfcs it met.

    Nothing is said if nobody said it. A version that workers of two Pythons share names both: where
    a new one names others, some run may come to a Python that it has never been on.
    """
    met = tuple(environments)
    if not met:
        return {}
    return {
        "python": ", ".join(sorted({one.python for one in met})),
        "wfc": ", ".join(sorted({one.wfc for one in met})),
    }


def commit_of(root: Path) -> str | None:
    """Name the git commit that `root` holds, ``-dirty`` if files differ from it, or None."""
    try:
        found = subprocess.run(  # noqa: S603 - fixed words
            _GIT, cwd=root, capture_output=True, text=True, check=True, timeout=_GIT_S
        )
    except (OSError, subprocess.SubprocessError):
        return None  # no git, no repository, no commit yet
    return found.stdout.strip() or None


async def list_versions(world: World) -> tuple[VersionSummary, ...]:
    """Describe every registered version, newest first, without reading archives."""
    rows, open_runs = await world.versions(), await world.open_runs()
    return tuple(
        _summary(row, before, open_runs.get(row.version, 0))
        for row, before in zip_longest(rows, rows[1:])
    )


def _summary(row: VersionRow, before: VersionRow | None, open_runs: int) -> VersionSummary:
    return VersionSummary(
        id=row.version,
        label=row.label,
        registered_at=to_datetime(row.registered_at),
        active=row.active,
        size=row.size,
        environments=row.environments,
        workflows=dict(row.fingerprints or {}),
        changed=None if before is None else _changed(row.fingerprints, before.fingerprints),
        open_runs=open_runs,
    )


def _changed(
    new: Mapping[DefinitionId, str] | None, old: Mapping[DefinitionId, str] | None
) -> tuple[DefinitionId, ...] | None:
    """Name the workflows that mean something else, or are in one of the two versions only."""
    if new is None or old is None:
        return None
    return tuple(sorted(name for name in {*new, *old} if new.get(name) != old.get(name)))
