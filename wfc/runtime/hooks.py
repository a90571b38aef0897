"""Hooks as workflow code has them: made at once, awaited for payloads, disposed.

`open_hook` makes all kinds. Outside of workflow code a hook is only a name: a step that is given
one reads its token and sends that out.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar, overload

from wfc import codec
from wfc.durations import Duration, seconds
from wfc.errors import (
    CodecError,
    HookClosed,
    HookConflictError,
    OutsideWorkflow,
    PayloadCorrupt,
)
from wfc.eventlog.event import HookCreated, HookKind
from wfc.ids import OperationId, RunId
from wfc.manifests.sites import site_of
from wfc.runtime import context
from wfc.runtime.hook_schemas import recorded_schema
from wfc.runtime.live import Live
from wfc.runtime.operations import HookAsked
from wfc.runtime.pending import Place
from wfc.runtime.pending_hook import PendingHook

T = TypeVar("T")
H = TypeVar("H", bound="Hook[Any]")
TOKEN_BYTES_MAX: Final = 512
RETENTION_DAYS_MAX: Final = 30
APPROVAL: Final = "apr_"
"""What the id of an approval begins with, and so no chosen token may."""
_DAY_S: Final = 86_400
_ID_BYTES: Final = 16
_TOKEN_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class Conflict:
    """The token of a hook belongs to a hook of another run."""

    run_id: RunId


class Hook(Generic[T]):
    """A place where outside sends values in: `id` is what people name, `token` what they send to.

    ``await hook`` takes the next payload, ``async for`` all of them, until the hook is disposed;
    ``async with`` disposes of it at its end.
    """

    __slots__ = ("_execution", "_id", "_pending", "_schema", "_token")

    def __init__(self, hook_id: str, token: str) -> None:
        """Name a hook, no more."""
        self._id = hook_id
        self._token = token
        self._schema: Any = None
        self._execution: Live | None = None
        self._pending: PendingHook | None = None

    @property
    def id(self) -> str:
        """What people name it by."""
        return self._id if self._pending is None else self._pending.created.hook_id

    @property
    def token(self) -> str:
        """What outsiders send to."""
        return self._token if self._pending is None else self._pending.created.token

    def __repr__(self) -> str:
        """Name the hook, and not the token, which is a secret."""
        return f"Hook({self.id!r})"

    def __await__(self) -> Generator[Any, None, T]:
        """Wait for the next payload.

        Raises `PayloadMismatch` for one that does not fit (it is taken all the same),
        `HookConflictError`, and `HookClosed` after the hook was disposed.
        """
        return self._take().__await__()

    def __aiter__(self) -> AsyncIterator[T]:
        """Take payloads until the hook is disposed."""
        return self

    async def __anext__(self) -> T:
        """Wait for the next payload."""
        execution, pending = self._live("awaited")
        if not await self._has_payload(execution, pending):
            raise StopAsyncIteration
        return self._decoded(execution, pending)

    async def __aenter__(self) -> Self:
        """Let the hook be disposed at the end of the block."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Dispose of the hook; a run that is only dropped keeps it."""
        self.dispose()

    def dispose(self) -> None:
        """Take no more payloads, also none that came and were not taken yet."""
        execution, pending = self._live("disposed")
        if execution.alive and not pending.disposed:
            pending.payloads.clear()
            pending.end()
            execution.withdraw(pending)

    async def conflict(self) -> Conflict | None:
        """Tell which run has the token, or None if this hook has it."""
        execution, pending = self._live("asked")
        if not execution.alive:
            await execution.parked()
        if not pending.known and not pending.disposed:
            waiter = execution.loop.create_future()
            pending.curious.append(waiter)
            try:
                await waiter
            finally:
                if waiter in pending.curious:
                    pending.curious.remove(waiter)
        owner = pending.owner_run_id
        return None if owner is None else Conflict(owner)

    # -- payloads

    async def _take(self) -> T:
        execution, pending = self._live("awaited")
        if not await self._has_payload(execution, pending):
            raise HookClosed(
                f"the hook {self.id} was disposed, so nothing can come for it any more. Await it "
                "before, or make another one."
            )
        return self._decoded(execution, pending)

    async def _has_payload(self, execution: Live, pending: PendingHook) -> bool:
        """Wait until a payload can be taken; False if none can come any more."""
        if not execution.alive:
            await execution.parked()
        while not pending.payloads:
            if pending.owner_run_id is not None:
                raise HookConflictError(self.token, pending.owner_run_id)
            if pending.disposed:
                return False
            await _woken(execution, pending)
        return True

    def _decoded(self, execution: Live, pending: PendingHook) -> T:
        try:
            value: T = codec.decode(
                pending.payloads.popleft(),
                annotation=self._schema,
                types=execution.template.types,
                what=f"the payload of hook {self.id}",
            )
        except CodecError as error:
            execution.misread(pending.operation.operation_id, error)
            raise
        return value

    def _live(self, what: str) -> tuple[Live, PendingHook]:
        if self._execution is None or self._pending is None:
            raise OutsideWorkflow(
                f"the hook {self.id} was {what} where it is only a name. The workflow that made "
                "it awaits and disposes of it; others read its `token`, or send something by "
                "`await wfc.api.resume_hook(hook, payload)`."
            )
        return self._execution, self._pending


async def _woken(execution: Live, pending: PendingHook) -> None:
    waiter = execution.loop.create_future()
    pending.waiters.append(waiter)
    try:
        await waiter
    except BaseException:
        if waiter in pending.waiters:
            pending.waiters.remove(waiter)
        elif pending.payloads:
            pending.wake_next()  # it was this one's turn
        raise


