"""Streams as those have them who write: a handle, made in workflow code or a step, used in steps.

A handle is a name: of a run and one of its streams. It may be given to steps and to child runs,
which then write to the stream of the run that made it.
"""

from __future__ import annotations

import json
import sys
import typing
from collections.abc import Iterable, Iterator
from typing import Any, Final, Generic, NamedTuple, TypeVar, overload

from wfc import codec
from wfc.codec import tags
from wfc.errors import EffectInWorkflow, OutsideWorkflow, StreamTooLarge
from wfc.ids import RunId, is_namespace
from wfc.manifests.sites import site_of
from wfc.runtime import context
from wfc.worlds.chunks import CHUNK_BYTES_MAX, Form, NewChunk

T = TypeVar("T")
DATA: Final = "data-"
DEFAULT: Final = "default"
"""The namespace of the stream that nobody named."""
OURS: Final = "wfc."
"""What the namespaces of wfc itself begin with."""
TURN: Final = "ui~"
"""What the namespaces of an agent's turns begin with."""
THE_TURN: Final = "ui~*"
"""No namespace: stands for the stream of the turn that is open when something is written to it."""
UI_CHUNK_BYTES_MAX: Final = 256 << 10
_PART_MAX: Final = 32
_PART_BYTES_MAX: Final = 256 << 10
"""So many values of one write are held at once, besides those that are on their way."""
_PLAIN: Final = (str, int, float, bool, list, dict)


class StreamName(NamedTuple):
    """A stream of a run."""

    run_id: RunId
    namespace: str


