"""A manifest is read strictly in what it knows, and keeps what it does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wfc.determinism import Rules
from wfc.errors import ManifestBroken, ManifestTooNew
from wfc.ids import VersionId
from wfc.manifests.manifest import Manifest, baseline_text, manifest_text
from wfc.manifests.store import VERSION_MAX_BYTES


def a_manifest() -> str:
    return manifest_text(
        version=VersionId("0" * 16),
        rules=Rules(packages=("app",)),
        modules={"app": {"source_sha256": "a", "bundles": {"step": "b"}}},
        workflows={"app:f": {"signature": {"params": []}, "fingerprints": {"f1": "c"}}},
        steps={"app:s": {"signature": {}, "body_hash": "d", "policy": {"attempts": 2}}},
        classes={"app:C": {"kind": "class", "digest": "e"}},
        agents={"app:bot": {"name": "bot", "tools": {"look": "f"}}},
        depends={"pydantic": "2.10"},
        renamed={"app:s": ("app:r",)},
        allowed=(("WFC201", "app:f", "because"),),
    )


def test_a_manifest_is_written_as_it_was_read() -> None:
    """Keys that a newer minor version adds survive, in every part."""
    plain = json.loads(a_manifest())
    plain["schema"] = "wfc.manifest/1.9"
    plain["guests"] = {"a": 1}
    plain["workflows"]["app:f"]["figure"] = ["seq"]
    text = json.dumps(plain, sort_keys=True, indent=1) + "\n"
    assert Manifest.parse(text).text() == text


def test_the_text_is_made_for_review() -> None:
    """Sorted keys, one fact a line, LF at the end."""
    text = a_manifest()
    assert text.endswith("}\n")
    assert '\n "depends": {\n  "pydantic": "2.10"\n },\n' in text
    assert list(json.loads(text)) == sorted(json.loads(text))


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"version": None}, ManifestBroken, "version"),
        ({"steps": {"app:s": {"signature": {}}}}, ManifestBroken, "steps.app:s.body_hash"),
        ({"schema": "other/1.0"}, ManifestBroken, "no manifest's"),
        ({"schema": "wfc.manifest/2.0"}, ManifestTooNew, "newer wfc"),
    ],
)
def test_what_is_wrong_is_named(
    change: dict[str, object], error: type[Exception], told: str
) -> None:
    """The sentence holds the field."""
    with pytest.raises(error, match=told):
        Manifest.parse(json.dumps({**json.loads(a_manifest()), **change}))


def test_text_that_is_no_json_is_refused() -> None:
    """Nothing of it is used."""
    with pytest.raises(ManifestBroken, match="the document"):
        Manifest.parse("{")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "the document is no JSON"),
        ("[" * 100_000, "the document is no JSON"),
        ("[]", "`schema` is None"),
        ('{"schema": "wfc.manifest/x"}', "no manifest's"),
        ('{"schema": "wfc.manifest/1.3", "steps": 1}', "damaged at rules"),
        ('{"schema": "wfc.manifest/2.0"}', "newer wfc"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str | None, told: str) -> None:
    """With its field and one code."""
    path = tmp_path / "wfc.baseline.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises((ManifestBroken, ManifestTooNew), match=told) as refused:
        Manifest.read(path)
    assert refused.value.code == "WFC683"
    assert "wfc.baseline.json" in str(refused.value)


def test_a_file_that_no_build_writes_is_not_read(tmp_path: Path) -> None:
    """More than 64 MiB would only fill the memory."""
    path = tmp_path / "manifest.json"
    with path.open("wb") as file:
        file.truncate(VERSION_MAX_BYTES + 1)
    with pytest.raises(ManifestBroken, match="larger"):
        Manifest.read(path)
    with pytest.raises(ManifestBroken, match="larger"):
        Manifest.parse(" " * (VERSION_MAX_BYTES + 1))


def test_a_baseline_holds_meaning_alone(tmp_path: Path) -> None:
    """It can be read as a manifest, and is equal for builds that mean the same."""
    one = Manifest.parse(a_manifest())
    two = one.model_copy(update={"version": "1" * 16, "modules": {}})
    assert baseline_text(one) == baseline_text(two)
    plain = json.loads(baseline_text(one))
    assert not {"version", "modules"} & plain.keys()
    path = tmp_path / "wfc.baseline.json"
    path.write_text(baseline_text(one))
    again = Manifest.read(path)
    assert again.workflows == one.workflows
    assert baseline_text(again) == baseline_text(one)


def test_rename_tables_are_read_back() -> None:
    assert Manifest.parse(a_manifest()).renamed == {"app:s": ("app:r",)}
