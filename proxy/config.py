"""The configuration: every part's settings under one roof (DESIGN 9); only `app.py` and `cli.py` read it.

Sources, the later one wins: defaults, the TOML file, the environment `OCPPTAP_<SECTION>__<KEY>`, flags. A setting
nobody knows is an error that names the nearest one that exists. Whatever is wrong is a `ConfigError`, one line each.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

import msgspec
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from proxy.admin.settings import AdminSettings
from proxy.journal.settings import JournalSettings
from proxy.relay.settings import Deadlines, ForwardingSettings, Limits, RouteSettings, TlsSettings
from proxy.store.settings import StoreSettings

ENVIRONMENT: Final = "OCPPTAP_"
NOT_SETTINGS: Final = frozenset(
    f"{ENVIRONMENT}{name}" for name in ("CONFIG", "DEBUG", "FAILPOINT", "REVISION", "REPLAY_AUTHORIZATION")
)
"""Read by the command line itself, or (REVISION) by the plan: what was built, as its builder calls it."""
SECRETS: Final = frozenset({"token", "password"})
MASK: Final = "********"


class ConfigError(Exception):
    """One line for each thing that is wrong."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))


@dataclass(frozen=True)
class RelaySection:
    """`upstream` is for all whom no row of `routes` takes; `workers` share the listening address."""

    listen: str = "0.0.0.0:9000"
    upstream: str = ""
    routes: tuple[RouteSettings, ...] = ()
    workers: int = 1
    drain_seconds: float = 10.0
    forwarding: ForwardingSettings = field(default_factory=ForwardingSettings)
    tls: TlsSettings = field(default_factory=TlsSettings)
    deadlines: Deadlines = field(default_factory=Deadlines)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class RecorderSection:
    """A checkpoint comes after the first of these, but never sooner than 20 x the time the last one took."""

    checkpoint_seconds: float = 30.0
    checkpoint_bytes: int = 256 * 1024 * 1024
    checkpoint_batches: int = 1000
    drain_seconds: float = 30.0


@dataclass(frozen=True)
class SupervisorSection:
    """A process that gives no sign of life for `beat_limit_seconds` is killed and started again."""

    beat_limit_seconds: float = 30.0

    def __post_init__(self) -> None:
        if self.beat_limit_seconds < 2:
            raise ValueError("beat_limit_seconds must be 2 or more: processes beat once a second")


@dataclass(frozen=True)
class LogSection:
    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error", "critical"] = "info"


class Config(BaseSettings):
    """The whole; made by `load`."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)
    sources: ClassVar[tuple[Mapping[str, Any], ...]] = ()

    data: str = "./ocpptap-data"
    relay: RelaySection = RelaySection()
    journal: JournalSettings = JournalSettings()
    store: StoreSettings = StoreSettings()
    recorder: RecorderSection = RecorderSection()
    admin: AdminSettings = AdminSettings()
    supervisor: SupervisorSection = SupervisorSection()
    log: LogSection = LogSection()
    analyzers: dict[str, dict[str, Any]] = {}
    sites: dict[str, list[str]] = {}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What `load` gives and nothing else: pydantic's own reading of the environment forgives typos."""
        return tuple(InitSettingsSource(settings_cls, dict(source)) for source in cls.sources)


def load(file: Path | None, environment: Mapping[str, str], flags: Mapping[str, Any]) -> Config:
    """The effective configuration. `flags` is nested like the file. Raises ConfigError."""
    given = (flags, from_environment(environment), from_file(file) if file else {})

    class Loaded(Config):
        sources = given

    try:
        loaded = Loaded()
    except ValidationError as error:
        raise ConfigError(*map(_problem, error.errors())) from error
    return Config.model_construct(**{name: getattr(loaded, name) for name in Config.model_fields})


def from_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{file}: {error}") from error


