"""Text becomes code with the source's own settings and nobody else's."""

from __future__ import annotations

from typing import Any

from wfc.ids import ModuleName
from wfc.manifests.bundle import Bundle, Purpose
from wfc.manifests.code import code_has_columns, code_of, module_code


def bundle(text: str, purpose: Purpose = Purpose.WORKFLOW, **more: Any) -> Bundle:
    return Bundle(
        module=ModuleName("m"), purpose=purpose, text=text, path="m.py", source_sha256="", **more
    )


def names_of(one: Bundle) -> dict[str, Any]:
    namespace: dict[str, Any] = {
        "__name__": "m",
        "__wfc__": type("B", (), {"live": lambda: True, "home": "m"}),
    }
    for code in code_of(one, "m.py"):
        exec(code, namespace)  # noqa: S102 - the program under test
    return namespace


def test_a_step_bundle_is_one_module() -> None:
    one = bundle("x = 1\ny = 2\n", Purpose.STEP)
    assert code_of(one, "m.py") == (module_code(one, "m.py"),)


def test_our_own_future_imports_are_not_inherited() -> None:
    one = bundle("def f(x: int) -> int: ...\n", Purpose.STEP)
    assert names_of(one)["f"].__annotations__ == {"x": int, "return": int}


def test_futures_of_the_bundle_hold_in_each_statement() -> None:
    text = "from __future__ import annotations\nx: int = 1\ndef f(x: Missing): ...\n"
    found = names_of(bundle(text, futures=("annotations",)))
    assert found["__annotations__"] == {"x": "int"}
    assert found["f"].__annotations__ == {"x": "Missing"}


def test_every_annotation_of_a_function_becomes_text() -> None:
    text = "def f(a: A, /, b: 'B', *c: C, d: list[D], **e: E) -> F | None: ...\n"
    assert names_of(bundle(text))["f"].__annotations__ == {
        "a": "A",
        "b": "B",
        "c": "C",
        "d": "list[D]",
        "e": "E",
        "return": "F | None",
    }


def test_annotations_of_classes_stay() -> None:
    text = "class A:\n    x: int\n    def f(self, y: Y): ...\n"
    found = names_of(bundle(text))["A"]
    assert found.__annotations__ == {"x": int}
    assert found.f.__annotations__ == {"y": "Y"}


def test_a_text_on_its_own_does_not_become_the_docstring() -> None:
    found = names_of(bundle("'''Doc.'''\nx = 1\n'later'\n"))
    assert found["__doc__"] == "Doc."


def test_the_file_is_named_in_the_code() -> None:
    (code,) = code_of(bundle("x = 1\n"), "/srv/app/m.py")
    assert code.co_filename == "/srv/app/m.py"


def test_this_process_keeps_columns() -> None:
    assert code_has_columns()
