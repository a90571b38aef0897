"""Endpoints about all runs: hooks, workflows, versions, schedules, queues, workers, audit."""

from __future__ import annotations

import json
from typing import Any

from wfc.clock import to_us
from wfc.errors import ConfigError, WfcError
from wfc.http.auth import ACT, READ
from wfc.manifests.store import Version, spans_of_version
from wfc.runtime import schedules as runtime_schedules
from wfc.runtime import versions as runtime_versions
from wfc.runtime.hook_views import summary_of_row
from wfc.runtime.version_names import active_version, version_named
from wfc.types import Schedule
from wfc.web.api import acting
from wfc.web.api.asking import Asked
from wfc.web.api.models import HookView, Listed, rfc3339
from wfc.web.api.reading import bad_cursor, missing, row_of
from wfc.web.api.refusing import PROBLEMS
from wfc.web.api.views import hook_view
from wfc.web.trees import Painter
from wfc.worlds.limits import is_queue, plain_name
from wfc.worlds.protocol import AuditFilter, HookFilter, RunFilter

STUCK_AFTER_US = 60_000_000


def _painter(asked: Asked) -> Painter:
    return Painter(asked.site.payloads, asked.site.redact)


# --- hooks -------------------------------------------------------------------------------------


async def hooks(asked: Asked) -> Listed[HookView]:
    """List hooks of all runs, newest first."""
    query, session = asked.query, asked.session
    where = HookFilter(
        run_id=query.run,
        kind=query.kind,
        statuses=frozenset(each.value for each in query.status),
    )
    try:
        page = await session.world.list_hooks(where, cursor=query.cursor, limit=query.limit)
    except ConfigError as error:
        raise bad_cursor(error) from None
    items = [hook_view(summary_of_row(row, asked.types), _painter(asked)) for row in page.hooks]
    return Listed(items=items, next=page.next)


async def hook(asked: Asked) -> HookView:
    """Show one hook by its id."""
    where = HookFilter(hook_id=asked.named("hook_id"))
    found = (await asked.session.world.list_hooks(where, limit=1)).hooks
    if not found:
        raise missing("no-such-hook", "No hook has this id.")
    return hook_view(summary_of_row(found[0], asked.types), _painter(asked))


# --- code --------------------------------------------------------------------------------------


async def workflows(asked: Asked) -> dict[str, Any]:
    """List the workflows of the active version: what they take, call and look like."""
    world = asked.session.world
    try:
        version = await asked.session.upgrader.code.version(await active_version(world))
    except WfcError:
        return {"version": None, "items": []}
    manifest = json.loads(version.manifest or "{}").get("workflows", {})
    return {
        "version": version.id,
        "items": [
            {
                "id": name,
                "signature": one.get("signature"),
                "input_schema": one.get("input_schema"),
                "output_schema": one.get("output_schema"),
                "shape": one.get("shape"),
                "calls": sorted(one.get("calls", {})),
            }
            for name, one in sorted(manifest.items())
        ],
    }


async def versions(asked: Asked) -> dict[str, Any]:
    """List the registered versions, newest first, with the open runs of each."""
    return {
        "items": [
            {
                "id": one.id,
                "label": one.label,
                "active": one.active,
                "registered_at": rfc3339(one.registered_at),
                "size": one.size,
                "open_runs": one.open_runs,
                "workflows": dict(one.workflows),
                "changed": None if one.changed is None else list(one.changed),
                "environments": [
                    {"python": each.python, "wfc": each.wfc, "platform": each.platform}
                    for each in one.environments
                ],
            }
            for one in await runtime_versions.list_versions(asked.session.world)
        ]
    }


async def activate(asked: Asked) -> dict[str, Any]:
    """Let new starts and restarts use a version."""
    session = acting.acting_for(asked)
    found = await version_named(session.world, asked.named("version"))
    note = runtime_versions.activation(found, session.actor, session.channel)
    await session.world.activate_version(found, note=note)
    return {
        "version": found,
        "workers_awake": len(await session.world.workers()),
        "cli": f"wfc versions activate {found}",
    }


async def code(asked: Asked) -> dict[str, Any]:
    """Give the source that a run was built from, and where its operations stand in it."""
    row = await row_of(asked)
    if not asked.site.show_source:
        raise missing("no-source", "This server shows no source.")
    try:
        version = await asked.session.upgrader.code.version(row.version)
    except WfcError as error:
        raise missing("no-such-version", str(error).partition("\n")[0]) from None
    seen = await asked.site.watched.get(asked.session.world, row.run_id)
    places = spans_of_version(version)
    counters = [
        {"id": span.id, "site": span.site, "kind": span.kind, "status": span.status}
        for span in seen.trace.spans.values()
        if span.until is None
    ]
    return {
        "version": version.id,
        "modules": _modules(version, row.workflow.partition(":")[0]),
        "places": {
            site: {"path": one.path, "line": one.line, "column": one.column}
            for site, one in places.items()
        },
        "counters": counters,
    }


def _modules(version: Version, first: str) -> list[dict[str, Any]]:
    """Give the modules with source, that of the run's workflow first."""
    bundles = version.workflow.values()
    found = [
        {"module": one.module, "path": one.path, "source": version.source.get(one.module, one.text)}
        for one in bundles
    ]
    return sorted(found, key=lambda one: (one["module"] != first, one["module"]))


