"""Which call place is which: four passes, the same for the same manifests, names not trusted."""

from __future__ import annotations

from typing import Any

from tests.manifests.versions import version_of
from wfc.ids import Site
from wfc.manifests.align import SiteMap, align
from wfc.manifests.manifest import Manifest, Workflow
from wfc.manifests.rename_hints import NO_HINTS, RenameHints, hints_between


def workflow(*sites: tuple[Any, ...]) -> Workflow:
    """Make a workflow of calls: name, blocks, arguments, and what is called (`pay`)."""
    listed = [(*site, "app.pay") if len(site) == 3 else site for site in sites]
    leaves = [
        {"kind": "step", "site": name, "callee": callee, "args": args}
        for name, _, args, callee in listed
    ]
    return Workflow.model_validate(
        {
            "signature": {},
            "fingerprints": {},
            "shape": {"kind": "seq", "parts": leaves},
            "sites": {
                name: {"callee": callee, "function": "f", "blocks": blocks, "args": args}
                for name, blocks, args, callee in listed
            },
        }
    )


def found(sites: SiteMap) -> list[tuple[str, str, int]]:
    return [(pair.old, pair.new, pair.by) for pair in sites.pairs]


def test_pass_1_takes_equal_blocks_and_arguments() -> None:
    """The same call with other names of places, whatever stands before it."""
    old = workflow(("p~1", ["if"], "a"), ("p~2", ["else"], "a"))
    new = workflow(("p~8", ["else"], "a"), ("p~9", ["if"], "a"))
    assert found(align(old, new, NO_HINTS)) == [("p~1", "p~9", 1), ("p~2", "p~8", 1)]


def test_pass_2_takes_equal_arguments() -> None:
    """A call that was wrapped in an `if` has other blocks."""
    old = workflow(("p~1", [], "a"), ("p~2", [], "b"))
    new = workflow(("p~1", [], "b"), ("p~2", ["if"], "a"))
    assert found(align(old, new, NO_HINTS)) == [("p~1", "p~2", 2), ("p~2", "p~1", 1)]


def test_pass_3_goes_by_order_in_equal_blocks() -> None:
    """Arguments have changed; a call that is new stands at the end."""
    old = workflow(("p~1", [], "a"), ("p~2", [], "b"))
    new = workflow(("p~1", [], "x"), ("p~2", [], "y"), ("p~3", [], "z"))
    sites = align(old, new, NO_HINTS)
    assert found(sites) == [("p~1", "p~1", 3), ("p~2", "p~2", 3)]
    assert sites.fresh == ("p~3",)


def test_pass_4_takes_the_rest_if_counts_are_equal() -> None:
    """Nothing is the same but how many there are."""
    old = workflow(("p~1", [], "a"), ("p~2", ["if"], "b"))
    new = workflow(("p~8", ["for"], "x"), ("p~9", ["while"], "y"))
    assert found(align(old, new, NO_HINTS)) == [("p~1", "p~8", 4), ("p~2", "p~9", 4)]
    fewer = align(old, workflow(("p~8", ["for"], "x")), NO_HINTS)
    assert (fewer.pairs, fewer.gone, fewer.fresh) == ((), ("p~1", "p~2"), ("p~8",))


def test_several_equal_ones_wait_for_their_order() -> None:
    """What is not unique is not guessed by the first two passes."""
    old = workflow(("p~1", [], "a"), ("p~1.2", [], "a"))
    new = workflow(("p~1", [], "a"), ("p~1.2", [], "a"), ("p~1.3", [], "a"))
    sites = align(old, new, NO_HINTS)
    assert found(sites) == [("p~1", "p~1", 3), ("p~1.2", "p~1.2", 3)]
    assert sites.mapping() == {}


def test_only_places_of_one_callee_are_paired() -> None:
    """A hint says that two callees are one."""
    old, new = workflow(("p~1", [], "a", "app:pay")), workflow(("q~1", [], "a", "app:send"))
    assert align(old, new, NO_HINTS).gone == ("p~1",)
    hinted = RenameHints(
        {"app:send": ("app:pay",)}, alive=frozenset({"app:send"}), old=frozenset({"app:pay"})
    )
    sites = align(old, new, hinted)
    assert found(sites) == [("p~1", "q~1", 1)]
    assert sites.mapping() == {"p~1": "q~1"}


def test_a_bare_name_is_its_own() -> None:
    """Library code has no places; an unknown place is nowhere."""
    sites = align(workflow(), workflow(), NO_HINTS)
    assert sites.to_new(Site("charge")) == "charge"
    assert sites.to_new(Site("charge~1")) is None


def test_real_builds_are_paired_through_a_wrap_and_a_rename() -> None:
    """Places of a renamed function, of steps through `to_thread`, of unshaped calls."""
    before = """
        import asyncio

        def total(x: int) -> int:
            return abs(x)

        def pay(x: int) -> int:
            "use step"
            return x

        def send(x: int) -> int:
            "use step"
            return x

        async def flow(x: int) -> int:
            "use workflow"
            a = await asyncio.to_thread(pay, total(x))
            b = await asyncio.to_thread(send, 1)
            return a + b
    """
    after = (
        before.replace("async def flow", "# wfc: was[flow]\n        async def stream")
        .replace("to_thread(pay, total(x))", "to_thread(send, 1)")
        .replace("b = await asyncio.to_thread(send, 1)", "b = await pay(total(x)) if x else 0")
    )
    old, new = (Manifest.parse(version_of(text).manifest) for text in (before, after))
    sites = align(old.workflows["shop:flow"], new.workflows["shop:stream"], hints_between(old, new))
    assert sites == align(
        old.workflows["shop:flow"], new.workflows["shop:stream"], hints_between(old, new)
    )
    pairs = {
        pair.old.partition("~")[0]: (pair.new.partition("~")[0], pair.by) for pair in sites.pairs
    }
    assert (pairs["pay"][0], pairs["send"][0]) == ("pay", "send")
    assert pairs["abs"] == ("abs", 1)
    assert sites.gone == ()
