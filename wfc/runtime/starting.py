"""Begin a run: check the call, encode the arguments, write one commit."""

from __future__ import annotations

import inspect
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from wfc import abi, codec, fault, ids
from wfc.clock import to_us
from wfc.durations import Duration, seconds, wake_at_us
from wfc.errors import (
    InputInvalid,
    NotCompiled,
    OptionInvalid,
    PayloadMismatch,
    RunIdConflict,
    VersionUnknown,
    WfcError,
)
from wfc.eventlog.event import Event, RunCreated, RunStarted, Scalar
from wfc.ids import DefinitionId, RunId
from wfc.manifests.markers import changes_in
from wfc.manifests.store import Version
from wfc.policies import declared
from wfc.runtime.annotations import argument_annotations
from wfc.runtime.attributes import check_attributes
from wfc.runtime.client import Client
from wfc.runtime.environment import capture
from wfc.runtime.options import (
    check_duration,
    check_given_attributes,
    check_instant,
    check_number,
    check_run_id,
    check_text,
)
from wfc.runtime.queues import limit_key, queue_of
from wfc.runtime.registry import Registry
from wfc.runtime.retention import check_retention, retention_of
from wfc.runtime.run import Run
from wfc.runtime.version_cache import workflow_in
from wfc.runtime.version_names import version_named
from wfc.runtime.versions import register
from wfc.worlds.protocol import Appended, NewRun
from wfc.worlds.rules import digest_of

