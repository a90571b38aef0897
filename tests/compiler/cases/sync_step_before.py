import time


def slow(x: int) -> int:
    "use step"
    time.sleep(x)
    return x


async def main(x: int) -> int:
    "use workflow"
    return await slow(x)
