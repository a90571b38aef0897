"""Comparing manifests: what real builds cannot show yet, and what must never be called harmless."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.manifests.versions import compared, only, version_of
from wfc.diagnostics import Place
from wfc.manifests.compare import Compared, compare
from wfc.manifests.levels import Level
from wfc.manifests.manifest import Manifest

Plain = dict[str, Any]
STARS = {"name": "y", "kind": "VAR_KEYWORD", "has_default": False, "type": "str"}
STAR = {**STARS, "name": "r", "kind": "VAR_POSITIONAL"}
STR = {"name": "x", "kind": "POSITIONAL_OR_KEYWORD", "has_default": False, "type": "str"}


def leaf(kind: str, name: str = "a", **fields: Any) -> Plain:
    """Make an operation; its site is made of its name."""
    callee = {"step": f"app:{name}", "child": f"app:{name}"}.get(kind, f"wfc.{name}")
    return {"kind": kind, "site": f"{name}~1", "callee": callee, "args": "1", **fields}


def inner(kind: str, *parts: Plain, **fields: Any) -> Plain:
    return {"kind": kind, "parts": list(parts), **fields}


def manifest(*parts: Plain, workflow: Plain | None = None, **fields: Any) -> Manifest:
    """Make a manifest of one workflow `app:f` with these operations and the step `app:a`."""
    shape = inner("seq", *parts)
    sites = {
        one["site"]: {"callee": one.get("callee") or "*", "function": "f", "args": one["args"]}
        for one in leaves(shape)
    }
    mine = {
        "signature": {"params": [], "returns": None},
        "fingerprints": {"f1": repr((parts, workflow))},
        "shape": shape,
        "sites": sites,
        "body": repr((shape, workflow)),
        **(workflow or {}),
    }
    step = {"signature": {"params": [STR], "returns": "str"}, "body_hash": "b"}
    return Manifest.model_validate(
        {
            "version": "",
            "rules": {},
            "modules": {},
            "workflows": {"app:f": mine},
            "steps": {"app:a": step, "app:b": step},
            "classes": {},
            **fields,
        }
    )


def leaves(node: Plain) -> list[Plain]:
    if "parts" not in node:
        return [node]
    return [one for part in node["parts"] for one in leaves(part)]


def judged(old: Manifest, new: Manifest) -> Compared:
    return compare(old, new).workflows["app:f"]


def told(found: Compared) -> list[tuple[Level, str]]:
    return [(one.level, one.reason.code) for one in found.findings]


HOOK = leaf("hook", "create_hook")
CHILD = leaf("child", "g")
STREAM = leaf("stream", "get_writable")
AGENT = leaf("agent", "agent")
DYNAMIC = leaf("dynamic", "d", callee=None, candidates=["app:a", "app:b"])


@pytest.mark.parametrize(
    ("before", "after", "level", "code"),
    [
        # rows 34 and 35: type or token of a hook
        ((HOOK,), ({**HOOK, "args": "2"},), Level.REPLAY, "WFC609"),
        ((leaf("webhook", "w"),), (leaf("webhook", "w", args="2"),), Level.REPLAY, "WFC609"),
        # row 36: namespace of a stream
        ((STREAM,), ({**STREAM, "args": "2"},), Level.REPLAY, "WFC612"),
        ((STREAM,), (), Level.REPLAY, "WFC612"),
        ((), (STREAM,), Level.REPLAY, "WFC612"),
        # row 47: candidates of a dynamic call
        ((DYNAMIC,), ({**DYNAMIC, "candidates": ["app:a"]},), Level.REPLAY, "WFC607"),
        ((DYNAMIC,), ({**DYNAMIC, "candidates": ["?"]},), Level.REPLAY, "WFC607"),
        # row 55: hook or child removed
        ((HOOK,), (), Level.IF_RECORDED, "WFC609"),
        ((leaf("webhook", "w"),), (), Level.IF_RECORDED, "WFC609"),
        ((CHILD,), (), Level.IF_RECORDED, "WFC611"),
        ((AGENT,), (), Level.IF_RECORDED, "WFC613"),
        ((DYNAMIC,), (), Level.IF_RECORDED, "WFC603"),
        # row 57: another kind at the same place
        ((leaf("step"),), ({**leaf("child"), "callee": "app:a"},), Level.IF_RECORDED, "WFC603"),
        ((leaf("draw"),), ({**leaf("wait"), "callee": "wfc.a"},), Level.REPLAY, "WFC603"),
        # row 58: another child
        ((CHILD,), (leaf("child", "h"),), Level.IF_RECORDED, "WFC611"),
        ((inner("if", CHILD),), (inner("if", leaf("child", "h")),), Level.IF_RECORDED, "WFC611"),
        # restarts, attributes, waits
        ((leaf("restart", "r"),), (), Level.REPLAY, "WFC606"),
        ((leaf("restart", "r"),), (leaf("restart", "r", args="2"),), Level.REPLAY, "WFC606"),
        ((), (leaf("hook", "h"),), Level.REPLAY, "WFC606"),
        ((leaf("marker", "m"),), (), Level.REPLAY, "WFC615"),
        # what is awaited at once may be so no more
        ((leaf("step", awaited=True),), (leaf("step", awaited=False),), Level.REPLAY, "WFC606"),
        # a kind that only a newer wfc knows
        ((leaf("oracle", "o"),), (leaf("oracle", "o", args="2"),), Level.REPLAY, "WFC607"),
        ((leaf("oracle", "o"),), (), Level.REPLAY, "WFC607"),
        # surroundings
        ((inner("task", leaf("step")),), (leaf("step"),), Level.REPLAY, "WFC606"),
        ((leaf("step"),), (inner("helper", leaf("step"), name="app:h"),), Level.REPLAY, "WFC607"),
        ((inner("again", leaf("step"), name="h"),), (leaf("step"),), Level.REPLAY, "WFC607"),
        (
            (inner("scope", leaf("step"), test="1"),),
            (inner("scope", leaf("step"), test="2"),),
            Level.REPLAY,
            "WFC610",
        ),
        (
            (inner("if", inner("seq", leaf("step")), inner("seq")),),
            (inner("if", inner("seq"), inner("seq", leaf("step"))),),
            Level.REPLAY,
            "WFC607",
        ),
        (
            (inner("helper", leaf("step"), name="app:h"),),
            (inner("helper", leaf("step"), name="app:i"),),
            Level.REPLAY,
            "WFC607",
        ),
    ],
)  # fmt: skip
def test_operations_that_differ(
    before: tuple[Plain, ...], after: tuple[Plain, ...], level: Level, code: str
) -> None:
    """Whatever the runtime already knows, the comparison knows all kinds of the shape."""
    found = judged(manifest(*before), manifest(*after))
    assert (found.level, (level, code) in told(found)) == (level, True), told(found)


def test_a_candidate_that_is_gone_may_have_been_recorded() -> None:
    """Row 56 for a dynamic call."""
    step = {"signature": {"params": [STR], "returns": "str"}, "body_hash": "b"}
    after = manifest({**DYNAMIC, "candidates": ["app:a"]}, steps={"app:a": step})
    found = judged(manifest(DYNAMIC), after)
    assert told(found) == [(Level.IF_RECORDED, "WFC603")]


def test_parameters_in_another_order_are_not_trusted_where_a_call_cannot_be_seen() -> None:
    """`map` binds by position, and no manifest shows what."""
    two = {**STR, "name": "y"}
    steps = [
        {"app:a": {"signature": {"params": params}, "body_hash": "b"}}
        for params in ([STR, two], [two, STR])
    ]
    for one, level in (
        (leaf("step"), Level.COMPATIBLE),
        ({**DYNAMIC, "candidates": ["app:a"]}, Level.REPLAY),
        ({**DYNAMIC, "candidates": ["?"]}, Level.REPLAY),
    ):
        calls = {"body": "b", "calls": {"app:a": "1"}}
        before, after = (
            manifest(one, workflow={**calls, "fingerprints": {"f1": name}}, steps=step)
            for name, step in zip("12", steps, strict=True)
        )
        assert judged(before, after).level is level


def signed(*params: Plain, returns: str | None = "str", **more: Any) -> Manifest:
    """Make a manifest whose step has these parameters; the workflow's own code stays."""
    signature = {"params": list(params), "returns": returns, **more}
    return manifest(
        leaf("step"),
        workflow={"body": "b", "fingerprints": {"f1": repr(signature)}},
        steps={"app:a": {"signature": signature, "body_hash": "b"}},
    )


