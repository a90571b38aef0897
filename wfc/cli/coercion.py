"""Values that need no coercion get none, so that a command is not kept waiting for pydantic.

typer makes a pydantic adapter for each parameter, those that nobody gave included, which takes
longer than everything that `wfc runs` does. Text is text already, and a default has its type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Patient:
    """Stands where typer keeps the coercion of a parameter, and asks for the real one if needed.

    A typer that keeps it elsewhere never looks here, and is only slower.
    """

    parameter: Any

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Give the value in its annotated type."""
        annotation = self.parameter.type_descriptor.annotation
        if type(value) is annotation:
            return value
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        if annotation == list[str] and not isinstance(value, str):
            return list(value)
        self.parameter._runtime_param = None  # noqa: SLF001 - typer documents no other place
        return self.parameter.get_runtime_param().coerce(value, param=param, ctx=ctx)


def be_patient(command: Any) -> None:
    """Let each parameter of `command`, `--help` included, be coerced only if its value needs it."""
    all_of = command.get_params

    def get_params(context: Any) -> list[Any]:
        found: list[Any] = all_of(context)
        for parameter in found:
            if getattr(parameter, "_runtime_param", None) is None:
                parameter._runtime_param = Patient(parameter)  # noqa: SLF001 - likewise
        return found

    command.get_params = get_params
