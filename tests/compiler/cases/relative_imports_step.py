from . import rates
from .models import Order, Item
from ..shop import sell
import app.tools as tools
import app.deep.thing


async def main(order: Order):
    __wfc__.refuse("main")
    


__wfc__.register("workflow", "main", main)