@pytest.mark.parametrize(
    ("before", "after", "level", "says"),
    [
        ([STR], [{**STR, "has_default": True}], Level.REPLAY, "has a default now"),
        ([{**STR, "has_default": True}], [STR], Level.IF_RECORDED, "no default any more"),
        ([STR], [{**STR, "kind": "POSITIONAL_ONLY"}], Level.REPLAY, "bind otherwise"),
        ([{**STR, "kind": "POSITIONAL_ONLY"}], [STR], Level.COMPATIBLE, "the same names"),
        ([{**STR, "kind": "KEYWORD_ONLY"}], [STR], Level.COMPATIBLE, "the same names"),
        ([STR], [{**STR, "kind": "VAR_POSITIONAL"}], Level.REPLAY, "bind otherwise"),
        ([STR], [STR, STARS], Level.REPLAY, "otherwise"),
        (
            [STR, STARS],
            [STR, {**STR, "name": "z", "has_default": True}, STARS],
            Level.REPLAY,
            "otherwise",
        ),
        (
            [STR, STAR],
            [STR, {**STR, "name": "y", "has_default": True}, STAR],
            Level.REPLAY,
            "before others",
        ),
        ([STR, STAR], [STR], Level.IF_RECORDED, "lost"),
        ([{**STR, "type": None}], [STR], Level.REPLAY, "a type that nobody wrote"),
        ([STR], [{**STR, "type": "list[str | None]"}], Level.REPLAY, "read anew"),
        ([{**STR, "type": "None"}], [{**STR, "type": "None | None"}], Level.REPLAY, "read anew"),
    ],
)  # fmt: skip
def test_parameters_of_a_step(
    before: list[Plain], after: list[Plain], level: Level, says: str
) -> None:
    """No kind of parameter and no way of binding is forgotten."""
    found = judged(signed(*before), signed(*after))
    assert found.level is level, found
    assert any(says in one.reason.sentence for one in found.findings), found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"captures": ["x"]}, {"captures": []}),
        ({"captures": []}, {"captures": ["x"]}),
        ({"receiver": "none"}, {"receiver": "self"}),
    ],
)
def test_what_is_recorded_besides_arguments_counts(old: Plain, new: Plain) -> None:
    """Captured values and the instance of a method stand in the recorded input."""
    assert judged(signed(STR, **old), signed(STR, **new)).level is Level.IF_RECORDED


