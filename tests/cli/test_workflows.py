"""What somebody types becomes the one workflow that was meant."""

from __future__ import annotations

import pytest

from wfc.cli.workflows import resolve
from wfc.errors import AmbiguousName, NoSuchWorkflow
from wfc.ids import DefinitionId

KNOWN = [
    DefinitionId("shop:checkout"),
    DefinitionId("shop:Orders.cancel"),
    DefinitionId("admin:checkout"),
    DefinitionId("admin:refund"),
]


@pytest.mark.parametrize(
    ("name", "workflow"),
    [
        ("shop:checkout", "shop:checkout"),
        ("refund", "admin:refund"),
        ("Orders.cancel", "shop:Orders.cancel"),
        ("cancel", "shop:Orders.cancel"),
    ],
)
def test_an_id_or_a_unique_short_name_is_enough(name: str, workflow: str) -> None:
    """As long as only one workflow fits."""
    assert resolve(name, KNOWN) == workflow


def test_a_name_that_fits_two_is_refused_with_both() -> None:
    """WFC953: starting the wrong one may cost money."""
    with pytest.raises(AmbiguousName, match="admin:checkout, shop:checkout") as refused:
        resolve("checkout", KNOWN)
    assert refused.value.code == "WFC953"


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("refnd", KNOWN, "Did you mean refund?"),
        ("zzz", KNOWN, "There are: admin:checkout"),
        ("zzz", [], "The build holds none"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(
    name: str, known: list[DefinitionId], hint: str
) -> None:
    """WFC952, and a way on."""
    with pytest.raises(NoSuchWorkflow) as refused:
        resolve(name, known)
    assert hint in str(refused.value)
