"""Look again whenever a file of the project changes, and say only what is new and what is cured."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from wfc.cli.formats import Texts, fingerprint
from wfc.errors import MissingExtra
from wfc.lint_rules.finding import Finding

_DEBOUNCE_MS: Final = 200


class News:
    """The findings of the last look, so that the next one can be told as a difference.

    A finding keeps its name when its line moves, so an edit above it is no news.
    """

    def __init__(self) -> None:
        """Know nothing yet: at first everything is new."""
        self.known: dict[str, Finding] = {}

    def since(
        self, found: Iterable[Finding], texts: Texts
    ) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
        """Give what is new and what is cured, in order, and remember `found`."""
        seen: Counter[str] = Counter()
        now: dict[str, Finding] = {}
        for one in sorted(found, key=lambda finding: finding.order):
            mark = fingerprint(one, texts)
            seen[mark] += 1
            now[f"{mark}:{seen[mark]}"] = one
        before, self.known = self.known, now
        new = tuple(one for mark, one in now.items() if mark not in before)
        cured = tuple(one for mark, one in before.items() if mark not in now)
        return new, cured


def watch(root: Path, look: Callable[[], object]) -> None:
    """Call `look` at once and after each batch of changed files below `root`, until Ctrl-C.

    A look that has begun is finished first, so what it writes is whole.
    """
    asyncio.run(_watched(_watchfiles(), root, look))


def _watchfiles() -> Any:
    try:
        import watchfiles  # noqa: PLC0415 - an extra
    except ImportError:
        message = (
            "`--watch` needs the library watchfiles, which is not installed.\n"
            "Install it: pip install 'wfc-durable[dev]'"
        )
        raise MissingExtra(message) from None
    return watchfiles


async def _watched(library: Any, root: Path, look: Callable[[], object]) -> None:
    files = library.PythonFilter(extra_extensions=(".toml",))
    changes = library.awatch(root, watch_filter=files, debounce=_DEBOUNCE_MS)
    while True:
        batch = asyncio.ensure_future(anext(changes, None))
        # The watch stands once this has begun: what changes while we look is seen after it.
        await asyncio.sleep(0)
        await asyncio.to_thread(look)
        if await batch is None:
            return
