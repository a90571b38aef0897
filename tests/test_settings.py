"""Settings: precedence, origins, and refusals that name the place and the nearest key."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from wfc import settings_sources
from wfc.errors import ConfigError, NoSuchPackage, UnknownCode, UnknownKey
from wfc.settings import load_settings, shown
from wfc.settings_tables import Settings


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a pyproject.toml that sets a few things."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.wfc]\nworld = "sqlite:///file.db"\n\n[tool.wfc.worker]\nconcurrency = 7\n'
    )
    (tmp_path / "shop").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_defaults_are_those_of_the_reference(tmp_path: Path) -> None:
    """Without any file the defaults hold, in the folder asked for."""
    loaded = load_settings(tmp_path)
    settings = loaded.settings
    assert loaded.root == tmp_path
    assert loaded.origins == {}
    assert settings.world == "sqlite:///.wfc/wfc.db"
    assert settings.worker.lease == timedelta(seconds=30)
    assert settings.retention == timedelta(days=30)
    assert settings.limits.payload == 16 * 1024 * 1024
    assert loaded.out == tmp_path / ".wfc"


def test_the_nearest_file_upward_counts(project: Path) -> None:
    """A folder below the file belongs to its project."""
    below = project / "shop" / "deep"
    below.mkdir()
    loaded = load_settings(below)
    assert (loaded.root, loaded.settings.worker.concurrency) == (project, 7)


def test_a_pyproject_without_our_table_is_passed_by(project: Path) -> None:
    """Only `[tool.wfc]` makes a pyproject ours; a table of others does not."""
    (project / "shop" / "pyproject.toml").write_text("[tool.other]\na = 1\n")
    assert load_settings(project / "shop").root == project


def test_without_any_table_the_nearest_pyproject_is_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain Python project needs no settings at all."""
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    assert load_settings().root == tmp_path


def test_flag_beats_environment_beats_file_beats_default(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each value tells which source it came from."""
    monkeypatch.setenv("WFC_WORLD", "sqlite:///environment.db")
    monkeypatch.setenv("WFC_WORKER__THREADS", "3")
    monkeypatch.setenv("WFC_PURE", "a, b")
    loaded = load_settings(world="memory:")
    origins = {name: (value, origin) for name, value, origin in shown(loaded)}
    assert origins["world"] == ("memory:", "flag --world")
    assert origins["worker.threads"] == (3, "environment WFC_WORKER__THREADS")
    assert origins["worker.concurrency"] == (7, str(project / "pyproject.toml"))
    assert origins["worker.executions"] == (2000, "default")
    assert loaded.settings.pure == ("a", "b")


def test_wfc_toml_holds_the_keys_without_a_table(tmp_path: Path) -> None:
    """`wfc.toml` is the table itself."""
    (tmp_path / "wfc.toml").write_text(
        'retention = "never"\n[queues.free]\nconcurrency = 10\n[lint.per-file]\n"t/*" = ["WFC2"]\n'
    )
    settings = load_settings(tmp_path).settings
    assert settings.retention is None
    assert settings.queues["free"].concurrency == 10
    assert settings.lint.per_file["t/*"] == ("WFC2",)


def test_two_files_are_refused(project: Path) -> None:
    """Neither may win silently."""
    (project / "wfc.toml").write_text("pin_steps = true\n")
    with pytest.raises(ConfigError, match=r"both .*wfc\.toml and \[tool\.wfc\]") as refused:
        load_settings()
    assert refused.value.code == "WFC904"


def test_config_names_a_file_directly(tmp_path: Path) -> None:
    """`--config` needs no search and sets the project."""
    (tmp_path / "other.toml").write_text("[tool.wfc]\npin_steps = true\n")
    loaded = load_settings(config=tmp_path / "other.toml")
    assert (loaded.root, loaded.settings.pin_steps) == (tmp_path, True)


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ('wrld = "memory:"', "wfc.toml:1", "Did you mean `world`?"),
        ("passthrough = []", "wfc.toml:1", "Did you mean `pure`?"),
        ("[worker]\n\nleese = 3", "wfc.toml:3", "Did you mean `lease`?"),
        ("[queues.free]\nrat = 1", "wfc.toml:2", "Did you mean `rate`?"),
        ("zzz = 1", "wfc.toml:1", "There are: packages, source"),
    ],
)
def test_an_unknown_key_is_refused_with_its_place_and_the_nearest(
    tmp_path: Path, text: str, place: str, hint: str
) -> None:
    """A typo never silently means the default."""
    (tmp_path / "wfc.toml").write_text(text + "\n")
    with pytest.raises(UnknownKey) as refused:
        load_settings(tmp_path)
    assert place in str(refused.value)
    assert hint in str(refused.value)
    assert refused.value.code == "WFC903"


def test_an_unknown_key_of_the_environment_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The place of a variable is its name."""
    monkeypatch.setenv("WFC_WORKER__LEESE", "3")
    with pytest.raises(UnknownKey, match=r"environment WFC_WORKER__LEESE: .*`lease`"):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "[worker]\nconcurrency = 0",
        '[worker]\nlease = "soon"',
        'capture_logs = "LOUD"',
        "[worker]\nconcurrency = 'many'",
        "worker = 5",
        'on_new_version = "maybe"',
    ],
)
def test_a_bad_value_is_refused_with_file_key_and_value(tmp_path: Path, text: str) -> None:
    """What does not fit says so, where it stands."""
    (tmp_path / "wfc.toml").write_text(text + "\n")
    with pytest.raises(ConfigError, match=r"wfc\.toml:\d: `.*` = .* is refused") as refused:
        load_settings(tmp_path)
    assert refused.value.code == "WFC904"


