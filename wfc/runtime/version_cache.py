"""Versions and loaded workflows of one process: those at hand, and others read from the world.

What was used last is kept, so that a process that meets many versions does not grow for ever.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator

from wfc.errors import (
    BundleUnloadable,
    CompileError,
    EffectInWorkflow,
    NoSuchWorkflow,
    VersionUnknown,
)
from wfc.ids import DefinitionId, VersionId
from wfc.manifests.rename_hints import hints_in
from wfc.manifests.store import Version, from_archive
from wfc.runtime.sandbox import load_template
from wfc.runtime.template import Template
from wfc.worlds.protocol import World


class VersionCache:
    """The last `size` versions and templates that were asked for, and all that were pinned."""

    def __init__(self, size: int, heard: Callable[[Version], object] | None = None) -> None:
        """Begin empty; `heard` is told of every version that becomes known."""
        self._size = size
        self._heard = heard
        self._pinned: dict[VersionId, Version] = {}
        self._others: OrderedDict[VersionId, Version] = OrderedDict()
        self._templates: OrderedDict[tuple[VersionId, DefinitionId], Template] = OrderedDict()

    def pin(self, version: Version) -> None:
        """Know a version that the world need not hold, for good."""
        self._pinned.setdefault(version.id, version)

    def add(self, version: Version) -> None:
        """Make a version known until others were used more lately."""
        if version.id in self._pinned:
            return
        self._others[version.id] = version
        self._others.move_to_end(version.id)
        if len(self._others) > self._size:
            self._others.popitem(last=False)
        if self._heard is not None:
            self._heard(version)

    def known(self) -> Iterator[Version]:
        """Give the versions that are at hand, the pinned ones first."""
        yield from self._pinned.values()
        yield from self._others.values()

    async def version(self, world: World, version: VersionId) -> Version:
        """Give a version, from the world if need be. Raises `VersionUnknown`, `BundleBroken`,
        `BuildTooNew`.
        """
        known = self._pinned.get(version)
        if known is not None:
            return known
        known = self._others.get(version)
        if known is not None:
            self._others.move_to_end(version)
            return known
        archive = await world.version_archive(version)
        if archive is None:
            raise VersionUnknown(
                f"version {version} is not registered in {world.url}, so its runs cannot be "
                "executed here. Register its build again (`wfc versions register` at that "
                "commit), then free the run with `wfc doctor --unblock RUN`."
            )
        found = from_archive(archive)
        self.add(found)
        return found

    async def template(self, world: World, version: VersionId, workflow: DefinitionId) -> Template:
        """Give what executions of a workflow are made from, by the id that it has or had.

        Raises `BundleUnloadable` and what `version` raises.
        """
        key = version, workflow
        template = self._templates.get(key)
        if template is None:
            found = await self.version(world, version)
            template = self._templates[key] = _loaded(found, workflow)
            while len(self._templates) > self._size:
                self._templates.popitem(last=False)
        else:
            self._templates.move_to_end(key)
        return template


def workflow_in(version: Version, workflow: DefinitionId) -> DefinitionId:
    """Give the id that a workflow has in a version. Raises `NoSuchWorkflow` if it has none."""
    present = present_id(version, workflow)
    if present not in version.fingerprints:
        raise NoSuchWorkflow(
            f"version {version.id} holds no workflow {workflow}. It has: "
            f"{', '.join(sorted(version.fingerprints)) or 'none'}. If the file was added since "
            "the build, build again (`wfc build`)."
        )
    return present


def present_id(version: Version, workflow: DefinitionId) -> DefinitionId:
    """Give the id of a workflow in a version that may have renamed it."""
    if workflow in version.fingerprints:
        return workflow
    return DefinitionId(hints_in(version.manifest).definition(workflow))


def _loaded(version: Version, workflow: DefinitionId) -> Template:
    """Load a template; what keeps it from being loaded here concerns its runs, and no others."""
    try:
        return load_template(version, present_id(version, workflow))
    except (CompileError, EffectInWorkflow) as error:
        raise BundleUnloadable(
            f"the bundle of {workflow} in version {version.id} cannot be loaded here: "
            f"{type(error).__name__}: {error}\n"
            "Its runs wait: nothing was changed. They need the packages and the Python that the "
            "version was built for; give a worker those, or move the runs to newer code, then "
            "free them with `wfc doctor --unblock RUN`."
        ) from error
