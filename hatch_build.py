"""Lets wheel and sdist hold the dashboard: builds it where it is not built yet."""

from __future__ import annotations

import os
import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class DashboardHook(BuildHookInterface[Any]):
    """Skipped for editable installs and with WFC_SKIP_UI=1; WFC_BUILD_UI=1 builds anew."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """See that wfc/web/static/ is there."""
        del build_data
        if version == "editable" or os.environ.get("WFC_SKIP_UI") == "1":
            return
        root, anew = Path(self.root), os.environ.get("WFC_BUILD_UI") == "1"
        if anew or not (root / "wfc" / "web" / "static" / "index.html").is_file():
            runpy.run_path(str(root / "ui" / "build.py"))["build"](force=anew)
