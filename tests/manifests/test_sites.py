"""Sites found through the caller's frame are right and cheap, on every Python.

One of the three experiments that carry the design.
"""

from __future__ import annotations

import ast
import asyncio
import functools
import subprocess
import sys
import types
from typing import Any, Self

import pytest

from wfc import abi
from wfc.compiler.gather_sites import gather_sites
from wfc.errors import BundleBroken, NoColumns
from wfc.ids import ModuleName
from wfc.manifests.bundle import Bundle, CallSite, Purpose
from wfc.manifests.code import code_of
from wfc.manifests.sites import SiteTable, call_positions, site_of

MODULE = ModuleName("app.shop")


class TopLevelNames:
    """A resolver that knows the names at the top of the module, as imports of `app.steps`."""

    def resolve(self, node: ast.expr) -> str | None:
        match node:
            case ast.Name(id="charge" | "gather" | "map" | "list" | "partial" | "str" as name):
                return f"app.steps.{name}"
            case _:
                return None


def sites_of(text: str) -> tuple[CallSite, ...]:
    return gather_sites(ast.parse(text), TopLevelNames(), MODULE, text)


def observe(body: str) -> tuple[list[str], tuple[CallSite, ...]]:
    """Run `async def main()` with `body`, and give the sites at which `charge` was called."""
    lines = "\n".join("    " + line for line in body.splitlines())
    text = f"async def main():\n{lines}\n"
    bundle = Bundle(
        module=MODULE,
        purpose=Purpose.WORKFLOW,
        text=text,
        path="app/shop.py",
        source_sha256="",
        sites=sites_of(text),
    )
    seen: list[str] = []

    def charge(*_args: Any, **_kwargs: Any) -> Any:
        seen.append(site_of(sys._getframe(1), "charge"))
        return _answer()

    namespace: dict[str, Any] = {
        "__name__": MODULE,
        "charge": charge,
        "gather": asyncio.gather,
        "partial": functools.partial,
        "Service": types.SimpleNamespace(charge=charge),
        "Cm": lambda: _Context(charge),
        "Asks": lambda: _Asks(seen),
    }
    namespace[abi.NAME] = abi.Bundle(MODULE, namespace, {}, SiteTable(bundle).place_at)
    for code in code_of(bundle, "app/shop.py"):
        exec(code, namespace)  # noqa: S102 - the program under test
    asyncio.run(namespace["main"]())
    return seen, bundle.sites


async def _answer() -> int:
    return 1


class _Asks:
    """A context manager that asks on behalf of the code that enters and leaves it, as hooks do."""

    def __init__(self, seen: list[str]) -> None:
        self.seen = seen

    def __aenter__(self) -> Any:
        self.seen.append(site_of(sys._getframe(1), "charge"))
        return _answer()

    def __aexit__(self, *error: object) -> Any:
        self.seen.append(site_of(sys._getframe(1), "charge"))
        return _none()


async def _none() -> None:
    return None


class _Context:
    """A context manager of a library whose exit asks for an operation."""

    def __init__(self, charge: Any) -> None:
        self.charge = charge

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.charge()


CASES = {
    "await": ("await charge(1)", ["charge"]),
    "two on one line": ("await charge(1), await charge(2)", ["charge", "charge.2"]),
    "nested": ("await charge(await charge(1))", ["charge.2", "charge"]),
    "keywords": ("await charge(\n  1,\n  amount=2,\n)", ["charge"]),
    "gather of calls": ("await gather(charge(1), charge(2))", ["charge", "charge.2"]),
    "gather of a list": ("await gather(*[charge(x) for x in 'ab'])", ["charge", "charge"]),
    "gather of a generator": ("await gather(*(charge(x) for x in 'ab'))", ["charge", "charge"]),
    "list of a map": ("for c in list(map(charge, 'ab')): await c", ["list", "list"]),
    "comprehension": ("[await charge(x) for x in 'ab']", ["charge", "charge"]),
    "nested comprehension": ("[[await charge(x) for x in y] for y in ['a']]", ["charge"]),
    "dict comprehension": ("{x: await charge(x) for x in 'a'}", ["charge"]),
    "partial": ("await partial(charge, 1)()", ["partial()"]),
    "partial in a local": ("p = partial(charge, 1)\nawait p()", ["*"]),
    "lambda": ("f = lambda x: charge(x)\nawait f(1)", ["charge"]),
    "lambda in a map": ("for c in list(map(lambda x: charge(x), 'ab')): await c", ["charge"] * 2),
    "f-string": ("f'{await charge(1)} and {await charge(2)}'", ["charge", "charge.2"]),
    "f-string of lines": (
        "f'''{await charge(1)}\n  {await charge(\n2)} {str(await charge(3))!r:>{10}}\n'''",
        ["charge", "charge.2", "charge.3"],
    ),
    "nested f-string": ("f'{f\"{await charge(1)}\"} {await charge(2)}'", ["charge", "charge.2"]),
    "f-string after umlauts": (
        "'äöü', f'ä{await charge(1)}ö{await charge(2)}'",
        ["charge", "charge.2"],
    ),
    "method": ("await Service.charge(1)", ["*.charge"]),
    "method over lines": ("await (\n  Service\n    .charge(\n 1)\n)", ["*.charge"]),
    "chain": ("(await charge(1)).bit_length().__add__(await charge(2))", ["charge", "charge.2"]),
    "star arguments": ("a = [1]\nk = {}\nawait charge(*a, **k)", ["charge"]),
    "conditional": ("await (charge(1) if True else charge(2))", ["charge"]),
    "walrus": ("if (x := await charge(1)): await charge(x)", ["charge", "if:charge"]),
    "unary and binary": ("-await charge(1) + await charge(2)", ["charge", "charge.2"]),
    "subscript": ("[charge][0](1).close()", ["*[]"]),
    "create_task": ("import asyncio\nawait asyncio.create_task(charge(1))", ["charge"]),
    "default": ("def f(x=charge(1)): return x\nawait f()", ["charge"]),
    "return": ("return await charge(1)", ["charge"]),
    "loop": ("for x in 'ab':\n  await charge(x)", ["for:charge", "for:charge"]),
    "except": (
        "try:\n  1 / 0\nexcept ZeroDivisionError:\n  await charge(1)\nfinally:\n  await charge(2)",
        ["except *:charge", "finally:charge"],
    ),
    "match": ("match await charge(1):\n  case 1:\n    await charge(2)", ["charge", "case:charge"]),
    "raise": ("try: raise ValueError(await charge(1))\nexcept ValueError: pass", ["charge"]),
    "umlauts before": ("'äöü€😀'; await charge('ä', 1); await charge(2)", ["charge", "charge.2"]),
}


