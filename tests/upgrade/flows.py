"""Random workflows and random edits of them.

A program is a tree of plain lists, so that an edit may take any part and put it anywhere. Each
statement is ``[kind, ...]``; see `_WRITERS` for what each kind holds. Programs collect what their
steps gave in `acc`, on which conditions, bounds and arguments depend: what a run was given decides
what it asks for next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

Statement = list[Any]
Block = list[Statement]
STEPS: Final = 4
_DEPTH_MAX: Final = 3


@dataclass
class Flow:
    """A program: the body of the workflow, helpers, and how steps are written."""

    body: Block
    helpers: list[Block] = field(default_factory=list)
    constants: list[int] = field(default_factory=lambda: [1, 2, 3])
    names: dict[int, str] = field(default_factory=lambda: {i: f"s{i}" for i in range(STEPS)})
    hints: dict[int, list[str]] = field(default_factory=dict)
    parameters: dict[int, str] = field(default_factory=lambda: dict.fromkeys(range(STEPS), "x"))
    parameter_hints: dict[int, list[str]] = field(default_factory=dict)
    extras: dict[int, str] = field(default_factory=dict)
    results: dict[int, str] = field(default_factory=lambda: dict.fromkeys(range(STEPS), "int"))
    comment: int = 0
    caught: str = "Exception"

    def blocks(self) -> list[Block]:
        """List all blocks, inner ones too."""
        found: list[Block] = []
        for block in (self.body, *self.helpers):
            found += _blocks(block)
        return found

    def places(self) -> list[tuple[Block, int]]:
        """List where each statement stands."""
        return [(block, at) for block in self.blocks() for at in range(len(block))]

    def of(self, *kinds: str) -> list[Statement]:
        """List the statements of some kinds."""
        return [block[at] for block, at in self.places() if block[at][0] in kinds]


def _blocks(block: Block) -> Iterator[Block]:
    yield block
    for statement in block:
        for part in statement[1:]:
            if isinstance(part, list) and (not part or isinstance(part[0], list)):
                yield from _blocks(part)


# --- random parts ------------------------------------------------------------------------------


def flow(rng: Random) -> Flow:
    """Make a program."""
    helpers = [_block(rng, 2, helpers=0, size=2) for _ in range(rng.randint(0, 2))]
    return Flow(
        body=_block(rng, 0, helpers=len(helpers), size=5),
        helpers=helpers,
        caught=rng.choice(("Exception", "Exception", "KeyError")),
    )


def _block(rng: Random, depth: int, *, helpers: int, size: int) -> Block:
    return [_statement(rng, depth, helpers) for _ in range(rng.randint(1, size))]


def _statement(rng: Random, depth: int, helpers: int) -> Statement:
    leaves = ["step"] * 6 + ["sleep", "sleep", "gather", "gather", "group", "draw", "attr", "log"]
    if helpers:
        leaves += ["helper", "helper"]
    if depth < _DEPTH_MAX:
        leaves += ["if", "for", "while", "try", "timeout", "marker"]
    return statement(rng, rng.choice(leaves), depth, helpers)


def statement(  # noqa: C901, PLR0911 - a table of kinds
    rng: Random, kind: str, depth: int = 2, helpers: int = 0
) -> Statement:
    """Make a statement of this kind."""

    def block() -> Block:
        return _block(rng, depth + 1, helpers=helpers, size=2)

    match kind:
        case "step":
            return ["step", rng.randrange(STEPS), argument(rng)]
        case "sleep":
            return ["sleep", rng.choice((1, 5, 60))]
        case "gather" | "group":
            return [kind, *(call(rng) for _ in range(rng.randint(2, 3)))]
        case "draw":
            return ["draw", rng.choice(sorted(_DRAWS))]
        case "attr":
            return ["attr", rng.choice("ab"), rng.randrange(3)]
        case "log":
            return ["log", rng.randrange(9)]
        case "helper":
            return ["helper", rng.randrange(max(1, helpers))]
        case "if":
            return ["if", condition(rng), block(), block() if rng.random() < 0.5 else []]
        case "for" | "while":
            return [kind, rng.randint(1, 3), block()]
        case "try":
            return ["try", block(), block() if rng.random() < 0.5 else [["log", 0]]]
        case "timeout":
            return ["timeout", rng.choice((2, 30)), block()]
        case "marker":
            return ["marker", rng.choice("pq"), block(), []]
    raise AssertionError(kind)


def call(rng: Random) -> tuple[str, int, str]:
    """Make a member of a gather."""
    return "call", rng.randrange(STEPS), argument(rng)


def argument(rng: Random) -> str:
    """Make an argument: a constant, or something that depends on what was given."""
    choices = ("1", "2", "7", "K0", "K1", "len(acc)", "last(acc) % 5", "len(acc) % 2", "K2 * 2")
    return rng.choice(choices)


def condition(rng: Random) -> str:
    """Make a condition."""
    return rng.choice(
        ("len(acc) % 2 == 0", "last(acc) % 2 == 0", "last(acc) % 3 != 0", "K0 == 1", "K1 > K2",
         "len(acc) < 4")
    )  # fmt: skip


# --- text ----------------------------------------------------------------------------------------

_HEAD: Final = """
import asyncio
import random
import uuid
from datetime import datetime

