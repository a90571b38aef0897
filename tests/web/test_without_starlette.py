"""Without its extra, the web face says what to install."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import pytest

from wfc.errors import MissingExtra


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def hidden(name: str, *rest: Any) -> Any:
        return None if name == "starlette" else find(name, *rest)

    monkeypatch.delitem(sys.modules, "wfc.web")
    monkeypatch.setattr(importlib.util, "find_spec", hidden)
    with pytest.raises(MissingExtra, match=r"wfc-durable\[web\]"):
        importlib.import_module("wfc.web")
