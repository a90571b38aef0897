"""A version: all that one build produced, in memory, as a folder and as one archive.

The folder is for people and tools, the archive for the world's row; both are made of the same
tables, byte for byte equal for equal versions, and both are checked before anything is believed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import msgpack  # type: ignore[import-untyped] # the package ships no types

from wfc import fault
from wfc.determinism import Rules
from wfc.diagnostics import Place
from wfc.errors import BuildTooNew, BundleBroken, ConfigError, ManifestBroken, ManifestTooNew
from wfc.ids import DefinitionId, ModuleName, VersionId
from wfc.manifests.bundle import Bundle, Purpose
from wfc.manifests.plain import (
    bundle_from_plain,
    bundle_to_plain,
    rules_from_plain,
    rules_to_plain,
)
from wfc.manifests.spans import spans_of

COMPILER_FORMAT: Final = 2
"""Part of every version id: raised when equal sources compile to other bundles or manifests."""
ARCHIVE_FORMAT: Final = 1
SCHEMA: Final = "wfc.manifest/1.0"
BASELINE: Final = "wfc.baseline.json"
"""A manifest that is committed, beside `pyproject.toml`: what runs in flight were built from."""
VERSION_MAX_BYTES: Final = 64 * 1024 * 1024
_MAGIC: Final = b"wfcv"
_SURROGATES: Final = "surrogatepass"  # a text literal may hold one
_PURPOSES: Final = (Purpose.WORKFLOW, Purpose.STEP)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One build. `fingerprints` name what each workflow means; runs are pinned to them.

    `classes` are the names ``module:Qualname`` that payloads of this version may mention;
    `manifest` is the text of ``manifest.json``.
    """

    id: VersionId
    workflow: Mapping[ModuleName, Bundle]
    step: Mapping[ModuleName, Bundle]
    source: Mapping[ModuleName, str] = field(default_factory=dict)
    fingerprints: Mapping[DefinitionId, str] = field(default_factory=dict)
    classes: frozenset[str] = frozenset()
    rules: Rules = field(default_factory=Rules)
    manifest: str = ""


def version_id(rules: Rules, sources: Mapping[ModuleName, str]) -> VersionId:
    """Name a build by compiler format, rules and the hash of each module's source."""
    named = {
        "format": COMPILER_FORMAT,
        "rules": rules_to_plain(rules),
        "sources": dict(sorted(sources.items())),
    }
    return VersionId(hashlib.sha256(compact(named)).hexdigest()[:16])


def compact(value: Any) -> bytes:
    """Give the one compact JSON form over which digests are taken."""
    return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()


