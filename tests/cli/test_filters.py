"""FILTER options become the world's filter, or a sentence about what is wrong."""

from __future__ import annotations

import pytest

from wfc.cli.filters import Filter, attributes
from wfc.errors import InputInvalid

NOW_US = 10_000_000_000


def test_every_option_has_its_part_of_the_filter() -> None:
    """Nothing that was asked for is dropped."""
    asked = Filter(
        status="failed, pending",
        workflow="shop:checkout",
        version="v1",
        queue="free",
        attribute=["tier=free", "tries=3"],
        since="1h",
        until="1970-01-01T00:00:05Z",
    )
    where = asked.where(NOW_US)
    assert where.statuses == {"failed", "pending"}
    assert (where.workflow, where.version, where.queue) == ("shop:checkout", "v1", "free")
    assert where.attributes == {"tier": "free", "tries": 3}
    assert where.created_from == NOW_US - 3600 * 1_000_000
    assert where.created_until == 5_000_000
    assert asked


def test_no_option_is_no_filter() -> None:
    """A bulk command can tell that nothing was chosen."""
    assert not Filter()
    assert Filter().where(NOW_US).statuses == frozenset()


def test_a_time_without_zone_is_local() -> None:
    """People mean their own clock."""
    assert Filter(since="1970-01-02").where(NOW_US).created_from is not None


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (Filter(status="faild"), "Did you mean failed"),
        (Filter(status="zzz"), "There are: pending"),
        (Filter(since="yesterday"), "neither an instant"),
        (Filter(attribute=["tier"]), "--attribute tier=free"),
    ],
)
def test_what_does_not_exist_is_refused(asked: Filter, sentence: str) -> None:
    """A typo in a filter must not match everything or nothing."""
    with pytest.raises(InputInvalid, match=sentence):
        asked.where(NOW_US)


def test_attribute_values_are_scalars() -> None:
    """JSON scalars are read, structures stay text."""
    assert attributes(["a=1", "b=true", "c=[1]", "d=x=y"]) == {
        "a": 1,
        "b": True,
        "c": "[1]",
        "d": "x=y",
    }
