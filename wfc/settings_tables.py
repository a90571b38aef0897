"""The tables and keys of `[tool.wfc]`: what each may hold, its default, what it means.

pydantic judges them; `wfc.settings` imports this file when a setting is asked for that has to be
judged, since that takes longer than a whole command that only looks at runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
)
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from wfc import durations
from wfc.errors import ConfigError, UnknownKey
from wfc.settings_sources import ENVIRONMENT_PREFIX, OUT, SOURCE, WORLD
from wfc.worlds.limits import ATTRIBUTES, rate_of

_UNITS: Final = (
    ("d", timedelta(days=1)),
    ("h", timedelta(hours=1)),
    ("m", timedelta(minutes=1)),
    ("s", timedelta(seconds=1)),
)


def _split(value: object) -> object:
    """Take a list as TOML has it, or words between commas as a variable of the environment."""
    if not isinstance(value, str):
        return value
    return [word.strip() for word in value.split(",") if word.strip()]


def _duration(value: object) -> timedelta:
    """Read a duration in any of its forms."""
    return durations.parse(value)


def _retention(value: object) -> timedelta | None:
    return None if value == "never" or value is None else _duration(value)


def _rate(value: str) -> str:
    """Refuse what is no number per time."""
    rate_of(value)
    return value


def _by(value: str) -> str:
    """Refuse what names no attribute."""
    if not value.removeprefix(ATTRIBUTES) or not value.startswith(ATTRIBUTES):
        raise ValueError(f'{value!r} names no attribute; the form is "{ATTRIBUTES}user"')
    return value


def _spelled(duration: timedelta) -> str:
    """Write a duration as one would set it, in the largest unit that divides it."""
    for unit, length in _UNITS:
        if duration >= length and not duration % length:
            return f"{duration // length}{unit}"
    return f"{duration.total_seconds():g}s"


def _spelled_retention(retention: timedelta | None) -> str:
    return "never" if retention is None else _spelled(retention)


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Duration = Annotated[timedelta, BeforeValidator(_duration), PlainSerializer(_spelled)]
Retention = Annotated[
    timedelta | None, BeforeValidator(_retention), PlainSerializer(_spelled_retention)
]
Rate = Annotated[str, AfterValidator(_rate)]
By = Annotated[str, AfterValidator(_by)]
OnNewVersion = Literal["pin", "upgrade"]


class _Table(BaseModel):
    """A table of the configuration: frozen, with no key but the declared ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BackoffTable(_Table):
    """`[tool.wfc.policy.backoff]`: the pause between two attempts."""

    initial: Duration = timedelta(seconds=1)
    """The pause after the first try."""
    factor: float = Field(default=2.0, ge=1)
    """By how much each further pause is longer."""
    maximum: Duration = timedelta(minutes=1)
    """The longest pause."""
    jitter: float = Field(default=0.2, ge=0, le=1)
    """By which share a pause is drawn longer or shorter."""


class PolicyTable(_Table):
    """`[tool.wfc.policy]`: what holds for a step that says nothing else."""

    attempts: int = Field(default=3, ge=1)
    """How many tries a step has."""
    timeout: Duration | None = None
    """How long one try may take."""
    total: Duration | None = None
    """How long all tries may take together."""
    backoff: BackoffTable = BackoffTable()
    """The pause between two tries."""


class WorkerTable(_Table):
    """`[tool.wfc.worker]`: how much a worker takes on, and how long it holds what it took."""

    concurrency: int = Field(default=100, ge=1)
    """Step bodies at once."""
    executions: int = Field(default=2000, ge=0)
    """Runs kept in memory between two events."""
    threads: int = Field(default=32, ge=1)
    """Threads for steps that are no coroutines."""
    drain: Duration = timedelta(seconds=25)
    """How long bodies may go on after SIGTERM."""
    lease: Duration = timedelta(seconds=30)
    """After how long a silent worker counts as dead."""
    heartbeat: Duration = timedelta(seconds=5)
    """How often a worker says that it lives."""
    sweep: Duration = timedelta(seconds=15)
    """How often what crashes left behind is looked for."""


class QueueTable(_Table):
    """`[tool.wfc.queues.NAME]`: how many runs go at once."""

    concurrency: int | None = Field(default=None, ge=1)
    """Runs at once."""
    rate: Rate | None = None
    """Runs per time, as `"100/1m"`."""
    by: By | None = None
    """What the limits count by, as `"attributes.user"`."""
    slots: Literal["open", "active"] = "open"
    """Whether a suspended run keeps its slot."""


class LimitsTable(_Table):
    """`[tool.wfc.limits]`: where a run is stopped before it harms the others."""

    events: int = Field(default=100_000, ge=100)
    """Events of one chapter of a run."""
    payload: ByteSize = Field(default=ByteSize(16 * 1024 * 1024), ge=1024, le=64 * 1024 * 1024)
    """Bytes of one value, as `"16MiB"`; at most 64 MiB, so that a reader's memory is safe."""
    pending_operations: int = Field(default=10_000, ge=1)
    """Operations that one run may wait for at once."""
    children_depth: int = Field(default=50, ge=1)
    """How deep runs may start runs."""
    attributes: int = Field(default=64, ge=0)
    """Attributes of one run."""


