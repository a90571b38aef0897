"""Whatever is typed: an exit code of the table, no traceback, and every run is still there.

Commands and their arguments are read from the table of the command line, so a new one is tried from
the day it is there.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import shutil
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest

from tests import warm
from tests.proofs import hostile
from tests.proofs.dose import SOAK_MINUTES, seeds_for
from tests.proofs.findings import Findings
from tests.proofs.record import proof
from wfc.cli.failure import Exit
from wfc.cli.main import TABLE

from .conftest import Said
from .shops import furnished, shop

__all__ = ["furnished", "shop"]
Wfc = Callable[..., Said]
SECRET: Final = "s3cr3t"  # noqa: S105 - the password of the addresses among the hostile words
KNOWN: Final = ("paid-1", "done", "lost", "new", "checkout", "shop:checkout", "shop.py", "shop")
ALLOWED: Final = {int(code) for code in Exit} - {Exit.OURS}
REMOVES: Final = {("gc",), ("versions", "prune")}
_SEVERAL: Final = -1
_LONG: Final = r"(\w{8})\w{40,}"
_PATIENCE_S: Final = 1.0
"""What goes on until it is told to stop, or waits for a run, is told to stop after that."""


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Give every command that can be asked for, with those below it."""
    for entry in TABLE:
        yield from _below((entry.name,), entry.load())


