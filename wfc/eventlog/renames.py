"""What the operations of a run are called now, whatever they were called when they were recorded.

Each upgrade of a run maps call sites of the old code to those of the new. An event is read through
all of them, so the log stays as it was written. Two rules keep names apart for ever: one old site
leads to one new site, and a name that has meant something else is never given again. A site of the
new code that is called like such a *retired* name is written with the number of the upgrade behind
it, ``charge~9c01d2ab@2``. A site that the new code has no more leads to the empty name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from functools import cache
from typing import Any

from wfc.eventlog.event import Event, RunUpgraded, RunWoken
from wfc.ids import OperationId, Site, operation_id, split_operation_id

GONE = ""
"""Where a site leads that the new code has no more."""


class Renames:
    """The site maps of one chapter's upgrades, in log order."""

    __slots__ = ("_heads", "_named_again", "_oldest", "_retired", "_table", "upgrades")

    def __init__(self, upgrades: Iterable[RunUpgraded] = ()) -> None:
        """Begin with these upgrades, the earliest first."""
        self.upgrades: tuple[RunUpgraded, ...] = ()
        self._table: dict[Site, Site] = {}
        """From every former name to the present one."""
        self._heads: dict[str, str] = {}
        """The table by what stands before an occurrence, filled as it is asked: a place may be
        called a thousand times, and its name is taken apart once.
        """
        self._oldest: dict[Site, Site] = {}
        self._retired: set[Site] = set()
        self._named_again: dict[Site, Site] = {}
        """From sites of the present code to their names in the log, where these differ."""
        for event in upgrades:
            self.note(event)

    def __bool__(self) -> bool:
        """Tell whether any operation changed its name."""
        return bool(self._table or self._retired or self._named_again)

    def note(self, event: RunUpgraded) -> None:
        """Take in the next upgrade."""
        self.upgrades = (*self.upgrades, event)
        given = {Site(old): Site(new) for old, new in event.site_map.items()}
        moved = {old: new for old, new in given.items() if new not in (old, GONE)}
        for former, present in self._table.items():
            self._table[former] = moved.get(present, present)
        self._table.update(moved)
        self._heads.clear()
        for old, new in moved.items():
            self._oldest[new] = self._oldest.get(old, old)
        self._retired.update(old for old, new in given.items() if new != old)
        self._named_again = {
            Site(new.rpartition("@")[0]): new for new in given.values() if "@" in new
        }

    @property
    def retired(self) -> frozenset[Site]:
        """Names that have meant something that is called otherwise now, or is gone."""
        return frozenset(self._retired)

    # -- reading the log

    def site(self, recorded: Site) -> Site:
        """Give the present name of a recorded site."""
        return self._table.get(recorded, recorded)

    def operation(self, recorded: OperationId) -> OperationId:
        """Give the present name of a recorded operation."""
        if not self._table:
            return recorded
        head, _, occurrence = recorded.rpartition("#")
        present = self._heads.get(head)
        if present is None:
            chapter, site, _ = split_operation_id(OperationId(f"{head}#0"))
            present = operation_id(self.site(site), 0, chapter).removesuffix("#0")
            self._heads[head] = present
        return recorded if present == head else OperationId(f"{present}#{occurrence}")

    def event(self, recorded: Any) -> Any:
        """Give an event as the present code would have written it."""
        if not self._table:
            return recorded
        if isinstance(recorded, RunWoken):
            names = tuple(map(self.operation, recorded.operation_ids))
            return replace(recorded, operation_ids=names)
        name = getattr(recorded, "operation_id", None)
        present = None if name is None else self.operation(name)
        return recorded if present == name else named(recorded, present)

    def names_of(self, operation: OperationId) -> list[OperationId]:
        """Give all names that an operation has had, the present one last."""
        chapter, site, occurrence = split_operation_id(operation)
        former = [old for old, present in self._table.items() if present == site and old != site]
        return [operation_id(name, occurrence, chapter) for name in (*former, site)]

    # -- naming what the code asks for

    def in_log(self, site: Site) -> Site:
        """Give the name under which the log knows a site of the present code."""
        known = self._named_again.get(site)
        if known is not None:
            return known
        return Site(f"{site}@{len(self.upgrades)}") if site in self._retired else site

    def oldest(self, operation: OperationId) -> OperationId:
        """Give the name that an operation had first: draws keep it, so they stay what they were."""
        if not self._oldest:
            return operation
        chapter, site, occurrence = split_operation_id(operation)
        first = self._oldest.get(site)
        return operation if first is None else operation_id(first, occurrence, chapter)


def named(event: Any, name: OperationId | None) -> Event:
    """Give an event of another operation's name, its creation too."""
    kind: Any = type(event)  # `cache` wants what mypy does not take a type for
    changed: Event = object.__new__(kind)
    # `dataclasses.replace` takes three times as long, and a whole log is read through this.
    for field, set_field in _setters(kind).items():
        if field == "operation_id":
            set_field(changed, name)
        elif field == "created" and event.created is not None:
            set_field(changed, named(event.created, name))
        else:
            set_field(changed, getattr(event, field))
    return changed


@cache
def _setters(kind: Any) -> Mapping[str, Callable[[Any, Any], None]]:
    """Give what sets each field of a kind of event, frozen as it is."""
    return {field.name: getattr(kind, field.name).__set__ for field in fields(kind)}


def site_map_of(
    pairs: Mapping[Site, Site], old_sites: Iterable[Site], before: Renames
) -> dict[str, str]:
    """Give the map that an upgrade records: from names in the log to names in the log.

    `pairs` lead from sites of the old code to those of the new; `old_sites` are all that the old
    code has, so that no name of theirs is given to another site; `before` are the upgrades so far.
    What keeps its name is left out.
    """
    number = len(before.upgrades) + 1
    every = list(old_sites)
    names = {site: before.in_log(site) for site in (*every, *pairs)}
    known = {*names.values(), *before.retired}
    found: dict[str, str] = {}
    for old, new in pairs.items():
        name = names[old]
        if name == new or name.rpartition("@")[0] == new:
            present = name
        else:
            present = Site(f"{new}@{number}") if new in known else new
        if present != new or present != name:
            found[name] = present
    for old in every:
        if old not in pairs:
            found[names[old]] = GONE
    return found
