"""The public names, all of them, and what importing them may load."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import wfc
import wfc.api
import wfc.types
import wfc.web

SURFACE = {
    "wfc": (
        "Backoff FatalError Hook Response RetryableError WebhookRequest Woke Writable changed "
        "create_hook create_webhook get_step_metadata get_workflow_metadata get_writable install "
        "policy remove_attributes restart set_attributes sleep start"
    ),
    "wfc.api": (
        "App CancelAnswer Page PauseAnswer Run RunStatus RunSummary Schedule cancel_runs get_hook "
        "get_run get_schedule list_hooks list_runs list_schedules list_versions pause_runs "
        "resume_hook runtime schedule start unpause_runs upgrade_runs"
    ),
    "wfc.types": (
        "Answer Call CancelAnswer ChildRun Chunk ChunkKind Conflict Divergence Environment Group "
        "HookKind HookStatus HookSummary Level Offer Page PauseAnswer Reason Receipt Recorded "
        "RunEnd RunStatus RunSummary Schedule Step StepMetadata StepStatus Stream UpgradeReport "
        "Verdict VersionSummary Why WhyKind Woke WorkflowMetadata"
    ),
    "wfc.web": "Principal asgi_app mount stream_response",
}


@pytest.mark.parametrize("module", SURFACE)
def test_the_public_names_are_these(module: str) -> None:
    assert sys.modules[module].__all__ == sorted(SURFACE[module].split())


@pytest.mark.parametrize("module", SURFACE)
def test_every_public_name_can_be_had(module: str) -> None:
    for name in SURFACE[module].split():
        assert getattr(sys.modules[module], name) is not None


def test_names_are_listed_before_they_are_loaded() -> None:
    assert set(SURFACE["wfc"].split()) <= set(dir(wfc))
    with pytest.raises(AttributeError, match="no attribute 'slep'"):
        _ = wfc.slep


def loaded_by(statement: str) -> set[str]:
    """Give the top-level modules that a fresh interpreter has loaded after `statement`."""
    script = f"import sys; {statement}; print(' '.join({{m.split('.')[0] for m in sys.modules}}))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    return set(found.stdout.decode().split())


def test_importing_wfc_loads_nothing_heavy() -> None:
    heavy = {"libcst", "astroid", "pydantic", "pydantic_ai", "msgpack", "asyncio", "tenacity"}
    assert heavy.isdisjoint(loaded_by("import wfc"))


def test_importing_the_front_door_loads_no_compiler() -> None:
    heavy = {"libcst", "astroid", "pydantic_ai", "starlette", "asyncpg"}
    assert heavy.isdisjoint(loaded_by("import wfc.api"))


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("cancel", "reason force"),
        ("stream", "namespace start_index"),
        ("upgrade", "to dry_run"),
        ("rerun", "version arguments"),
        ("fork", "at version output id"),
        ("wake_up", "wait_ids"),
        ("tail_index", "namespace"),
        ("result", "timeout"),
    ],
)
def test_what_runs_are_asked_may_be_said_by_place(method: str, names: str) -> None:
    parameters = inspect.signature(getattr(wfc.api.Run, method)).parameters.values()
    placed = [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    assert placed == ["self", *names.split()]
