"""Bytes may be anything: only errors of wfc come out, nothing is imported, memory is bounded."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]  # it ships no types
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wfc
from tests.codec.kinds import Item, Known, Node, Pair
from tests.codec.test_round_trips import SAMPLES
from wfc import codec
from wfc.codec import envelope
from wfc.errors import (
    PayloadCorrupt,
    PayloadMismatch,
    PayloadTooLarge,
    PayloadTooNew,
    UnknownType,
    WfcError,
)

zstd = envelope._zstd()  # of the standard library from 3.14 on


def payload(value: Any) -> bytes:
    return b"\x01\x00" + bytes(msgpack.packb(value))


def extension(code: int, inner: Any) -> bytes:
    return payload(msgpack.ExtType(code, msgpack.packb(inner)))


@given(st.binary(max_size=300))
def test_random_bytes_give_only_errors_of_wfc(data: bytes) -> None:
    for start in (b"", b"\x01\x00", b"\x01\x01"):
        try:
            codec.decode(start + data, types=Known())
        except WfcError:
            continue


@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_changed_bytes_give_only_errors_of_wfc(name: str, data: st.DataObject) -> None:
    whole = bytearray(codec.encode([SAMPLES[name]], path="v"))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        codec.decode(
            bytes(whole), types=Known(), annotation=data.draw(st.sampled_from([None, list]))
        )
    except WfcError:
        return


@given(st.integers(0, 40), st.binary(max_size=40))
def test_any_extension_gives_only_errors_of_wfc(code: int, data: bytes) -> None:
    try:
        codec.decode(payload(msgpack.ExtType(code, data)), types=Known())
    except WfcError:
        return


@given(st.binary(max_size=100), st.sampled_from([ValueError("x"), OSError(2, "a", "b")]))
def test_damaged_errors_give_only_errors_of_wfc(noise: bytes, error: Exception) -> None:
    whole = bytearray(codec.encode_error(error))
    whole[5 : 5 + len(noise)] = noise
    for data in (bytes(whole), b"\x01\x00" + noise):
        try:
            codec.decode_error(data)
        except WfcError:
            continue


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x00\x00\x05", payload(5) + b"x", b"\x01\x00"])
def test_what_is_no_payload_is_called_corrupt(data: bytes) -> None:
    with pytest.raises(PayloadCorrupt):
        codec.decode(data)


@pytest.mark.parametrize(
    "data", [b"\x02\x00\x05", b"\x01\x02\x05", b"\x01\x80\x05", extension(27, 1), extension(40, 1)]
)
def test_what_a_newer_wfc_wrote_is_called_so(data: bytes) -> None:
    with pytest.raises(PayloadTooNew, match="newer"):
        codec.decode(data)


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = zstd.compress(bytes(65 * 1024 * 1024))
    assert len(bomb) < 10_000
    with pytest.raises(PayloadCorrupt, match="declares 68157440 bytes"):
        codec.decode(b"\x01\x01" + bomb)


def test_a_stream_that_declares_nothing_is_refused() -> None:
    packer = zstd.ZstdCompressor()
    data = packer.compress(b"x" * 9000) + packer.flush()
    with pytest.raises(PayloadCorrupt, match="declares None bytes"):
        codec.decode(b"\x01\x01" + data)


@pytest.mark.parametrize("tail", [zstd.compress(b"x"), b"x"])
def test_a_second_frame_is_not_unpacked(tail: bytes) -> None:
    with pytest.raises(PayloadCorrupt, match="does not hold what it declares"):
        codec.decode(b"\x01\x01" + zstd.compress(msgpack.packb("a" * 2000)) + tail)


def test_a_cut_frame_is_corrupt() -> None:
    data = codec.encode("a" * 5000, path="v")
    for size in (3, 8, len(data) - 1):
        with pytest.raises(PayloadCorrupt):
            codec.decode(data[:size])


def test_nesting_without_end_is_corrupt() -> None:
    body = b"\xc0"
    for _ in range(400):
        body = bytes(msgpack.packb(msgpack.ExtType(1, b"\x91" + body)))
    with pytest.raises(PayloadCorrupt, match="nested too deep"):
        codec.decode(b"\x01\x00" + body)


# --- types ------------------------------------------------------------------------------------


def test_a_named_type_is_never_imported() -> None:
    """A payload can name what it likes; no module is loaded because of it."""
    sys.modules.pop("this", None)
    for code in (15, 16, 17):
        with pytest.raises(UnknownType, match=r"`Zen` of `this`.*App\.register_type"):
            codec.decode(extension(code, ["this:Zen", {}]))
    with pytest.raises(UnknownType):
        codec.decode(extension(13, ["this:Zen", ["A"]]))
    error = codec.decode_error(
        payload(["this:Zen", "m", b"\x90", None, [], [], None, None, [], False, None])
    )
    assert type(error).__name__ == "StepError"
    assert "this" not in sys.modules


@pytest.mark.parametrize("name", ["os:system", "builtins:eval", "subprocess:Popen"])
def test_a_found_type_must_be_of_a_family(name: str) -> None:
    class Generous:
        def find(self, _: str) -> type | None:
            return int

    with pytest.raises(UnknownType):
        codec.decode(extension(15, [name, {}]), types=Generous())
    with pytest.raises(PayloadMismatch, match="no enumeration"):
        codec.decode(extension(13, [name, ["A"]]), types=Generous())


def test_an_unknown_type_inside_is_named_even_where_the_annotation_is_open() -> None:
    data = codec.encode({"k": [(Item("a"),)]}, path="v")
    for annotation in (None, dict, dict[str, Any]):
        with pytest.raises(UnknownType, match=r"`Item` of `tests\.codec\.kinds`"):
            codec.decode(data, annotation=annotation)


def test_an_unknown_reference_is_named() -> None:
    with pytest.raises(UnknownType, match="`gone` of `shop`"):
        codec.decode(payload(msgpack.ExtType(19, b"shop:gone")))


def test_a_member_that_is_gone_is_a_mismatch() -> None:
    with pytest.raises(PayloadMismatch, match="has no member 'GREEN' any more"):
        codec.decode(extension(13, ["tests.codec.kinds:Colour", ["GREEN"]]), types=Known())


def test_a_zone_that_this_machine_lacks_is_a_mismatch() -> None:
    with pytest.raises(PayloadMismatch, match="Mars/Olympus"):
        codec.decode(extension(26, "Mars/Olympus"))


@pytest.mark.parametrize("zone", [5, ["x"], [10**18], {}])
def test_what_is_no_zone_is_named(zone: Any) -> None:
    with pytest.raises((PayloadMismatch, PayloadCorrupt)):
        codec.decode(extension(26, zone))


@pytest.mark.parametrize("kind", [{Pair(1): 1}, [[Item("a")]], {"a": Node(Pair(1))}, {Pair(1)}])
def test_an_unknown_type_is_named_wherever_it_stands(kind: Any) -> None:
    """Also as a key, in a set, and within an object whose own type is known."""

    class OnlyNode:
        def find(self, name: str) -> type | None:
            return Node if name.endswith(":Node") else None

    with pytest.raises(UnknownType, match=r"of `tests\.codec\.kinds`"):
        codec.decode(codec.encode(kind, path="v"), types=OnlyNode())


def test_arguments_that_are_no_mapping_are_corrupt() -> None:
    with pytest.raises(PayloadCorrupt, match="holds something else"):
        codec.decode_arguments(payload([1]), {})


def test_a_limit_names_the_arguments() -> None:
    with pytest.raises(PayloadTooLarge, match=r"the arguments of f\(\) is"):
        codec.encode_arguments({"a": bytes(65 * 1024 * 1024)}, call="f()")


# --- the ban ----------------------------------------------------------------------------------

BANNED = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle"}
BYTE_CODE_CACHES = {"compiler/import_hook.py", "compiler/cache.py", "manifests/code.py"}


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_nothing_is_ever_unpickled() -> None:
    """Byte-code caches, which are made and read on one machine, may use marshal."""
    root = Path(wfc.__file__).parent
    sources = sorted(root.rglob("*.py"))
    assert len(sources) > 20
    for path in sources:
        name = path.relative_to(root).as_posix()
        banned = BANNED - ({"marshal"} if name in BYTE_CODE_CACHES else set())
        assert not _imports(path) & banned, name
