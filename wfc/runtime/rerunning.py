"""`Run.rerun`: a new run that begins as another one did, with nothing of what happened to it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from wfc import abi, codec, fault, ids
from wfc.errors import InputInvalid, PayloadMismatch, RunIdConflict, RunNotFound, UnknownType
from wfc.eventlog.event import Origin, RunCreated
from wfc.ids import DefinitionId, RunId
from wfc.manifests.markers import changes_in
from wfc.manifests.store import Version
from wfc.runtime.client import Client
from wfc.runtime.environment import capture
from wfc.runtime.queues import limit_key
from wfc.runtime.template import Template
from wfc.runtime.version_cache import workflow_in
from wfc.runtime.version_names import active_version, version_named
from wfc.worlds.protocol import NewRun, Refused

_KEPT_BACK = "The run would fail at once, so it was not started."


async def rerun(
    client: Client,
    source: RunId,
    *,
    version: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    run_id: RunId | None = None,
) -> RunId:
    """Begin a run as `source` began; see `Run.rerun`, which says what is raised.

    It is called `run_id`, or gets a fresh id. Raises `RunIdConflict`, too.
    """
    # The first event: that of a run which began again later tells of its first chapter.
    first = await client.world.history(source, 0, 1)
    if not first:
        raise RunNotFound(f"no run has the id {source!r}. `wfc runs` lists those that exist.")
    created = first[0].event
    assert isinstance(created, RunCreated)
    target = await version_to_begin_on(client, version)
    workflow = workflow_in(target, created.workflow)
    template = await client.upgrader.code.template(target.id, workflow)
    payload = created.arguments if arguments is None else encoded_by(client, template, arguments)
    _check_fit(template, payload)
    now = client.world.now_us()
    anew = replace(
        created,
        workflow=workflow,
        version=target.id,
        fingerprint=target.fingerprints[workflow],
        changes=changes_in(target.manifest).get(workflow, ()),
        arguments=payload,
        limit_key=_limit_key(workflow, created, payload),
        seed=os.urandom(32),
        environment=capture(target.rules, client.public_url),
        not_before=None,
        parent=None,
        root_id=None,
        depth=0,
        origin=Origin(kind="rerun", run_id=source, edited=arguments is not None),
        traceparent=None,
        actor=client.actor,
        channel=client.channel,
        idempotency_id=None,
    )
    name = run_id or ids.run_id(now, os.urandom(10))
    fault.point("run.creating")
    answer = await client.world.append(name, [anew], guard=NewRun())
    fault.point("run.created")
    if isinstance(answer, Refused):
        raise RunIdConflict(f"there is a run {name!r} already")
    return name


def _limit_key(workflow: DefinitionId, created: RunCreated, payload: bytes) -> str | None:
    """Say what the limits of the workflow's own policy count it by; without its code, as before."""
    registration = abi.registered.get(workflow)
    if registration is None:
        return created.limit_key
    return limit_key(registration.function, payload)


async def version_to_begin_on(client: Client, wanted: str | None) -> Version:
    """Give the version asked for, else, as `start` does, the build of this process, or the world's
    active one where this process has no code. Raises `VersionUnknown`, `AmbiguousName`.
    """
    code = client.upgrader.code
    if wanted is not None:
        return await code.version(await version_named(client.world, wanted))
    if client.registry is not None:
        return client.registry.current
    return await code.version(await active_version(client.world))


def encoded_by(client: Client, template: Template, arguments: Mapping[str, Any]) -> bytes:
    """Encode arguments given by name, as the code reads them. Raises `InputInvalid`."""
    call = f"workflow `{template.workflow}`"
    given, _ = codec.encode_arguments(dict(arguments), call=call, limit=client.payload_max)
    values = _check_fit(template, given)
    payload, _ = codec.encode_arguments(
        values,
        call=call,
        annotations=template.annotations,
        types=template.types,
        limit=client.payload_max,
    )
    return payload


def _check_fit(template: Template, payload: bytes) -> dict[str, Any]:
    """Read arguments as the run will, and see that the workflow can be called with them.

    Raises `InputInvalid`.
    """
    try:
        values = template.decode_arguments(payload)
    except (PayloadMismatch, UnknownType) as problem:
        first = str(problem).partition("\n")[0]
        raise InputInvalid(
            f"workflow `{template.workflow}`: {first}\n{_KEPT_BACK}\nGive what the annotation says."
        ) from None
    parameters = template.signature.parameters
    for name in values:
        if name not in parameters:
            raise InputInvalid(_no_parameter(template, name))
    args, kwargs = template.spread(values)
    try:
        template.signature.bind(*args, **kwargs)
    except TypeError as problem:
        raise InputInvalid(
            f"the arguments do not fit {template.workflow}{template.signature}: {problem}.\n"
            f"{_KEPT_BACK}\nGive all arguments, by the names of their parameters."
        ) from None
    return values


def _no_parameter(template: Template, name: str) -> str:
    near = get_close_matches(name, template.signature.parameters, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else "it was removed, or renamed"
    return (
        f"{template.workflow}{template.signature} has no parameter {name!r}: {hint}\n"
        f"{_KEPT_BACK}\nGive all arguments, by the names of their parameters."
    )
