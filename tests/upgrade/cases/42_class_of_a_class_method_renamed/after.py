from wfc import sleep


# wfc: was[app.flows:Shop]
class Store:
    @classmethod
    async def send(cls, order: str) -> str:
        "use step"
        return f"sent {order}"


class Corner(Store):
    pass


async def flow(order: str) -> list:
    "use workflow"
    one = await Store.send(order)
    two = await Corner.send(order)
    await sleep(60)
    return [one, two]
