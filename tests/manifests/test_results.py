"""What the steps of one version return, as runs of another read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from wfc.ids import DefinitionId, VersionId
from wfc.manifests.results import Results, members
from wfc.manifests.store import Version

STEP = DefinitionId("shop:charge")


def results(returns: str | None, **classes: Mapping[str, Any]) -> Results:
    manifest = {
        "steps": {STEP: {"signature": {"returns": returns}}},
        "classes": {f"shop:{name}": told for name, told in classes.items()},
    }
    return Results(Version(id=VersionId("v"), workflow={}, step={}, manifest=json.dumps(manifest)))


def a_class(digest: str = "d", kind: str = "dataclass", **more: Any) -> dict[str, Any]:
    return {"kind": kind, "digest": digest, "fields": None, "extra": "ignore", **more}


def of(**fields: str) -> dict[str, Any]:
    """Tell of a class whose fields have these types; those that end in ``=`` have a default."""
    told = {
        name: {"type": text.rstrip("="), "has_default": text.endswith("=")}
        for name, text in fields.items()
    }
    return a_class(repr(fields), fields=told)


@pytest.mark.parametrize(
    ("old", "new", "read"),
    [
        ("int", "int", True),
        ("int", "str", False),
        ("int | None", "int", True),
        ("int", "int | None", False),
        ("dict[str, int | None] | str", "dict[str, int | None]", True),
        ("list[int | None]", "list[int]", False),
        (None, "int", True),
        ("typing.Any", None, True),
        ("int", None, False),
        (None, None, True),
    ],
)
def test_each_type_that_comes_must_have_come_before(
    old: str | None, new: str | None, *, read: bool
) -> None:
    assert results(old).take(results(new), STEP) is read


@pytest.mark.parametrize(
    ("old", "new", "read"),
    [
        (a_class(), a_class(), True),
        (a_class(), a_class("other"), False),
        (a_class(), None, False),
        (of(name="str"), of(name="str"), True),
        (of(name="str"), of(name="str", cents="int"), True),
        (of(name="str", cents="int"), of(name="str"), False),
        (of(name="str", cents="int="), of(name="str"), True),
        (of(name="str"), of(name="int"), False),
        (of(name="str"), {**of(name="str"), "kind": "pydantic"}, False),
        ({**of(name="str"), "extra": "forbid"}, of(name="str", cents="int"), False),
        ({**of(name="str"), "extra": "forbid"}, of(name="str"), True),
        (of(next="shop.Item | None"), of(next="shop.Item | None", more="int"), True),
    ],
)
def test_a_class_is_read_by_its_fields(
    old: dict[str, Any], new: dict[str, Any] | None, *, read: bool
) -> None:
    """Fields that are not told count as changed if anything of the class is."""
    before, after = {"Item": old}, {} if new is None else {"Item": new}
    taken = results("list[shop.Item]", **before).take(results("list[shop.Item]", **after), STEP)
    assert taken is read


def test_a_class_behind_a_class_counts() -> None:
    old = results("shop.Item", Item=of(kind="shop.Kind"), Kind=a_class())
    new = results("shop.Item", Item=of(kind="shop.Kind"), Kind=a_class("other"))
    assert not old.take(new, STEP)
    assert old.take(old, STEP)


def test_unions_are_split_outside_brackets_only() -> None:
    assert list(members("dict[str, a | b] | typing.Literal['|'] | None")) == [
        "dict[str, a | b]", "typing.Literal['|']", "None",
    ]  # fmt: skip
