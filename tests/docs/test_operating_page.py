"""The page about operating: its commands are typed, its tables and its unit hold what is true."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path
from typing import Any, cast

import pytest

from tests.docs.pages import DOCS, done
from wfc.runtime.otel import Telemetry
from wfc.settings_tables import LimitsTable, Settings

PAGE = (DOCS / "operating.md").read_text("utf-8")
UNITS = {"": "1"}
"""As the table writes the unit of what is merely counted."""


def test_the_commands_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    """From the first start over a backup that is put in place, to keys that are changed."""
    pytest.importorskip("cryptography")
    said = done("operating.md", tmp_path)
    lines = said.splitlines()
    assert lines[:2] == ["o-1", "o-2"]
    assert lines[2].startswith("idle; next due ")
    assert any(line.startswith("Sleeping until ") for line in lines)
    assert said.count("is sound") == 3
    assert "charging o-1" in said
    assert (tmp_path / "project" / "broken" / "runs.db").is_file()
    fields = dict(line.split("\t")[:2] for line in lines if line.count("\t") == 1)
    assert (fields["id"], fields["status"]) == ("o-3", "suspended")


class _Meters:
    """Notes what instruments are made."""

    def __init__(self) -> None:
        self.made: dict[str, tuple[str, str]] = {}

    def get_meter(self, *_: Any, **__: Any) -> _Meters:
        return self

    def __getattr__(self, name: str) -> Any:
        kind = name.removeprefix("create_").removeprefix("observable_")

        def create(called: str, *given: Any, unit: str = "", **_: Any) -> _Meters:
            texts = [one for one in given if isinstance(one, str)]
            self.made[called] = (kind, unit or (texts[0] if texts else ""))
            return self

        return create


def test_the_table_of_metrics_is_whole() -> None:
    """Every instrument with its kind and unit, and none that does not exist."""
    meters = _Meters()
    Telemetry(meters=cast("Any", meters))
    rows = re.findall(r"^\| `(wfc\.[\w.]+)` \| (\w+) \| (\S+) \|", PAGE, re.MULTILINE)
    assert {name: (kind, unit) for name, kind, unit in rows} == {
        name: (kind, UNITS.get(unit, unit)) for name, (kind, unit) in meters.made.items()
    }


def test_the_unit_gives_workers_time_to_drain() -> None:
    """It can be read, begins a command that exists, and kills later than that drains."""
    (text,) = re.findall(r"^```\n(# /etc/systemd.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # as its documentation says
    unit.read_string(text)
    service = unit["Service"]
    words = shlex.split(service["ExecStart"])
    assert words[1:2] == ["worker"]
    drain = words[words.index("--drain") + 1]
    assert int(service["TimeoutStopSec"]) > int(drain.removesuffix("s"))
    assert service["RestartPreventExitStatus"] == "2"


def test_commands_within_sentences_exist() -> None:
    """Each with its options, as the reference lists them."""
    reference = (DOCS / "reference" / "cli.md").read_text("utf-8")
    told = re.findall(r"`wfc ([a-z]+)((?: [^`]*)?)`", PAGE)
    assert len(told) > 15
    for command, rest in told:
        sections = re.findall(
            rf"^## wfc {command}\b.*?\n(.*?)(?=^## |\Z)", reference, re.DOTALL | re.MULTILINE
        )
        assert sections, command
        for option in re.findall(r"--[a-z-]+", rest):
            known = any(option in section for section in sections) or option == "--json"
            assert known, (command, option)


def test_defaults_are_those_of_the_settings() -> None:
    """What the page says of limits and times."""
    settings, limits = Settings(), LimitsTable()
    for text, value in (
        ("| 16 MiB | `limits.payload`", limits.payload == 16 << 20),
        ("| 100,000 | `limits.events`", limits.events == 100_000),
        ("| 10,000 | `limits.pending_operations`", limits.pending_operations == 10_000),
        ("| 50 deep | `limits.children_depth`", limits.children_depth == 50),
        ("| 64 | `limits.attributes`", limits.attributes == 64),
        ("| 2,000 a worker | `worker.executions`", settings.worker.executions == 2000),
        ("| 32 a worker | `bundles_max`", settings.bundles_max == 32),
        ("in this process; 100 by default", settings.worker.concurrency == 100),
        ("after `lease` (30 s)", settings.worker.lease.total_seconds() == 30),
        ("at each sweep (15 s)", settings.worker.sweep.total_seconds() == 15),
    ):
        assert text in PAGE, text
        assert value, text