def _label(site: CallSite) -> str:
    name = site.callee.removeprefix("app.steps.")
    if site.ordinal > 1:
        name += f".{site.ordinal}"
    return f"{'>'.join(site.blocks)}:{name}" if site.blocks else name


@pytest.mark.parametrize("case", CASES)
def test_each_call_is_found_at_its_own_place(case: str) -> None:
    body, expected = CASES[case]
    seen, sites = observe(body)
    places = {f"charge~{site.place}": _label(site) for site in sites}
    assert [places.get(site, site) for site in seen] == expected


@pytest.mark.parametrize(
    "body",
    [
        "for c in map(charge, 'ab'): await c",
        "a, b = map(charge, 'ab')\nawait a\nawait b",
        "await gather(*map(charge, 'ab'), *map(charge, 'c'))",
    ],
)
def test_a_lazy_map_gives_the_bare_name(body: str) -> None:
    """Its position differs between minors, so no position is taken."""
    seen, _ = observe(body)
    assert set(seen) == {"charge"}


@pytest.mark.parametrize(
    "body",
    [
        "async with Asks(): pass",
        "async with Asks() as x, Asks(): pass",
        "for _ in 'a':\n  async with Asks(): break",
        "try:\n  async with Asks(): 1 / 0\nexcept ZeroDivisionError: pass",
    ],
)
def test_entering_and_leaving_a_with_gives_the_bare_name(body: str) -> None:
    """3.13 gives the exit the position of the context expression, so it must not be looked up."""
    seen, _ = observe(body)
    assert set(seen) == {"charge"}


def test_library_code_gives_the_bare_name() -> None:
    seen, _ = observe("async with Cm(): pass")
    assert seen == ["charge"]


def test_a_frame_outside_any_bundle_gives_the_bare_name() -> None:
    assert site_of(sys._getframe(), "sleep") == "sleep"


def test_places_are_cached_by_identity_and_keep_their_code_alive() -> None:
    """Code objects of two versions compare equal, so equality may not be the key."""
    text = "async def main():\n    await charge(1)\n"
    bundle = Bundle(
        module=MODULE,
        purpose=Purpose.WORKFLOW,
        text=text,
        path="s.py",
        source_sha256="",
        sites=sites_of(text),
    )
    table = SiteTable(bundle)
    codes = [_code_of_main(bundle), _code_of_main(bundle)]
    assert codes[0] == codes[1]
    offset = next(o for o, span in call_positions(codes[0]).items() if span.column)  # no guard
    assert [table.place_at(code, offset) for code in codes] == [bundle.sites[0].place] * 2
    assert [known for known, _ in table._known.values()] == codes
    assert set(table._known) == {id(code) for code in codes}


def _code_of_main(bundle: Bundle) -> types.CodeType:
    (module,) = code_of(bundle, "s.py")
    return next(c for c in module.co_consts if isinstance(c, types.CodeType))


def test_a_table_that_does_not_fit_its_text_is_refused() -> None:
    bundle = Bundle(
        module=MODULE, purpose=Purpose.WORKFLOW, text="f()\n", path="s.py", source_sha256=""
    )
    with pytest.raises(BundleBroken, match=r"s\.py.*Build again"):
        SiteTable(bundle)


def test_without_columns_a_workflow_bundle_is_not_loaded() -> None:
    program = (
        "from wfc.manifests.bundle import Bundle, Purpose\n"
        "from wfc.manifests.code import code_of\n"
        "from wfc.errors import NoColumns\n"
        "bundle = Bundle(module='m', purpose=Purpose.WORKFLOW, text='x = 1', path='m.py',"
        " source_sha256='')\n"
        "try:\n    code_of(bundle, 'm.py')\n"
        "except NoColumns as error:\n    print(error.code, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "no_debug_ranges", "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"{NoColumns.code} m.py")
