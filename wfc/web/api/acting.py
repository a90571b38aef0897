"""Endpoints that steer runs: each answers once what it did is on disk, and says where."""

from __future__ import annotations

import copy
import json
import re
import shlex
from collections.abc import Awaitable, Callable
from typing import Any, Final

from wfc.config import Session
from wfc.diagnostics import Place
from wfc.errors import WfcError
from wfc.eventlog.entity import Run
from wfc.eventlog.event import Channel, Recorded
from wfc.ids import RunId, is_run_id
from wfc.manifests.levels import Reason as Why
from wfc.runtime import forking, hook_door
from wfc.runtime.answers import Receipt
from wfc.runtime.run import Run as Handle
from wfc.runtime.starting import StartOptions
from wfc.runtime.starting_by_name import start_by_name
from wfc.runtime.verdict import Verdict
from wfc.runtime.webhook_door import Refusal
from wfc.web.api.asking import Asked
from wfc.web.api.models import Answer
from wfc.web.api.reading import missing, row_of
from wfc.web.api.refusing import refusal_of
from wfc.web.api.strict_json import malformed
from wfc.worlds.protocol import HookFilter

KEY_FORM: Final = re.compile("[!-~]{1,200}")
_WAIT_MAX_S: Final = 30
_WAIT: Final = re.compile(r"(?:^|[,;\s])wait=(\d{1,4})(?:$|[,;\s])")


class Position(Answer):
    """An event of a run's log."""

    position: int
    type: str


class Acted(Answer):
    """What was done. `already`: it was so before; `effect`: the run's next event, if waited for."""

    run_id: str
    recorded: Position | None
    already: bool = False
    workers_awake: int
    cli: str | None
    python: str
    effect: Position | None = None


class Made(Acted):
    """A run, and whether this request began it."""

    created: bool


class Judged(Acted):
    """Whether a run may move, and why not."""

    verdict: dict[str, Any]


# --- runs --------------------------------------------------------------------------------------


async def cancel(asked: Asked) -> Acted:
    """Ask a run to stop, or end it by force."""
    row, run = await _run(asked)
    body = asked.body
    done = await run.cancel(reason=body.reason, force=body.force)
    if not done:
        raise ended(row)
    words = ["cancel", row.run_id]
    if body.reason:
        words += ["--reason", body.reason]
    if body.force:
        words.append("--force")
    said = _call("cancel", reason=body.reason, force=body.force or None)
    return await _acted(asked, row, words, said)


async def pause(asked: Asked) -> Acted:
    """Let a run make no new decision."""
    row, run = await _run(asked)
    await run.pause(reason=asked.body.reason)
    words = ["pause", row.run_id]
    if asked.body.reason:
        words += ["--reason", asked.body.reason]
    return await _acted(asked, row, words, _call("pause", reason=asked.body.reason))


async def unpause(asked: Asked) -> Acted:
    """Let a paused run go on."""
    row, run = await _run(asked)
    await run.unpause()
    return await _acted(asked, row, ["unpause", row.run_id], _call("unpause"))


async def wake(asked: Asked) -> Acted:
    """End sleeps and retry pauses of a run now."""
    row, run = await _run(asked)
    names = asked.body.wait_ids
    if not await run.wake_up(names):
        if (await row_of(asked)).status.ended:
            raise ended(row)
        raise Refusal(
            status=409,
            code="nothing-to-wake",
            title="Nothing sleeps",
            detail="The run has no open sleep, retry pause or delayed start of these names.",
        )
    words = ["wake", row.run_id, *(word for name in names or () for word in ("--wait", name))]
    return await _acted(asked, row, words, _call("wake_up", wait_ids=names))


async def set_attributes(asked: Asked) -> Acted:
    """Change attributes of a run; null removes one."""
    row, run = await _run(asked)
    changes = asked.body.changes
    await run.set_attributes(changes)
    said = f"await get_run({row.run_id!r}).set_attributes({changes!r})"
    return await _acted(asked, row, None, said)


