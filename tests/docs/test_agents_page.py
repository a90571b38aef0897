"""The page about agents: its commands do what it says, in a folder of their own."""

from __future__ import annotations

from pathlib import Path

from tests.docs.pages import done


def test_the_commands_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    """A run waits for a person, who agrees in another process, and then goes on to its end."""
    said = done("agents.md", tmp_path)
    lines = said.splitlines()
    assert lines[0] == "t-1"
    assert '"output":"a is booked for Ada"' in said
    assert '{"type":"finish"}' in said
