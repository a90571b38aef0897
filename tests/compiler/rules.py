"""Pairs of programs: `bad` marks its own faults, `good` differs by the cure and has none.

A mark is a comment ``# WFCnnn: column`` on the faulty line, the column as printed, from 1; a fault
in a line that cannot hold a comment is marked on the line above by ``# below WFCnnn: column``.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Pair(NamedTuple):
    """A program that breaks a rule, and its twin that does not."""

    name: str
    bad: str
    good: str


PAIRS: Final = (
    Pair(
        "sync workflow",
        """
def checkout():  # WFC102: 1
    "use workflow"
""",
        """
async def checkout():
    "use workflow"
""",
    ),
    Pair(
        "generator step",
        """
async def rows():
    "use step"
    for row in (1, 2):
        yield row  # WFC103: 9
""",
        """
async def rows():
    "use step"
    def each():
        yield 1
    return list(each())
""",
    ),
    Pair(
        "yield from in a workflow",
        """
async def checkout():
    "use workflow"
    x = yield  # WFC103: 9
""",
        """
async def checkout():
    "use workflow"
    x = (y for y in (1, 2))
    return list(x)
""",
    ),
    Pair(
        "lambda as step",
        """
async def step():
    "use step"
f = lambda: "use step"  # WFC104: 5
g = lambda x: ("use step", x)[1]  # WFC104: 5
h = lambda x: "use workflow" and x  # WFC104: 5
""",
        """
async def step():
    "use step"
f = lambda: "use it"
g = lambda x: ("a step", x)[1]
""",
    ),
    Pair(
        "step in a plain function",
        """
def make():
    async def step():  # WFC105: 5
        "use step"
    return step
""",
        """
async def make():
    "use workflow"
    if True:
        for x in (1, 2):
            async def step():
                "use step"
            await step()
""",
    ),
    Pair(
        "step two functions deep in a workflow",
        """
async def checkout():
    "use workflow"
    async def inner():
        async def step():  # WFC105: 9
            "use step"
        await step()
    await inner()
""",
        """
async def checkout():
    "use workflow"
    async def step():
        "use step"
    async def inner():
        await step()
    await inner()
""",
    ),
    Pair(
        "step in a step",
        """
async def outer():
    "use step"
    async def inner():  # WFC105: 5
        "use step"
""",
        """
async def outer():
    "use step"
    async def inner():
        "No step of its own, only a part of one."
""",
    ),
    Pair(
        "nested workflow",
        """
async def checkout():
    "use workflow"
    async def refund():  # WFC106: 5
        "use workflow"
""",
        """
async def checkout():
    "use workflow"
async def refund():
    "use workflow"
""",
    ),
    Pair(
        "unrecordable self",
        """
class Shop:
    async def charge(self):  # WFC107: 5
        "use step"
class Old(object):
    async def charge(self):  # WFC107: 5
        "use step"
class Older(Old):
    async def charge(self):  # WFC107: 5
        "use step"
""",
        """
import dataclasses, pydantic, msgspec
from app.base import Base
@dataclasses.dataclass
class Shop:
    async def charge(self):
        "use step"
class Model(pydantic.BaseModel):
    async def charge(self):
        "use step"
class Below(Model):
    async def charge(self):
        "use step"
class Struct(msgspec.Struct, frozen=True):
    def charge(self):
        "use step"
class Unknown(Base):
    def charge(self):
        "use step"
class Plain:
    @staticmethod
    async def charge():
        "use step"
    @classmethod
    async def refund(cls):
        "use step"
""",
    ),
    Pair(
        "unmarkable functions",
        """
import abc, functools, typing
class Shop(abc.ABC):
    async def flow(self):  # WFC108: 5
        "use workflow"
    @classmethod
    async def made(cls):  # WFC108: 5
        "use workflow"
    @property
    def rate(self):  # WFC108: 5
        "use step"
    @functools.cached_property
    def cached(self):  # WFC108: 5
        "use step"
    @abc.abstractmethod
    async def charge(self):  # WFC108: 5
        "use step"
    def __call__(self):  # WFC108: 5
        "use step"
@typing.overload
async def pay(x: int):  # WFC108: 1
    "use step"
""",
        """
class Shop:
    @staticmethod
    async def flow():
        "use workflow"
    @classmethod
    async def made(cls):
        "use step"
    @property
    def rate(self):
        "The rate."
    def __call__(self):
        "Pay."
