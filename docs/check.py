"""Check the documentation: every relative link leads somewhere, every code has its page.

`python docs/check.py` prints one line per fault and exits with 1 if there is any. The tests use
the same functions, so `nox -s docs` and `pytest` cannot disagree.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"\bWFC\d{3}\b")


def broken_links(root: Path = ROOT) -> Iterator[str]:
    """Give one sentence per relative link whose target does not exist."""
    for page in [*root.glob("*.md"), *root.glob("docs/**/*.md"), *root.glob("examples/**/*.md")]:
        prose = _FENCE.sub("", page.read_text(encoding="utf-8"))
        for target in _LINK.findall(prose):
            path = target.partition("#")[0]
            if not path or "://" in target or target.startswith("mailto:"):
                continue
            if not (page.parent / path).exists():
                yield f"{page.relative_to(root)}: the link to {target} leads nowhere"


def codes_in_use(root: Path = ROOT) -> set[str]:
    """Give every code that the sources of wfc can raise or report."""
    sources = root.glob("wfc/**/*.py")
    return {code for path in sources for code in _CODE.findall(path.read_text(encoding="utf-8"))}


def codes_without_page(root: Path = ROOT) -> Iterator[str]:
    """Give one sentence per code in the sources that has no page."""
    for code in sorted(codes_in_use(root)):
        if not (root / "docs" / "errors" / f"{code}.md").is_file():
            yield f"docs/errors/{code}.md: missing, but {code} stands in the sources"


def main() -> int:
    """Print the faults."""
    faults = [*broken_links(), *codes_without_page()]
    for fault in faults:
        print(fault)  # noqa: T201 - a script speaks on its terminal
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
