"""Workflows whose steps write to streams."""

from __future__ import annotations

from tests.runtime.programs import Program

PROGRAM = Program(
    "stream_flows",
    '''
    """Writers."""
    import asyncio
    import sys
    from dataclasses import dataclass

    from pydantic import BaseModel

    from wfc import Backoff, Writable, get_writable, policy, sleep, start
    from wfc.errors import EffectInWorkflow, PayloadMismatch, StreamClosed, StreamTooLarge


    class Token(BaseModel):
        text: str


    @dataclass
    class Parcel:
        out: Writable[Token]
        name: str = "parcel"


    async def count(out: Writable[int], first: int, last: int) -> int:
        "use step"
        for number in range(first, last):
            await out.write(number)
        return last - first


    async def counts() -> int:
        "use workflow"
        out = get_writable(int)
        return await count(out, 0, 3) + await count(out, 3, 5)


    async def many_counts(numbers: int) -> int:
        "use workflow"
        return await count(get_writable(int), 0, numbers)


    async def by_itself(namespace: str | None) -> None:
        "use step"
        out = get_writable(namespace=namespace)
        await out.write_many([b"raw", "text", {"n": 1}, None])
        await out.close()


    async def writes_by_itself(namespace: str | None) -> None:
        "use workflow"
        await by_itself(namespace)


    async def writes_in_workflow(method: str) -> str:
        "use workflow"
        out = get_writable(int)
        try:
            match method:
                case "write":
                    await out.write(1)
                case "write_many":
                    await out.write_many([1])
                case _:
                    await out.close()
        except EffectInWorkflow as error:
            return f"{error.guard} {error}"
        return "written"


    @policy(attempts=3, backoff=Backoff(initial=0.001, jitter=0))
    async def flaky(out: Writable[str]) -> None:
        "use step"
        attempt = len(sys.journal.calls) + 1
        sys.journal.calls.append(attempt)
        for part in ("a", "b"):
            await out.write(f"{attempt}{part}")
        if attempt < 3:
            raise OSError("again")


    async def retries() -> None:
        "use workflow"
        await flaky(get_writable(str))


    async def tokens(out: Writable[Token], parcel: Parcel) -> list[str]:
        "use step"
        await out.write(Token(text="a"))
        await parcel.out.write(Token(text="b"))
        told = []
        for value in ("plain", 3, b"raw"):
            try:
                await out.write(value)
            except PayloadMismatch as error:
                told.append(str(error))
        return told


    async def writes_tokens() -> list[str]:
        "use workflow"
        out = get_writable(Token, namespace="tokens")
        return await tokens(out, Parcel(out))


    async def child(out: Writable[str], word: str) -> None:
        "use workflow"
        await say(out, word)


    @policy(attempts=1)
    async def say(out: Writable[str], word: str) -> None:
        "use step"
        await out.write(word)


    async def parents() -> list[str]:
        "use workflow"
        out = get_writable(str)
        await say(out, "mine")
        run = await start(child, out, "theirs")
        await run.result()
        return [out.run_id, out.namespace]


    async def close_it(out: Writable[str]) -> None:
        "use step"
        await out.write("last")
        await out.close()
        try:
            await out.write("more")
        except StreamClosed as error:
            await get_writable(namespace="told").write(str(error))


    @policy(attempts=1)
    async def write_late(out: Writable[str]) -> str:
        "use step"
        try:
            await out.write("late")
        except StreamClosed as error:
            return str(error)
        return "written"


    async def closes() -> str:
        "use workflow"
        out = get_writable(str)
        await close_it(out)
        return await write_late(out)


    @policy(attempts=1)
    async def too_large(out: Writable[object], kind: str) -> str:
        "use step"
        try:
            await out.write(bytes(2**20 + 1) if kind == "bytes" else " " * 2**20)
        except StreamTooLarge as error:
            return str(error)
        return "written"


    async def writes_too_large(kind: str) -> str:
        "use workflow"
        return await too_large(get_writable(object), kind)


    async def twice(out: Writable[int]) -> None:
        "use step"
        await out.write(1)
        await out.close()
        await out.close()


    async def closes_twice() -> None:
        "use workflow"
        await twice(get_writable(int))


    async def leaves(out: Writable[str], first: bool) -> None:
        "use step"
        if first:
            await out.write("in time")

        async def late() -> None:
            await sys.journal.gate.wait()
            try:
                await out.write("too late")
            except StreamClosed as error:
                sys.journal.calls.append(str(error))

        sys.journal.left = asyncio.ensure_future(late())


    async def stays() -> None:
        "use step"
        sys.journal.gate.set()
        await sys.journal.left


    async def left_behind(first: bool) -> None:
        "use workflow"
        await leaves(get_writable(str), first)
        await stays()


    async def gated(out: Writable[int], numbers: int) -> None:
        "use step"
        for number in range(numbers):
            await out.write(number)
        sys.journal.calls.append("written")
        await sys.journal.gate.wait()


    async def waits(numbers: int) -> None:
        "use workflow"
        await gated(get_writable(int), numbers)


    @policy(isolation="thread")
    async def in_thread(out: Writable[int]) -> None:
        "use step"
        await out.write_many(range(100))


    async def threads() -> None:
        "use workflow"
        await in_thread(get_writable(int))


    async def two_parts(out: Writable[str]) -> None:
        "use workflow"
        await say(out, "x")


    async def forked() -> str:
        "use workflow"
        out = get_writable(str)
        await say(out, "first")
        await say(out, "second")
        await sleep("1h")
        await say(out, "third")
        return out.run_id


    @policy(attempts=1)
    async def fill(out: Writable[int], numbers: int, told: Writable[str]) -> None:
        "use step"
        try:
            await out.write_many(range(numbers))
        except StreamTooLarge as error:
            await told.write(str(error))


    async def fills(numbers: int) -> None:
        "use workflow"
        await fill(get_writable(int), numbers, get_writable(str, namespace="told"))


    @policy(attempts=1)
    async def write_mixed(out: Writable[int]) -> str:
        "use step"
        try:
            await out.write_many([*range(40), "bad", 41])
        except PayloadMismatch as error:
            return str(error)
        return "written"


    async def mixed() -> str:
        "use workflow"
        return await write_mixed(get_writable(int))


    @policy(attempts=1, timeout=0.05)
    async def too_long(out: Writable[str]) -> None:
        "use step"
        await out.write("begun")
        await asyncio.sleep(3600)


    async def times_out() -> None:
        "use workflow"
        await too_long(get_writable(str))
    ''',
)