""",
    ),
    Pair(
        "class scope",
        """
class Shop:
    "use step"  # WFC109: 5
def make():
    class Inner:
        @staticmethod
        async def charge():  # WFC109: 9
            "use step"
""",
        """
class Shop:
    "A shop."
    class Inner:
        @staticmethod
        async def charge():
            "use step"
""",
    ),
    Pair(
        "misplaced",
        """
async def checkout():
    x = 1
    "use workflow"  # WFC110: 5
async def refund():
    "Refund."
    if True:
        "use step"  # WFC110: 9
    try:
        pass
    except ValueError:
        "use step"  # WFC110: 9
    with x:
        "use step"  # WFC110: 9
    match 1:
        case 1:
            "use step"  # WFC110: 13
x = 1
"use step"  # WFC110: 1
""",
        """
async def checkout():
    "use workflow"
    x = 1
async def refund():
    "Refund."
    "use step"
    x = "use step"
    print("use step")
""",
    ),
    Pair(
        "two directives",
        """
async def checkout():
    "use workflow"
    "use step"  # WFC111: 5
async def refund():
    "Refund."
    "use step"
    "use step"  # WFC111: 5
async def later():
    "use step"
    x = 1
    "use workflow"  # WFC111: 5
""",
        """
async def checkout():
    "use workflow"
    "The docstring, which may stand second."
async def refund():
    "use step"
""",
    ),
    Pair(
        "two directives of a module",
        """
"use step"
"use workflow"  # WFC111: 1
""",
        """
"use step"
"A docstring."
""",
    ),
    Pair(
        "not plain",
        '''
async def one():
    f"use step"  # WFC112: 5
async def two():
    b"use step"  # WFC112: 5
async def three():
    r"use step"  # WFC112: 5
async def four():
    "use " "step"  # WFC112: 5
async def five():
    """use step"""  # WFC112: 5
async def six():
    ("use step")  # WFC112: 5
async def seven():
    "use\\x20step"  # WFC112: 5
async def eight():
    u"use step"  # WFC112: 5
async def nine():
    # below WFC112: 5
    """
    use step
    """
async def ten():
    "Doc."
    f"use workflow"  # WFC112: 5
''',
        """
async def one():
    'use step'
async def two(x):
    f"use step {x}"
async def three():
    b"used"
""",
    ),
    Pair(
        "near miss",
        """
async def one():
    "use steps"  # WFC113: 5
async def two():
    "Use Workflow"  # WFC113: 5
async def three():
    "use-step"  # WFC113: 5
async def four():
    " use step"  # WFC113: 5
async def five():
    "Doc."
    "use wrokflow"  # WFC113: 5
async def six():
    "usestep."  # WFC113: 5
""",
        """
async def one():
    "use step"
async def two():
    "Use workflow to pay for it."
async def three():
    "Used."
async def four():
    "Doc."
    "and a remark"
async def five():
    x = 1
    "use steps"
""",
    ),
    Pair(
        "marked twice",
        """
import sys
if sys.platform == "win32":
    async def charge():
        "use step"
else:
    async def charge():  # WFC114: 5
        "use step"
class Shop:
    @staticmethod
    async def pay():
        "use step"
    @staticmethod
    async def pay():  # WFC114: 5
        "Not marked, but it takes the place."
""",
        """
import sys, typing
if typing.TYPE_CHECKING:
    async def charge(): ...
else:
    async def charge():
        "use step"
@typing.overload
async def pay(x: int): ...
@typing.overload
async def pay(x: str): ...
async def pay(x):
    "use step"
class Shop:
    @staticmethod
    async def charge():
        "use step"
def twice(): ...
def twice(): ...
""",
    ),
    Pair(
        "a marked name that is taken away",
        """
from tools import traced
async def one():
    "use step"
one = None  # WFC114: 1
async def two():
    "use step"
del two  # WFC114: 5
async def three():
    "use workflow"
class three: ...  # WFC114: 1
try:
    from tools import four  # WFC114: 23
except ImportError:
    async def four():
        "use step"
async def five():
    "use step"
for five in (1, 2): ...  # WFC114: 5
async def six():
    "use step"
six = traced(six)  # WFC114: 1 # WFC125: 7
class Shop:
    @staticmethod
    async def pay():
        "use step"
    pay = traced(pay)  # WFC114: 5
