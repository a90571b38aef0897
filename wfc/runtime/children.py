"""Child runs in workflow code: start one, wait for its end, cancel it.

What follows from the child's workflow alone is worked out once per template, in a `ChildPlan`.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice, product
from typing import Any, Final, Generic, NoReturn, ParamSpec, TypeVar

from wfc import abi, codec
from wfc.durations import Duration, seconds, wake_at_us
from wfc.errors import (
    CodecError,
    LimitExceeded,
    NotCompiled,
    PayloadTooLarge,
    RunFailed,
    RunIdConflict,
)
from wfc.eventlog.event import (
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    Event,
    Recorded,
    RunCreated,
    Scalar,
)
from wfc.ids import DefinitionId, ModuleName, OperationId, RunId, child_id
from wfc.manifests.sites import site_of
from wfc.policies import declared
from wfc.runtime import context
from wfc.runtime.attributes import check_attributes
from wfc.runtime.live import Code, Live
from wfc.runtime.operations import ChildAsked
from wfc.runtime.options import (
    check_duration,
    check_given_attributes,
    check_number,
    check_reason,
    check_run_id,
    check_text,
)
from wfc.runtime.parameters import whole
from wfc.runtime.pending import INPUT, KIND, WRONG_KIND, Pending, Place, Problem
from wfc.runtime.queues import limit_key, queue_of
from wfc.runtime.refusals import at_line
from wfc.runtime.retention import check_retention, retention_of

P = ParamSpec("P")
T = TypeVar("T")
PRIORITY_MAX: Final = 100
_NAMES_MAX: Final = 64
"""So many ways are tried to give the arguments of a child by former names."""
_ChildEnd = ChildCompleted | ChildFailed


# --- what code calls ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildOptions:
    """How a child run begins, beside its workflow and arguments."""

    id: str | None = None
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    priority: int = 0
    delay: Duration | None = None
    timeout: Duration | None = None
    retention: Duration | None = None
    queue: str | None = None
    detached: bool = False

    def __post_init__(self) -> None:
        """Refuse what no run may have. Raises `OptionInvalid`, `LimitExceeded`."""
        check_run_id("id", self.id)
        check_text("queue", self.queue)
        check_number("priority", self.priority, -PRIORITY_MAX, PRIORITY_MAX)
        check_duration("delay", self.delay)
        check_duration("timeout", self.timeout)
        check_retention("retention", self.retention)
        kept = check_given_attributes("attributes", self.attributes)
        object.__setattr__(self, "attributes", kept)  # a copy: the caller's may change


class Start:
    """Starts child runs; `start` is the one with no options."""

    def __init__(self, options: ChildOptions) -> None:
        """Start child runs with these options."""
        self._options = options

    def __call__(
        self, workflow: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, ChildRun[T]]:
        """Start a child run of `workflow`; awaited, it is on disk together with this decision.

        With an id that names a run already, of the same workflow and arguments, that run is given.
        Raises `NotCompiled`, `TypeError`, `Unserialisable`, `PayloadTooLarge`, `RunIdConflict`,
        `QueueUnknown`, and `LimitExceeded` for a child too deep.
        """
        execution = context.needed("start(...)")
        frame = sys._getframe(1)  # noqa: SLF001 - sites are found so
        plan = plan_of(execution.template, workflow)
        arguments = plan.bind(args, kwargs)
        _check_call(execution, self._options)
        name = execution.name(site_of(frame, "start"))
        called = name, (frame.f_code, frame.f_lasti)
        return _start(execution, plan, called, arguments, self._options)

    def options(
        self,
        *,
        id: str | None = None,  # noqa: A002 - the name that reads well at the call
        attributes: Mapping[str, Scalar] | None = None,
        priority: int = 0,
        delay: Duration | None = None,
        timeout: Duration | None = None,
        retention: Duration | None = None,
        queue: str | None = None,
        detached: bool = False,
    ) -> Start:
        """Give a `start` that names the child, marks it, delays it, limits it, or keeps it.

        `retention` counts from its end, or ``"never"`` lets it go; it may wait in a `queue`; a
        `detached` one outlives the cancellation of this run.
        """
        return Start(
            ChildOptions(
                id=id,
                attributes={} if attributes is None else attributes,
                priority=priority,
                delay=delay,
                timeout=timeout,
                retention=retention,
                queue=queue,
                detached=detached,
            )
        )


start: Final = Start(ChildOptions())


class ChildRun(Generic[T]):
    """A child run, in the workflow code that started it."""

    __slots__ = ("_execution", "_pending", "_plan", "id")

    def __init__(self, execution: Live, plan: ChildPlan, pending: PendingChild, id: RunId) -> None:  # noqa: A002 - the name of the field
        """Stand for the run `id`, which `pending` waits for."""
        self._execution = execution
        self._plan = plan
        self._pending = pending
        self.id = id

    def __repr__(self) -> str:
        """Name the run."""
        return f"ChildRun({self.id!r})"

    async def result(self) -> T:
        """Wait for the child's end and give what its workflow returned.

        Raises `RunFailed` (its `cause` is the child's error) or `RunCancelled`.
        """
        event = self._pending.end or await self._ended()
        if isinstance(event, ChildFailed):
            _raise(event, self._plan.template)
        try:
            value: T = codec.decode(
                event.output, annotation=self._plan.result, types=self._plan.template.types
            )
        except CodecError as error:
            self._execution.misread(event.operation_id, error)
            raise
        return value

    async def _ended(self) -> _ChildEnd:
        execution, pending = self._execution, self._pending
        if not execution.alive:
            await execution.parked()
        # A future of its own: whoever is cancelled while it waits takes the answer from nobody.
        waiter: asyncio.Future[_ChildEnd] = execution.loop.create_future()
        pending.waiting.append(waiter)
        try:
            return await waiter
        finally:
            pending.waiting.remove(waiter)

    def cancel(self, reason: str | None = None) -> Awaitable[None]:
        """Ask the child to stop; it may clean up. Nothing happens if it has ended already.

        It is asked whether or not the answer is awaited, which suspends nobody.
        """
        check_reason(reason)
        pending = self._pending
        if self._execution.alive and pending.end is None and not pending.operation.cancelled:
            text = reason or f"its parent {self._execution.run_id} cancelled it"
            pending.operation = replace(pending.operation, cancelled=True, reason=text)
            self._execution.ask_again(pending)
        return _Done()


class _Done:
    """An awaitable that is done."""

    def __await__(self) -> Generator[Any, None, None]:
        yield from ()


def _raise(event: ChildFailed, template: Code) -> NoReturn:
    error = codec.decode_error(event.error, types=template.types)
    if isinstance(error, RunFailed):
        error.cause = error.__cause__
    raise error


# --- starting ----------------------------------------------------------------------------------


def _check_call(execution: Live, options: ChildOptions) -> None:
    """Refuse a child that is too deep, or cannot have these options."""
    depth = depth_of(execution) + 1
    if depth > execution.depth_max:
        raise LimitExceeded(
            f"this child would be a run at depth {depth} below the first one, and the limit is "
            f"{execution.depth_max} ([tool.wfc.limits] children_depth). Loop in one run, or await "
            f"the workflow instead of starting it.{at_line()}"
        )
    check_attributes(options.attributes, limit=execution.attributes_max)
    if options.id == execution.run_id:
        raise RunIdConflict(f"the id {options.id!r} is that of this run, which is no child of it.")


def depth_of(execution: Live) -> int:
    """Tell how many runs stand above this one."""
    begun = execution.begun
    created = begun if isinstance(begun, RunCreated) else execution.created
    return 0 if created is None else created.depth


async def _start(
    execution: Live,
    plan: ChildPlan,
    called: tuple[OperationId, Place],
    arguments: Mapping[str, Any],
    options: ChildOptions,
) -> ChildRun[Any]:
    name, place = called
    if not execution.alive:
        await execution.parked()
    payload, digest = plan.encoded(arguments, execution.payload_max)
    delay, timeout = options.delay, options.timeout
    asked = ChildAsked(
        operation_id=name,
        workflow=plan.workflow,
        fingerprint=plan.fingerprint,
        run_id=RunId(options.id) if options.id else child_id(execution.run_id, name),
        arguments=payload,
        digest=digest,
        attributes=options.attributes,
        priority=options.priority,
        not_before=None if delay is None else wake_at_us(delay, execution.now_us()),
        timeout_s=plan.timeout_s if timeout is None else seconds(timeout, what="timeout"),
        retention_s=retention_of(plan.function, options.retention),
        queue=queue_of(plan.function, options.queue),
        limit_key=limit_key(plan.function, payload),
        goal_s=plan.goal_s,
        detached=options.detached,
    )
    born = execution.loop.create_future()
    pending = PendingChild(asked, execution.position, place, born)
    execution.ask(pending)
    try:
        event = await born
    except BaseException:
        execution.withdraw(pending)
        raise
    if isinstance(event, ChildFailed):
        _raise(event, plan.template)
    return ChildRun(execution, plan, pending, event.run_id)


# --- the open operation ------------------------------------------------------------------------


class PendingChild(Pending):
    """A child run: first it is started, then it ends, and whoever waits for that is told."""

    __slots__ = ("born", "end", "waiting")
    operation: ChildAsked

    def __init__(
        self,
        operation: ChildAsked,
        position: int,
        place: Place | None,
        born: asyncio.Future[ChildCreated | ChildFailed],
    ) -> None:
        """Resolve `born` with the event that says whether the child was started."""
        super().__init__(operation, position, place)
        self.born = born
        self.end: _ChildEnd | None = None
        self.waiting: list[asyncio.Future[_ChildEnd]] = []

    def take(self, recorded: Recorded, *, compare: bool = True) -> Problem | None:
        """Compare what was started with what was asked; wake who waits."""
        event = recorded.event
        match event:
            case ChildCreated():
                problem = _contradiction(event, self.operation) if compare else None
                if problem is None and not self.born.done():
                    self.born.set_result(event)
                return problem
            case ChildCompleted() | ChildFailed():
                self.end = event
                if isinstance(event, ChildFailed) and not self.born.done():
                    self.born.set_result(event)
                for waiter in self.waiting:
                    if not waiter.done():
                        waiter.set_result(event)
                return None
        return WRONG_KIND

    def over(self, event: Event) -> bool:
        """Tell whether the child has ended."""
        return isinstance(event, ChildCompleted | ChildFailed)


def _contradiction(created: ChildCreated, asked: ChildAsked) -> Problem | None:
    if created.workflow != asked.workflow:
        return Problem(
            KIND,
            f"a child run of {created.workflow} was recorded, and the code starts {asked.workflow}",
        )
    if created.digest != asked.digest:
        return Problem(INPUT, f"the child run of {asked.workflow} was started with other arguments")
    return None


# --- the child's workflow ----------------------------------------------------------------------


class ChildPlan:
    """How child runs of one workflow are started from the code of one template."""

    def __init__(self, workflow: DefinitionId, function: Any, template: Code) -> None:
        """Prepare for children of `workflow`, which `function` is."""
        self.workflow = workflow
        self.function = function
        self.template = template
        self.fingerprint = template.fingerprints[workflow]
        self._qualname = workflow.partition(":")[2]
        self._signature = inspect.signature(function)
        module = ModuleName(workflow.partition(":")[0])
        self._annotations = {
            name: whole(parameter.kind, template.evaluated(module, parameter.annotation))
            for name, parameter in self._signature.parameters.items()
        }
        self.result = template.evaluated(module, self._signature.return_annotation)
        declaration = declared(function)
        given = None if declaration is None else declaration.given.get("timeout_s")
        self.timeout_s = None if given is None else float(given)
        self.goal_s = None if declaration is None else declaration.goal_s

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Give the arguments by name, omitted ones left off. Raises `TypeError` as a call does."""
        try:
            return dict(self._signature.bind(*args, **kwargs).arguments)
        except TypeError as error:
            raise TypeError(f"{self._qualname}(): {error}") from None

    def was_given(self, asked: bytes, digest: bytes) -> bool:
        """Tell whether arguments that are given now have a recorded digest under former names.

        A parent's log holds no more than the digest; the arguments stand in the child's.
        """
        former: dict[str, list[str]] = {}
        for old, new in self.template.hints.parameters(self.workflow).items():
            former.setdefault(new, []).append(old)
        if not former:
            return False
        types, known = self.template.types, self._annotations
        arguments = codec.decode_arguments(asked, known, types)
        choices = [(name, *former.get(name, ())) for name in arguments]
        for names in islice(product(*choices), _NAMES_MAX):
            _, written = codec.encode_arguments(
                dict(zip(names, arguments.values(), strict=True)),
                call=f"workflow `{self._qualname}`",
                annotations=dict(zip(names, map(known.get, arguments), strict=True)),
                types=types,
            )
            if written == digest:
                return True
        return False

    def encoded(self, arguments: Mapping[str, Any], limit: int) -> tuple[bytes, bytes]:
        """Give the payload of the arguments and its digest."""
        try:
            return codec.encode_arguments(
                arguments,
                call=f"workflow `{self._qualname}`",
                annotations=self._annotations,
                types=self.template.types,
                limit=limit,
            )
        except PayloadTooLarge as error:
            raise PayloadTooLarge(f"{error}{at_line()}") from None


def plan_of(template: Code, workflow: Any) -> ChildPlan:
    """Give how children of a workflow are started. Raises `NotCompiled`."""
    name = abi.id_of(workflow)
    if name is None:  # methods are not marked
        module = str(getattr(workflow, "__module__", "")).partition("@")[0]
        name = DefinitionId(f"{module}:{getattr(workflow, '__qualname__', '')}")
    plan: ChildPlan | None = template.children.get(name)
    if plan is None:
        if name not in template.fingerprints:
            raise NotCompiled(
                f"start() takes a workflow of this build, and {workflow!r} is none. Await a step "
                'instead of starting it, or give a function that begins with "use workflow".'
                f"{at_line()}"
            )
        plan = template.children[name] = ChildPlan(name, workflow, template)
    return plan


# A step that is given one has a `Run` in its hands.
codec.register_handle(ChildRun, codec.tags.RUN, take=lambda child: child.id)