class Writable(Generic[T]):
    """A stream to write to, in steps: ``await out.write(value)``."""

    __slots__ = ("_name", "_type")

    def __init__(self, name: StreamName, type: Any = Any) -> None:  # noqa: A002 - as in `get_writable`
        """Name a stream that takes values of `type`."""
        self._name = name
        self._type = type

    @property
    def run_id(self) -> RunId:
        """The run that has the stream."""
        return self._name.run_id

    @property
    def namespace(self) -> str:
        """Which of the run's streams it is."""
        return self._name.namespace

    def __repr__(self) -> str:
        """Name the stream."""
        return f"Writable({self.namespace!r} of {self.run_id})"

    def __eq__(self, other: object) -> bool:
        """Compare by what is named."""
        return isinstance(other, Writable) and other._name == self._name

    def __hash__(self) -> int:
        """Hash what is named."""
        return hash(self._name)

    async def write(self, value: T) -> None:
        """Write a value. It is on disk by the end of the step; this waits only where much is not.

        `bytes` are kept as they are. Raises `PayloadMismatch`, `Unserialisable`, `StreamTooLarge`
        for a chunk over 1 MiB or a stream over its limits, `StreamClosed`, and `EffectInWorkflow`
        in workflow code, where a replay would write again.
        """
        await self.write_many((value,))

    async def write_many(self, values: Iterable[T]) -> None:
        """Write values, in their order; they are taken as there is room, so there may be many.

        Each is as durable as one that is written alone. Raises as `write` does: then what stands
        before the value that could not be written is written, and nothing from it on; over the
        limits of a stream that may be told only by a later write, or by the end of the step.
        """
        attempt = self._attempt("write")
        for part in self._parts(values):
            await attempt.write_stream(self._name, part)

    def _parts(self, values: Iterable[T]) -> Iterator[list[NewChunk]]:
        """Give the chunks of values in parts, at least one; those before a bad value come first."""
        part: list[NewChunk] = []
        size, none = 0, True
        chunk = self._frame if self.namespace == THE_TURN else self._chunk
        try:
            for value in values:
                part.append(chunk(value))
                size += len(part[-1].body)
                if len(part) >= _PART_MAX or size >= _PART_BYTES_MAX:
                    yield part
                    part, size, none = [], 0, False
        except Exception:
            if part:
                yield part
            raise
        if part or none:
            yield part

    async def close(self) -> None:
        """Say that nothing follows; readers end there. On disk when this returns.

        To say it again changes nothing.
        """
        await self._attempt("close").write_stream(self._name, [], close=True)

    def _attempt(self, method: str) -> context.AttemptContext:
        if context.current.get() is not None:
            raise EffectInWorkflow(
                f"`{method}` of the stream {self.namespace!r} was called in workflow code. A "
                "replay would write again; pass it to a step, and write there.",
                guard="WFC806",
            )
        attempt = context.attempt.get()
        if attempt is None:
            raise OutsideWorkflow(
                f"`{method}` of the stream {self.namespace!r} was called where no step of a run "
                "is being executed. Streams are written by steps, and read by "
                "`get_run(id).stream()`."
            )
        return attempt

    def _chunk(self, value: Any) -> NewChunk:
        what = f"a chunk of the stream {self.namespace!r}"
        wanted, open_to_all = self._type, self._type is Any or self._type is object
        if type(value) is bytes and (open_to_all or wanted is bytes):
            chunk = NewChunk(form=Form.RAW, body=value)
        else:
            data = codec.encode(value, path=what, annotation=wanted)
            if not open_to_all and not (type(value) is wanted and wanted in _PLAIN):
                codec.decode(data, annotation=wanted, what=what)  # what readers refuse is no chunk
            chunk = NewChunk(form=Form.VALUE, body=data)
        # Not as it is packed: a reader must have room for what a chunk becomes.
        size = len(chunk.body) if chunk.form is Form.RAW else codec.unpacked_size(chunk.body)
        if size > CHUNK_BYTES_MAX:
            raise StreamTooLarge(
                f"{what} has {size:,} bytes, and {CHUNK_BYTES_MAX:,} are the most. "
                "Write it in parts."
            )
        return chunk

    def _frame(self, value: Any) -> NewChunk:
        """Make a chunk that readers of a turn know: ``{"type": "data-<name>", "data": ...}``."""
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(kind, str) or not kind.startswith(DATA) or "data" not in value:
            raise ValueError(
                f"{value!r} cannot be written to the stream of a turn: give {{'type': 'data-...', "
                "'data': ...}. Other types would break the readers of the chat."
            )
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        if len(body) > UI_CHUNK_BYTES_MAX:
            raise StreamTooLarge(
                f"a chunk of a turn's stream has {len(body):,} bytes, and {UI_CHUNK_BYTES_MAX:,} "
                "are the most. Write it in parts."
            )
        return NewChunk(form=Form.RAW, body=body)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Let a parameter ``out: Writable[Token]`` say what is written to the stream."""
        from pydantic_core import core_schema  # noqa: PLC0415 - only where pydantic judges

        (wanted,) = typing.get_args(source) or (Any,)

        def judged(value: object) -> Writable[Any]:
            if not isinstance(value, Writable):
                raise ValueError(f"it is a {type(value).__qualname__}, and no stream")  # noqa: TRY004 - pydantic takes only this for a judgement
            return Writable(value._name, wanted)  # noqa: SLF001 - of this class

        return core_schema.no_info_plain_validator_function(judged)


@overload
def get_writable(
    type: type[T], *, namespace: str | None = None, turn: bool = False
) -> Writable[T]: ...
@overload
def get_writable(
    type: Any = Any, *, namespace: str | None = None, turn: bool = False
) -> Writable[Any]: ...
def get_writable(
    type: Any = Any,  # noqa: A002 - the word of `run.stream`
    *,
    namespace: str | None = None,
    turn: bool = False,
) -> Writable[Any]:
    """Give a stream of this run to write to; None is the one named ``"default"``.

    With `turn` it is the one that the readers of a chat see at present, which takes
    ``{"type": "data-<name>", "data": ...}`` alone. In workflow code a stream is only a handle, to
    be passed to steps and child runs; steps write. Values are judged by `type`. Raises `ValueError`
    for a namespace that cannot be, or one beside `turn`.
    """
    if turn and namespace is not None:
        raise ValueError(f"get_writable(namespace={namespace!r}, turn=True) names two streams")
    namespace = THE_TURN if turn else checked(namespace)
    execution = context.current.get()
    if execution is None:
        return Writable(StreamName(_run_id(), namespace), type)
    name = StreamName(execution.run_id, namespace)
    # Recorded nowhere; whoever judges a move asks which places the code has come to.
    execution.name(site_of(sys._getframe(1), "get_writable"))  # noqa: SLF001 - sites are found so
    return Writable(name, type)


def checked(namespace: str | None) -> str:
    """Give the namespace of a stream of the user's. Raises `ValueError`."""
    if namespace is None:
        return DEFAULT
    if not isinstance(namespace, str) or not is_namespace(namespace):
        raise ValueError(
            f"{namespace!r} cannot name a stream: 1 to 200 letters, digits and . _ : ~ / @ - are "
            "allowed"
        )
    if namespace.startswith(OURS):
        raise ValueError(f"{namespace!r} cannot name a stream: names with {OURS} are those of wfc")
    return namespace


def _run_id() -> RunId:
    attempt = context.attempt.get()
    if attempt is None:
        raise OutsideWorkflow(
            "get_writable(...) was called outside of a run: its streams are written by its steps. "
            "From outside they are read: `get_run(id).stream()`."
        )
    return attempt.workflow_metadata().run_id


def _named(parts: list[str]) -> Writable[Any]:
    run_id, namespace = parts
    return Writable(StreamName(RunId(run_id), namespace))


codec.register_handle(
    Writable, tags.STREAM, take=lambda one: [one.run_id, one.namespace], make=_named
)