@pytest.mark.parametrize("content", [b"a = [", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    """The sentence names the file."""
    (tmp_path / "wfc.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"wfc\.toml"):
        load_settings(tmp_path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """`--config` and `--project` must name something."""
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings(config=tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="does not exist"):
        load_settings(tmp_path / "none")


def test_a_variable_that_is_no_json_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table given by one variable must be JSON."""
    monkeypatch.setenv("WFC_QUEUES", "{")
    with pytest.raises(ConfigError, match="environment"):
        load_settings(tmp_path)


def test_the_world_expands_variables_and_hides_passwords(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret comes from the environment and is never shown."""
    monkeypatch.setenv("PGPASS", "s3cret")
    (tmp_path / "wfc.toml").write_text('world = "postgresql://ana:${PGPASS}@db/wfc"\n')
    loaded = load_settings(tmp_path)
    assert loaded.settings.world == "postgresql://ana:s3cret@db/wfc"
    assert {name: value for name, value, _ in shown(loaded)}["world"] == (
        "postgresql://ana:***@db/wfc"
    )


def test_a_variable_that_the_world_needs_must_be_there(tmp_path: Path) -> None:
    """An empty password would only fail later and elsewhere."""
    (tmp_path / "wfc.toml").write_text('world = "postgresql://ana:${NOT_SET_ANYWHERE}@db/wfc"\n')
    with pytest.raises(ConfigError, match="NOT_SET_ANYWHERE"):
        load_settings(tmp_path)


def test_values_are_shown_as_one_would_write_them(tmp_path: Path) -> None:
    """What `config show` prints can be pasted into the file."""
    loaded = load_settings(tmp_path, retention="never", worker={"lease": "1500ms"})
    values = {name: value for name, value, _ in shown(loaded)}
    assert values["retention"] == "never"
    assert values["audit_retention"] == "365d"
    assert values["worker.lease"] == "1.5s"
    assert values["policy.backoff.maximum"] == "1m"
    assert values["policy.timeout"] is None


def test_packages_must_exist(project: Path) -> None:
    """WFC905: a first-party package that is not there would compile nothing."""
    assert load_settings(project, packages=["shop"]).settings.packages == ("shop",)
    with pytest.raises(NoSuchPackage, match="'shpo'"):
        load_settings(project, packages=["shpo"])


def test_lint_codes_must_look_like_codes(tmp_path: Path) -> None:
    """WFC902: a code that cannot exist selects nothing."""
    with pytest.raises(UnknownCode, match="'E501'"):
        load_settings(tmp_path, lint={"select": ["E501"]})


def test_source_roots_are_those_that_exist(project: Path) -> None:
    """The first hit wins, so the order is kept."""
    (project / "src").mkdir()
    assert load_settings().source_roots() == (project / "src", project)


def test_settings_are_frozen() -> None:
    """Nobody changes settings after they were read."""
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.world = "memory:"


def test_values_that_need_no_judge_are_those_that_pydantic_takes_as_they_are() -> None:
    """A plain key takes just text or a list of text: what is passed by the judge would pass it."""
    fields = Settings.model_fields
    for key in settings_sources._TEXTS:
        assert (fields[key].annotation, fields[key].metadata) == (str, [])
    for key in settings_sources._LISTS:
        assert fields[key].annotation == tuple[str, ...]
        assert getattr(Settings.model_validate({key: ["a", "b,c"]}), key) == ("a", "b,c")


@pytest.mark.parametrize(
    "values", [{"wrld": "x"}, {"pin_steps": True}, {"world": 1}, {"pure": "a"}, {"pure": [1]}]
)
def test_anything_else_is_judged(values: dict[str, object]) -> None:
    """An unknown key, another type, a table."""
    assert not settings_sources.is_plain(values)


def test_plain_values_are_the_same_with_and_without_the_judge(project: Path) -> None:
    """The quick way to read a project gives what the slow one gives."""
    text = 'world = "memory:"\nout = "built"\npackages = ["shop"]\nsource = ["."]\npure = ["a"]\n'
    (project / "pyproject.toml").write_text("[tool.wfc]\n" + text)
    quick = load_settings()
    (project / "pyproject.toml").write_text(f"[tool.wfc]\n{text}pin_steps = false\n")
    slow = load_settings()
    assert quick.settings == slow.settings
    assert (quick.out, quick.world, quick.source_roots()) == (
        slow.out,
        slow.world,
        slow.source_roots(),
    )


def test_the_environment_is_read_without_the_judge_only_if_it_sets_the_world_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else begins with WFC_ is for pydantic-settings, in whatever case it is written."""
    for name in [name for name in os.environ if name.upper().startswith("WFC_")]:
        monkeypatch.delenv(name)
    assert settings_sources.plain_environment() == {}
    monkeypatch.setenv("WFC_WORLD", "memory:")
    assert settings_sources.plain_environment() == {"world": "memory:"}
    assert load_settings(tmp_path).world == "memory:"
    monkeypatch.setenv("wfc_out", "built")
    assert settings_sources.plain_environment() is None
    assert load_settings(tmp_path).out == tmp_path / "built"
