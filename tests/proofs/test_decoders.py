"""Whatever is read may be anything: only errors of wfc come out of what decodes it.

Each row of `DECODERS` is a reader with samples that it reads. It is given these with bytes changed,
cut off and repeated, with the values inside exchanged, and bytes that never were a sample.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import msgpack  # type: ignore[import-untyped]  # it ships no types
import pytest

from tests.codec.kinds import Known
from tests.codec.test_round_trips import SAMPLES
from tests.eventlog.samples import SAMPLES as EVENTS
from tests.proofs import hostile
from tests.proofs.dose import SOAK_MINUTES, seeds_for
from tests.proofs.findings import Findings
from tests.proofs.record import proof
from tests.runtime.programs import Program
from wfc import codec
from wfc.compiler.compile import compile_module
from wfc.compiler.scan import read_source, scan
from wfc.errors import WfcError
from wfc.eventlog import wire
from wfc.ids import ModuleName, RunId, VersionId
from wfc.manifests.manifest import Manifest
from wfc.manifests.store import from_archive, read_spans, read_version, to_archive, write_version
from wfc.runtime import exported
from wfc.runtime.exported import Exported, lines_of
from wfc.runtime.hook_schemas import read_schema, recorded_schema
from wfc.settings import load_settings
from wfc.worlds.protocol import HookFilter, RunFilter
from wfc.worlds.rules import read_cursor, read_hook_cursor

PROGRAM: Final = """
from dataclasses import dataclass
from wfc import policy, sleep

@dataclass
class Order:
    id: str
    cents: int = 1

@policy(attempts=5)
async def charge(order: Order, *, note: str = "") -> str:
    "use step"
    return order.id + note

async def checkout(order: Order) -> str:
    "use workflow"
    paid = await charge(order, note="n")
    if paid:
        await sleep("3 days")
    try:
        return await charge(order)
    finally:
        await charge(Order("x"))
"""
SETTINGS: Final = """\
[tool.wfc]
world = "sqlite:///runs.db"
source = ["."]
packages = ["shop"]
environment = ["TZ"]
out = ".wfc"
[tool.wfc.worker]
concurrency = 3
drain = "25s"
[tool.wfc.queues.free]
limit = 3
by = "user"
rate = "10/1m"
[tool.wfc.lint]
select = ["WFC2"]
per-file = { "a.py" = ["WFC201"] }
[tool.wfc.retention]
"""
Try = Callable[[random.Random], bool | None]
"""One try; False, like an error of wfc, says that what was given was refused."""


@cache
def version() -> Any:
    """Give a version with a manifest."""
    return Program("decoded_flows", PROGRAM, whole=True).version


@contextmanager
def folder() -> Iterator[Path]:
    """Give a folder that goes away."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def payload(chance: random.Random) -> None:
    whole = codec.encode([SAMPLES[chance.choice(sorted(SAMPLES))]], path="a test")
    data = hostile.some_bytes(chance, whole)
    chance.choice((
        lambda: codec.decode(data, types=Known()),
        lambda: codec.decode(data, types=Known(), annotation=dict[str, int]),
        lambda: codec.decode_arguments(data, {"a": int}, Known()),
        lambda: codec.decode_error(data),
        lambda: codec.redacted(data, ["a", "*"]),
    ))()  # fmt: skip


def event(chance: random.Random) -> None:
    whole = wire.encode(5, chance.choice(EVENTS))
    if chance.random() < 1 / 2:
        fields = msgpack.unpackb(whole[2:-4], strict_map_key=False)
        whole = whole[:2] + _packed(hostile.changed(chance, fields))
        data = whole + crc32(whole).to_bytes(4, "big")
    else:
        data = hostile.some_bytes(chance, whole)
    wire.decode(data, run_id=RunId("r"), position=1)


def _packed(value: Any) -> bytes:
    """Pack what JSON knows; what msgpack has no form for becomes nothing."""
    try:
        packed: bytes = msgpack.packb(value, unicode_errors="surrogatepass")
    except (OverflowError, ValueError):
        return b"\xc0"
    return packed


def archive(chance: random.Random) -> None:
    whole = to_archive(version())
    if chance.random() < 1 / 2:
        head = len(whole) - len(_body_of(whole)) - 32
        plain = msgpack.unpackb(_body_of(whole), unicode_errors="surrogatepass")
        body = _packed(hostile.changed(chance, plain))
        data = whole[:head] + hashlib.sha256(whole[:head] + body).digest() + body
    else:
        data = hostile.some_bytes(chance, whole)
    from_archive(data)


@cache
def _body_of(whole: bytes) -> bytes:
    """Give what stands behind the checksum, which is of all before it and all behind it."""
    for head in range(1, 20):
        body = whole[head + 32 :]
        if hashlib.sha256(whole[:head] + body).digest() == whole[head : head + 32]:
            return body
    raise AssertionError


def manifest(chance: random.Random) -> None:
    Manifest.parse(_json(chance, version().manifest))


def _json(chance: random.Random, whole: str) -> str:
    """Give a document with something in it exchanged, or its text damaged."""
    if chance.random() < 2 / 3:
        return json.dumps(hostile.changed(chance, json.loads(whole)))
    data = hostile.some_bytes(chance, whole.encode())
    return data.decode("utf-8", chance.choice(("replace", "surrogateescape")))


@cache
def _built() -> tuple[tempfile.TemporaryDirectory[str], Path]:
    kept = tempfile.TemporaryDirectory()
    return kept, write_version(version(), Path(kept.name))


