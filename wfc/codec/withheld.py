"""What stands for a payload that is encrypted under a key which is not here."""

from __future__ import annotations

from typing import Any, Final

import msgpack  # type: ignore[import-untyped]  # it ships no types

from wfc.codec.envelope import seal
from wfc.errors import CannotDecrypt

ENCRYPTED: Final = seal(msgpack.packb({"$encrypted": True}), "a withheld payload")
"""Readers get it in the place of such a payload, so that they see all the rest of a run; read as
any other it says ``{"$encrypted": true}``. Nothing is ever written that was read so.
"""


def is_withheld(data: Any) -> bool:
    """Tell whether a payload was withheld."""
    return bool(data == ENCRYPTED)


def refuse_withheld(what: str) -> CannotDecrypt:
    """Say that something more than a look was wanted of a withheld payload."""
    return CannotDecrypt(
        f"{what} is encrypted under a key that is not here, so nobody can tell what it says.\n"
        "Add the key to WFC_ENCRYPTION_KEYS, behind the one that writes; `wfc doctor` names it "
        "where a worker has met it."
    )
