"""Errors are values: any of them is recorded, and comes back as its own class or a StepError."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.codec.kinds import DiskError, Item, Known, Nothing, ShopError
from wfc import codec, errors
from wfc.codec import failures
from wfc.codec.raised import CHAIN_MAX, ERRORS_MAX, FRAMES_MAX, MESSAGE_MAX, as_list
from wfc.errors import CannotDecrypt, FatalError, PayloadCorrupt, RetryableError, StepError


def raised(error: BaseException) -> BaseException:
    """Give the error after it was raised, with its frames."""
    try:
        raise error  # noqa: TRY301 - raising it is the point
    except BaseException as caught:  # noqa: BLE001 - all kinds of errors are recorded
        return caught


def again(error: BaseException, types: codec.Types = Known()) -> BaseException:  # noqa: B008 - holds no state
    return codec.decode_error(codec.encode_error(error), types=types)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"), KeyError("k"), ZeroDivisionError(), OSError(2, "gone", "file.txt"),
        FileNotFoundError(2, "gone", "a", None, "b"), OSError("plain"), StopIteration(5),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), SystemExit(3), KeyboardInterrupt(),
        TimeoutError("late"), ImportError("x", name="m"), SyntaxError("bad", ("f", 1, 2, "text")),
        FatalError("stop"), RetryableError("later", retry_after="10s"), StepError("m:E", "text"),
        errors.RunFailed("run_1", "user", ValueError("inner")), errors.Diverged("here"),
        errors.EffectInWorkflow("no", guard="WFC201"), errors.StepTimeout("slow"),
        DiskError(28, "full", "disk"), ShopError("o-1", code_=7), ValueError(Item("a"), (1, 2)),
    ],
    ids=repr,
)  # fmt: skip
def test_an_error_comes_back_as_its_own_class(error: BaseException) -> None:
    found = again(error)
    assert type(found) is type(error)
    assert repr(found) == repr(error)
    assert str(found) == str(error)
    state = {name: repr(held) for name, held in vars(error).items()}
    assert {name: repr(value) for name, value in vars(found).items()} == state


def test_fields_outside_the_arguments_come_back() -> None:
    found = again(OSError(2, "gone", "a.txt"))
    assert isinstance(found, FileNotFoundError)
    assert (found.errno, found.filename) == (2, "a.txt")
    shop = again(ShopError("o-1", code_=7))
    assert isinstance(shop, ShopError)
    assert (shop.order, shop.code_) == ("o-1", 7)


def test_no_code_of_the_class_runs() -> None:
    error = ShopError("o-1", code_=7)
    before = ShopError.made
    assert isinstance(again(error), ShopError)
    assert ShopError.made == before


def test_a_class_that_is_not_known_becomes_a_step_error() -> None:
    found = again(ShopError("o-1", code_=7), Nothing())
    assert isinstance(found, StepError)
    assert found.type_name == "tests.codec.kinds:ShopError"
    assert str(found) == "tests.codec.kinds:ShopError: order o-1"


class Below(ShopError):
    """A class that only the step side has."""

    class Own(Exception):
        """No more than an error."""

    class Stop(BaseException):
        """More than an error."""


class DiskErrorBelow(DiskError):
    """Likewise."""


class GroupBelow(ExceptionGroup[Exception]):
    """Likewise."""


class Refunded(FatalError):
    """An error of the user's that stops a step."""


class Exhausted(StopIteration):
    """An end that no coroutine can raise."""


def invalid() -> Exception:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(int).validate_python("many")
    return caught.value


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (Below("o-1", code_=7), ShopError, "order o-1"),
        (Refunded("no"), FatalError, "no"),
        (DiskErrorBelow(28, "full", "disk"), DiskError, "[Errno 28] full: 'disk'"),
        (invalid(), ValueError, "1 validation error for"),
        (GroupBelow("both", [KeyError(1), ValueError(2)]), ExceptionGroup, "both (2 sub-"),
    ],
)
def test_an_unknown_error_is_caught_by_the_nearest_class_above(
    error: Exception, kind: type[Exception], text: str
) -> None:
    found = again(error)
    assert type(found) is kind
    assert str(found).startswith(text)
    name = codec.wire_name(type(error))
    assert found.__notes__[:1] == [f"it was raised as {name}, which is not known here"]


