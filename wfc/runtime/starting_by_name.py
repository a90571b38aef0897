"""Begin a run by the name of its workflow, with arguments by name: for who has no code of it.

The code is that of a registered version, as it lies in the world; it judges the arguments as the
run will.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wfc import fault, ids
from wfc.eventlog.event import RunCreated
from wfc.ids import DefinitionId, RunId
from wfc.manifests.markers import changes_in
from wfc.runtime.attributes import check_attributes
from wfc.runtime.client import Client
from wfc.runtime.environment import capture
from wfc.runtime.queues import Queues, limit_key, queue_of
from wfc.runtime.rerunning import encoded_by, version_to_begin_on
from wfc.runtime.retention import retention_of
from wfc.runtime.run import client_worker_hears
from wfc.runtime.starting import (
    StartOptions,
    check_same,
    goal_of,
    not_before_of,
    timeout_of,
)
from wfc.runtime.version_cache import workflow_in
from wfc.worlds.protocol import Appended, NewRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A run, and whether it was made by this call."""

    run_id: RunId
    created: bool


async def start_by_name(
    client: Client,
    workflow: str,
    arguments: Mapping[str, Any],
    options: StartOptions,
    *,
    queues: Queues,
    idempotency_id: str | None = None,
) -> Started:
    """Begin a run of the workflow of this id, on the version of `options` or the active one.

    With an id that the same call used before, give that run. Raises `NoSuchWorkflow`,
    `VersionUnknown`, `InputInvalid`, `RunIdConflict`, `QueueUnknown`, `LimitExceeded`.
    """
    check_attributes(options.attributes, limit=client.attributes_max)
    version = await version_to_begin_on(client, options.version)
    name = workflow_in(version, DefinitionId(workflow))
    template = await client.upgrader.code.template(version.id, name)
    payload = encoded_by(client, template, arguments)
    function = template.function(name)
    queue = queue_of(function, options.queue)
    now = client.world.now_us()
    created = RunCreated(
        workflow=name,
        version=version.id,
        fingerprint=version.fingerprints[name],
        changes=changes_in(version.manifest).get(name, ()),
        arguments=payload,
        seed=os.urandom(32),
        environment=capture(version.rules, client.public_url),
        attributes=dict(options.attributes),
        queue=queue,
        queue_key=None if queue is None else queues.key(queue, options.attributes),
        limit_key=limit_key(function, payload),
        priority=options.priority,
        not_before=not_before_of(options, now),
        timeout_s=timeout_of(function, options),
        retention_s=retention_of(function, options.retention),
        goal_s=goal_of(function),
        traceparent=None if client.telemetry is None else client.telemetry.traceparent(),
        actor=client.actor,
        channel=client.channel,
        idempotency_id=idempotency_id,
    )
    if queue is not None:
        # Who has the code tells the world its limits when it starts a run; here nobody may have.
        await client.world.define_limits([queues.named[queue].limit])
    run_id = RunId(options.id) if options.id is not None else ids.run_id(now, os.urandom(10))
    fault.point("run.creating")
    answer = await client.world.append(run_id, [created], guard=NewRun())
    fault.point("run.created")
    if isinstance(answer, Appended):
        client_worker_hears(client, run_id)
        return Started(run_id=run_id, created=True)
    await check_same(client, run_id, created)
    return Started(run_id=run_id, created=False)
