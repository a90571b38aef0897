"""Writes ui/openapi.json, of which the dashboard's client has its types: the API's own document."""

from __future__ import annotations

import json
from pathlib import Path

from wfc.web.api.table import document

OPENAPI = Path(__file__).parent / "openapi.json"


def written() -> str:
    """Give the document as it stands in the file."""
    return json.dumps(document(""), separators=(",", ":"), sort_keys=True) + "\n"


if __name__ == "__main__":
    OPENAPI.write_text(written(), encoding="utf-8")