async def upgrade(asked: Asked) -> Judged:
    """Move a run to another version if its history replays there. Raises `Refusal` (409)."""
    row, run = await _run(asked)
    body = asked.body
    verdict = await run.upgrade(
        body.to, dry_run=body.dry_run, accept=body.accept, retry_failed=body.retry_failed
    )
    if not (verdict or body.dry_run):
        reasons = tuple((f"/{one.code}", one.sentence) for one in verdict.reasons)
        raise Refusal(
            status=409,
            code="upgrade-refused",
            title="It cannot move there",
            detail=reasons[0][1] if reasons else "Its history does not replay there.",
            errors=reasons,
        )
    words = ["upgrade", row.run_id, *(["--to", body.to] if body.to else [])]
    words += ["--dry-run"] if body.dry_run else []
    said = _call("upgrade", to=body.to, dry_run=body.dry_run or None)
    acted = await _acted(asked, row, words, said, wrote=verdict.moved)
    return Judged(**acted.model_dump(), verdict=plain_verdict(verdict))


def plain_verdict(verdict: Verdict) -> dict[str, Any]:
    """Give a verdict for programs."""
    return {
        "run_id": verdict.run_id,
        "answer": verdict.answer.value,
        "level": str(verdict.level),
        "from_version": verdict.from_version,
        "to_version": verdict.to_version,
        "moved": verdict.moved,
        "may_move": bool(verdict),
        "replayed": verdict.replayed,
        "reasons": [_plain_reason(one) for one in verdict.reasons],
        "notes": [_plain_reason(one) for one in verdict.notes],
    }


def _plain_reason(reason: Why) -> dict[str, Any]:
    return {
        "code": reason.code,
        "sentence": reason.sentence,
        "event": reason.event,
        "old": _line(reason.old_span),
        "new": _line(reason.new_span),
    }


def _line(place: Place | None) -> str | None:
    return None if place is None else f"{place.path}:{place.line}"


async def rerun(asked: Asked) -> Made:
    """Begin a new run as this one began."""
    row, run = await _run(asked)
    body = asked.body
    made = await run.rerun(version=body.version, arguments=body.input)
    words = ["rerun", row.run_id, *(["--version", body.version] if body.version else [])]
    words += ["--input", json.dumps(body.input)] if body.input is not None else []
    said = _call("rerun", version=body.version, arguments=body.input)
    return await made_by(asked, made, words, f"{said}  # of {row.run_id}")


async def fork(asked: Asked) -> Made:
    """Begin a new run that shares a beginning with this one."""
    row, run = await _run(asked)
    body = asked.body
    output = body.output if "output" in body.model_fields_set else forking.UNSAID
    made = await run.fork(body.at, version=body.version, output=output, id=body.id)
    words = ["fork", row.run_id, "--at", str(body.at)]
    words += ["--version", body.version] if body.version else []
    words += ["--output", json.dumps(output)] if output is not forking.UNSAID else []
    words += ["--id", body.id] if body.id else []
    return await made_by(asked, made, words, f"await get_run({row.run_id!r}).fork({body.at!r})")


async def start(asked: Asked) -> Made:
    """Begin a run of a workflow by its name; with a known id and the same arguments, give that."""
    body = asked.body
    session = acting_for(asked)
    run_id = body.id or _id_of_key(asked)
    options = StartOptions(
        id=run_id,
        version=body.version,
        delay=body.delay,
        queue=body.queue,
        priority=body.priority,
        attributes=body.attributes,
        timeout=body.timeout,
    )
    made = await start_by_name(
        session,
        body.workflow,
        body.input,
        options,
        queues=asked.session.queues,
        idempotency_id=idempotency_key(asked),
    )
    words = ["start", body.workflow, "--input", json.dumps(body.input)]
    words += ["--id", run_id] if run_id else []
    words += ["--queue", body.queue] if body.queue else []
    run: Handle[Any] = Handle(made.run_id, giving(session), created=made.created)
    arguments = ", ".join(f"{name}={value!r}" for name, value in body.input.items())
    name = body.workflow.rpartition(":")[2]
    return await made_by(asked, run, words, f"await start({name}, {arguments})")