def readable(value: Any) -> str:
    """Give JSON as files hold it: sorted keys, one fact a line, LF at the end."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, indent=1) + "\n"


def bundle_digest(bundle: Bundle) -> str:
    """Give the digest of a bundle, text and tables."""
    return hashlib.sha256(compact(bundle_to_plain(bundle))).hexdigest()


# --- one archive -------------------------------------------------------------------------------


def to_archive(version: Version) -> bytes:
    """Make the bytes that a world keeps: equal versions give equal bytes."""
    body: bytes = msgpack.packb(_version_to_plain(version), unicode_errors=_SURROGATES)
    head = _MAGIC + bytes([ARCHIVE_FORMAT])
    return head + hashlib.sha256(head + body).digest() + body


def from_archive(data: bytes) -> Version:
    """Read what `to_archive` made; `BundleBroken` if it is damaged, `BuildTooNew` if too new."""
    head = len(_MAGIC) + 1 + 32
    if len(data) < head or data[: len(_MAGIC)] != _MAGIC:
        raise BundleBroken("the archive of a version is cut short or is none; register it again")
    if data[len(_MAGIC)] > ARCHIVE_FORMAT:
        raise BuildTooNew(
            f"the archive has format {data[len(_MAGIC)]}, this wfc reads {ARCHIVE_FORMAT}; "
            "a newer wfc wrote it, so run the worker with that one"
        )
    body = data[head:]
    digest = hashlib.sha256(data[: len(_MAGIC) + 1] + body).digest()
    if digest != data[len(_MAGIC) + 1 : head]:
        raise BundleBroken("the archive of a version fails its checksum; register it again")
    return _checked(
        "the archive",
        lambda: _version_from_plain(msgpack.unpackb(body, unicode_errors=_SURROGATES)),
    )


# --- a folder ----------------------------------------------------------------------------------


def write_version(
    version: Version,
    out: Path,
    *,
    environment: Mapping[str, Any] | None = None,
    diagnostics: Iterable[Mapping[str, Any]] = (),
) -> Path:
    """Write `out`/versions/ID and give that folder; nothing under a final name is ever half.

    All is written to a folder beside it, which is then renamed. A version that stands there
    already has the same content, and only its environment and diagnostics are written anew. Raises
    `ConfigError` if nothing can be written to `out`.
    """
    with _writing_to(out):
        return _write_version(version, out, environment or {}, diagnostics)


def _write_version(
    version: Version,
    out: Path,
    environment: Mapping[str, Any],
    diagnostics: Iterable[Mapping[str, Any]],
) -> Path:
    folder = out / "versions" / version.id
    told = {
        "environment.json": readable(dict(environment)),
        "diagnostics.json": readable(list(diagnostics)),
    }
    if _is_whole(folder, version):
        for name, text in told.items():
            _replace(folder / name, text)
        return folder
    fresh = folder.with_name(f"{version.id}.tmp.{os.getpid()}")
    _remove(fresh)
    for name, text in {**_files(version), **told}.items():
        path = fresh / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", _SURROGATES))
    fault.point("version.written")
    _remove(folder)
    try:
        fresh.rename(folder)
    except OSError:
        # Another process was faster with the same content.
        _remove(fresh)
        if not _is_whole(folder, version):
            raise
    fault.point("version.published")
    return folder


def set_current(out: Path, version: VersionId) -> None:
    """Name the active build; the last thing a build does, so an interrupted one changes nothing.

    Raises `ConfigError` if it cannot be written.
    """
    fault.point("current.replacing")
    with _writing_to(out):
        _replace(out / "current", f"{version}\n")
    fault.point("current.replaced")


def current_version(out: Path) -> VersionId | None:
    """Give the id of the build that `out` holds last, or None."""
    try:
        text = (out / "current").read_text("ascii").strip()
    except (OSError, UnicodeError):
        return None
    return VersionId(text) if text else None


def read_version(folder: Path) -> Version:
    """Read the folder of a version; `BundleBroken` if anything in it is not its manifest's."""
    text = read_text(folder / "manifest.json")
    manifest = _parsed(text, f"{folder}/manifest.json")

    def read() -> Version:
        bundles: dict[Purpose, dict[ModuleName, Bundle]] = {purpose: {} for purpose in _PURPOSES}
        for module_name, module in manifest["modules"].items():
            for purpose, digest in module["bundles"].items():
                bundle = _read_bundle(folder, Purpose(purpose), module_name)
                if bundle_digest(bundle) != digest:
                    raise ManifestBroken(
                        f"{folder}/manifest.json: `modules.{module_name}.bundles.{purpose}` is not "
                        "the digest of the bundle that stands beside it; build again"
                    )
                bundles[Purpose(purpose)][ModuleName(module_name)] = bundle
        sources = {
            ModuleName(path.name.removesuffix(".py")): _read(path)
            for path in sorted((folder / "source").glob("*.py"))
        }
        return Version(
            id=VersionId(manifest["version"]),
            workflow=bundles[Purpose.WORKFLOW],
            step=bundles[Purpose.STEP],
            source=sources,
            fingerprints={
                DefinitionId(name): workflow["fingerprints"]["f1"]
                for name, workflow in manifest["workflows"].items()
            },
            classes=frozenset(manifest["classes"]),
            rules=rules_from_plain(manifest["rules"]),
            manifest=text,
        )

    return _checked(str(folder), read)


def recorded_classes(path: Path) -> tuple[str, ...]:
    """Give the ids of the classes that payloads may name, by the manifest or baseline `path`.

    Raises `ManifestBroken` and `ManifestTooNew`.
    """
    classes = _parsed(read_text(path), str(path)).get("classes")
    if not isinstance(classes, dict):
        raise ManifestBroken(f"{path}: `classes` is missing; build, or write the baseline, again")
    return tuple(sorted(classes))


def _parsed(text: str, name: str) -> Any:
    try:
        manifest = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ManifestBroken(f"{name}: the document is no JSON: {error}") from error
    check_schema(manifest, name)
    return manifest


def check_schema(manifest: Any, name: str) -> None:
    """Refuse what is no manifest, or one of a newer major; `name` is its file. WFC683."""
    schema = manifest.get("schema") if isinstance(manifest, dict) else None
    kind, _, number = schema.partition("/") if isinstance(schema, str) else ("", "", "")
    major = number.partition(".")[0]
    if kind != SCHEMA.partition("/")[0] or not major.isdigit():
        raise ManifestBroken(f"{name}: `schema` is {schema!r}, which is no manifest's")
    if int(major) > int(SCHEMA.partition("/")[2].partition(".")[0]):
        raise ManifestTooNew(
            f"{name}: `schema` is {schema!r}, written by a newer wfc, and this one reads "
            f"{SCHEMA!r}; use that wfc"
        )


def read_text(path: Path) -> str:
    """Read the file of a manifest. Raises `ManifestBroken` (WFC683) with its name."""
    try:
        return _read(path)
    except BundleBroken as error:
        raise ManifestBroken(str(error)) from error


