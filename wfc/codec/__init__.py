"""Values as bytes and back. Nothing is unpickled, and no type is imported because bytes name it.

A payload is ``bytes([format, flags])`` and a msgpack body, with the extension codes of `tags`.
"""

from wfc.codec import tags
from wfc.codec.arguments import argument_digest, decode_arguments, encode_arguments
from wfc.codec.decoding import decode
from wfc.codec.encoding import encode
from wfc.codec.envelope import PAYLOAD_MAX, unpacked_size
from wfc.codec.failures import (
    ErrorValue,
    Frame,
    caused_by,
    decode_error,
    encode_error,
    read_error,
)
from wfc.codec.families import remember_former
from wfc.codec.handles import register_handle
from wfc.codec.naming import REGISTERED, Registry, Types, wire_name
from wfc.codec.redaction import REDACTED, black_out, redacted
from wfc.codec.withheld import ENCRYPTED, is_withheld, refuse_withheld

__all__ = [
    "ENCRYPTED",
    "PAYLOAD_MAX",
    "REDACTED",
    "REGISTERED",
    "ErrorValue",
    "Frame",
    "Registry",
    "Types",
    "argument_digest",
    "black_out",
    "caused_by",
    "decode",
    "decode_arguments",
    "decode_error",
    "encode",
    "encode_arguments",
    "encode_error",
    "is_withheld",
    "read_error",
    "redacted",
    "refuse_withheld",
    "register_handle",
    "remember_former",
    "tags",
    "unpacked_size",
    "wire_name",
]
