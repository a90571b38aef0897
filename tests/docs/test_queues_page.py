"""The page about queues: its commands do what it says, in a folder of their own."""

from __future__ import annotations

from pathlib import Path

from tests.docs.pages import done


def test_the_commands_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    """One run of ann's at a time, and bob's beside it; the urgent one is next."""
    lines = done("queues.md", tmp_path).splitlines()
    assert lines[:3] == ["o-1", "o-2", "o-3"]
    (ann,) = [line.split("\t") for line in lines if line.startswith('free\tqueue\t"ann"')]
    assert ann[3:7] == ["1", "1", "1", "100/1m"]
    assert any("ann paid o-1, invoice of o-1" in line for line in lines)
    status = {line.split("\t")[0]: line.split("\t")[2] for line in lines[-3:]}
    assert status == {"o-1": "completed", "o-2": "suspended", "o-3": "suspended"}
