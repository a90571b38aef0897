"""Writing rename hints: a comment on a line of its own above what has another name now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from wfc.diagnostics import Place
from wfc.lint_rules import fixing
from wfc.manifests.findings import Hint


def write_hints(root: Path, hints: Mapping[Hint, Place]) -> int:
    """Write hints above the places of definitions, file by file, each at once; count them."""
    by_path: dict[str, list[tuple[int, Hint]]] = {}
    for hint, place in hints.items():
        by_path.setdefault(place.path, []).append((place.line, hint))
    for name, wanted in sorted(by_path.items()):
        path = root / name
        fixing.write(path, with_hints(path.read_bytes(), wanted))
    return len(hints)


def with_hints(data: bytes, wanted: Iterable[tuple[int, Hint]]) -> bytes:
    """Put each hint above its line, as far in as that; line ends and all else stay."""
    lines = data.splitlines(keepends=True)
    for number, hint in sorted(wanted, key=lambda one: (one[0], one[1].text), reverse=True):
        line = lines[number - 1]
        indent = line[: len(line) - len(line.lstrip(b" \t"))]
        end = line[len(line.rstrip(b"\r\n")) :] or b"\n"
        lines.insert(number - 1, indent + hint.text.encode() + end)
    return b"".join(lines)
