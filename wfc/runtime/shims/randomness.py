"""`random` and `uuid`, drawn from the run's seed, the place of the call and its occurrence."""

from __future__ import annotations

import random
import sys
import uuid
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, Final, Self

from wfc.determinism import Reason
from wfc.runtime.live import Live
from wfc.runtime.shims.active import run_for

_CANDIDATES: Final = """
random uniform triangular randint choice randrange sample shuffle choices normalvariate
lognormvariate expovariate vonmisesvariate gammavariate gauss betavariate paretovariate
weibullvariate binomialvariate getrandbits randbytes
"""
_METHODS: Final = tuple(name for name in _CANDIDATES.split() if hasattr(random, name))
_UUID_EPOCH_100NS: Final = 0x01B21DD213814000  # 1582-10-15 to 1970-01-01, RFC 9562, 5.1
_SEED_BITS: Final = 256


def _draw(name: str) -> Callable[..., Any]:
    genuine = getattr(random, name)

    def draw(*args: Any, **kwargs: Any) -> Any:
        run = run_for(f"random.{name}", Reason.RANDOM)
        if run is None:
            return genuine(*args, **kwargs)
        return getattr(_generator(run, name, sys._getframe(1)), name)(*args, **kwargs)  # noqa: SLF001 - sites are found so

    draw.__name__ = draw.__qualname__ = name
    draw.__doc__ = genuine.__doc__
    return draw


def _generator(run: Live, name: str, frame: FrameType) -> random.Random:
    return run.seeded or run.draws(frame, name)


def _seed(a: Any = None, version: int = 2) -> None:
    """Let the run's later draws come from a generator seeded with `a`, as the stdlib's would."""
    run = run_for("random.seed", Reason.RANDOM)
    if run is None:
        random.seed(a, version)
    elif a is None:
        run.seeded = None
    else:
        run.seeded = random.Random()  # noqa: S311 - no secret
        run.seeded.seed(a, version)


def _getstate() -> tuple[Any, ...]:
    run = run_for("random.getstate", Reason.RANDOM)
    if run is None:
        return random.getstate()
    return (run.seeded or _freeze(run, sys._getframe(1))).getstate()  # noqa: SLF001 - sites are found so


def _setstate(state: tuple[Any, ...]) -> None:
    run = run_for("random.setstate", Reason.RANDOM)
    if run is None:
        random.setstate(state)
    else:
        (run.seeded or _freeze(run, sys._getframe(1))).setstate(state)  # noqa: SLF001 - likewise


def _freeze(run: Live, frame: FrameType) -> random.Random:
    """From now on the run has a generator with a state, since its code asks for one."""
    run.seeded = random.Random(run.draws(frame, "getstate").getrandbits(_SEED_BITS))  # noqa: S311 - no secret
    return run.seeded


class _Random(random.Random):
    """`random.Random`: with a seed the stdlib's own, without one seeded by the run."""

    def __init__(self, x: Any = None) -> None:
        run = None if x is not None else run_for("random.Random", Reason.RANDOM)
        if run is not None:
            x = run.draws(sys._getframe(1), "Random").getrandbits(_SEED_BITS)  # noqa: SLF001 - likewise
        super().__init__(x)

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self:
        # The stdlib's `__new__` seeds by its argument, which may be one that only `seed` takes.
        return super().__new__(cls)


_Random.__name__ = _Random.__qualname__ = "Random"
_Random.__module__ = "random"


def _uuid4() -> uuid.UUID:
    run = run_for("uuid.uuid4", Reason.RANDOM)
    if run is None:
        return uuid.uuid4()
    return uuid.UUID(bytes=run.draws(sys._getframe(1), "uuid4").block(16), version=4)  # noqa: SLF001 - likewise


def _uuid1(node: int | None = None, clock_seq: int | None = None) -> uuid.UUID:
    run = run_for("uuid.uuid1", Reason.RANDOM)
    if run is None:
        return uuid.uuid1(node, clock_seq)
    draws = run.draws(sys._getframe(1), "uuid1")  # noqa: SLF001 - likewise
    ticks = run.now_us() * 10 + _UUID_EPOCH_100NS
    sequence = draws.getrandbits(14) if clock_seq is None else clock_seq
    fields = (
        ticks & 0xFFFFFFFF,
        (ticks >> 32) & 0xFFFF,
        (ticks >> 48) & 0x0FFF,
        (sequence >> 8) & 0x3F,
        sequence & 0xFF,
        draws.getrandbits(48) | 1 << 40 if node is None else node,
    )
    return uuid.UUID(fields=fields, version=1)


def _uuid6(node: int | None = None, clock_seq: int | None = None) -> uuid.UUID:
    run = run_for("uuid.uuid6", Reason.RANDOM)
    if run is None:
        return uuid.uuid6(node, clock_seq)  # type: ignore[attr-defined,no-any-return]  # since 3.14
    draws = run.draws(sys._getframe(1), "uuid6")  # noqa: SLF001 - likewise
    ticks = run.now_us() * 10 + _UUID_EPOCH_100NS
    sequence = draws.getrandbits(14) if clock_seq is None else clock_seq & 0x3FFF
    number = (ticks >> 12 & 0xFFFFFFFFFFFF) << 80 | 6 << 76 | (ticks & 0xFFF) << 64
    number |= 2 << 62 | sequence << 48
    number |= draws.getrandbits(48) | 1 << 40 if node is None else node
    return uuid.UUID(int=number)


def _uuid7() -> uuid.UUID:
    run = run_for("uuid.uuid7", Reason.RANDOM)
    if run is None:
        return uuid.uuid7()  # type: ignore[attr-defined,no-any-return]  # since 3.14
    draws = run.draws(sys._getframe(1), "uuid7")  # noqa: SLF001 - likewise
    number = (run.now_us() // 1000 & 0xFFFFFFFFFFFF) << 80 | 7 << 76
    number |= draws.getrandbits(12) << 64 | 2 << 62 | draws.getrandbits(62)
    return uuid.UUID(int=number)


SHIMS: Final[Mapping[str, Any]] = {
    **{f"random.{name}": _draw(name) for name in _METHODS},
    "random.seed": _seed,
    "random.getstate": _getstate,
    "random.setstate": _setstate,
    "random.Random": _Random,
    "uuid.uuid1": _uuid1,
    "uuid.uuid4": _uuid4,
    "uuid.uuid6": _uuid6,
    "uuid.uuid7": _uuid7,
}
