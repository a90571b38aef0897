"""A version: all that one build produced, in memory, as a folder and as one archive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wfc.determinism import Rules
from wfc.ids import DefinitionId, ModuleName, VersionId
from wfc.manifests.bundle import Bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One build. `fingerprints` name what each workflow means; runs are pinned to them.

    `classes` are the names ``module:Qualname`` that payloads of this version may mention.
    """

    id: VersionId
    workflow: Mapping[ModuleName, Bundle]
    step: Mapping[ModuleName, Bundle]
    source: Mapping[ModuleName, str] = field(default_factory=dict)
    fingerprints: Mapping[DefinitionId, str] = field(default_factory=dict)
    classes: frozenset[str] = frozenset()
    rules: Rules = field(default_factory=Rules)
