"""The extension codes of payloads. A code is never reused."""

from typing import Final

TUPLE: Final = 1
SET: Final = 2
FROZENSET: Final = 3
BIG_INT: Final = 4
COMPLEX: Final = 5
DECIMAL: Final = 6
DATETIME: Final = 7
DATE: Final = 8
TIME: Final = 9
TIMEDELTA: Final = 10
UUID: Final = 11
PATH: Final = 12
ENUM: Final = 13
NAMEDTUPLE: Final = 14
DATACLASS: Final = 15
PYDANTIC: Final = 16
ATTRS: Final = 17  # msgspec's structs too: the class that is found decides how it is made
ERROR: Final = 18
REFERENCE: Final = 19
STREAM: Final = 20
HOOK: Final = 21
RUN: Final = 22
REGISTERED: Final = 23
BYTEARRAY: Final = 24
RANGE: Final = 25
ZONE: Final = 26