class Bank:
    @staticmethod
    async def pay():
        "use step"
del Bank  # WFC114: 5
""",
        """
import typing
from tools import traced
one: typing.Any
async def one():
    "use step"
if typing.TYPE_CHECKING:
    from tools import one
class Shop:
    @staticmethod
    async def pay():
        "use step"
Shop = traced(Shop)
def fake():
    global one
    one = None
async def checkout():
    "use workflow"
    async def charge():
        "use step"
    charge = traced(charge)
    await charge()
if __name__ == "__main__":
    one = None
""",
    ),
    Pair(
        "reserved names",
        """
import json as __wfc_json  # WFC115: 8
async def charge(__wfc_x):  # WFC115: 18
    "use step"
    return __wfc_x, __wfc__  # WFC115: 21
""",
        """
import json as wfc_json
async def charge(_wfc, __w):
    "use step"
    return _wfc
""",
    ),
    Pair(
        "reserved names in a module without directives",
        """
def helper(x):  # "use step" is only mentioned here
    __wfc__ = x  # WFC115: 5
    return __wfc__
""",
        """
def helper(x):  # "use step" is only mentioned here
    __w__ = x
    return __w__.__wfc__
""",
    ),
    Pair(
        "place and form of policy",
        """
import wfc
from wfc import policy as p, Backoff
from tools import traced
N = 3
@traced
@p(attempts=5)  # WFC116: 2
async def one():
    "use step"
@p(attempts=N)  # WFC116: 13
async def two():
    "use step"
@p  # WFC116: 2
async def three():
    "use step"
@wfc.policy(5)  # WFC116: 13
async def four():
    "use step"
@wfc.policy(**N)  # WFC116: 15
async def five():
    "use step"
@wfc.policy(backoff=Backoff(initial=N))  # WFC116: 37
async def six():
    "use step"
@wfc.policy(backoff=Backoff(**N))  # WFC116: 31
async def seven():
    "use step"
@wfc.policy(backoff=Backoff(1, 2, 3, 4, 5))  # WFC116: 21
async def eight():
    "use step"
""",
        """
import wfc
from wfc import policy as p, Backoff
from tools import traced, is_bad
@p(attempts=5, retry_on=(ValueError, KeyError), give_up_on=is_bad)
@traced
async def one():
    "use step"
@wfc.policy(timeout="30s", backoff=Backoff("1s", factor=2.0))
async def two():
    "use step"
@wfc.policy(timeout="30s", cleanup="1h")
async def four():
    "use workflow"
class Shop:
    @staticmethod
    @p(attempts=1)
    async def three():
        "use step"
""",
    ),
    Pair(
        "decorators of a nested step",
        """
from tools import traced
async def checkout():
    "use workflow"
    @traced  # WFC117: 6
    async def charge():
        "use step"
    await charge()
""",
        """
from wfc import policy
async def checkout():
    "use workflow"
    @policy(attempts=1)
    async def charge():
        "use step"
    await charge()
""",
    ),
    Pair(
        "decorators that hide a workflow",
        """
import functools
from contextlib import asynccontextmanager as acm
def sync(f):
    def call(): return f()
    return call
def named(name):
    def outer(f):
        def call(): return f()
        return call
    return outer
class Holder:
    def __init__(self, f): ...
@functools.cache  # WFC118: 2
async def one():
    "use workflow"
@functools.lru_cache(maxsize=None)  # WFC118: 2
async def two():
    "use workflow"
@acm  # WFC118: 2
async def three():
    "use workflow"
@sync  # WFC118: 2
async def four():
    "use workflow"
@named("x")  # WFC118: 2
async def five():
    "use workflow"
@Holder  # WFC118: 2
async def six():
    "use workflow"
""",
        """
import functools
from tools import registered
def same(f):
    return f
def wrapped(f):
    @functools.wraps(f)
    async def call(*args): return await f(*args)
    return call
def odd(f):
    return f.x
def silent(f):
    pass
@same
@wrapped
@registered
@odd
@silent
async def one():
    "use workflow"
@functools.cache
async def two():
    "use step"
""",
    ),
    Pair(
        "defaults",
        """