def child(**signature: Any) -> Manifest:
    """Make a manifest whose workflow starts the child `app:g`."""
    base = manifest(CHILD, workflow={"body": "b", "fingerprints": {"f1": repr(signature)}})
    plain = base.model_dump(by_alias=True)
    plain["workflows"]["app:g"] = {
        "signature": {"params": [STR], "returns": "str", **signature},
        "fingerprints": {"f1": "g"},
    }
    return Manifest.model_validate(plain)


def test_the_signature_of_a_child_counts_and_its_body_does_not() -> None:
    """Rows 12 and 39: a child is checked as its own run."""
    assert judged(child(), child()).level is Level.IDENTICAL
    assert told(judged(child(), child(returns="int"))) == [(Level.REPLAY, "WFC611")]
    assert told(judged(child(), child(params=[]))) == [(Level.IF_RECORDED, "WFC611")]


# --- agents --------------------------------------------------------------------------------------

BOT = {
    "models": ["m"],
    "toolsets": ["t"],
    "tools": {"look": "1"},
    "output": "o",
    "operations": ["p"],
}


@pytest.mark.parametrize(
    ("change", "level"),
    [
        ({"tools": {"look": "1", "buy": "2"}}, Level.REPLAY),
        ({"tools": {"look": "2"}}, Level.REPLAY),
        ({"output": "q"}, Level.REPLAY),
        ({"models": ["n"]}, Level.REPLAY),
        ({"instructions": "be kind"}, Level.REPLAY),
        ({"toolsets": ["t", "u"]}, Level.REPLAY),
        ({"tools": {}}, Level.IF_RECORDED),
        ({"toolsets": []}, Level.IF_RECORDED),
        ({"operations": ["q"]}, Level.IF_RECORDED),
        (None, Level.IF_RECORDED),
    ],
)
def test_agents(change: Plain | None, level: Level) -> None:
    """Rows 44, 45, 61, 62, even if the workflow's fingerprint is the same."""
    using = {"reaches": {"app:bot": "1"}}
    old = manifest(AGENT, workflow=using, agents={"app:bot": BOT, "app:other": BOT})
    agents = {} if change is None else {"app:bot": {**BOT, **change}}
    found = judged(old, manifest(AGENT, workflow=using, agents=agents))
    assert found.level is level
    assert {code for _, code in told(found)} == {"WFC613"}


