"""Operations that are named shortly: one that fits is meant, several are told, none is helped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfc.errors import InputInvalid
from wfc.ids import DefinitionId, OperationId, Site, operation_id
from wfc.runtime.meant import operation_meant

OPERATIONS = {
    OperationId("charge~1a#0"): DefinitionId("shop.pay:charge"),
    OperationId("ship~2b#0"): DefinitionId("shop.post:Parcel.send"),
    OperationId("ship~2b#1"): DefinitionId("shop.post:Parcel.send"),
    OperationId("ship~3c#0"): DefinitionId("shop.post:Parcel.send"),
    OperationId("sleep~4d#0"): None,
    OperationId("2:charge_all~5e#0"): DefinitionId("shop.pay:charge_all"),
}


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("charge~1a#0", "charge~1a#0"),
        ("charge~1a", "charge~1a#0"),
        ("charge", "charge~1a#0"),
        ("shop.pay:charge", "charge~1a#0"),
        ("ship~3", "ship~3c#0"),
        ("ship~2b#1", "ship~2b#1"),
        ("sl", "sleep~4d#0"),
        ("charge_all", "2:charge_all~5e#0"),
        ("2:", "2:charge_all~5e#0"),
    ],
)
def test_one_that_fits_is_meant(asked: str, meant: str) -> None:
    """A whole name comes before a beginning, so that `charge` is not `charge_all` as well."""
    assert operation_meant(asked, OPERATIONS) == meant


@pytest.mark.parametrize(
    "asked", ["ship", "ship~2b", "Parcel.send", "send", "shop.post:Parcel.send"]
)
def test_several_that_fit_are_told(asked: str) -> None:
    """Nothing is guessed; with many only the first are named."""
    with pytest.raises(InputInvalid, match=r"fits \d operations of the run: ship~2b#0, ship~2b#1"):
        operation_meant(asked, OPERATIONS)
    many = {operation_id(Site("ship~2b"), number): None for number in range(9)}
    with pytest.raises(InputInvalid, match="ship~2b#4 and 4 more"):
        operation_meant("ship", dict(many))


def test_none_that_fits_is_helped() -> None:
    """By what is near, else by what there is."""
    with pytest.raises(InputInvalid, match="Did you mean charge~1a#0"):
        operation_meant("chrage~1a#0", OPERATIONS)
    with pytest.raises(InputInvalid, match=r"Did you mean sleep\?"):
        operation_meant("slepe", OPERATIONS)
    with pytest.raises(InputInvalid, match="It has 6, the last is 2:charge_all"):
        operation_meant("zzz", OPERATIONS)
    with pytest.raises(InputInvalid, match=r"recorded no operation 'charge'\. It has recorded no"):
        operation_meant("charge", {})


@given(st.text("ab~#1:", max_size=8))
def test_whatever_is_asked_the_answer_is_one_of_them(asked: str) -> None:
    """Or a refusal; and an id always means itself."""
    known = {OperationId(name): None for name in ("a~1#0", "a~1#1", "ab~1#0", "b#1", "1:a~1#0")}
    try:
        assert operation_meant(asked, dict(known)) in known
    except InputInvalid:
        assert asked not in known
