"""The code that upgrades look at: versions of a world, and how two of them differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wfc.diagnostics import Place
from wfc.ids import DefinitionId, Site, VersionId
from wfc.manifests.store import Version, spans_of_version
from wfc.runtime.registry import Registry
from wfc.runtime.template import Template
from wfc.runtime.version_cache import VersionCache, present_id
from wfc.runtime.version_names import active_version, version_named
from wfc.worlds.protocol import World

if TYPE_CHECKING:
    # Pydantic is heavy, and a worker that upgrades nothing does without it.
    from wfc.manifests.compare import Compared
    from wfc.manifests.manifest import Manifest

_TEMPLATES_MAX: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What lies between two versions for one workflow: the static half of a verdict."""

    workflow: DefinitionId | None
    """Its id in the new version; None if it is gone."""
    compared: Compared
    changes: tuple[str, ...]
    """The markers that the new version knows."""
    fingerprint: str
    depends_alike: bool
    old_sites: tuple[Site, ...]
    old_spans: Mapping[str, Place]
    new_spans: Mapping[str, Place]


class Codebase:
    """Versions, templates and comparisons, each made once and kept for a while."""

    def __init__(self, world: World, registry: Registry | None = None) -> None:
        """Look into `world`; what `registry` has read already is not read again."""
        self.world = world
        self._cache = VersionCache(_TEMPLATES_MAX) if registry is None else registry.versions
        self._manifests: dict[VersionId, Manifest] = {}
        self._edits: dict[tuple[VersionId, VersionId], dict[DefinitionId, Edit]] = {}

    def add(self, version: Version) -> None:
        """Know a version that is at hand."""
        self._cache.pin(version)

    async def named(self, wanted: str | None) -> VersionId:
        """Find a version by its id, the beginning of it, or its label; None: the active one.

        Raises `VersionUnknown`, `AmbiguousName`.
        """
        if wanted is not None:
            return await version_named(self.world, wanted)
        return await active_version(self.world)

    async def version(self, version: VersionId) -> Version:
        """Read a version. Raises `VersionUnknown`, `BundleBroken`, `BuildTooNew`."""
        return await self._cache.version(self.world, version)

    async def template(self, version: VersionId, workflow: DefinitionId) -> Template:
        """Load the code of a workflow, by the id that it has there or had before.

        Raises `BundleUnloadable` and what `version` raises.
        """
        return await self._cache.template(self.world, version, workflow)

    async def edit(self, old: VersionId, new: VersionId, workflow: DefinitionId) -> Edit | None:
        """Compare two versions for one workflow; None if the old one does not hold it."""
        key = old, new
        edits = self._edits.get(key)
        if edits is None:
            edits = self._edits[key] = await self._compared(old, new)
        return edits.get(present_id(await self.version(old), workflow))

    async def _compared(self, old: VersionId, new: VersionId) -> dict[DefinitionId, Edit]:
        from wfc.manifests.compare import compare  # noqa: PLC0415 - see the top

        one, two = await self.version(old), await self.version(new)
        before, after = await self.manifest(old), await self.manifest(new)
        old_spans, new_spans = spans_of_version(one), spans_of_version(two)
        comparison = compare(before, after, old_spans=old_spans, new_spans=new_spans)
        edits: dict[DefinitionId, Edit] = {}
        for name, compared in comparison.workflows.items():
            present = None if compared.new is None else DefinitionId(compared.new)
            edits[DefinitionId(name)] = Edit(
                workflow=present,
                compared=compared,
                changes=after.workflows[present].changes if present is not None else (),
                fingerprint="" if present is None else two.fingerprints[present],
                depends_alike=before.depends == after.depends,
                old_sites=tuple(map(Site, before.workflows[name].sites)),
                old_spans=old_spans,
                new_spans=new_spans,
            )
        return edits

    async def manifest(self, version: VersionId) -> Manifest:
        """Read the manifest of a version. Raises what `version` does, and `ManifestBroken`."""
        known = self._manifests.get(version)
        if known is None:
            from wfc.manifests.manifest import Manifest  # noqa: PLC0415 - see the top

            text = (await self.version(version)).manifest
            known = self._manifests[version] = Manifest.parse(text)
        return known
