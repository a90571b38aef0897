"""`manifest.json`: what a build means, without positions, paths, clock or host.

The models read and check a manifest; `manifest_of` makes one of a build. Only who reads a manifest
as such pays for pydantic: worlds and workers use `Version`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wfc.determinism import Rules
from wfc.errors import ManifestBroken
from wfc.ids import VersionId
from wfc.manifests.plain import rules_to_plain
from wfc.manifests.store import (
    SCHEMA,
    VERSION_MAX_BYTES,
    check_schema,
    read_text,
    readable,
)

_OF_ONE_BUILD: Final = frozenset({"version", "modules"})


class _Part(BaseModel):
    """Frozen; keys of a newer minor version are kept and written back."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)


class Module(_Part):
    """A module of the build: its source and the digests of its bundles."""

    source_sha256: str
    bundles: Mapping[str, str]


class Site(_Part):
    """A call place: what is called, where it stands in the canonical tree, and with what."""

    callee: str
    function: str
    blocks: tuple[str, ...] = ()
    ordinal: int = 0
    args: str | None = None
    """Digest of the bound argument expressions, of calls that are operations."""


class Workflow(_Part):
    """What a run of a workflow depends on."""

    signature: Mapping[str, Any]
    fingerprints: Mapping[str, str]
    shape: Mapping[str, Any] | None = None
    """A node of `wfc.manifests.shape`, by its `to_plain`; None in builds that had none."""
    sites: Mapping[str, Site] = Field(default_factory=dict)
    """By full site (``charge~9c01d2ab.2``): every call of the workflow and of the helpers that it
    reaches."""
    reaches: Mapping[str, str] = Field(default_factory=dict)
    """First-party helpers, classes and constants that decide, by id: the digest of each tree."""
    body: str | None = None
    """Digest of the workflow's own statements and decorators, without its name and parameters."""
    defaults: Mapping[str, str] = Field(default_factory=dict)
    """By parameter: the digest of its default, which runs started without it take."""
    calls: Mapping[str, str] = Field(default_factory=dict)
    """Steps and workflows that it mentions, by id: the digest of each signature, as it enters the
    fingerprint."""
    handed: tuple[str, ...] = ()
    """Steps that it uses otherwise than by calling them: who calls those, and how, is not seen."""
    changes: tuple[str, ...] = ()
    policy: Mapping[str, Any] = Field(default_factory=dict)
    input_schema: Mapping[str, Any] | None = None
    output_schema: Mapping[str, Any] | None = None
    """As those of a `Step`."""
    unresolved: tuple[str, ...] = ()


class Step(_Part):
    """What a recorded call of a step depends on; policy and body are shown, not compared."""

    signature: Mapping[str, Any]
    policy: Mapping[str, Any] = Field(default_factory=dict)
    body_hash: str
    input_schema: Mapping[str, Any] | None = None
    output_schema: Mapping[str, Any] | None = None
    """JSON Schema; None where a type cannot be resolved (its name stands in `unresolved`)."""
    unresolved: tuple[str, ...] = ()
    effects: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    """``modules`` (at most 50) and ``kinds`` that the body reaches: shown, never judged."""


class Field_(_Part):  # noqa: N801 - `Field` is pydantic's
    """A field of a class: its canonical type, and whether it may be left out."""

    type: str | None = None
    has_default: bool = False


class Class(_Part):
    """A class that payloads may name."""

    kind: str
    digest: str
    fields: Mapping[str, Field_] | None = None
    members: Mapping[str, str] | None = None
    """Of an enum: the digest of each member's value, by name."""
    extra: str = "ignore"  # allow, ignore, forbid: what happens to a field that is not known
    bases: tuple[str, ...] = ()