import datetime, os, random
async def checkout(a=random.random(), *, b=os.getpid()):  # WFC119: 22 # WFC119: 44
    "use workflow"
    rate = 3
    import app.models as models
    from datetime import timedelta
    async def charge(x=rate, y=(1, rate)):  # WFC119: 24 # WFC119: 32
        "use step"
        return x
    await charge()
    async def refund(x=models.Size.BIG, y=timedelta(3)):  # WFC119: 24 # WFC119: 43
        "use step"
        return x
    await refund()
async def other(
    a=f"{random.x}",  # WFC119: 7
    b=lambda: 1,  # WFC119: 7
):
    "use workflow"
""",
        """
import datetime, enum, random
from app.models import Color
RATE = 3
class Tier(enum.Enum):
    FREE = 1
async def checkout(
    a=None, b=-1, c="x", d=Tier.FREE, e=Color.RED, f=RATE, g=(1, RATE), h=2 * 3,
    i=datetime.timedelta(days=3), j=frozenset(), k=..., *, l, m=True,
):
    "use workflow"
    async def charge(x=RATE, y=Color.RED, z=datetime.timedelta(days=3)):
        "use step"
        return x
    await charge()
async def step(a=random.random()):
    "use step"
""",
    ),
    Pair(
        "mutable defaults",
        """
import collections
async def checkout(a=[], b={}, *, c={1}, d=list(), e=collections.deque()):  \
# WFC330: 22 # WFC330: 28 # WFC330: 37 # WFC330: 44 # WFC330: 54
    "use workflow"
""",
        """
async def checkout(a=(), b=None):
    "use workflow"
async def step(a=[]):
    "use step"
""",
    ),
    Pair(
        "types for type checkers only",
        """
from __future__ import annotations
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from app.models import Order, Bill
async def charge(order: Order) -> list[Bill]:  # WFC120: 25 # WFC120: 40
    "use step"
async def refund(order: "Order"):  # WFC120: 25
    "use step"
""",
        """
import typing
if not typing.TYPE_CHECKING:
    from app.models import Order
if typing.TYPE_CHECKING:
    from app.models import Bill
    try:
        from app.models import Order
    except ImportError: ...
async def charge(order: Order, *args: int, **more: str) -> str:
    "use step"
    bill: Bill = 1
def helper(bill: "Bill"): ...
""",
    ),
    Pair(
        "star import of the standard library",
        """
from os.path import *  # WFC121: 1
async def charge():
    "use step"
""",
        """
from os.path import join
from app.models import *
async def charge():
    "use step"
""",
    ),
    Pair(
        "wrapped steps",
        """
from tools import wrap
async def charge():
    "use step"
async def checkout():
    "use workflow"
charged = wrap(charge)  # WFC125: 11
flow: object = wrap(checkout)  # WFC125: 16
""",
        """
import functools
from tools import wrap, Tool
async def charge():
    "use step"
def helper(): ...
one = functools.partial(charge, 1)
two = Tool(charge)
three = wrap(helper)
four = wrap([charge])
five: int
""",
    ),
    Pair(
        "not awaited",
        """
import asyncio
import wfc
from wfc import sleep, create_hook
async def charge():
    "use step"
async def other():
    "use workflow"
async def checkout():
    "use workflow"
    charge()  # WFC126: 5
    x = charge()  # WFC126: 9
    other()  # WFC126: 5
    sleep(3)  # WFC126: 5
    asyncio.sleep(3)  # WFC126: 5
    wfc.start(other)  # WFC126: 5
    hook = create_hook()  # WFC126: 12
    if charge() == 1:  # WFC126: 8
        pass
    def later():
        charge()  # WFC126: 9
    later()
    async def nested():
        "use step"
    nested()  # WFC126: 5
""",
        """
import asyncio
from wfc import sleep, create_hook
async def charge():
    "use step"
async def checkout():
    "use workflow"
    await charge()
    x = charge()
    await x
    y = [charge(), charge()]
    await asyncio.gather(*y, charge())
    z = asyncio.create_task(charge())
    hook = create_hook()
    print(hook.token)
    a, b = charge(), 1
    await a
    if (task := charge()):
        await task
    async with create_hook() as other:
        await other
    async def nested():
        "use step"
        charge()
    await nested()
    return charge()
async def step():
    "use step"
    charge()
def script():
    charge()
async def rebinds(charge):
    "use workflow"
    charge()
""",
    ),
    Pair(
        "coroutines that lead nowhere",
        """
import asyncio
import json
import logging
from dataclasses import dataclass
log = logging.getLogger(__name__)
@dataclass
class Account:
    id: str
    async def close(self):
        "use step"
