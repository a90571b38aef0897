"""A manifest is read strictly in what it knows, and keeps what it does not."""

from __future__ import annotations

import json

import pytest

from wfc.determinism import Rules
from wfc.errors import BuildTooNew, BundleBroken
from wfc.ids import VersionId
from wfc.manifests.manifest import Manifest, manifest_text


def a_manifest() -> str:
    return manifest_text(
        version=VersionId("0" * 16),
        rules=Rules(packages=("app",)),
        modules={"app": {"source_sha256": "a", "bundles": {"step": "b"}}},
        workflows={"app:f": {"signature": {"params": []}, "fingerprints": {"f1": "c"}}},
        steps={"app:s": {"signature": {}, "body_hash": "d", "policy": {"attempts": 2}}},
        classes={"app:C": {"kind": "class", "digest": "e"}},
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
        ({"version": None}, BundleBroken, "version"),
        ({"steps": {"app:s": {"signature": {}}}}, BundleBroken, "steps.app:s.body_hash"),
        ({"schema": "other/1.0"}, BundleBroken, "no manifest's"),
        ({"schema": "wfc.manifest/2.0"}, BuildTooNew, "newer wfc"),
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
    with pytest.raises(BundleBroken, match="the document"):
        Manifest.parse("{")
