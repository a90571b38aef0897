"""Code by name: templates of workflows by version, bodies of steps by id."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from wfc import abi
from wfc.errors import (
    BundleUnloadable,
    CompileError,
    EffectInWorkflow,
    PolicyError,
    StepUnknown,
    VersionUnknown,
)
from wfc.ids import DefinitionId, ModuleName, VersionId
from wfc.manifests.bundle import Entry
from wfc.manifests.rename_hints import hints_in
from wfc.manifests.store import Version, from_archive
from wfc.policies import Policy, check_kind, declared, from_literal, resolve
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
        pin_steps: bool = False,
        on_new_version: str = "pin",
    ) -> None:
        """Serve `current`; `policy` are the keywords that hold for steps that say nothing else,
        `pin_steps` tells that a run keeps to the step bodies of its own version, `on_new_version`
        what open runs do whose workflow does not say it.
        """
        self._on_new_version = on_new_version
        self.current = current
        self.types = step_types or HostTypes(current.classes)
        self.pin_steps = pin_steps
        self._defaults = dict(policy or {})
        self._bundles_max = bundles_max
        self._others: OrderedDict[VersionId, Version] = OrderedDict()
        self._templates: OrderedDict[tuple[VersionId, DefinitionId], Template] = OrderedDict()
        self._steps: dict[DefinitionId, StepBody] = {}
        self._policies: dict[DefinitionId, Policy] = {}
        self._step_modules: dict[VersionId, StepModules] = {}
        self._older: dict[tuple[VersionId, DefinitionId], StepBody] = {}
        self._check_policies()

    @cached_property
    def any_follows(self) -> bool:
        """Tell whether open runs of any workflow follow to the current version."""
        return any(self._following.values())

    def follows(self, workflow: DefinitionId) -> bool:
        """Tell whether open runs of a workflow follow: the new version's word counts."""
        present = DefinitionId(hints_in(self.current.manifest).definition(workflow))
        return self._following.get(workflow, self._following.get(present, False))

    @cached_property
    def _following(self) -> Mapping[DefinitionId, bool]:
        return {
            entry.id: entry.policy.get("on_new_version", self._on_new_version) == "upgrade"
            for bundle in self.current.workflow.values()
            for entry in bundle.entries
            if entry.kind == "workflow"
        }

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
        """Make another version known; those that were used last are kept."""
        if version.id != self.current.id:
            self._others[version.id] = version
            self._others.move_to_end(version.id)
            if len(self._others) > self._bundles_max:
                self._others.popitem(last=False)
            self.types.allow(version.classes)

    async def version(self, world: World, version: VersionId) -> Version:
        """Give a version, from the world if need be. Raises `VersionUnknown`."""
        if version == self.current.id:
            return self.current
        known = self._others.get(version)
        if known is not None:
            self._others.move_to_end(version)
            return known
        archive = await world.version_archive(version)
        if archive is None:
            raise VersionUnknown(
                f"version {version} is not registered in {world.url}, so its runs cannot be "
                "executed here. Register its build again (`wfc versions register` at that "
                "commit), then free the run with `wfc doctor --unblock RUN`."
            )
        found = from_archive(archive)
        self.add(found)
        return found

    async def template(self, world: World, version: VersionId, workflow: DefinitionId) -> Template:
        """Give what executions of a workflow are made from; the last ones used are kept.

        Raises `VersionUnknown`, `BuildTooNew`, `BundleBroken` and `BundleUnloadable`.
        """
        key = version, workflow
        template = self._templates.get(key)
        if template is None:
            found = await self.version(world, version)
            template = self._templates[key] = _loaded(found, workflow)
            while len(self._templates) > self._bundles_max:
                self._templates.popitem(last=False)
        else:
            self._templates.move_to_end(key)
        return template

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

    def older_step(self, version: Version, step: DefinitionId) -> StepBody:
        """Give the body of a step as another version has it. Raises `StepUnknown`."""
        body = self._older.get((version.id, step))
        if body is None:
            modules = self._step_modules.get(version.id)
            if modules is None:
                modules = self._step_modules[version.id] = StepModules(version, self.types)
            body = self._older[version.id, step] = StepBody(
                modules.registration(step),
                entry_of(version, step),
                modules,
                version=version.id,
                entry_of=lambda name: entry_of(version, name),
            )
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
        for version in (self.current, *self._others.values()):
            entry = entry_of(version, step)
            if entry is not None:
                return entry
        return None


def _loaded(version: Version, workflow: DefinitionId) -> Template:
    """Load a template; what keeps it from being loaded here concerns its runs, and no others."""
    present = hints_in(version.manifest).definition(workflow)
    name = workflow if workflow in version.fingerprints else DefinitionId(present)
    try:
        return load_template(version, name)
    except (CompileError, EffectInWorkflow) as error:
        raise BundleUnloadable(
            f"the bundle of {workflow} in version {version.id} cannot be loaded here: "
            f"{type(error).__name__}: {error}\n"
            "Its runs wait: nothing was changed. They need the packages and the Python that the "
            "version was built for; give a worker those, or move the runs to newer code, then "
            "free them with `wfc doctor --unblock RUN`."
        ) from error


def entry_of(version: Version, step: DefinitionId) -> Entry | None:
    """Give what a version says of a step, if it holds it."""
    module = ModuleName(step.partition(":")[0])
    bundle = version.step.get(module) or version.workflow.get(module)
    for entry in bundle.entries if bundle is not None else ():
        if entry.id == step:
            return entry
    return None