# --- what it runs on -----------------------------------------------------------------------------


def test_libraries_and_python_count_even_if_the_code_is_the_same() -> None:
    """Rows 49 to 51: runs that stay run on them too."""
    old, new = (
        manifest(depends={"attrs": "1", "x": "1"}),
        manifest(depends={"attrs": "2", "y": "1"}),
    )
    assert told(judged(old, new)) == [(Level.REPLAY, "WFC614")]
    here = compare(
        old, old, old_environment={"python": "3.11", "wfc": "1"},
        new_environment={"python": "3.12", "wfc": "2"},
    )  # fmt: skip
    sentences = [one.reason.sentence for one in only(here).findings]
    assert [one.partition(":")[0] for one in sentences] == ["Python 3.11 -> 3.12", "wfc 1 -> 2"]
    assert only(compare(old, old, old_environment={"python": "3.11"})).level is Level.IDENTICAL


def test_markers_are_compared_by_their_ids() -> None:
    """Row 48."""
    found = judged(manifest(workflow={"changes": ["a"]}), manifest(workflow={"changes": ["b"]}))
    assert [one.reason.sentence.partition(":")[0] for one in found.findings] == [
        'the marker `changed("a")` is gone',
        'the marker `changed("b")` is new',
    ]


# --- soundness -----------------------------------------------------------------------------------


def test_equality_in_one_scheme_is_identity() -> None:
    """Builds write every scheme they know."""
    old = manifest(workflow={"fingerprints": {"f1": "a", "f2": "b"}})
    assert judged(old, manifest(workflow={"fingerprints": {"f2": "b"}})).level is Level.IDENTICAL
    assert judged(old, manifest(workflow={"fingerprints": {"f3": "b"}})).level is Level.REPLAY


@pytest.mark.parametrize("change", [{"shape": None}, {"body": None}, {"reaches": {"app:h": "1"}}])
def test_what_is_not_known_is_left_to_a_replay(change: Mapping[str, Any]) -> None:
    """An older build says less: nothing is proven by what it does not say."""
    for one, two in ((change, {}), ({}, change), (change, change)):
        both = [
            manifest(workflow={"body": "b", **given, "fingerprints": {"f1": name}})
            for name, given in (("1", one), ("2", two))
        ]
        found = judged(*both)
        assert found.level is Level.REPLAY
        assert {code for _, code in told(found)} == {"WFC607"}


def test_another_number_of_calls_of_one_helper_is_not_overlooked() -> None:
    """The places are the same, the tree is not."""
    once = inner("helper", leaf("step"), name="app:h")
    found = judged(manifest(once), manifest(once, once))
    assert told(found) == [(Level.REPLAY, "WFC607")]


