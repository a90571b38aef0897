"""`memory=`: how much address space the process of a step may take while its body runs."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from wfc import codec
from wfc.errors import FatalError
from wfc.runtime.attempt import Body

_MIB: Final = 1024 * 1024


class Limited:
    """A body under a limit of its process; what stands around the body is under none."""

    def __init__(self, body: Body, memory_bytes: int | None) -> None:
        """Give `body` so many bytes; None: as many as there are."""
        self._body = body
        self._bytes = memory_bytes
        self.name = body.name
        self.is_async = body.is_async
        self.retry_on = body.retry_on
        self.give_up_on = body.give_up_on
        self.version = body.version
        self.exhausted = False
        """Whether the body met the limit, or the end of the machine's memory."""

    def call(self, arguments: bytes | None) -> Any:
        """Call the function; gives a coroutine if it is async. Raises `FatalError` if the limit is
        less than an idle process takes.
        """
        with self._limit():
            value = self._body.call(arguments)
        return self._awaited(value) if inspect.iscoroutine(value) else value

    def recorded(self, value: Any, limit: int = codec.PAYLOAD_MAX) -> bytes:
        """Encode what the function returned."""
        return self._body.recorded(value, limit)

    async def _awaited(self, coroutine: Any) -> Any:
        with self._limit():
            return await coroutine

    @contextmanager
    def _limit(self) -> Iterator[None]:
        try:
            with _address_space(self._bytes, self.name):
                yield
        except MemoryError:
            self.exhausted = True
            raise


@contextmanager
def _address_space(limit: int | None, name: str) -> Iterator[None]:
    if limit is None or sys.platform == "win32":
        yield
        return
    import resource  # noqa: PLC0415 - not on every platform

    taken = _taken()
    if taken >= limit:
        raise FatalError(
            f"step `{name}` may take {limit // _MIB} MiB (`memory=` of its policy), but its "
            f"process takes {taken // _MIB} MiB before the body begins. Raise `memory`."
        )
    before, ceiling = resource.getrlimit(resource.RLIMIT_AS)
    most = limit if ceiling == resource.RLIM_INFINITY else min(limit, ceiling)
    resource.setrlimit(resource.RLIMIT_AS, (most, ceiling))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (before, ceiling))


def _taken() -> int:
    """Give the address space that this process takes now, in bytes; 0 where nobody says."""
    import resource  # noqa: PLC0415 - likewise

    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return 0
    return pages * resource.getpagesize()
