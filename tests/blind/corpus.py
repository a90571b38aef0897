"""Read the blind corpus: small projects with the findings the specification asks for.

A snippet is one text file. A line ``=== app/orders.py`` opens a file of the project, the lines up
to the next such line are its text. Expectations stand at the end of the line they speak of and are
taken off before anybody judges the text:

* ``# expect: WFC201 error, WFC126 error``: findings that have to be there. The level is ``error``
  (the resolution is certain), ``warning`` (it is inferred) or ``either`` (the specification asks
  for the finding and leaves its level open). Of ``WFC202|WFC210`` one is enough.
* ``# or: WFC108``: the finding of that code expected nearest to this line, in this file, may stand
  on this line instead.
* ``# may: WFC201``: a finding that is neither asked for nor a false alarm: what follows from the
  marked fault.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
SNIPPETS: Final = HERE / "snippets"
CHECKSUM: Final = HERE / "CHECKSUM"

SEVERITIES: Final = frozenset({"error", "warning", "either"})
_HEADER: Final = re.compile(r"^=== (\S+)$")
_NOTE: Final = re.compile(r"\s*# (expect|or|may): ([^#\n]*)")
_CODE: Final = re.compile(r"WFC\d{3}")


class MalformedSnippet(ValueError):
    """A snippet breaks the format of the corpus; the message names the snippet and the line."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """A finding that has to be there: where, which code, and how certain."""

    path: str
    line: int
    code: str
    severity: str
    codes: frozenset[str] = frozenset()  # every code that satisfies it; `code` is the first choice
    lines: frozenset[int] = (
        frozenset()
    )  # every line of `path` that satisfies it; `line` is the first choice

    def met_by(self, code: str, severity: str, places: frozenset[tuple[str, int]]) -> bool:
        """Is a finding of this code and level, place and chain touching `places`, expected?"""
        level = self.severity in ("either", severity)
        return level and self.located_by(code, places)

    def located_by(self, code: str, places: frozenset[tuple[str, int]]) -> bool:
        """The same, whatever the finding's level: tells a wrong level from a miss."""
        return code in self.codes and any((self.path, line) in places for line in self.lines)


@dataclass(frozen=True, slots=True)
class Tolerated:
    """A finding that counts neither for nor against the judged."""

    path: str
    line: int
    code: str


@dataclass(frozen=True, slots=True)
class Snippet:
    """One small project: its files without any expectation, and what should be found in them."""

    name: str
    files: dict[str, str]
    expected: tuple[Expectation, ...]
    tolerated: tuple[Tolerated, ...]

    @property
    def clean(self) -> bool:
        """Nothing is wrong with it; findings of level info are not judged."""
        return not self.expected


@dataclass(frozen=True, slots=True)
class _Note:
    path: str
    line: int
    kind: str
    words: str


def load() -> list[Snippet]:
    """All snippets, by name."""
    return [read(path) for path in sorted(SNIPPETS.glob("*.txt"))]


def read(path: Path) -> Snippet:
    """One snippet from its file."""
    return parse(path.stem, path.read_text(encoding="utf-8"))


def parse(name: str, text: str) -> Snippet:
    """One snippet from its text."""
    files: dict[str, list[str]] = {}
    notes: list[_Note] = []
    current: str | None = None
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        if header is not None:
            current = header[1]
            if current in files:
                raise MalformedSnippet(f"{name}:{number}: {current} stands twice")
            files[current] = []
        elif current is None:
            raise MalformedSnippet(f"{name}:{number}: text before the first `=== path` line")
        else:
            kept, found = _take_notes(line)
            files[current].append(kept)
            notes += [_Note(current, len(files[current]), kind, words) for kind, words in found]
    texts = {path: "".join(f"{line}\n" for line in lines) for path, lines in files.items()}
    return Snippet(name, texts, _expectations(name, notes), _tolerations(notes))


def checksum() -> str:
    """SHA-256 over names and bytes of all snippets, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(SNIPPETS.glob("*.txt")):
        data = path.read_bytes()
        digest.update(f"{path.name}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def _take_notes(line: str) -> tuple[str, list[tuple[str, str]]]:
    first = _NOTE.search(line)
    if first is None:
        return line, []
    found = [(match[1], match[2].strip()) for match in _NOTE.finditer(line)]
    return line[: first.start()], found


def _expectations(name: str, notes: list[_Note]) -> tuple[Expectation, ...]:
    expected = [
        _expectation(name, note, item)
        for note in notes
        if note.kind == "expect"
        for item in _items(note)
    ]
    for note in notes:
        if note.kind == "or":
            for code in _items(note):
                index = _nearest(name, expected, note, code)
                expected[index] = replace(
                    expected[index], lines=expected[index].lines | {note.line}
                )
    return tuple(expected)


def _expectation(name: str, note: _Note, item: str) -> Expectation:
    codes, _, severity = item.partition(" ")
    choices = codes.split("|")
    if severity not in SEVERITIES or not all(_CODE.fullmatch(code) for code in choices):
        raise MalformedSnippet(f"{name}: {note.path}:{note.line}: `{item}` is no `WFCnnn level`")
    return Expectation(
        note.path, note.line, choices[0], severity, frozenset(choices), frozenset({note.line})
    )


def _nearest(name: str, expected: list[Expectation], note: _Note, code: str) -> int:
    fitting = [i for i, one in enumerate(expected) if one.path == note.path and code in one.codes]
    if not fitting:
        raise MalformedSnippet(
            f"{name}: {note.path}:{note.line}: no {code} is expected in this file"
        )
    return min(fitting, key=lambda i: abs(expected[i].line - note.line))


def _tolerations(notes: list[_Note]) -> tuple[Tolerated, ...]:
    return tuple(
        Tolerated(note.path, note.line, code)
        for note in notes
        if note.kind == "may"
        for code in _items(note)
    )


def _items(note: _Note) -> list[str]:
    return [item.strip() for item in note.words.split(",")]
