"""A thread with a connection that commits writes: many in one transaction, each answered after it.

When the connection is lost, the lane connects again and repeats what was not committed. Whether a
commit landed of which no answer came, it asks the row of `lanes` that each transaction of a lane
writes.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import random
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg

from wfc import fault
from wfc.clock import Clock
from wfc.errors import WorldError, WorldUnreachable
from wfc.worlds import postgres_plain
from wfc.worlds.feed import RUNS, run_topic
from wfc.worlds.postgres_connect import connect
from wfc.worlds.postgres_errors import CONFLICTS, TROUBLE, is_lost, shown, translate
from wfc.worlds.postgres_news import NOTIFY, Taken, payload_of
from wfc.worlds.postgres_plain import PostgresPlainAppend
from wfc.worlds.postgres_transaction import PostgresTransaction, Session
from wfc.worlds.sql_write import Write
from wfc.worlds.vault import Vault

BATCH_WRITES: Final = 256
BATCH_BYTES: Final = 4 << 20
PATIENCE_S: Final = 60.0
"""How long a write waits for a server that is being restarted."""
_TRIES: Final = 12
_LANE: Final = """
INSERT INTO lanes (lane_id, token, at) VALUES ({numbers})
ON CONFLICT (lane_id) DO UPDATE SET token = excluded.token, at = excluded.at
"""
_SIGN: Final = _LANE.format(numbers="$1, $2, $3")
_SIGN_AND_TELL: Final = f"{_SIGN}RETURNING {NOTIFY.format(payload='$4')}"
_PLAIN: Final = postgres_plain.STATEMENT.replace(
    "\n)\nSELECT run_id FROM heads",
    "\n), lane AS ("
    + _LANE.format(numbers="$12, $13, $14")
    + f"RETURNING {NOTIFY.format(payload='$15')}"
    + ")\nSELECT run_id FROM heads",
)
# Whoever asks waits for a transaction that still signs: by its row, or by the key of the index.
_ASK: Final = """
INSERT INTO lanes (lane_id, token, at) VALUES ($1, '', $2)
ON CONFLICT (lane_id) DO UPDATE SET at = excluded.at RETURNING token
"""


@dataclass(slots=True)
class Committed:
    """Writes with their answers, and the topics of which there is news."""

    settled: list[tuple[Write, Any]] = field(default_factory=list)
    news: set[str] = field(default_factory=set)

    def add(self, more: Committed) -> None:
        """Take in what was committed besides."""
        self.settled += more.settled
        self.news |= more.news


class _InDoubt(Exception):
    """The connection was lost while it committed."""

    def __init__(self, token: str, committed: Callable[[Session], Committed]) -> None:
        super().__init__(token)
        self.token = token
        self.committed = committed  # what to answer if it landed


class _Spoiled(Exception):
    """A write failed after it had written something, so nothing of its transaction may stay."""


_FAILED: Final[tuple[type[Exception], ...]] = (_Spoiled, *TROUBLE)


class Lane:
    """One thread, one connection, and the writes that wait for both."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        vault: Vault | None,
        *,
        origin: str,
        taken: Taken,
        deliver: Callable[[Committed], None],
    ) -> None:
        """Write to the world at `url`. `deliver` is called in the thread with what is committed.

        `origin` names this process's world in notifications, so that it knows its own.
        """
        self._url = url
        self._clock = clock
        self._vault = vault
        self._origin = origin
        self._taken = taken
        self._deliver = deliver
        self._lane_id = uuid.uuid4().hex
        self._queue: queue.SimpleQueue[Write | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._session: Session | None = None
        self.waiting = 0
        """How many writes were put here and not delivered; kept by whoever puts them."""
        self._thread = threading.Thread(target=self._main, name="wfc-postgres-lane", daemon=True)
        self._thread.start()

    def put(self, write: Write) -> None:
        """Let a write wait."""
        self._queue.put(write)

    def close(self) -> None:
        """Finish what waits and end the thread; blocking."""
        self._closing.set()
        self._queue.put(None)
        self._thread.join()

    # -- in the thread

    def _main(self) -> None:
        self._loop = asyncio.new_event_loop()
        try:
            last = False
            while not last:
                batch, last = self._gather()
                if batch:
                    self._deliver(self._commit(batch))
        finally:
            self._disconnect()
            self._loop.close()

    def _gather(self) -> tuple[list[Write], bool]:
        """Wait for a write and take all that wait with it; tell whether these are the last."""
        first = self._queue.get()
        if first is None:
            return [], True
        batch, size = [first], first.size
        while len(batch) < BATCH_WRITES and size < BATCH_BYTES:
            try:
                more = self._queue.get_nowait()
            except queue.Empty:
                break
            if more is None:
                return batch, True
            batch.append(more)
            size += more.size
        return batch, False

    def _commit(self, batch: list[Write]) -> Committed:
        """Commit plain appends in one statement, and whatever is left in one transaction."""
        plain: dict[str, PostgresPlainAppend] = {}
        others: list[Write] = []
        for write in batch:
            if isinstance(write, PostgresPlainAppend) and not (
                write.encoded.blobs or write.run_id in plain
            ):
                plain[write.run_id] = write
            else:
                others.append(write)
        committed = Committed()
        if plain:
            steps = list(plain.values())
            committed.add(self._told(steps, lambda session: self._append_plain(session, steps)))
            moved = {id(write) for write, _ in committed.settled}
            others = [step for step in steps if id(step) not in moved] + others
        if others:
            committed.add(self._told(others, lambda session: self._transact(session, others)))
        return committed

    def _told(
        self, writes: Collection[Write], attempt: Callable[[Session], Committed]
    ) -> Committed:
        """Attempt to commit `writes`; if that cannot be, each of them learns why."""
        try:
            return self._patiently(attempt)
        except _FAILED as error:
            if len(writes) > 1 and not is_lost(error):
                return self._one_by_one(writes)
            told = error.__cause__ if isinstance(error, _Spoiled) else error
        except Exception as error:  # noqa: BLE001 - whoever waits for these writes must learn it
            told = error
        assert told is not None
        answer = self._meaning(told)
        return Committed([(write, answer) for write in writes])

    def _one_by_one(self, writes: Collection[Write]) -> Committed:
        """Find out which write failed, without harm for the others."""
        committed = Committed()
        for write in writes:
            alone = [write]
            committed.add(
                self._told(alone, lambda session, alone=alone: self._transact(session, alone))  # type: ignore[misc]  # mypy infers no default
            )
        return committed

    def _meaning(self, error: BaseException) -> BaseException:
        return translate(error, self._url) if isinstance(error, TROUBLE) else error

    # -- connections that come and go

    def _patiently(self, attempt: Callable[[Session], Committed]) -> Committed:
        """Attempt, and again over a new connection for as long as there is patience."""
        deadline = time.monotonic() + PATIENCE_S
        doubt: _InDoubt | None = None
        delay, tries = 0.02, 0
        while True:
            try:
                session = self._connected()
                if doubt is not None and self._landed(session, doubt.token):
                    return doubt.committed(session)
                doubt = None
                return attempt(session)
            except _InDoubt as lost:
                doubt = lost
                self._disconnect()
            except CONFLICTS:
                tries += 1
                if tries >= _TRIES:
                    raise
                time.sleep(random.uniform(0, 0.002 * tries))  # noqa: S311 - no secret
                continue
            except Exception as error:
                if not (is_lost(error) or (doubt and isinstance(error, asyncpg.PostgresError))):
                    raise
                self._disconnect()
                if time.monotonic() > deadline or self._closing.is_set():
                    raise self._unreachable(error, doubt) from error
            self._closing.wait(delay)
            delay = min(delay * 2, 1.0)

    def _unreachable(self, error: BaseException, doubt: _InDoubt | None) -> WorldError:
        found = translate(error, self._url)
        if doubt is None:
            return found
        return WorldUnreachable(
            f"{shown(self._url)}: the connection was lost during a commit and did not come back "
            f"({found}), so it is not known whether that was written."
        )

    def _connected(self) -> Session:
        if self._session is None or self._session.raw.is_closed():
            raw = self._loop.run_until_complete(connect(self._url))
            self._session = Session(raw, self._loop)
        return self._session

    def _disconnect(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(*TROUBLE):
                self._loop.run_until_complete(session.raw.close(timeout=1.0))

    def _landed(self, session: Session, token: str) -> bool:
        """Tell whether a transaction of this lane was committed; waits for one that still runs."""
        ((found,),) = session.native(_ASK, self._lane_id, self._clock.now_us()).fetchall()
        return bool(found == token)

    # -- transactions

    def _append_plain(self, session: Session, steps: list[PostgresPlainAppend]) -> Committed:
        """Commit the plain appends that nothing stands against; the others are left over."""
        token, now = uuid.uuid4().hex, self._clock.now_us()
        signed = (self._lane_id, token, now, payload_of(self._origin, _topics(steps)))

        def found(again: Session) -> Committed:
            """Tell by the log which of them the statement moved."""
            rows = again.native(postgres_plain.WRITTEN, *postgres_plain.firsts_of(steps))
            return self._moved(steps, rows)

        fault.point("append.begun")
        try:
            rows = session.native(_PLAIN, *postgres_plain.arguments_of(steps), *signed).fetchall()
        except Exception as error:
            if is_lost(error):
                raise _InDoubt(token, found) from error
            raise
        self._taken.add()
        fault.point("append.committed")
        return self._moved(steps, rows)

    def _moved(self, steps: list[PostgresPlainAppend], rows: Iterable[tuple[str]]) -> Committed:
        moved = {run_id for (run_id,) in rows}
        settled: list[tuple[Write, Any]] = [
            (step, step.answer) for step in steps if step.run_id in moved
        ]
        return Committed(settled, _topics(step for step, _ in settled))

    def _transact(self, session: Session, writes: Collection[Write]) -> Committed:
        """Run the writes in one transaction; a refused one has written nothing."""
        fault.point("append.begun")
        session.command("BEGIN")
        try:
            transaction = PostgresTransaction(session, self._clock.now_us(), self._vault)
            committed, wrote = Committed(news=transaction.news), False
            for write in writes:
                session.wrote = False
                committed.settled.append((write, self._answer(write, transaction)))
                wrote = wrote or session.wrote
            token = uuid.uuid4().hex
            if wrote:
                self._sign(session, token, transaction)
            fault.point("append.written")
        except BaseException:
            self._roll_back(session)
            raise
        try:
            session.command("COMMIT")
        except Exception as error:
            if wrote and is_lost(error):
                raise _InDoubt(token, lambda _: committed) from error
            raise
        fault.point("append.committed")
        return committed

    def _answer(self, write: Write, transaction: PostgresTransaction) -> Any:
        try:
            return write.run(transaction)
        except TROUBLE:
            raise
        except Exception as error:
            if transaction.connection.wrote:
                raise _Spoiled from error
            return error  # it belongs to whoever asked for this write, and the others may stay

    def _sign(self, session: Session, token: str, transaction: PostgresTransaction) -> None:
        signed = (self._lane_id, token, transaction.now_us)
        if transaction.news:
            session.native(_SIGN_AND_TELL, *signed, payload_of(self._origin, transaction.news))
            self._taken.add()
        else:
            session.native(_SIGN, *signed)

    def _roll_back(self, session: Session) -> None:
        # The first error is the one to tell.
        with contextlib.suppress(*TROUBLE):
            session.command("ROLLBACK")


def _topics(steps: Iterable[Any]) -> set[str]:
    """Name the topics of which plain appends are news."""
    runs = {run_topic(step.run_id) for step in steps}
    return {RUNS, *runs} if runs else runs
