"""Scanning bytes and reading text: fast, never wrong by silence, never a traceback."""

from __future__ import annotations

import codecs
import hashlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfc.compiler.facts import ModuleSource
from wfc.compiler.gather import gather
from wfc.compiler.scan import read_source, scan
from wfc.ids import ModuleName


def read(data: bytes) -> ModuleSource:
    return read_source(ModuleName("app.a"), "app/a.py", "/root/app/a.py", data)


@pytest.mark.parametrize(
    "data",
    [
        b'async def f():\n    "use step"\n',
        b"'use workflow'",
        b'\xef\xbb\xbf"use step"\r\n',
        b'"""\nuse step\n"""',
    ],
)
def test_a_directive_is_seen(data: bytes) -> None:
    """Whatever stands around it, the exact text is found."""
    assert scan(data).directive


@pytest.mark.parametrize(
    "data",
    [
        b'"use steps"',
        b'async def f():\n\t"Use Step"',
        b'async def f(): "use-step"',
        b'async def f(\n    a): ("usestep")',
        b'async def f():\n    "use " "step"',
        b"async def f():\n    f'use steps'  # comment",
        b"x = 1\r'use stpe'\r",
        b'\xef\xbb\xbf"use workflows"; x = 1',
        b'def f():\n    "Doc."\n    " use step"\n',
        b'def f(a: "int"): "use stp"',
        b'def f():\n    """use\tworkflw"""; return 1',
        b"def f():\n    rb'(us_step)'",
        b'def f():\n    "usx sxep"',
        b'def f():\n    "xxe workflow"',
        b'def f():\n    "use workxxow"',
        b'def f():\n    "use worxflowx"',
    ],
)
def test_a_near_miss_is_seen(data: bytes) -> None:
    """A misspelt directive must reach the parser, or nobody would ever tell."""
    found = scan(data)
    assert found.near_miss
    assert found.hit


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x = 1\n",
        b'"""A module about steps."""\n',
        b'def f():\n    "Use the step that fits."\n',
        b'x = {"use": "steps"}\n',
    ],
)
def test_a_plain_module_is_no_hit(data: bytes) -> None:
    """A module without directives is left alone."""
    assert not scan(data).hit


def test_the_scan_loads_no_parser() -> None:
    """A finder asks it for every module of the program, so it costs no import worth the name."""
    heavy = {"libcst", "astroid", "pydantic", "symtable", "msgpack", "rich"}
    program = (
        "import sys; before = set(sys.modules); from wfc.compiler.scan import scan; scan(b'x');"
        "print(*sorted(set(sys.modules) - before))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert not heavy & set(ran.stdout.split())


@given(st.binary(max_size=200))
def test_no_bytes_break_scan_or_reading(data: bytes) -> None:
    """Any file may turn up; it becomes text or a finding, and gathering goes on."""
    scan(data)
    source = read(data)
    assert source.sha256 == hashlib.sha256(data).hexdigest()
    gather(source)


def test_line_ends_and_mark_are_read_as_python_does() -> None:
    """CRLF and CR become LF, the byte order mark goes, tabs stay."""
    source = read(codecs.BOM_UTF8 + b"a = 1\r\n\tb = '\xc3\xa4'\rc = 3")
    assert source.text == "a = 1\n\tb = 'ä'\nc = 3"
    assert source.findings == ()


def test_an_encoding_cookie_is_obeyed() -> None:
    """Latin-1 text is read as what it says it is."""
    source = read("# -*- coding: latin-1 -*-\nx = 'ä'\n".encode("latin-1"))
    assert source.text == "# -*- coding: latin-1 -*-\nx = 'ä'\n"


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"x = 1\ny = '\xff'\n", 2),
        (b"# coding: no-such-encoding\n", 1),
        (b"# coding: rot13\nk = 1\n", 1),
        (codecs.BOM_UTF8 + b"# coding: latin-1\n", 1),
    ],
)
def test_what_cannot_be_decoded_is_a_finding(data: bytes, line: int) -> None:
    """Bad bytes and unknown encodings are told with their line, never raised."""
    source = read(data)
    assert source.text == ""
    (finding,) = gather(source).findings
    assert finding.code == "WFC910"
    assert finding.place.path == "app/a.py"
    assert finding.place.line == line
