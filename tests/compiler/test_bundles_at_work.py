"""Both bundles do what they are for once they are executed."""

from __future__ import annotations

import asyncio
import inspect
import types
from typing import Any

import pytest

from wfc import abi
from wfc.errors import OutsideWorkflow, WorkflowAwaited
from wfc.manifests.bundle import Bundle
from wfc.manifests.code import code_of

from .test_compile import compiled, read, step_of, workflow_of


def case(name: str) -> str:
    """Read a case that needs nothing of wfc when it is executed."""
    return read(name, "before").replace("from wfc import sleep", "from asyncio import sleep")


def run(bundle: Bundle) -> dict[str, Any]:
    """Execute a bundle as the sandbox and the import hook do."""
    namespace: dict[str, Any] = {"__name__": bundle.module}
    definitions = {
        entry.qualname: abi.Definition(
            id=entry.id,
            qualname=entry.qualname,
            is_async=entry.is_async,
            signature=inspect.Signature(),
            annotations={},
            docstring=entry.docstring,
            receiver=entry.receiver,
        )
        for entry in bundle.entries
    }
    namespace[abi.NAME] = abi.Bundle(bundle.module, namespace, definitions)
    module = types.ModuleType(bundle.module)
    vars(module).update(namespace)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, bundle.module, module)
        for code in code_of(bundle, "app/shop/case.py"):
            exec(code, namespace)  # noqa: S102 - the program under test
    return namespace


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abi, "registered", {})


def registered() -> dict[str, abi.Registration]:
    return {str(name).partition(":")[2]: found for name, found in abi.registered.items()}


def test_a_step_of_the_step_bundle_is_a_plain_function() -> None:
    namespace = run(step_of(case("docstrings")))
    assert asyncio.run(namespace["charge"]()) == 1
    assert namespace["charge"].__doc__ == "Charge the card."
    assert abi.id_of(namespace["charge"]) == "app.shop.case:charge"


def test_a_workflow_of_the_step_bundle_refuses() -> None:
    namespace = run(step_of(case("docstrings")))
    for name in ("checkout", "refund", "bare"):
        with pytest.raises(WorkflowAwaited, match=f"start.{name}"):
            asyncio.run(namespace[name]())
    assert namespace["checkout"].__doc__ == "Check out."


@pytest.mark.parametrize(
    "name",
    [
        *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"),
        *("tenth", "eleventh"),
    ],
)
def test_a_workflow_marked_by_its_module_refuses_first_thing(name: str) -> None:
    """Whatever its body begins with: blocks, `try`, definitions, defaults that fail."""
    namespace = run(step_of(case("module_directive_workflows")))
    arguments = [True] if name == "fifth" else []
    with pytest.raises(WorkflowAwaited, match=name):
        asyncio.run(namespace[name](*arguments))


def test_nested_steps_in_handlers_leave_their_code_too() -> None:
    """What a handler binds is still free in them."""
    namespace = run(step_of(case("module_directive_workflows")))
    codes = [one for one in namespace["ninth"].__code__.co_consts if inspect.iscode(one)]
    assert {code.co_name: code.co_freevars for code in codes} == {
        "charge": ("error",),
        "refund": (),
    }


@pytest.mark.parametrize(
    "statement", ["while x:", "while max(\n        x, 0\n    ):", "match x:\n        case _:"]
)
def test_a_workflow_that_begins_with_a_block_refuses_first_thing(statement: str) -> None:
    inner = " " * (12 if "case" in statement else 8)
    text = (
        '"use workflow"\n'
        "async def main(x):\n"
        f"    {statement}\n"
        f"{inner}async def charge():\n"
        f'{inner}    "use step"\n'
        f"{inner}    return x\n"
        f"{inner}return await charge()\n"
    )
    with pytest.raises(WorkflowAwaited):
        asyncio.run(run(step_of(text))["main"](1))


def test_nested_steps_leave_their_code_in_the_step_bundle() -> None:
    run(step_of(case("nested_step")))
    found = registered()
    assert found["checkout"].kind == "workflow"
    assert found["checkout.charge"].kind == "step"
    outer = found["checkout.charge"].function
    assert abi.id_of(outer) == "app.shop.case:checkout"
    codes = [const for const in outer.__code__.co_consts if isinstance(const, types.CodeType)]
    assert [code.co_qualname for code in codes] == [
        "checkout.<locals>.charge",
        "checkout.<locals>.ping",
    ]
    assert codes[0].co_freevars == ("base", "rate")


def test_methods_are_registered_by_their_qualname() -> None:
    namespace = run(step_of(case("classes")))
    order = namespace["Order"]
    found = registered()
    assert found["Order.total"].function is order.total
    assert found["Order.make"].function == order.make
    assert found["Order.__secret"].function is order._Order__secret
    assert abi.id_of(order.make) == "app.shop.case:Order.make"


