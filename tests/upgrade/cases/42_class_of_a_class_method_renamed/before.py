from wfc import sleep


class Shop:
    @classmethod
    async def send(cls, order: str) -> str:
        "use step"
        return f"sent {order}"


class Corner(Shop):
    pass


async def flow(order: str) -> list:
    "use workflow"
    one = await Shop.send(order)
    two = await Corner.send(order)
    await sleep(60)
    return [one, two]
