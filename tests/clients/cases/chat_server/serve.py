"""Serve the chat: `python serve.py PORT`."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import wfc

wfc.install()

import uvicorn  # noqa: E402 - the import hook comes first
from starlette.applications import Starlette  # noqa: E402
from talks import talk  # noqa: E402

from wfc.agent import chat_endpoints  # noqa: E402
from wfc.api import runtime  # noqa: E402


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[None]:
    async with runtime():
        yield


app = Starlette(routes=[chat_endpoints(talk, heartbeat_s=1)], lifespan=lifespan)

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
