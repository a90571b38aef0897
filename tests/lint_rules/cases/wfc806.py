"""Writes that a replay would repeat."""

from wfc import get_writable


async def direct(text: str) -> None:
    "use workflow"
    await get_writable(str).write(text)  # WFC806: 11, "write"


async def named(text: str) -> None:
    "use workflow"
    stream = get_writable(str)
    await stream.write(text)  # WFC806: 11, "stream.write"


async def many(texts: list[str]) -> None:
    "use workflow"
    stream = get_writable(str, namespace="log")
    await stream.write_many(texts)  # WFC806: 11, "write_many"


async def good_step(text: str) -> None:
    "use step"
    await get_writable(str).write(text)


async def good_passed(text: str) -> None:
    "use workflow"
    await forward(get_writable(str), text)


async def forward(stream: object, text: str) -> None:
    "use step"
    await stream.write(text)


async def good_other(text: str) -> None:
    "use workflow"
    file = Buffer()
    file.write(text)


class Buffer:
    def write(self, text: str) -> None:
        print(text)
