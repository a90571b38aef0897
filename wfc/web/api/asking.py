"""What is asked of the operator API: its query and its body, read by the models of its row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request

from wfc import codec
from wfc.config import Session
from wfc.http.bodies import BodyTooLarge, read_body
from wfc.http.principal import Principal
from wfc.runtime.webhook_door import Refusal
from wfc.web.api.strict_json import loads, malformed
from wfc.web.site import Site

M = TypeVar("M", bound=BaseModel)
BODY_MAX: Final = 1 << 20
_JSON: Final = "application/json"
ATTRIBUTE: Final = "attr."
"""What stands before the name of an attribute in a query: ``attr.tier=free``."""


class Query(BaseModel):
    """What may stand behind the question mark; nothing else may."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Body(BaseModel):
    """What a request may bring; nothing else may."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that was let in, as its endpoint gets it."""

    site: Site
    session: Session
    request: Request
    principal: Principal
    query: Any
    """Of the model that the row names."""
    body: Any
    sent: bytes = b""
    """The body as it came."""

    @property
    def types(self) -> codec.Types:
        """The types by which payloads are shown: no class of the application is made here."""
        return self.site.types

    def named(self, name: str) -> str:
        """Give a part of the path."""
        return str(self.request.path_params[name])


def read_query(request: Request, model: type[M]) -> M:
    """Read the query. Raises `Refusal` (400) for what is unknown, repeated or of another form."""
    repeats = {name for name, field in model.model_fields.items() if _is_list(field.annotation)}
    found: dict[str, Any] = {}
    attributes: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name.startswith(ATTRIBUTE) and "attributes" in model.model_fields:
            _once(attributes, name.removeprefix(ATTRIBUTE), value, name)
        elif name in repeats:
            found.setdefault(name, []).append(value)
        elif name not in model.model_fields or name == "attributes":
            raise malformed(_unknown(name, model.model_fields))
        else:
            _once(found, name, value, name)
    if attributes:
        found["attributes"] = attributes
    try:
        return model.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        at = ".".join(str(part) for part in first["loc"])
        raise Refusal(
            status=400,
            code="bad-request",
            title="It cannot be read",
            detail=f"`{at}` in the query: {first['msg']}.",
            errors=_pointed(error),
        ) from None


def _is_list(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) in {list, tuple, frozenset}


def _once(found: dict[str, Any], name: str, value: str, said: str) -> None:
    if name in found:
        raise malformed(f"`{said}` stands twice in the query.")
    found[name] = value


def _unknown(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1)
    hint = f" Did you mean `{near[0]}`?" if near else ""
    return f"`{name}` is no parameter of this address.{hint}"


async def read_json(request: Request, model: type[M], limit: int = BODY_MAX) -> tuple[M, bytes]:
    """Read the body. Raises `Refusal`: 400, 413, 415, 422."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _JSON:
        raise Refusal(
            status=415,
            code="unsupported-media-type",
            title="Not in this form",
            detail=f"The body is {_JSON}, and its header `content-type` says so.",
        )
    try:
        sent = await read_body(request, limit)
    except BodyTooLarge:
        raise Refusal(
            status=413,
            code="too-large",
            title="Too large",
            detail=f"A body has at most {limit:,} bytes. Nothing was recorded.",
        ) from None
    try:
        return model.model_validate(loads(sent or b"{}")), sent
    except ValidationError as error:
        raise Refusal(
            status=422,
            code="invalid-payload",
            title="It does not fit",
            detail=_told(error, model),
            errors=_pointed(error),
        ) from None


def _told(error: ValidationError, model: type[BaseModel]) -> str:
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
        near = get_close_matches(name, list(model.model_fields), n=1)
        hint = f" Did you mean `{near[0]}`?" if near else ""
        return f"`{name}` is nothing that can be said here.{hint} Nothing was recorded."
    return f"`{name or 'the body'}`: {first['msg']}. Nothing was recorded."


def _pointed(error: ValidationError) -> tuple[tuple[str, str], ...]:
    """Give what is wrong by JSON pointers (RFC 6901)."""
    return tuple(
        ("".join(f"/{_escaped(part)}" for part in one["loc"]), one["msg"])
        for one in error.errors(include_url=False)
    )


def _escaped(part: int | str) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")