def _files(version: Version) -> dict[str, str]:
    files = {"manifest.json": version.manifest, "spans.json": readable(_spans(version))}
    for purpose, bundles in ((Purpose.WORKFLOW, version.workflow), (Purpose.STEP, version.step)):
        for name, bundle in bundles.items():
            plain = bundle_to_plain(bundle)
            files[f"{purpose}/{name}.py"] = plain.pop("text")
            files[f"{purpose}/{name}.json"] = readable(plain)
    for name, text in version.source.items():
        files[f"source/{name}.py"] = text
    return files


def spans_of_version(version: Version) -> dict[str, Place]:
    """Map everything that the manifest of a version names to where it stands."""
    plain = json.loads(version.manifest) if version.manifest else {}
    sites = [name for one in plain.get("workflows", {}).values() for name in one.get("sites", ())]
    return spans_of((*version.step.values(), *version.workflow.values()), sites)


def read_spans(folder: Path) -> dict[str, Place]:
    """Read `spans.json` of the folder of a version; builds before full sites had fewer keys."""
    path = folder / "spans.json"
    return _checked(
        str(path), lambda: {name: Place(*one) for name, one in json.loads(_read(path)).items()}
    )


def _spans(version: Version) -> dict[str, Any]:
    return {name: list(astuple(place)) for name, place in spans_of_version(version).items()}


def _is_whole(folder: Path, version: Version) -> bool:
    if not folder.is_dir():
        return False
    try:
        return to_archive(read_version(folder)) == to_archive(version)
    except (BundleBroken, BuildTooNew):
        return False


def _read_bundle(folder: Path, purpose: Purpose, name: str) -> Bundle:
    plain = json.loads(_read(folder / purpose / f"{name}.json"))
    return bundle_from_plain({**plain, "text": _read(folder / purpose / f"{name}.py")})


def _read(path: Path) -> str:
    try:
        data = path.read_bytes() if path.stat().st_size <= VERSION_MAX_BYTES else None
    except OSError as error:
        raise BundleBroken(
            f"{path} cannot be read ({error.strerror}); the build is not whole, build again"
        ) from error
    if data is None:
        raise BundleBroken(
            f"{path} is larger than {VERSION_MAX_BYTES} bytes, which no build writes"
        )
    try:
        return data.decode("utf-8", _SURROGATES)
    except UnicodeDecodeError as error:
        raise BundleBroken(f"{path} is not UTF-8; build again") from error


@contextmanager
def _writing_to(out: Path) -> Iterator[None]:
    """Say which folder it was that could not be written to. Raises `ConfigError` then."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"the build cannot be written to {out}: {error.strerror or error}. Name a folder that "
            "can be written to by `--out`, or by `out` in [tool.wfc]."
        ) from error


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.tmp.{os.getpid()}")
    beside.write_bytes(text.encode("utf-8", _SURROGATES))
    beside.replace(path)


def _remove(folder: Path) -> None:
    if not folder.exists():
        return
    import shutil  # noqa: PLC0415 - only when something stands in the way

    shutil.rmtree(folder)


def _checked(what: str, read: Callable[[], _T]) -> _T:
    """Read, and let whatever shape is missing be a broken bundle instead of a traceback."""
    try:
        return read()
    except (KeyError, TypeError, ValueError, AttributeError, msgpack.UnpackException) as error:
        raise BundleBroken(
            f"{what} does not hold what a build writes ({type(error).__name__}: {error}); "
            "build and register again"
        ) from error


# --- tables ------------------------------------------------------------------------------------


def _version_to_plain(version: Version) -> dict[str, Any]:
    return {
        "classes": sorted(version.classes),
        "fingerprints": dict(sorted(version.fingerprints.items())),
        "id": version.id,
        "manifest": version.manifest,
        "rules": rules_to_plain(version.rules),
        "source": dict(sorted(version.source.items())),
        "step": [bundle_to_plain(one) for _, one in sorted(version.step.items())],
        "workflow": [bundle_to_plain(one) for _, one in sorted(version.workflow.items())],
    }


def _version_from_plain(plain: Mapping[str, Any]) -> Version:
    workflow = [bundle_from_plain(one) for one in plain["workflow"]]
    step = [bundle_from_plain(one) for one in plain["step"]]
    return Version(
        id=VersionId(plain["id"]),
        workflow={bundle.module: bundle for bundle in workflow},
        step={bundle.module: bundle for bundle in step},
        source=dict(plain["source"]),
        fingerprints=dict(plain["fingerprints"]),
        classes=frozenset(plain["classes"]),
        rules=rules_from_plain(plain["rules"]),
        manifest=plain["manifest"],
    )