PRIORITY_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOptions:
    """How a run begins, beside its workflow and arguments; all None is: now, under a made id."""

    id: str | None = None
    delay: Duration | None = None
    at: datetime | None = None
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    priority: int = 0
    timeout: Duration | None = None
    retention: Duration | None = None
    queue: str | None = None
    version: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no run may have. Raises `OptionInvalid`, `LimitExceeded`."""
        check_run_id("id", self.id)
        check_text("queue", self.queue)
        check_text("version", self.version)
        if self.delay is not None and self.at is not None:
            raise OptionInvalid("`delay` and `at` both say when the run begins: give one of them.")
        check_instant("at", self.at)
        check_number("priority", self.priority, -PRIORITY_MAX, PRIORITY_MAX)
        check_duration("delay", self.delay)
        check_duration("timeout", self.timeout)
        check_retention("retention", self.retention)
        kept = check_given_attributes("attributes", self.attributes)  # how many: when it starts
        object.__setattr__(self, "attributes", kept)  # a copy: the caller's may change


async def start_run(
    client: Client,
    client_of: Callable[[], Awaitable[Client]],
    workflow: Callable[..., Any],
    options: StartOptions,
    call: tuple[tuple[Any, ...], Mapping[str, Any]],
    *,
    marks: Mapping[str, Scalar] | None = None,
) -> Run[Any]:
    """Begin a run of `workflow`, or give the run that the same call began before.

    `marks` are attributes whose names are kept for wfc.

    Raises `NotCompiled`, `TypeError`, `InputInvalid`, `Unserialisable`, `PayloadTooLarge`,
    `RunIdConflict`, `QueueUnknown`.
    """
    telemetry = client.telemetry
    if telemetry is None:
        return await _start(client, client_of, workflow, options, call, marks=marks)
    with telemetry.started(workflow_id(workflow)) as span:
        run = await _start(client, client_of, workflow, options, call, marks=marks)
        span.set_attribute("wfc.run.id", run.id)
        return run


async def _start(
    client: Client,
    client_of: Callable[[], Awaitable[Client]],
    workflow: Callable[..., Any],
    options: StartOptions,
    call: tuple[tuple[Any, ...], Mapping[str, Any]],
    *,
    marks: Mapping[str, Scalar] | None,
) -> Run[Any]:
    asked = workflow_id(workflow)
    check_attributes(options.attributes, limit=client.attributes_max)
    payload = encoded(workflow, call, client)
    registry = client.registry
    if registry is None:
        raise WfcError("this session was opened without code, so it can start nothing")
    version = await _version(client, registry, options.version)
    if version is registry.current:  # another version may be annotated otherwise
        check_fit(workflow, payload, client)
    queue = queue_of(workflow, options.queue)
    queue_key = None if queue is None else registry.queues.key(queue, options.attributes)
    name, now = workflow_in(version, asked), client.world.now_us()
    created = RunCreated(
        workflow=name,
        version=version.id,
        fingerprint=version.fingerprints[name],
        changes=changes_in(version.manifest).get(name, ()),
        arguments=payload,
        seed=os.urandom(32),
        environment=capture(version.rules, client.public_url),
        attributes={**options.attributes, **(marks or {})},
        queue=queue,
        queue_key=queue_key,
        limit_key=limit_key(workflow, payload),
        priority=options.priority,
        not_before=not_before_of(options, now),
        timeout_s=timeout_of(workflow, options),
        retention_s=retention_of(workflow, options.retention),
        goal_s=goal_of(workflow),
        traceparent=None if client.telemetry is None else client.telemetry.traceparent(),
        actor=client.actor,
        channel=client.channel,
    )
    run_id = RunId(options.id) if options.id is not None else ids.run_id(now, os.urandom(10))
    if _is_gated(created):
        await registry.announce(client.world)
    if await _created(client, run_id, created, version):
        return Run(run_id, client_of, created=True)
    await check_same(client, run_id, created)
    return Run(run_id, client_of, created=False)


def workflow_id(workflow: Callable[..., Any]) -> DefinitionId:
    """Give the id of a compiled workflow. Raises `NotCompiled`, saying what it is instead."""
    name = abi.id_of(workflow)
    registration = None if name is None else abi.registered.get(name)
    if name is None or registration is None:
        raise NotCompiled(_what_was_seen(workflow))
    if registration.kind != "workflow":
        raise NotCompiled(
            f"{name} is a step, and only workflows are started. Await it in a workflow, or give "
            'the function that begins with "use workflow".'
        )
    return name


def _what_was_seen(workflow: Any) -> str:
    if not inspect.isfunction(inspect.unwrap(workflow)) or not callable(workflow):
        return f"start() takes a workflow function, and {workflow!r} is none."
    name, module = workflow.__qualname__, workflow.__module__
    text = _source(workflow)
    if module == "__main__":
        return (
            f'`{name}` stands in the script that Python runs as "__main__", which no import hook '
            "sees, so it was not compiled.\n"
            "Run the script as `python -m wfc run SCRIPT`, or move the workflow into a module."
        )
    if text is None:
        return (
            f"`{name}` has no source file (a notebook, or code made at run time), so it was not "
            "compiled. Put the workflow into a module of the project and import it."
        )
    if "use workflow" not in text:
        return (
            f'`{name}` of {module} does not begin with the line "use workflow", so it is an '
            "ordinary function. Add the line, or await the function instead of starting it."
        )
    return (
        f"`{name}` of {module} was imported before the import hook of wfc was installed, so it "
        "was not compiled.\n"
        f"Put `import wfc; wfc.install()` before the first import of {module} (in a package, at "
        "the top of its `__init__.py`), or run the program as `python -m wfc run SCRIPT`."
    )


def _source(function: Any) -> str | None:
    try:
        return inspect.getsource(inspect.unwrap(function))
    except (OSError, TypeError):
        return None


def encoded(
    workflow: Callable[..., Any],
    call: tuple[tuple[Any, ...], Mapping[str, Any]],
    client: Client,
) -> bytes:
    """Encode the arguments of a call. Raises `TypeError`, `Unserialisable`, `PayloadTooLarge`."""
    name = workflow.__qualname__
    try:
        bound = inspect.signature(workflow).bind(*call[0], **call[1])
    except TypeError as problem:
        raise TypeError(f"{name}(): {problem}") from None
    payload, _ = codec.encode_arguments(
        dict(bound.arguments),
        call=f"workflow `{name}`",
        annotations=argument_annotations(workflow),
        types=client.types,
        limit=client.payload_max,
    )
    return payload


def check_fit(workflow: Callable[..., Any], payload: bytes, client: Client) -> None:
    """Read the arguments as the run will, so that who gave them hears it. Raises `InputInvalid`."""
    annotations = argument_annotations(workflow)
    if not annotations:
        return
    try:
        codec.decode_arguments(payload, annotations, client.types)
    except PayloadMismatch as problem:
        first = str(problem).partition("\n")[0]
        raise InputInvalid(
            f"workflow `{workflow.__qualname__}`: {first}\nThe run would fail at once, so it was "
            "not started.\nGive what the annotation says, or change the annotation."
        ) from None


async def _version(client: Client, registry: Registry, wanted: str | None) -> Version:
    if wanted is None:
        return registry.current
    return await registry.version(client.world, await version_named(client.world, wanted))


def not_before_of(options: StartOptions, now: int) -> int | None:
    """Give the instant before which a run does not begin, in microseconds; None: at once."""
    if options.at is not None:
        return to_us(options.at)
    return None if options.delay is None else wake_at_us(options.delay, now)


def timeout_of(workflow: Callable[..., Any], options: StartOptions) -> float | None:
    """Give the seconds that a run may take, by its start or by `@policy`."""
    if options.timeout is not None:
        return seconds(options.timeout, what="timeout")
    declaration = declared(workflow)
    found = None if declaration is None else declaration.given.get("timeout_s")
    return None if found is None else float(found)


def goal_of(workflow: Callable[..., Any]) -> float | None:
    """Give the seconds after which a run is late, by `@policy`."""
    declaration = declared(workflow)
    return None if declaration is None else declaration.goal_s


async def _created(client: Client, run_id: RunId, created: RunCreated, version: Version) -> bool:
    """Write the run; a version that was pruned in the meantime is needed again."""
    try:
        return await _create(client, run_id, created)
    except VersionUnknown:
        await register(client.world, version, activate=False)
        return await _create(client, run_id, created)


async def _create(client: Client, run_id: RunId, created: RunCreated) -> bool:
    """Write the run; where the worker of this process has room, claimed by it at once."""
    worker = client.worker
    delayed = created.not_before is not None and created.not_before > client.world.now_us()
    fault.point("run.creating")
    if worker is None or delayed or _is_gated(created) or not worker.has_room:
        answer = await client.world.append(run_id, [created], guard=NewRun())
        fault.point("run.created")
        return isinstance(answer, Appended)
    events: list[Event] = [created, RunStarted(worker_id=worker.worker_id)]
    with worker.begins(run_id):
        answer = await client.world.append(run_id, events, guard=NewRun(), claim=worker.worker_id)
        fault.point("run.created")
        if isinstance(answer, Appended) and answer.fence is not None:
            worker.adopt(run_id, answer)
    return isinstance(answer, Appended)


def _is_gated(created: RunCreated) -> bool:
    """Tell whether the run has to wait for slots before a worker may claim it."""
    return created.queue is not None or created.limit_key is not None


async def check_same(client: Client, run_id: RunId, created: RunCreated) -> None:
    """See that the existing run is what this call would have begun. Raises `RunIdConflict`."""
    row = await client.world.run(run_id)
    assert row is not None
    if row.workflow != created.workflow:
        raise RunIdConflict(
            f"the id {run_id!r} belongs to a run of {row.workflow}, so it cannot name one of "
            f"{created.workflow}. Nothing was started; choose another id."
        )
    if row.arguments_digest != digest_of(created.arguments):
        raise RunIdConflict(
            f"the id {run_id!r} belongs to a run of {row.workflow} with other arguments. "
            "Nothing was started; choose another id."
        )
