"""Shapes and levels as values: they are written and read back, and levels are ordered."""

from __future__ import annotations

from wfc.ids import Site
from wfc.manifests.levels import Level
from wfc.manifests.shape import Node, from_plain, to_plain


def test_a_shape_is_read_as_it_was_written() -> None:
    """What is not said is left out, and unknown keys are passed over."""
    step = Node(kind="step", site=Site("charge~1"), callee="app:charge", args="a", awaited=True)
    choice = Node(kind="dynamic", site=Site("f~2"), candidates=("app:a", "app:b"))
    both = Node(kind="if", test="t", parts=(Node(kind="seq", parts=(step,)), choice))
    assert from_plain(to_plain(both)) == both
    assert from_plain({**to_plain(both), "colour": "red"}) == both
    assert [leaf.site for leaf in both.leaves()] == ["charge~1", "f~2"]
    assert "name" not in to_plain(both)


def test_levels_are_ordered_from_harmless_to_hopeless() -> None:
    """Not by their letters."""
    assert sorted(Level) == list(Level)
    assert max(Level.REPLAY, Level.BREAKING, Level.IDENTICAL) is Level.BREAKING
    assert Level.IF_RECORDED >= Level.IF_RECORDED > Level.COMPATIBLE
