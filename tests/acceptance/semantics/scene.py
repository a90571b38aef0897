"""One case at work: a world on a clock that jumps from due to due, a worker, the public API."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import httpx

from tests.acceptance.semantics.table import Case, Told
from wfc import api, codec
from wfc.clock import VirtualClock, to_datetime
from wfc.config import Session, build_version, import_code, use_session
from wfc.errors import RunCancelled, RunFailed
from wfc.eventlog.event import Recorded, StepCompleted, StepCreated
from wfc.eventlog.fold import fold
from wfc.ids import DefinitionId, OperationId, RunId
from wfc.manifests.store import Version, to_archive
from wfc.policies import Policy
from wfc.runtime.limits import Limits
from wfc.runtime.queues import Queues, named_queue
from wfc.runtime.registry import Registry
from wfc.runtime.worker import Worker
from wfc.runtime.worker_limits import WorkerLimits
from wfc.settings import load_settings
from wfc.web import asgi_app
from wfc.worlds.open import open_world
from wfc.worlds.protocol import Appended, Queued, Resume, Unowned

PACKAGE: Final = "semantic_flows"
URL: Final = "http://localhost/wfc"
START: Final = datetime(2030, 1, 1, tzinfo=UTC)
QUEUES: Final = Queues(
    {
        "one": named_queue("one", concurrency=1),
        "active": named_queue("active", concurrency=1, slots="active"),
    }
)
_ROUNDS: Final = 200
_QUIET: Final = 5


def compiled(project: Path) -> Version:
    """Build the project and import its code, once per process."""
    loaded = load_settings(project)
    version = build_version(loaded)
    import_code(loaded, version)
    return version


def workflow_of(case: Case) -> Callable[..., Any]:
    """Give the function that the case names as ``module.name`` of the project."""
    module, _, name = case.workflow.partition(".")
    found: Any = import_module(f"{PACKAGE}.{module}")
    for part in name.split("."):
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]  # looked up by name


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a run: its outcome in the words of the table, its steps, its log."""

    outcome: tuple[Any, ...]
    steps: list[str]
    history: list[Recorded]
    attributes: dict[str, Any]
    bodies: dict[tuple[str, str, int], int]


class Scene:
    """A session with one worker, whose clock stands still until nothing else can happen."""

    def __init__(self, session: Session, clock: VirtualClock, *, always_replay: bool) -> None:
        self.session = session
        self.clock = clock
        self._always_replay = always_replay
        self._worker = self._hired()
        self._work: asyncio.Task[int | None] | None = None
        self._posting: list[asyncio.Task[None]] = []

    def _hired(self) -> Worker:
        assert self.session.registry is not None
        limits = WorkerLimits(
            chapter=Limits(log_level=logging.INFO), always_replay=self._always_replay, drain_s=0.05
        )
        return Worker(self.session.world, self.session.registry, limits=limits)

    async def play(self, case: Case) -> Ended:
        """Start the run of a case, do to it what the case says, and follow it to its end."""
        options = case.options_at(to_datetime(self.clock.now_us()))
        begin = api.start.options(id=run_id_of(case), **options)
        run = await begin(workflow_of(case), *case.args, **case.kwargs)
        told = list(case.told)
        for _ in range(_ROUNDS):
            due = await self._idle(run, hanging=bool(told) and told[0].in_step)
            if (await run.status()).ended:
                break
            if told:
                await self._tell(run, told.pop(0), case)
            else:
                self._pass_time(due)
        await asyncio.gather(*self._posting)
        return await self._ended(run)

    async def _idle(self, run: api.Run[Any], *, hanging: bool) -> int | None:
        """Work until nothing is due, or until nothing moves but a body that hangs for ever; with
        `hanging` wait for such a body.
        """
        if self._work is None:
            self._work = asyncio.create_task(self._worker.run_until_idle())
        self._worker.settled()  # the clock has moved, or somebody told the run something
        gate = _journal().gate(run.id)
        entered = asyncio.create_task(gate.wait())
        work: set[asyncio.Task[Any]] = set() if hanging else {self._work}
        await asyncio.wait({entered, *work}, return_when=asyncio.FIRST_COMPLETED)
        entered.cancel()
        if not self._work.done() and await self._still(run):
            return await self.session.world.next_due()
        due, self._work = await self._work, None
        return due

    async def _still(self, run: api.Run[Any]) -> bool:
        """Tell whether the worker is kept by a body that hangs, and does nothing else any more."""
        assert self._work is not None
        quiet, length = 0, 0
        while quiet < _QUIET:
            await asyncio.wait([self._work], timeout=0.004)
            if self._work.done():
                return False
            before, length = length, len(await self.session.world.history(run.id, 0, 2000))
            quiet = quiet + 1 if length == before else 0
        return True

    def _pass_time(self, due: int | None) -> None:
        """Go to the next instant at which something is due; retries at hand are in no table."""
        now = self.clock.now_us()
        step = timedelta(seconds=61)
        if due is not None and due > now:
            step = timedelta(microseconds=due - now)
        self.clock.advance(step)

    async def _tell(self, run: api.Run[Any], told: Told, case: Case) -> None:
        match told.what:
            case "pass":
                self.clock.advance(timedelta(seconds=told.value))
            case "restart":
                await self._leave()
                self._worker = self._hired()
            case "again":
                options = case.options_at(to_datetime(self.clock.now_us()))
                again = api.start.options(id=run.id, **options)
                same = await again(workflow_of(case), *case.args, **case.kwargs)
                assert same.id == run.id, "an id names one run"
                assert not same.created
            case "send":
                receipt = await api.resume_hook(**told.keywords)
                assert receipt.run_id == run.id
            case "post":
                self._posting.append(asyncio.create_task(self._post(run, told)))
                await self._come_in()
            case "foreign":
                await self._write_foreign(run.id)
            case _:
                answer = await getattr(run, told.what)(**told.keywords)
                assert told.value is None or answer == told.value

    async def _come_in(self) -> None:
        """Let what was posted be recorded; its answer may take a step."""
        received = await self._received()
        while await self._received() == received and not self._posting[-1].done():  # noqa: ASYNC110 - two things may end it
            await asyncio.sleep(0)

    async def _received(self) -> int:
        page = await api.list_hooks(status=None)
        return sum(hook.received for hook in page.items)

    async def _post(self, run: api.Run[Any], told: Told) -> None:
        hook = (await run.hooks())[-1]
        transport = httpx.ASGITransport(asgi_app())
        async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
            answer = await client.request(url=f"/webhook/{hook.token}", **told.keywords)
        assert answer.status_code == told.value, answer.text

    async def _write_foreign(self, run_id: RunId) -> None:
        """Record a step that this code never asked for, as other code under this name would."""
        world, name = self.session.world, OperationId("foreign~00000000#0")
        assert self.session.registry is not None
        created = StepCreated(
            operation_id=name,
            step=DefinitionId(f"{PACKAGE}.other:foreign"),
            arguments=None,
            digest=None,
            policy=Policy(),
            closure=False,
        )
        done = StepCompleted(
            operation_id=name,
            attempt=1,
            started_at=self.clock.now_us(),
            version=self.session.registry.current.id,
            output=codec.encode(None, path="nothing"),
            created=created,
        )
        length = len(await world.history(run_id, 0, 2000))
        answer = await world.append(
            run_id,
            [done],
            guard=Unowned(length),
            messages=[Queued(message=Resume(run_id), not_before=self.clock.now_us())],
        )
        assert isinstance(answer, Appended)

    async def _ended(self, run: api.Run[Any]) -> Ended:
        history = await self.session.world.history(run.id, 0, 2000)
        fold(history)
        return Ended(
            outcome=await _outcome(run),
            steps=sorted(
                each.name if each.status == "completed" else f"{each.name}:{each.status}"
                for each in await run.steps()
            ),
            history=history,
            attributes=dict(await run.attributes()),
            bodies=dict(_journal().BODIES),
        )

    async def _leave(self) -> None:
        await self._worker.stop()
        if self._work is not None:
            await self._work
            self._work = None

    async def close(self) -> None:
        """Stop the worker and close the world."""
        await self._leave()
        await self.session.close()


