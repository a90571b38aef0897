"""Each fix: what it makes of a program, that the program still compiles, and that one is enough."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from wfc.compiler.facts import ModuleSource
from wfc.compiler.project import Project
from wfc.ids import ModuleName
from wfc.lint_rules.engine import Options, check
from wfc.lint_rules.finding import Finding
from wfc.lint_rules.fixing import fixed_text
from wfc.lint_rules.overview import Overview
from wfc.lint_rules.selection import Selection

SAFE: dict[str, tuple[str, str]] = {
    "WFC102": (
        'def flow(x: int) -> int:\n    "use workflow"\n    return x\n',
        'async def flow(x: int) -> int:\n    "use workflow"\n    return x\n',
    ),
    "WFC110": (
        """
        async def flow(x: int) -> int:
            y = x
            "use workflow"
            return y
        """,
        """
        async def flow(x: int) -> int:
            "use workflow"
            y = x
            return y
        """,
    ),
    "WFC112": (
        'async def flow(x: int) -> int:\n    f"use workflow"\n    return x\n',
        'async def flow(x: int) -> int:\n    "use workflow"\n    return x\n',
    ),
    "WFC113": (
        'async def flow(x: int) -> int:\n    "use workflows"\n    return x\n',
        'async def flow(x: int) -> int:\n    "use workflow"\n    return x\n',
    ),
    "WFC113 step": (
        'async def charge(x: int) -> int:\n    "Use-Step"\n    return x\n',
        'async def charge(x: int) -> int:\n    "use step"\n    return x\n',
    ),
    "WFC126": (
        """
        async def charge(x: int) -> int:
            "use step"
            return x

        async def flow(x: int) -> int:
            "use workflow"
            charge(x)
            return x
        """,
        """
        async def charge(x: int) -> int:
            "use step"
            return x

        async def flow(x: int) -> int:
            "use workflow"
            await charge(x)
            return x
        """,
    ),
    "WFC134": (
        """
        import wfc.api

        async def child(x: int) -> int:
            "use workflow"
            return x

        async def flow(x: int) -> None:
            "use workflow"
            await wfc.api.start(child, x)
        """,
        """
        import wfc.api
        import wfc

        async def child(x: int) -> int:
            "use workflow"
            return x

        async def flow(x: int) -> None:
            "use workflow"
            await wfc.start(child, x)
        """,
    ),
    "WFC135": (
        """
        import asyncio

        async def flow(x: int) -> None:
            "use workflow"

        async def order(x: int) -> None:
            await flow(x)
        """,
        """
        import asyncio
        from wfc.api import start

        async def flow(x: int) -> None:
            "use workflow"

        async def order(x: int) -> None:
            await start(flow, x)
        """,
    ),
    "WFC207": (
        """
        import time
        from wfc import policy

        async def flow(x: int) -> None:
            "use workflow"
            time.sleep(x + 1)
        """,
        """
        import time
        from wfc import sleep, policy

        async def flow(x: int) -> None:
            "use workflow"
            await sleep(x + 1)
        """,
    ),
    "WFC352": (
        """
        import time
        from wfc import policy

        @policy(timeout="1m")
        async def charge(x: int) -> None:
            "use step"
            time.sleep(x)
        """,
        """
        import time
        from wfc import policy
        import asyncio

        @policy(timeout="1m")
        async def charge(x: int) -> None:
            "use step"
            await asyncio.sleep(x)
        """,
    ),
}
UNSAFE: dict[str, tuple[str, str]] = {
    "WFC310": (
        """
        async def charge(x: str) -> str:
            "use step"
            return x

        async def flow(xs: list[str]) -> None:
            "use workflow"
            for x in set(xs):
                await charge(x)
        """,
        """
        async def charge(x: str) -> str:
            "use step"
            return x

        async def flow(xs: list[str]) -> None:
            "use workflow"
            for x in sorted(set(xs)):
                await charge(x)
        """,
    ),
    "WFC501": (
        """
        async def charge(x: str) -> str:
            "use step"
            return x

        async def flow(x: str) -> None:
            "use workflow"
            try:
                await charge(x)
            except BaseException:
                print("failed")
        """,
        """
        async def charge(x: str) -> str:
            "use step"
            return x

        async def flow(x: str) -> None:
            "use workflow"
            try:
                await charge(x)
            except BaseException:
                print("failed")
                raise
        """,
    ),
}


def cured(root: Path, code: str, text: str, *, unsafe: bool) -> tuple[str, int]:
    """Do the fixes of one code in a module of a project."""
    options = Options(selection=Selection(select=(code[:6],)))
    path = root / "app.py"

    def look(text: str) -> list[Finding]:
        path.write_text(text)
        source = ModuleSource(
            name=ModuleName("app"), path="app.py", filename=str(path), text=text, sha256=text
        )
        return check(source, Overview(Project.discover(root)), options)

    return fixed_text(text, look, unsafe=unsafe)


@pytest.mark.parametrize("code", [*SAFE, *UNSAFE])
def test_a_fix_cures_its_finding(tmp_path: Path, code: str) -> None:
    """Once and for all: the result has no such finding, and fixing it again changes nothing."""
    before, after = (dedent(text) for text in {**SAFE, **UNSAFE}[code])
    made, done = cured(tmp_path, code, before, unsafe=True)
    assert (made, done) == (after, 1)
    compile(made, "app.py", "exec")
    assert cured(tmp_path, code, made, unsafe=True) == (after, 0)


@pytest.mark.parametrize("code", UNSAFE)
def test_an_unsafe_fix_must_be_asked_for(tmp_path: Path, code: str) -> None:
    """It may change what a program does."""
    before = dedent(UNSAFE[code][0])
    assert cured(tmp_path, code, before, unsafe=False) == (before, 0)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (
            "WFC207",
            """
            import time

            sleep = print

            async def flow():
                "use workflow"
                time.sleep(1)
            """,
        ),
        (
            "WFC207",
            """
            import time

            def nap():
                time.sleep(1)

            async def flow():
                "use workflow"
                nap()
            """,
        ),
        (
            "WFC135",
            """
            start = print

            async def flow():
                "use workflow"

            async def go():
                await flow()
            """,
        ),
        (
            "WFC501",
            """
            async def charge(x: str) -> str:
                "use step"
                return x

            async def flow(x: str) -> str:
                "use workflow"
                try:
                    return await charge(x)
                except:
                    return "failed"
            """,
        ),
    ],
)
def test_what_cannot_be_done_safely_is_left(tmp_path: Path, code: str, text: str) -> None:
    """A name that means something else, a function that cannot await, a line never reached."""
    before = dedent(text)
    assert cured(tmp_path, code, before, unsafe=True) == (before, 0)
