"""What `import *` binds is known before anything runs."""

from __future__ import annotations

import ast
from textwrap import dedent

import pytest

from wfc.manifests.exports import UNKNOWN, exports_of
from wfc.manifests.fingerprint import Unit


def exported(**modules: str) -> tuple[list[str], bool]:
    """Tell what a star import takes from the package `app`; names of its parts have no prefix."""
    units = {
        name: Unit(name, ast.parse(dedent(text)), is_package=name == "app")
        for part, text in modules.items()
        for name in ("app" if part == "app" else f"app.{part}",)
    }
    found = exports_of("app", units.get)
    return sorted(found.names), found.whole


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("A = 1\n_b = 2\ndef f(): x = 1\nclass C: y = 1\nasync def g(): ...", ["A", "C", "f", "g"]),
        ("import os.path, sys as system\nfrom json import loads as read", ["os", "read", "system"]),
        ("try:\n    A = 1\nexcept E as e:\n    B = 2", ["A", "B", "e"]),
        ("for i in x: A = [j for j in i]\nwith a as b: (c, *d), e = f", list("Abcdei")),
        ("if (n := 1): pass\nmatch n:\n    case [first, *rest]: pass", ["first", "n", "rest"]),
        ("if TYPE_CHECKING:\n    import a\nelse:\n    import b", ["b"]),
        ("import typing\nif typing.TYPE_CHECKING:\n    import a\nimport c", ["c", "typing"]),
        ("__all__ = ['_a', 'b']\nc = 1", ["_a", "b"]),
        ("__all__: list[str] = ['a']\n__all__ += ('b',)", ["a", "b"]),
        ("__all__ = ['a']\n__all__.append('b')\n__all__.extend(['c'])", ["a", "b", "c"]),
        ("__all__ = ['a'] + list(('b',)) + [*['c']]", ["a", "b", "c"]),
        ("__all__ = []", []),
    ],
)
def test_names_of_one_module(text: str, names: list[str]) -> None:
    """Public names that are bound when it runs; or those of `__all__`, as far as written out."""
    assert exported(app=text) == (names, True)


@pytest.mark.parametrize(
    "text",
    [
        "__all__ = [name for name in dir()]",
        "__all__ = compute()",
        "__all__ = ['a', name]",
        "__all__ += ['a']",
        "__all__ = ['a']\n__all__.remove('a')",
        "if x:\n    __all__ = ['a']",
        "from .deep import a\n__all__ = deep.__all__",
    ],
)
def test_a_computed_list_is_unknown(text: str) -> None:
    """Then no name is certain."""
    assert exported(app=text) == ([], False)


def test_stars_of_stars_are_followed() -> None:
    """Relative ones too; private names stay behind at each."""
    assert exported(
        app="from .one import *\nx = 1", one="from app.two import *", two="a = _b = 1"
    ) == (
        ["a", "x"],
        True,
    )


def test_lists_of_parts_are_added_up() -> None:
    """As in `asyncio/__init__.py`: the parts are names of the package once they are imported."""
    found = exported(
        app="from .one import *\nfrom . import two\n__all__ = one.__all__ + two.__all__ + ['c']",
        one="__all__ = ['a']",
        two="__all__ = ('b',)",
    )
    assert found == (["a", "b", "c"], True)


def test_a_star_that_leads_out_leaves_a_hole() -> None:
    """What is known is given; there may be more."""
    assert exported(app="from elsewhere import *\na = 1") == (["a"], False)
    assert exports_of("elsewhere", lambda _: None) is UNKNOWN


def test_modules_that_import_each_other() -> None:
    """The inner one finds nothing in the outer one, as when Python imports them."""
    assert exported(app="from .one import *\na = 1", one="from app import *\nb = 1") == (
        ["a", "b"],
        True,
    )
