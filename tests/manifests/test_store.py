"""A version survives folder and archive whole, or is refused with a sentence."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wfc.determinism import Rules
from wfc.errors import BuildTooNew, BundleBroken
from wfc.ids import DefinitionId, ModuleName, VersionId
from wfc.manifests.bundle import (
    Bundle,
    CallSite,
    Entry,
    Parameter,
    Purpose,
    Receiver,
    Signature,
    Span,
)
from wfc.manifests.store import (
    Version,
    bundle_digest,
    current_version,
    from_archive,
    read_version,
    readable,
    set_current,
    to_archive,
    version_id,
    write_version,
)

MODULE = ModuleName("app.billing")


def a_bundle(purpose: Purpose, text: str = 'x = "ü\ud800"\n') -> Bundle:
    entry = Entry(
        id=DefinitionId("app.billing:Card.charge"),
        qualname="Card.charge",
        kind="step",
        is_async=False,
        docstring=None,
        signature=Signature(
            parameters=(Parameter(name="cents", kind="POSITIONAL_OR_KEYWORD", annotation="int"),),
            returns="str",
            captures=("rate",),
        ),
        span=Span(1, 0, 3, 4),
        receiver=Receiver.SELF,
        nested_in="checkout",
        policy={"timeout": 1.5, "attempts": 5, "backoff": {"b": (1, 2), "a": None}},
    )
    site = CallSite(
        span=Span(2, 4, 2, 9),
        place="9c01d2ab",
        callee="app.billing.charge",
        function="checkout",
        blocks=("if", "except ValueError"),
        ordinal=1,
    )
    return Bundle(
        module=MODULE,
        purpose=purpose,
        text=text,
        path="app/billing.py",
        source_sha256="0" * 64,
        futures=("annotations",),
        entries=(entry,),
        sites=(site,),
        imports=("json",),
        shared=("Order",),
    )


def a_version(**changes: Any) -> Version:
    workflow, step = a_bundle(Purpose.WORKFLOW), a_bundle(Purpose.STEP)
    rules = Rules(packages=("app",), pure=("shapely",))
    version = version_id(rules, {MODULE: "0" * 64})
    manifest = {
        "schema": "wfc.manifest/1.0",
        "version": version,
        "modules": {
            MODULE: {"bundles": {"workflow": bundle_digest(workflow), "step": bundle_digest(step)}}
        },
        "workflows": {"app.billing:checkout": {"fingerprints": {"f1": "ab"}}},
        "classes": {"app.billing:Card": {"kind": "class"}},
        "rules": {"packages": ["app"], "pure": ["shapely"], "refused": [], "environment": []},
    }
    whole = Version(
        id=version,
        workflow={MODULE: workflow},
        step={MODULE: step},
        source={MODULE: "x = 1\n"},
        fingerprints={DefinitionId("app.billing:checkout"): "ab"},
        classes=frozenset({"app.billing:Card"}),
        rules=rules,
        manifest=readable(manifest),
    )
    return replace(whole, **changes)


def reread(version: Version) -> Version:
    """Policies hold lists after a round trip, as JSON and msgpack have no tuples."""
    return from_archive(to_archive(version))


def test_an_archive_gives_the_version_back() -> None:
    """Every field survives, lone surrogates too, and equal versions give equal bytes."""
    version = a_version()
    again = from_archive(to_archive(version))
    assert to_archive(again) == to_archive(version)
    assert (
        again.workflow[MODULE].entries[0].signature == version.workflow[MODULE].entries[0].signature
    )
    assert again.workflow[MODULE].sites == version.workflow[MODULE].sites
    assert again.source == version.source
    assert again.rules == version.rules
    assert again.classes == version.classes
    assert again.workflow[MODULE].entries[0].policy["backoff"] == {"a": None, "b": [1, 2]}


def test_a_folder_gives_the_version_back(tmp_path: Path) -> None:
    """What a build writes is what a worker reads, and it is named by the version."""
    version = a_version()
    folder = write_version(version, tmp_path, environment={"python": "3.11"})
    assert folder == tmp_path / "versions" / version.id
    assert read_version(folder) == reread(version)
    assert json.loads((folder / "environment.json").read_text())["python"] == "3.11"
    assert (folder / "source" / "app.billing.py").read_text() == "x = 1\n"
    spans = json.loads((folder / "spans.json").read_text())
    assert spans["app.billing~9c01d2ab"] == ["app/billing.py", 2, 4, 2, 9]


def test_writing_twice_changes_nothing(tmp_path: Path) -> None:
    """The same version again leaves the folder, and a damaged folder is written anew."""
    version = a_version()
    folder = write_version(version, tmp_path)
    before = {path.name: path.stat().st_ino for path in (folder / "workflow").iterdir()}
    write_version(version, tmp_path)
    assert {path.name: path.stat().st_ino for path in (folder / "workflow").iterdir()} == before
    (folder / "workflow" / "app.billing.py").write_text("broken")
    write_version(version, tmp_path)
    assert read_version(folder) == reread(version)
    assert [path.name for path in (tmp_path / "versions").iterdir()] == [version.id]


def test_the_current_version_is_the_last_named(tmp_path: Path) -> None:
    """No build yet, then one, then another; rubbish is no version."""
    assert current_version(tmp_path) is None
    set_current(tmp_path, VersionId("0" * 16))
    set_current(tmp_path, VersionId("1" * 16))
    assert current_version(tmp_path) == "1" * 16
    (tmp_path / "current").write_bytes(b"\xff\xfe")
    assert current_version(tmp_path) is None


@pytest.mark.parametrize("at", [0, 4, 5, 20, 37, 60, -1])
def test_a_flipped_bit_is_found(at: int) -> None:
    """Wherever the archive is damaged, it is refused."""
    data = bytearray(to_archive(a_version()))
    data[at] ^= 1
    with pytest.raises((BundleBroken, BuildTooNew)):
        from_archive(bytes(data))


@pytest.mark.parametrize("length", [0, 3, 36, 100])
def test_a_cut_archive_is_found(length: int) -> None:
    """An archive that ends too early is refused."""
    with pytest.raises(BundleBroken):
        from_archive(to_archive(a_version())[:length])


def test_an_archive_of_another_shape_is_refused() -> None:
    """A right checksum over a wrong content is no version."""
    body = b"\x80"
    with pytest.raises(BundleBroken, match="does not hold"):
        from_archive(b"wfcv\x01" + hashlib.sha256(b"wfcv\x01" + body).digest() + body)


def test_a_newer_archive_is_told_apart() -> None:
    """The sentence says that a newer wfc wrote it."""
    data = bytearray(to_archive(a_version()))
    data[4] = 99
    with pytest.raises(BuildTooNew, match="newer wfc"):
        from_archive(bytes(data))


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("manifest.json", None, BundleBroken),
        ("manifest.json", b"{", BundleBroken),
        ("manifest.json", b"[]", BundleBroken),
        ("manifest.json", b'{"schema": "wfc.manifest/2.0"}', BuildTooNew),
        ("manifest.json", b'{"schema": "wfc.manifest/1.7"}', BundleBroken),
        ("workflow/app.billing.py", b"x = 2\n", BundleBroken),
        ("workflow/app.billing.py", b"\xff", BundleBroken),
        ("step/app.billing.json", b"{}", BundleBroken),
        ("step/app.billing.json", None, BundleBroken),
    ],
)
def test_a_damaged_folder_is_refused(
    tmp_path: Path, name: str, content: bytes | None, error: type[Exception]
) -> None:
    """A missing, changed or foreign file is named, and nothing of the version is used."""
    folder = write_version(a_version(), tmp_path)
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(error):
        read_version(folder)


def test_a_version_is_named_by_rules_and_sources() -> None:
    """Another rule or another source is another version; order of modules is not."""
    one = version_id(Rules(), {ModuleName("a"): "1", ModuleName("b"): "2"})
    assert len(one) == 16
    assert one == version_id(Rules(), {ModuleName("b"): "2", ModuleName("a"): "1"})
    assert one != version_id(Rules(pure=("x",)), {ModuleName("a"): "1", ModuleName("b"): "2"})
    assert one != version_id(Rules(), {ModuleName("a"): "1", ModuleName("b"): "3"})