def _id_of_key(asked: Asked) -> str | None:
    """Derive a run's id from the request's key, so that racing posts make one run."""
    key = idempotency_key(asked)
    if key is None:
        return None
    import hashlib  # noqa: PLC0415 - for this alone

    return f"run_{hashlib.blake2b(key.encode(), digest_size=16, person=b'wfc.start').hexdigest()}"


def idempotency_key(asked: Asked) -> str | None:
    """Give the key under which this is done once. Raises `Refusal` (400)."""
    key = asked.request.headers.get("idempotency-key")
    if key is not None and KEY_FORM.fullmatch(key) is None:
        raise malformed("`Idempotency-Key` has 1 to 200 visible letters of ASCII.")
    return key


# --- many runs ---------------------------------------------------------------------------------


async def bulk(asked: Asked) -> dict[str, Any]:
    """Do one thing to many runs; each id gets an answer, and one refusal stops none."""
    body = asked.body
    found: dict[str, Any] = {}
    for name in body.ids:
        found[name] = await _one_of_many(asked, body.action, name, body.args, dry_run=body.dry_run)
    return {"action": body.action, "dry_run": body.dry_run, "results": found}


async def _one_of_many(
    asked: Asked, action: str, run_id: str, args: dict[str, Any], *, dry_run: bool
) -> dict[str, Any]:
    row = await asked.session.world.run(RunId(run_id)) if is_run_id(run_id) else None
    if row is None:
        return {"ok": False, "code": "no-such-run"}
    if row.status.ended and action != "upgrade":
        return {"ok": False, "code": "run-ended", "status": row.status.value}
    run: Handle[Any] = Handle(row.run_id, giving(acting_for(asked)))
    try:
        return {"ok": True, **await _done(run, action, args, dry_run=dry_run)}
    except WfcError as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        return {"ok": False, "code": refusal.code, "detail": refusal.detail}


async def _done(
    run: Handle[Any], action: str, args: dict[str, Any], *, dry_run: bool
) -> dict[str, Any]:
    match action:
        case "upgrade":
            verdict = await run.upgrade(args.get("to"), dry_run=dry_run)
            return {"verdict": plain_verdict(verdict)}
        case _ if dry_run:
            return {"would": action}
        case "cancel":
            await run.cancel(args.get("reason"), bool(args.get("force", False)))
        case "pause":
            await run.pause(args.get("reason"))
        case "unpause":
            await run.unpause()
        case _:
            return {"woken": await run.wake_up()}
    return {}


# --- hooks -------------------------------------------------------------------------------------


async def resume(asked: Asked) -> Acted:
    """Send a payload to the hook of an id, as people name it."""
    hook_id = asked.named("hook_id")
    found = (await asked.session.world.list_hooks(HookFilter(hook_id=hook_id), limit=1)).hooks
    if not found:
        raise missing("no-such-hook", "No hook has this id.")
    return await _sent(asked, found[0].hook.token, f"resume {hook_id}")


async def resume_by_token(asked: Asked) -> Acted:
    """Send a payload to the hook of a token, which stands in the body alone."""
    return await _sent(asked, asked.body.token, None)


async def _sent(asked: Asked, token: str, words: str | None) -> Acted:
    session = acting_for(asked)
    receipt: Receipt = await hook_door.send(
        session,
        token,
        asked.body.payload,
        idempotency_id=idempotency_key(asked),
        as_json=True,
    )
    position = Position(position=receipt.position, type="hook_received")
    cli = None if words is None else f"wfc {words} {shlex.quote(json.dumps(asked.body.payload))}"
    return Acted(
        run_id=receipt.run_id,
        recorded=position,
        already=receipt.duplicate,
        workers_awake=len(await asked.session.world.workers()),
        cli=cli,
        python="await resume_hook(token, payload)",
        effect=await _effect(asked, receipt.run_id, receipt.position),
    )


