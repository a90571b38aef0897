"""What a change of code, data and agents that a workflow reaches means for its runs."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from wfc.diagnostics import Link
from wfc.manifests.findings import Finding, Sides, short
from wfc.manifests.levels import Level
from wfc.manifests.manifest import Class, Manifest, Workflow

_READ_ANEW = "data is read anew"
_NAME: Final = re.compile(r"[^\W\d][\w.]*")


def compare_reached(sides: Sides, old: Workflow, new: Workflow, root: str) -> Iterator[Finding]:
    """Compare helpers, constants and classes. `root` is the new id of the workflow."""
    before = {sides.hints.definition(name): name for name in old.reaches}
    is_same = old.body is not None and old.body == new.body
    for name, was in sorted(before.items()):
        found = list(_class(sides, was, name)) if was in sides.old.classes else []
        if not any(one.level >= Level.REPLAY for one in found):
            found += _tree(sides, (old, new), (was, name), root)
        is_same = is_same and all(one.level < Level.REPLAY for one in found)
        yield from found
    # Where no code has changed, signatures alone lead there, and what they mean is said of them.
    for name in sorted(set() if is_same else set(new.reaches) - before.keys()):
        sentence = f"`{short(name)}` is reached now: the history decides"
        chain = _chain(sides, new, root, name)
        yield sides.find(Level.REPLAY, "WFC607", sentence, new=name, chain=chain)
    yield from _inner_classes(sides, before)


def _tree(
    sides: Sides, workflows: tuple[Workflow, Workflow], names: tuple[str, str], root: str
) -> Iterator[Finding]:
    """Compare the trees that stand behind a name."""
    (old, new), (was, name) = workflows, names
    if name not in new.reaches:
        sentence = f"`{short(was)}` is reached no more: the history decides"
        yield sides.find(Level.REPLAY, "WFC607", sentence, old=was, new=name)
    elif old.reaches[was] != new.reaches[name]:
        yield sides.find(
            Level.REPLAY,
            "WFC607",
            f"`{short(name)}`, which the workflow reaches, has changed: the history decides",
            old=was,
            new=name,
            chain=_chain(sides, new, root, name),
        )
    elif was != name:
        sentence = f"`{short(was)}` is called {name} now, says its hint"
        yield sides.find(Level.COMPATIBLE, "WFC607", sentence, old=was, new=name)


def _inner_classes(sides: Sides, reached: Mapping[str, str]) -> Iterator[Finding]:
    """Compare classes that stand inside what is reached: only that has an entry of its own."""
    tops = set(reached.values())
    for was in sorted(sides.old.classes):
        module, _, qualname = was.partition(":")
        top = f"{module}:{qualname.partition('.')[0]}"
        if was not in tops and top in tops:
            yield from _class(sides, was, sides.hints.definition(was))


# --- classes -----------------------------------------------------------------------------------


def _class(sides: Sides, was: str, name: str) -> Iterator[Finding]:
    old, new = sides.old.classes[was], sides.new.classes.get(name)
    title = f"the class `{short(name)}`"
    if new is None and was not in _recorded(sides.old):
        # A hook's payloads are read by the type that the code has, whatever was its type then.
        sentence = f"{title} is used no more, and no signature named it: the history decides"
        yield sides.find(Level.REPLAY, "WFC608", sentence, old=was)
        return
    if new is None:
        yield sides.find(
            Level.IF_RECORDED,
            "WFC608",
            f"the class `{short(was)}` is gone: recorded values of it cannot be read",
            old=was,
            fix=f"keep the class, or write `# wfc: was[{was}]` at the one it is now",
        )
        return
    found = [
        *_renamed_class(sides, was, name),
        *_kind(sides, (was, name), (old, new)),
        *_fields(sides, (was, name), (old, new)),
        *_members(sides, (was, name), (old, new)),
    ]
    if not found and old.digest != new.digest:
        sentence = f"{title} has changed (a validator, a method): {_READ_ANEW}"
        found = [sides.find(Level.REPLAY, "WFC608", sentence, old=was, new=name)]
    yield from found


def _recorded(manifest: Manifest) -> set[str]:
    """List the classes that signatures name, and what their fields name in turn."""
    ids = {name.replace(":", "."): name for name in manifest.classes}
    pending: list[str] = []
    signatures = [one.signature for one in manifest.steps.values()]
    signatures += [one.signature for one in manifest.workflows.values()]
    for signature in signatures:
        types = [each.get("type") for each in signature.get("params", ())]
        pending += [str(each) for each in (*types, signature.get("returns")) if each]
    found: set[str] = set()
    while pending:
        for name in _NAME.findall(pending.pop()):
            known = ids.get(name)
            if known is not None and known not in found:
                found.add(known)
                fields = (manifest.classes[known].fields or {}).values()
                pending += [str(each.type) for each in fields]
    return found


def _renamed_class(sides: Sides, was: str, name: str) -> Iterator[Finding]:
    if was != name:
        sentence = f"the class `{short(was)}` is called `{name}` now: data is read by its old name"
        yield sides.find(Level.REPLAY, "WFC608", sentence, old=was, new=name)


_Names = tuple[str, str]
_Classes = tuple[Class, Class]


def _kind(sides: Sides, names: _Names, classes: _Classes) -> Iterator[Finding]:
    old, new = classes
    if old.kind != new.kind:
        yield sides.find(
            Level.IF_RECORDED,
            "WFC608",
            f"the class `{short(names[1])}` is another kind of class now "
            f"({old.kind} -> {new.kind}): recorded values may not be readable",
            old=names[0],
            new=names[1],
        )
    elif (old.extra, old.bases) != (new.extra, new.bases):
        yield sides.find(
            Level.REPLAY,
            "WFC608",
            f"the class `{short(names[1])}` has other bases or takes other extra fields: "
            + _READ_ANEW,
            old=names[0],
            new=names[1],
        )


def _fields(sides: Sides, names: _Names, classes: _Classes) -> Iterator[Finding]:
    was, name = names
    before = {sides.hints.parameter(name, one): one for one in classes[0].fields or {}}
    old, new = classes[0].fields or {}, classes[1].fields or {}
    for field, had in before.items():
        where = f"the field `{field}` of `{short(name)}`"
        if field not in new:
            yield sides.find(
                Level.REPLAY, "WFC608", f"{where} is gone: {_READ_ANEW}", old=was, new=name
            )
            continue
        if field != had:
            sentence = f"the field `{had}` of `{short(name)}` is called `{field}` now: "
            sentence += "data is read by its old name"
            yield sides.find(Level.REPLAY, "WFC608", sentence, old=was, new=name)
        if old[had].has_default and not new[field].has_default:
            yield sides.find(
                Level.IF_RECORDED,
                "WFC608",
                f"{where} has no default any more: recorded values may leave it out",
                old=was,
                new=name,
                fix=f"keep the default of `{field}`",
            )
        if old[had].type != new[field].type:
            sentence = f"{where} was {old[had].type} and is {new[field].type}: {_READ_ANEW}"
            yield sides.find(Level.REPLAY, "WFC608", sentence, old=was, new=name)
    for field in new:
        if field not in before:
            yield _new_field(sides, names, field, has_default=new[field].has_default)


def _new_field(sides: Sides, names: _Names, field: str, *, has_default: bool) -> Finding:
    says = f"`{short(names[1])}` has the new field `{field}`"
    if has_default:
        level, sentence = Level.REPLAY, f"{says} with a default: recorded values take that"
        fix = None
    else:
        level, sentence = Level.IF_RECORDED, f"{says} without a default: recorded values lack it"
        fix = f"give `{field}` a default"
    return sides.find(level, "WFC608", sentence, old=names[0], new=names[1], fix=fix)


def _members(sides: Sides, names: _Names, classes: _Classes) -> Iterator[Finding]:
    was, name = names
    old, new = classes[0].members or {}, classes[1].members or {}
    before = {sides.hints.parameter(name, one): one for one in old}
    for member, had in before.items():
        if new.get(member) != old[had]:
            does = "is gone" if member not in new else "has another value"
            yield sides.find(
                Level.IF_RECORDED,
                "WFC608",
                f"the member `{member}` of `{short(name)}` {does}: a recorded one has none",
                old=was,
                new=name,
                fix=f"keep `{member}` as it was",
            )
        elif member != had:
            sentence = f"the member `{had}` of `{short(name)}` is called `{member}` now: "
            sentence += "data is read by its old name"
            yield sides.find(Level.REPLAY, "WFC608", sentence, old=was, new=name)
    for member in new:
        if member not in before:
            sentence = f"`{short(name)}` has the new member `{member}`: iteration may differ"
            yield sides.find(Level.REPLAY, "WFC608", sentence, old=was, new=name)


# --- the way to what has changed ---------------------------------------------------------------


def _chain(sides: Sides, workflow: Workflow, root: str, target: str) -> Sequence[Link]:
    """Give the calls that lead from the workflow to a helper; none for what is not called."""
    known = {one.replace(":", "."): one for one in workflow.reaches}
    calls: dict[str, list[tuple[str, str]]] = {}
    for site, place in workflow.sites.items():
        calls.setdefault(place.function, []).append((site, place.callee))
    pending: deque[tuple[str, tuple[str, ...]]] = deque([(short(root), ())])
    seen = {short(root)}
    while pending:
        function, way = pending.popleft()
        for site, callee in sorted(calls.get(function, ())):
            if callee == target.replace(":", "."):
                return _links(sides, workflow, (*way, site))
            inner = known.get(callee)
            if inner is not None and short(inner) not in seen:
                seen.add(short(inner))
                pending.append((short(inner), (*way, site)))
    return ()


def _links(sides: Sides, workflow: Workflow, way: Sequence[str]) -> Sequence[Link]:
    return tuple(
        Link(
            place=sides.new_spans[site],
            source="",
            what=f"calls {workflow.sites[site].callee.rpartition('.')[2]}",
        )
        for site in way
        if site in sides.new_spans
    )
