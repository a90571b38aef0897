"""Versions as people name them, and their code: whatever this process has imported or built.

A version is read from the world's archive, so that a run can be replayed, forked or begun anew
where its sources are not.
"""

from __future__ import annotations

from wfc.errors import NoSuchWorkflow, VersionUnknown
from wfc.ids import DefinitionId, VersionId
from wfc.manifests.store import Version, from_archive
from wfc.runtime.client import Client
from wfc.runtime.sandbox import load_template
from wfc.runtime.template import Template
from wfc.runtime.version_names import active_version, version_named


async def version_to_begin_on(client: Client, wanted: str | None) -> Version:
    """Give the version that a new run begins on: the one asked for, else, as `start` does, the
    build of this process, or the world's active one where this process has no code.

    Raises `VersionUnknown`.
    """
    if wanted is not None:
        return await version_of(client, await version_named(client.world, wanted))
    if client.registry is not None:
        return client.registry.current
    return await version_of(client, await active_version(client.world))


async def version_of(client: Client, version: VersionId) -> Version:
    """Read a version. Raises `VersionUnknown`, `BundleBroken`, `BuildTooNew`."""
    if client.registry is not None:
        return await client.registry.version(client.world, version)
    archive = await client.world.version_archive(version)
    if archive is None:
        raise VersionUnknown(
            f"version {version} is not registered in {client.world.url}, so its code cannot be "
            "had.\nRegister its build again: check that commit out and start a worker."
        )
    return from_archive(archive)


async def template_of(client: Client, version: Version, workflow: DefinitionId) -> Template:
    """Load the code of a workflow; loaded templates are kept where this process has code.

    Raises `NoSuchWorkflow`, `BundleBroken`, `CompileError`.
    """
    fingerprint_of(version, workflow)
    if client.registry is None:
        return load_template(version, workflow)
    return await client.registry.template(client.world, version.id, workflow)


def fingerprint_of(version: Version, workflow: DefinitionId) -> str:
    """Name what a workflow means in a version. Raises `NoSuchWorkflow`."""
    fingerprint = version.fingerprints.get(workflow)
    if fingerprint is None:
        raise NoSuchWorkflow(
            f"version {version.id} holds no workflow {workflow}. It has: "
            f"{', '.join(sorted(version.fingerprints)) or 'none'}. If the file was added since "
            "the build, build again (`wfc build`)."
        )
    return fingerprint
