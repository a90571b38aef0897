"""Names of things: runs, operations, versions. Randomness and time come in as arguments."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import NewType

RunId = NewType("RunId", str)
WorkerId = NewType("WorkerId", str)
VersionId = NewType("VersionId", str)
"""16 hex digits of a build's content hash."""
ModuleName = NewType("ModuleName", str)
DefinitionId = NewType("DefinitionId", str)
"""``module:qualname`` of a workflow or a step function, without ``<locals>``."""
Site = NewType("Site", str)
"""Stable name of a call place: ``operation~place``, or the bare operation in library code."""
OperationId = NewType("OperationId", str)
"""``{site}#{occurrence}``; in chapter n >= 2 of a run ``{n}:{site}#{occurrence}``."""

_RUN_ID = re.compile(r"[A-Za-z0-9._:-]{1,200}")
_NAMESPACE = re.compile(r"[A-Za-z0-9._:~/@-]{1,200}")
_CHAPTER = re.compile(r"(\d+):")
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def is_run_id(text: str) -> bool:
    """Tell whether `text` may name a run."""
    return _RUN_ID.fullmatch(text) is not None and text not in {".", ".."}


def is_namespace(text: str) -> bool:
    """Tell whether `text` may name a stream of a run."""
    return _NAMESPACE.fullmatch(text) is not None


def ulid(now_us: int, entropy: bytes) -> str:
    """Make a ULID (26 characters, sortable by time) of a UTC time in microseconds and 10 bytes.

    Source: the ULID specification, https://github.com/ulid/spec.
    """
    number = ((now_us // 1000) << 80) | int.from_bytes(entropy[:10], "big")
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


def run_id(now_us: int, entropy: bytes) -> RunId:
    """Make a fresh run id: ``run_`` and a ULID."""
    return RunId(f"run_{ulid(now_us, entropy)}")


def child_id(parent: RunId, operation: OperationId) -> RunId:
    """Derive the id of a child run from the operation that starts it: the same at every replay."""
    digest = blake2b(f"{parent} {operation}".encode(), digest_size=16).digest()
    number = int.from_bytes(digest, "big")
    return RunId("run_" + "".join(_CROCKFORD[(number >> at) & 31] for at in range(125, -1, -5)))


def worker_id(now_us: int, entropy: bytes) -> WorkerId:
    """Make a fresh worker id: ``worker_`` and a ULID."""
    return WorkerId(f"worker_{ulid(now_us, entropy)}")


def operation_id(site: Site, occurrence: int, chapter: int = 1) -> OperationId:
    """Name the `occurrence`-th call (from 0) at `site` within `chapter` (from 1)."""
    name = f"{site}#{occurrence}"
    return OperationId(name if chapter == 1 else f"{chapter}:{name}")


def split_operation_id(operation: OperationId) -> tuple[int, Site, int]:
    """Give chapter, site and occurrence of an operation id."""
    head, _, occurrence = operation.rpartition("#")
    # No site begins with a digit, so most names need no closer look.
    match = _CHAPTER.match(head) if head[:1].isdigit() else None
    if match is None:
        return 1, Site(head), int(occurrence)
    return int(match[1]), Site(head[match.end() :]), int(occurrence)
