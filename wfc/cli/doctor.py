"""`wfc doctor`: what is wrong with this machine, this installation and this project."""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from difflib import get_close_matches
from typing import Annotated, Final

import typer

from wfc.cli import output
from wfc.cli.checkup import Check, State
from wfc.cli.chosen import Troubles
from wfc.cli.common import Common, command_app
from wfc.cli.common import options as common_options
from wfc.cli.doctor_world import FREE_BYTES_MIN, of_world
from wfc.cli.failure import Exit
from wfc.cli.session import hint_if_nobody_works, opened, row_of
from wfc.config import load_preludes, project_of
from wfc.errors import CompileError, ConfigError
from wfc.lint_rules.ruff_settings import unaware_settings
from wfc.manifests.code import code_has_columns
from wfc.manifests.store import current_version
from wfc.settings import Loaded
from wfc.settings_sources import ENVIRONMENT_PREFIX
from wfc.settings_tables import Settings

app = command_app()

_OURS: Final = "wfc-durable"
_EXTRAS: Final = {
    "web": "starlette",
    "dev": "watchfiles",
    "postgres": "asyncpg",
    "agent": "pydantic_ai",
    "otel": "opentelemetry",
    "encryption": "cryptography",
}
_VARIABLES: Final = ("encryption_keys", "web_token", "always_replay", "fault", "fault_log")
"""Variables that are neither settings nor options."""


@app.command()
def doctor(
    context: typer.Context,
    *,
    unblock: Annotated[
        list[str], typer.Option("--unblock", metavar="RUN", help="Free a blocked run; repeat.")
    ] = [],  # noqa: B006 - typer copies it
) -> None:
    """Look for what is wrong with this project and machine; exit 1 if something is."""
    common = Common.of(context)
    if unblock:
        asyncio.run(_unblock(common, unblock))
        return
    checks = [*_of_machine(), *_of_project(common.load())]
    output.result(
        common, "doctor", [asdict(check) for check in checks], rows=[asdict(c) for c in checks]
    )
    if any(check.state is State.BAD for check in checks):
        raise typer.Exit(Exit.NEGATIVE)


def _of_machine() -> Iterator[Check]:
    yield Check(State.GOOD, "Python", f"{platform.python_version()} ({sys.executable})")
    yield Check(State.GOOD, "wfc", importlib.metadata.version(_OURS))
    owners = set(importlib.metadata.packages_distributions().get("wfc", ())) - {_OURS}
    if owners:
        yield Check(
            State.BAD,
            "WFC907 other wfc",
            f"{', '.join(sorted(owners))} owns the import `wfc` too; uninstall it, then {_OURS}",
        )
    if not code_has_columns():
        yield Check(
            State.BAD,
            "WFC162 columns",
            "Python drops column numbers (-X no_debug_ranges or PYTHONNODEBUGRANGES); unset it",
        )
    yield from _of_extras()


def _of_extras() -> Iterator[Check]:
    """Import what the extras bring: what is there and broken would stop a worker later."""
    missing = []
    for extra, name in _EXTRAS.items():
        if importlib.util.find_spec(name) is None:
            missing.append(extra)
            continue
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - a package may raise anything when it is imported
            told = f"`{name}` cannot be imported: {type(error).__name__}: {error}"
            yield Check(State.BAD, f"extra {extra}", told)
    found = f"not installed: {', '.join(missing)}" if missing else "all installed"
    yield Check(State.GOOD, "extras", found)


def _of_project(loaded: Loaded) -> Iterator[Check]:
    yield Check(State.GOOD, "project", str(loaded.root))
    yield from _of_environment()
    yield _of_build(loaded)
    free = shutil.disk_usage(loaded.root).free
    state = State.GOOD if free >= FREE_BYTES_MIN else State.WARNING
    yield Check(state, "disk space", f"{free // 1024 // 1024} MiB free")
    yield _of_gitignore(loaded)
    yield from _of_ruff(loaded)
    yield from of_world(loaded)


def _of_build(loaded: Loaded) -> Check:
    """Compile the project, in memory, and compare it with the last build."""
    from wfc.compiler.build import build  # noqa: PLC0415 - only what is built needs the compiler

    current = current_version(loaded.out)
    if current is None:
        return Check(State.WARNING, "build", "none yet; `python -m wfc build` makes one")
    try:
        result = build(project_of(loaded), out=None, load=load_preludes)
    except (CompileError, ConfigError) as problem:
        return Check(State.BAD, "build", str(problem))
    if result.version is None:
        return Check(State.BAD, "build", "the project does not compile; `python -m wfc build`")
    if result.version.id != current:
        found = f"{current} is older than the sources, which are {result.version.id}: build again"
        return Check(State.WARNING, "WFC620 build", found)
    return Check(State.GOOD, "build", str(loaded.out / current))


def _of_environment() -> Iterator[Check]:
    """Look for variables that look like ours and set nothing: a typo would mean the default."""
    options = {option.name for option in common_options(environment=False)}
    known = {name.upper() for name in {*Settings.model_fields, *options, *_VARIABLES}}
    for name in sorted(os.environ):
        rest = name.upper().removeprefix(ENVIRONMENT_PREFIX)
        if rest != name.upper() and rest.partition("__")[0] not in known:
            near = get_close_matches(rest.partition("__")[0], known, n=3, cutoff=0.6)
            hint = f"; did you mean {' or '.join(ENVIRONMENT_PREFIX + one for one in near)}?"
            yield Check(State.WARNING, "environment", f"{name} sets nothing{hint if near else ''}")


def _of_gitignore(loaded: Loaded) -> Check:
    """Look whether git leaves `.wfc` alone: committed, it would carry runs to other machines."""
    if not (loaded.root / ".git").exists():
        return Check(State.GOOD, ".gitignore", "no git repository here")
    file = loaded.root / ".gitignore"
    lines = file.read_text(encoding="utf-8").split() if file.is_file() else []
    name = loaded.settings.out
    if any(line.strip("/") == name for line in lines):
        return Check(State.GOOD, ".gitignore", f"holds {name}")
    return Check(State.WARNING, ".gitignore", f"does not hold {name}/; add that line")


def _of_ruff(loaded: Loaded) -> Iterator[Check]:
    """Look whether ruff would delete ``noqa`` comments that name our codes (its rule RUF102)."""
    found = unaware_settings(loaded.root)
    if found is not None:
        advice = 'add external = ["WFC"] to [tool.ruff.lint], or ruff deletes our `noqa` comments'
        yield Check(State.WARNING, "WFC908 ruff", f"{found.name}: {advice}")


async def _unblock(common: Common, run_ids: list[str]) -> None:
    """Let workers take runs again."""
    async with opened(common.load()) as session:
        troubles = Troubles()
        rows = await troubles.each(run_ids, lambda run_id: row_of(session, run_id))
        data = []
        for run_id, row in rows.items():
            if row.blocked is not None:
                await session.world.block(row.run_id, None)
            data.append({"id": run_id, "unblocked": row.blocked is not None})
        output.result(common, "unblocked", [*data, *troubles.rows()], rows=data)
        idle = any(not one["unblocked"] for one in data)
        troubles.tell(common, others=Exit.CONFLICT if idle else Exit.GOOD)
        await hint_if_nobody_works(common, session)
