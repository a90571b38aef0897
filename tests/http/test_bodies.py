"""Bodies are read no further than they are taken."""

from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.types import Message

from wfc.http.bodies import BodyTooLarge, read_body


def sent(*parts: bytes, length: str | None = None) -> Request:
    """Make a request whose body comes in parts; what it says of its length may be a lie."""
    left = list(parts)

    async def receive() -> Message:
        body = left.pop(0) if left else b""
        return {"type": "http.request", "body": body, "more_body": bool(left)}

    headers = [] if length is None else [(b"content-length", length.encode())]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


async def test_a_body_comes_whole() -> None:
    assert await read_body(sent(b"ab", b"c", length="0003"), 3) == b"abc"


@pytest.mark.parametrize("length", ["4", "0000000004", "9" * 18, "1" * 5000])
async def test_what_says_that_it_is_too_large_is_not_read(length: str) -> None:
    """Also by more digits than Python makes a number of."""
    with pytest.raises(BodyTooLarge):
        await read_body(sent(b"", length=length), 3)


@pytest.mark.parametrize("length", [None, "1", "-5", "many"])
async def test_what_shows_that_it_is_too_large_is_not_read_on(length: str | None) -> None:
    with pytest.raises(BodyTooLarge):
        await read_body(sent(b"ab", b"cd", length=length), 3)
