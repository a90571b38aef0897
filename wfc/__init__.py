"""Durable workflows in plain async Python.

What workflow and step code needs is here; `wfc.api` is for code that begins runs. Names are loaded
when they are first used, so that `import wfc` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from wfc.errors import FatalError, RetryableError

if TYPE_CHECKING:
    from wfc.compiler.import_hook import install
    from wfc.policies import Backoff, policy
    from wfc.runtime.attempt import get_step_metadata
    from wfc.runtime.children import start
    from wfc.runtime.hooks import Hook, create_hook
    from wfc.runtime.metadata import Woke
    from wfc.runtime.webhooks import Response, WebhookRequest, create_webhook
    from wfc.runtime.workflow_api import (
        changed,
        get_workflow_metadata,
        remove_attributes,
        restart,
        set_attributes,
        sleep,
    )
    from wfc.runtime.writable import Writable, get_writable

__all__ = [
    "Backoff",
    "FatalError",
    "Hook",
    "Response",
    "RetryableError",
    "WebhookRequest",
    "Woke",
    "Writable",
    "changed",
    "create_hook",
    "create_webhook",
    "get_step_metadata",
    "get_workflow_metadata",
    "get_writable",
    "install",
    "policy",
    "remove_attributes",
    "restart",
    "set_attributes",
    "sleep",
    "start",
]

_HOMES: Final = {
    "Backoff": "wfc.policies",
    "Hook": "wfc.runtime.hooks",
    "Response": "wfc.runtime.webhooks",
    "WebhookRequest": "wfc.runtime.webhooks",
    "Woke": "wfc.runtime.metadata",
    "Writable": "wfc.runtime.writable",
    "changed": "wfc.runtime.workflow_api",
    "create_hook": "wfc.runtime.hooks",
    "create_webhook": "wfc.runtime.webhooks",
    "get_step_metadata": "wfc.runtime.attempt",
    "get_workflow_metadata": "wfc.runtime.workflow_api",
    "get_writable": "wfc.runtime.writable",
    "install": "wfc.compiler.import_hook",
    "policy": "wfc.policies",
    "remove_attributes": "wfc.runtime.workflow_api",
    "restart": "wfc.runtime.workflow_api",
    "set_attributes": "wfc.runtime.workflow_api",
    "sleep": "wfc.runtime.workflow_api",
    "start": "wfc.runtime.children",
}
"""Where each name that is loaded on first use lives."""


def _check_retry_after(value: object) -> None:
    from wfc.durations import check_moment  # noqa: PLC0415 - see the top

    check_moment(value, what="retry_after")


RetryableError.check_retry_after = staticmethod(_check_retry_after)


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'wfc' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