def test_a_class_above_keeps_the_fields() -> None:
    found = again(Below("o-1", code_=7))
    assert isinstance(found, ShopError)
    assert (found.order, found.code_) == ("o-1", 7)


def test_a_class_above_that_cannot_be_made_gives_way_to_the_next() -> None:
    """A `UnicodeError` says what it was made of, a `UnicodeDecodeError` only what was decoded."""
    data = codec.read_error(codec.encode_error(ValueError("x")))
    lists = as_list(replace(data, type="m:E", bases=("builtins:UnicodeDecodeError", "m:F")))
    assert isinstance(codec.decode_error(codec.encode(lists, path="v")), StepError)
    lists[-1].append("builtins:UnicodeError")
    assert type(codec.decode_error(codec.encode(lists, path="v"))) is UnicodeError


@pytest.mark.parametrize("error", [Exhausted("x"), Below.Own("x"), Below.Stop("x")])
def test_what_is_caught_by_everything_stays_a_step_error(error: BaseException) -> None:
    assert isinstance(again(error, Nothing()), StepError)


def test_an_error_without_bases_reads() -> None:
    """What an older release wrote has none."""
    fields: list[Any] = ["m:E", "m", b"\x90", None, [], [], None, None, [], False, None]
    assert codec.read_error(codec.encode(fields, path="v")).bases == ()


@pytest.mark.parametrize("name", ["builtins:print", "builtins:int", "wfc.errors:datetime", "x:Y"])
def test_a_name_is_a_class_of_errors_or_nothing(name: str) -> None:
    value: list[Any] = [name, "m", b"\x90", None, [], [], None, None, [], False, None]
    data = codec.encode(value, path="v")
    assert isinstance(codec.decode_error(data, types=Nothing()), StepError)


def test_arguments_that_cannot_be_recorded_are_left_out() -> None:
    """The error still becomes a value, and a StepError carries its message."""
    error = ValueError("no", object())
    value = codec.read_error(codec.encode_error(error))
    assert (value.type, value.args) == ("builtins:ValueError", None)
    assert value.message.startswith("('no', <object object")
    assert isinstance(again(error), StepError)


def test_state_that_cannot_be_recorded_is_left_out_alone() -> None:
    error = ValueError("no")
    error.order, error.client = "o-1", object()  # type: ignore[attr-defined]  # as users do
    found = again(error)
    assert vars(found) == {"order": "o-1"}


def test_the_frames_of_the_step_are_a_note() -> None:
    found = again(raised(ValueError("no")))
    text = "".join(traceback.format_exception(found))
    assert "Where it was raised (most recent call last):" in text
    assert 'test_failures.py", line' in text
    assert "in raised\n    raise error" in text


def test_notes_come_back_before_the_frames() -> None:
    error = ValueError("no")
    error.add_note("step `charge` failed, attempt 3 of 3")
    assert again(error).__notes__ == ["step `charge` failed, attempt 3 of 3"]


def test_frames_of_wfc_before_those_of_the_user_are_left_out(
    registry: codec.Registry,
) -> None:
    """They say how wfc came to call the code, which helps nobody who reads the log."""

    def convert(_: object) -> NoReturn:
        raise ValueError("no")

    registry.register_type(Item, encode=convert, decode=Item)
    with pytest.raises(errors.Unserialisable) as caught:
        codec.encode(Item("a"), path="v")
    refused = caught.value.__cause__
    assert refused is not None
    assert isinstance(refused.__cause__, ValueError)
    frames = codec.read_error(codec.encode_error(refused.__cause__)).frames
    assert [frame.function for frame in frames] == ["convert"]


