"""The project's checks, fastest first: `nox -s lint types layers tests docs`, or `make test`.

Sessions run in the environment that nox itself runs in (`make` makes `.venv` for it), so a fresh
machine needs nothing but Python 3.11 or newer and pip, and no check reads another environment.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2024.10"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "layers", "tests", "docs"]

ROOMS = ("eventlog", "manifests", "runtime", "worlds", "compiler")
"""What runs depend on: each of these is held to 95 % of its branches."""
UNMEASURED = ("acceptance", "upgrade", "clients", "docs", "examples", "proofs", "blind")
"""Tests of the whole. Each room is held to its own tests; measuring these would only be slow."""


def _module(session: nox.Session, *command: str, **variables: str) -> None:
    """Run a tool of this very environment, never one that PATH happens to hold."""
    session.run(sys.executable, "-m", *command, env=variables)


def _bytecode() -> dict[str, str]:
    """Let the processes of tests share what they compile, elsewhere if none is wanted here.

    Hundreds of them import wfc; where bytecode is forbidden, each would compile all of it first.
    """
    if not os.environ.get("PYTHONDONTWRITEBYTECODE"):
        return {}
    return {
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(Path(__file__).parent / ".nox" / "bytecode"),
    }


@nox.session
def lint(session: nox.Session) -> None:
    """Check format, rules, spelling, dead code, and declared against used dependencies."""
    _module(session, "ruff", "format", "--check", ".")
    _module(session, "ruff", "check", ".")
    _module(session, "codespell_lib")
    _module(session, "vulture")
    _module(session, "deptry", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types strictly, tests and examples included."""
    _module(session, "mypy")


@nox.session
def layers(session: nox.Session) -> None:
    """Check that imports point down and that each library stays in its room."""
    # Without its cache: that has once shown circles of a tree that no longer had them.
    check = "from importlinter.cli import lint_imports_command as check; check()"
    session.run(sys.executable, "-c", check, "--no-cache")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the default suite with branch coverage; arguments after `--` go to pytest."""
    parallel = ("-n", "2", "--dist", "worksteal")
    apart = [f"tests/{name}" for name in UNMEASURED]
    own = [word for name in apart for word in ("--ignore", name)]
    measured = ("--cov=wfc", "--cov-report=", *session.posargs)
    _module(session, "pytest", "-q", *parallel, *measured, *own, **_bytecode())
    _module(session, "pytest", "-q", *parallel, *session.posargs, *apart, **_bytecode())
    _module(session, "coverage", "report")
    for room in ROOMS:
        session.log(f"branches of wfc/{room}, at least 95 %:")
        include = f"--include=wfc/{room}/*"
        _module(session, "coverage", "report", include, "--format=total", "--fail-under=95")


@nox.session
def docs(session: nox.Session) -> None:
    """Check that every link of the documentation leads somewhere and every code has its page."""
    session.run(sys.executable, "docs/check.py")


@nox.session
def soak(session: nox.Session) -> None:
    """Run the long proofs; `WFC_SOAK=minutes` sets the dose."""
    os.environ.setdefault("WFC_SOAK", "10")
    _module(session, "pytest", "-m", "soak", *session.posargs, **_bytecode())


@nox.session
def bench(session: nox.Session) -> None:
    """Run the benchmarks; arguments after `--` (`--quick`, `--only W1`) go to them."""
    _module(session, "benchmarks", *session.posargs)
