"""What a browser sends to a chat: one message counts, the last; what was said before is ours.

The client of the AI SDK sends its whole history as ``text/plain``, without an id; of it only the
newest answer of ours is looked at, for the name of the conversation that it carries.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from wfc.agent.chat import messages_of
from wfc.ids import RunId, is_run_id
from wfc.runtime.webhook_door import Refusal

FILES: Final = frozenset(
    {
        "image/png", "image/jpeg", "image/gif", "image/webp",
        "application/pdf", "text/plain", "text/csv", "text/markdown", "application/json",
    }
)  # fmt: skip
"""Media types that a message may bring along, in ``data:`` URLs."""
CHAT_ID: Final = re.compile(r"[A-Za-z0-9_:.-]{1,150}")
_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DATA_URL: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+)[;,]", re.ASCII)
_DEPTH_MAX: Final = 64
_ID_MAX: Final = 500
_ANSWERED: Final = frozenset({"approval-responded", "output-available", "output-error"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a person, or the browser itself, answered to a call of a tool."""

    call_id: str
    approval_id: str | None = None
    approved: bool = False
    reason: str | None = None
    override_args: Mapping[str, Any] | None = None
    output: Any = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A request that was read. `said_in` is the stream of the newest answer that it carries."""

    message: Mapping[str, Any]
    chat_id: str | None = None
    said_in: str | None = None
    answers: tuple[Answered, ...] = ()
    """What the last message answers; none: a user says something."""
    body: Mapping[str, Any] = field(default_factory=dict)
    """What else was sent, for the workflow."""

    @property
    def turn(self) -> str:
        """Name the turn that answers the message: by its id, so that a repetition is known."""
        return turn_of(str(self.message["id"]))


def turn_of(message_id: str) -> str:
    """Name the turn that answers a message."""
    if _PLAIN_ID.fullmatch(message_id):
        return message_id
    return f"m{hashlib.blake2b(message_id.encode(), digest_size=16).hexdigest()}"


def read(data: bytes) -> Posted:
    """Read the body of a POST. Raises `Refusal`: 400 what cannot be read, 422 a bad part."""
    body = _object(data)
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise bad("`messages` is missing or empty: there is nothing to answer.")
    last = messages[-1]
    if not isinstance(last, dict):
        raise bad("The last of the messages is no object.")
    chat_id = body.get("id")
    if chat_id is not None and (not isinstance(chat_id, str) or not CHAT_ID.fullmatch(chat_id)):
        raise bad("`id` names no chat: 1 to 150 letters, digits and . _ : - are allowed.")
    answers: tuple[Answered, ...] = ()
    match last.get("role"):
        case "user":
            _check_said(last)
        case "assistant":
            answers = tuple(_answers(last))
            if not answers:
                raise bad("The last message is ours, and answers nothing that was asked.")
        case _:
            raise bad("The last message is neither of a user nor an answer to what was asked.")
    return Posted(
        message=last,
        chat_id=chat_id,
        said_in=_newest_stream(messages),
        answers=answers,
        body={name: body[name] for name in body if name not in {"messages", "id", "trigger"}},
    )


def bad(detail: str) -> Refusal:
    """Refuse what cannot be read."""
    return Refusal(status=400, code="bad-request", title="It cannot be read", detail=detail)


def unfit(detail: str, *errors: tuple[str, str]) -> Refusal:
    """Refuse what can be read and does not fit."""
    return Refusal(
        status=422, code="invalid-payload", title="It does not fit", detail=detail, errors=errors
    )


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise bad(f"The body is not JSON: {str(error)[:200]}.") from None
    if not isinstance(found, dict):
        raise bad("The body is no object.")
    _check_text(found, _DEPTH_MAX)
    return found


def _no_constant(name: str) -> Any:
    message = f"it has no {name}"
    raise ValueError(message)


def _check_text(value: Any, depth: int) -> None:
    """Refuse what no log can keep: half of a character, or what is nested without end."""
    if depth == 0:
        raise bad(f"The body is nested more than {_DEPTH_MAX} deep.")
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise bad("A text holds half of a character (a lone surrogate).") from None
    elif isinstance(value, dict):
        for key, below in value.items():
            _check_text(key, depth)
            _check_text(below, depth - 1)
    elif isinstance(value, list):
        for below in value:
            _check_text(below, depth - 1)


def _check_said(message: Mapping[str, Any]) -> None:
    """See that a message of a user is one. Raises `Refusal`: 400, 422."""
    name = message.get("id")
    if not isinstance(name, str) or not 0 < len(name) <= _ID_MAX:
        raise bad("The message has no `id`, by which a repetition of it would be known.")
    parts = message.get("parts")
    if not isinstance(parts, list) or not parts:
        raise unfit("The message has no parts.", ("/parts", "is missing or empty"))
    for number, part in enumerate(parts):
        _check_part(part, f"/parts/{number}")
    try:
        found = messages_of(message)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        at = "".join(f"/{part}" for part in first["loc"] if isinstance(part, (int, str)))
        raise unfit("A part of the message is of no known form.", (at, first["msg"])) from None
    if not found:
        raise unfit("The message says nothing.", ("/parts", "holds nothing to be answered"))


def _check_part(part: Any, at: str) -> None:
    if not isinstance(part, dict):
        raise unfit("A part of the message is no object.", (at, "is no object"))
    if part.get("type") != "file":
        return
    url = part.get("url")
    found = _DATA_URL.match(url) if isinstance(url, str) else None
    if found is None:
        # Whoever lets us fetch an address may let us fetch what only we can reach.
        raise unfit("Files come as `data:` URLs; no address is fetched.", (f"{at}/url", "is none"))
    if found[1] not in FILES:
        known = ", ".join(sorted(FILES))
        raise unfit(f"Files are of these kinds: {known}.", (f"{at}/url", f"is {found[1]}"))


def _newest_stream(messages: list[Any]) -> str | None:
    """Give the stream that the newest answer among the messages came from, as it says itself."""
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") == "assistant":
            metadata = message.get("metadata")
            found = metadata.get("wfc") if isinstance(metadata, dict) else None
            if isinstance(found, str) and is_run_id(found.rpartition("~")[0]):
                return found
    return None


def split(stream: str) -> tuple[RunId, str] | None:
    """Take ``<run>~<turn>`` apart; None if it is none."""
    run_id, separator, turn = stream.rpartition("~")
    return (RunId(run_id), turn) if separator and is_run_id(run_id) and turn else None


def _answers(message: Mapping[str, Any]) -> list[Answered]:
    parts = message.get("parts")
    found = []
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, dict) and part.get("state") in _ANSWERED:
            one = _answer(part)
            if one is not None:
                found.append(one)
    return found


def _answer(part: Mapping[str, Any]) -> Answered | None:
    call_id = part.get("toolCallId")
    if not isinstance(call_id, str):
        return None
    if part["state"] != "approval-responded":
        error = part.get("errorText") if part["state"] == "output-error" else None
        return Answered(call_id=call_id, output=part.get("output"), error=error)
    approval = part.get("approval")
    if not isinstance(approval, dict) or not isinstance(approval.get("id"), str):
        raise bad(f"The answer to the call {call_id!r} names no approval.")
    if not isinstance(approval.get("approved"), bool):
        raise bad(f"The answer to the call {call_id!r} is neither yes nor no.")
    reason, override = approval.get("reason"), approval.get("override_args")
    if reason is not None and not isinstance(reason, str):
        raise bad(f"The reason given for the call {call_id!r} is no text.")
    if override is not None and not isinstance(override, dict):
        raise bad(f"The arguments given for the call {call_id!r} are no object.")
    return Answered(
        call_id=call_id,
        approval_id=approval["id"],
        approved=approval["approved"],
        reason=reason,
        override_args=override,
    )
