"""Code by name: templates of workflows by version, bodies of steps by id."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from wfc import abi
from wfc.errors import PolicyError, StepUnknown, VersionUnknown
from wfc.ids import DefinitionId, ModuleName, VersionId
from wfc.manifests.bundle import Entry
from wfc.manifests.renamed import renamed_in
from wfc.manifests.store import Version, from_archive
from wfc.policies import Policy, check_kind, declared, from_literal, resolve
from wfc.runtime.environment import capture
from wfc.runtime.host_types import HostTypes
from wfc.runtime.operations import StepAsked
from wfc.runtime.sandbox import load_template
from wfc.runtime.step_body import StepBody
from wfc.runtime.step_modules import StepModules
from wfc.runtime.template import Template
from wfc.worlds.protocol import World


class Registry:
    """What a worker executes: the current version, others on demand, and the imported steps."""

    def __init__(
        self,
        current: Version,
        *,
        policy: Mapping[str, Any] | None = None,
        bundles_max: int = 32,
        step_types: HostTypes | None = None,
    ) -> None:
        """Serve `current`; `policy` are the keywords that hold for steps that say nothing else."""
        self.current = current
        self.types = step_types or HostTypes(current.classes)
        self._defaults = dict(policy or {})
        self._bundles_max = bundles_max
        self._versions: dict[VersionId, Version] = {current.id: current}
        self._templates: OrderedDict[tuple[VersionId, DefinitionId], Template] = OrderedDict()
        self._steps: dict[DefinitionId, StepBody] = {}
        self._policies: dict[DefinitionId, Policy] = {}
        self._step_modules: dict[VersionId, StepModules] = {}
        self._older: dict[tuple[VersionId, DefinitionId], StepBody] = {}
        self._check_policies()

    def _check_policies(self) -> None:
        """See that every `@policy` fits what it stands on and can be kept. Raises `PolicyError`."""
        for bundle in self.current.step.values():
            for entry in bundle.entries:
                registration = abi.registered.get(entry.id)
                if registration is None:
                    continue
                nested = entry.nested_in is not None
                declaration = None if nested else declared(registration.function)
                if not nested:
                    check_kind(registration.function, entry.kind)
                said = declaration.given if declaration is not None else entry.policy
                if said.get("isolation") == "process":
                    raise PolicyError(
                        f'{entry.id}: `isolation="process"` cannot be kept by this release, so the '
                        "step would share the worker's process. Leave it out, or say "
                        '`isolation="thread"`.'
                    )

    @property
    def version_id(self) -> VersionId:
        """The version that step bodies belong to."""
        return self.current.id

    def add(self, version: Version) -> None:
        """Make another version known."""
        self._versions.setdefault(version.id, version)
        self.types.allow(version.classes)

    async def version(self, world: World, version: VersionId) -> Version:
        """Give a version, from the world if need be. Raises `VersionUnknown`."""
        known = self._versions.get(version)
        if known is not None:
            return known
        archive = await world.version_archive(version)
        if archive is None:
            raise VersionUnknown(
                f"version {version} is not registered in {world.url}, so its runs cannot be "
                "executed here. Register its build again (`wfc build` at that commit), then free "
                "the run with `wfc doctor --unblock RUN`."
            )
        self.add(from_archive(archive))
        return self._versions[version]

    async def template(self, world: World, version: VersionId, workflow: DefinitionId) -> Template:
        """Give what executions of a workflow are made from; the last ones used are kept."""
        key = version, workflow
        template = self._templates.get(key)
        if template is None:
            found = await self.version(world, version)
            present = renamed_in(found.manifest).definition(workflow)
            name = workflow if workflow in found.fingerprints else DefinitionId(present)
            template = self._templates[key] = load_template(found, name)
            while len(self._templates) > self._bundles_max:
                self._templates.popitem(last=False)
        else:
            self._templates.move_to_end(key)
        return template

    def environment(self, version: VersionId) -> Mapping[str, str]:
        """Capture what workflow code of a version that is known here may read of the machine."""
        return capture(self._versions[version].rules)

    def policy(self, asked: StepAsked) -> Policy:
        """Resolve the policy of a step: its function's, else the literal one of its bundle."""
        policy = self._policies.get(asked.step)
        if policy is None:
            policy = self._policies[asked.step] = self._resolved(asked)
        return policy

    def _resolved(self, asked: StepAsked) -> Policy:
        try:
            declaration = self.step(asked.step).declaration
        except StepUnknown:
            declaration = None
        if declaration is None and asked.policy:
            return from_literal(asked.policy, self._defaults)
        return resolve(declaration, self._defaults)

    def cleanup_s(self, version: VersionId, workflow: DefinitionId) -> float | None:
        """Give the seconds that a cancelled run of `workflow` may take for its cleanup."""
        del version  # the limits of a workflow follow the imported code, as those of steps do
        registration = abi.registered.get(workflow)
        declaration = None if registration is None else declared(registration.function)
        return None if declaration is None else declaration.cleanup_s

    def step(self, step: DefinitionId) -> StepBody:
        """Give the body of a step. Raises `StepUnknown`."""
        body = self._steps.get(step)
        if body is None or body.registration is not abi.registered.get(step):
            body = self._steps[step] = self._load(step)
        return body

    def body(self, step: DefinitionId, version: VersionId, arguments: bytes | None) -> StepBody:
        """Give the body for a call that a run of `version` recorded: the imported one if it can
        take the call, else that of the run's own version. Raises `StepUnknown`.
        """
        if version == self.current.id:
            return self.step(step)
        try:
            body = self.step(step)
        except StepUnknown:
            return self._older_body(step, version)
        if arguments is None or body.accepts(arguments):
            return body
        return self._older_body(step, version)

    def _older_body(self, step: DefinitionId, version: VersionId) -> StepBody:
        body = self._older.get((version, step))
        if body is None:
            known = self._versions.get(version)
            if known is None:
                raise StepUnknown(
                    f"step {step} cannot take the recorded call any more, and version {version}, "
                    "whose code could, is not registered here"
                )
            modules = self._step_modules.get(version)
            if modules is None:
                modules = self._step_modules[version] = StepModules(known, self.types)
            entry = _entry_in(known, step)
            body = StepBody(
                modules.registration(step),
                entry,
                modules,
                version=version,
                entry_of=lambda name: _entry_in(known, name),
            )
            self._older[version, step] = body
        return body

    def _load(self, step: DefinitionId) -> StepBody:
        registration = abi.registered.get(step)
        if registration is None or registration.kind != "step":
            raise StepUnknown(
                f"no step {step} is loaded in this worker, so the call cannot be made.\n"
                "Either its module was not imported (a worker imports the modules of its build), "
                "or the step was renamed or removed since the run began: keep the old name, or "
                f"mark the new one with `# wfc: was[{step.replace(':', '.')}]`."
            )
        return StepBody(registration, self._entry(step), self.types, entry_of=self._entry)

    def _entry(self, step: DefinitionId) -> Entry | None:
        for version in (self.current, *self._versions.values()):
            entry = _entry_in(version, step)
            if entry is not None:
                return entry
        return None


def _entry_in(version: Version, step: DefinitionId) -> Entry | None:
    module = ModuleName(step.partition(":")[0])
    bundle = version.step.get(module) or version.workflow.get(module)
    for entry in bundle.entries if bundle is not None else ():
        if entry.id == step:
            return entry
    return None
