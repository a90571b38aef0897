"""Pairs of projects: rules that need more than one module, or that hold where a workflow reaches.

`=== app/shop.py` opens a file. A fault is marked where it stands, as in `rules`: its place is the
workflow's line, and the last link of its chain is where the mark is.
"""

from __future__ import annotations

from typing import Final

from tests.compiler.rules import Pair

PROJECT_PAIRS: Final = (
    Pair(
        "star imports",
        """
=== app/tools.py
from math import *  # WFC121: 1
def helper(x):
    return sqrt(x)
=== app/flows.py
from app.tools import helper
from acme import *  # WFC121: 1
async def checkout(x):
    "use workflow"
    return helper(x), total(x)
""",
        """
=== app/tools.py
from math import *
__all__ = ["RATE", "helper"]
RATE = 3
def helper(x): return x * RATE
def unreached(x): return sqrt(x)
=== app/pack/__init__.py
from app.tools import *
from .deep import *
=== app/pack/deep.py
from __future__ import annotations
async def charge(x: int) -> int:
    "use step"
    return x
=== app/flows.py
from app.pack import *
async def checkout(x):
    "use workflow"
    return helper(RATE), await charge(x)
""",
    ),
    Pair(
        "two names of one file",
        """
=== pyproject.toml
[tool.wfc]
packages = ["app", "src"]
=== src/app/flows.py
# WFC122: 1
async def checkout(x):
    "use workflow"
""",
        """
=== pyproject.toml
[tool.wfc]
packages = ["app"]
=== src/app/flows.py
async def checkout(x):
    "use workflow"
""",
    ),
    Pair(
        "names that a module computes",
        """
=== app/rates.py
EUR = 1
def __getattr__(name):
    return 3
=== app/pack/__init__.py
from app.rates import CHF
=== app/flows.py
import app.rates
from app import pack, rates
from app.rates import USD
async def checkout(x):
    "use workflow"
    a = rates.GBP  # WFC123: 9
    b = app.rates.CHF.bit_length()  # WFC123: 9
    c = USD  # WFC123: 9
    d = pack.CHF  # WFC123: 9
    from app.rates import JPY
    return helper(JPY)  # WFC123: 19
def helper(x):
    if isinstance(x, rates.Kind):  # WFC123: 22
        return getattr(rates, "SEK")  # WFC123: 16
""",
        """
=== app/rates.py
EUR = 1
def __getattr__(name):
    return 3
=== app/plain.py
X = 1
=== app/pack/__init__.py
def __getattr__(name):
    return 3
=== app/pack/deep.py
Y = 1
=== app/flows.py
import app.pack.deep
from app import plain, rates
async def checkout(x: rates.Currency) -> "rates.Money":
    "use workflow"
    return rates.EUR, rates.__name__, app.pack.deep.Y, plain.missing
async def charge(x):
    "use step"
    return rates.GBP
def unreached():
    return rates.GBP
""",
    ),
    Pair(
        "code that is found or made at run time",
        """
=== app/tools.py
import builtins, importlib, math, sys
import os.path as paths
from importlib import import_module as load
from app import rules
from sys import modules
def one(name, it):
    getattr(math, name)  # WFC124: 5
    getattr(rules, name, None)  # WFC124: 5
    getattr(paths, name)  # WFC124: 5
    importlib.import_module(name)  # WFC124: 5
    importlib.util.find_spec(name)  # WFC124: 5
    load(name)  # WFC124: 5
    __import__(name)  # WFC124: 5
    exec(name)  # WFC124: 5
    eval(name)  # WFC124: 5
    builtins.eval(name)  # WFC124: 5
    compile(name, "", "eval")  # WFC124: 5
    globals()[name]()  # WFC124: 5
    locals()  # WFC124: 5
    vars(it)  # WFC124: 5
    sys.modules[name]  # WFC124: 5
    modules[name]  # WFC124: 5
    map(eval, name)  # WFC124: 9
=== app/rules.py
def vip(x): return x
=== app/flows.py
import json
from app.tools import one
NAME = "loads"
READ = getattr(json, NAME)  # WFC124: 8
async def checkout(x):
    "use workflow"
    one(x, x)
    getattr(json, NAME)  # WFC124: 5
    return READ
""",
        """
=== app/tools.py
import importlib, json, math, sys
def one(name, it):
    getattr(math, "sin")(1)
    getattr(it, name)
    getattr(*name)
    getattr(Order, name)
    {"sin": math.sin}[name](1)
    it.exec(name), it.eval(name), it.compile(name), it.globals()
    return sys.maxsize, sys.version_info
class Order:
    vars = 1
def unreached(name):
    exec(name)
    return getattr(json, name), importlib.import_module(name), sys.modules
=== app/flows.py
from app.models import Order
from app.tools import one
async def checkout(x):
    "use workflow"
    one(x, x)
    getattr(Order, x)
    def getattr(base, name): ...
async def charge(x):
    "use step"
    import json
    exec(x)
    return getattr(json, x), globals()
=== app/models.py
class Order: ...
""",
    ),
    Pair(
        "operations of other modules that are not awaited",
        """
=== app/booking.py
async def reserve(x):
    "use step"
def size(x):
    "use step"
async def trip(x):
    "use workflow"
class Desk:
    @staticmethod
    async def book(x):
        "use step"
=== app/pack.py
from app.booking import reserve as book
=== app/flows.py
import asyncio
import wfc
import app.booking as desk
from app import booking, pack
from app.booking import Desk, reserve, size, trip
async def checkout(x):
    "use workflow"
    booking.reserve(x)  # WFC126: 5
    desk.reserve(x)  # WFC126: 5
    pack.book(x)  # WFC126: 5
    unread = reserve(x)  # WFC126: 14
    trip(x)  # WFC126: 5
    Desk.book(x)  # WFC126: 5
    if size(x) > 3:  # WFC127: 8
        await helper(x)
    total = booking.size(x)  # WFC127: 13
    print(f"{booking.reserve(x)}")  # WFC126: 14
    return total + 1
async def helper(x):
    booking.reserve(x)  # WFC126: 5
    own(x)  # WFC126: 5
    wfc.sleep(3)  # WFC126: 5
    asyncio.sleep(3)  # WFC126: 5
    for one in size(x):  # WFC127: 16
        pass
async def own(x):
    "use step"
""",
        """
=== app/booking.py
async def reserve(x):
    "use step"
def size(x):
    "use step"
def plain(x): return x
=== app/flows.py
import asyncio
from app import booking
from app.booking import plain, reserve, size
from acme import notify
async def checkout(x):
    "use workflow"
    await booking.reserve(x)
    later = reserve(x)
    plain(x)
    unread = plain(x)
    if plain(x) > 3:
        await later
    await asyncio.gather(booking.reserve(x), *[size(x) for x in (1, 2)])
    await asyncio.to_thread(booking.size, x)
    tasks = [asyncio.create_task(reserve(x))]
    return [await helper(x), await tasks[0]]
async def helper(x):
    return await pick(x)
def pick(x):
    return booking.reserve(x)
def script(x):
    booking.reserve(x)
    size(x) + 1
async def charge(x):
    "use step"
    reserve(x)
    notify(x)
    return size(x) + 1
""",
    ),
)
