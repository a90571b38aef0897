"""The table of rules: which function reports which code. Families fill it by a decorator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final, TypeAlias

from wfc.diagnostics import CATALOGUE

if TYPE_CHECKING:
    from wfc.lint_rules.finding import Finding
    from wfc.lint_rules.module import Module
    from wfc.lint_rules.overview import Overview

ModuleCheck: TypeAlias = "Callable[[Module], Iterator[Finding]]"
ProjectCheck: TypeAlias = "Callable[[Overview], Iterator[Finding]]"

FAMILIES: Final = (
    "directives",
    "effects",
    "determinism",
    "steps",
    "step_bodies",
    "copies",
    "many_calls",
    "arguments",
    "serialisation",
    "recorded_types",
    "moved_types",
    "concurrency",
    "cancelling",
    "hooks",
    "configuration",
)
"""The files that hold rules."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A function that looks at one module, and the codes it may report."""

    codes: tuple[str, ...]
    check: ModuleCheck
    project: bool


@dataclass(frozen=True, slots=True)
class ProjectRule:
    """A function that looks at a project as a whole, once."""

    codes: tuple[str, ...]
    check: ProjectCheck


_RULES: Final[list[Rule]] = []
_PROJECT_RULES: Final[list[ProjectRule]] = []


def rule(*codes: str, project: bool = False) -> Callable[[ModuleCheck], ModuleCheck]:
    """Register a rule of modules; with `project` it runs only if the other modules are known."""
    _must_exist(codes)

    def register(check: ModuleCheck) -> ModuleCheck:
        _RULES.append(Rule(codes, check, project))
        return check

    return register


def project_rule(*codes: str) -> Callable[[ProjectCheck], ProjectCheck]:
    """Register a rule of projects."""
    _must_exist(codes)

    def register(check: ProjectCheck) -> ProjectCheck:
        _PROJECT_RULES.append(ProjectRule(codes, check))
        return check

    return register


def rules() -> tuple[Rule, ...]:
    """Give all rules of modules."""
    _load()
    return tuple(_RULES)


def project_rules() -> tuple[ProjectRule, ...]:
    """Give all rules of projects."""
    _load()
    return tuple(_PROJECT_RULES)


def _load() -> None:
    for family in FAMILIES:
        import_module(f"wfc.lint_rules.{family}")


def _must_exist(codes: tuple[str, ...]) -> None:
    for code in codes:
        assert code in CATALOGUE, f"{code} is no code of the catalogue"
