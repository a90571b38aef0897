"""`wfc stream`: what steps have written, for people, for programs, and as it is."""

from __future__ import annotations

import enum
import io
import json
import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest

from wfc import codec
from wfc.cli.main import main
from wfc.ids import OperationId
from wfc.runtime.lines import line
from wfc.worlds import chunks as rules
from wfc.worlds.chunks import Form
from wfc.worlds.protocol import NewChunk, StreamWrite, WritingStep
from wfc.worlds.sqlite import SqliteWorld

from .conftest import Said, completed

Wfc = Callable[..., Said]
Put = Callable[..., None]


class Size(enum.Enum):
    """A type that the command line cannot import."""

    SMALL = 1


def written(*values: Any, namespace: str = "default", close: bool = True) -> StreamWrite:
    chunks = [
        NewChunk(form=Form.RAW, body=value)
        if isinstance(value, bytes)
        else value
        if isinstance(value, NewChunk)
        else NewChunk(form=Form.VALUE, body=codec.encode(value, path="a chunk"))
        for value in values
    ]
    step = WritingStep(operation_id=OperationId("say~1#0"), attempt=1)
    return StreamWrite(namespace=namespace, chunks=tuple(chunks), step=step, close=close)


def test_chunks_are_rows(wfc: Wfc, put: Put) -> None:
    """By their indexes; anything but text is shown as JSON."""
    put("o-1", chunks=[written("a", {"n": 1}, b"raw", rules.reset_of(0))])
    said = wfc("stream", "o-1")
    assert said.code == 0
    assert said.out.splitlines() == [
        "index\tstep_id\tattempt\tvalue",
        "0\tsay~1#0\t1\ta",
        '1\tsay~1#0\t1\t{"n": 1}',
        "2\tsay~1#0\t1\tcmF3",
        "3\tsay~1#0\t1\tnull",
    ]
    assert wfc("stream", "o-1", "--start-index", "-2").out.splitlines()[1].startswith("2\t")
    last = wfc("stream", "o-1", "--start-index", "3", "--json").json["data"]
    assert [(one["index"], one["kind"], one["from_index"]) for one in last] == [(3, "reset", 0)]


@pytest.mark.parametrize("follow", [["--follow"], []])
def test_bytes_as_they_are(
    wfc: Wfc, put: Put, monkeypatch: pytest.MonkeyPatch, follow: list[str]
) -> None:
    put("o-1", chunks=[written("tä", b"\xff", rules.reset_of(0), "x")])
    put("o-2", chunks=[written(b"a", 1)])
    taken = io.BytesIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", io.TextIOWrapper(taken))
        assert main(["stream", "o-1", "--raw", *follow]) == 0
        assert taken.getvalue() == b"t\xc3\xa4\xffx"
    said = wfc("stream", "o-2", "--raw")
    assert said.code == 2
    assert "chunk 1 is neither bytes nor text" in said.err


def test_following_ends_with_the_stream(wfc: Wfc, put: Put) -> None:
    """One object each, at once."""
    put("o-1", completed(1), chunks=[written("a", close=False), written("b", close=False)])
    said = wfc("stream", "o-1", "--follow", "--json")
    assert [json.loads(line)["value"] for line in said.out.splitlines()] == ["a", "b"]
    assert wfc("stream", "o-1", "--follow").out.splitlines()[0] == "index\tstep_id\tattempt\tvalue"


def test_another_stream_is_named(wfc: Wfc, put: Put) -> None:
    """Whoever looks into an empty one learns which are not."""
    put("o-1", completed(1), chunks=[written("a", namespace="log"), written(namespace="x/y")])
    assert wfc("stream", "o-1", "log").out.endswith("a\n")
    said = wfc("stream", "o-1")
    assert (said.code, said.out) == (0, "")
    assert "nothing is in the stream 'default'; log, x/y is" in said.err


def test_what_cannot_be_read_is_described(wfc: Wfc, put: Put) -> None:
    """The command line need not have the project's classes."""
    put("o-1", chunks=[written(Size.SMALL)])
    assert "Size" in wfc("stream", "o-1").out


def test_an_unknown_run_is_exit_3(wfc: Wfc) -> None:
    assert wfc("stream", "nobody").code == 3


@pytest.mark.parametrize("read", [0, 1])
def test_who_interrupts_learns_where_to_go_on(
    wfc: Wfc, put: Put, monkeypatch: pytest.MonkeyPatch, read: int
) -> None:
    put("o-1", chunks=[written("a", "b", close=False)])
    real, calls = SqliteWorld.read_chunks, []

    async def interrupted(self: Any, *args: Any) -> Any:
        calls.append(args)
        if len(calls) > read:
            raise KeyboardInterrupt
        return await real(self, *args)

    monkeypatch.setattr(SqliteWorld, "read_chunks", interrupted)
    said = wfc("stream", "o-1", "--follow")
    assert said.code == 130
    assert f"go on with: --start-index {2 * read}" in said.err


def test_log_lines_are_read_as_such(wfc: Wfc, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    """As rows, as the lines of a file, and whole for programs."""
    record = logging.LogRecord("app", logging.INFO, "f.py", 1, "hello %s", ("you",), None)
    record.created = 0
    step = OperationId("say~1#0")
    mine = NewChunk(form=Form.VALUE, body=line(record, step, 1)[0])
    put("o-1", chunks=[written(mine, rules.reset_of(0), "odd", namespace="wfc.logs", close=False)])
    workflow = NewChunk(form=Form.VALUE, body=line(record, None, 0)[0])
    put("o-2", chunks=[StreamWrite(namespace="wfc.logs", chunks=(workflow,))])
    assert wfc("stream", "o-1", "wfc.logs").out.splitlines() == [
        "time\tlevel\tlogger\tstep_id\tmessage",
        "1970-01-01T00:00:00Z\tINFO\tapp\tsay~1#0\thello you",
        "\t\t\tsay~1#0\t(attempt 1 begins; lines of this step from 0 on are of earlier ones)",
        "\t\t\tsay~1#0\todd",
    ]
    assert wfc("stream", "o-2", "wfc.logs").out.splitlines()[1].endswith("\tapp\t\thello you")
    assert wfc("inspect", "o-1", "--logs").out == wfc("stream", "o-1", "wfc.logs").out
    assert wfc("inspect", "o-1", "--logs", "--json").json["data"][1]["kind"] == "reset"
    [one] = wfc("stream", "o-2", "wfc.logs", "--json").json["data"]
    assert one["value"] == {
        "time": "1970-01-01T00:00:00Z", "level": "INFO", "logger": "app", "message": "hello you",
        "step_id": None, "attempt": 0,
    }  # fmt: skip
    taken = io.BytesIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", io.TextIOWrapper(taken))
        assert main(["stream", "o-2", "wfc.logs", "--raw"]) == 0
        assert taken.getvalue() == b"1970-01-01T00:00:00.000000Z INFO app: hello you\n"
