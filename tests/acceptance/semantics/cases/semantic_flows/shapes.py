"""Methods and nested functions as steps."""
import asyncio
import enum
from dataclasses import dataclass, field

from pydantic import BaseModel

from semantic_flows import journal
from semantic_flows.bodies import add


class Colour(enum.Enum):
    RED = 1
    BLUE = "blue"


@dataclass
class Order:
    name: str
    items: list[int] = field(default_factory=list)

    async def total(self, extra: int = 0) -> int:
        "use step"
        journal.note()
        return sum(self.items) + extra

    async def renamed(self, name: str) -> "Order":
        "use step"
        journal.note()
        return Order(name, self.items)

    @classmethod
    async def blank(cls, name: str) -> "Order":
        "use step"
        journal.note()
        return cls(name)

    @staticmethod
    async def tax(cents: int) -> int:
        "use step"
        journal.note()
        return cents // 10

    @staticmethod
    async def priced(order: "Order") -> int:
        "use workflow"
        return await order.total() + await Order.tax(100)

    def size(self) -> int:
        return len(self.items)


@dataclass
class Rush(Order):
    fee: int = 5


class Customer(BaseModel):
    name: str
    orders: int = 0

    async def greeting(self, word: str) -> str:
        "use step"
        journal.note()
        return f"{word} {self.name}"

    async def bought(self) -> "Customer":
        "use step"
        journal.note()
        return self.model_copy(update={"orders": self.orders + 1})


async def dataclass_methods(order: Order) -> list:
    "use workflow"
    renamed = await order.renamed("new")
    return [await order.total(), await renamed.total(extra=10), renamed.name, renamed.size()]


async def pydantic_methods(customer: Customer) -> list:
    "use workflow"
    later = await (await customer.bought()).bought()
    return [await later.greeting("hello"), later.orders, customer.orders]


async def class_methods(name: str) -> list:
    "use workflow"
    order, rush = await Order.blank(name), await Rush.blank(name)
    return [type(order).__name__, type(rush).__name__, rush.fee, await rush.total()]


async def static_methods(cents: int) -> int:
    "use workflow"
    return await Order.tax(cents) + await Order("x").tax(cents)


async def bound_method_value(order: Order) -> list[int]:
    "use workflow"
    total = order.total
    return [await total(), *await asyncio.gather(*map(total, [1, 2]))]


async def nested_step(rate: int) -> int:
    "use workflow"

    async def charge(cents: int) -> int:
        "use step"
        journal.note()
        return cents * rate

    return await charge(2) + await charge(3)


async def nested_capture_changes(rate: int) -> list[int]:
    "use workflow"

    async def charge(cents: int = 1) -> int:
        "use step"
        return cents * rate

    first = await charge()
    rate = await add(rate)
    return [first, await charge(10)]


async def nested_in_loop(count: int) -> list[int]:
    "use workflow"
    found = []
    for number in range(count):

        async def times(factor: int) -> int:
            "use step"
            return factor * number

        found.append(await times(10))
    return found


async def nested_calls_step(number: int) -> int:
    "use workflow"

    def work(value: int) -> int:
        "use step"
        return value + number

    return await asyncio.to_thread(work, 5) + await work(1)
