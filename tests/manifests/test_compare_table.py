"""The table of edits: what each means for runs in flight, in at least two variants where it can."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pytest

from tests.manifests.versions import only, version_of
from wfc.manifests.compare import Compared, compare
from wfc.manifests.levels import Level
from wfc.manifests.manifest import Manifest

SHOP = '''
import asyncio
import random
import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from wfc import policy, set_attributes, sleep

RATE = 2


class Tier(Enum):
    FREE = "free"
    GOLD = "gold"


@dataclass
class Order:
    id: str
    cents: int
    note: str = ""


def total(cents: int) -> int:
    """Round."""
    return cents * RATE


async def charge(order_id: str, cents: int) -> str:
    """Charge the card."""
    "use step"
    return "pay-" + order_id


async def ship(order: Order) -> Tier:
    "use step"
    return Tier.FREE


async def notify(order_id: str) -> None:
    "use step"


async def audit(who: str, what: str) -> None:
    "use step"


async def unused() -> int:
    "use step"
    return 1


async def checkout(order_id: str, cents: int, gift: bool = False) -> str:
    """Sell."""
    "use workflow"
    first = await charge(order_id, total(cents))
    if cents > 100:
        await notify(order_id)
    tier = await ship(Order(order_id, cents))
    await sleep("3 days")
    for _ in range(2):
        await notify("again")
    await asyncio.gather(charge("a", 1), charge("b", 2))
    await asyncio.gather(notify(f"{gift}"), notify(first))
    try:
        async with asyncio.timeout(60):
            await notify("slow")
    except TimeoutError:
        await notify("late")
    await set_attributes({"tier": tier.value})
    await audit(who=order_id, what="sold")
    return first
'''
CHARGE = '''async def charge(order_id: str, cents: int) -> str:
    """Charge the card."""
    "use step"
    return "pay-" + order_id
'''


@dataclass(frozen=True)
class Edit:
    """A row of the table and one way to do it: pairs of old and new text."""

    row: int
    name: str
    edits: tuple[tuple[str, str], ...]
    level: Level
    code: str = ""
    says: str = ""

    def __str__(self) -> str:
        return f"{self.row}-{self.name}"

    @property
    def after(self) -> str:
        text = SHOP
        for old, new in self.edits:
            assert old in text, (self, old)
            text = text.replace(old, new)
        return text


SAME, C, R, F, B = Level  # identical, compatible, replay, if_recorded, breaking


def edit(  # noqa: PLR0917 - a row of a table
    row: int, name: str, old: str, new: str, level: Level, code: str = "", says: str = ""
) -> Edit:
    return Edit(row, name, ((old, new),), level, code, says)


def edits(row: int, name: str, level: Level, code: str, says: str, *pairs: str) -> Edit:
    return Edit(row, name, tuple(zip(pairs[::2], pairs[1::2], strict=True)), level, code, says)


EDITS = (
    edit(1, "comment", "    return first", "    # done\n    return first", SAME),
    edit(1, "quotes", '"3 days"', "'3 days'", SAME),
    edit(1, "literal", "cents > 100", "cents > 1_0_0", SAME),
    edit(2, "docstring", '"""Sell."""', '"""Sell more."""', SAME),
    edit(2, "docstring-of-helper", '    """Round."""\n', "", SAME),
    edit(3, "local", "first", "paid", SAME),
    edit(3, "loop-variable", "for _ in", "for turn in", SAME),
    edits(
        4,
        "import",
        SAME,
        "",
        "",
        "import asyncio\n",
        "import asyncio as aio\n",
        "asyncio.g",
        "aio.g",
        "asyncio.t",
        "aio.t",
    ),
    edits(
        4,
        "import-from",
        SAME,
        "",
        "",
        "import asyncio\n",
        "import asyncio\nfrom asyncio import gather\n",
        "asyncio.gather",
        "gather",
    ),
    edit(5, "quoted", "order: Order", 'order: "Order"', SAME),
    edits(5, "optional", SAME, "", "", '-> None:\n    "use step"', "-> 'None':\n    \"use step\""),
    edit(
        6,
        "by-keyword",
        "charge(order_id, total(cents))",
        "charge(order_id=order_id, cents=total(cents))",
        SAME,
    ),
    edit(6, "by-keyword", 'notify("slow")', 'notify(order_id="slow")', SAME),
    edit(7, "step-body", '"pay-" + order_id', '"payment-" + order_id', SAME),
    edit(7, "step-body-import", '    return "pay-"', '    import json\n    return "pay-"', SAME),
    edit(8, "retries", "async def charge", "@policy(attempts=7)\nasync def charge", SAME),
    edit(8, "timeout", "async def notify", '@policy(timeout="9s")\nasync def notify', SAME),
    edit(9, "def-step", "async def charge", "def charge", SAME),
    edit(9, "def-step", "async def notify", "def notify", SAME),
    edit(11, "uncalled-step", "async def unused() -> int", "async def unused(x: int) -> str", SAME),
    edit(11, "unreached", "RATE = 2\n", "RATE = 2\nOTHER = 3\n", SAME),
    # Proven for every history.
    edit(
        13,
        "last",
        "charge(order_id: str, cents: int)",
        'charge(order_id: str, cents: int, currency: str = "eur")',
        C,
        "WFC604",
        "currency",
    ),
    edit(
        13,
        "keyword-only",
        "charge(order_id: str, cents: int)",
        'charge(order_id: str, cents: int, *, currency: str = "eur")',
        C,
        "WFC604",
        "currency",
    ),
    edits(
        14,
        "kind",
        C,
        "WFC604",
        "another way",
        "charge(order_id: str, cents: int)",
        "charge(order_id: str, *, cents: int)",
        "charge(order_id, total(cents))",
        "charge(order_id, cents=total(cents))",
        'charge("a", 1), charge("b", 2)',
        'charge("a", cents=1), charge("b", cents=2)',
    ),
    edit(14, "order", "who: str, what: str", "what: str, who: str", C, "WFC604", "another order"),
    edit(
        15,
        "parameter",
        "charge(order_id: str, cents: int)",
        "charge(order_id: str, cents: int | None)",
        C,
        "WFC604",
        "None",
    ),
    edit(
        15, "result", '-> str:\n    """Charge', '-> str | None:\n    """Charge', C, "WFC605", "None"
    ),
    edits(
        16,
        "step",
        C,
        "WFC603",
        "hint",
        "async def charge",
        "# wfc: was[charge]\nasync def debit",
        "await charge(",
        "await debit(",
        "gather(charge(",
        "gather(debit(",
        ', charge("b"',
        ', debit("b"',
    ),
    edit(
        16,
        "workflow",
        "async def checkout",
        "# wfc: was[checkout]\nasync def buy",
        C,
        "WFC601",
        "hint",
    ),
    edits(
        16,
        "step-parameter",
        C,
        "WFC604",
        "hint",
        "charge(order_id: str, cents: int)",
        "charge(\n    order_id: str,\n    amount: int,  # wfc: was[cents]\n)",
    ),
    edits(
        16,
        "step-parameter",
        C,
        "WFC604",
        "hint",
        "who: str, what: str",
        "who: str,\n    said: str,  # wfc: was[what]\n",
        "what=",
        "said=",
    ),
    edits(
        16,
        "workflow-parameter",
        C,
        "WFC602",
        "hint",
        "cents: int, gift: bool = False",
        "cents: int,\n    present: bool = False,  # wfc: was[gift]\n",
        "{gift}",
        "{present}",
    ),
    edit(
        17,
        "parameter",
        "gift: bool = False)",
        "gift: bool = False, tip: int = 0)",
        C,
        "WFC602",
        "tip",
    ),
    edit(
        17,
        "keyword-only",
        "gift: bool = False)",
        "gift: bool = False, *, tip: int = 0)",
        C,
        "WFC602",
        "tip",
    ),
    # The history decides.
    edit(18, "condition", "cents > 100", "cents > 99", R, "WFC607", "path may differ"),
    edit(18, "negated", "if cents > 100", "if not cents > 100", R, "WFC607", "path may differ"),
    edit(
        18,
        "without-operation",
        "    return first",
        "    if cents < 0:\n        raise ValueError\n    return first",
        R,
        "WFC607",
        "between its operations",
    ),
    edit(19, "bound", "range(2)", "range(3)", R, "WFC607", "count of calls"),
    edit(19, "iterated", "range(2)", "[cents]", R, "WFC607", "count of calls"),
    edit(20, "constant", "RATE = 2", "RATE = 3", R, "WFC607", "`RATE`"),
    edit(20, "constant-type", "RATE = 2", "RATE = 2.0", R, "WFC607", "`RATE`"),
    edit(21, "helper", "return cents * RATE", "return RATE * cents", R, "WFC607", "`total`"),
    edit(21, "out-of-helper", "total(cents))\n", "cents * RATE)\n", R, "WFC607", "`total`"),
    edits(
        21,
        "into-helper",
        R,
        "WFC607",
        "reached now",
        '        await notify("again")',
        "        await tell()",
        "async def checkout",
        'async def tell():\n    await notify("again")\n\n\nasync def checkout',
    ),
    edit(22, "argument", 'notify("again")', 'notify("once more")', R, "WFC607", "other arguments"),
    edit(22, "argument", 'charge("a", 1)', 'charge("a", 9)', R, "WFC607", "other arguments"),
    edits(
        23,
        "before-others",
        R,
        "WFC604",
        "bind otherwise",
        "charge(order_id: str, cents: int)",
        "charge(currency: str = 'eur', order_id: str = '', cents: int = 0)",
    ),
    edits(
        23,
        "between",
        R,
        "WFC604",
        "bind otherwise",
        "charge(order_id: str, cents: int)",
        "charge(order_id: str, currency: str = 'eur', cents: int = 0)",
    ),
    edit(
        24,
        "step",
        "    return first",
        "    await notify(first)\n    return first",
        R,
        "WFC606",
        "is new",
    ),
    edit(
        24,
        "wait",
        "    return first",
        '    await sleep("1h")\n    return first',
        R,
        "WFC606",
        "is new",
    ),
    edits(
        25,
        "moved",
        R,
        "WFC606",
        "another order",
        '    await sleep("3 days")\n',
        "",
        "    return first",
        '    await sleep("3 days")\n    return first',
    ),
    edits(
        25,
        "swapped",
        R,
        "WFC606",
        "another order",
        '    tier = await ship(Order(order_id, cents))\n    await sleep("3 days")\n',
        '    await sleep("3 days")\n    tier = await ship(Order(order_id, cents))\n',
    ),
    edit(
        26,
        "gather",
        '    tier = await ship(Order(order_id, cents))\n    await sleep("3 days")\n',
        '    tier, _ = await asyncio.gather(ship(Order(order_id, cents)), sleep("3 days"))\n',
        R,
        "WFC606",
        "concurrent",
    ),
    edit(
        27,
        "sequence",
        'await asyncio.gather(charge("a", 1), charge("b", 2))',
        'await charge("a", 1)\n    await charge("b", 2)',
        R,
        "WFC606",
        "not concurrent",
    ),
    edit(
        27,
        "sequence",
        'await asyncio.gather(notify(f"{gift}"), notify(first))',
        'await notify(f"{gift}")\n    await notify(first)',
        R,
        "WFC606",
        "not concurrent",
    ),
    edit(
        28,
        "order",
        'charge("a", 1), charge("b", 2)',
        'charge("b", 2), charge("a", 1)',
        R,
        "WFC606",
        "not its position",
    ),
    edit(
        28,
        "order",
        'notify(f"{gift}"), notify(first)',
        'notify(first), notify(f"{gift}")',
        R,
        "WFC606",
        "not its position",
    ),
    edit(
        29,
        "if",
        '    await sleep("3 days")',
        '    if gift:\n        await sleep("3 days")',
        R,
        "WFC606",
        "condition",
    ),
    edit(
        29,
        "try",
        '    await sleep("3 days")',
        '    try:\n        await sleep("3 days")\n    finally:\n        gift = True',
        R,
        "WFC606",
        "`try`",
    ),
    edit(
        29,
        "loop",
        '    await sleep("3 days")',
        '    while gift:\n        await sleep("3 days")',
        R,
        "WFC606",
        "loop",
    ),
    edit(
        30,
        "print",
        "    return first",
        "    print(first)\n    return first",
        R,
        "WFC607",
        "between its operations",
    ),
    edit(
        31,
        "types",
        "except TimeoutError",
        "except (TimeoutError, OSError)",
        R,
        "WFC607",
        "exceptions",
    ),
    edit(
        31,
        "finally",
        '        await notify("late")\n',
        '        await notify("late")\n    finally:\n        first += "."\n',
        R,
        "WFC607",
        "",
    ),
    edit(32, "length", '"3 days"', '"4 days"', R, "WFC610", "arguments"),
    edit(32, "length", '"3 days"', "cents", R, "WFC610", "arguments"),
    edit(33, "sleep", '    await sleep("3 days")\n', "", R, "WFC610", "withdrawn"),
    edit(
        33,
        "timeout",
        '        async with asyncio.timeout(60):\n            await notify("slow")',
        '        await notify("slow")',
        R,
        "WFC610",
        "withdrawn",
    ),
    edit(
        37,
        "added",
        "    return first",
        '    await set_attributes({"a": 1})\n    return first',
        R,
        "WFC606",
        "recorded ones stand",
    ),
    edit(
        37,
        "gone",
        '    await set_attributes({"tier": tier.value})\n',
        "",
        R,
        "WFC606",
        "recorded ones stand",
    ),
    edit(
        37, "changed", '{"tier": tier.value}', '{"tier": "x"}', R, "WFC606", "recorded ones stand"
    ),
    edit(
        38,
        "widened",
        "charge(order_id: str, cents: int)",
        "charge(order_id: str, cents: int | str)",
        R,
        "WFC604",
        "read anew",
    ),
    edit(
        38,
        "own",
        "checkout(order_id: str,",
        "checkout(order_id: str | int,",
        R,
        "WFC602",
        "read anew",
    ),
    edit(39, "step", '-> str:\n    """Charge', '-> int:\n    """Charge', R, "WFC605", "read anew"),
    edit(
        39,
        "step",
        '-> str:\n    """Charge',
        '-> str | int:\n    """Charge',
        R,
        "WFC605",
        "read anew",
    ),
    edit(
        40,
        "defaulted",
        '    note: str = ""',
        '    note: str = ""\n    tax: int = 0',
        R,
        "WFC608",
        "`tax`",
    ),
    edit(41, "retyped", "    cents: int\n", "    cents: float\n", R, "WFC608", "`cents`"),
    edit(41, "gone", '    note: str = ""\n', "", R, "WFC608", "`note`"),
    edit(
        41,
        "validator",
        '    note: str = ""\n',
        '    note: str = ""\n\n    def __post_init__(self):\n        assert self.cents\n',
        R,
        "WFC608",
        "validator",
    ),
    edits(
        42,
        "class",
        R,
        "WFC608",
        "is called",
        "@dataclass\nclass Order",
        "# wfc: was[Order]\n@dataclass\nclass Purchase",
        "order: Order",
        "order: Purchase",
        "ship(Order(",
        "ship(Purchase(",
    ),
    edit(
        42,
        "field",
        "    note: str",
        "    # wfc: was[note]\n    remark: str",
        R,
        "WFC608",
        "`remark`",
    ),
    edit(
        43,
        "member",
        '    GOLD = "gold"',
        '    GOLD = "gold"\n    SILVER = "silver"',
        R,
        "WFC608",
        "iteration",
    ),
    edit(
        46,
        "clock",
        "    return first",
        "    return first + str(datetime.now())",
        R,
        "WFC607",
        "draw",
    ),
    edit(
        46, "uuid", "    return first", "    return first + str(uuid.uuid4())", R, "WFC607", "draw"
    ),
    edit(
        46,
        "random",
        "    return first",
        "    return first + str(random.random())",
        R,
        "WFC607",
        "draw",
    ),
    # Runs that recorded it stay.
    edits(
        52,
        "removed",
        F,
        "WFC604",
        "lost the parameter `cents`",
        "charge(order_id: str, cents: int)",
        "charge(order_id: str)",
        "charge(order_id, total(cents))",
        "charge(order_id)",
        'charge("a", 1), charge("b", 2)',
        'charge("a"), charge("b")',
    ),
    edits(
        52,
        "without-default",
        F,
        "WFC604",
        "without a default",
        "notify(order_id: str)",
        "notify(order_id: str, loud: bool)",
        "notify(order_id)",
        "notify(order_id, True)",
    ),
    edits(
        53,
        "renamed",
        F,
        "WFC604",
        "lost the parameter `cents`",
        "charge(order_id: str, cents: int)",
        "charge(order_id: str, amount: int)",
    ),
    edits(
        53,
        "renamed",
        F,
        "WFC604",
        "lost the parameter `order_id`",
        "notify(order_id: str)",
        "notify(name: str)",
    ),
    edit(54, "call", '        await notify("late")', "        pass", F, "WFC603", "is gone"),
    edit(
        54,
        "call",
        "    if cents > 100:\n        await notify(order_id)\n",
        "",
        F,
        "WFC603",
        "is gone",
    ),
    edits(
        56,
        "renamed",
        F,
        "WFC603",
        "the step `ship` is gone",
        "def ship",
        "def send",
        "await ship",
        "await send",
    ),
    edits(
        56,
        "removed",
        F,
        "WFC603",
        "the step `charge` is gone",
        CHARGE,
        "",
        "await charge(order_id, total(cents))",
        "str(total(cents))",
        'charge("a", 1), charge("b", 2)',
        "",
    ),
    edits(
        57,
        "directive",
        F,
        "WFC603",
        "is no step any more",
        'async def notify(order_id: str) -> None:\n    "use step"\n',
        "async def notify(order_id: str) -> None:\n    pass\n",
    ),
    edits(
        57,
        "workflow",
        F,
        "WFC603",
        "is a workflow now",
        'async def notify(order_id: str) -> None:\n    "use step"\n',
        'async def notify(order_id: str) -> None:\n    "use workflow"\n',
    ),
    edit(59, "field", '    note: str = ""', "    tax: int", F, "WFC608", "`tax`"),
    edits(
        59,
        "class",
        F,
        "WFC608",
        "`Order` is gone",
        "class Order",
        "class Purchase",
        "order: Order",
        "order: Purchase",
        "ship(Order(",
        "ship(Purchase(",
    ),
    edit(60, "member", '    GOLD = "gold"\n', "", F, "WFC608", "`GOLD`"),
    edit(60, "value", '    GOLD = "gold"\n', '    GOLD = "GOLD"\n', F, "WFC608", "`GOLD`"),
    edits(
        63,
        "defaulted",
        F,
        "WFC602",
        "cannot bind",
        ", gift: bool = False)",
        ")",
        'f"{gift}"',
        '"x"',
    ),
    # No run moves.
    edits(
        64,
        "removed",
        B,
        "WFC602",
        "lost the parameter `cents`",
        "order_id: str, cents: int, gift",
        "order_id: str, gift",
        "total(cents)",
        "total(1)",
        "cents > 100",
        "gift",
        "Order(order_id, cents)",
        "Order(order_id, 1)",
    ),
    edit(
        64,
        "without-default",
        "(order_id: str, cents: int, gift",
        "(tip: int, order_id: str, cents: int, gift",
        B,
        "WFC602",
        "`tip` without a default",
    ),
    edit(65, "removed", SHOP[SHOP.index("async def checkout") :], "", B, "WFC601", "is gone"),
    edit(65, "renamed", "async def checkout", "async def check_out", B, "WFC601", "nearest id is"),
    edit(66, "directive", '    "use workflow"\n', "", B, "WFC601", "is gone"),
    edit(
        66,
        "step",
        SHOP[SHOP.index("async def checkout") :],
        'async def checkout() -> str:\n    "use step"\n    return ""\n',
        B,
        "WFC601",
        "is a step now",
    ),
)


