"""Who a request comes from; apart from what speaks HTTP, since logs name principals too."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request comes from. `read` and `act` are roles of wfc; others are for approvals."""

    id: str
    roles: frozenset[str] = frozenset()