async def charge(x):
    "use step"
async def statements(x):
    "use workflow"
    charge(x), charge(x + 1)  # WFC126: 5 # WFC126: 16
    charge(x) if x else charge(1)  # WFC126: 5 # WFC126: 25
    x and charge(x)  # WFC126: 11
    [charge(y) for y in x]  # WFC126: 6
    asyncio.wait_for(charge(x), 5)  # WFC126: 5
    asyncio.to_thread(charge, x)  # WFC126: 5
    Account("a").close()  # WFC126: 5
    account = Account("a")
    account.close()  # WFC126: 5
async def names(x, debug):
    "use workflow"
    first, second = charge(x), charge(x)  # WFC126: 21 # WFC126: 32
    print(second)
    third = charge(x) or "none"  # WFC126: 13
    fourth = x or charge(x)  # WFC126: 19
    if fourth.ok:
        return 1
    fifth = charge(x)  # WFC126: 13
    fifth = charge(2)  # WFC126: 13
    if debug and not fifth:
        return json.dumps(charge(x))  # WFC126: 27
    sixth = charge(x)  # WFC126: 13
    log.info("charged %s", sixth)
    seventh = [charge(y) for y in x]  # WFC126: 16
    a, b = charge(x)  # WFC126: 12
    if (eighth := charge(x)) is None:  # WFC126: 19
        return a + b
    ninth = charge(x) if x else None  # WFC126: 13
    if ninth:
        return [*charge(x)]  # WFC126: 18
    if any(charge(y) for y in x):  # WFC126: 12
        return [y for y in x if charge(y)]  # WFC126: 33
    return f"{charge(x)} {third} {isinstance(charge(x), str)}"  # WFC126: 15 # WFC126: 46
""",
        """
import asyncio
import json
import logging
from dataclasses import dataclass
log = logging.getLogger(__name__)
@dataclass
class Account:
    id: str
    async def close(self):
        "use step"
    def size(self):
        return 3
async def charge(x):
    "use step"
async def statements(x):
    "use workflow"
    (await charge(x)), (await charge(x + 1))
    await (charge(x) if x else charge(1))
    x and await charge(x)
    [await charge(y) for y in x]
    await asyncio.wait_for(charge(x), 5)
    await asyncio.to_thread(charge, x)
    Account("a").size()
    account = Account("a")
    await account.close()
async def names(x, debug):
    "use workflow"
    first, second = charge(x), charge(x)
    await asyncio.gather(first, second)
    third = await charge(x) or "none"
    known = {}
    fourth = known.get(x) or charge(x)
    if fourth.ok:
        return await fourth
    fifth = charge(x)
    fifth = await fifth
    if debug and not fifth:
        return json.dumps(await charge(x))
    sixth = charge(x)
    log.info("charged %s", await sixth)
    seventh = [charge(y) for y in x]
    print(len(seventh))
    known["x"], known["y"] = charge(x), charge(x)
    await asyncio.gather(*seventh, *known.values())
    if (eighth := charge(x)) is not None:
        await eighth
    ninth = charge(x) if x else None
    if ninth is not None:
        return await ninth
    if any([await charge(y) for y in x]):
        return await asyncio.gather(*(charge(y) for y in x if y), *map(charge, x))
    tenth = charge(x)
    tenth.close()
    def later():
        return tenth
    eleventh = charge(x)
    if eleventh:
        async def finish():
            return await eleventh
        return await finish()
    return x or charge(x)
""",
    ),
    Pair(
        "values of sync steps",
        """
def size(x):
    "use step"
    return 1
async def checkout():
    "use workflow"
    if size(1) > 3:  # WFC127: 8
        pass
    if size(1):  # WFC127: 8
        pass
    x = size(2)  # WFC127: 9
    y = x + 1
    size(3).bit_length()  # WFC127: 5
    print(f"{size(4)}", len(size(5)))  # WFC127: 14 # WFC127: 29
    for row in size(6):  # WFC127: 16
        pass
    z = size(7)  # WFC127: 9
    z.bit_length()
    a = size(3)  # WFC126: 9
    a = 4
    print(a + 1)
    return [row for row in size(8)], size(9)[0]  # WFC127: 28 # WFC127: 38
""",
        """
import asyncio
def size(x):
    "use step"
    return 1
