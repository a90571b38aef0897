"""The page about streams: its commands do what it says, in a folder of their own."""

from __future__ import annotations

from pathlib import Path

from tests.docs.pages import done


def test_the_commands_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    """A reader of the command line and one in Python see the same two chunks."""
    lines = done("streams.md", tmp_path).splitlines()
    assert lines[0] == "c-1"
    assert [line.partition("\t")[0] for line in lines if "#0\t1\t" in line] == ["2", "3"]
    assert lines[-3:] == ["an", "answer", "3 ['default']"]
