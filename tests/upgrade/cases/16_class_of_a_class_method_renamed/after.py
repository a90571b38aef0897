from wfc import sleep


# wfc: was[app.flows:Shop]
class Store:
    @classmethod
    async def send(cls, order: str) -> str:
        "use step"
        return f"sent {order}"


async def flow(order: str) -> list:
    "use workflow"
    one = await Store.send(order)
    await sleep(60)
    return [one]