class LintTable(_Table):
    """`[tool.wfc.lint]`: which findings are reported where."""

    model_config = ConfigDict(populate_by_name=True)

    select: Names = ("WFC",)
    """Codes or prefixes that are reported."""
    ignore: Names = ()
    """Codes or prefixes that are not."""
    deep: bool = False
    """Whether attributes are inferred, too."""
    per_file: Mapping[str, Names] = Field(default={}, alias="per-file")
    """Codes to ignore, by glob of files."""


class Settings(BaseSettings):
    """Everything that can be set. The field names are the keys."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="__",
        validate_default=False,
    )

    packages: Names = ()
    """First-party packages; none means all beside `pyproject.toml` or under `src/`."""
    source: Names = SOURCE
    """Folders from which modules are imported; the first hit wins."""
    exclude: Names = ("build", "dist", ".venv")
    """What is never compiled, besides what `.gitignore` names."""
    pure: Names = ()
    """Modules and names that workflow code may call."""
    refused: Names = ()
    """Names that it may not; wins over `pure`."""
    environment: Names = ()
    """Variables that are recorded when a run begins and readable in workflow code."""
    world: str = WORLD
    """Where runs live; `${VAR}` is taken from the environment."""
    out: str = OUT
    """The folder of builds."""
    public_url: str = ""
    """By what webhooks are called, mount included."""
    app: str = ""
    """The application object, as `module:name`."""
    types: Names = ()
    """Types that payloads may name, as `module:Name`."""
    pin_steps: bool = False
    """Whether step bodies stay with the version of their run."""
    on_new_version: OnNewVersion = "pin"
    """What runs in flight do when a new version is active."""
    bundles_max: int = Field(default=32, ge=1)
    """How many versions a worker keeps loaded."""
    retention: Retention = timedelta(days=30)
    """How long ended runs are kept; `"never"` deletes none."""
    audit_retention: Retention = timedelta(days=365)
    """How long facts about the world itself are kept."""
    capture_logs: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    """From which level on log records of steps are kept."""
    policy: PolicyTable = PolicyTable()
    """What holds for steps that say nothing else."""
    worker: WorkerTable = WorkerTable()
    """How much a worker takes on."""
    queues: Mapping[str, QueueTable] = {}
    """Named limits on how many runs go at once."""
    limits: LimitsTable = LimitsTable()
    """Where a run is stopped."""
    renamed: Mapping[str, str] = {}
    """Modules that were renamed, old to new."""
    lint: LintTable = LintTable()
    """Which findings are reported."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the form of the method
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - `load_settings` reads it itself
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - there is no such file
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the values given: `load_settings` has laid the sources over one another already,
        because it also has to say where each value came from.
        """
        return (init_settings,)


def judged(values: Mapping[str, Any], origins: Mapping[str, str], file: Path | None) -> Settings:
    """Make settings of values that were laid over one another.

    Raises `ConfigError` with file, key and the nearest right one.
    """
    try:
        return Settings(**values)
    except ValidationError as problem:
        raise _refusal(problem.errors()[0], origins, file) from None


def from_environment() -> dict[str, Any]:
    """Read the variables of the environment that are settings. Raises `ConfigError`."""
    try:
        return EnvSettingsSource(Settings)()
    except SettingsError as problem:
        message = f"a variable {ENVIRONMENT_PREFIX}* of the environment cannot be read: {problem}"
        raise ConfigError(message) from None


# --- refusing ----------------------------------------------------------------------------------


def _refusal(problem: ErrorDetails, origins: Mapping[str, str], file: Path | None) -> ConfigError:
    """Turn pydantic's first complaint into a sentence with place, key and remedy."""
    names = [str(part) for part in problem["loc"]]
    dotted = ".".join(names)
    origin = next((origins[name] for name in _prefixes(names) if name in origins), dotted)
    place = f"{file}:{_line(file, names[-1])}" if file and origin == str(file) else origin
    if problem["type"] == "extra_forbidden":
        return UnknownKey(f"{place}: there is no setting `{dotted}`.{_hint(names)}")
    message = problem["msg"].removeprefix("Value error, ")
    return ConfigError(f"{place}: `{dotted}` = {problem['input']!r} is refused: {message}")


def _prefixes(names: list[str]) -> Iterator[str]:
    for count in range(len(names), 0, -1):
        yield ".".join(names[:count])


def _line(file: Path, key: str) -> int:
    """Find the first line that sets `key` or opens the table `key`."""
    pattern = re.compile(rf'^\s*(\[.*\b{re.escape(key)}"?\]|"?{re.escape(key)}"?\s*[=.])')
    lines = file.read_text(encoding="utf-8").splitlines()
    return next((number for number, text in enumerate(lines, 1) if pattern.match(text)), 1)


def _hint(names: list[str]) -> str:
    """Say which key was probably meant."""
    if names == ["passthrough"]:
        return " Did you mean `pure`? wfc runs no module of yours unchecked inside a workflow."
    model: Any = Settings
    for name in names[:-1]:
        fields = getattr(model, "model_fields", {})
        model = fields[name].annotation if name in fields else QueueTable
    keys = [field.alias or name for name, field in model.model_fields.items()]
    near = get_close_matches(names[-1], keys, n=3, cutoff=0.6)
    if near:
        return f" Did you mean {' or '.join(f'`{key}`' for key in near)}?"
    return f" There are: {', '.join(keys)}."
