"""A run as a file that can be read, and replayed, where its world is not.

JSON Lines: a header with the versions that the run was on, then one event a line, whose `body` are
the bytes of the log. `docs/exported-runs.md` describes it, `docs/schema/history-1.json` is its
schema.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

from wfc import codec
from wfc.errors import InputInvalid, LogTooNew, RunNotFound, WfcError
from wfc.eventlog import wire
from wfc.eventlog.event import BY_CODE, Event, Recorded, RunCreated
from wfc.ids import DefinitionId, RunId, VersionId
from wfc.manifests.store import from_archive
from wfc.runtime.logs import chapters_of, read_log, uncompared, version_in_force
from wfc.runtime.version_cache import present_id
from wfc.worlds.protocol import NewRun, World

FORMAT: Final = 1
KIND: Final = "wfc.history"
SUFFIX: Final = ".jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One run in a file: its log, and the archives of its versions as far as they were held."""

    run_id: RunId
    log: Sequence[Recorded]
    archives: Mapping[VersionId, bytes] = field(default_factory=dict)
    redacted: tuple[str, ...] = ()

    @property
    def created(self) -> RunCreated:
        """How the run began."""
        created = self.log[0].event
        assert isinstance(created, RunCreated)
        return created

    @property
    def version(self) -> VersionId:
        """The version that the run is on."""
        return version_in_force(chapters_of(self.log)[-1])


async def export(world: World, run_id: RunId) -> Exported:
    """Read a run and its versions. Raises `RunNotFound`, `CorruptEvent`, `LogTooNew`."""
    log = await read_log(world, run_id)
    archives: dict[VersionId, bytes] = {}
    for chapter in chapters_of(log):
        version = version_in_force(chapter)
        archive = await world.version_archive(version)
        if archive is not None:
            archives[version] = archive
    return Exported(run_id=run_id, log=log, archives=archives)


async def load(exported: Exported, world: World) -> None:
    """Write an exported run, and its versions, into a world that has none of this id."""
    for version, archive in exported.archives.items():
        await world.register_version(version, archive)
    times = tuple(one.recorded_at for one in exported.log)
    events = [one.event for one in exported.log]
    await world.append(exported.run_id, events, guard=NewRun(recorded_at=times))


# --- writing -----------------------------------------------------------------------------------


def lines_of(exported: Exported, now: datetime | None = None) -> Iterator[str]:
    """Give the lines of the file."""
    created = exported.created
    yield json.dumps({
        "format": FORMAT,
        "kind": KIND,
        "run": exported.run_id,
        "workflow": created.workflow,
        "version": created.version,
        "events": len(exported.log),
        "exported_at": (now or datetime.now(UTC)).isoformat(timespec="seconds"),
        "redacted": list(exported.redacted),
        "manifest": _manifest_of(exported, created.workflow),
        "versions": {name: _text(data) for name, data in exported.archives.items()},
    })  # fmt: skip
    for one in exported.log:
        about = getattr(one.event, "operation_id", None)
        yield json.dumps({
            "position": one.position,
            "recorded_at": one.recorded_at,
            "name": one.event.name,
            **({} if about is None else {"operation_id": about}),
            "body": _text(wire.encode(one.recorded_at, one.event)),
        })  # fmt: skip


def _manifest_of(exported: Exported, workflow: DefinitionId) -> Any:
    """Give what the manifest of the run's version says of its workflow, if it is held."""
    archive = exported.archives.get(exported.version)
    if archive is None:
        return None
    version = from_archive(archive)
    present = present_id(version, workflow)
    return json.loads(version.manifest or "{}").get("workflows", {}).get(present)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


# --- reading -----------------------------------------------------------------------------------