def _journal() -> Any:
    """What bodies did: a module of the project, as it is imported now."""
    return import_module(f"{PACKAGE}.journal")


async def _outcome(run: api.Run[Any]) -> tuple[Any, ...]:
    status = await run.status()
    if not status.ended:
        return "open", str(status)
    try:
        return "returns", await run.result("1s")
    except RunFailed as failure:
        return "fails", failure.kind, type(failure.cause).__name__, str(failure.cause)
    except RunCancelled as cancelled:
        return "cancelled", cancelled.reason


def agrees(found: tuple[Any, ...], expected: tuple[Any, ...]) -> bool:
    """Compare outcomes; `...` stands for anything."""
    return len(found) == len(expected) and all(
        right is ... or left == right for left, right in zip(found, expected, strict=True)
    )


def last_instant(database: Path) -> datetime:
    """Give the instant at which the clock of the last process stood, or the begin of a new world.

    The log does not tell: a process may die after its clock went on and before it wrote. The next
    one would begin in the past, where a run that was claimed when it was due is not due yet.
    """
    kept = _kept(database)
    return datetime.fromisoformat(kept.read_text()) if kept.exists() else START


def _kept(database: Path) -> Path:
    return database.with_suffix(".clock")


class KeptClock(VirtualClock):
    """A virtual clock that stands in a file before it goes on, so that no restart sets it back."""

    def __init__(self, start: datetime, path: Path) -> None:
        super().__init__(start)
        self._path = path

    def advance(self, by: timedelta) -> None:
        then = self._path.with_suffix(".then")
        then.write_text((to_datetime(self.now_us()) + by).isoformat())
        then.replace(self._path)
        super().advance(by)


def run_id_of(case: Case) -> RunId:
    """Give the id that the case's run has."""
    return RunId(f"run-{case.slug}")


@asynccontextmanager
async def scene(
    version: Version, database: Path, *, always_replay: bool = False, at: datetime = START
) -> AsyncIterator[Scene]:
    """Open a world for one case, as the session that `wfc.api` works in."""
    _journal().BODIES.clear()
    _journal().GATES.clear()
    clock = KeptClock(at, _kept(database))
    world = open_world(f"sqlite:///{database}", clock)
    await world.open()
    await world.register_version(version.id, to_archive(version))
    session = Session(world, Registry(version, queues=QUEUES))
    session.public_url = URL
    async with use_session(session):
        made = Scene(session, clock, always_replay=always_replay)
        try:
            yield made
        finally:
            await made.close()