async def checkout():
    "use workflow"
    if await size(1) > 3:
        pass
    x = size(2)
    y = await x
    z = size(3)
    z = await z
    print(z + 1)
    await asyncio.to_thread(size, 1)
    later = size(4)
    print(str(later), await later)
    table = {}
    table[size] = 1
    return await asyncio.gather(size(1), size(2))
""",
    ),
    Pair(
        "written captures",
        """
async def checkout():
    "use workflow"
    total = 0
    async def add():
        "use step"
        nonlocal total  # WFC128: 9
        total = 1
    await add()
    async def remove():
        "use step"
        nonlocal total  # WFC128: 9
        del total
    await remove()
""",
        """
async def checkout():
    "use workflow"
    total = 0
    async def add():
        "use step"
        count = total
        def inner():
            nonlocal count
            count += 1
        inner()
        total2 = count
        return total2
    total = await add()
""",
    ),
    Pair(
        "captures that cannot be recorded",
        """
import asyncio
import httpx
async def checkout():
    "use workflow"
    import json
    def helper(): ...
    class Local: ...
    lock = asyncio.Lock()
    rows = (x for x in (1, 2))
    double = lambda x: 2 * x
    async with httpx.AsyncClient() as client:
        async def charge():
            "use step"
            client.post(  # WFC129: 13
                json.dumps(1))  # WFC129: 17
            helper()  # WFC129: 13
            Local()  # WFC129: 13
            lock.locked()  # WFC129: 13
            list(rows)  # WFC129: 18
            double(1)  # WFC129: 13
        await charge()
class Shop:
    @staticmethod
    async def refund(rate):
        "use workflow"
        async def named():
            "use step"
            return __class__  # WFC129: 20
        async def times(amount):
            "use step"
            return amount * rate
        async def both(amount, rate):  # WFC129: 32
            "use step"
            return await times(amount)
        await named(), await both(1, 2)
""",
        """
import asyncio
import httpx
RATE = 3
LOCK = asyncio.Lock()
async def charge():
    "use step"
async def checkout(order_id):
    "use workflow"
    rate = await charge()
    rows = [x for x in (1, 2)]
    both = dict(a=1)
    async def other():
        "use step"
    async def charge_it():
        "use step"
        LOCK.locked()
        await charge()
        await other()
        class Local:
            def it(self):
                return __class__
        return order_id, rate, rows, both, RATE, Local
    await charge_it()
