"""What a change of a signature means for calls that are recorded: steps, children, workflows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from wfc.manifests.findings import Finding, Hint, Sides, short
from wfc.manifests.levels import Level
from wfc.manifests.rename_hints import RenameHints

_NAME: Final = re.compile(r"[A-Za-z_][\w.]*")
_STARRED: Final = frozenset({"VAR_POSITIONAL", "VAR_KEYWORD"})
_BY_PLACE: Final = frozenset({"POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD", "VAR_POSITIONAL"})
_UNKNOWN: Final = "a type that nobody wrote"


class _Parameter(NamedTuple):
    """A parameter as the manifest has it, by the name that it has in the new version."""

    name: str
    kind: str
    has_default: bool
    type: str | None
    called: str  # the name it is written with


@dataclass(frozen=True, slots=True, kw_only=True)
class _Both:
    """The two signatures of one definition."""

    sides: Sides
    noun: str  # step, child, workflow
    old: str
    new: str
    before: Mapping[str, _Parameter]
    after: Mapping[str, _Parameter]
    code: str  # of parameters
    result_code: str

    @property
    def title(self) -> str:
        return f"{self.noun} {short(self.new)}"

    def find(
        self, level: Level, sentence: str, *, fix: str | None = None, hint: Hint | None = None
    ) -> Finding:
        more = f"; if it was renamed, write `{hint.text}` at `{short(hint.new)}`" if hint else ""
        return self.sides.find(
            level,
            self.code,
            sentence,
            old=self.old,
            new=self.new,
            fix=f"{fix}{more}" if fix else None,
            hint=hint,
        )

    def added(self) -> list[_Parameter]:
        return [one for name, one in self.after.items() if name not in self.before]

    def removed(self) -> list[_Parameter]:
        return [one for name, one in self.before.items() if name not in self.after]

    def kept(self) -> list[tuple[_Parameter, _Parameter]]:
        return [(one, self.after[name]) for name, one in self.before.items() if name in self.after]


def compare_call(
    sides: Sides, noun: str, old: str, new: str, *, by_library: bool
) -> Iterator[Finding]:
    """Compare the signature of a step or child that a workflow calls.

    `by_library`: somebody may call it whose arguments no manifest shows (`map`, a dictionary, a
    function that it is handed to).
    """
    table = "steps" if noun == "step" else "workflows"
    one, two = getattr(sides.old, table)[old], getattr(sides.new, table)[new]
    both = _both(sides, noun, old, new, (one.signature, two.signature))
    yield from _renamed(both)
    yield from _removed(both)
    yield from _added(both, Level.IF_RECORDED)
    yield from _order(both, by_library=by_library)
    for before, after in both.kept():
        yield from _kept(both, before, after, by_library=by_library)
    yield from _captures(both, one.signature, two.signature)
    yield from _receiver(both, one.signature, two.signature)
    yield from _result(both, one.signature, two.signature)


def compare_input(sides: Sides, old: str, new: str) -> Iterator[Finding]:
    """Compare the parameters of the workflow itself, by which its runs were started."""
    one, two = sides.old.workflows[old], sides.new.workflows[new]
    both = _both(sides, "workflow", old, new, (one.signature, two.signature))
    yield from _renamed(both)
    for parameter in both.removed():
        fits = parameter.has_default or parameter.kind in _STARRED
        yield both.find(
            Level.IF_RECORDED if fits else Level.BREAKING,
            f"{both.title} lost the parameter `{parameter.called}`"
            + (": runs that were started with it cannot bind" if fits else ""),
            fix=f"keep `{parameter.called}`, or let runs end on their version",
            hint=_offer(both, parameter),
        )
    yield from _added(both, Level.BREAKING)
    places = [[one.name for one in side.values()] for side in (both.before, both.after)]
    if [name for name in places[0] if name in both.after] != [
        name for name in places[1] if name in both.before
    ]:
        yield both.find(Level.REPLAY, f"the parameters of {both.title} stand in another order")
    for before, after in both.kept():
        yield from _kept_input(both, before, after)
        if (
            before.has_default
            and after.has_default
            and (one.defaults.get(before.called) != two.defaults.get(after.called))
        ):
            yield both.find(
                Level.REPLAY,
                f"the default of `{after.name}` of {both.title} has changed: runs that were "
                "started without it take the new one",
            )
    if _spelled(sides.hints, one.signature.get("returns")) != two.signature.get("returns"):
        yield sides.find(
            Level.REPLAY, "WFC605", f"the result type of {both.title} has changed", old=old, new=new
        )


# --- parameters --------------------------------------------------------------------------------


def _renamed(both: _Both) -> Iterator[Finding]:
    for before, after in both.kept():
        if before.called != after.called:
            yield both.find(
                Level.COMPATIBLE,
                f"`{before.called}` of {both.title} is called `{after.called}` now, says its hint",
            )


def _removed(both: _Both) -> Iterator[Finding]:
    for parameter in both.removed():
        yield both.find(
            Level.IF_RECORDED,
            f"{both.title} lost the parameter `{parameter.called}`: recorded input names it",
            fix=f"keep `{parameter.called}` with a default, or let runs end on their version",
            hint=_offer(both, parameter),
        )


def _offer(both: _Both, gone: _Parameter) -> Hint | None:
    """Guess which parameter it is now: the only new one, if its type is the same."""
    added = both.added()
    if len(added) != 1 or len(both.removed()) != 1 or added[0].type != gone.type:
        return None
    return Hint(new=f"{both.new}.{added[0].name}", old=gone.called)


def _added(both: _Both, level: Level) -> Iterator[Finding]:
    """Judge new parameters; `level` is that of one that old calls do not give."""
    kinds = {one.kind for one in both.before.values()}
    names = list(both.after)
    for parameter in both.added():
        said = f"{both.title} has the new parameter `{parameter.name}`"
        behind = [both.after[name] for name in names[names.index(parameter.name) + 1 :]]
        if parameter.kind in _STARRED or "VAR_KEYWORD" in kinds:
            yield both.find(Level.REPLAY, f"{said}: calls may bind otherwise")
        elif not parameter.has_default:
            yield both.find(
                level,
                f"{said} without a default: recorded input does not have it",
                fix=f"give `{parameter.name}` a default",
            )
        elif parameter.kind in _BY_PLACE and any(
            one.name in both.before and one.kind in _BY_PLACE for one in behind
        ):
            yield both.find(Level.REPLAY, f"{said} before others: calls bind otherwise")
        else:
            yield both.find(Level.COMPATIBLE, f"{said} with a default: recorded calls still bind")


def _order(both: _Both, *, by_library: bool) -> Iterator[Finding]:
    """Judge another order of parameters: calls are recorded by name."""
    before = [one.name for one in both.before.values() if one.kind in _BY_PLACE]
    after = [one.name for one in both.after.values() if one.kind in _BY_PLACE]
    if [name for name in before if name in after] == [name for name in after if name in before]:
        return
    said = f"the parameters of {both.title} stand in another order"
    if by_library:
        yield both.find(Level.REPLAY, f"{said}, and not every call of it can be seen")
    else:
        yield both.find(Level.COMPATIBLE, f"{said}: each call binds the same names")


def _kept(
    both: _Both, before: _Parameter, after: _Parameter, *, by_library: bool
) -> Iterator[Finding]:
    where = f"`{after.name}` of {both.title}"
    if before.kind != after.kind:
        # A call may give by name what can be given by place alone now, and would raise.
        same = not {before.kind, after.kind} & {*_STARRED, "POSITIONAL_ONLY"}
        same = same and not (by_library and after.kind == "KEYWORD_ONLY")
        same = same or (before.kind, after.kind) == ("POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD")
        yield both.find(
            Level.COMPATIBLE if same else Level.REPLAY,
            f"{where} is given in another way"
            + (": each call binds the same names" if same else ": calls may bind otherwise"),
        )
    if before.has_default and not after.has_default:
        yield both.find(
            Level.IF_RECORDED,
            f"{where} has no default any more: recorded input may leave it out",
            fix=f"keep the default of `{after.name}`",
        )
    elif after.has_default and not before.has_default:
        yield both.find(Level.REPLAY, f"{where} has a default now: calls may leave it out")
    yield from _typed(both, before, after)


def _kept_input(both: _Both, before: _Parameter, after: _Parameter) -> Iterator[Finding]:
    where = f"`{after.name}` of {both.title}"
    if before.kind != after.kind:
        yield both.find(Level.REPLAY, f"{where} is given in another way")
    if before.has_default and not after.has_default:
        yield both.find(
            Level.IF_RECORDED,
            f"{where} has no default any more: runs that were started without it cannot bind",
            fix=f"keep the default of `{after.name}`",
        )
    elif after.has_default and not before.has_default:
        yield both.find(Level.COMPATIBLE, f"{where} has a default now: every recorded input has it")
    if before.type != after.type:
        yield both.find(
            Level.REPLAY,
            f"{where} was {before.type or _UNKNOWN} and is {after.type or _UNKNOWN}: "
            "input is read anew",
        )


def _typed(both: _Both, before: _Parameter, after: _Parameter) -> Iterator[Finding]:
    if before.type == after.type:
        return
    where = f"`{after.name}` of {both.title}"
    if _gains_none(before.type, after.type):
        yield both.find(
            Level.COMPATIBLE, f"{where} may be None now: all recorded values can be read"
        )
        return
    yield both.find(
        Level.REPLAY,
        f"{where} was {before.type or _UNKNOWN} and is {after.type or _UNKNOWN}: input is read "
        "anew",
    )


# --- the rest of a signature -------------------------------------------------------------------


def _captures(both: _Both, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Finding]:
    before, after = (frozenset(one.get("captures", ())) for one in (old, new))
    for name in sorted(before ^ after):
        does = "does not use" if name in before else "uses"
        yield both.find(
            Level.IF_RECORDED,
            f"{both.title} {does} `{name}` of the function around it now: recorded calls "
            + ("have it" if name in before else "do not have it"),
        )


def _receiver(both: _Both, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Finding]:
    before, after = old.get("receiver"), new.get("receiver")
    if before is not None and after is not None and before != after:
        yield both.find(
            Level.IF_RECORDED,
            f"{both.title} is another kind of method now: it is recorded with another first value",
        )


def _result(both: _Both, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Finding]:
    before = _spelled(both.sides.hints, old.get("returns"))
    after = new.get("returns")
    if before == after:
        return
    if _gains_none(before, after):
        level, more = Level.COMPATIBLE, "may be None now: all recorded values can be read"
    else:
        level = Level.REPLAY
        more = f"was {before or _UNKNOWN} and is {after or _UNKNOWN}: results are read anew"
    yield both.sides.find(
        level, both.result_code, f"the result of {both.title} {more}", old=both.old, new=both.new
    )


# --- helpers -----------------------------------------------------------------------------------


def _both(
    sides: Sides, noun: str, old: str, new: str, signatures: Sequence[Mapping[str, Any]]
) -> _Both:
    before, after = signatures
    return _Both(
        sides=sides,
        noun=noun,
        old=old,
        new=new,
        before={one.name: one for one in _parameters(before, new, sides.hints)},
        after={one.name: one for one in _parameters(after, new, None)},
        code={"step": "WFC604", "child": "WFC611", "workflow": "WFC602"}[noun],
        result_code="WFC611" if noun == "child" else "WFC605",
    )


def _parameters(
    signature: Mapping[str, Any], new: str, hints: RenameHints | None
) -> Iterator[_Parameter]:
    for one in signature.get("params", ()):
        written = str(one["name"])
        yield _Parameter(
            name=hints.parameter(new, written) if hints else written,
            kind=str(one.get("kind", "POSITIONAL_OR_KEYWORD")),
            has_default=bool(one.get("has_default")),
            type=_spelled(hints, one.get("type")),
            called=written,
        )


def _spelled(hints: RenameHints | None, written: str | None) -> str | None:
    """Spell an old type as the new version would: classes may be renamed by a hint."""
    if written is None or hints is None:
        return written
    return _NAME.sub(lambda match: hints.callee(match[0]), written)


def _gains_none(before: str | None, after: str | None) -> bool:
    if before is None or after is None or before == "None":
        return False
    return after == f"{before} | None"
