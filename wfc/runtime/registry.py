"""Code by name: templates of workflows by version, bodies of steps by id."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from wfc import abi
from wfc.determinism import Rules
from wfc.errors import StepUnknown
from wfc.ids import DefinitionId, ModuleName, VersionId
from wfc.manifests.bundle import Entry
from wfc.manifests.rename_hints import hints_in
from wfc.manifests.store import Version
from wfc.policies import Policy, check_kind, declared, from_literal, resolve
from wfc.runtime import hooks as hooks  # noqa: PLC0414 - steps are given hooks: what reads them
from wfc.runtime.attempt import Call
from wfc.runtime.environment import capture
from wfc.runtime.host_types import HostTypes
from wfc.runtime.operations import StepAsked
from wfc.runtime.queues import NO_QUEUES, Queues, argument_key, is_limited, limits_of
from wfc.runtime.step_body import StepBody
from wfc.runtime.step_modules import StepModules
from wfc.runtime.template import Template
from wfc.runtime.version_cache import VersionCache
from wfc.worlds.limits import limit_of_function
from wfc.worlds.protocol import Gate, World


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
        queues: Queues = NO_QUEUES,
        public_url: str | None = None,
    ) -> None:
        """Serve `current`; `policy` are the keywords that hold for steps that say nothing else,
        `queues` those into which runs may be started,
        `pin_steps` tells that a run keeps to the step bodies of its own version, `on_new_version`
        what open runs do whose workflow does not say it, `public_url` by what name webhooks are
        reached.
        """
        self._public_url = public_url
        self._on_new_version = on_new_version
        self.current = current
        self.queues = queues
        self._announced: World | None = None
        self.types = step_types or HostTypes(current.classes)
        self.pin_steps = pin_steps
        self._defaults = dict(policy or {})
        self.versions = VersionCache(bundles_max, self._heard)
        self.versions.pin(current)
        self._steps: dict[DefinitionId, StepBody] = {}
        self._policies: dict[DefinitionId, Policy] = {}
        self._rules: dict[VersionId, Rules] = {current.id: current.rules}
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
        """See that every `@policy` fits what it stands on. Raises `PolicyError`."""
        for bundle in self.current.step.values():
            for entry in bundle.entries:
                registration = abi.registered.get(entry.id)
                if registration is None:
                    continue
                if entry.nested_in is None:
                    check_kind(registration.function, entry.kind)

    @property
    def version_id(self) -> VersionId:
        """The version that step bodies belong to."""
        return self.current.id

    def add(self, version: Version) -> None:
        """Make another version known; those that were used last are kept."""
        self.versions.add(version)

    async def version(self, world: World, version: VersionId) -> Version:
        """Give a version, from the world if need be; see `VersionCache`."""
        return await self.versions.version(world, version)

    async def template(self, world: World, version: VersionId, workflow: DefinitionId) -> Template:
        """Give what executions of a workflow are made from; see `VersionCache`."""
        return await self.versions.template(world, version, workflow)

    def _heard(self, version: Version) -> None:
        self._rules[version.id] = version.rules
        self.types.allow(version.classes)

    def environment(self, version: VersionId) -> Mapping[str, str]:
        """Capture what workflow code of a version that is known here may read of the machine."""
        return capture(self._rules[version], self._public_url)

    def policy(self, asked: StepAsked) -> Policy:
        """Resolve the policy of a step: its function's, else the literal one of its bundle.

        A closure step has the one that its call was made with, whatever others of its name have.
        """
        if asked.body is not None:
            return from_literal(asked.policy, self._defaults)
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

    def gate(self, asked: StepAsked | Call, policy: Policy) -> Gate | None:
        """Say which gate an attempt of a step has to pass; most have none."""
        if not is_limited(policy):
            return None
        step = DefinitionId(hints_in(self.current.manifest).definition(asked.step))
        key = ""
        if policy.by is not None and asked.arguments is not None:
            key = argument_key(asked.arguments, policy.by, self._signature(step))
        return Gate(limit_of_function(step), key)

    def _signature(self, step: DefinitionId) -> inspect.Signature:
        try:
            return self.step(step).signature
        except StepUnknown:
            return inspect.Signature()

    async def announce(self, world: World) -> None:
        """Tell a world what limits hold, once."""
        if self._announced is not world:
            names = [entry.id for bundle in self.current.step.values() for entry in bundle.entries]
            registered = (abi.registered.get(name) for name in names)
            limits = limits_of(self.queues, (one for one in registered if one is not None))
            if limits:
                await world.define_limits(limits)
            self._announced = world

    def cleanup_s(self, version: VersionId, workflow: DefinitionId) -> float | None:
        """Give the seconds that a cancelled run of `workflow` may take for its cleanup."""
        del version  # the limits of a workflow follow the imported code, as those of steps do
        registration = abi.registered.get(workflow)
        declaration = None if registration is None else declared(registration.function)
        return None if declaration is None else declaration.cleanup_s

    def step(self, step: DefinitionId) -> StepBody:
        """Give the body of a step, by the id that it has or had. Raises `StepUnknown`."""
        present = DefinitionId(hints_in(self.current.manifest).definition(step))
        body = self._steps.get(present)
        if body is None or body.registration is not abi.registered.get(present):
            body = self._steps[present] = self._load(present)
        return body

    def older_step(self, version: Version, step: DefinitionId) -> StepBody:
        """Give the body of a step as another version has it, by the id that it has there or had.

        Raises `StepUnknown`.
        """
        renamed = hints_in(version.manifest)
        present = DefinitionId(renamed.definition(step))
        body = self._older.get((version.id, present))
        if body is None:
            modules = self._step_modules.get(version.id)
            if modules is None:
                modules = self._step_modules[version.id] = StepModules(version, self.types)
            body = self._older[version.id, present] = StepBody(
                modules.registration(present),
                entry_of(version, present),
                modules,
                version=version.id,
                entry_of=lambda name: entry_of(version, name),
                renamed=renamed,
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
        return StepBody(
            registration,
            self._entry(step),
            self.types,
            entry_of=self._entry,
            renamed=hints_in(self.current.manifest),
        )

    def _entry(self, step: DefinitionId) -> Entry | None:
        for version in self.versions.known():
            entry = entry_of(version, step)
            if entry is not None:
                return entry
        return None


def entry_of(version: Version, step: DefinitionId) -> Entry | None:
    """Give what a version says of a step, if it holds it."""
    module = ModuleName(step.partition(":")[0])
    bundle = version.step.get(module) or version.workflow.get(module)
    for entry in bundle.entries if bundle is not None else ():
        if entry.id == step:
            return entry
    return None
