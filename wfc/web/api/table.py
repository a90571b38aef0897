"""The rows of the operator API."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from wfc.http.auth import ACT, READ
from wfc.web.api import acting, bodies, queries, reading, world
from wfc.web.api.asking import BODY_MAX, Asked
from wfc.web.api.models import (
    Counted,
    EventView,
    HookView,
    Link,
    Listed,
    RunItem,
    RunView,
    StepView,
    StreamView,
    WaitView,
)
from wfc.web.api.openapi import described

Endpoint = Callable[[Asked], Awaitable[Any]]
BASE: Final = "/api/v1"
INPUT_MAX: Final = 4 << 20
"""Bytes that the input of a run may have."""
_READING: Final = (400, 401, 403, 404, 405, 421, 429, 503)
_ACTING: Final = (*_READING, 409, 413, 415, 422, 507)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRoute:
    """One row: what is asked for, by what models it is read, and what is answered."""

    name: str
    method: str
    path: str
    """Below the base of the API."""
    query: type[BaseModel] = queries.Nothing
    body: type[BaseModel] | None = None
    body_max: int = BODY_MAX
    returns: Any
    status: int = 200
    problems: tuple[int, ...]
    role: str
    endpoint: Endpoint
    cli: str | None = None
    """The command that does the same."""

    @property
    def summary(self) -> str:
        """What the endpoint says of itself."""
        return (self.endpoint.__doc__ or "").partition("\n")[0]


def _get(name: str, path: str, endpoint: Endpoint, returns: Any, **more: Any) -> ApiRoute:
    return ApiRoute(
        name=name, method="GET", path=path, returns=returns, problems=_READING, role=READ,
        endpoint=endpoint, **more,
    )  # fmt: skip


def _act(name: str, path: str, endpoint: Endpoint, body: type[BaseModel], **more: Any) -> ApiRoute:
    given = {"method": "POST", "returns": acting.Acted, **more}
    return ApiRoute(
        name=name, path=path, body=body, problems=_ACTING, role=ACT, endpoint=endpoint, **given
    )


@functools.cache
def document(mount: str) -> Mapping[str, Any]:
    """Describe the API below `mount`: OpenAPI 3.1."""
    return described(API, BASE, mount)


async def _document(asked: Asked) -> Mapping[str, Any]:
    """Describe this API as OpenAPI 3.1."""
    return document(str(asked.request.scope.get("root_path", "")).rstrip("/"))


_RUN: Final = "/runs/{run_id}"
API: Final = (
    _get("runs", "/runs", reading.runs, Listed[RunItem], query=queries.Runs, cli="runs"),
    _get("count runs", "/counts/runs", reading.count_runs, Counted, query=queries.Runs),
    _get("run", _RUN, reading.run, RunView, cli="inspect"),
    _get(
        "events", f"{_RUN}/events", reading.events, Listed[EventView], query=queries.Events,
        cli="inspect --events",
    ),
    _get("event", f"{_RUN}/events/{{position}}", reading.event, EventView),
    _get("trace", f"{_RUN}/trace", reading.trace, dict[str, Any], query=queries.Spans),
    _get("steps", f"{_RUN}/steps", reading.steps, Listed[StepView], query=queries.Steps),
    _get("step", f"{_RUN}/steps/{{operation_id:path}}", reading.step, StepView),
    _get("hooks of a run", f"{_RUN}/hooks", reading.hooks_of_run, Listed[HookView]),
    _get("waits", f"{_RUN}/waits", reading.waits, Listed[WaitView]),
    _get("children", f"{_RUN}/children", reading.children, Listed[Link], query=queries.Paged),
    _get("logs", f"{_RUN}/logs", reading.logs, dict[str, Any], query=queries.Logs),
    _get("streams", f"{_RUN}/streams", reading.streams, Listed[StreamView]),
    _get("code", f"{_RUN}/code", world.code, dict[str, Any]),
    _get("hooks", "/hooks", world.hooks, Listed[HookView], query=queries.Hooks, cli="hooks"),
    _get("hook", "/hooks/{hook_id}", world.hook, HookView),
    _get("workflows", "/workflows", world.workflows, dict[str, Any]),
    _get("versions", "/versions", world.versions, dict[str, Any], cli="versions"),
    _get("schedules", "/schedules", world.schedules, dict[str, Any], cli="schedules"),
    _get("queues", "/queues", world.queues, dict[str, Any], cli="queues"),
    _get("workers", "/workers", world.workers, dict[str, Any]),
    _get("audit", "/audit", world.audit, dict[str, Any], query=queries.Audit, cli="audit"),
    _get("me", "/me", world.me, dict[str, Any]),
    _get("document", "/openapi.json", _document, dict[str, Any]),
    _get("problem", "/problems/{code}", world.problem, dict[str, Any]),
    _act(
        "start", "/runs", acting.start, bodies.Start, body_max=INPUT_MAX, returns=acting.Made,
        status=201, cli="start",
    ),
    _act("cancel", f"{_RUN}/cancel", acting.cancel, bodies.Cancel, cli="cancel"),
    _act("pause", f"{_RUN}/pause", acting.pause, bodies.Pause, cli="pause"),
    _act("unpause", f"{_RUN}/unpause", acting.unpause, bodies.NoBody, cli="unpause"),
    _act("wake", f"{_RUN}/wake", acting.wake, bodies.Wake, cli="wake"),
    _act(
        "upgrade", f"{_RUN}/upgrade", acting.upgrade, bodies.Upgrade, returns=acting.Judged,
        cli="upgrade",
    ),
    _act(
        "rerun", f"{_RUN}/rerun", acting.rerun, bodies.Rerun, body_max=INPUT_MAX,
        returns=acting.Made, status=201, cli="rerun",
    ),
    _act(
        "fork", f"{_RUN}/fork", acting.fork, bodies.Fork, returns=acting.Made, status=201,
        cli="fork",
    ),
    _act(
        "set attributes", f"{_RUN}/attributes", acting.set_attributes, bodies.Attributes,
        method="PATCH",
    ),
    _act("resume", "/hooks/{hook_id}/resume", acting.resume, bodies.ResumeById, cli="resume"),
    _act("resume by token", "/hooks/resume", acting.resume_by_token, bodies.ResumeByToken),
    _act(
        "activate", "/versions/{version}/activate", world.activate, bodies.NoBody,
        returns=dict[str, Any], cli="versions activate",
    ),
    _act(
        "change a schedule", "/schedules/{name}", world.change_schedule, bodies.ScheduleChange,
        method="PATCH", returns=dict[str, Any], cli="schedules pause",
    ),
    _act(
        "trigger", "/schedules/{name}/trigger", world.trigger, bodies.NoBody,
        returns=acting.Made, status=201, cli="schedules trigger",
    ),
    _act("bulk", "/bulk", acting.bulk, bodies.Bulk, returns=dict[str, Any]),
)  # fmt: skip
