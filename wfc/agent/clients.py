"""Clients of model providers, which retry by themselves unless they are told not to.

There is one layer of retries, the step's: it counts, waits durably and is seen.
"""

from __future__ import annotations

import warnings
from typing import Any

from pydantic_ai.models import Model
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.wrapper import WrapperModel

_RETRIES = "max_retries"


def without_retries(model: Model) -> Model:
    """Let the client of a model retry nothing, where it can be reached; give the model."""
    for one in _leaves(model):
        client: Any = getattr(one, "client", None)
        found = getattr(client, _RETRIES, None)
        if not isinstance(found, int) or found == 0:
            continue
        try:
            setattr(client, _RETRIES, 0)
        except AttributeError:
            warnings.warn(
                f"the client of the model {one.model_name} retries up to {found} times by itself, "
                "under the retries of its step. Make it with `max_retries=0`.",
                stacklevel=2,
            )
    return model


def _leaves(model: Model) -> list[Model]:
    if isinstance(model, WrapperModel):
        return _leaves(model.wrapped)
    if isinstance(model, FallbackModel):
        return [leaf for each in model.models for leaf in _leaves(each)]
    return [model]
