"""The outside of a payload: format, flags, compression, limits."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any, Final

from wfc.errors import PayloadCorrupt, PayloadTooLarge, PayloadTooNew

FORMAT: Final = 1
COMPRESSED: Final = 1
PAYLOAD_MAX: Final = 16 * 1024 * 1024
BODY_MAX: Final = 64 * 1024 * 1024
"""How large a body may be once unpacked, so that a small payload cannot fill the memory."""

_PLAIN_HEADER: Final = bytes([FORMAT, 0])
_COMPRESSED_HEADER: Final = bytes([FORMAT, COMPRESSED])
_HEADER_BYTES: Final = 2
_COMPRESS_ABOVE: Final = 1024
_LEVEL: Final = 3
_WORTH: Final = 0.9


def seal(body: bytes, path: str, limit: int = PAYLOAD_MAX) -> bytes:
    """Put a body into its envelope. Raises `PayloadTooLarge` naming `path`."""
    if len(body) <= _COMPRESS_ABOVE:
        sealed = _PLAIN_HEADER + body
    elif len(body) > BODY_MAX:
        raise _too_large(path, len(body), BODY_MAX)
    else:
        packed = _zstd().compress(body, _LEVEL)
        worth = len(packed) <= len(body) * _WORTH
        sealed = _COMPRESSED_HEADER + packed if worth else _PLAIN_HEADER + body
    if len(sealed) > limit:
        raise _too_large(path, len(sealed), limit)
    return sealed


def unseal(data: bytes) -> bytes:
    """Take a body out of its envelope. Raises `PayloadCorrupt` or `PayloadTooNew`."""
    if data[:_HEADER_BYTES] == _PLAIN_HEADER:
        return data[_HEADER_BYTES:]
    if data[:_HEADER_BYTES] == _COMPRESSED_HEADER:
        return _unpacked(data[_HEADER_BYTES:])
    if len(data) < _HEADER_BYTES or data[0] == 0:
        raise PayloadCorrupt(f"{len(data)} bytes that begin with {data[:2].hex()!r} are no payload")
    raise PayloadTooNew(
        f"a payload has the format {data[0]} with flags {data[1]:#04x}, which this wfc does not "
        "know. It was written by a newer one; read it with that, or a later one."
    )


def unpacked_size(data: bytes) -> int:
    """Tell how many bytes the body of a payload of ours has once it is unpacked."""
    if data[:_HEADER_BYTES] == _COMPRESSED_HEADER:
        declared: int = _zstd().get_frame_info(data[_HEADER_BYTES:]).decompressed_size
        return declared
    return len(data) - _HEADER_BYTES


def _unpacked(packed: bytes) -> bytes:
    zstd = _zstd()
    try:
        declared = zstd.get_frame_info(packed).decompressed_size
        if declared is None or declared > BODY_MAX:
            raise PayloadCorrupt(
                f"a compressed payload declares {declared} bytes; at most {BODY_MAX} are unpacked"
            )
        stream = zstd.ZstdDecompressor()
        body: bytes = stream.decompress(packed, max_length=declared + 1)
    except zstd.ZstdError as error:
        raise PayloadCorrupt(f"a compressed payload is damaged: {error}") from error
    if len(body) != declared or not stream.eof or stream.unused_data:
        raise PayloadCorrupt("a compressed payload does not hold what it declares")
    return body


@cache
def _zstd() -> Any:
    # Most payloads are small and never need it.
    if sys.version_info >= (3, 14):
        from compression import zstd  # noqa: PLC0415 - loaded when first needed
    else:
        from backports import zstd  # noqa: PLC0415 - loaded when first needed
    return zstd


def _too_large(path: str, size: int, limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"{path} is {size:,} bytes long; the limit is {limit:,} ([tool.wfc.limits] payload). Store "
        "it elsewhere in a step and pass its name, or pass it in parts."
    )
