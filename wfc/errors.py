"""Every exception of wfc. Codes are explained in `docs/errors/`; the lowest module of the house."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import ClassVar


class WfcError(Exception):
    """Base of all errors that wfc raises on purpose; `code` names its page in `docs/errors/`."""

    code: ClassVar[str | None] = None


# --- compiling and calling ---------------------------------------------------------------------


class CompileError(WfcError, ImportError):
    """A module breaks the rules of its directives; `findings` holds every diagnostic."""

    def __init__(self, message: str, findings: tuple[object, ...] = ()) -> None:
        """Keep the rendered `message` and the diagnostics it was made of."""
        super().__init__(message)
        self.findings = findings


class WorkflowAwaited(WfcError):
    """A workflow was awaited outside a workflow; it must be started."""

    code = "WFC160"


class NotCompiled(WfcError):
    """A function without a compiled workflow was given to `start`."""

    code = "WFC161"


class NoColumns(WfcError):
    """The interpreter runs without column data, so call sites cannot be told apart."""

    code = "WFC162"


class BundleBroken(WfcError):
    """A bundle does not belong to its manifest, or its checksum is wrong."""

    code = "WFC164"


class BundleUnloadable(WfcError):
    """The workflow code of a version cannot be loaded in this process: its runs wait."""

    code = "WFC684"


class BuildTooNew(WfcError):
    """A build was written by a newer wfc than this one."""

    code = "WFC165"


class ManifestBroken(BundleBroken):
    """A manifest cannot be read, or what it names is not what stands beside it."""

    code = "WFC683"


class ManifestTooNew(BuildTooNew):
    """A manifest was written by a newer wfc than this one."""

    code = "WFC683"


class OutsideWorkflow(WfcError):
    """An operation of workflow code was called where no workflow runs."""

    code = "WFC359"


class UnknownSyntax(WfcError):
    """The source holds syntax that this wfc cannot name, so a workflow has no meaning."""

    code = "WFC698"


# --- inside a run ------------------------------------------------------------------------------


class EffectInWorkflow(WfcError):
    """Workflow code reached an effect that a replay would repeat or could not reproduce.

    `guard` is the diagnostic code of the effect, for example ``WFC201``.
    """

    def __init__(self, message: str, *, guard: str) -> None:
        """Keep the sentence and the code of the guard that was hit."""
        super().__init__(message)
        self.guard = guard


class Diverged(WfcError):
    """Workflow code asked for what its history contradicts."""

    code = "WFC690"


class ExecutionDropped(BaseException):
    """The execution that this code belongs to was dropped; no user code may run any more.

    A `BaseException`, so that library code with `except Exception` does not swallow it.
    """


class TurnTooLong(BaseException):
    """One turn of workflow code ran too long without awaiting anything."""


class FatalError(WfcError):
    """Raised by a step: do not retry. Raised by a workflow: the run fails."""


class RetryableError(WfcError):
    """Raised by a step: try again, after `retry_after` if given; it still uses up an attempt."""

    check_retry_after: ClassVar[Callable[[object], None]]
    """Refuses what is no time to wait: a slot that `wfc` fills, since this module imports none."""

    def __init__(
        self, message: str = "", *, retry_after: str | float | timedelta | datetime | None = None
    ) -> None:
        """Keep the message and when to try again (a duration, or an aware datetime).

        Raises `ValueError` with the accepted forms.
        """
        super().__init__(message)
        if retry_after is not None:
            type(self).check_retry_after(retry_after)
        self.retry_after = retry_after


class StepError(WfcError):
    """A step failed with an error whose class cannot be made again in workflow code."""

    def __init__(self, type_name: str, message: str) -> None:
        """Keep the original type as ``module:Qualname`` and its message."""
        super().__init__(type_name, message)
        self.type_name = type_name
        self.message = message

    def __str__(self) -> str:
        """Give the type and the message."""
        return f"{self.type_name}: {self.message}"


class StepTimeout(WfcError, TimeoutError):
    """An attempt ran longer than its policy allows."""


class StepUnknown(WfcError):
    """No step function of this id is loaded in the worker, so the step cannot run here."""


class StepCrashed(WfcError):
    """The process that ran a step body died."""


class WorkerLost(WfcError):
    """The worker that ran an attempt was lost before it recorded an outcome."""


class WorkerStopped(WfcError):
    """The worker was shut down in the middle of an attempt; the attempt is not counted."""


class LimitExceeded(WfcError):
    """A configured limit was passed; the message names limit, value and place."""

    code = "WFC461"


class RunTimeout(WfcError, TimeoutError):
    """The run took longer than the timeout it was started with."""


class Deadlock(WfcError):
    """Workflow code waits for something that nothing can bring about."""


# --- agents ------------------------------------------------------------------------------------


class AgentOutputError(WfcError):
    """What a model said does not fit the output type of its agent; `text` is what it said last."""

    def __init__(self, message: str, text: str = "") -> None:
        """Keep what was said."""
        super().__init__(message)
        self.text = text


class ApprovalExpired(WfcError):
    """Nobody decided about the call of a tool in time, and its approval fails the run then."""


# --- runs --------------------------------------------------------------------------------------


class RunFailed(WfcError):
    """The awaited run failed; `kind` says how and `cause` is its error."""

    def __init__(self, run_id: str, kind: str, cause: BaseException | None) -> None:
        """Keep the run, the kind (``user``, ``divergence`` ...) and the error it ended with."""
        super().__init__(run_id, kind, cause)
        self.run_id = run_id
        self.kind = kind
        self.cause = cause

    def __str__(self) -> str:
        """Say which run failed, how, and with what; a coded cause brings its code along."""
        kind = "" if self.kind == "user" else f" ({self.kind})"  # the code's own error says it all
        head = f"run {self.run_id} failed{kind}"
        if self.cause is None:
            return head
        code, text = code_of(self.cause), text_of(self.cause)
        name = type(self.cause).__name__
        shown = f"{code} {name}" if code is not None and code not in text else name
        return f"{head}: {shown}: {text}" if text else f"{head}: {shown}"


def text_of(error: BaseException) -> str:
    """Give what an error says, or that it cannot: the class may be a user's, and broken."""
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001 - likewise
        return f"(its text cannot be had: {type(broken).__name__})"