class Agent(_Part):
    """An agent that workflows reach, as far as its source tells."""

    name: str | None = None
    """As it stands in the log: the first part of the names of its steps."""
    models: tuple[str, ...] = ()
    toolsets: tuple[str, ...] = ()
    tools: Mapping[str, str] = Field(default_factory=dict)
    """By name: the digest of the parameters that a model gives, ``?`` if they cannot be seen."""
    approvals: Mapping[str, str] = Field(default_factory=dict)
    """By tool: ``always``, or the digest of what decides that somebody must approve it."""
    output: str | None = None
    """Its type in canonical spelling."""
    wording: str | None = None
    """Digest of instructions and settings."""
    operations: tuple[str, ...] = ()
    """Names of its steps: of the model, of servers of MCP, of tools that are closure steps."""
    unknown: tuple[str, ...] = ()
    """What is computed, so that no build can tell: ``name models tools toolsets approvals
    output``, or one tool (``tools.search``)."""


class Allowed(_Part):
    """An exemption that somebody decided on."""

    code: str
    id: str
    reason: str


class Manifest(_Part):
    """All one build means."""

    schema_: str = Field(default=SCHEMA, alias="schema")
    version: str
    rules: Mapping[str, Any]
    modules: Mapping[str, Module]
    workflows: Mapping[str, Workflow]
    steps: Mapping[str, Step]
    classes: Mapping[str, Class]
    agents: Mapping[str, Agent] = Field(default_factory=dict)
    depends: Mapping[str, str] = Field(default_factory=dict)
    renamed: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    """New id -> old ids, oldest first: definitions (``app.pay:charge``), parameters and fields
    (``app.pay:charge.cents``), and modules (``app.pay``)."""
    allowed: tuple[Allowed, ...] = ()

    @classmethod
    def parse(cls, text: str, *, name: str = "the manifest") -> Self:
        """Read a manifest, or a baseline; `name` is the file that errors name, beside the field.

        Any minor version of ours is read. Raises `ManifestBroken` and `ManifestTooNew` (WFC683).
        """
        if len(text) > VERSION_MAX_BYTES:
            raise ManifestBroken(f"{name} is larger than 64 MiB, which no build writes")
        try:
            plain = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ManifestBroken(f"{name}: the document is no JSON: {error}") from error
        check_schema(plain, name)
        try:
            return cls.model_validate({"version": "", "modules": {}, **plain})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ManifestBroken(f"{name} is damaged at {where}: {first['msg']}") from error

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file of a manifest or baseline. Raises as `parse` does."""
        return cls.parse(read_text(path), name=str(path))

    def text(self) -> str:
        """Give the bytes of `manifest.json` as text: sorted keys, one fact a line."""
        return readable(self.model_dump(mode="json", by_alias=True))


def baseline_text(manifest: Manifest) -> str:
    """Give what `wfc.baseline.json` holds: a manifest without `version` and `modules`.

    It changes only when meaning does, so that reviewing its diff is the review of an upgrade.
    """
    plain = manifest.model_dump(mode="json", by_alias=True)
    return readable({name: plain[name] for name in plain if name not in _OF_ONE_BUILD})


def manifest_text(
    *,
    version: VersionId,
    rules: Rules,
    modules: Mapping[str, Mapping[str, Any]],
    workflows: Mapping[str, Mapping[str, Any]],
    steps: Mapping[str, Mapping[str, Any]],
    classes: Mapping[str, Mapping[str, Any]],
    agents: Mapping[str, Mapping[str, Any]],
    depends: Mapping[str, str],
    renamed: Mapping[str, tuple[str, ...]],
    allowed: tuple[tuple[str, str, str], ...],
) -> str:
    """Make the text of a manifest, checked by its own model."""
    return Manifest.model_validate(
        {
            "version": version,
            "rules": rules_to_plain(rules),
            "modules": modules,
            "workflows": workflows,
            "steps": steps,
            "classes": classes,
            "agents": agents,
            "depends": depends,
            "renamed": renamed,
            "allowed": [
                {"code": code, "id": where, "reason": reason} for code, where, reason in allowed
            ],
        }
    ).text()