def read(path: Path) -> Exported:
    """Read the file of one run. Raises `RunNotFound`, `InputInvalid`, `LogTooNew`, `CorruptEvent`,
    each naming the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise RunNotFound(f"there is no file {path}. `wfc export RUN` writes one.") from None
    except (OSError, ValueError) as problem:  # a path may hold what no file name can
        raise InputInvalid(f"{path} cannot be read: {problem}") from None
    header = _object(path, 1, lines[0] if lines else "")
    if header.get("kind") != KIND or not isinstance(header.get("format"), int):
        raise InputInvalid(f"{path}:1: this is no exported run. `wfc export RUN` writes one.")
    if header["format"] > FORMAT:
        raise LogTooNew(
            f"{path}:1: the file has format {header['format']}, and this wfc reads {FORMAT}. A "
            "newer wfc wrote it; read it with that one."
        )
    try:
        run_id, count = RunId(header["run"]), header["events"]
        archives = {VersionId(key): _bytes(text) for key, text in header["versions"].items()}
        redacted = tuple(header["redacted"])
    except (KeyError, TypeError, AttributeError, ValueError) as problem:
        raise _damaged(path, 1, problem) from None
    log = [_recorded(path, number, line, run_id) for number, line in enumerate(lines[1:], 2)]
    if len(log) != count or not log or not isinstance(log[0].event, RunCreated):
        raise InputInvalid(
            f"{path}:{len(lines)}: the file was cut short: it holds {len(log)} events of {count}."
        )
    return Exported(run_id=run_id, log=log, archives=archives, redacted=redacted)


def _recorded(path: Path, number: int, line: str, run_id: RunId) -> Recorded:
    found = _object(path, number, line)
    try:
        body = _bytes(found["body"])
    except (KeyError, TypeError, ValueError) as problem:
        raise _damaged(path, number, problem) from None
    return wire.decode(body, run_id=run_id, position=number - 1)


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as problem:
        raise _damaged(path, number, problem) from None
    if not isinstance(found, dict):
        raise _damaged(path, number, "it is no object")
    return cast("dict[str, Any]", found)


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as problem:
        raise ValueError(str(problem)) from None


def _damaged(path: Path, number: int, problem: object) -> InputInvalid:
    return InputInvalid(
        f"{path}:{number}: this line is none of an exported run: {problem}.\n"
        "Export the run again; a file that was edited by hand cannot be trusted."
    )


# --- redaction ---------------------------------------------------------------------------------


def redact(exported: Exported, paths: Sequence[str]) -> tuple[Exported, frozenset[str]]:
    """Black out what stands at `paths`, and give those that the run has nothing at.

    A path is ``[EVENT.]FIELD[.KEY...]``: ``arguments.card``, ``step_completed.output.token``,
    ``changes.email``; ``*`` is any key. Calls whose arguments change are compared no more.
    """
    met: set[str] = set()
    log = []
    for one in exported.log:
        event = one.event
        for path in paths:
            found = _blacked_out(event, path.split("."))
            if found is not event:
                met.add(path)
                event = found
        log.append(replace(one, event=event))
    kept = (*exported.redacted, *(path for path in paths if path in met))
    return replace(exported, log=log, redacted=kept), frozenset(paths) - met


_NAMES: Final = frozenset(kind.name for kind in BY_CODE.values())


def _blacked_out(event: Any, path: Sequence[str]) -> Any:
    created = getattr(event, "created", None)
    if isinstance(created, Event):
        found = _blacked_out(created, path)
        if found is not created:
            event = replace(event, created=found)
    if path[0] in _NAMES:
        if path[0] != event.name or len(path) == 1:
            return event
        path = path[1:]
    if path[0] not in {each.name for each in fields(event)}:
        return event
    value = getattr(event, path[0])
    found = _field_out(path[0], value, path[1:])
    if found is value:
        return event
    changed = replace(event, **{path[0]: found})
    return uncompared(changed) if path[0] == "arguments" else changed


def _field_out(name: str, value: Any, place: Sequence[str]) -> Any:
    if isinstance(value, bytes) and name in _PAYLOADS:
        if name == "error":
            return codec.encode_error(WfcError(codec.REDACTED)) if not place else value
        return codec.redacted(value, place) or value
    if isinstance(value, Mapping):
        names: Iterable[str] = value if not place or place[0] == "*" else place[:1]
        known = {key: codec.REDACTED for key in names if key in value}
        return {**value, **known} if known else value
    if isinstance(value, str) and name in _TEXTS and not place:
        return codec.REDACTED
    return value


_PAYLOADS: Final = frozenset(
    {"arguments", "carried", "error", "metadata", "output", "payload", "response", "schema"}
)
_TEXTS: Final = frozenset({"actor", "reason", "token", "url"})
"""Fields of plain text that may be blacked out; the others hold the log together."""
