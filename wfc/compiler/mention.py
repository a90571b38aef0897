"""Whether bytes mention a directive or resemble one: what the import hook asks of unknown files.

It runs for every module of the program that the index does not know, so nearly all of it is C:
a file is squeezed in one pass and only what could still be meant is looked at with expressions.
"""

from __future__ import annotations

from typing import Final

from wfc import directives

_STEP: Final = directives.STEP.encode()
_WORKFLOW: Final = directives.WORKFLOW.encode()
# A short string that begins a line, or that follows a colon as a body on one line does; in
# parentheses and in parts too, since those are mistakes to be told of. Looked ahead for, so that
# one on a line does not hide the next.
_SHORT: Final = rb"""(?=\(*([bfruBFRU]{0,2}["']{1,3}[^"'\n]{3,24}["'][^\n]{0,40}))"""
_PUNCTUATION: Final = bytes.maketrans(b"\"'\\()", b"     ")

# The squeezed form of a file: lower case, one kind of quote, a line end for all that may end the
# text of a string, without blanks, parentheses, what near misses differ by, and the letters that
# may stand before a string.
_SQUEEZED: Final = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ'\r#;\xdf", b'abcdefghijklmnopqrstuvwxyz"\n\n\ns'
)
_DROPPED: Final = b" \t\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0()\\-_.bfruBFRU"
_OPENINGS: Final = (b'\n"', b':"')
# Two edits spoil two pieces of a directive at most, and change its squeezed length by two.
_PIECES: Final = (b"se", b"st", b"ep", b"okl", b"ow")
_SHORTEST: Final = len(b"sestep") - 2
_LONGEST: Final = len(b"sewoklow") + 2


def mentions_directive(data: bytes) -> bool:
    """Tell whether a file must be parsed. It may say yes in vain, but never no in vain."""
    return holds_exactly(data) or holds_near_miss(data)


def holds_exactly(data: bytes) -> bool:
    """Tell whether the very text of a directive stands anywhere in the file."""
    return _STEP in data or _WORKFLOW in data


def holds_near_miss(data: bytes) -> bool:
    """Tell whether a string that begins a line or a body resembles a directive."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    squeezed = b"\n" + data.translate(_SQUEEZED, _DROPPED)
    for opening in _OPENINGS:
        for rest in squeezed.split(opening)[1:]:
            text = rest.partition(b"\n")[0].replace(b'"', b"")
            if _SHORTEST <= len(text) <= _LONGEST and any(piece in text for piece in _PIECES):
                return _is_meant(data)
    return False


def _is_meant(data: bytes) -> bool:
    """Look at the strings themselves, in the few files that get here."""
    import re  # noqa: PLC0415 - its expressions cost more than the files of a warm import

    lines = b"\n" + data.replace(b"\r", b"\n")
    return any(
        _resembles(candidate)
        for before in (rb"\n[ \t]*", rb":[ \t]*")
        for candidate in re.findall(before + _SHORT, lines)
    )


def _resembles(candidate: bytes) -> bool:
    """Tell whether the string that begins `candidate` resembles a directive, however quoted."""
    opening = candidate.lstrip(b"bfruBFRU")
    inside = opening.partition(b"#")[0].partition(b";")[0].translate(_PUNCTUATION)
    return directives.meant(inside.decode("latin-1")) is not None
