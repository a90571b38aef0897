"""Where everything is put together: settings, build, world, code and worker become one session.

A part looks only at those below it:
opening > code > shared > session > step_processes > tables.
"""

from wfc.config.code import build_version, import_code, import_modules, load_preludes, project_of
from wfc.config.opening import open_session, session_of_step, shared_session
from wfc.config.session import LookingSession, Session
from wfc.config.shared import current_session, open_sessions_by, session_here, use_session
from wfc.config.step_processes import process_setup
from wfc.config.tables import (
    CodePlaces,
    code_places,
    log_level,
    named_limits,
    policy_keywords,
    queues_of,
    retention_s,
    worker_limits,
    world_url,
)

__all__ = [
    "CodePlaces",
    "LookingSession",
    "Session",
    "build_version",
    "code_places",
    "current_session",
    "import_code",
    "import_modules",
    "load_preludes",
    "log_level",
    "named_limits",
    "open_session",
    "open_sessions_by",
    "policy_keywords",
    "process_setup",
    "project_of",
    "queues_of",
    "retention_s",
    "session_here",
    "session_of_step",
    "shared_session",
    "use_session",
    "worker_limits",
    "world_url",
]
