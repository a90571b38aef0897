import json
import math as m
import socket
from collections import OrderedDict, defaultdict
from decimal import (
    Decimal,  # money
    getcontext,
    ROUND_UP,
)

RATE = m.pi
UNUSED = socket.gethostname
TABLE = {}
TABLE["eur"] = 1
TABLE.update(usd=2)
OTHER = {}
OTHER["x"] = 1


def price(amount):
    return rounded(Decimal(amount) * TABLE["eur"] * int(RATE))


def rounded(value):
    return value.quantize(Decimal("0.01"), ROUND_UP)


def unused():
    return json.dumps(OTHER)


async def main(amount):
    __wfc__.refuse("main")
    
__wfc__.register("workflow", "main", main)
