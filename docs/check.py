"""Check the documentation: every relative link leads somewhere, every code has its page.

`python docs/check.py` prints one line per fault and exits with 1 if there is any. The tests use
the same functions, so `nox -s docs` and `pytest` cannot disagree.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from wfc.diagnostics import CATALOGUE

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


def codes_without_page(codes: Iterable[str], root: Path = ROOT) -> Iterator[str]:
    """Give one sentence per code that has no page."""
    for code in sorted(codes):
        if not (root / "docs" / "errors" / f"{code}.md").is_file():
            yield f"docs/errors/{code}.md: missing, but {code} exists"


def codes_unknown(codes: Iterable[str], known: Collection[str]) -> Iterator[str]:
    """Give one sentence per code that the catalogue does not hold."""
    for code in sorted(set(codes) - set(known)):
        yield f"{code} stands in the sources or has a page, but the catalogue does not know it"


def pages_out_of_date(
    pages: Mapping[Path, str], script: str = "write_reference.py"
) -> Iterator[str]:
    """Give one sentence per generated page that differs from what its `script` writes now."""
    for path, text in pages.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            yield f"{path.relative_to(ROOT)}: run `python docs/{script}`"


def faults() -> Iterator[str]:
    """Give everything that is wrong."""
    from write_reference import pages  # noqa: PLC0415 - it stands beside this script
    from write_reliability import page  # noqa: PLC0415 - likewise

    written = {page.stem for page in (ROOT / "docs" / "errors").glob("WFC*.md")}
    yield from broken_links()
    yield from codes_without_page(CATALOGUE)
    yield from codes_unknown(codes_in_use() | written, CATALOGUE)
    yield from pages_out_of_date(pages())
    written_down = {ROOT / "docs" / "reliability.md": page()}
    yield from pages_out_of_date(written_down, "write_reliability.py")


def main() -> int:
    """Print the faults."""
    found = list(faults())
    for fault in found:
        print(fault)  # noqa: T201 - a script speaks on its terminal
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
