"""What the tests of the codec share."""

from __future__ import annotations

import pytest

from wfc import codec


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> codec.Registry:
    """The process's registry, emptied after the test."""
    for name in ("_by_name", "_by_wire_name", "remembered"):
        monkeypatch.setattr(codec.REGISTERED, name, {})
    return codec.REGISTERED