from wfc import changed, policy, set_attributes, sleep


def last(acc: list) -> int:
    return acc[-1] if acc else 0


"""
_DRAWS: Final = {
    "uuid": "uuid.uuid4().int % 97",
    "random": "random.randrange(97)",
    "clock": "datetime.now().minute",
}


def text_of(program: Flow) -> str:
    """Write a program down."""
    lines = [_HEAD]
    lines += [f"K{at} = {value}\n" for at, value in enumerate(program.constants)]
    for number in range(STEPS):
        lines.append(_step(program, number))
    for at, helper in enumerate(program.helpers):
        lines.append(f"\n\nasync def h{at}(acc: list) -> None:\n")
        lines.append(_written(program, helper, 1))
    lines.append('\n\nasync def flow(order: int) -> list:\n    "use workflow"\n    acc = [order]\n')
    lines.append("    " + f"# {program.comment}\n    try:\n")
    lines.append(_written(program, program.body, 2))
    lines.append(f"    except {program.caught} as error:\n        acc.append(-9)\n    return acc\n")
    return "".join(lines)


def _step(program: Flow, number: int) -> str:
    name, parameter = program.names[number], program.parameters[number]
    hint = program.hints.get(number)
    above = f"# wfc: was[{', '.join(hint)}]\n" if hint else ""
    former = program.parameter_hints.get(number)
    beside = f"  # wfc: was[{', '.join(former)}]" if former else ""
    extra = f"    {program.extras[number]}\n" if number in program.extras else ""
    return (
        f"\n\n{above}async def {name}(\n    {parameter}: int,{beside}\n{extra}) -> "
        f'{program.results[number]}:\n    "use step"\n'
    )


def _written(program: Flow, block: Block, depth: int) -> str:
    pad = "    " * depth
    if not block:
        return f"{pad}pass\n"
    return "".join(_WRITERS[one[0]](program, one, pad, depth) for one in block)


def _call(program: Flow, number: int, value: str) -> str:
    return f"{program.names[number]}({value})"


def _write_step(program: Flow, one: Statement, pad: str, _depth: int) -> str:
    return f"{pad}acc.append(await {_call(program, one[1], one[2])})\n"


def _write_gather(program: Flow, one: Statement, pad: str, _depth: int) -> str:
    calls = ", ".join(_call(program, number, value) for _, number, value in one[1:])
    return f"{pad}acc.extend(await asyncio.gather({calls}))\n"


def _write_group(program: Flow, one: Statement, pad: str, _depth: int) -> str:
    lines = [f"{pad}async with asyncio.TaskGroup() as group:\n"]
    names = []
    for at, (_, number, value) in enumerate(one[1:]):
        names.append(f"t{at}.result()")
        lines.append(f"{pad}    t{at} = group.create_task({_call(program, number, value)})\n")
    return "".join(lines) + f"{pad}acc.extend([{', '.join(names)}])\n"


def _write_if(program: Flow, one: Statement, pad: str, depth: int) -> str:
    text = f"{pad}if {one[1]}:\n{_written(program, one[2], depth + 1)}"
    return text + (f"{pad}else:\n{_written(program, one[3], depth + 1)}" if one[3] else "")


def _write_marker(program: Flow, one: Statement, pad: str, depth: int) -> str:
    text = f'{pad}if changed("{one[1]}"):\n{_written(program, one[2], depth + 1)}'
    return text + (f"{pad}else:\n{_written(program, one[3], depth + 1)}" if one[3] else "")


def _write_for(program: Flow, one: Statement, pad: str, depth: int) -> str:
    return f"{pad}for i{depth} in range({one[1]}):\n{_written(program, one[2], depth + 1)}"


def _write_while(program: Flow, one: Statement, pad: str, depth: int) -> str:
    inner = "    " * (depth + 1)
    return (
        f"{pad}n{depth} = 0\n{pad}while n{depth} < {one[1]}:\n{inner}n{depth} += 1\n"
        f"{_written(program, one[2], depth + 1)}"
    )


def _write_try(program: Flow, one: Statement, pad: str, depth: int) -> str:
    handler = _written(program, one[2], depth + 1)
    kind = one[3] if len(one) > 3 else "ValueError"
    return f"{pad}try:\n{_written(program, one[1], depth + 1)}{pad}except {kind}:\n{handler}"


def _write_timeout(program: Flow, one: Statement, pad: str, depth: int) -> str:
    inner = "    " * (depth + 1)
    return (
        f"{pad}try:\n{inner}async with asyncio.timeout({one[1]}):\n"
        f"{_written(program, one[2], depth + 2)}"
        f"{pad}except TimeoutError:\n{inner}acc.append(-1)\n"
    )


_WRITERS: Final[dict[str, Callable[[Flow, Statement, str, int], str]]] = {
    "step": _write_step,
    "sleep": lambda _, one, pad, __: f"{pad}await sleep({one[1]})\n",
    "gather": _write_gather,
    "group": _write_group,
    "draw": lambda _, one, pad, __: f"{pad}acc.append({_DRAWS[one[1]]})\n",
    "attr": lambda _, one, pad, __: f'{pad}await set_attributes({{"{one[1]}": {one[2]}}})\n',
    "log": lambda _, one, pad, __: f"{pad}print({one[1]})\n",
    "helper": lambda program, one, pad, __: (
        f"{pad}await h{one[1]}(acc)\n" if one[1] < len(program.helpers) else f"{pad}pass\n"
    ),
    "if": _write_if,
    "marker": _write_marker,
    "for": _write_for,
    "while": _write_while,
    "try": _write_try,
    "timeout": _write_timeout,
}


# --- edits ---------------------------------------------------------------------------------------

Operator = Callable[[Flow, Random], bool]
OPERATORS: Final[dict[str, Operator]] = {}
"""By name; each changes a program in place, or tells that it found nothing to change."""


def edited(program: Flow, rng: Random, *, most: int = 3) -> tuple[Flow, list[str]]:
    """Give a program with a few edits, and their names."""
    new = deepcopy(program)
    wanted = rng.randint(1, most)
    done: list[str] = []
    for _ in range(20):
        name = rng.choice(sorted(OPERATORS))
        if OPERATORS[name](new, rng):
            done.append(name)
        if len(done) == wanted:
            break
    return new, done


def _operator(make: Operator) -> Operator:
    OPERATORS[make.__name__.strip("_")] = make
    return make


def _inserter(kind: str) -> None:
    def insert(program: Flow, rng: Random) -> bool:
        block = rng.choice(program.blocks())
        made = statement(rng, kind, helpers=len(program.helpers))
        if kind == "helper" and (not program.helpers or not _outside(program, block)):
            return False
        block.insert(rng.randint(0, len(block)), made)
        return True

    OPERATORS[f"insert_{kind}"] = insert


for _kind in ("step", "sleep", "gather", "group", "draw", "attr", "log", "if", "for", "while",
              "try", "timeout", "marker", "helper"):  # fmt: skip
    _inserter(_kind)


def _outside(program: Flow, block: Block) -> bool:
    """Tell whether a block stands in no helper, which would call itself for ever."""
    inner = [one for helper in program.helpers for one in _blocks(helper)]
    return all(one is not block for one in inner)


def _wrapper(name: str, wrap: Callable[[Statement, Random], Statement]) -> None:
    def around(program: Flow, rng: Random) -> bool:
        places = program.places()
        if not places:
            return False
        block, at = rng.choice(places)
        block[at] = wrap(block[at], rng)
        return True

    OPERATORS[f"wrap_in_{name}"] = around


_wrapper("if", lambda one, rng: ["if", condition(rng), [one], []])
_wrapper("else", lambda one, rng: ["if", condition(rng), [["log", 1]], [one]])
_wrapper("for_of_one", lambda one, _: ["for", 1, [one]])
_wrapper("for_of_two", lambda one, _: ["for", 2, [one]])
_wrapper("try", lambda one, _: ["try", [one], [["log", 2]]])
_wrapper("timeout", lambda one, rng: ["timeout", rng.choice((2, 30)), [one]])
_wrapper("marker", lambda one, rng: ["marker", rng.choice("pq"), [one], []])
_wrapper("old_marker", lambda one, rng: ["marker", rng.choice("pq"), [["log", 3]], [one]])


@_operator
def _delete(program: Flow, rng: Random) -> bool:
    places = program.places()
    if not places:
        return False
    block, at = rng.choice(places)
    del block[at]
    return True


@_operator
def _duplicate(program: Flow, rng: Random) -> bool:
    places = program.places()
    if not places:
        return False
    block, at = rng.choice(places)
    block.insert(at, deepcopy(block[at]))
    return True


@_operator
def _swap(program: Flow, rng: Random) -> bool:
    places = [(block, at) for block, at in program.places() if at + 1 < len(block)]
    if not places:
        return False
    block, at = rng.choice(places)
    block[at], block[at + 1] = block[at + 1], block[at]
    return True


@_operator
def _move(program: Flow, rng: Random) -> bool:
    places = program.places()
    if not places:
        return False
    block, at = rng.choice(places)
    taken = block.pop(at)
    inner = [one for part in [[taken]] for one in _blocks(part)]
    outer = [one for one in program.blocks() if all(one is not each for each in inner)]
    to = rng.choice(outer)
    if any(one[0] == "helper" for each in inner for one in each) and not _outside(program, to):
        block.insert(at, taken)
        return False
    to.insert(rng.randint(0, len(to)), taken)
    return True


@_operator
def _unwrap(program: Flow, rng: Random) -> bool:
    at_hand = ("if", "for", "while", "try", "timeout", "marker")
    places = [(block, at) for block, at in program.places() if block[at][0] in at_hand]
    if not places:
        return False
    block, at = rng.choice(places)
    inner = next(part for part in block[at][1:] if isinstance(part, list))
    block[at : at + 1] = inner
    return True


@_operator
def _into_a_helper(program: Flow, rng: Random) -> bool:
    places = [(block, at) for block, at in program.places() if _outside(program, block)]
    places = [(block, at) for block, at in places if not _calls_helpers(block[at])]
    if not places:
        return False
    block, at = rng.choice(places)
    program.helpers.append([block[at]])
    block[at] = ["helper", len(program.helpers) - 1]
    return True


def _calls_helpers(one: Statement) -> bool:
    return any(each[0] == "helper" for block in _blocks([one]) for each in block)


@_operator
def _out_of_a_helper(program: Flow, rng: Random) -> bool:
    places = [(block, at) for block, at in program.places() if block[at][0] == "helper"]
    places = [(block, at) for block, at in places if block[at][1] < len(program.helpers)]
    if not places:
        return False
    block, at = rng.choice(places)
    block[at : at + 1] = deepcopy(program.helpers[block[at][1]])
    return True


@_operator
def _into_a_gather(program: Flow, rng: Random) -> bool:
    places = [
        (block, at)
        for block, at in program.places()
        if at + 1 < len(block) and block[at][0] == block[at + 1][0] == "step"
    ]
    if not places:
        return False
    block, at = rng.choice(places)
    calls = [("call", *one[1:]) for one in block[at : at + 2]]
    block[at : at + 2] = [[rng.choice(("gather", "group")), *calls]]
    return True


@_operator
def _out_of_a_gather(program: Flow, rng: Random) -> bool:
    places = [(block, at) for block, at in program.places() if block[at][0] in ("gather", "group")]
    if not places:
        return False
    block, at = rng.choice(places)
    block[at : at + 1] = [["step", *call[1:]] for call in block[at][1:]]
    return True


def _changer(
    name: str, kinds: tuple[str, ...], change: Callable[[Statement, Random], None]
) -> None:
    def run(program: Flow, rng: Random) -> bool:
        found = program.of(*kinds)
        if not found:
            return False
        change(rng.choice(found), rng)
        return True

    OPERATORS[name] = run


def _permute(one: Statement, rng: Random) -> None:
    calls = one[1:]
    rng.shuffle(calls)
    one[1:] = calls


def _lose_a_member(one: Statement, rng: Random) -> None:
    if len(one) > 2:
        del one[rng.randint(1, len(one) - 1)]


def _set(at: int, make: Callable[[Random], Any]) -> Callable[[Statement, Random], None]:
    def change(one: Statement, rng: Random) -> None:
        one[at] = make(rng)

    return change


def _swap_branches(one: Statement, _rng: Random) -> None:
    if one[3]:
        one[2], one[3] = one[3], one[2]
    else:
        one[1] = f"not ({one[1]})"


def _negate(one: Statement, _rng: Random) -> None:
    one[1] = f"not ({one[1]})"


def _other_kind(one: Statement, _rng: Random) -> None:
    one[0] = {"for": "while", "while": "for", "gather": "group", "group": "gather"}[one[0]]


def _other_exception(one: Statement, rng: Random) -> None:
    one[3:] = [rng.choice(("ValueError", "(ValueError, KeyError)", "KeyError", "Exception"))]


_changer("permute_a_gather", ("gather", "group"), _permute)
_changer("lose_a_member", ("gather", "group"), _lose_a_member)
_changer("add_a_member", ("gather", "group"),
         lambda one, rng: one.append(call(rng)))  # fmt: skip
_changer("other_step", ("step",), _set(1, lambda rng: rng.randrange(STEPS)))
_changer("other_argument", ("step",), _set(2, argument))
_changer("other_bound", ("for", "while"), _set(1, lambda rng: rng.randint(0, 3)))
_changer("other_condition", ("if",), _set(1, condition))
_changer("negate", ("if",), _negate)
_changer("swap_branches", ("if",), _swap_branches)
_changer("other_length", ("sleep", "timeout"), _set(1, lambda rng: rng.choice((0, 1, 2, 30, 90))))
_changer("other_kind", ("for", "while", "gather", "group"), _other_kind)
_changer("other_exception", ("try",), _other_exception)
_changer("other_marker", ("marker",), _set(1, lambda rng: rng.choice("pqr")))
_changer("other_attribute", ("attr",), _set(2, lambda rng: rng.randrange(3)))


@_operator
def _unroll(program: Flow, rng: Random) -> bool:
    places = [(block, at) for block, at in program.places() if block[at][0] == "for"]
    if not places:
        return False
    block, at = rng.choice(places)
    _, turns, inner = block[at]
    block[at : at + 1] = [deepcopy(one) for _ in range(turns) for one in inner]
    return True


@_operator
def _rename_a_step(program: Flow, rng: Random) -> bool:
    number = rng.randrange(STEPS)
    former = program.names[number]
    program.names[number] = f"{former}n"
    program.hints.setdefault(number, []).append(former)
    return True


@_operator
def _rename_a_parameter(program: Flow, rng: Random) -> bool:
    number = rng.randrange(STEPS)
    former = program.parameters[number]
    program.parameters[number] = f"{former}n"
    program.parameter_hints.setdefault(number, []).append(former)
    return True


@_operator
def _add_a_parameter(program: Flow, rng: Random) -> bool:
    program.extras[rng.randrange(STEPS)] = rng.choice(("y: int = 0", "*, y: int = 0"))
    return True


@_operator
def _result_gains_none(program: Flow, rng: Random) -> bool:
    program.results[rng.randrange(STEPS)] = "int | None"
    return True


@_operator
def _comment(program: Flow, _rng: Random) -> bool:
    program.comment += 1
    return True


@_operator
def _catch_all(program: Flow, _rng: Random) -> bool:
    program.caught = "Exception"
    return True


@_operator
def _constant(program: Flow, rng: Random) -> bool:
    program.constants[rng.randrange(3)] = rng.randint(0, 4)
    return True
