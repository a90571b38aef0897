"""Step modules of other versions, executed beside the imported ones and never instead of them.

A run older than the imported code may hold a step call that this code cannot take: the step, or a
parameter of it, may be gone. Then the body that the run's own version holds is what can be called.
"""

from __future__ import annotations

import linecache
import sys
import types
from typing import Any, Final

from wfc import abi, codec
from wfc.errors import StepUnknown
from wfc.ids import DefinitionId, ModuleName
from wfc.manifests.bundle import Bundle
from wfc.manifests.code import module_code
from wfc.manifests.store import Version

_SHORT: Final = 12


class StepModules:
    """The step modules of one version, each executed when it is first asked for."""

    def __init__(self, version: Version, host: codec.Types) -> None:
        """Serve `version`; types that its modules do not define are looked for in `host`."""
        self._version = version
        self._host = host
        self._modules: dict[ModuleName, types.ModuleType] = {}
        self._registered: dict[ModuleName, dict[DefinitionId, abi.Registration]] = {}

    def find(self, name: str) -> type | None:
        """Give the type of this wire name: the version's own class, else the host's."""
        module, _, qualname = name.partition(":")
        found: Any = self._modules.get(ModuleName(module))
        if found is not None and name in self._version.classes:
            for part in qualname.split("."):
                found = getattr(found, part, None)
            if isinstance(found, type):
                return found
        return self._host.find(name)

    def registration(self, step: DefinitionId) -> abi.Registration:
        """Give the step as this version has it. Raises `StepUnknown`."""
        module = ModuleName(step.partition(":")[0])
        bundle = self._version.step.get(module)
        if bundle is None:
            raise StepUnknown(f"version {self._version.id} holds no step module {module}")
        if module not in self._registered:
            self._registered[module] = self._execute(bundle)
        found = self._registered[module].get(step)
        if found is None or found.kind != "step":
            raise StepUnknown(f"version {self._version.id} holds no step {step}")
        return found

    def _execute(self, bundle: Bundle) -> dict[DefinitionId, abi.Registration]:
        short = self._version.id[:_SHORT]
        name = f"{bundle.module}@{short}"
        module = types.ModuleType(name)
        module.__package__ = (
            bundle.module if bundle.is_package else bundle.module.rpartition(".")[0]
        )
        filename = f"<wfc {short} {bundle.path}>"
        module.__file__ = filename
        linecache.cache[filename] = (
            len(bundle.text), None, bundle.text.splitlines(keepends=True), filename,
        )  # fmt: skip
        registered: dict[DefinitionId, abi.Registration] = {}
        space = module.__dict__
        space[abi.NAME] = abi.Bundle(bundle.module, space, registry=registered)
        # Dataclasses and pydantic resolve names of a class through the module it says it is from.
        sys.modules[name] = module
        try:
            exec(module_code(bundle, filename), space)  # noqa: S102 - the build's own text
        except Exception as error:
            del sys.modules[name]
            raise StepUnknown(
                f"the step module {bundle.module} of version {self._version.id} cannot be executed "
                f"here: {type(error).__name__}: {error}. What it imports is the code of today; put "
                "back what it needs, or move the run to newer code."
            ) from error
        self._modules[bundle.module] = module
        return registered