def _below(path: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _below((*path, name), inner)


COMMANDS: Final = dict(commands())


def words_for(path: tuple[str, ...], chance: random.Random) -> list[str]:
    """Make a command line: arguments and some options of a command, each with a hostile word."""
    words: list[str] = list(path)
    parameters = [one for one in COMMANDS[path].params if one.name != "help"]
    for parameter in parameters:
        if parameter.param_type_name == "argument":
            most = chance.randrange(3) if parameter.nargs == _SEVERAL else 1
            words += [hostile.word(chance, KNOWN) for _ in range(most)]
        elif chance.random() < min(1 / 2, 2 / len(parameters)):
            words += _option(parameter, chance)
    if chance.random() < 1 / 10:
        words.insert(chance.randrange(len(words) + 1), hostile.word(chance, KNOWN))
    return _bounded(words)


def _option(option: Any, chance: random.Random) -> list[str]:
    name = chance.choice(option.opts)
    if option.is_flag:
        return [name]
    if option.name == "processes":
        return [name, chance.choice(("-1", "x", "0", "9" * 400))]  # so many real ones are made
    given = hostile.word(chance, KNOWN)
    return (
        [f"{name}={given}"] if name.startswith("--") and chance.random() < 1 / 2 else [name, given]
    )


def _bounded(words: list[str]) -> list[str]:
    """Let a worker of this process end by itself."""
    return [*words, "--until-idle"] if words[0] == "worker" else words


@contextlib.contextmanager
def told_to_stop() -> Iterator[None]:
    """Press Ctrl-C on what is still at it after a while."""
    before = signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE_S, 10 * _PATIENCE_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def kept(folder: Path) -> dict[str, int]:
    """Give the runs of the world, with how many events each has."""
    with contextlib.closing(sqlite3.connect(folder / "runs.db")) as file:
        return dict(file.execute("SELECT run_id, count(*) FROM events GROUP BY run_id"))


@pytest.fixture
def town(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Path]]:
    """The shop, anew each time, so deep in a folder that no `..` of ours leaves it."""
    whole = tmp_path / "whole"
    shutil.copytree(shop.parent, whole, ignore=shutil.ignore_patterns("whole"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    before = _environment(), list(sys.path)

    def anew() -> Path:
        folder = tmp_path / "a" / "b" / "c" / "d" / "project"
        os.chdir(tmp_path)
        shutil.rmtree(tmp_path / "a", ignore_errors=True)
        shutil.copytree(whole, folder)
        os.chdir(folder)
        monkeypatch.setattr(sys, "stdin", io.StringIO(""))
        return folder

    yield anew
    os.chdir(tmp_path)
    assert _environment() == before[0]
    sys.path[:] = before[1]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}


def _world_of(words: list[str]) -> str:
    """Give the address of the world that a line names."""
    behind = [word for option, word in pairwise(words) if option == "--world"]
    joined = [word.partition("=")[2] for word in words if word.startswith("--world=")]
    return "".join((*behind, *joined))


class Crashed(Exception):
    """A command ended by a fault of ours."""

    def __init__(self, path: tuple[str, ...], report: str) -> None:
        super().__init__(f"{path}: ... {re.sub(_LONG, chr(8230), report)[-1500:]}")


def tried(wfc: Wfc, anew: Callable[[], Path], path: tuple[str, ...], seed: int) -> Said:
    """Type one hostile line, and see what must hold of its answer."""
    folder = anew()
    before = kept(folder)
    words = words_for(path, random.Random(f"{path} {seed}"))  # noqa: S311 - repeatable, no secret
    sys.stderr.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # as a real one
    with told_to_stop():
        said = wfc(*words)
    reports = [one.read_text() for one in folder.glob(".wfc/crash/*")]
    if reports:
        raise Crashed(path, reports[0])
    assert said.code in ALLOWED, (seed, words, said)
    assert "Traceback" not in said.out + said.err, (seed, words, said)
    if SECRET in _world_of(words) and sum(SECRET in word for word in words) == 1:
        assert SECRET not in said.out + said.err, (seed, words, said)
    silent = said.code in {Exit.GOOD, Exit.INTERRUPTED, Exit.CLOSED_PIPE}
    if not silent and not {"-q", "--quiet"}.intersection(words):
        assert said.err.strip() or said.out.strip(), (seed, words)
    if path not in REMOVES:
        after = kept(folder)
        assert all(after.get(run, 0) >= count for run, count in before.items()), (seed, words)
    return said


# Ctrl-C may strike in a callback of the collector of garbage, where it is told and forgotten; it is
# pressed again then.
_ANYWHERE: Final = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@_ANYWHERE
@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_any_words_have_an_exit_code_of_the_table(
    wfc: Wfc, town: Callable[[], Path], path: tuple[str, ...]
) -> None:
    """Two lines for each command."""
    for seed in range(2):
        tried(wfc, town, path, seed)


@pytest.mark.parametrize("name", ["runs", "inspect", "start", "resume", "lint", "cancel"])
def test_a_real_process_ends_as_this_one_does(town: Callable[[], Path], name: str) -> None:
    """With what a command line can hold: bytes that are no text, but no zero."""
    folder = town()
    before = kept(folder)
    chance = random.Random(name)  # noqa: S311 - repeatable, and no secret
    words = [os.fsencode(_typed(one)) for one in words_for((name,), chance)]
    said = warm.wfc(folder, *(os.fsdecode(one) for one in (*words, b"\xff\xfe")))
    assert said.returncode in ALLOWED, (words, said)
    assert "Traceback" not in said.stdout + said.stderr, (words, said)
    assert kept(folder) == before


def _typed(word: str) -> str:
    """Give what is left of a word if a shell hands it over."""
    return word.replace("\0", "").encode("utf-8", "replace").decode()


@_ANYWHERE
@pytest.mark.soak
@pytest.mark.timeout(0)
def test_many_words(wfc: Wfc, town: Callable[[], Path]) -> None:
    """Line after line for each command, for as long as the dose says; all findings are told."""
    command = f"WFC_SOAK={SOAK_MINUTES:g} python -m pytest -m soak tests/cli/test_fuzz.py"
    codes: Counter[int] = Counter()
    with proof(
        "fuzz-cli",
        title="Hostile command lines",
        holds="an exit code of the table, no traceback, no password shown, every run still there",
        dose=f"{SOAK_MINUTES:g} minutes",
        command=command,
    ) as figures:
        findings = Findings()
        for seed in seeds_for():
            for path in COMMANDS:
                try:
                    codes[tried(wfc, town, path, seed).code] += 1
                except Exception as error:  # noqa: BLE001 - the proof goes on, and fails at its end
                    findings.add((path, seed), error)
        figures["commands"] = len(COMMANDS)
        figures["lines typed"] = codes.total() + findings.count.total()
        figures.update({f"ended with {code}": number for code, number in sorted(codes.items())})
        figures["findings"] = findings.count.total()
        findings.check()
