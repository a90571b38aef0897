"""`# wfc: allow[CODE] reason` is obeyed by the guards at run time, as by compiler and linter."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest

from tests.compiler.test_gather_effects import effects_of
from tests.runtime.histories import STEPS, Log, describe, template_of, version_of
from tests.runtime.test_sandbox import FLOW, PROBES
from wfc import codec
from wfc.errors import EffectInWorkflow
from wfc.manifests.plain import bundle_from_plain, bundle_to_plain
from wfc.runtime.operations import Completed, Failed

HEAD = STEPS + "from pathlib import Path\nBASE = Path('/etc/passwd')\n"
_LEFT_OUT = {
    "standard input", "the machine's sleep",  # they would wait
    "a file", "a file by io", "a class of the network",  # they leave something open
    "a write to a module", "a delete from a module",  # every other test would see it
    "a logger's level", "a logger's handlers", "a logger's filters", "the process's logging",
    "another loop", "a thread", "a plain function in a thread",  # a run's loop has no threads
    "a refused import by other means",  # it takes two exemptions
}  # fmt: skip
_HARMLESS = sorted(set(PROBES) - _LEFT_OUT)
_UNSEEN = {
    "a module inside a pure module",
    "an import by other means",
    "a refused import by other means",
    "a logger's level",
    "a logger's handlers",
    "a logger's filters",
}
"""What only the guard can know: names that are computed, and writes to what a call gave."""


def guard_of(log: Log) -> str | None:
    """Give the code of the guard that stopped a run, if one did."""
    outcome = log.start()
    if not isinstance(outcome, Failed):
        return None
    error = codec.decode_error(outcome.error)
    return error.guard if isinstance(error, EffectInWorkflow) else None


@pytest.mark.parametrize("name", _HARMLESS)
def test_what_is_allowed_is_done(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever comes of it, it is not a guard's error: the real thing was used."""
    monkeypatch.setenv("A", "kept")
    body, code = PROBES[name]
    text = textwrap.indent(body, "    ")
    allowed = f'async def flow():  # wfc: allow[{code}] to see what happens\n    "use workflow"\n'
    assert guard_of(Log(template_of(f"{allowed}{text}\n", head=HEAD))) is None
    os.environ.setdefault("A", "kept")


@pytest.mark.parametrize("name", sorted(set(PROBES) - _UNSEEN))
def test_compiler_and_guard_say_the_same_code(name: str, tmp_path: Path) -> None:
    """One fault has one code, whoever finds it."""
    body, code = PROBES[name]
    text = HEAD.replace("wfc.runtime.workflow_api", "wfc") + FLOW + textwrap.indent(body, "    ")
    assert code in [one.code for one in effects_of(tmp_path, {"flows": text + "\n"}).diagnostics]


