"""What builds remember in their folder: the result of an unchanged tree, bundles of modules.

All of it may be lost, damaged or of another wfc at any time; then it is as if it had never been.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped] # the package ships no types

from wfc.compiler import cache, findings
from wfc.compiler.facts import Compiled, ModuleSource
from wfc.diagnostics import Diagnostic
from wfc.errors import BuildTooNew, BundleBroken
from wfc.ids import VersionId
from wfc.manifests.bundle import Bundle
from wfc.manifests.plain import bundle_from_plain, bundle_to_plain
from wfc.manifests.store import Version, read_version


class Kept:
    """The memory of the builds of one folder; of a build in memory, none."""

    def __init__(self, out: Path | None, *, may_write: bool) -> None:
        """Look into `out`; what is to be kept is dropped unless it may be written."""
        self._out = out
        self._may_write = may_write
        self._key = cache.compiler_key(())

    def result(self, state: bytes) -> tuple[Version, tuple[Diagnostic, ...]] | None:
        """Give what the last build gave, if the tree is in the same `state` and all is whole."""
        if self._out is None:
            return None
        entry = cache.read_or_none(self._out / "cache" / "last")
        found = cache.unseal(entry, self._key, state) if entry is not None else None
        if found is None:
            return None
        plain = msgpack.unpackb(found[1], unicode_errors="surrogatepass")
        try:
            version = read_version(self._out / "versions" / plain["version"])
        except (BundleBroken, BuildTooNew):
            return None
        return version, tuple(map(findings.from_plain, plain["diagnostics"]))

    def keep_result(
        self, identity: VersionId, plain: Sequence[Mapping[str, Any]], state: bytes
    ) -> None:
        """Keep the version and the findings (as dicts) that a tree in this `state` gave."""
        if self._out is not None and self._may_write:
            body = msgpack.packb(
                {"version": identity, "diagnostics": list(plain)}, unicode_errors="surrogatepass"
            )
            entry = cache.seal(self._key, state, bytes(8), body)
            cache.write_whole(self._out / "cache" / "last", entry)

    def bundles(
        self, source: ModuleSource, reached: tuple[str, ...]
    ) -> tuple[Bundle | None, Bundle | None] | None:
        """Give the step and workflow bundle that were made of the same text and reach."""
        if self._out is None:
            return None
        entry = cache.read_or_none(self._bundles_of(self._out, source))
        found = cache.unseal(entry, self._key, _short(source.sha256)) if entry else None
        if found is None or found[0] != _reach_digest(source, reached):
            return None
        step, workflow = msgpack.unpackb(found[1], unicode_errors="surrogatepass")
        return (
            bundle_from_plain(step) if step else None,
            bundle_from_plain(workflow) if workflow else None,
        )

    def keep_bundles(
        self, source: ModuleSource, reached: tuple[str, ...], compiled: Compiled
    ) -> None:
        """Keep the bundles of a module."""
        if self._out is not None and self._may_write:
            plain = [
                bundle_to_plain(one) if one is not None else None
                for one in (compiled.step, compiled.workflow)
            ]
            body = msgpack.packb(plain, unicode_errors="surrogatepass")
            reach = _reach_digest(source, reached)
            entry = cache.seal(self._key, _short(source.sha256), reach, body)
            cache.write_whole(self._bundles_of(self._out, source), entry)

    @staticmethod
    def _bundles_of(out: Path, source: ModuleSource) -> Path:
        return out / "cache" / "bundles" / source.name


def _short(sha256: str) -> bytes:
    return bytes.fromhex(sha256)[:8]


def _reach_digest(source: ModuleSource, reached: tuple[str, ...]) -> bytes:
    """Name what, besides its own text, decides how a module's bundles look."""
    stars = [f"{one.module} {one.whole} {' '.join(one.names)}" for one in source.stars]
    return hashlib.sha256("\n".join([source.path, *reached, *stars]).encode()).digest()[:8]
