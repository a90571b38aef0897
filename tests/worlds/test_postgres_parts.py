"""The small parts of a PostgreSQL world: its dialect, its clock, its news."""

from __future__ import annotations

import pytest

from wfc.clock import SystemClock
from wfc.worlds import postgres_news
from wfc.worlds.postgres_clock import DatabaseClock
from wfc.worlds.postgres_dialect import translated, untyped


def test_marks_are_numbered_and_typed() -> None:
    """A value that is absent has the type of its place."""
    assert translated("SELECT ?, ?, ?, ? WHERE 'x' = 'x'", (1, "a", b"b", None)) == (
        "SELECT $1::bigint, $2::text, $3::bytea, $4 WHERE 'x' = 'x'",
        [1, "a", b"b", None],
    )
    assert translated("SELECT ?", (0.5,))[0] == "SELECT $1::float8"


def test_a_name_has_one_number() -> None:
    """However often it stands there; values that no mark names are left out."""
    text, values = translated("SELECT :b, :a, :b", {"a": 1, "b": "x", "c": None})
    assert (text, values) == ("SELECT $1::text, $2::bigint, $1::text", ["x", 1])


def test_what_one_database_needs_is_for_it_alone() -> None:
    """Both read the same text."""
    statement = "SELECT json_group_object(key, value) FROM t INDEXED BY i /*pg FOR UPDATE */"
    text, _ = translated(statement, ())
    assert " ".join(text.split()) == "SELECT json_object_agg(key, value) FROM t FOR UPDATE"


def test_rows_of_any_type_take_numbers_alone() -> None:
    """For many rows at once."""
    assert untyped("INSERT INTO t VALUES (?, ?)") == "INSERT INTO t VALUES ($1, $2)"


def test_marks_of_both_kinds_are_a_mistake() -> None:
    """Of who writes statements."""
    with pytest.raises(AssertionError, match="both kinds"):
        translated("SELECT ?, :a", {"a": 1})


def test_the_clock_believes_the_quickest_answer() -> None:
    """Half of the way there and back is what it cannot know."""
    clock = DatabaseClock()
    hour = 3_600_000_000
    clock.learn(hour + 500, 0, 1000)
    assert abs(clock.now_us() - SystemClock().now_us() - hour) < 1_000_000
    clock.learn(0, 0, 100_000)  # a slow answer that says otherwise
    assert clock.now_us() > SystemClock().now_us() + hour - 1_000_000
    clock.learn(50, 0, 100)
    assert clock.now_us() < SystemClock().now_us() + hour // 2


def test_news_fit_into_a_notification() -> None:
    """Or everybody is told to look."""
    assert postgres_news.read("7 me " + '["a", "b"]') == (7, "me", ["a", "b"])
    payload = postgres_news.payload_of("me", {f"run:{number:0200}" for number in range(100)})
    assert postgres_news.read(f"1 {payload}") == (1, "me", [postgres_news.EVERYTHING])


def test_numbers_that_were_taken_here_are_counted() -> None:
    """So that those of others can be told from them."""
    taken = postgres_news.Taken(4)
    taken.add()
    assert taken.last() == 5
