"""What `wfc diff` and `wfc check` compare: a version, a git ref, a manifest, the working tree."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

from wfc.cli.session import opened
from wfc.compiler.build import BuildResult, build
from wfc.compiler.findings import compile_error
from wfc.compiler.project import Project
from wfc.config import project_of
from wfc.errors import BundleBroken, InputInvalid, VersionUnknown
from wfc.manifests.findings import Spans
from wfc.manifests.manifest import Manifest
from wfc.manifests.store import (
    Version,
    from_archive,
    read_spans,
    read_version,
    spans_of_version,
)
from wfc.runtime.versions import ran_in
from wfc.settings import Loaded

HERE: Final = "."
_VERSION: Final = re.compile(r"[0-9a-f]{4,16}")
_GIT_S: Final = 120
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a comparison: what it means, and what helps to show it."""

    name: str
    """What it is called in output: the id of a version, a ref, a file."""
    manifest: Manifest
    spans: Spans = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    """What it was built on, as far as that is recorded."""
    version: Version | None = None
    """Its bundles, unless only the manifest is there."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Sources by path, for columns."""


def resolve(loaded: Loaded, asked: str) -> Side:
    """Find what `asked` names: `.`, a file or folder, a version, a git ref, a version of the world.

    Nothing is imported, and nothing is written but the caches of builds. Raises `VersionUnknown`,
    `ManifestBroken`, `InputInvalid` if a prefix fits several, `CompileError`.
    """
    if asked == HERE:
        result = build(project_of(loaded), out=loaded.out, check=True)
        return _built("the working tree", result)
    path = Path(asked)
    if path.is_file():
        return _of_file(path)
    if (path / "manifest.json").is_file():
        return side_of(asked, read_version(path), _environment(path))
    local = _local(loaded, asked)
    if local is not None:
        return side_of(local.name, read_version(local), _environment(local))
    commit = _commit(loaded.root, asked)
    if commit is not None:
        return _of_commit(loaded.root, asked, commit)
    registered = asyncio.run(_registered(loaded, asked)) if _VERSION.fullmatch(asked) else None
    if registered is not None:
        return registered
    raise VersionUnknown(_nothing(loaded, asked))


# --- builds -------------------------------------------------------------------------------------


def _built(name: str, result: BuildResult) -> Side:
    if result.version is None:
        raise compile_error(result.diagnostics, result.texts)
    side = side_of(name, result.version, {})
    return Side(
        name=name,
        manifest=side.manifest,
        spans=side.spans,
        environment={
            "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
            "wfc": metadata.version("wfc-durable"),
        },
        version=result.version,
        texts={**side.texts, **result.texts},
    )


def side_of(
    name: str, version: Version, environment: Mapping[str, Any] = MappingProxyType({})
) -> Side:
    """Take a version that is at hand for a side."""
    manifest = Manifest.parse(version.manifest, name=name)
    # Bundles keep every line of the source, so they do where the source is not kept.
    texts = {one.path: one.text for one in version.workflow.values()}
    for module, text in version.source.items():
        if module in version.workflow:
            texts[version.workflow[module].path] = text
    return Side(
        name=name,
        manifest=manifest,
        spans=spans_of_version(version),
        environment=environment,
        version=version,
        texts=texts,
    )


def _local(loaded: Loaded, asked: str) -> Path | None:
    """Find a version in the folder of builds by its id or a prefix that only it has."""
    if not _VERSION.fullmatch(asked):
        return None
    found = sorted((loaded.out / "versions").glob(f"{asked}*/manifest.json"))
    return _only(asked, {path.parent.name: path.parent for path in found})


def _only(asked: str, found: Mapping[str, _T]) -> _T | None:
    if len(found) > 1:
        listed = ", ".join(sorted(found)[:5])
        raise InputInvalid(f"{asked!r} is the beginning of several versions: {listed}")
    return next(iter(found.values()), None)


async def _registered(loaded: Loaded, asked: str) -> Side | None:
    """Find a version in the world, likewise."""
    async with opened(loaded) as session:
        rows = {row.version: row for row in await session.world.versions()}
        name = _only(asked, {one: one for one in rows if one.startswith(asked)})
        archive = await session.world.version_archive(name) if name else None
        if name is None or archive is None:
            return None
        return side_of(name, from_archive(archive), ran_in(rows[name].environments))


# --- files --------------------------------------------------------------------------------------


def _of_file(path: Path) -> Side:
    """Read a manifest or a baseline; positions and environment if they stand beside it."""
    manifest = Manifest.read(path)
    spans: Spans = {}
    with contextlib.suppress(BundleBroken):  # positions are a help, no more
        spans = read_spans(path.parent)
    return Side(
        name=str(path), manifest=manifest, spans=spans, environment=_environment(path.parent)
    )


def _environment(folder: Path) -> Mapping[str, Any]:
    try:
        found = json.loads((folder / "environment.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


# --- git ----------------------------------------------------------------------------------------


def _of_commit(root: Path, asked: str, commit: str) -> Side:
    """Build what stood in the project's folder at a commit, in a temporary folder."""
    with _archived(root, commit) as folder:
        return _built(asked, build(Project.at(folder), out=None))


@contextmanager
def _archived(root: Path, commit: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="wfc-ref-") as name:
        folder = Path(name)
        archive = folder / "archive.tar"
        made = _git(root, "archive", "--format=tar", f"--output={archive}", commit)
        if made is None:
            raise VersionUnknown(f"git could not give the files of {commit} below {root}")
        tree = folder / "tree"
        with tarfile.open(archive) as tar:
            for member in tar:
                _extract(tar, member, tree)
        archive.unlink()
        yield tree


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, tree: Path) -> None:
    """Write a file of an archive; links could lead out of it and are left out."""
    path = tree / member.name
    content = tar.extractfile(member) if member.isfile() else None
    if content is None or not path.resolve().is_relative_to(tree.resolve()):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with content, path.open("wb") as file:
        shutil.copyfileobj(content, file)


def _commit(root: Path, asked: str) -> str | None:
    """Give the commit that a ref names here, or None."""
    if asked.startswith("-"):
        return None  # git would take it for an option
    said = _git(root, "rev-parse", "--verify", "--quiet", f"{asked}^{{commit}}")
    return said.strip() if said else None


def _git(root: Path, *words: str) -> str | None:
    """Ask git; None if it refuses or is not there."""
    try:
        said = subprocess.run(  # noqa: S603 - fixed words, and a ref that is no option
            ["git", *words],  # noqa: S607 - the user's own git
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
            timeout=_GIT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return said.stdout if said.returncode == 0 else None


# --- nothing found ------------------------------------------------------------------------------


def _nothing(loaded: Loaded, asked: str) -> str:
    said = f"{asked!r} is no version, no git ref and no file"
    if (_git(loaded.root, "rev-parse", "--is-shallow-repository") or "").strip() == "true":
        return (
            f"{said}.\nThis clone is shallow, so git knows only a few commits.\n"
            "Fetch them all: `git fetch --unshallow`, or `fetch-depth: 0` for actions/checkout."
        )
    refs = (_git(loaded.root, "for-each-ref", "--format=%(refname:short)") or "").split()
    near = get_close_matches(asked, refs, n=3, cutoff=0.6)
    hint = f"Did you mean {', '.join(near)}?" if near else "`wfc versions` lists versions."
    return f"{said}.\n{hint}"
