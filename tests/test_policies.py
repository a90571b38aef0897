"""`@policy` checks what it is told when it is told, and gives one frozen policy."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest

from wfc.errors import PolicyError
from wfc.policies import (
    Backoff,
    Declared,
    Policy,
    check_kind,
    declared,
    from_literal,
    policy,
    resolve,
)

loose = cast("Callable[..., Any]", policy)
"""The decorator as somebody without a type checker sees it."""


async def charge(order: str, *, cents: int) -> str:
    return f"{order} {cents}"


def declaration(**keywords: Any) -> Declared:
    async def step(order: str) -> str:
        return order

    found = declared(loose(**keywords)(step))
    assert found is not None
    return found


def test_a_function_keeps_what_was_said_of_it() -> None:
    @policy(attempts=5, timeout="30s", retry_on=(ValueError, OSError), give_up_on=KeyError)
    async def step() -> None: ...

    found = declared(step)
    assert found == Declared(
        names=("attempts", "timeout", "retry_on", "give_up_on"),
        given={"attempts": 5, "timeout_s": 30.0},
        retry_on=(ValueError, OSError),
        give_up_on=KeyError,
    )
    assert declared(charge) is None
    assert declared(5) is None


def test_every_duration_form_is_taken() -> None:
    for form in ("90s", 90, 90.0, "1m30s", timedelta(seconds=90)):
        assert declaration(timeout=form, total=form).given == {"timeout_s": 90.0, "total_s": 90.0}
        assert declaration(cleanup=form, retention=form).cleanup_s == 90.0
        assert Backoff(initial=form, maximum=form).initial_s == 90.0
    assert declaration(retention="never").retention_s == math.inf
    assert declaration(timeout=None).given == {"timeout_s": None}


def test_the_declaration_wins_over_defaults_over_three_attempts() -> None:
    assert resolve(None) == Policy() == Policy(attempts=3, backoff=Backoff("1s", 2.0, "1m", 0.2))
    defaults = {"attempts": 7, "timeout": timedelta(seconds=5), "backoff": {"initial": "2s"}}
    assert resolve(None, defaults) == Policy(
        attempts=7, timeout_s=5.0, backoff=Backoff(initial="2s")
    )
    assert resolve(declaration(attempts=2), defaults).attempts == 2
    assert resolve(declaration(timeout=None), defaults).timeout_s is None, "None is said, too"


def test_a_bundles_literal_keywords_give_the_same_policy() -> None:
    keywords: dict[str, Any] = {
        "attempts": 5, "timeout": "30s", "total": 60, "isolation": "thread", "concurrency": 2,
        "rate": "100/1m", "by": "order", "queue": "slow", "cancel": "wait",
    }  # fmt: skip
    backoff = {"initial": "2s", "factor": 3, "maximum": "1h", "jitter": 0}
    said = declaration(**keywords, backoff=Backoff(**backoff))  # type: ignore[arg-type]  # a mixed mapping
    assert from_literal({**keywords, "backoff": backoff}) == resolve(said)
    assert from_literal({"attempts": 2}, {"attempts": 9, "queue": "q"}) == Policy(
        attempts=2, queue="q"
    )
    assert from_literal({"retry_on": "ValueError", "cleanup": "1h"}) == Policy()
    assert from_literal({}) == Policy()


@pytest.mark.parametrize(
    ("memory", "found"),
    [("1GiB", 2**30), ("512 MiB", 2**29), ("7B", 7), (4096, 4096), (None, None)],
)
def test_memory_is_a_size(memory: Any, found: int | None) -> None:
    assert resolve(declaration(isolation="process", memory=memory)).memory_bytes == found


def test_memory_needs_a_process() -> None:
    """A thread has no memory of its own that could be limited."""
    with pytest.raises(PolicyError, match="`memory` limits the process of a step, so it needs"):
        declaration(memory="1GiB")


@pytest.mark.parametrize(
    ("keywords", "why"),
    [
        ({"atempts": 3}, "no keyword `atempts` (did you mean `attempts`?)"),
        ({"max_retries": 3}, "no keyword `max_retries` (did you mean `attempts`?)"),
        ({"xyz": 3}, "no keyword `xyz`. It takes: attempts, timeout,"),
        ({"attempts": 0}, "`attempts` is 0; it must be a whole number from 1"),
        ({"attempts": True}, "`attempts` is True"),
        ({"attempts": "3"}, "`attempts` is '3'"),
        ({"attempts": None}, "`attempts` is None"),
        ({"concurrency": 0}, "`concurrency` is 0"),
        ({"timeout": "30 lightyears"}, "the timeout '30 lightyears' has the unknown unit"),
        ({"timeout": 0}, "the timeout 0 is no time"),
        ({"total": -1}, "the total -1 is negative"),
        ({"total": math.nan}, "the total nan"),
        ({"cleanup": "soon"}, "the cleanup 'soon'"),
        ({"retention": "always"}, "the retention 'always'"),
        ({"backoff": 5}, "`backoff` is 5; it must be a Backoff"),
        ({"backoff": {"inital": 5}}, "Backoff has no keyword `inital` (did you mean `initial`?)"),
        ({"retry_on": int}, "`retry_on` is <class 'int'>; it must be an exception class"),
        ({"retry_on": (ValueError, 5)}, "`retry_on` is"),
        ({"give_up_on": "ValueError"}, "`give_up_on` is 'ValueError'"),
        ({"isolation": "proces"}, 'must be "thread" or "process" (did you mean `process`?)'),
        ({"isolation": 5}, "`isolation` is 5"),
        ({"memory": "1 GB", "isolation": "process"}, 'such as "512MiB" or "1GiB"'),
        ({"memory": 0, "isolation": "process"}, "`memory` is 0"),
        ({"memory": True, "isolation": "process"}, "`memory` is True"),
        ({"cancel": None}, "`cancel` is None"),
        ({"on_new_version": "stay"}, 'must be "pin" or "upgrade"'),
        ({"rate": "100"}, 'such as "100/1m"'),
        ({"rate": "0/1m"}, 'such as "100/1m"'),
        ({"rate": "x/1m"}, 'such as "100/1m"'),
        ({"rate": 100}, 'such as "100/1m"'),
        ({"rate": "100/soon"}, "the rate 'soon' cannot be read"),
        ({"queue": ""}, "`queue` is ''; it must be a name in quotes"),
        ({"by": 5}, "`by` is 5"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_wrong_name_type_or_unit_is_refused_at_decoration(
    keywords: dict[str, Any], why: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        loose(**keywords)
    assert why in str(caught.value)
    assert caught.value.code == "WFC358"
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("keywords", "why"),
    [
        ({"initial": "2m"}, "longer than its maximum '1m'"),
        ({"initial": 0}, "the backoff initial 0 is no time"),
        ({"maximum": "later"}, "the backoff maximum 'later'"),
        ({"factor": 0.5}, "the backoff factor is 0.5; it must be a number at least 1"),
        ({"factor": "2"}, "the backoff factor is '2'"),
        ({"factor": math.inf}, "the backoff factor is inf"),
        ({"factor": math.nan}, "the backoff factor is nan"),
        ({"jitter": 1.5}, "the backoff jitter is 1.5; it must be a number from 0 to 1"),
        ({"jitter": True}, "the backoff jitter is True"),
    ],
    ids=str,
)
def test_a_backoff_checks_its_numbers(keywords: dict[str, Any], why: str) -> None:
    with pytest.raises(PolicyError) as caught:
        Backoff(**keywords)
    assert why in str(caught.value)


def test_a_backoff_is_a_frozen_value() -> None:
    backoff = Backoff()
    assert backoff == Backoff(1, 2, 60, 0.2)
    assert hash(backoff) == hash(Backoff("1s"))
    with pytest.raises(AttributeError):
        backoff.factor = 3.0  # type: ignore[misc]  # the point of the test


def test_a_predicate_may_choose() -> None:
    def wanted(error: BaseException) -> bool:
        return "again" in str(error)

    assert declaration(retry_on=wanted).retry_on is wanted


@pytest.mark.parametrize("target", [5, int, print, "name"])
def test_only_functions_have_a_policy(target: Any) -> None:
    with pytest.raises(PolicyError, match=r"which is no function\. Put it, as the outermost"):
        loose(attempts=1)(target)


def test_methods_of_all_kinds_have_a_policy() -> None:
    class Shop:
        @policy(attempts=2)
        @staticmethod
        async def static() -> None: ...

        @policy(attempts=3, by="cls")
        @classmethod
        async def of_class(cls) -> None: ...

        @policy(attempts=4)
        async def method(self) -> None: ...

    for function, attempts in ((Shop.static, 2), (Shop.of_class, 3), (Shop().method, 4)):
        assert resolve(declared(function)).attempts == attempts


def test_by_names_a_parameter() -> None:
    async def other(order: str, *, cents: int) -> None: ...

    assert loose(by="cents", concurrency=1)(other) is other
    with pytest.raises(PolicyError, match=r"'ordre'.* \(did you mean `order`\?\)"):
        loose(by="ordre")(charge)


def test_no_function_is_both_step_and_workflow() -> None:
    with pytest.raises(PolicyError, match="`attempts` is for a step and `cleanup` for a workflow"):
        loose(attempts=3, cleanup="1h")(charge)


def test_who_registers_a_function_checks_its_kind() -> None:
    async def step() -> None: ...

    async def workflow() -> None: ...

    loose(attempts=3, timeout=5)(step)
    loose(retention="never", timeout=5, queue="q")(workflow)
    check_kind(step, "step")
    check_kind(workflow, "workflow")
    check_kind(test_by_names_a_parameter, "step")
    with pytest.raises(PolicyError, match=r"on the workflow .*step: `attempts` is for a step"):
        check_kind(step, "workflow")
    with pytest.raises(PolicyError, match=r"`retention` is for a workflow"):
        check_kind(workflow, "step")