# --- making them -------------------------------------------------------------------------------


@overload
def create_hook(
    schema: type[T],
    *,
    token: str | None = None,
    metadata: Any = None,
    retention: Duration | None = None,
) -> Hook[T]: ...
@overload
def create_hook(
    schema: Any = Any,
    *,
    token: str | None = None,
    metadata: Any = None,
    retention: Duration | None = None,
) -> Hook[Any]: ...
def create_hook(
    schema: Any = Any,
    *,
    token: str | None = None,
    metadata: Any = None,
    retention: Duration | None = None,
) -> Hook[Any]:
    """Make a hook that takes payloads of the type `schema`, under `token` or one that is drawn.

    Nothing is awaited: ``await hook`` waits for a payload. `metadata` is for those who list hooks;
    `retention` keeps the token from others for that long after the hook was disposed. Raises
    `ValueError`, `TypeError` for a schema that pydantic cannot judge by.
    """
    execution = context.needed("create_hook(...)")
    frame = sys._getframe(1)  # noqa: SLF001 - sites are found so
    name = execution.name(site_of(frame, "create_hook"))
    return open_hook(
        execution,
        name,
        (frame.f_code, frame.f_lasti),
        schema=schema,
        token=None if token is None else _checked(token),
        metadata=metadata,
        retention_s=retention_s(retention),
    )


def open_hook(
    execution: Live,
    name: OperationId,
    place: Place | None,
    *,
    kind: HookKind = HookKind.HOOK,
    schema: Any = Any,
    token: str | None = None,
    metadata: Any = None,
    retention_s: float | None = None,
    methods: tuple[str, ...] = (),
    response: bytes | None = None,
    url_of: str | None = None,
    of: type[H] = Hook,  # type: ignore[assignment]  # a default of a type variable
) -> H:
    """Make a hook of any kind, and class, as the operation `name`; its id and its token come from
    the seed. `url_of` is what its token is put behind.
    """
    draws = execution.draws_of(name, own=True)
    hook_id = (APPROVAL if kind is HookKind.APPROVAL else "hook_") + draws.block(_ID_BYTES).hex()
    chosen, former = token, None
    if chosen is not None:
        former = execution.left_behind(chosen)
        token = chosen if former is None else former.token
    else:
        token = base64.urlsafe_b64encode(draws.block(_TOKEN_BYTES)).decode()
    hook = of(hook_id, token)
    created = HookCreated(
        operation_id=name,
        hook_id=hook_id,
        token=token,
        kind=kind,
        schema=recorded_schema(schema),
        metadata=_metadata(execution, metadata),
        retention_s=retention_s,
        methods=methods,
        response=response,
        url=None if url_of is None else f"{url_of}{token}",
    )
    asked = HookAsked(
        operation_id=name, created=created, takes_over=None if former is None else former.name
    )
    hook._schema, hook._execution = schema, execution  # noqa: SLF001 - of this module
    hook._pending = PendingHook(  # noqa: SLF001 - likewise
        asked, execution.position, place, execution.hook_ahead(name), chosen
    )
    if former is not None:
        former.give_to(hook._pending)  # noqa: SLF001 - likewise
    if execution.alive:
        execution.ask(hook._pending)  # noqa: SLF001 - likewise
    return hook


def _metadata(execution: Live, metadata: Any) -> bytes | None:
    if metadata is None:
        return None
    return codec.encode(metadata, path="the hook's metadata", limit=execution.payload_max)


def _checked(token: object) -> str:
    if not isinstance(token, str):
        raise TypeError(f"the token {token!r} is a {type(token).__qualname__}; give a text")
    try:
        size = len(token.encode())
    except UnicodeEncodeError:
        raise ValueError(f"the token {token!r} is no text that can be sent") from None
    if not 0 < size <= TOKEN_BYTES_MAX:
        raise ValueError(
            f"the token has {size} bytes as UTF-8; 1 to {TOKEN_BYTES_MAX} are allowed. Name the "
            "hook by an id, and give what else is to be known of it as `metadata`."
        )
    if token.startswith(APPROVAL):
        raise ValueError(
            f'the token {token!r} begins with "{APPROVAL}", as only ids of approvals do'
        )
    return token


def retention_s(retention: Duration | None) -> float | None:
    """Give the seconds for which a token is kept. Raises `ValueError`, `TypeError`."""
    if retention is None:
        return None
    kept = seconds(retention, what="retention")
    if kept > RETENTION_DAYS_MAX * _DAY_S:
        raise ValueError(
            f"the retention {retention!r} is too long: a token is kept for at most "
            f"{RETENTION_DAYS_MAX} days after its hook was disposed"
        )
    return kept or None


def operation_of(hook: Hook[Any]) -> OperationId:
    """Give the operation that a hook is. Raises `OutsideWorkflow` where it is only a name."""
    _, pending = hook._live("asked")  # noqa: SLF001 - of this module
    name: OperationId = pending.operation.operation_id
    return name


# --- where it is only a name -------------------------------------------------------------------


def _named(value: Any) -> Hook[Any]:
    if not isinstance(value, list) or [type(one) for one in value] != [str, str]:
        raise PayloadCorrupt(f"{value!r} name no hook")
    hook_id, token = value
    return Hook(hook_id, token)


# Steps are given hooks, to send their tokens out.
codec.register_handle(Hook, codec.tags.HOOK, take=lambda hook: [hook.id, hook.token], make=_named)
codec.REGISTERED.register_type(Conflict)
