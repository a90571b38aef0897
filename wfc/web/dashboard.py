"""The dashboard: prebuilt pages that know nothing; what they show they ask of the operator API.

The pages hold no data, so they are served to whoever asks for them by a name that is ours; each
question they put to the API is answered, or refused, there.
"""

from __future__ import annotations

import hashlib
import html
import mimetypes
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from wfc.runtime.webhook_door import Refusal
from wfc.web.site import Site

STATIC: Final = Path(__file__).parent / "static"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "font-src 'self'; img-src 'self' data:; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""What a page may load: its own files, and nothing that stands in its text."""
_HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
_HEAD: Final = "<head>"
_UNBUILT: Final = (
    "The dashboard is not built here: run `make ui` (Node 20.19+) or install the wheel.\n"
    "The operator API answers all the same.\n"
)
_UNCHANGED: Final = 304
_UNAVAILABLE: Final = 503
# What a machine's registry of types says of scripts differs, and `nosniff` is strict.
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


async def page(site: Site, request: Request) -> Response:
    """Give the page that all addresses of the dashboard begin with. Raises `Refusal` (421)."""
    site.guard.check_host(request)
    try:
        text = (STATIC / "index.html").read_text(encoding="utf-8")
    except FileNotFoundError:
        return PlainTextResponse(_UNBUILT, _UNAVAILABLE, headers=_HEADERS)
    mount = html.escape(str(request.scope.get("root_path", "")).rstrip("/"), quote=True)
    text = text.replace(_HEAD, f'{_HEAD}<base href="{mount}/">', 1)
    tag = f'"{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"'
    headers = {**_HEADERS, "cache-control": "no-cache", "etag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=_UNCHANGED, headers=headers)
    return Response(text, headers=headers, media_type="text/html")


async def asset(_site: Site, request: Request) -> Response:
    """Give a file of the build; its name has the hash of its content. Raises `Refusal` (404)."""
    name = request.path_params["name"]
    found = STATIC / "assets" / name
    # A name with a separator or a drive would lead out of the folder.
    if Path(name).name != name or "\\" in name or not found.is_file():
        raise Refusal(
            status=404, code="no-such-page", title="There is nothing here",
            detail="No file of the dashboard has this name.",
        )  # fmt: skip
    kind = _TYPES.get(found.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    headers = {**_HEADERS, "cache-control": "public, max-age=31536000, immutable"}
    return Response(found.read_bytes(), headers=headers, media_type=kind)
