"""Family 9: settings. These rules look at a project as a whole, once."""

from __future__ import annotations

from collections.abc import Iterator

from wfc.lint_rules.finding import Finding
from wfc.lint_rules.overview import Overview
from wfc.lint_rules.registry import project_rule


@project_rule("WFC122")
def two_names(project: Overview) -> Iterator[Finding]:
    """Find a file with two first-party names: its workflows would have two ids."""
    for one in project.project.doubly_named():
        yield Finding(told=one)