class RunCancelled(WfcError):
    """The awaited run was cancelled."""

    def __init__(self, run_id: str, reason: str | None) -> None:
        """Keep the run and the reason given."""
        super().__init__(run_id, reason)
        self.run_id = run_id
        self.reason = reason

    def __str__(self) -> str:
        """Say which run was cancelled and why."""
        return f"run {self.run_id} was cancelled: {self.reason or 'no reason given'}"


class RunBlocked(WfcError):
    """No worker takes the run, since one could not execute it; somebody has to free it."""

    def __init__(self, run_id: str, reason: str) -> None:
        """Keep the run and why it is blocked."""
        super().__init__(run_id, reason)
        self.run_id = run_id
        self.reason = reason

    def __str__(self) -> str:
        """Say why, and how it goes on."""
        return (
            f"run {self.run_id} is blocked: {self.reason}\nNo worker takes it. When that is "
            f"mended: wfc doctor --unblock {self.run_id}"
        )


class RunNotFound(WfcError):
    """No run has this id."""

    code = "WFC952"


class QueueUnknown(WfcError):
    """No queue of this name is in the settings; nothing was started."""

    code = "WFC952"


class RunIdConflict(WfcError):
    """The id belongs to a run of another workflow or with other arguments."""

    code = "WFC958"


class RunEnded(WfcError):
    """The run has ended, so this cannot be done to it any more."""

    code = "WFC680"


class RunBusy(WfcError):
    """The run is being executed and could not be had in time."""

    code = "WFC682"


class RunLogFull(WfcError):
    """The run's log has reached its limit; nothing more can be sent to it."""

    code = "WFC461"


class VersionUnknown(WfcError):
    """No such version is registered."""

    code = "WFC681"


# --- values ------------------------------------------------------------------------------------


class CodecError(WfcError):
    """A value could not become bytes, or bytes could not become a value."""


class Unserialisable(CodecError):
    """A value cannot be recorded; the message names its path and what to do."""

    code = "WFC460"


class PayloadTooLarge(CodecError):
    """A value is larger than a payload may be."""

    code = "WFC461"


class UnknownType(CodecError):
    """A payload names a type that is neither in the manifest nor registered."""

    code = "WFC462"


class PayloadMismatch(CodecError):
    """A recorded value does not fit the annotation it is read for."""

    code = "WFC463"


class PayloadTooNew(CodecError):
    """A payload was written by a newer wfc than this one."""

    code = "WFC464"


class PayloadCorrupt(CodecError):
    """The bytes are not a payload."""

    code = "WFC463"


# --- the log -----------------------------------------------------------------------------------


class LogError(WfcError):
    """A run's log cannot be read or may not be written so."""


class LogTooNew(LogError):
    """An event was written by a newer wfc than this one."""

    code = "WFC464"


class CorruptEvent(LogError):
    """The bytes of an event are damaged."""

    code = "WFC466"

    def __init__(self, run_id: str, position: int, why: str) -> None:
        """Keep where the damage is and what it looks like."""
        super().__init__(run_id, position, why)
        self.run_id = run_id
        self.position = position
        self.why = why

    def __str__(self) -> str:
        """Say which event is damaged."""
        return (
            f"event {self.position} of run {self.run_id} is damaged: {self.why}.\n"
            "Nothing was changed, and nothing is repaired: what a lost event said is not guessed.\n"
            "Keep a copy of the world, and restore a backup; `wfc doctor` looks for more damage."
        )


class CannotDecrypt(LogError):
    """A run was written under an encryption key that is missing or another one here."""

    code = "WFC467"


class IllegalEvent(LogError):
    """An event may not follow what the log holds: a fault of wfc, refused before it is written."""

    code = "WFC465"


