"""How the process of a step is started, and what it is told of the session that asks for it."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from wfc.config.tables import code_places, log_level, world_url
from wfc.settings import Loaded
from wfc.worlds.vault import VARIABLE

if TYPE_CHECKING:
    # Whoever only looks at runs, or asks something of one, needs neither compiler nor interpreter.
    from wfc.manifests.store import Version
    from wfc.runtime.client import Client
    from wfc.runtime.processes import ProcessSetup


_SIZES: Final = ("payload_max", "events_max", "attributes_max")


def process_setup(client: Client, loaded: Loaded, version: Version) -> ProcessSetup:
    """Say how the process of a step is started, and what it imports."""
    from wfc.manifests.store import to_archive  # noqa: PLC0415 - see the top
    from wfc.runtime.processes import ProcessSetup  # noqa: PLC0415 - likewise
    from wfc.runtime.step_process import command  # noqa: PLC0415 - likewise

    def opening() -> Mapping[str, Any]:
        places = code_places(loaded)
        return {
            "archive": to_archive(version),
            "root": str(places.root),
            "sources": [str(each) for each in places.sources],
            "types": list(places.types),
            "app": places.app,
            "program": sys.argv[0],
            "world": world_url(loaded),
            "keys": os.environ.get(VARIABLE, ""),
            "actor": client.actor,
            "channel": client.channel.value,
            "sizes": {name: getattr(client, name) for name in _SIZES},
            # Whatever handlers here may want; they judge again, each by its own level.
            "level": min(
                logging.INFO,
                log_level(loaded.settings),
                logging.getLogger().getEffectiveLevel(),
            ),
        }

    return ProcessSetup(command=command, opening=opening)
