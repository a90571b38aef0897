"""Types that travel: as arguments, results, and through the run's own arguments and result."""
import math
from collections import namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from string import Template
from pathlib import PurePosixPath
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from semantic_flows.bodies import echo
from semantic_flows.shapes import Colour, Customer, Order, Rush

Point = namedtuple("Point", "x y")


class Pair(NamedTuple):
    left: int
    right: str = "r"


@dataclass(frozen=True)
class Deep:
    order: Order
    colours: tuple[Colour, ...]
    by_name: dict[str, Decimal]


async def same(value: object) -> list:
    "use workflow"
    back = await echo(value)
    return [back, type(back).__name__, back == value]


async def made_here(name: str) -> list:
    "use workflow"
    values = {
        "datetime": datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
        "zoned": datetime(2030, 7, 1, tzinfo=ZoneInfo("Europe/Zurich")),
        "date": date(2030, 1, 2),
        "time": time(1, 2, 3),
        "delta": timedelta(days=1, microseconds=5),
        "decimal": Decimal("1.10"),
        "uuid": UUID(int=5),
        "enum": Colour.BLUE,
        "dataclass": Order("a", [1, 2]),
        "subclass": Rush("a", [1], fee=9),
        "deep": Deep(Order("b"), (Colour.RED,), {"x": Decimal(1)}),
        "pydantic": Customer(name="ann", orders=2),
        "tuple": (1, (2, "x"), ()),
        "set": {1, 2, 3},
        "frozenset": frozenset("ab"),
        "bytes": b"\x00\xff",
        "bytearray": bytearray(b"xy"),
        "big": 2**200,
        "negative": -(2**70),
        "complex": 1 + 2j,
        "range": range(1, 9, 2),
        "path": PurePosixPath("/a/b"),
        "namedtuple": Point(1, 2),
        "typed tuple": Pair(1),
        "dict": {1: "a", (2, 3): "b", None: [True]},
        "text": "ä€😀\n",
        "none": None,
        "bool": True,
        "infinity": math.inf,
        "class": Order,
    }
    value = values[name]
    back = await echo(value)
    return [back == value, type(back) is type(value)]


async def nan() -> list[bool]:
    "use workflow"
    value = await echo(float("nan"))
    return [math.isnan(value), math.isnan((await echo([math.nan]))[0])]


async def typed_arguments(order: Order, when: datetime, colour: Colour, tags: set[str]) -> list:
    "use workflow"
    return [type(order).__name__, when.year, colour.name, sorted(tags), await order.total()]


async def no_sharing() -> list:
    "use workflow"
    mine = [1, 2]
    back = await echo(mine)
    back.append(3)
    return [mine, await echo(mine)]


async def errors_as_values() -> list:
    "use workflow"
    back = await echo(ValueError("kept", 5))
    return [type(back).__name__, list(back.args)]


async def registered() -> str:
    "use workflow"
    try:
        await echo(Template("to $whom"))
    except Exception as error:
        return type(error).__name__
    return "none"


async def results(kind: str) -> object:
    "use workflow"
    return {"order": Order("r", [5]), "colour": Colour.RED, "tuple": (1, 2), "big": 10**30}[kind]
