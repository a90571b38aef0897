"""Scenarios that found a fault of the product, made small by `shrink`; each says what was wrong."""

from __future__ import annotations

from typing import Final

from tests.proofs.simulation.scenario import Asked, Deed, Fault, Scenario

KEPT: Final[dict[str, Scenario]] = {
    "a group cancels its tasks in the same order when it is replayed": Scenario(
        seed=27806,
        runs=(
            Asked(
                name="r0",
                node=(
                    "group",
                    (("guard", ("note", "s1"), "g2"), ("guard", ("hook", "s5", 2), "g6")),
                ),
                chapters=0,
                queue=None,
                at_ms=0,
                deeds=(Deed(kind="cancel", at_ms=1663, for_ms=0),),
            ),
            Asked(name="r1", node=("broken", "s7"), chapters=0, queue=None, at_ms=0, deeds=()),
        ),
        faults=(Fault(kind="crash_before", place=1, at=14, by=0),),
        workers=3,
        always_replay=True,
    ),
    # stuck (TimeUpError): r0 is suspended (None)
    "an answer that was refused leaves a claimed run with nobody": Scenario(
        seed=13,
        runs=(
            Asked(
                name="r0",
                node=("seq", (("stream", "s1", 3), ("child", "c2", ("late", "s3")))),
                chapters=0,
                queue=None,
                at_ms=0,
                deeds=(),
            ),
        ),
        faults=(Fault(kind="refuse", place=0, at=15, by=100),),
        workers=1,
        always_replay=False,
    ),
    # stuck (TimeUpError): r1 is suspended (IllegalEvent: wait_completed of sleep~df30b0a9#0 can
    "a wait is given up when it becomes due": Scenario(
        seed=64,
        runs=(
            Asked(
                name="r0", node=("pausing", "s1", 1), chapters=0, queue=None, at_ms=500, deeds=()
            ),
            Asked(
                name="r1",
                node=("group", (("nap", 10), ("fatal", "s7"))),
                chapters=0,
                queue=None,
                at_ms=0,
                deeds=(),
            ),
        ),
        faults=(Fault(kind="lose_message", place=1, at=3429, by=0),),
        workers=2,
        always_replay=False,
    ),
    # r2: step writes~e8b0a2c0#0 of s7 wrote ['s7 0', 's7 1', 's7 2', 's7 1', 's7 2']
    "chunks whose answer was lost": Scenario(
        seed=284,
        runs=(
            Asked(name="r0", node=("hook", "s1", 3), chapters=0, queue="two", at_ms=0, deeds=()),
            Asked(
                name="r2",
                node=("seq", (("flaky", "s5", 1), ("hook", "s6", 3), ("stream", "s7", 3))),
                chapters=1,
                queue="two",
                at_ms=0,
                deeds=(),
            ),
        ),
        faults=(
            Fault(kind="lose_reply", place=1, at=48, by=100),
            Fault(kind="slow", place=-1, at=17, by=5),
            Fault(kind="redeliver", place=1, at=1665, by=0),
            Fault(kind="stop", place=0, at=849, by=0),
            Fault(kind="lose_message", place=0, at=1425, by=0),
        ),
        workers=2,
        always_replay=False,
    ),
    # stuck (TimeUpError): r2 is suspended (None), r2.c12 is suspended (None), r2.c12.c14 is pen
    "refused in the midst of always replaying": Scenario(
        seed=1629,
        runs=(
            Asked(name="r1", node=("broken", "s11"), chapters=0, queue=None, at_ms=0, deeds=()),
            Asked(
                name="r2",
                node=(
                    "child",
                    "c12",
                    ("try", ("broken", "s13"), ("child", "c14", ("stream", "s15", 2))),
                ),
                chapters=0,
                queue=None,
                at_ms=500,
                deeds=(),
            ),
        ),
        faults=(Fault(kind="refuse", place=0, at=47, by=100),),
        workers=1,
        always_replay=True,
    ),
    # stuck (TimeUpError): r1 is suspended (None)
    "a step is queued by an append whose answer was lost": Scenario(
        seed=3308,
        runs=(
            Asked(
                name="r1",
                node=(
                    "group",
                    (("stream", "s8", 2), ("seq", (("note", "s9"), ("limited", "s10", 400)))),
                ),
                chapters=0,
                queue=None,
                at_ms=0,
                deeds=(),
            ),
        ),
        faults=(Fault(kind="lose_reply", place=0, at=21, by=4000),),
        workers=1,
        always_replay=False,
    ),
    # stuck (TimeUpError): r1 is suspended (None)
    "no answer while the lease is looked at": Scenario(
        seed=17321,
        runs=(
            Asked(
                name="r0",
                node=("limit", 50, ("late", "s1")),
                chapters=0,
                queue="two",
                at_ms=0,
                deeds=(),
            ),
            Asked(
                name="r1",
                node=("child", "c9", ("flaky", "s10", 1)),
                chapters=0,
                queue=None,
                at_ms=0,
                deeds=(),
            ),
        ),
        faults=(
            Fault(kind="jump", place=-1, at=487, by=-2000),
            Fault(kind="lose_reply", place=0, at=42, by=100),
        ),
        workers=1,
        always_replay=False,
    ),
}
