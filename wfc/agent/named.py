"""Models that a workflow knows by name alone, until a step asks them.

To make a client is to look for a key, which belongs to the step: there a missing key fails, and the
bundle of a workflow loads everywhere.
"""

from __future__ import annotations

from typing import Any, NoReturn

from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import (
    Model,
    ModelRequestParameters,
    infer_model_profile,
    parse_model_id,
)
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.settings import ModelSettings

from wfc.errors import EffectInWorkflow


class NamedModel(Model[Any]):
    """Stands in workflow code for ``provider:name``: it says what the model can, and no more."""

    def __init__(self, model_id: str) -> None:
        """Stand for a model; nothing is looked for."""
        provider, name = parse_model_id(model_id)
        self._provider_name, self._name = provider or "", name
        super().__init__(profile=_profile_of(model_id))

    @property
    def model_name(self) -> str:
        """The name of the model."""
        return self._name

    @property
    def system(self) -> str:
        """The name of the provider."""
        return self._provider_name

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Refuse. Raises `EffectInWorkflow`."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise EffectInWorkflow(
            f"the model {self._name} was asked in workflow code, and not by the step that an agent "
            "makes of it. Ask it through an agent with `Durability`.",
            guard="WFC222",
        )


def _profile_of(model_id: str) -> ModelProfile | None:
    try:
        return infer_model_profile(model_id)
    except ImportError:
        return None  # its package is where its steps run
