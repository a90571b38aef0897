"""Small projects on disk, and processes that import them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]

FLOWS = '''"""Flows."""
from app.pricing import price
from wfc import sleep


async def charge(order: str, cents: int = 3) -> str:
    "use step"
    return f"{order}:{cents}"


async def checkout(order: str) -> str:
    "use workflow"
    total = price(order)
    await sleep("3 days")
    return await charge(order, total)
'''
PRICING = """from app.rates import RATE


def price(order):
    return len(order) * RATE
"""
APP = {
    "pyproject.toml": "[tool.wfc]\n",
    "app/__init__.py": "",
    "app/flows.py": FLOWS,
    "app/pricing.py": PRICING,
    "app/rates.py": "RATE = 2\n",
    "app/plain.py": "VALUE = 1\n",
}


def write(root: Path, files: Mapping[str, str | bytes], *, age_s: float = 100.0) -> Path:
    """Write files under `root`, older than the index distrusts, and give `root`."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        known = path.stat()
        old_ns = known.st_mtime_ns - int(age_s * 1e9)
        os.utime(path, ns=(old_ns, old_ns))
    return root


def python(
    root: Path, code: str, *options: str, expect: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `code` in a fresh interpreter in `root`, with wfc and the project importable."""
    return run(root, *options, "-c", code, expect=expect, **environment)


def run(
    root: Path,
    *arguments: str,
    expect: int = 0,
    executable: str = sys.executable,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run an interpreter in `root`; its exit code must be `expect`."""
    done = subprocess.run(
        [executable, *arguments],
        cwd=root,
        env=surroundings(root, **environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == expect, done.stderr or done.stdout
    return done


def surroundings(root: Path, **environment: str) -> dict[str, str]:
    """Give the environment of such an interpreter: it may write byte code."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, "PYTHONPATH": f"{root}{os.pathsep}{HERE}", **environment}
