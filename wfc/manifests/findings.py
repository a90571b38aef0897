"""What a comparison finds, and the two sides that it looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wfc.diagnostics import Link, Place
from wfc.ids import Site
from wfc.manifests.levels import Level, Reason
from wfc.manifests.manifest import Manifest
from wfc.manifests.rename_hints import RenameHints

Spans = Mapping[str, Place]
"""Where things stand: by id of a definition, helper, class or constant, and by full site."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """An offer: `# wfc: was[old]` at the definition `new` would say that it was only renamed."""

    new: str
    old: str

    @property
    def text(self) -> str:
        """Give the comment."""
        return f"# wfc: was[{self.old}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """An edit that means something for runs in flight: how much, why, and what to do."""

    level: Level
    reason: Reason
    fix: str | None = None
    hint: Hint | None = None
    old_site: Site | None = None
    new_site: Site | None = None
    """The call place in either version; only one if the call is new or gone."""

    @property
    def site(self) -> Site | None:
        """Give the call place that it is about, in the new version if that has it."""
        return self.new_site or self.old_site

    @property
    def order(self) -> tuple[int, str, str]:
        """Give by what findings are sorted: the worst first, then code and sentence."""
        return -list(Level).index(self.level), self.reason.code, self.reason.sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The two manifests, where their things stand, and what is called what."""

    old: Manifest
    new: Manifest
    hints: RenameHints
    old_spans: Spans = field(default_factory=dict)
    new_spans: Spans = field(default_factory=dict)

    def find(
        self,
        level: Level,
        code: str,
        sentence: str,
        *,
        old: str = "",
        new: str = "",
        fix: str | None = None,
        hint: Hint | None = None,
        chain: Sequence[Link] = (),
    ) -> Finding:
        """Make a finding about `old` and `new`, which are ids or sites."""
        reason = Reason(
            code=code,
            sentence=sentence,
            old_span=self.old_spans.get(old),
            new_span=self.new_spans.get(new),
            chain=tuple(chain),
        )
        return Finding(
            level=level,
            reason=reason,
            fix=fix,
            hint=hint,
            old_site=Site(old) if "~" in old else None,
            new_site=Site(new) if "~" in new else None,
        )


def short(name: str) -> str:
    """Give the qualname of an id: what people call it."""
    return name.rpartition(":")[2]
