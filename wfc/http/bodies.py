"""Bodies of requests, read no further than they are taken."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

_DIGITS_MAX: Final = 18


class BodyTooLarge(Exception):
    """The body says, or shows, that it has more bytes than are taken."""


async def read_body(request: Request, limit: int) -> bytes:
    """Read a body of at most `limit` bytes. Raises `BodyTooLarge`, and `ClientDisconnect`."""
    declared = request.headers.get("content-length", "").lstrip("0")
    # Python reads no number of more than 4,300 digits.
    if declared.isdecimal() and (len(declared) > _DIGITS_MAX or int(declared) > limit):
        raise BodyTooLarge
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLarge
    return bytes(body)
