from . import rates
from .models import Order, Item
from ..shop import sell
import app.tools as tools
import app.deep.thing


async def main(order: Order):
    "use workflow"
    tools.x()
    app.deep.thing.y()
    return sell(order, rates.RATE)
