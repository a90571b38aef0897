"""Every event survives the disk, every release reads every older log, damage is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import msgpack  # type: ignore[import-untyped]  # it ships no types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.eventlog.samples import EVENTS, SAMPLES, STEP
from wfc.errors import CorruptEvent, LogTooNew, Unserialisable
from wfc.eventlog import wire
from wfc.eventlog.event import (
    BY_CODE,
    EVENT_TYPES,
    Event,
    Recorded,
    RunCancelled,
    RunCreated,
    RunPaused,
    RunStarted,
    StepCompleted,
)
from wfc.ids import RunId

RUN = RunId("run_1")
GOLDEN = Path(__file__).parents[1] / "golden" / "wire" / "events-1.json"


def read(data: bytes, position: int = 1) -> Recorded:
    return wire.decode(data, run_id=RUN, position=position)


def sealed(values: object, *, header: bytes = b"\x01\x00") -> bytes:
    body = header + msgpack.packb(values)
    return bytes(body) + crc32(body).to_bytes(4, "big")


@given(st.integers(0, 2**62), EVENTS)
def test_every_event_survives_the_disk(recorded_at: int, event: Event) -> None:
    """What is written is what is read, type by type and field by field."""
    found = read(wire.encode(recorded_at, event), 7)
    assert found == Recorded(position=7, recorded_at=recorded_at, event=event)
    assert repr(found.event) == repr(event), "equal values have equal types too"


def test_there_is_a_sample_of_every_event() -> None:
    assert [type(sample) for sample in SAMPLES] == list(EVENT_TYPES)
    assert len(BY_CODE) == len(EVENT_TYPES), "codes are unique"


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: event.name)
def test_the_bytes_of_a_release_hold_for_ever(event: Event) -> None:
    """The golden bytes were written once: both directions must agree with them."""
    golden = bytes.fromhex(json.loads(GOLDEN.read_text())[event.name])
    assert read(golden).event == event
    assert wire.encode(1_893_456_000_000_000, event) == golden


@pytest.mark.parametrize(
    ("name", "lacks"),
    [
        ("run_created without retention", {"retention_s": None, "goal_s": None, "limit_key": None}),
        ("run_created without goal", {"goal_s": None, "limit_key": None}),
    ],
)
def test_a_run_of_before_a_field_was_there_reads_without_it(
    name: str, lacks: dict[str, None]
) -> None:
    """Its golden bytes were written before; where it came from named no schedule either."""
    golden = json.loads(GOLDEN.read_text())[name]
    sample = SAMPLES[0]
    assert isinstance(sample, RunCreated)
    assert sample.origin is not None
    origin = replace(sample.origin, schedule=None, fire_at=None)
    assert read(bytes.fromhex(golden)).event == replace(sample, origin=origin, **lacks)  # type: ignore[arg-type]  # fields by name


def test_an_older_event_reads_with_defaults() -> None:
    """A list that ends early is an older event: what it lacks has its default."""
    found = read(sealed([6, 5]))
    assert found.event == RunCancelled(reason=None, forced=False)
    created = read(sealed([1, 5, "ada", "cli", None, "m:w", "v", "f", (), b"a", b"s"])).event
    assert isinstance(created, RunCreated)
    assert created.environment == {}
    assert created.priority == 0


def test_an_older_event_without_a_field_that_has_no_default_is_damaged() -> None:
    with pytest.raises(CorruptEvent, match="`worker_id` is missing"):
        read(sealed([2, 5]))


def test_the_surplus_of_a_newer_event_of_this_format_is_ignored() -> None:
    assert read(sealed([2, 5, "worker_1", "unheard of", 8])).event == RunStarted(
        worker_id="worker_1"  # type: ignore[arg-type]  # a bare string
    )


def test_a_default_stands_for_what_a_nested_older_value_lacks() -> None:
    """The policy inside an outcome grows like an event does."""
    event = read(sealed([13, 5, STEP, 1, 4, "v", b"o", ["m:s", None, None, [7]]])).event
    assert isinstance(event, StepCompleted)
    assert event.created is not None
    assert event.created.operation_id == STEP
    assert event.created.policy.attempts == 7
    assert event.created.policy.backoff.maximum_s == 60.0
    assert event.created.closure is False


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (sealed([2, 5, "w"], header=b"\x02\x00"), "its format is 2"),
        (b"\x02 anything at all", "its format is 2"),
        (sealed([2, 5, "w"], header=b"\x01\x04"), "its flags are 4"),
        (sealed([99, 5]), "its code is 99"),
        (sealed([4, 5, b"e", "boredom"]), "`boredom` for FailureKind"),
    ],
)
def test_what_a_newer_wfc_wrote_is_not_called_damage(data: bytes, what: str) -> None:
    with pytest.raises(LogTooNew, match=what) as caught:
        read(data, 12)
    assert "event 12 of run run_1" in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01\x00\x90\x00\x00",
        b"\x00\x00" + b"x" * 20,
        b"\x01\x04" + b"x" * 20,
        sealed([]),
        sealed([2]),
        sealed(["2", 5, "w"]),
        sealed([2, "5", "w"]),
        sealed([2, 5]),
        sealed([[1], 5]),
        sealed({"a": 1}),
        sealed(7),
        sealed([13, 5, STEP, 1, 4, "v", b"o", 17]),
        sealed([10, 5, STEP, "m:s", None, None, [3, None, None, {"a": 1}]]),
        sealed([4, 5, b"e", ["kind"]]),
        sealed([4, 5, b"e", {"kind": 1}]),
    ],
    ids=lambda data: data.hex(),
)
def test_nonsense_is_named_as_damage(data: bytes) -> None:
    with pytest.raises(CorruptEvent) as caught:
        read(data, 3)
    assert str(caught.value).startswith("event 3 of run run_1 is damaged: ")


@given(st.sampled_from(SAMPLES), st.data())
def test_one_flipped_bit_is_found(event: Event, data: st.DataObject) -> None:
    """The checksum finds every single flipped bit, in header, body and checksum."""
    whole = bytearray(wire.encode(5, event))
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[bit // 8] ^= 1 << bit % 8
    with pytest.raises((CorruptEvent, LogTooNew)):
        read(bytes(whole))


@given(st.binary(max_size=200))
def test_random_bytes_give_only_errors_of_wfc(data: bytes) -> None:
    with pytest.raises((CorruptEvent, LogTooNew)):
        read(data)


@given(st.sampled_from(SAMPLES), st.data())
def test_damage_with_a_right_checksum_gives_only_errors_of_wfc(
    event: Event, data: st.DataObject
) -> None:
    """Even bytes that somebody sealed anew give an event or an error, never a traceback."""
    body = bytearray(wire.encode(5, event)[:-4])
    index = data.draw(st.integers(2, len(body) - 1))
    body[index] = data.draw(st.integers(0, 255))
    try:
        found = read(bytes(body) + crc32(body).to_bytes(4, "big"))
    except (CorruptEvent, LogTooNew):
        return
    assert isinstance(found.event, Event)


@pytest.mark.parametrize("reason", ["\ud800", 2**70, object()])
def test_what_msgpack_cannot_hold_is_refused_before_it_is_written(reason: object) -> None:
    with pytest.raises(Unserialisable, match="run_paused cannot be written"):
        wire.encode(5, RunPaused(reason=reason))  # type: ignore[arg-type]  # the point of the test


def test_equal_policies_are_made_once() -> None:
    """A run has few policies and many steps."""
    data = wire.encode(5, SAMPLES[11])
    first, second = read(data).event, read(data).event
    assert first.policy is second.policy  # type: ignore[attr-defined]  # both are StepCreated


def test_remembered_policies_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_POLICIES_MAX", 3)
    for attempts in range(1, 10):
        read(sealed([10, 5, STEP, "m:s", None, None, [attempts]]))
    assert len(wire._POLICIES) <= 3


def test_what_runs_have_in_common_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of live runs keep how they began: names, environment, and what is empty."""
    (sample,) = [event for event in SAMPLES if isinstance(event, RunCreated)]
    one = replace(sample, attributes={}, environment={"A": "x"})
    first, second = (read(wire.encode(1, one)).event for _ in range(2))
    assert isinstance(first, RunCreated)
    assert isinstance(second, RunCreated)
    for name in ("workflow", "version", "fingerprint", "environment", "attributes"):
        assert getattr(first, name) is getattr(second, name)
    monkeypatch.setattr(wire, "_ENVIRONMENTS_MAX", 3)
    for number in range(10):
        other = replace(sample, environment={"A": str(number)})
        assert read(wire.encode(1, other)).event == other
    assert len(wire._ENVIRONMENTS) <= 3
