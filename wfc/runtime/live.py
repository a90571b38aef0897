"""What code that a run executes may ask of that run.

The names of workflow code (steps, shims, `wfc.sleep` and its companions) stand below the execution
that drives them; this is what they know of it.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
from collections.abc import Callable, Coroutine, Mapping
from types import FrameType
from typing import Any, Protocol

from wfc import abi, codec
from wfc.determinism import Rules
from wfc.errors import EffectInWorkflow
from wfc.eventlog.event import (
    HookCreated,
    Recorded,
    RunCreated,
    RunRestarted,
    RunUpgraded,
    Scalar,
    WaitCompleted,
)
from wfc.ids import DefinitionId, ModuleName, OperationId, RunId, Site, VersionId
from wfc.manifests.rename_hints import RenameHints
from wfc.runtime.draws import Draws
from wfc.runtime.loop import Loop
from wfc.runtime.pending import Ending, Pending, Place
from wfc.runtime.pending_hook import PendingHook
from wfc.worlds.chunks import StreamWrite


class Code(Protocol):
    """The workflow bundle that a run executes."""

    workflow: DefinitionId
    version: VersionId
    rules: Rules
    types: codec.Types
    signature: inspect.Signature
    fingerprints: Mapping[DefinitionId, str]
    """Of every workflow of the version."""
    children: dict[DefinitionId, Any]
    """How child runs are started, by workflow: see `wfc.runtime.children`."""

    @property
    def annotations(self) -> Mapping[str, Any]:
        """The annotations of the workflow's parameters."""
        ...

    def decode_arguments(self, recorded: bytes) -> dict[str, Any]:
        """Decode recorded arguments of the workflow, by name."""
        ...

    @property
    def hints(self) -> RenameHints:
        """What older versions called otherwise."""
        ...

    def line_of(self, site: Site) -> str | None:
        """Give ``path:line`` of a call place, if this version has it."""
        ...

    def function(self, name: DefinitionId) -> Any:
        """Give the step or workflow of this id."""
        ...

    def returns(self, definition: abi.Definition) -> Any:
        """Give what a step's result is decoded for."""
        ...

    def evaluated(self, module: ModuleName, annotation: Any) -> Any:
        """Give what an annotation of a module means."""
        ...

    def takes(self, definition: abi.Definition) -> dict[str, Any]:
        """Give what a step's arguments are encoded for, by name."""
        ...


class Former(Protocol):
    """A hook that an earlier chapter left open."""

    name: OperationId
    token: str

    def give_to(self, heir: PendingHook) -> None:
        """Let a hook have what came and comes for this one."""
        ...


class Live(Protocol):
    """A run whose code is being executed."""

    run_id: RunId
    chapter: int
    position: int
    opening: Recorded
    in_force: RunCreated | RunRestarted | RunUpgraded
    environment: Mapping[str, str]
    created: RunCreated | None
    main: asyncio.Task[Any] | None
    alive: list[bool]
    seeded: random.Random | None
    on_behalf_of: FrameType | None

    @property
    def loop(self) -> Loop:
        """Give the run's own loop."""
        ...

    @property
    def template(self) -> Code:
        """Give the bundle that is executed."""
        ...

    @property
    def begun(self) -> RunCreated | RunRestarted:
        """Give the event that began the chapter."""
        ...

    @property
    def started_at(self) -> int:
        """Tell when the chapter began."""
        ...

    @property
    def payload_max(self) -> int:
        """Give the bytes that one value may take."""
        ...

    @property
    def depth_max(self) -> int:
        """Give how many runs may stand above a child run."""
        ...

    @property
    def attributes_max(self) -> int:
        """Give the number of attributes that the run may have."""
        ...

    @property
    def attributes(self) -> dict[str, Scalar]:
        """Give the attributes as of now."""
        ...

    @property
    def replaying(self) -> bool:
        """Tell whether the present turn ran before."""
        ...

    def now_us(self) -> int:
        """Give the run clock."""
        ...

    def name(self, site: Site) -> OperationId:
        """Name the next operation at a site."""
        ...

    def ask(self, pending: Pending) -> None:
        """Open an operation."""
        ...

    def ask_again(self, pending: Pending) -> None:
        """Tell that the code wants more of an open operation."""
        ...

    def withdraw(self, pending: Pending) -> None:
        """Give an open operation up."""
        ...

    def answer_at_hand(self, name: OperationId) -> Ending | None:
        """Give the event that ends an operation if it is the next one."""
        ...

    def stands_at_hand(self, step: DefinitionId, digest: bytes) -> bool:
        """Tell whether that event counts though the step is called with another digest."""
        ...

    def take_at_hand(self) -> None:
        """Count that event as delivered."""
        ...

    def hook_ahead(self, name: OperationId) -> HookCreated | None:
        """Give what the log says of a hook that the code makes now, if it was made before."""
        ...

    def left_behind(self, chosen: str) -> Former | None:
        """Give the hook of an earlier chapter that one with this token takes over."""
        ...

    def parked(self) -> Coroutine[Any, Any, Any]:
        """Wait for ever: what operations of a dropped run do."""
        ...

    def call_step(
        self,
        definition: abi.Definition,
        frame: FrameType,
        arguments: tuple[tuple[Any, ...], Mapping[str, Any]],
        captures: abi.Captures | None,
    ) -> Coroutine[Any, Any, Any]:
        """Ask for a step on behalf of the code in `frame`."""
        ...

    def wait(
        self,
        name: OperationId,
        wake_at: int,
        place: Place | None,
        give: Callable[[WaitCompleted | None], Any],
    ) -> Coroutine[Any, Any, Any]:
        """Wait durably, and give what `give` makes of the event that ended it."""
        ...

    def set_attributes(self, site: Site, changes: Mapping[str, Scalar | None]) -> None:
        """Ask for a change of attributes."""
        ...

    def restart(self, arguments: bytes) -> None:
        """End the chapter."""
        ...

    def draws(self, frame: FrameType, operation: str) -> Draws:
        """Give the generator of one call."""
        ...

    def draws_of(self, name: OperationId, *, own: bool = False) -> Draws:
        """Give the generator of an operation; `own`: forks draw otherwise."""
        ...

    def tell(self, write: StreamWrite) -> None:
        """Add to a stream by the next commit of the run; the chunks have keys."""
        ...

    def misread(self, name: OperationId, error: Exception) -> None:
        """Hear that a recorded result cannot be read."""
        ...

    def poison(self, error: EffectInWorkflow) -> None:
        """End the run because of a guard hit."""
        ...

    def say(self, level: int, text: str, error: BaseException | None = None) -> None:
        """Write a line of the run, unless a replay makes it again."""
        ...

    @property
    def log_level(self) -> int | None:
        """Give the level from which on the lines of the run are kept, if they are."""
        ...

    def keep(self, record: logging.LogRecord) -> None:
        """Keep a line of the run, unless a replay makes it again."""
        ...

    def labels(self) -> dict[str, str]:
        """Give the extra fields of the run's lines."""
        ...