def test_a_step_that_is_only_mentioned_counts() -> None:
    """It was a step and is a workflow: no call place shows it."""
    step = {"signature": {"params": []}, "body_hash": "b"}
    flow = {"signature": {"params": []}, "fingerprints": {"f1": "g"}}
    old = manifest(workflow={"body": "b", "calls": {"app:s": "1"}}, steps={"app:s": step})
    plain = manifest(
        workflow={"body": "b", "calls": {"app:s": "2"}, "fingerprints": {"f1": "2"}}
    ).model_dump(by_alias=True)
    plain["workflows"]["app:s"] = flow
    found = judged(old, Manifest.model_validate(plain))
    assert (Level.REPLAY, "WFC604") in told(found)


# --- hints ---------------------------------------------------------------------------------------


def test_a_hint_that_names_what_is_alive_decides_nothing() -> None:
    """WFC616, for the workflows that use the name."""
    new = manifest(leaf("step"), renamed={"app:b": ["app:a"]})
    assert told(judged(manifest(leaf("step")), new)) == [(Level.IF_RECORDED, "WFC616")]
    assert told(judged(manifest(), manifest(renamed={"app:b": ["app:a"]}))) == []


STEP = """
async def {name}(x: {type}) -> str:
    "use step"
    return {body}
"""
FLOW = """
async def flow(x: str) -> str:
    "use workflow"
    return await {name}(x)
"""


def with_step(name: str, *, type: str = "str", body: str = "x") -> str:  # noqa: A002 - the word
    return STEP.format(name=name, type=type, body=body) + FLOW.format(name=name)


def hints(before: str, after: str) -> list[tuple[str, str]]:
    found = only(compared(before, after)).findings
    return [(one.hint.new, one.hint.text) for one in found if one.hint is not None]


def test_a_hint_is_offered_for_a_twin_or_the_only_candidate() -> None:
    """Guesses are offered and never believed."""
    assert hints(with_step("a"), with_step("b")) == [("shop:b", "# wfc: was[shop:a]")]
    assert hints(with_step("a"), with_step("b", type="int", body="'1'")) == [
        ("shop:b", "# wfc: was[shop:a]")
    ]
    other = STEP.format(name="c", type="int", body="'1'")
    assert hints(with_step("a"), with_step("b") + other) == [("shop:b", "# wfc: was[shop:a]")]
    assert hints(with_step("a"), with_step("b", body="x + x") + other) == []


def test_a_hint_is_offered_for_the_only_parameter_of_its_type() -> None:
    """Row 53."""
    before = with_step("a")
    assert hints(before, before.replace("x: str", "y: str").replace("{x}", "y")) == [
        ("shop:flow.y", "# wfc: was[x]"),
        ("shop:a.y", "# wfc: was[x]"),
    ]
    assert hints(before, before.replace("a(x: str)", "a(y: int)")) == []


def test_one_workflow_can_be_compared_alone() -> None:
    """For a run, nobody needs the others."""
    other = '\n\nasync def more() -> None:\n    "use workflow"\n'
    old = Manifest.parse(version_of(with_step("a") + other).manifest)
    assert list(compare(old, old, workflows=["shop:more"]).workflows) == ["shop:more"]


def test_a_hint_is_offered_for_a_workflow() -> None:
    """By its own statements, or if it is the only one."""
    other = '\n\nasync def more() -> None:\n    "use workflow"\n'
    renamed = with_step("a").replace("def flow", "def stream")
    assert hints(with_step("a"), renamed) == [("shop:stream", "# wfc: was[shop:flow]")]
    assert hints(with_step("a"), renamed + other) == [("shop:stream", "# wfc: was[shop:flow]")]
    assert hints(with_step("a"), renamed.replace("await a(x)", "x") + other) == []


