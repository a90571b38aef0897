"""URLs of worlds."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from wfc.clock import Clock, VirtualClock
from wfc.errors import ConfigError, MissingExtra
from wfc.worlds import open as opening
from wfc.worlds.memory import MemoryWorld
from wfc.worlds.open import open_world
from wfc.worlds.sqlite import SqliteWorld


def test_a_file_is_named_relative_or_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for url in ("sqlite:///world.db", f"sqlite:///{tmp_path}/world.db"):
        world = open_world(url)
        assert isinstance(world, SqliteWorld)
        assert world.path == tmp_path / "world.db"
        assert open_world(world.url).url == world.url


def test_memory_takes_the_clock_given() -> None:
    clock = VirtualClock()
    world = open_world("memory:", clock)
    assert isinstance(world, MemoryWorld)
    assert world.now_us() == clock.now_us()


@pytest.mark.parametrize("url", ["", "sqlite", "sqlite:", "sqlite:///", "mysql://x", "memory:x"])
def test_a_wrong_url_is_told_the_right_forms(url: str) -> None:
    with pytest.raises(ConfigError, match="sqlite:///path"):
        open_world(url)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_server_is_named_by_its_address(scheme: str) -> None:
    """Without printing the password."""
    world = open_world(f"{scheme}://user:secret@host/db")
    assert world.url == f"{scheme}://user@host/db"


def test_an_address_needs_a_server() -> None:
    """A path alone is none."""
    with pytest.raises(ConfigError, match="names no server"):
        open_world("postgresql:db")


def test_what_postgresql_needs_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command, and without printing the password."""
    monkeypatch.delitem(sys.modules, "wfc.worlds.postgres", raising=False)
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(MissingExtra, match=r"wfc-durable\[postgres\]") as caught:
        open_world("postgresql://user:secret@host/db")
    assert "secret" not in str(caught.value)


def make(url: str, clock: Clock) -> MemoryWorld:
    world = MemoryWorld(clock)
    world.url = url
    return world


def test_others_bring_worlds_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    found = EntryPoint(name="mine", value=f"{__name__}:make", group=opening.GROUP)

    def entry_points(*, group: str, name: str) -> EntryPoints:
        return EntryPoints([found]).select(group=group, name=name)

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    assert open_world("mine://there").url == "mine://there"
