"""A backup of a PostgreSQL world, by PostgreSQL's own program."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from wfc.errors import ConfigError, WorldError
from wfc.worlds.postgres_connect import NAME
from wfc.worlds.postgres_errors import shown

PROGRAM: Final = "pg_dump"


async def dump(url: str, path: Path) -> None:
    """Write the schema of wfc to `path`, for `pg_restore`. Raises `ConfigError`, `WorldError`."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise ConfigError(
            f"a backup of {shown(url)} needs the program `{PROGRAM}`, of the server's version or a "
            "newer one, and PATH has none. Install it (Debian, Ubuntu: apt install "
            "postgresql-client)."
        )
    # The password stays out of the list of processes.
    password = unquote(urlsplit(url).password or "")
    process = await asyncio.create_subprocess_exec(
        program,
        "--format=custom",
        f"--schema={NAME}",
        "--no-owner",
        f"--file={path}",
        f"--dbname={shown(url)}",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **({"PGPASSWORD": password} if password else {})},
    )
    _, said = await process.communicate()
    if process.returncode:
        raise WorldError(f"{shown(url)}: {PROGRAM} failed: {said.decode(errors='replace').strip()}")
