"""`wfc dev`: build, work, and begin again whenever a file of the project changes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Protocol

import typer

from wfc.cli import output
from wfc.cli.build import shown
from wfc.cli.building import build_judged
from wfc.cli.common import Common, command_app
from wfc.cli.failure import Exit
from wfc.cli.web import MOUNT, PORT
from wfc.compiler.build import BuildResult
from wfc.errors import MissingExtra
from wfc.settings import Loaded

app = command_app()

_DEBOUNCE_MS = 200
_PATIENCE_S = 40.0
"""How long a worker may drain before it is killed; its own drain is shorter."""


class Changes(Protocol):
    """Yields once per batch of changed files, until asked to stop."""

    def __call__(self, loaded: Loaded, stop: asyncio.Event) -> AsyncIterator[object]:
        """Watch the project of these settings."""
        ...


@app.command()
def dev(
    context: typer.Context,
    drain: Annotated[
        str, typer.Option(metavar="D", help="How long bodies may go on when code has changed.")
    ] = "2s",
) -> None:
    """Build, work, and begin again whenever a file changes. A build that fails changes nothing."""
    common = Common.of(context)
    loaded = common.load()
    watch = _watchfiles()
    if asyncio.run(Development(common, loaded, watch, drain).run()):
        raise typer.Exit(Exit.INTERRUPTED)


def _watchfiles() -> Changes:
    try:
        import watchfiles  # noqa: PLC0415 - an extra
    except ImportError:
        message = (
            "`wfc dev` watches files with the library watchfiles, which is not installed.\n"
            "Install it: pip install 'wfc-durable[dev]'. Without it: python -m wfc worker"
        )
        raise MissingExtra(message) from None

    async def changes(loaded: Loaded, stop: asyncio.Event) -> AsyncIterator[object]:
        files = watchfiles.PythonFilter(extra_extensions=(".toml",))
        async for batch in watchfiles.awatch(
            loaded.root, watch_filter=files, debounce=_DEBOUNCE_MS, stop_event=stop
        ):
            yield batch

    return changes


class Development:
    """One project under development: its last findings, and the worker that has its last build."""

    def __init__(self, common: Common, loaded: Loaded, watch: Changes, drain: str) -> None:
        """Prepare; `run` begins."""
        self.common = common
        self.loaded = loaded
        self.watch = watch
        self.drain = drain
        self.findings: set[str] = set()
        self.version: str | None = None
        self.worker: asyncio.subprocess.Process | None = None
        self.interrupted = False

    async def run(self) -> bool:
        """Go on until a signal; True if it was Ctrl-C."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        loop.add_signal_handler(signal.SIGINT, self._interrupt, stop)
        try:
            await self._renew()
            async for _ in self.watch(self.loaded, stop):
                await self._renew()
        finally:
            await self._end_worker()
        return self.interrupted

    def _interrupt(self, stop: asyncio.Event) -> None:
        self.interrupted = True
        stop.set()

    async def _renew(self) -> None:
        """Build; if that gave another version, let a new worker take over."""
        result = await asyncio.to_thread(build_judged, self.loaded)
        self._tell(result)
        if result.version is None or result.version.id == self.version:
            return
        await self._end_worker()
        self.version = result.version.id
        self.worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "wfc", *self._words(),
            stdin=asyncio.subprocess.DEVNULL, env=os.environ | self._surroundings(),
        )  # fmt: skip

    def _words(self) -> Sequence[str]:
        """Give the command line of the worker: the same project, world and files."""
        world = ["--world", self.common.world] if self.common.world else []
        config = ["--config", str(self.common.config)] if self.common.config else []
        project = [] if config else ["--project", str(self.loaded.root)]
        return [*world, *config, *project, "worker", "--activate", "--drain", self.drain]

    def _surroundings(self) -> Mapping[str, str]:
        """Let webhooks be called at this machine, where `wfc web` serves, unless settings say."""
        if self.loaded.settings.public_url:
            return {}
        return {"WFC_PUBLIC_URL": f"http://127.0.0.1:{PORT}{MOUNT}"}

    def _tell(self, result: BuildResult) -> None:
        """Print findings that are new, and count those that are cured."""
        found = set(shown(result))
        for text in sorted(found - self.findings):
            output.note(self.common, text)
        cured = len(self.findings - found)
        name = "no version" if result.version is None else f"version {result.version.id}"
        output.note(self.common, f"{name}; {output.counted(len(found), 'finding')}, {cured} cured")
        self.findings = found

    async def _end_worker(self) -> None:
        worker, self.worker = self.worker, None
        if worker is None or worker.returncode is not None:
            return
        with suppress(ProcessLookupError):  # it may end by itself between the look and the signal
            worker.terminate()
        try:
            await asyncio.wait_for(worker.wait(), _PATIENCE_S)
        except TimeoutError:
            worker.kill()
            await worker.wait()