def from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """`OCPPTAP_RELAY__LISTEN=...` becomes {"relay": {"listen": ...}}; lists and tables are JSON."""
    nested: dict[str, Any] = {}
    for name, value in sorted(environment.items()):
        if name.startswith(ENVIRONMENT) and name not in NOT_SETTINGS:
            path = name.removeprefix(ENVIRONMENT).lower().split("__")
            _put(nested, path, _value(name, value))
    return nested


def _put(nested: dict[str, Any], path: list[str], value: object) -> None:
    *sections, key = path
    for section in sections:
        below = nested.setdefault(section, {})
        if not isinstance(below, dict):
            raise ConfigError(f"{ENVIRONMENT}{'__'.join(path).upper()}: {section} is a value already")
        nested = below
    nested[key] = value


def _value(name: str, text: str) -> object:
    if not text.lstrip().startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{name}: not JSON: {error}") from error


# --- what is wrong, in one line

_UNKNOWN: Final = frozenset({"extra_forbidden", "unexpected_keyword_argument"})


def _problem(error: ErrorDetails) -> str:
    path = [str(step) for step in error["loc"]]
    name = ".".join(path)
    if error["type"] in _UNKNOWN:
        return f"unknown setting {name}{_meant(path)}"
    return f"{name}: {error['msg'].removeprefix('Value error, ')}"


def _meant(path: list[str]) -> str:
    """The same name elsewhere, else the nearest one at the same place."""
    same = [name for name in setting_names() if name.rpartition(".")[2] == path[-1]]
    return f": did you mean {same[0]}?" if same else did_you_mean(".".join(path), _names_at(path[:-1]))


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """`: did you mean section.key?` when one of `known` is near the last part of `name`, else nothing."""
    place, dot, last = name.rpartition(".")
    near = difflib.get_close_matches(last, known, n=1, cutoff=0.5)
    return f": did you mean {place}{dot}{near[0]}?" if near else ""


def _names_at(path: list[str]) -> list[str]:
    place: object = as_dict(Config())
    for step in path:
        place = place.get(step, {}) if isinstance(place, dict) else {}
    return list(place) if isinstance(place, dict) else []


def setting_names() -> list[str]:
    """Every setting, `section.key`."""
    return [name for name, _ in flat(as_dict(Config()))]


def flat(nested: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """(`section.key`, value) for each leaf; an empty table is none."""
    for key, value in nested.items():
        if isinstance(value, dict):
            yield from flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


# --- the configuration as data and as text


def as_dict(config: Config) -> dict[str, Any]:
    """Nested plain values, as in the file."""
    return {name: msgspec.to_builtins(getattr(config, name)) for name in Config.model_fields}


def masked(name: str, value: object) -> object:
    """The value to be shown: secrets and passwords in URLs are not."""
    if name.rpartition(".")[2] in SECRETS and value:
        return MASK
    return without_password(value) if isinstance(value, str) else value


def without_password(url: str) -> str:
    """`clickhouse://user:secret@host` as `clickhouse://user:********@host`."""
    scheme, mark, rest = url.partition("://")
    user, at, host = rest.rpartition("@")
    name, colon, _ = user.partition(":")
    return f"{scheme}{mark}{name}{colon}{MASK}{at}{host}" if mark and colon else url


def as_toml(config: Config) -> str:
    """The effective configuration as a file that `--config` reads back (but for the masks)."""
    return "\n".join(_toml(as_dict(config), "")) + "\n"


def _toml(table: Mapping[str, Any], before: str) -> Iterator[str]:
    below = {key: value for key, value in table.items() if isinstance(value, dict)}
    for key, value in table.items():
        if key not in below:
            yield f"{key} = {_toml_value(masked(f'{before}{key}', value))}"
    for key, value in below.items():
        if any(not isinstance(leaf, dict) for leaf in value.values()):
            yield f"\n[{before}{key}]"
        yield from _toml(value, f"{before}{key}.")


def _toml_value(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml_value(below)}" for key, below in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