""",
    ),
)

SECTION_1: Final[dict[str, tuple[str, ...]]] = {
    # Directives
    "one plain literal, first or behind the docstring": (
        "case docstrings",
        "test test_gather.py::test_functions_without_a_directive_are_not_marked",
        "test test_scan.py::test_a_directive_is_seen",
    ),
    # Functions
    "WFC102: a workflow is async": ("pair sync workflow",),
    "WFC103: no generators": ("pair generator step", "pair yield from in a workflow"),
    "WFC104: no lambda as step": ("pair lambda as step",),
    "a step is async or not": ("case sync_step", "case thread_calls"),
    # Nesting
    "a step in a workflow, in blocks too": (
        "case nested_step",
        "case nested_under_if_and_for",
        "case nested_steps_in_blocks",
    ),
    "WFC105: a step in another function": (
        "pair step in a plain function",
        "pair step two functions deep in a workflow",
        "pair step in a step",
    ),
    "WFC106: no nested workflow": ("pair nested workflow",),
    # Methods
    "WFC107: self is recordable": ("pair unrecordable self", "case method_step_of_a_dataclass"),
    "static and class methods": (
        "case classes",
        "case class_method_step",
        "case nested_in_static_method",
    ),
    "WFC108: what cannot be marked": ("pair unmarkable functions",),
    "WFC109: classes inside functions": ("pair class scope",),
    # Module level
    "a module marks its public functions": (
        "case module_directive_steps",
        "case module_directive_workflows",
        "case dunder_all_marks",
        "test test_gather.py::test_a_module_marks_its_public_functions",
        "test test_gather.py::test_all_decides_what_is_public",
    ),
    "a function's own directive wins": ("case own_directive_wins",),
    "docstring, future imports, directive in any order": (
        "case module_directive_alone",
        "case module_directive_behind_docstring",
        "case module_directive_before_future",
        "test test_gather.py::test_the_directive_of_a_module_has_its_places",
    ),
    # Misplaced or misspelt
    "WFC110: misplaced": ("pair misplaced",),
    "WFC111: two directives": ("pair two directives", "pair two directives of a module"),
    "WFC112: not a plain literal": ("pair not plain",),
    "WFC113: near miss": ("pair near miss", "test test_scan.py::test_a_near_miss_is_seen"),
    "WFC114: marked twice": ("pair marked twice", "pair a marked name that is taken away"),
    "WFC115: reserved names": (
        "pair reserved names",
        "pair reserved names in a module without directives",
    ),
    # Decorators
    "decorators of a step run in the step bundle alone": (
        "case decorators",
        "case decorated_step",
    ),
    "WFC116: policy is outermost and literal": (
        "pair place and form of policy",
        "case policy_over_other_decorators",
    ),
    "WFC117: nested steps take policy alone": (
        "pair decorators of a nested step",
        "case nested_step_with_policy",
    ),
    "WFC118: decorators keep the coroutine function": (
        "pair decorators that hide a workflow",
        "case decorated_workflow",
    ),
    # Defaults
    "defaults of a step are never evaluated": (
        "case step_defaults_are_dropped",
        "test test_gather_signatures.py::test_every_kind_of_parameter_is_read",
    ),
    "WFC119: defaults are constant": ("pair defaults", "case workflow_defaults"),
    "WFC330: defaults are not mutable": ("pair mutable defaults",),
    # Annotations
    "annotations of functions are texts": (
        "case annotations",
        "case annotations_with_future",
        "test test_bundles_at_work.py::test_annotations_are_text_in_a_workflow_bundle",
    ),
    "WFC120: types for type checkers only": (
        "pair types for type checkers only",
        "case type_checking",
    ),
    # Imports
    "WFC121: star imports": (
        "pair star import of the standard library",
        "project star imports",
        "test test_stars.py::test_the_workflow_runs",
    ),
    "conditional imports: all branches": (
        "case imports_in_try",
        "test test_gather_names.py::test_a_name_is_resolved_with_doubt",
    ),
    "relative imports and src layouts": (
        "case relative_imports",
        "test test_project.py::test_src_layouts_and_namespace_packages",
    ),
    "WFC122: one file, two names": ("project two names of one file",),
    "a re-export has the id of its definition": (
        "test test_gather_effects.py::test_re_exports_are_followed_and_kept",
    ),
    "WFC123: names that a module computes": ("project names that a module computes",),
    "WFC124: code found or made at run time": ("project code that is found or made at run time",),
    "a main block is in the step bundle only": (
        "case main_block",
        "case main_block_in_the_middle",
        "test test_gather_names.py::test_a_main_block_binds_nothing",
    ),
    # Calls
    "a workflow in a workflow is inline": ("case workflow_calls_workflow",),
    "a step in a step is a plain call": ("case step_calls_step",),
    "recursion": ("case recursion",),
    "steps are values": ("case steps_as_values", "case thread_calls", "case step_captures_step"),
    "WFC125: wrapped steps": ("pair wrapped steps",),
    "WFC126: not awaited": (
        "pair not awaited",
        "pair coroutines that lead nowhere",
        "project operations of other modules that are not awaited",
    ),
    "WFC127: values of sync steps": (
        "pair values of sync steps",
        "project operations of other modules that are not awaited",
    ),
    # Section 3, captures
    "WFC128: captures are not written": ("pair written captures", "case nonlocal_inside_a_step"),
    "WFC129: captures are recordable": (
        "pair captures that cannot be recorded",
        "case several_captures",
    ),
    # Ids
    "ids have no <locals>": (
        "test test_gather_names.py::test_the_enclosing_function_is_named_without_locals",
        "test test_script.py::test_ids_stand_under_the_importable_name",
    ),
    # Fixtures
    "one-line bodies": ("case one_line_bodies", "case semicolons", "case ellipsis_bodies"),
    "PEP 695 and 701": ("case pep695", "case formatted_strings"),
    "match, except*, walrus": (
        "case match_and_walrus",
        "case except_star",
        "case enum_in_match",
    ),
    "BOM, encoding, line ends, tabs": (
        "case coding_cookie",
        "case tabs",
        "case form_feed",
        "test test_scan.py::test_line_ends_and_mark_are_read_as_python_does",
        "test test_scan.py::test_an_encoding_cookie_is_obeyed",
    ),
}
"""Every rule of directives and where it is shown: a pair above, a project, a case, or a test."""