# --- schedules ---------------------------------------------------------------------------------


async def schedules(asked: Asked) -> dict[str, Any]:
    """List the schedules, by name, with their next times."""
    client_of = acting.giving(asked.session)
    found = await runtime_schedules.listed(asked.session, client_of)
    return {"items": [_schedule(one) for one in found]}


def _schedule(one: Schedule) -> dict[str, Any]:
    return {
        "name": one.name,
        "workflow": one.workflow,
        "cron": one.cron,
        "every_s": one.every_s,
        "tz": one.tz,
        "overlap": one.overlap,
        "catch_up": one.catch_up,
        "paused": one.paused,
        "created_at": rfc3339(one.created_at),
        "next_at": rfc3339(one.next_at),
        "last_at": rfc3339(one.last_at),
        "last_run": one.last_run_id,
        "waiting": one.waiting,
        "skipped": one.skipped,
        "problem": one.problem,
        "attributes": dict(one.attributes),
    }


async def change_schedule(asked: Asked) -> dict[str, Any]:
    """Pause a schedule, or let it fire again."""
    one = await _named_schedule(asked)
    paused = asked.body.paused
    changed = await (one.pause() if paused else one.resume())
    word = "pause" if paused else "resume"
    return {**_schedule(changed), "cli": f"wfc schedules {word} {one.name}"}


async def trigger(asked: Asked) -> acting.Made:
    """Begin a run of a schedule now."""
    one = await _named_schedule(asked)
    run = await one.trigger()
    return await acting.made_by(
        asked, run, ["schedules", "trigger", one.name], "await schedule.trigger()"
    )


async def _named_schedule(asked: Asked) -> Schedule:
    session = acting.acting_for(asked)
    row = await runtime_schedules.read(session, asked.named("name"))
    return runtime_schedules.shown(row, acting.giving(session))


# --- how it goes -------------------------------------------------------------------------------


async def queues(asked: Asked) -> dict[str, Any]:
    """Show how full queues and limits are, who waits, and what is due and not taken."""
    world = asked.session.world
    backlog = await world.backlog(stuck_before=world.now_us() - STUCK_AFTER_US)
    items = [
        {
            "name": plain_name(one.limit.name),
            "kind": "queue" if is_queue(one.limit.name) else "policy",
            "key": one.gate.key or None,
            "running": one.held,
            "waiting": one.waiting,
            "concurrency": one.limit.concurrency,
            "rate": None if one.limit.rate is None else one.limit.rate.text,
            "oldest": rfc3339(one.oldest),
            "opens_at": rfc3339(one.opens_at),
        }
        for one in await world.gates()
    ]
    due = [
        {"name": one.queue, "depth": one.depth, "oldest_ready": rfc3339(one.oldest)}
        for one in backlog.queues
    ]
    return {"items": items, "due": due, "late": backlog.late, "stuck": backlog.stuck}


async def workers(asked: Asked) -> dict[str, Any]:
    """List the workers that are awake, and what they hold."""
    world = asked.session.world
    held: dict[str, int] = {}
    page = await world.list_runs(RunFilter(statuses=frozenset({"running"})), limit=200)
    for run in page.runs:
        if run.owner is not None:
            held[run.owner] = held.get(run.owner, 0) + 1
    return {
        "items": [
            {
                "id": one.worker_id,
                "lease_until": rfc3339(one.lease_until),
                "queues": list(one.queues),
                "runs": held.get(one.worker_id, 0),
            }
            for one in await world.workers()
        ],
        "now": rfc3339(world.now_us()),
    }


async def audit(asked: Asked) -> dict[str, Any]:
    """List facts about the world itself, newest first."""
    query = asked.query
    where = AuditFilter(
        action=query.action,
        actor=query.actor,
        since=None if query.after_instant is None else to_us(query.after_instant),
        until=None if query.before_instant is None else to_us(query.before_instant),
    )
    found = await asked.session.world.audit(where, before=query.before, limit=query.limit + 1)
    items = [
        {
            "number": one.number,
            "at": rfc3339(one.at),
            "actor": one.note.actor,
            "channel": one.note.channel.value,
            "action": one.note.action,
            "details": dict(one.note.details),
        }
        for one in found[: query.limit]
    ]
    return {"items": items, "next": items[-1]["number"] if len(found) > query.limit else None}


# --- about this API ----------------------------------------------------------------------------


async def me(asked: Asked) -> dict[str, Any]:
    """Say who asks, and what they may do."""
    roles = asked.principal.roles - ({ACT} if asked.site.read_only else set())
    return {
        "id": asked.principal.id,
        "roles": sorted(roles),
        "read": READ in roles,
        "act": ACT in roles,
        "read_only": asked.site.read_only,
        "payloads": asked.site.payloads,
        "world": asked.session.world.url.partition("://")[0],
    }


async def problem(asked: Asked) -> dict[str, Any]:
    """Say what a code of a problem means."""
    code = asked.named("code")
    found = PROBLEMS.get(code)
    if found is None:
        raise missing("no-such-problem", "No answer of this API has such a code.")
    return {"code": code, **found}
