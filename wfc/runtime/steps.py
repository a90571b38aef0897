"""Step calls of workflow code: from the call to the ask, and from the recorded outcome to the
value.

What follows from the step alone (how to bind arguments, what it returns) is worked out once per
template, in a `StepPlan`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping
from types import FrameType
from typing import Any, Final, TypeGuard

from wfc import abi, codec
from wfc.errors import CodecError, PayloadTooLarge
from wfc.eventlog.event import StepCompleted, StepFailed, WaitCompleted
from wfc.ids import OperationId
from wfc.manifests.sites import site_of
from wfc.runtime.live import Code, Live
from wfc.runtime.operations import StepAsked
from wfc.runtime.pending import Ending, PendingStep, Place
from wfc.runtime.refusals import at_line

_POSITIONAL: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


class StepPlan:
    """How one step is called from the workflow code of one template."""

    def __init__(self, definition: abi.Definition, template: Code) -> None:
        """Prepare for calls of `definition`."""
        self._definition = definition
        self._template = template
        self._id = definition.id
        self.name = definition.qualname.rpartition(".")[2]
        parameters = definition.signature.parameters.values()
        self._names = tuple(each.name for each in parameters if each.kind in _POSITIONAL)
        self._needed = sum(
            each.kind in _POSITIONAL and each.default is inspect.Parameter.empty
            for each in parameters
        )
        self._plain = all(each.kind in _POSITIONAL for each in parameters)
        # A class travels by its name, so that a subclass stays itself.
        self._class = self._names[0] if definition.receiver == "class" else None
        self._call = f"step `{definition.qualname}`"
        self._returns: Callable[[], Any] = lambda: template.returns(definition)
        self._takes: Callable[[], dict[str, Any]] = lambda: template.takes(definition)
        self._annotations: dict[str, Any] | None = None
        self._known: dict[str, Any] | None = None
        """The annotations, also by the former names of parameters."""
        self._annotation: Any = None
        self._annotated = False

    def call(
        self,
        execution: Live,
        frame: FrameType,
        arguments: tuple[tuple[Any, ...], Mapping[str, Any]],
        captures: abi.Captures | None,
    ) -> Coroutine[Any, Any, Any]:
        """Bind the arguments and name the operation, now; ask when the coroutine is awaited."""
        frame = execution.on_behalf_of or frame
        bound = self._bind(*arguments)
        if self._class is not None:
            bound[self._class] = codec.wire_name(bound[self._class])
        if captures is not None:
            bound.update(captures())
        name = execution.name(site_of(frame, self.name))
        return self._run(execution, name, bound, (frame.f_code, frame.f_lasti))

    def _bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Give the arguments by name, omitted ones left off. Raises `TypeError` as a call does."""
        if self._plain and not kwargs and self._needed <= len(args) <= len(self._names):
            return dict(zip(self._names, args, strict=False))
        try:
            return dict(self._definition.signature.bind(*args, **kwargs).arguments)
        except TypeError as error:
            raise TypeError(f"{self._definition.qualname}(): {error}") from None

    async def _run(
        self, execution: Live, name: OperationId, bound: dict[str, Any], place: Place
    ) -> Any:
        if not execution.alive:
            await execution.parked()
        if self._annotations is None:
            self._annotations = self._takes()
        try:
            payload, digest = codec.encode_arguments(
                bound,
                call=self._call,
                annotations=self._annotations,
                types=self._template.types,
                limit=execution.payload_max,
            )
        except PayloadTooLarge as error:
            raise PayloadTooLarge(f"{error}{at_line()}") from None
        event = execution.answer_at_hand(name)
        if event is not None and self._fits(event, execution, digest):
            execution.take_at_hand()
        else:
            event = await self._answer(execution, name, payload, digest, place)
        if isinstance(event, StepFailed):
            raise codec.decode_error(event.error, types=self._template.types)
        try:
            return self._decoded(event.output)
        except CodecError as error:
            execution.misread(name, error)
            raise

    def _fits(
        self, event: Ending, execution: Live, digest: bytes
    ) -> TypeGuard[StepCompleted | StepFailed]:
        """Tell whether `event` is the outcome of this very call; else delivery says what is not."""
        if isinstance(event, WaitCompleted):
            return False
        created = event.created
        if created is None:
            return True
        return created.step == self._id and (
            created.digest == digest or execution.stands_at_hand(self._id, digest)
        )

    async def _answer(
        self,
        execution: Live,
        name: OperationId,
        payload: bytes,
        digest: bytes,
        place: Place,
    ) -> StepCompleted | StepFailed:
        asked = StepAsked(
            operation_id=name,
            step=self._id,
            arguments=payload,
            digest=digest,
            policy=self._definition.policy,
        )
        answer = execution.loop.create_future()
        pending = PendingStep(asked, execution.position, place, answer)
        execution.ask(pending)
        try:
            return await answer  # type: ignore[no-any-return]  # `PendingStep.take` sets these events
        except BaseException:
            execution.withdraw(pending)
            raise

    def reads_as(self, recorded: bytes, digest: bytes | None) -> bool:
        """Tell whether recorded arguments, read for this step and written again, have a digest.

        They may have been written by another version, whose types had no defaulted field, say.
        """
        if self._annotations is None:
            self._annotations = self._takes()
        annotations = self._annotations
        if self._known is None:
            former = self._template.hints.parameters(self._id)
            before = {old: annotations.get(new) for old, new in former.items()}
            self._known = {**annotations, **before}
        try:
            arguments = self._template.hints.arguments(
                self._id, codec.decode_arguments(recorded, self._known, self._template.types)
            )
            called_on = arguments.get(self._class or "")
            if self._class is not None and isinstance(called_on, str):
                # The class may have another name by now, as a recorded object's class may.
                arguments[self._class] = self._template.hints.definition(called_on)
            _, written = codec.encode_arguments(
                arguments,
                call=self._call,
                annotations=annotations,
                types=self._template.types,
            )
        except CodecError:
            return False
        return written == digest

    def _decoded(self, output: bytes) -> Any:
        if not self._annotated:
            self._annotation = self._returns()
            self._annotated = True
        return codec.decode(output, annotation=self._annotation, types=self._template.types)