def built(chance: random.Random) -> None:
    """Damage one file of the folder of a build."""
    with folder() as place:
        copy = place / "copy"
        shutil.copytree(_built()[1], copy)
        files = sorted(one for one in copy.rglob("*") if one.is_file())
        damaged = chance.choice(files)
        if damaged.suffix == ".json":
            text = _json(chance, damaged.read_text())
            damaged.write_text(text, encoding="utf-8", errors="surrogatepass")
        elif chance.random() < 1 / 4:
            damaged.unlink()
        else:
            damaged.write_bytes(hostile.some_bytes(chance, damaged.read_bytes()))
        chance.choice((read_version, read_spans))(copy)


@cache
def _exported() -> str:
    kept = Exported(
        run_id=RunId("r"),
        log=[
            wire.decode(wire.encode(n, one), run_id=RunId("r"), position=n)
            for n, one in enumerate(EVENTS[:5], 1)
        ],
        archives={VersionId(version().id): to_archive(version())},
    )
    return "\n".join(lines_of(kept))


def export(chance: random.Random) -> None:
    lines = _exported().splitlines()
    at = chance.randrange(len(lines))
    lines[at] = _json(chance, lines[at])
    with folder() as place:
        file = place / "run.jsonl"
        file.write_text("\n".join(lines), encoding="utf-8", errors="surrogatepass")
        exported.read(file)


def settings(chance: random.Random) -> None:
    with folder() as place:
        data = SETTINGS.encode()
        if chance.random() < 2 / 3:
            lines = SETTINGS.splitlines()
            at = chance.randrange(1, len(lines))
            key = lines[at].partition("=")[0] if chance.random() < 2 / 3 else hostile.word(chance)
            lines[at] = f"{key} = {_toml(chance)}"
            data = "\n".join(lines).encode("utf-8", "surrogatepass")
        else:
            data = hostile.some_bytes(chance, data)
        (place / "pyproject.toml").write_bytes(data)
        loaded = load_settings(place)
        assert loaded.settings


def _toml(chance: random.Random) -> str:
    made = hostile.value(chance, 2)
    if made is None or isinstance(made, dict):
        return chance.choice(("{}", "{ a = 1 }", "[[]]", "1979-05-27", "inf", "0x1", '"""', "[{}]"))
    return json.dumps(made)


def schema(chance: random.Random) -> None:
    whole = recorded_schema(chance.choice((dict[str, int], list[str], int | None, str)))
    assert whole is not None
    data = hostile.some_bytes(chance, whole)
    if chance.random() < 1 / 2:
        plain = hostile.changed(chance, codec.decode(whole))
        data = codec.encode(_encodable(plain), path="a test")
    read_schema(data, Known()).admit(hostile.value(chance), as_json=chance.random() < 1 / 2)


def _encodable(plain: Any) -> Any:
    """Leave out lone surrogates, which have no place in a payload."""
    match plain:
        case str():
            return plain.encode("utf-8", "replace").decode()
        case dict():
            return {_encodable(key): _encodable(one) for key, one in plain.items()}
        case list() | tuple():
            return [_encodable(one) for one in plain]
    return plain


def cursor(chance: random.Random) -> None:
    plain = [5, "r", "op", "d"][: chance.choice((3, 4))]
    text = json.dumps(hostile.changed(chance, plain)).encode("utf-8", "surrogatepass")
    given = base64.urlsafe_b64encode(text).decode()
    given = hostile.word(chance, [given, given])
    if chance.random() < 1 / 2:
        read_cursor(RunFilter(), given)
    else:
        read_hook_cursor(HookFilter(), given)


def source(chance: random.Random) -> bool:
    data = hostile.program(chance, PROGRAM)
    scan(data)
    read = read_source(ModuleName("m"), "m.py", "/m.py", data)
    return not (read.findings or compile_module(read).diagnostics)


DECODERS: Final[dict[str, Try]] = {
    one.__name__: one
    for one in (
        payload, event, archive, manifest, built, export, settings, schema, cursor, source,
    )
}  # fmt: skip


def survives(name: str, seed: int) -> bool:
    """Try a reader once; tell whether it took what it was given. Only errors of wfc pass."""
    chance = random.Random(f"{name} {seed}")  # noqa: S311 - repeatable, and no secret
    try:
        return DECODERS[name](chance) is not False
    except WfcError:
        return False


@pytest.mark.parametrize("name", DECODERS)
def test_only_errors_of_wfc_come_out(name: str) -> None:
    """A few dozen times each; some of it is still readable, most of it is not."""
    taken = [survives(name, seed) for seed in range(60)]
    assert not all(taken)


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", DECODERS)
def test_only_errors_of_wfc_come_out_for_long(name: str) -> None:
    """For as long as the dose says; all findings are told."""
    with proof(
        f"fuzz-decoder-{name}",
        title=f"Hostile bytes: {name}",
        holds="only errors of wfc come out",
        dose=f"{SOAK_MINUTES:g} minutes",
        command=f"WFC_SOAK={SOAK_MINUTES:g} python -m pytest -m soak tests/proofs/test_decoders.py",
    ) as figures:
        findings = Findings()
        answers: Counter[bool] = Counter()
        for seed in seeds_for():
            try:
                answers[survives(name, seed)] += 1
            except Exception as error:  # noqa: BLE001 - the proof goes on, and fails at its end
                findings.add(seed, error)
        figures["tries"] = answers.total() + findings.count.total()
        figures["refused"] = answers[False]
        figures["still readable"] = answers[True]
        figures["findings"] = findings.count.total()
        findings.check()