# --- worlds ------------------------------------------------------------------------------------


class WorldError(WfcError):
    """The world (database) could not do what was asked; nothing was written."""

    code = "WFC950"


class WorldUnreachable(WorldError):
    """The world cannot be opened or reached."""


class WorldLocked(WorldError):
    """Another process held the database for too long."""


class WorldFull(WorldError):
    """The disk is full; reads go on, writes are refused."""


class WorldReadOnly(WorldError):
    """The database cannot be written: read-only file, folder or file system."""


class WorldCorrupt(WorldError):
    """The database file is damaged; nothing is repaired silently."""


class WorldTooNew(WorldError):
    """The database was migrated by a newer wfc."""

    code = "WFC951"


class LeaseLost(WorldError):
    """The worker no longer owns what it was about to write; it wrote nothing."""

    code = "WFC660"


# --- hooks and streams -------------------------------------------------------------------------


class HookError(WfcError):
    """Base of what can go wrong with hooks."""


class HookNotFound(HookError):
    """No hook has this token."""

    code = "WFC860"


class HookConflictError(HookError):
    """Another active or retained hook has this token."""

    code = "WFC861"

    def __init__(self, token: str, owner_run_id: str) -> None:
        """Keep the token and the run that holds it."""
        super().__init__(token, owner_run_id)
        self.token = token
        self.owner_run_id = owner_run_id

    def __str__(self) -> str:
        """Say who has the token."""
        return (
            f"the token {self.token!r} belongs to a hook of run {self.owner_run_id}. Choose a "
            "token of this run's own, or end that run first."
        )


class HookPayloadInvalid(HookError):
    """The payload does not fit the hook's schema.

    `problems` are JSON pointers into it, each with what is wrong there.
    """

    code = "WFC862"

    def __init__(self, message: str, problems: tuple[tuple[str, str], ...] = ()) -> None:
        """Say what is wrong, for people and for programs."""
        super().__init__(message)
        self.problems = problems


class HookClosed(HookError):
    """The hook was disposed; its token is still reserved."""

    code = "WFC863"


class SchemaUnavailable(HookError):
    """The payload cannot be checked here: neither the type nor a JSON Schema validator is."""

    code = "WFC955"


class AnsweredBefore(HookError, FatalError):
    """A webhook's request was answered before, or nobody can hear an answer any more."""


class IdempotencyMismatch(HookError):
    """The idempotency id was used before with another payload; `known` is the event that has it."""

    code = "WFC958"

    def __init__(self, message: str, known: object = None) -> None:
        """Keep what landed under the id."""
        super().__init__(message)
        self.known = known


class ScheduleNotFound(WfcError):
    """No schedule has this name."""

    code = "WFC952"


class StreamError(WfcError):
    """Base of what can go wrong with streams."""


class StreamClosed(StreamError):
    """The stream was closed; nothing more can be written."""

    code = "WFC864"


class StreamTooLarge(StreamError):
    """A chunk or a stream would pass its limit."""

    code = "WFC461"


# --- configuration -----------------------------------------------------------------------------


class ConfigError(WfcError):
    """The configuration is wrong; the message names file, key and the nearest right one."""

    code = "WFC904"


class UnknownKey(ConfigError):
    """The configuration holds a key that does not exist."""

    code = "WFC903"


class UnknownCode(ConfigError):
    """The configuration names a diagnostic code that does not exist."""

    code = "WFC902"


class NoSuchPackage(ConfigError):
    """The configuration names a first-party package that is not there."""

    code = "WFC905"


class ModuleBroken(WfcError):
    """A module of the project raises when it is imported; the message names file and line."""


class NoSuchWorkflow(WfcError):
    """No workflow of the build has this name."""

    code = "WFC952"


class AmbiguousName(WfcError):
    """A short name fits more than one workflow, or more than one version."""

    code = "WFC953"


class PortTaken(WfcError):
    """The port that was asked for is taken by another process."""

    code = "WFC956"


class NeedsYes(WfcError):
    """A command that changes more than one thing was not given consent."""

    code = "WFC957"


class InputInvalid(WfcError):
    """What was given to a run or a command does not fit what it is for; the message names it."""

    code = "WFC954"


class OptionInvalid(InputInvalid, ValueError):
    """An option or filter of a call cannot be; the message names it, its value and the forms."""


class PolicyError(WfcError, ValueError):
    """`@policy` was given a wrong name, type, unit or target."""

    code = "WFC358"


class MissingExtra(WfcError):
    """An optional dependency is not installed; the message holds the command."""

    code = "WFC955"


# --- codes -------------------------------------------------------------------------------------


def code_of(error: BaseException) -> str | None:
    """Give the code of the page that explains an error: its own, or that of what it tells of."""
    if isinstance(error, EffectInWorkflow):
        return error.guard
    if isinstance(error, RunFailed) and error.cause is not None:
        return code_of(error.cause)
    return error.code if isinstance(error, WfcError) else None