READ = 'Path("/etc/hostname").read_text()'
PLACES = {
    "on the line": f"{FLOW}    return {READ}  # wfc: allow[WFC202] it never changes\n",
    "on the first of its lines": (
        f"{FLOW}    return Path(  # wfc: allow[WFC202] it never changes\n"
        '        "/etc/hostname"\n    ).read_text()\n'
    ),
    "on the def": (
        "async def flow():  # wfc: allow[WFC202] it never changes\n"
        f'    "use workflow"\n    return {READ}\n'
    ),
    "on the def of a helper": (
        f"def read():  # wfc: allow[WFC202] it never changes\n    return {READ}\n"
        f"{FLOW}    return read()\n"
    ),
    "on the line that calls a helper": (
        f"def read():\n    return {READ}\n"
        f"{FLOW}    return read()  # wfc: allow[WFC202] it never changes\n"
    ),
    "on a coroutine that is awaited": (
        f"async def read():\n    return {READ}\n"
        f"{FLOW}    return await read()  # wfc: allow[WFC202] it never changes\n"
    ),
    "beside other codes": (
        f"{FLOW}    return {READ}  # wfc: allow[WFC201, WFC202] it never changes\n"
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_where_an_exemption_may_stand(place: str) -> None:
    """Where the compiler obeys it the run reads the file, and completes."""
    outcome = Log(template_of(PLACES[place], head=HEAD)).start()
    assert isinstance(outcome, Completed), describe(outcome)
    assert codec.decode(outcome.output) == Path("/etc/hostname").read_text("utf-8")


@pytest.mark.parametrize(
    "text",
    [
        f"{FLOW}    return {READ}  # wfc: allow[WFC201] another code\n",
        f"{FLOW}    1  # wfc: allow[WFC202] another line\n    return {READ}\n",
        (
            "def other():  # wfc: allow[WFC202] another function\n    return 1\n"
            f"{FLOW}    other()\n    return {READ}\n"
        ),
    ],
)
def test_where_an_exemption_does_not_reach(text: str) -> None:
    """Of another code, on another line, in another function: the guard stops the run."""
    assert guard_of(Log(template_of(text, head=HEAD))) == "WFC202"


STATE = {
    "a dict": ("CACHE = {}", "CACHE['a'] = 1", "CACHE['a']"),
    "a list": ("SEEN = []", "SEEN.append(1)", "SEEN[0]"),
    "an iterator": ("import itertools\nNUMBERS = itertools.count(1)", "n = next(NUMBERS)", "n"),
    "an object": ("class Box:\n    n = 0\nBOX = Box()", "BOX.n = 1", "BOX.n"),
    "a class": ("class Box:\n    n = 0", "Box.n = 1", "Box.n"),
}


@pytest.mark.parametrize("name", STATE)
def test_shared_state_may_be_written_where_it_is_allowed(name: str) -> None:
    """The module's own object is changed."""
    head, write, read = STATE[name]
    text = f"{head}\n{FLOW}    {write}  # wfc: allow[WFC331] a count of ours\n    return {read}\n"
    outcome = Log(template_of(text)).start()
    assert isinstance(outcome, Completed), describe(outcome)
    assert codec.decode(outcome.output) == 1


def test_a_global_may_be_written_where_it_is_allowed() -> None:
    """It stays the run's own."""
    text = (
        "N = 0\ndef count():  # wfc: allow[WFC332] of this run alone\n    global N\n    N += 1\n"
        f"    return N\n{FLOW}    return count()\n"
    )
    template = template_of(text)
    for _ in range(2):
        outcome = Log(template).start()
        assert isinstance(outcome, Completed), describe(outcome)
        assert codec.decode(outcome.output) == 1


@pytest.mark.parametrize(
    ("code", "statement"),
    [
        ("WFC211", "import os\nNAME = os.getcwd()"),
        ("WFC301", "import time\nNAME = time.time()"),
        ("WFC211", "import os\nNAME = os.environ['PATH']"),
    ],
)
def test_the_top_level_may_do_what_is_allowed(code: str, statement: str) -> None:
    """It is done when the version is loaded."""
    text = f"{statement}  # wfc: allow[{code}] the same everywhere\n{FLOW}    return bool(NAME)\n"
    outcome = Log(template_of(text)).start()
    assert isinstance(outcome, Completed), describe(outcome)


def test_a_thread_of_the_runs_loop_cannot_be_allowed() -> None:
    """The loop of a run has none: the run says so instead of hanging."""
    text = f"{FLOW}    await asyncio.to_thread(len, [])  # wfc: allow[WFC204] quick\n"
    assert guard_of(Log(template_of(text))) == "WFC204"


def test_exemptions_are_part_of_a_bundle() -> None:
    """They travel with it, and a bundle of before has none."""
    text = f"{FLOW}    return {READ}  # wfc: allow[WFC202] it never changes\n"
    (bundle,) = version_of({"app": HEAD + text}).workflow.values()
    assert [(one.code, one.end_line - one.line) for one in bundle.allowed] == [("WFC202", 0)]
    plain = bundle_to_plain(bundle)
    assert bundle_from_plain(plain) == bundle
    del plain["allowed"]
    assert bundle_from_plain(plain).allowed == ()
