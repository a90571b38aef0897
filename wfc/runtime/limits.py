"""How large a chapter of a run, and what it writes, may become."""

from __future__ import annotations

from dataclasses import dataclass

from wfc import codec
from wfc.runtime.attributes import ATTRIBUTES_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`events` and `pending` operations of a chapter; `cleanup` events more are kept for its
    cleanup. `payload` are the bytes of one value, `attributes` how many a run may have, `depth` how
    many runs may stand above a child run, and `log_level` from which level on what it logs is kept.
    """

    events: int = 100_000
    cleanup: int = 200
    pending: int = 10_000
    payload: int = codec.PAYLOAD_MAX
    attributes: int = ATTRIBUTES_MAX
    depth: int = 50
    log_level: int | None = None
