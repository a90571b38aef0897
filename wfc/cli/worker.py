"""`wfc worker`: execute runs until told to stop, or until nothing is due."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, TextIO

import typer

from wfc.cli import output
from wfc.cli.common import Common, command_app
from wfc.cli.failure import Exit
from wfc.cli.session import opened
from wfc.cli.supervisor import supervise
from wfc.cli.workflows import tell_if_empty
from wfc.clock import MICROSECONDS
from wfc.config import Session
from wfc.runtime.outbox import INLINE_RETRY_US
from wfc.runtime.worker import Worker

app = command_app()


@app.command()
def worker(
    context: typer.Context,
    application: Annotated[
        str, typer.Argument(metavar="MODULE:APP", help="The application object, if there is one.")
    ] = "",
    *,
    queues: Annotated[
        str, typer.Option(metavar="A,B", help="Of steps that name a queue, serve these only.")
    ] = "",
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="Exit when nothing is due; print what is next.")
    ] = False,
    activate: Annotated[
        bool,
        typer.Option("--activate", help="Make this build the active version, new or not."),
    ] = False,
    processes: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="So many workers, of which the dead are replaced."),
    ] = 0,
    until_eof: Annotated[
        bool,
        typer.Option("--until-eof", hidden=True, help="Drain when standard input is closed."),
    ] = False,
    concurrency: Annotated[int, typer.Option(min=0, metavar="N", help="Step bodies at once.")] = 0,
    drain: Annotated[
        str, typer.Option(metavar="D", help="How long bodies may go on after SIGTERM.")
    ] = "",
) -> None:
    """Execute runs until told to stop: a signal drains, a second one exits at once."""
    common = Common.of(context)
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO if common.verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    if processes:
        if until_idle:
            raise typer.BadParameter("workers that exit when idle are not replaced; leave one out")
        if code := asyncio.run(_supervise(common, processes)):
            raise typer.Exit(code)
        return
    table = {"concurrency": concurrency or None, "drain": drain or None}
    given = {name: value for name, value in table.items() if value is not None}
    overrides: dict[str, Any] = {"app": application or None, "worker": given or None}
    served = tuple(word.strip() for word in queues.split(",") if word.strip())
    ends = Ends(until_idle=until_idle, until_eof=until_eof)
    work = _work(common, overrides, served, ends, activate=activate)
    code = asyncio.run(work)
    if code:
        raise typer.Exit(code)


@dataclass(frozen=True, slots=True)
class Ends:
    """When a worker ends, beside on a signal."""

    until_idle: bool
    until_eof: bool


async def _supervise(common: Common, number: int) -> int:
    def told(news: dict[str, Any]) -> None:
        if common.json or common.jsonl:
            output.stream(common, "worker", [news], rows=[], first=False)

    return await supervise(number, partial(output.note, common), told)


async def _work(
    common: Common,
    overrides: dict[str, Any],
    queues: tuple[str, ...],
    ends: Ends,
    *,
    activate: bool,
) -> int:
    loaded = common.load(**overrides)
    async with opened(loaded, with_code=True) as session:
        await _stand(common, session, activate=activate)
        assert session.registry is not None
        tell_if_empty(common, loaded.root, session.registry.current.fingerprints)
        made = session.make_worker(queues=queues)
        stop = Stop(common)
        if ends.until_eof:
            stop.hear_eof(sys.stdin)
        output.note(common, f"worker {os.getpid()} works on {session.world.url}; Ctrl-C drains")
        if ends.until_idle:
            patience_s = INLINE_RETRY_US / MICROSECONDS
            due = await stop.unless_asked(made.run_until_idle(patience_s=patience_s))
            await made.stop()
            _print_due(common, due)
        else:
            await _until_asked(made, stop)
        return stop.code


async def _stand(common: Common, session: Session, *, activate: bool) -> None:
    """See how this build stands to the active version, and say so if it is another."""
    assert session.registry is not None
    own = session.registry.version_id
    active = next((row for row in await session.world.versions() if row.active), None)
    if active is not None and active.version == own:
        return
    if activate:
        await session.world.activate_version(own)
        return
    shown = "none" if active is None else f"{active.version} ({active.label or 'no label'})"
    hint = f"`wfc versions activate {own}` makes this build active"
    output.note(common, f"the active version is {shown}, and this build is {own}; {hint}")


async def _until_asked(made: Worker, stop: Stop) -> None:
    try:
        await stop.unless_asked(made.run())
    finally:
        await made.stop()


def _print_due(common: Common, due: int | None) -> None:
    instant = output.rfc3339(due)
    text = f"idle; next due {instant}" if instant else "idle; nothing is due"
    output.result(common, "idle", {"next_due": instant}, text=text)


class Stop:
    """SIGTERM and Ctrl-C: the first is heard and lets the worker drain, the second ends it all."""

    def __init__(self, common: Common) -> None:
        """Listen, on the running loop."""
        self._common = common
        self.code: int = Exit.GOOD
        self._asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._hear, number)

    def _hear(self, number: signal.Signals) -> None:
        if self._asked.is_set():
            os._exit(Exit.INTERRUPTED)
        self.code = Exit.INTERRUPTED if number is signal.SIGINT else Exit.GOOD
        self._drain()

    def hear_eof(self, stream: TextIO) -> None:
        """Drain, too, once nobody can write to `stream` any more: who began this worker is gone."""
        loop = asyncio.get_running_loop()

        def read() -> None:
            if not os.read(stream.fileno(), 4096):
                loop.remove_reader(stream)
                self._drain()

        loop.add_reader(stream, read)

    def _drain(self) -> None:
        self._asked.set()
        output.note(self._common, "draining; a second signal exits at once, and nothing is lost")

    async def unless_asked(self, work: Any) -> Any:
        """Await `work`, but not beyond the first signal; gives None then."""
        task = asyncio.ensure_future(work)
        asked = asyncio.ensure_future(self._asked.wait())
        await asyncio.wait([task, asked], return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return None
