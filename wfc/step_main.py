"""The main program of the process of a step: import the project's code, then run what is asked."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfc import codec
from wfc.config import CodePlaces, import_modules, open_sessions_by, session_of_step
from wfc.manifests.store import from_archive
from wfc.runtime import log_context
from wfc.runtime.frames import Pipe
from wfc.runtime.registry import Registry
from wfc.runtime.step_child import PipeHandler, StepChild

if TYPE_CHECKING:
    from types import FrameType


def main(number: int) -> None:
    """Serve the worker at the other end of the file descriptor `number`, until it is gone."""
    pipe = Pipe(socket.socket(fileno=number))
    said = pipe.receive()
    if said is None:
        return  # it has died meanwhile
    opening = said[1]
    log_context.install()
    root = logging.getLogger()
    root.addHandler(PipeHandler(pipe))
    root.setLevel(opening["level"])
    sys.argv = [opening["program"]]
    try:
        registry = registry_of(opening)
    except BaseException as error:  # noqa: BLE001 - the code of a project may raise anything
        pipe.send("broken", error=codec.encode_error(error))
        return
    open_sessions_by(lambda: session_of_step(opening, registry))
    child = StepChild(pipe, registry, _leave)

    def terminate(number: int, frame: FrameType | None) -> None:
        child.terminate(number, frame)

    signal.signal(signal.SIGTERM, terminate)
    pipe.send("ready")
    child.serve()


def registry_of(opening: Mapping[str, Any]) -> Registry:
    """Import the code that `opening` names, as the worker did. Raises what that raises."""
    version = from_archive(opening["archive"])
    places = CodePlaces(
        root=Path(opening["root"]),
        sources=tuple(Path(each) for each in opening["sources"]),
        types=tuple(opening["types"]),
        app=opening["app"],
    )
    import_modules(places, version)
    return Registry(version)


def _leave() -> None:
    """End at once, and end what the body has started: the worker is gone, others do its work."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
