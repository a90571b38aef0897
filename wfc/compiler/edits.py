"""Edit plans: replace spans of a text so that every line, and every column behind an edit, stays.

Spans count UTF-8 bytes, so the text is edited as bytes: nothing needs to be converted, and a blank
takes the place of each byte.
"""

from __future__ import annotations

from collections.abc import Iterable

from wfc.compiler.facts import Edit
from wfc.manifests.bundle import Span

_NEWLINE = b"\n"


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Apply `edits`, none of which overlap, and end the text with a line end."""
    data = text.encode()
    starts = _line_starts(data)
    parts: list[bytes] = []
    position = 0
    for edit in sorted(edits, key=lambda edit: edit.span):
        start = starts[edit.span.line - 1] + edit.span.column
        end = starts[edit.span.end_line - 1] + edit.span.end_column
        assert position <= start <= end <= len(data), edit
        parts.append(data[position:start])
        parts.append(_fit(edit, data[start:end], rest=_rest_of_line(data, end)))
        position = end
    parts.append(data[position:])
    done = b"".join(parts)
    if data and not data.endswith(_NEWLINE):
        done += _NEWLINE
    return done.decode()


def _fit(edit: Edit, old: bytes, *, rest: bytes) -> bytes:
    """Pad the new text to the lines of the old one, and to its columns if something follows."""
    new = edit.text.encode()
    missing = old.count(_NEWLINE) - new.count(_NEWLINE)
    assert missing >= 0, edit
    new += _NEWLINE * missing
    if not rest.strip():
        return new
    _, _, last = new.rpartition(_NEWLINE)
    width = edit.span.end_column
    if not old.count(_NEWLINE):
        width -= edit.span.column
    return new + b" " * (width - len(last))


def _line_starts(data: bytes) -> list[int]:
    starts = [0]
    position = data.find(_NEWLINE)
    while position >= 0:
        starts.append(position + 1)
        position = data.find(_NEWLINE, position + 1)
    starts.append(len(data) + 1)
    return starts


def _rest_of_line(data: bytes, position: int) -> bytes:
    end = data.find(_NEWLINE, position)
    return data[position:] if end < 0 else data[position:end]


class Lines:
    """The lines of a text, for plans that must know what stands beside a span."""

    def __init__(self, text: str) -> None:
        """Split `text` as Python's tokenizer does: at line feeds alone."""
        self._lines = [line.encode() for line in text.split("\n")]

    def __len__(self) -> int:
        """Count the lines; a line feed at the very end begins no further one."""
        return len(self._lines) - (not self._lines[-1])

    def after(self, span: Span) -> str:
        """Give what follows `span` on its last line."""
        return self._lines[span.end_line - 1][span.end_column :].decode()

    def to_line_end(self, span: Span) -> Span:
        """Stretch `span` over what follows it: a semicolon, a comment."""
        return Span(span.line, span.column, span.end_line, len(self._lines[span.end_line - 1]))

    def text(self, span: Span) -> str:
        """Give what is written at `span`."""
        lines = self._lines[span.line - 1 : span.end_line]
        lines[-1] = lines[-1][: span.end_column]
        lines[0] = lines[0][span.column :]
        return _NEWLINE.join(lines).decode()

    def whole(self, first: int, last: int) -> Span:
        """Give the span of the lines `first` to `last`, without the last one's line end."""
        return Span(first, 0, last, len(self._lines[last - 1]))

    def is_followed_by_statement(self, span: Span) -> bool:
        """Tell whether a semicolon stands behind `span`."""
        return self.after(span).lstrip().startswith(";")