def test_a_module_moves_with_its_hint_in_the_settings() -> None:
    """Row 16: everything in it has another id, and no digest has changed."""
    app = {"app/__init__.py": "", "app/pay.py": with_step("charge") + "\nRATE = 2\n"}
    app["app/pay.py"] = app["app/pay.py"].replace("charge(x)", "charge(x * RATE)")
    moved = {"app/__init__.py": "", "app/money.py": app["app/pay.py"]}
    assert only(compared(app, moved)).level is Level.BREAKING
    moved["wfc.toml"] = 'packages = ["app"]\n[renamed]\n"app.pay" = "app.money"\n'
    found = only(compared(app, moved))
    assert (found.level, found.new) == (Level.COMPATIBLE, "app.money:flow"), found


def test_a_method_moves_with_the_class_around_it() -> None:
    """The hint at the class says it for all that stands inside."""
    text = """
        from dataclasses import dataclass

        @dataclass
        class Shop:
            name: str

            async def charge(self, x: str) -> str:
                "use step"
                return x

        async def flow(x: str) -> str:
            "use workflow"
            return await Shop(x).charge(x)
    """
    renamed = text.replace("Shop", "Store").replace(
        "@dataclass", "# wfc: was[Shop]\n        @dataclass", 1
    )
    found = only(compared(text, renamed))
    assert {one.reason.code for one in found.findings} >= {"WFC608", "WFC603"}, found
    assert found.level is Level.REPLAY


def test_findings_say_where_and_by_what_way() -> None:
    """Old and new place, and the calls that lead to a helper."""
    text = """
        def rate() -> int:
            return 1

        def total() -> int:
            return rate()

        async def flow() -> int:
            "use workflow"
            return total()
    """
    (found,) = only(compared(text, "\n" + text.replace("return 1", "return 2"))).findings
    assert found.reason.old_span == Place("shop.py", 2, 0, 3, 12)
    assert found.reason.new_span == Place("shop.py", 3, 0, 4, 12)
    assert [(link.place.line, link.what) for link in found.reason.chain] == [
        (11, "calls total"),
        (7, "calls rate"),
    ]


def test_bodies_policies_and_effects_are_shown() -> None:
    """They mean nothing for runs in flight, and people want to know."""
    old = {"app:a": {"signature": {}, "body_hash": "1", "policy": {"attempts": 3},
                     "effects": {"modules": ["os"], "kinds": ["disk"]}}}  # fmt: skip
    new = {"app:a": {"signature": {}, "body_hash": "2", "policy": {"timeout": "1s"},
                     "effects": {"modules": ["httpx"], "kinds": ["network"]}}}  # fmt: skip
    found = compare(
        manifest(steps=old, workflow={"policy": {"attempts": 1}, "fingerprints": {"f1": "a"}}),
        manifest(steps=new, workflow={"policy": {}, "fingerprints": {"f1": "a"}}),
    )
    assert {one.id: one.notes for one in found.shown} == {
        "app:a": ("body", "attempts 3 -> default", "timeout default -> 1s",
                  "now reaches httpx (network)", "reaches os no more"),
        "app:f": ("attempts 1 -> default",),
    }  # fmt: skip
    assert found.level is Level.IDENTICAL


def test_a_new_workflow_is_listed() -> None:
    """It has no runs."""
    other = '\n\nasync def more() -> None:\n    "use workflow"\n'
    found = compared(with_step("a"), with_step("a") + other)
    assert (found.added, found.level) == (("shop:more",), Level.IDENTICAL)
    assert compared(with_step("a") + other, with_step("a")).level is Level.BREAKING


def test_every_build_is_identical_to_itself() -> None:
    """Nothing depends on the order of keys."""
    one = Manifest.parse(version_of(with_step("a")).manifest)
    assert only(compare(one, Manifest.parse(one.text()))).findings == ()


# --- classes and inputs by hand ------------------------------------------------------------------

FIELD = {"type": "int", "has_default": True}


