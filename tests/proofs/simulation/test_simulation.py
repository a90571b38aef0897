"""Seeded simulation: what the seeds find, that they find anything, and that they repeat.

All seeds of the full dose: `python -m tests.proofs.simulation --seeds 100000`.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.proofs.record import proof
from tests.proofs.simulation import mutants
from tests.proofs.simulation.__main__ import HOLDS, play, wrong_with
from tests.proofs.simulation.kept import KEPT
from tests.proofs.simulation.model import Either, Exactly, Shuffled, fits
from tests.proofs.simulation.scenario import Fault, Scenario, scenario_of
from tests.proofs.simulation.shrink import kept_as, shrink
from tests.proofs.simulation.stage import Played, Stage
from tests.proofs.simulation.world import FREE, FaultyWorld
from wfc.worlds.protocol import World

_PART = 100
_SOON = {
    "LosesAppends": 20,
    "IgnoresFences": 40,
    "HidesLosses": 30,
    "ExceedsLimits": 30,
    "NeverSweeps": 20,
    "ForgetsResets": 110,
    "NeverDoubts": 20,
}
"""How many seeds it takes at most to find a mutant; the others take up to `_LATE`."""
_LATE = 2000


@pytest.mark.parametrize("first", range(0, 1000, _PART))
def test_seeds(first: int) -> None:
    """What a run comes to is what its program says, whatever goes wrong on the way."""
    found = {seed: wrong_with(scenario_of(seed)) for seed in range(first, first + _PART)}
    assert {seed: wrong for seed, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("name", KEPT)
def test_what_failed_once_does_not_fail_again(name: str) -> None:
    """Scenarios that have found a fault of the product, made small."""
    assert wrong_with(KEPT[name]) == []


@pytest.mark.parametrize("mutant", _SOON)
def test_a_broken_product_is_found(mutant: str) -> None:
    """By few seeds: whoever breaks a promise hears of it."""
    assert mutants.found_by(mutant, range(_SOON[mutant])) is not None


@pytest.mark.soak
@pytest.mark.parametrize("mutant", sorted(mutants.MUTANTS.keys() - _SOON.keys()))
def test_a_product_that_is_seldom_wrong_is_found(mutant: str) -> None:
    assert mutants.found_by(mutant, range(_LATE)) is not None


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_more_seeds() -> None:
    """As many as there is time for."""
    until = time.monotonic() + 60 * float(os.environ.get("WFC_SOAK", "10"))
    with proof(
        "simulation",
        title="Simulation",
        holds=HOLDS,
        dose="as many seeds as there was time for",
        command="WFC_SOAK=10 python -m pytest -m soak tests/proofs/simulation -k more_seeds",
    ) as figures:
        assert play(range(1000, 10_000_000), figures, until=until) == []


# --- the simulation itself -----------------------------------------------------------------------


def _told(played: Played) -> str:
    """Tell all that a scenario did, but for the names of this machine's processes."""
    bodies = [(one.number, one.place, one.step_id, one.attempt) for one in played.bodies]
    whole = repr((played.trace(), bodies, played.seconds, played.calls))
    return hashlib.sha256(whole.encode()).hexdigest()


def transcript() -> str:
    """Tell how some scenarios go; other processes must tell the same."""
    return "\n".join(_told(Stage(scenario_of(seed)).play()) for seed in range(1, 25))


def test_a_seed_goes_the_same_way_each_time() -> None:
    """To the last byte of each log, in one process."""
    for seed in range(1, 15):
        first, again = (Stage(scenario_of(seed)).play() for _ in range(2))
        assert first.logs() == again.logs()
        assert _told(first) == _told(again)


@pytest.mark.parametrize("hash_seed", ["0", "4242"])
def test_a_seed_goes_the_same_way_in_every_process(hash_seed: str) -> None:
    code = "from tests.proofs.simulation.test_simulation import transcript; print(transcript())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == transcript()


def test_a_scenario_that_fails_is_made_small_and_written_down() -> None:
    """What is left still fails, has fewer faults and less of a program, and can be pasted."""
    mutant = "ExceedsLimits"
    found = mutants.found_by(mutant, range(_SOON[mutant]))
    assert found is not None
    small = shrink(found, lambda one: bool(mutants.wrong_with(mutant, one)))
    assert mutants.wrong_with(mutant, small)
    assert small.faults == ()
    assert len(repr(small)) < len(repr(found))
    written = kept_as("one", small, ["stuck"])
    assert eval("{" + written + "}", _names()) == {"one": small}  # noqa: S307 - what was just written


def _names() -> dict[str, object]:
    from tests.proofs.simulation import scenario  # noqa: PLC0415 - its names are what is asked for

    return vars(scenario)


def test_every_call_of_the_protocol_can_fail() -> None:
    """A method that is added to worlds is struck by faults without anybody's doing."""
    calls = {
        name
        for name, member in inspect.getmembers(World, inspect.isfunction)
        if not name.startswith("_") and inspect.iscoroutinefunction(member)
    }
    assert calls - FREE == calls - {"open", "close"}
    plain = {
        name
        for name, member in inspect.getmembers(World, inspect.isfunction)
        if not name.startswith("_") and not inspect.iscoroutinefunction(member)
    }
    assert plain - FREE <= vars(FaultyWorld).keys()


def test_a_fault_strikes_only_where_it_is_planned() -> None:
    """The same scenario without faults makes no fewer turns, and dies nowhere."""
    quiet = scenario_of(6)
    assert quiet.faults == ()
    killed = Scenario(quiet.seed, quiet.runs, (Fault("crash_before", 0, 5),), quiet.workers)
    places = {place for place, _, _, _ in Stage(killed).play().trace()}
    assert not any(place.startswith("worker 0.1") for place in places)
    assert wrong_with(killed) == []


def test_the_model_tells_values_apart() -> None:
    """One value of several, and values in any order, are neither fewer nor more than that."""
    assert fits(Either((Exactly(1), Exactly("late"))), "late")
    assert not fits(Either((Exactly(1), Exactly("late"))), 2)
    assert fits(Shuffled((0, 1, 2)), [2, 0, 1])
    assert not fits(Shuffled((0, 1, 2)), [2, 0, 1, 1])