def test_a_fault_of_wfc_keeps_its_frames() -> None:
    with pytest.raises(errors.Unserialisable) as caught:
        codec.encode(object(), path="v")
    assert caught.value.__traceback__ is not None
    below = caught.value.with_traceback(caught.value.__traceback__.tb_next)
    frames = codec.read_error(codec.encode_error(below)).frames
    assert frames[0].function == "encode"


def test_frames_without_a_source_are_named() -> None:
    try:
        exec("1 / 0")  # noqa: S102 - code without a source file
    except ZeroDivisionError as error:
        notes = again(error).__notes__
    assert 'File "<string>", line 1, in <module>' in notes[0]


def test_the_frames_nearest_to_the_fault_are_kept() -> None:
    def dive(depth: int) -> NoReturn:
        if depth == 0:
            raise ValueError
        dive(depth - 1)

    try:
        dive(100)
    except ValueError as error:
        value = codec.read_error(codec.encode_error(error))
    assert len(value.frames) == FRAMES_MAX
    assert value.frames[-1].text == "raise ValueError"


def meet(how: Callable[[Exception], NoReturn]) -> None:
    try:
        int("inner")
    except ValueError as inner:
        how(inner)


def outer(how: Callable[[Exception], NoReturn]) -> BaseException:
    """Give the error that `how` raises while it deals with another one."""
    with pytest.raises(ValueError, match="outer") as caught:
        meet(how)
    return again(caught.value)


def from_it(inner: Exception) -> NoReturn:
    raise ValueError("outer") from inner


def beside_it(_: Exception) -> NoReturn:
    raise ValueError("outer")


def instead_of_it(_: Exception) -> NoReturn:
    raise ValueError("outer") from None


def test_cause_and_context_come_back() -> None:
    found = outer(from_it)
    assert isinstance(found.__cause__, ValueError)
    assert found.__suppress_context__
    found = outer(beside_it)
    assert isinstance(found.__context__, ValueError)
    assert found.__cause__ is None
    assert outer(instead_of_it).__context__ is None


def chain_of(error: BaseException | None) -> int:
    length = 0
    while error is not None:
        error, length = error.__cause__, length + 1
    return length


def test_chains_stop_at_ten() -> None:
    error: Exception = ValueError(0)
    for number in range(30):
        outer = ValueError(number)
        outer.__cause__ = error
        error = outer
    assert chain_of(again(error)) == CHAIN_MAX


def test_a_chain_in_a_ring_ends() -> None:
    one, two = ValueError(1), ValueError(2)
    one.__cause__, two.__cause__ = two, one
    assert chain_of(again(one)) == 2


def test_groups_keep_their_parts() -> None:
    group = ExceptionGroup("both", [ValueError(1), ExceptionGroup("in", [ShopError("o", code_=1)])])
    found = again(group)
    assert isinstance(found, ExceptionGroup)
    assert found.message == "both"
    inner = found.exceptions[1]
    assert isinstance(inner, ExceptionGroup)
    assert isinstance(inner.exceptions[0], ShopError)
    strangers = codec.decode_error(codec.encode_error(group), types=Nothing())
    assert isinstance(strangers, ExceptionGroup)


def test_groups_are_bounded() -> None:
    """A group that shares its parts many times over does not fill the log."""
    group: Exception = ExceptionGroup("g", [ValueError(n) for n in range(10)])
    for _ in range(8):
        group = ExceptionGroup("g", [group] * 10)

    def count(value: codec.ErrorValue) -> int:
        return 1 + sum(map(count, value.group))

    assert count(codec.read_error(codec.encode_error(group))) <= ERRORS_MAX


def test_messages_are_cut_at_16_kib() -> None:
    for text in ("x" * 100_000, "ü" * 100_000, "\ud800" * 100_000):
        message = codec.read_error(codec.encode_error(ValueError(text))).message
        assert MESSAGE_MAX - 8 < len(message.encode()) <= MESSAGE_MAX


