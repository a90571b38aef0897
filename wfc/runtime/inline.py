"""Bodies that the owner of a run runs itself: those under way, and those that wait for room."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from wfc.eventlog.event import StepStarted
from wfc.ids import OperationId, RunId
from wfc.policies import Policy
from wfc.runtime.attempt import Call, run_attempt, stopped
from wfc.runtime.desk import Desk
from wfc.runtime.operations import StepAsked
from wfc.runtime.outbox import Outbox, starts_on_record
from wfc.runtime.queues import is_queued
from wfc.runtime.scene import RunScene
from wfc.runtime.threads import CarriedError


class Tenure:
    """Whether this worker decides for a run: while it has its `fence`; and whether it is `stopping`
    to, so that it begins nothing more.
    """

    __slots__ = ("fence", "stopping")

    def __init__(self) -> None:
        """Decide nothing before the claim."""
        self.fence: int | None = None
        self.stopping = False


class InlineBodies:
    """The bodies of one run; what they come to goes into its outbox."""

    def __init__(
        self,
        run_id: RunId,
        desk: Desk,
        outbox: Outbox,
        tenure: Tenure,
        poke: Callable[[], None],
    ) -> None:
        """Run nothing yet; `poke` lets the run look at its outbox."""
        self.running: dict[OperationId, tuple[Call, asyncio.Task[None]]] = {}
        self.backlog: dict[OperationId, tuple[StepAsked, float]] = {}
        """Steps that wait for a slot, and since when."""
        self.trouble: Exception | None = None
        """Why a body could not be run at all, or has no outcome."""
        self._run_id = run_id
        self._desk = desk
        self._outbox = outbox
        self._tenure = tenure
        self._poke = poke
        self._scene = RunScene(run_id, desk, lambda: outbox.ledger, tenure)
        self._loop = asyncio.get_running_loop()
        self._announcer: asyncio.TimerHandle | None = None

    # -- beginning

    def want(self, asked: StepAsked) -> None:
        """Begin the next attempt of a step, as soon as there is room."""
        name = asked.operation_id
        if name in self._outbox.starts or name in self.backlog:
            return
        if asked.body is None and is_queued(self._desk.policy(asked)):
            # Whoever is given its slot, or serves its queue, runs it: perhaps this worker.
            self._outbox.to_queue[name] = asked, 0
            self._poke()
            return
        self.backlog[name] = asked, self._loop.time()
        self.fill()

    def fill(self) -> None:
        """Begin bodies of the backlog as far as run and worker have room."""
        room = self._desk.inline_steps - len(self.running) - len(self._outbox.starts)
        while self.backlog and room > 0 and self._may_begin():
            if not self._desk.slots.take(self):
                break
            room -= 1
            name = next(iter(self.backlog))
            asked, _ = self.backlog.pop(name)
            policy = self._desk.policy(asked)
            if name in self._outbox.ledger.efforts or starts_on_record(policy):
                # Its start is committed first; `started` launches the body.
                self._outbox.starts[name] = asked
                self._poke()
            else:
                self._launch(self.call(asked, policy, self._outbox.ledger.first_attempt(name)))
        if self.backlog:
            self._watch()

    def _may_begin(self) -> bool:
        return (
            self._tenure.fence is not None
            and self._outbox.end is None
            and not self._outbox.hooks
            and not self._outbox.nursery.asked
            and not self._tenure.stopping
            and not self._outbox.ledger.paused
        )

    def started(self, event: StepStarted) -> None:
        """Launch the body whose start is committed now."""
        asked = self._outbox.starts.pop(event.operation_id, None)
        if asked is None:
            return
        effort = self._outbox.ledger.efforts[event.operation_id]
        call = self.call(asked, effort.policy, event.attempt)
        if self._may_begin():
            self._launch(call)
        else:
            self._desk.slots.give_back()
            self._outbox.outcomes[event.operation_id] = call, stopped(call, call.started_at)

    def call(self, asked: StepAsked, policy: Policy, attempt: int) -> Call:
        """Describe an attempt of a step."""
        now = self._desk.now_us()
        ledger = self._outbox.ledger
        created = ledger.created
        assert created is not None
        effort = ledger.efforts.get(asked.operation_id)
        first = effort.first_started_at if effort is not None else None
        return Call(
            run_id=self._run_id,
            workflow=created.workflow,
            version=ledger.version or created.version,
            chapter=ledger.chapter,
            operation_id=asked.operation_id,
            step=asked.step,
            arguments=asked.arguments,
            digest=asked.digest,
            policy=policy,
            attempt=attempt,
            spent=ledger.law.spent_on(asked.operation_id),
            first_started_at=now if first is None else first,
            started_at=now,
            closure=asked.body,
            payload_max=self._desk.limits.payload,
            scene=self._scene,
            traceparent=created.traceparent,
            secretary=None if self._desk.limits.log_level is None else self._scene,
        )

    def _launch(self, call: Call) -> None:
        """Start a body; the caller holds a slot for it."""
        call.begun_at = self._loop.time()
        self.running[call.operation_id] = call, self._desk.launch(self._run(call))
        self._watch()

    async def _run(self, call: Call) -> None:
        """Run one body and keep its outcome for the next append."""
        desk = self._desk
        try:
            work = run_attempt(call, desk.bodies, desk.threads, desk.now_us, desk.processes)
            telemetry = desk.telemetry
            ended = await (work if telemetry is None else telemetry.step(call, work))
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - a run must not wait for what is over
            # No code here can take the call, or wfc is at fault: the run is left as it is.
            self.trouble = error if isinstance(error, Exception) else CarriedError(error)
            self._poke()
            return
        finally:
            desk.slots.give_back()
        if self.running.pop(call.operation_id, None) is None:
            return  # given up in the meantime
        self._outbox.announce.pop(call.operation_id, None)
        self._outbox.outcomes[call.operation_id] = call, ended
        if self.backlog:
            self.fill()
        self._poke()

    # -- ending

    def stop(self, operation_id: OperationId) -> bool:
        """Stop a body whose outcome nobody wants; tell whether it was under way."""
        flight = self.running.pop(operation_id, None)
        if flight is None:
            return False
        call, task = flight
        call.given_up = True
        self._outbox.say(call.last_lines())
        task.cancel()
        return True

    def cut_short(self) -> None:
        """Cancel what is under way; these attempts do not count."""
        now = self._desk.now_us()
        for operation_id, (call, _) in list(self.running.items()):
            self.stop(operation_id)
            self._outbox.outcomes[operation_id] = call, stopped(call, now)

    def unstart(self, operation_id: OperationId) -> None:
        """Take back that a start is to be committed."""
        self._desk.slots.give_back()
        asked = self._outbox.starts.pop(operation_id)
        if self._tenure.stopping:
            self.backlog[operation_id] = asked, self._loop.time()

    def unstart_all(self) -> None:
        """Take back all starts."""
        for operation_id in list(self._outbox.starts):
            self.unstart(operation_id)

    def drop(self) -> None:
        """Stop everything, and write nothing about it."""
        for operation_id in list(self.running):
            self.stop(operation_id)
        for _ in self._outbox.starts:
            self._desk.slots.give_back()
        self._outbox.starts.clear()
        self.backlog.clear()
        if self._announcer is not None:
            self._announcer.cancel()
            self._announcer = None

    # -- telling others

    def _watch(self) -> None:
        if self._announcer is None:
            self._announcer = self._loop.call_later(self._desk.announce_after_s, self._announce)

    def _announce(self) -> None:
        """Tell others of bodies that run for long, and offer them steps that wait for long."""
        self._announcer = None
        if self._tenure.fence is None:
            return
        outbox = self._outbox
        limit = self._loop.time() - self._desk.announce_after_s
        for name, (call, _) in self.running.items():
            if call.begun_at <= limit and name not in outbox.ledger.efforts:
                outbox.announce[name] = call
        for name, (asked, since) in list(self.backlog.items()):
            if since <= limit and asked.body is None:
                del self.backlog[name]
                outbox.to_queue[name] = asked, 0
        if outbox.announce or outbox.to_queue:
            self._poke()
        if self.running or self.backlog:
            self._watch()
