"""`pytest --wfc-lint`: one more test, which fails with what the linter finds in the project.

pytest loads this in every run: without the option it adds nothing, and imports nothing of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the option."""
    parser.getgroup("wfc").addoption(
        "--wfc-lint",
        action="store_true",
        help="Add a test that fails if `wfc lint` finds anything in the project.",
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Put the test of the project behind all others."""
    if config.getoption("--wfc-lint"):
        items.append(LintItem.from_parent(session, name="wfc-lint"))


class FindingsFound(Exception):
    """The linter has found something; the text is what `wfc lint` would print."""


class LintItem(pytest.Item):
    """The project as a test."""

    def runtest(self) -> None:
        """Lint the project around pytest's root folder, by its settings."""
        told = list(_told(self))
        if told:
            raise FindingsFound("\n".join(told))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *_: Any, **__: Any) -> Any:
        """Show findings as they are, and any other error with its traceback."""
        if isinstance(excinfo.value, FindingsFound):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Any, None, str]:
        """Name the test."""
        return self.config.rootpath, None, "wfc lint"


def _told(item: pytest.Item) -> Iterator[str]:
    from wfc.diagnostics import Severity, render  # noqa: PLC0415 - see the module's docstring
    from wfc.lint_rules import run  # noqa: PLC0415 - likewise
    from wfc.lint_rules.asked import job_of  # noqa: PLC0415 - likewise
    from wfc.settings import load_settings  # noqa: PLC0415 - likewise

    loaded = load_settings(item.config.rootpath)
    job = job_of(loaded)
    report = run.lint(job, run.files_in(job.project, []), out=loaded.out)
    texts = run.texts_of(job.project, report.findings)
    for one in report.findings:
        if one.severity is not Severity.INFO:
            yield render(one.told, texts)