def test_fatal_and_code_are_told() -> None:
    assert not codec.read_error(codec.encode_error(ValueError())).fatal
    assert codec.read_error(codec.encode_error(FatalError())).fatal
    assert codec.read_error(codec.encode_error(ValueError(), fatal=True)).fatal
    assert codec.read_error(codec.encode_error(errors.Diverged())).code == "WFC690"
    assert codec.read_error(codec.encode_error(ValueError(), code="WFC1")).code == "WFC1"
    assert codec.read_error(codec.encode_error(SystemExit(3))).code is None


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


class Hostile(Exception):
    """Raises whatever is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        if name in {"__class__", "__traceback__"}:
            return super().__getattribute__(name)
        raise RuntimeError


class BadNotes(Exception):
    __notes__: Any = 7


@pytest.mark.parametrize("error", [Unprintable("x"), Hostile("x"), BadNotes("x")], ids=str.__name__)
def test_encoding_an_error_never_raises(error: Exception) -> None:
    value = codec.read_error(codec.encode_error(error))
    assert value.type.endswith(f":{type(error).__qualname__}")


def test_a_large_error_keeps_its_message() -> None:
    """Arguments beyond the limit of payloads go; what happened stays."""
    noise = bytes(range(256)) * 40_000
    value = codec.read_error(codec.encode_error(ValueError(noise, "x")))
    assert value.args is None
    assert value.type == "builtins:ValueError"


def test_errors_are_values_within_values() -> None:
    data = codec.encode([ValueError("a"), (ShopError("o", code_=1),)], path="v")
    first, (second,) = codec.decode(data, types=Known())
    assert repr(first) == "ValueError('a')"
    assert isinstance(second, ShopError)
    looped = ValueError()
    looped.args = ([looped],)
    assert codec.encode(looped, path="v")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda fields: [*fields[:3]],
        len,
        lambda fields: [7, *fields[1:]],
        lambda fields: [*fields[:4], [["f", "1", "g", "t"]], *fields[5:]],
        lambda fields: [*fields[:4], [["f", 1, "g"]], *fields[5:]],
        lambda fields: [*fields[:6], 5, *fields[7:]],
    ],
)
def test_what_is_no_error_is_corrupt(spoil: Callable[[list[Any]], Any]) -> None:
    fields: list[Any] = ["m:E", "m", None, None, [], [], None, None, [], False, None]
    data = codec.encode(spoil(fields), path="v")
    with pytest.raises(PayloadCorrupt, match="holds no error"):
        codec.read_error(data)


def test_an_error_of_a_newer_release_reads() -> None:
    """New fields are appended; this release ignores them."""
    fields: list[Any] = ["m:E", "m", None, None, [], [], None, None, [], True, None, "new"]
    assert codec.read_error(codec.encode(fields, path="v")).fatal


@pytest.mark.parametrize(
    ("args", "state"),
    [(b"\xc1", None), (b"\x90", b"\xc1"), (b"\x05", None), (b"\x90", b"\x05")],
)
def test_damage_inside_an_error_still_reports_the_failure(args: bytes, state: bytes | None) -> None:
    fields: list[Any] = [
        "builtins:ValueError",
        "m",
        args,
        state,
        [],
        [],
        None,
        None,
        [],
        False,
        None,
    ]
    found = codec.decode_error(codec.encode(fields, path="v"))
    assert isinstance(found, StepError)
    assert found.message == "m"


def test_a_fault_of_recording_leaves_type_and_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> NoReturn:
        raise MemoryError

    monkeypatch.setattr(failures, "value_of", broken)
    value = codec.read_error(codec.encode_error(ValueError("no"), fatal=True, code="WFC1"))
    assert (value.message, value.fatal, value.code) == ("no", True, "WFC1")


def test_what_is_withheld_is_no_error() -> None:
    """A reader without the key sees that there is a payload; nobody takes it for what it was."""
    assert codec.decode(codec.ENCRYPTED) == {"$encrypted": True}
    assert codec.is_withheld(codec.ENCRYPTED)
    assert not codec.is_withheld(None)
    for read in (codec.decode_error, codec.read_error):
        with pytest.raises(CannotDecrypt, match="WFC_ENCRYPTION_KEYS"):
            read(codec.ENCRYPTED)