def holding(*, name: str = "app:C", renamed: Plain | None = None, **fields: Any) -> Manifest:
    """Make a manifest whose workflow reaches a class, or what it stands in."""
    top = name.partition(".")[0]
    cls = {"kind": "dataclass", "digest": repr(fields), **fields}
    return manifest(
        workflow={"body": "b", "reaches": {top: repr(cls)}, "fingerprints": {"f1": repr(cls)}},
        classes={name: cls},
        renamed=renamed or {},
    )


@pytest.mark.parametrize(
    ("old", "new", "level"),
    [
        ({"kind": "dataclass"}, {"kind": "pydantic"}, Level.IF_RECORDED),
        ({"bases": ["app:A"]}, {"bases": []}, Level.REPLAY),
        ({"extra": "ignore"}, {"extra": "forbid"}, Level.REPLAY),
        ({"fields": {"x": FIELD}}, {"fields": {"x": {**FIELD, "has_default": False}}},
         Level.IF_RECORDED),
        ({"members": {"A": "1"}}, {"members": {"B": "1"}, "renamed": {"app:C.B": ["app:C.A"]}},
         Level.REPLAY),
        ({"members": {"A": "1"}}, {"members": {"B": "1"}}, Level.IF_RECORDED),
        ({"name": "app:Outer.C", "digest": "1"}, {"name": "app:Outer.C", "digest": "2"},
         Level.REPLAY),
        ({"digest": "1", "x": 1}, {"digest": "1", "x": 2}, Level.REPLAY),
    ],
)  # fmt: skip
def test_classes(old: Plain, new: Plain, level: Level) -> None:
    """Rows 40 to 43, 59 and 60, also of a class that stands in another one."""
    assert judged(holding(**old), holding(**new)).level is level


def test_a_helper_keeps_its_tree_under_a_hint() -> None:
    """Its place in the module is the only thing that has changed."""
    old, new = (
        manifest(workflow={"body": "b", "reaches": {name: "1"}, "fingerprints": {"f1": name}})
        for name in ("app:h", "lib:h")
    )
    moved = new.model_copy(update={"renamed": {"lib:h": ("app:h",)}})
    assert told(judged(old, moved)) == [(Level.COMPATIBLE, "WFC607")]
    assert {level for level, _ in told(judged(old, new))} == {Level.REPLAY}


def started(*params: Plain, returns: str = "str", **more: Any) -> Manifest:
    signature = {"params": list(params), "returns": returns}
    prints = {"f1": repr((signature, more))}
    return manifest(workflow={"body": "b", "signature": signature, "fingerprints": prints, **more})


@pytest.mark.parametrize(
    ("old", "new", "level", "code"),
    [
        ([STR, {**STR, "name": "y"}], [{**STR, "name": "y"}, STR], Level.REPLAY, "WFC602"),
        ([STR], [{**STR, "kind": "KEYWORD_ONLY"}], Level.REPLAY, "WFC602"),
        ([STR], [{**STR, "has_default": True}], Level.COMPATIBLE, "WFC602"),
        ([{**STR, "has_default": True}], [STR], Level.IF_RECORDED, "WFC602"),
        ([STAR], [], Level.IF_RECORDED, "WFC602"),
    ],
)
def test_the_input_of_a_workflow(
    old: list[Plain], new: list[Plain], level: Level, code: str
) -> None:
    """Rows 17, 63 and 64, and what stands in no row."""
    found = judged(started(*old), started(*new))
    assert told(found) == [(level, code)]


def test_defaults_and_the_result_of_a_workflow() -> None:
    """Runs that left an argument out take the new default."""
    optional = {**STR, "has_default": True}
    old, new = (started(optional, defaults={"x": digest}) for digest in "12")
    assert told(judged(old, new)) == [(Level.REPLAY, "WFC602")]
    assert told(judged(started(STR), started(STR, returns="int"))) == [(Level.REPLAY, "WFC605")]


def test_another_agent_that_is_the_same_is_silent() -> None:
    """Only what differs is told."""
    using = {"reaches": {"app:bot": "1"}}
    old, new = (manifest(AGENT, workflow=using, agents={"app:bot": BOT}) for _ in range(2))
    assert judged(old, new).level is Level.IDENTICAL