def test_a_main_block_finds_what_stands_above_it_registered() -> None:
    text = case("main_block").replace("    asyncio.run(start(main))", "    seen = len(known())")
    text = text.replace("from wfc.api import start", "from wfc.abi import registered")
    text = text.replace("known()", "registered")
    bundle = step_of(text)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    namespace[abi.NAME] = abi.Bundle(bundle.module, namespace)
    for code in code_of(bundle, "case.py"):
        exec(code, namespace)  # noqa: S102 - the program under test
    assert namespace["seen"] == 2


def test_a_step_in_a_branch_not_taken_is_not_registered() -> None:
    run(step_of(case("conditional_definitions")))
    assert set(registered()) == {"main"}


IN_BRANCHES = """
import sys
if not sys.platform:
    async def checkout():
        "use workflow"
        async def charge():
            "use step"
        await charge()
    class Gone:
        @staticmethod
        async def pay():
            "use step"
class Bank:
    if not sys.platform:
        @staticmethod
        async def pay():
            "use step"
    else:
        @staticmethod
        async def repay():
            "use step"
    class __Vault:
        @staticmethod
        async def __open():
            "use step"
"""


def test_what_stands_in_a_branch_is_registered_if_it_is_there() -> None:
    """Nested steps, methods, classes in classes; private names too."""
    namespace = run(step_of(IN_BRANCHES))
    assert set(registered()) == {"Bank.repay", "Bank.__Vault.__open"}
    vault = namespace["Bank"]._Bank__Vault
    assert registered()["Bank.__Vault.__open"].function is vault._Vault__open


def test_the_last_of_overloads_is_registered() -> None:
    """It is there for certain, so nothing asks whether it is."""
    text = (
        "import typing\n@typing.overload\ndef size(x: int) -> int: ...\n"
        "@typing.overload\ndef size(x: str) -> int: ...\n"
        "def size(x):\n    'use step'\n    return 1\n"
    )
    assert step_of(text).text.endswith('\n__wfc__.register("step", "size", size)\n')


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any, Any]]:
    calls: list[tuple[str, Any, Any]] = []

    async def answer() -> str:
        return "answer"

    def step(
        definition: abi.Definition, frame: Any, arguments: Any, captures: abi.Captures | None
    ) -> Any:
        taken = dict(captures()) if captures is not None else None
        calls.append((definition.qualname, arguments, taken))
        return answer()

    monkeypatch.setattr(abi.slots, "step", step)
    return calls


def test_a_stub_asks_the_runtime(asked: list[Any]) -> None:
    namespace = run(workflow_of(case("plain")))
    assert asyncio.run(namespace["charge"]("o-1", cents=3)) == "answer"
    assert asked == [("charge", (("o-1",), {"cents": 3}), None)]
    assert inspect.iscoroutinefunction(namespace["charge"])
    assert namespace["charge"].__doc__ == "Charge the card."


def test_a_stub_without_a_run_says_so() -> None:
    namespace = run(workflow_of(case("plain")))
    with pytest.raises(OutsideWorkflow, match=r"app\.shop\.case:charge"):
        namespace["charge"]("o-1", 3)


def test_nested_stubs_read_their_captures_at_each_call(asked: list[Any]) -> None:
    namespace = run(workflow_of(case("nested_step")))
    assert asyncio.run(namespace["checkout"](5)) == "answer"
    assert asked == [
        ("checkout.ping", ((), {}), {}),
        ("checkout.charge", ((4,), {}), {"base": 6, "rate": 5}),
    ]


def test_stubs_in_classes_bind_as_their_receivers_say(asked: list[Any]) -> None:
    order = run(workflow_of(case("classes")))["Order"]
    one = order("o", [])

    async def all_of_them() -> None:
        await order.ship(one)
        await one.label("t")
        await one.make("u")

    asyncio.run(all_of_them())
    assert [(name, arguments[0]) for name, arguments, _ in asked] == [
        ("Order.total", (one,)),
        ("Order.label", ("x",)),
        ("Order.make", (order, "y")),
        ("Order.label", ("t",)),
        ("Order.make", (order, "u")),
    ]


def test_annotations_are_text_in_a_workflow_bundle() -> None:
    namespace = run(workflow_of(case("annotations")))
    assert namespace["main"].__annotations__ == {
        "amount": "Decimal",
        "return": "dict[str, Decimal]",
    }
    assert namespace["helper"].__annotations__["s"] == "socket"
    assert namespace["Order"].__annotations__ == {"id": str}


def test_statements_are_executed_one_by_one() -> None:
    """So the sandbox can skip one, or say which one went wrong."""
    bundle = workflow_of(case("helpers"))
    assert len(code_of(bundle, "x.py")) == len(__import__("ast").parse(bundle.text).body)


def test_what_a_judge_refuses_is_not_written() -> None:
    assert compiled("async def main(:\n").step is None