# --- in common ---------------------------------------------------------------------------------


def acting_for(asked: Asked) -> Session:
    """Give the session as it acts for whoever asks: their name stands in the log."""
    session = copy.copy(asked.session)
    session.actor, session.channel = asked.principal.id, Channel.REST
    return session


def giving(session: Session) -> Callable[[], Awaitable[Session]]:
    """Give what handles ask for their session."""

    async def give() -> Session:
        return session

    return give


async def _run(asked: Asked) -> tuple[Run, Handle[Any]]:
    """Give the run that the path names, to be acted on. Raises `Refusal`: 404, 412."""
    row = await row_of(asked)
    wanted = asked.request.headers.get("if-match")
    if wanted is not None and wanted.strip() not in {"*", etag(row)}:
        raise Refusal(
            status=412,
            code="log-moved",
            title="The run has moved on",
            detail=f"Its log is {row.length} events long now. Look again; nothing was recorded.",
        )
    return row, Handle(row.run_id, giving(acting_for(asked)))


def etag(row: Run) -> str:
    """Name the state of a run by the length of its log."""
    return f'"{row.length}"'


def ended(row: Run) -> Refusal:
    """Refuse what only open runs take."""
    return Refusal(
        status=409,
        code="run-ended",
        title="The run has ended",
        detail=f"It is {row.status.value}; nothing was recorded.",
    )


async def _acted(
    asked: Asked, before: Run, words: list[str] | None, said: str, *, wrote: bool = True
) -> Acted:
    """Say which event tells of it: the last one of whoever asked, behind what there was."""
    world = asked.session.world
    found: Recorded | None = None
    if wrote:
        log = await world.history(before.run_id, before.length, veiled=True)
        own = [each for each in log if getattr(each.event, "actor", None) == asked.principal.id]
        found = own[-1] if own else None
    position = None
    if found is not None:
        position = Position(position=found.position, type=found.event.name)
    return Acted(
        run_id=before.run_id,
        recorded=position,
        already=wrote and found is None,
        workers_awake=len(await world.workers()),
        cli=None if words is None else shlex.join(["wfc", *words]),
        python=said.replace("RUN", repr(before.run_id), 1),
        effect=None if position is None else await _effect(asked, before.run_id, position.position),
    )


async def made_by(asked: Asked, run: Handle[Any], words: list[str], said: str) -> Made:
    """Answer for a run that was begun, or found."""
    world = asked.session.world
    return Made(
        run_id=run.id,
        created=run.created,
        recorded=Position(position=1, type="run_created"),
        already=not run.created,
        workers_awake=len(await world.workers()),
        cli=shlex.join(["wfc", *words]),
        python=said,
        effect=await _effect(asked, run.id, 1) if run.created else None,
    )


def _call(method: str, **arguments: Any) -> str:
    """Write what was done as Python, without what is as always."""
    given = ", ".join(f"{name}={value!r}" for name, value in arguments.items() if value is not None)
    return f"await get_run(RUN).{method}({given})"


async def _effect(asked: Asked, run_id: str, position: int) -> Position | None:
    """Wait for the run's next event, as long as the request prefers (RFC 7240)."""
    match = _WAIT.search(asked.request.headers.get("prefer", ""))
    if match is None:
        return None
    world, name = asked.session.world, RunId(run_id)
    watch = world.watch(f"run:{name}")
    until = world.now_us() + min(int(match[1]), _WAIT_MAX_S) * 1_000_000
    try:
        while True:
            news = await world.history(name, position, 1, veiled=True)
            if news:
                return Position(position=news[0].position, type=news[0].event.name)
            left = (until - world.now_us()) / 1_000_000
            if left <= 0:
                return None
            await watch.changed(min(left, 1.0))
    finally:
        watch.close()
