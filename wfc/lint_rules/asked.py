"""What settings and flags ask of the linter, as one job."""

from __future__ import annotations

from wfc.config import project_of
from wfc.lint_rules.run import Job
from wfc.lint_rules.selection import Selection, known_codes
from wfc.settings import Loaded


def job_of(
    loaded: Loaded,
    *,
    select: tuple[str, ...] = (),
    ignore: tuple[str, ...] = (),
    extend_select: tuple[str, ...] = (),
) -> Job:
    """Lay flags over `[tool.wfc.lint]`. Raises `UnknownCode`."""
    table = loaded.settings.lint
    selection = Selection(
        select=(*known_codes(select or table.select), *known_codes(extend_select)),
        ignore=known_codes(ignore or table.ignore),
    )
    per_file = tuple((glob, known_codes(tuple(codes))) for glob, codes in table.per_file.items())
    return Job(project=project_of(loaded), selection=selection, per_file=per_file)
