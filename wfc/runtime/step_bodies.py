"""Which version's body runs a step that a run has asked for.

The active version comes first, then the others from the newest on, down to the run's own: the first
whose body can be had here, takes the recorded arguments, and returns what the run's code can read.
The run's own always does.

A worker tries no version that is newer than its own build (but for the run's own): the helpers and
packages around a body are those of this process, and new code among old files is what nobody has
tested. So workers of an old build go on as they were until they are replaced, though the new one is
active from its first registration on; and a rollback that deploys the old build again needs no
other act. An older body among newer files is what any run in flight has to live with.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Final

from wfc.errors import BuildTooNew, BundleBroken, StepUnknown, VersionUnknown, WorldError
from wfc.ids import DefinitionId, VersionId
from wfc.manifests.results import Results
from wfc.runtime.registry import Registry
from wfc.runtime.step_body import StepBody
from wfc.worlds.protocol import VersionRow, World

_LOG: Final = logging.getLogger("wfc.worker")
_LOOK_S: Final = 15.0
_PAUSE_S: Final = 1.0
OUT_OF_REACH: Final = (StepUnknown, VersionUnknown, BundleBroken, BuildTooNew)
"""Why the code of a version cannot be had here."""


class StepBodies:
    """Finds bodies for one worker, which tells it what the world has registered."""

    def __init__(self, registry: Registry, world: World) -> None:
        """Know of the worker's own build alone, until `refresh`."""
        self._registry = registry
        self._world = world
        self._rows: list[VersionId] = []
        self._active: VersionId | None = None
        self._followed: VersionId | None = None
        """The active version, unless it is newer than the worker's own build."""
        self._results: dict[VersionId, Results] = {}
        self._read: dict[tuple[DefinitionId, VersionId, VersionId], bool] = {}

    @property
    def version_id(self) -> VersionId:
        """The version of the imported code."""
        return self._registry.version_id

    # -- what is registered

    async def follow(self) -> None:
        """Keep up with what is registered and activated, until cancelled."""
        watch = self._world.watch("versions")
        try:
            while True:
                await watch.changed(_LOOK_S)
                try:
                    await self.refresh()
                except WorldError as error:
                    _LOG.debug("the versions cannot be read now: %s", error)
                await asyncio.sleep(_PAUSE_S)
        finally:
            watch.close()

    async def refresh(self) -> None:
        """Read what is registered. Raises `WorldError`."""
        rows: list[VersionRow] = await self._world.versions()
        self._rows = [row.version for row in rows]
        before, self._active = self._active, next((r.version for r in rows if r.active), None)
        self._followed = None if self._is_newer(self._active) else self._active
        if self._active not in {before, self.version_id}:
            _LOG.info(
                "the active version is %s and this worker is %s: %s",
                self._active,
                self.version_id,
                "older, so its step bodies are preferred"
                if self._followed
                else "newer, so this worker keeps to its own step bodies",
            )

    def _is_newer(self, version: VersionId | None) -> bool:
        """Tell whether a version was registered after this worker's own build."""
        if version not in self._rows or self.version_id not in self._rows:
            return False
        return self._rows.index(version) < self._rows.index(self.version_id)

    # -- finding a body

    async def body(
        self, step: DefinitionId, version: VersionId, arguments: bytes | None
    ) -> StepBody:
        """Give the body for a call that a run of `version` recorded; the step, and its parameters,
        may have other names by now.

        Raises `StepUnknown`, `VersionUnknown`, `BundleBroken` or `BuildTooNew` if no code that
        could take it can be had here, and `WorldError`.
        """
        if version == self.version_id and self._followed in {None, version}:
            return self._registry.step(step)
        if version not in self._rows:
            # Registered since the last look, perhaps a moment ago: a run that was just moved there
            # would get the body of before, with the very mistake that it was moved for.
            await self.refresh()
        problem: Exception = StepUnknown(f"no version of step {step} can be had here")
        for candidate in self._candidates(version):
            try:
                body = await self._had(step, candidate)
            except OUT_OF_REACH as error:
                problem = error if candidate == version else problem
                continue
            if candidate == version or await self._fits(
                step, body, (candidate, version), arguments
            ):
                return body
        raise problem

    def _candidates(self, version: VersionId) -> Iterator[VersionId]:
        """Give the versions to try for a run of `version`, each once."""
        own = self.version_id
        if self._registry.pin_steps:
            yield version
            return
        tried: set[VersionId | None] = {None}
        for candidate in (*self._preferred(version), version, own):
            if candidate is not None and candidate not in tried:
                tried.add(candidate)
                yield candidate

    def _preferred(self, version: VersionId) -> Iterator[VersionId | None]:
        rows, own = self._rows, self.version_id
        yield self._followed
        newest = rows.index(own) if own in rows else 0
        oldest = rows.index(version) if version in rows else len(rows) - 1
        if own not in rows:
            yield own  # nobody has registered it, as in a test: it is the newest there is
        yield from rows[newest : oldest + 1]

    async def _had(self, step: DefinitionId, version: VersionId) -> StepBody:
        if version == self.version_id:
            return self._registry.step(step)
        return self._registry.older_step(await self._registry.version(self._world, version), step)

    async def _fits(
        self,
        step: DefinitionId,
        body: StepBody,
        versions: tuple[VersionId, VersionId],
        arguments: bytes | None,
    ) -> bool:
        """Tell whether the body that one version has for a recorded step takes the call, and a run
        of the other what it returns.
        """
        if arguments is not None and not body.accepts(arguments):
            return False
        key = step, *versions
        known = self._read.get(key)
        if known is None:
            try:
                theirs, mine = [await self._told(version) for version in versions]
            except OUT_OF_REACH:
                return True  # the run's own code cannot be had, so there is nothing better
            known = self._read[key] = mine.take(theirs, step)
        return known

    async def _told(self, version: VersionId) -> Results:
        found = self._results.get(version)
        if found is None:
            known = await self._registry.version(self._world, version)
            found = self._results[version] = Results(known)
        return found
