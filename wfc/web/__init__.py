"""The web face of wfc: an application to be served, or mounted into another.

    app = FastAPI()
    app = mount(app)          # webhooks are taken at /wfc/webhook/..., streams read below /wfc/runs

It needs no worker and no code of the application: what it takes is on disk when it answers, and any
worker goes on from there. Needs the extra `web`.
"""

from importlib.util import find_spec

from wfc.errors import MissingExtra

if find_spec("starlette") is None or find_spec("sse_starlette") is None:
    raise MissingExtra(
        "`wfc.web` is made with Starlette, which is not installed.\n"
        "Install it: pip install 'wfc-durable[web]'"
    )

from wfc.http.principal import Principal
from wfc.http.streams import stream_response
from wfc.web.app import asgi_app
from wfc.web.mounting import mount

__all__ = ["Principal", "asgi_app", "mount", "stream_response"]