@cache
def manifest_of(text: str) -> Manifest:
    return Manifest.parse(version_of(text).manifest)


def compared(one: Edit) -> Compared:
    return only(compare(manifest_of(SHOP), manifest_of(one.after)))


@pytest.mark.parametrize("one", EDITS, ids=str)
def test_an_edit_has_its_level(one: Edit) -> None:
    """No less is found than the table says, and a finding says why."""
    found = compared(one)
    told = [
        (finding.level, finding.reason.code, finding.reason.sentence) for finding in found.findings
    ]
    assert found.level is one.level, told
    if one.level is Level.IDENTICAL:
        assert not told
        return
    assert any(
        level is one.level and code == one.code and one.says in sentence
        for level, code, sentence in told
    ), told


@pytest.mark.parametrize("one", [one for one in EDITS if one.level is not Level.IDENTICAL], ids=str)
def test_an_edit_undone_is_no_better_than_proven(one: Edit) -> None:
    """The way back is never called harmless if the way there decided something."""
    if one.row == 65 or one.row == 66:  # noqa: PLR1714 - then there is nothing to come back to
        return
    back = compare(manifest_of(one.after), manifest_of(SHOP))
    assert back.level is not Level.IDENTICAL
    if one.level >= Level.REPLAY and one.row not in {53, 64}:
        assert back.level >= Level.REPLAY
