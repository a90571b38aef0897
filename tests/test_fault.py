"""Fault points stand where a crash matters: commits, launches, deliveries, flushes, releases."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import wfc
from wfc import fault
from wfc.worlds.protocol import World

HOUSE = Path(wfc.__file__).parent
COMMITS = "a commit"
WRITES = {
    "append", "block", "join", "renew", "leave", "claim", "claim_attempt", "enqueue", "take",
    "done", "sweep", "define_limits", "put_schedule", "delete_schedule", "register_callbacks",
    "take_ends", "settle_end", "give_back_end", "forget_callbacks", "note", "forget_audit", "gc",
    "register_version", "activate_version", "prune_versions", "write_chunks", "disown",
}  # fmt: skip
"""The methods of a world that commit, seen from the runtime."""
READS = {
    "open", "close", "check", "schema", "backup", "now_us", "history", "run", "list_runs",
    "ended_children", "attributes", "hook_by_token", "list_hooks", "late_runs", "backlog",
    "read_chunks", "tail_index", "streams", "workers", "next_due", "gates", "standings", "schedule",
    "schedules", "due_schedules", "callbacks", "next_end", "deliveries", "audit", "expired",
    "version_archive", "versions", "open_runs", "watch",
}  # fmt: skip
"""The other ones."""
ALONE = "append.begun and append.committed of the world: it does nothing before or after"
ELSEWHERE = {
    "runtime/resume.py:LiveRun.release_unread": "one append through Worker.append",
    "runtime/inline.py:InlineBodies._run": "run_attempt has body.launched and body.returned",
    "runtime/worker.py:Worker.append": "LiveRun._cycle and queued attempts stand around it",
    "runtime/hook_door.py:_repeated": "it writes nothing: the hooks it asks are disposed",
    "runtime/worker.py:Worker.write_chunks": "chunks.writing and chunks.written of the world",
    "runtime/callbacks.py:Herald._tell": "a try that is not given back is as one of a dead worker",
    "runtime/owned.py:OwnedRuns._asked": "run.claimed of the world and of whoever asks",
    "worlds/postgres_connect.py:refuse_pooler": "its transaction writes nothing",
}
"""Functions without a point of their own, and where the points around their commit stand."""
ELSEWHERE |= dict.fromkeys(
    (
        "runtime/callbacks.py:Herald.introduce",
        "runtime/callbacks.py:forget_unseen",
        "runtime/exported.py:load",
        "runtime/firing.py:Firing._put",
        "runtime/membership.py:Membership.renew",
        "runtime/owned.py:OwnedRuns._block",
        "runtime/queued_attempt.py:QueuedAttempt._block",
        "runtime/registry.py:Registry.announce",
        "runtime/run.py:Run._wake",
        "runtime/run.py:tell",
        "runtime/schedules.py:Schedule._change",
        "runtime/schedules.py:Schedule.delete",
        "runtime/schedules.py:Schedule.trigger",
        "runtime/schedules.py:put",
        "runtime/sweeper.py:tidy",
        "runtime/versions.py:register",
        "runtime/worker.py:Worker._resolve",
    ),
    ALONE,
)


def _acts(tree: ast.AST) -> Iterator[tuple[str, str, bool]]:
    """Give (function, act, has a point) for each function that commits, launches or the like."""
    for owner in ast.walk(tree):
        for node in ast.iter_child_nodes(owner):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                name = f"{owner.name}.{node.name}" if isinstance(owner, ast.ClassDef) else node.name
                calls = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
                pointed = any(ast.unparse(each.func) == "fault.point" for each in calls)
                for act in {_act(each) for each in calls} - {None}:
                    assert act is not None
                    yield name, act, pointed


def _act(call: ast.Call) -> str | None:
    target = call.func
    if isinstance(target, ast.Name):
        return target.id if target.id == "run_attempt" else None
    if not isinstance(target, ast.Attribute):
        return None
    words = {each.value for each in ast.walk(call) if isinstance(each, ast.Constant)}
    if target.attr == "transaction" or "COMMIT" in words or "(_PLAIN," in ast.unparse(call):
        return COMMITS
    holder = ast.unparse(target.value)
    of_a_world = holder.rpartition(".")[2] in {"world", "_world", "_desk", "desk"}
    return target.attr if of_a_world and target.attr in WRITES else None


def test_every_method_of_a_world_is_known_to_commit_or_not_to() -> None:
    """So that a new one cannot be forgotten here."""
    known = {name for name in vars(World) if callable(getattr(World, name)) and name[0] != "_"}
    assert known == WRITES | READS


def test_every_commit_launch_flush_and_release_has_a_point() -> None:
    """A crash there can be tried by name; what has no point of its own says where it stands."""
    bare = {}
    for room in ("worlds", "runtime"):
        for path in sorted((HOUSE / room).glob("*.py")):
            for function, act, pointed in _acts(ast.parse(path.read_text())):
                if not pointed:
                    bare[f"{room}/{path.name}:{function}"] = act
    assert {key: act for key, act in bare.items() if key not in ELSEWHERE} == {}
    assert set(ELSEWHERE) == set(bare), "an entry of ELSEWHERE is out of date"


def test_an_armed_point_kills_at_its_count() -> None:
    """SIGKILL, the third time; the log tells each pass before it."""
    program = "from wfc import fault\nfor _ in range(5): fault.point('a.b'); print('x', flush=True)"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"WFC_FAULT": "a.b:3:kill"},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout.count(b"x") == 2


def test_a_process_that_is_stopped_goes_on_when_it_is_told_to() -> None:
    """SIGSTOP, the second time, until somebody sends SIGCONT."""
    program = "from wfc import fault\nfor _ in range(3): fault.point('a.b'); print('x', flush=True)"
    environment = os.environ | {"WFC_FAULT": "a.b:2:stop"}
    stopped = subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE
    )
    _, status = os.waitpid(stopped.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert stopped.stdout is not None
    assert os.read(stopped.stdout.fileno(), 100) == b"x\n"
    stopped.send_signal(signal.SIGCONT)
    assert stopped.communicate()[0] == b"x\nx\n"
    assert stopped.returncode == 0


def test_passes_are_logged(tmp_path: Path) -> None:
    try:
        fault.arm(None, str(tmp_path / "passes"))
        fault.point("a.b")
        fault.point("c.d")
        fault.point("a.b")
    finally:
        fault.arm(None)
    assert (tmp_path / "passes").read_text().split() == ["a.b:1", "c.d:1", "a.b:2"]


@pytest.mark.parametrize("spec", ["a.b", "a.b:x:kill", "a.b:1:maim"])
def test_another_form_is_refused(spec: str) -> None:
    with pytest.raises(ValueError, match="the form is NAME:COUNT:kill or NAME:COUNT:stop"):
        fault.arm(spec)
