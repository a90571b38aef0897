"""Rename hints, applied: the present name of what an older version has named."""

from __future__ import annotations

import json

from wfc.manifests.rename_hints import NO_HINTS, RenameHints, hints_in

TABLE = {
    "app.pay:charge": ("app.pay:pay_card", "app.pay:card"),
    "app.pay:charge.amount": ("app.pay:charge.cents",),
    "app.pay:flow.inner": ("app.pay:flow.nested",),
    "app.new": ("app.old",),
    "app.new:moved": ("app.old:mover",),
}


def test_definitions_and_modules_are_found_by_any_former_name() -> None:
    """Also what stands in a module that was renamed, and deeper in it."""
    hints = RenameHints(TABLE)
    assert hints.definition("app.pay:card") == "app.pay:charge"
    assert hints.definition("app.pay:pay_card") == "app.pay:charge"
    assert hints.definition("app.pay:flow.nested") == "app.pay:flow.inner"
    assert hints.definition("app.old:same") == "app.new:same"
    assert hints.definition("app.old.deep:same") == "app.new.deep:same"
    assert hints.definition("app.old:mover") == "app.new:moved"
    assert hints.definition("app.older:same") == "app.older:same"


def test_arguments_take_the_present_names_of_their_parameters() -> None:
    """One that has its present name already keeps it."""
    hints = RenameHints(TABLE)
    assert hints.arguments("app.pay:charge", {"cents": 1, "to": 2}) == {"amount": 1, "to": 2}
    assert hints.arguments("app.pay:charge", {"amount": 1, "cents": 2}) == {
        "amount": 1,
        "cents": 2,
    }
    assert hints.arguments("app.pay:other", {"cents": 1}) == {"cents": 1}


def test_a_manifest_without_hints_is_not_read() -> None:
    """Most have none."""
    assert hints_in('{\n "renamed": {},') is NO_HINTS
    assert hints_in("") is NO_HINTS
    assert not NO_HINTS
    assert hints_in(json.dumps({"renamed": TABLE})).definition("app.old:a") == "app.new:a"
