from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import pytest

from proxy import config
from proxy.config import Config, ConfigError
from proxy.recorder.settings import RecorderSettings
from proxy.relay.settings import RelaySettings, RouteSettings


def load(flags: Any = None, from_file: Any = None, /, **environment: str) -> Config:
    return config.load(from_file, environment, flags or {})


def problem(flags: Any = None, from_file: Any = None, /, **environment: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(flags, from_file, **environment)
    return str(caught.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written = tmp_path / "ocpptap.toml"
    written.write_text('[relay]\nlisten = "file:1"\nupstream = "ws://file"\nworkers = 3\n')
    return written


def test_without_anything_the_defaults_hold() -> None:
    assert load().relay.listen == "0.0.0.0:9000"
    assert load().admin.listen == "127.0.0.1:9180"


def test_flags_win_over_the_environment_and_that_over_the_file(file: Path) -> None:
    given = load(
        {"relay": {"listen": "flag:1"}}, file, OCPPTAP_RELAY__LISTEN="e:1", OCPPTAP_RELAY__UPSTREAM="ws://e"
    )
    assert (given.relay.listen, given.relay.upstream, given.relay.workers) == ("flag:1", "ws://e", 3)


def test_the_environment_gives_numbers_and_lists() -> None:
    routes = '[{"match": "DE*", "upstream": "ws://de"}]'
    given = load(OCPPTAP_RELAY__WORKERS="2", OCPPTAP_RELAY__ROUTES=routes, OCPPTAP_DATA="/d")
    assert given.relay.workers == 2
    assert given.relay.routes == (RouteSettings("DE*", "ws://de"),)
    assert given.data == "/d"


def test_analyzers_have_settings_of_their_own() -> None:
    assert load(OCPPTAP_ANALYZERS__SILENCE__ENABLED="false").analyzers == {"silence": {"enabled": "false"}}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"relay": {"lisen": 1}}, "unknown setting relay.lisen: did you mean relay.listen?"),
        ({"rely": {}}, "unknown setting rely: did you mean relay?"),
        ({"upstream": "ws://x"}, "unknown setting upstream: did you mean relay.upstream?"),
        (
            {"relay": {"tls": {"cert": "x"}}},
            "unknown setting relay.tls.cert: did you mean relay.tls.certificate?",
        ),
        ({"relay": {"qqqq": 1}}, "unknown setting relay.qqqq"),
    ],
)
def test_an_unknown_setting_names_the_nearest_one(flags: Any, said: str) -> None:
    assert problem(flags) == said


@pytest.mark.parametrize("name", ["OCPPTAP_RELAY__LISEN", "OCPPTAP_LISTEN", "OCPPTAP_RELY__LISTEN"])
def test_an_unknown_variable_is_an_error_too(name: str) -> None:
    assert problem(**{name: "x"}).startswith("unknown setting")


def test_variables_of_others_are_none_of_ours() -> None:
    assert (
        load(PATH="/bin", OCPPTAP_CONFIG="f", OCPPTAP_DEBUG="1", OCPPTAP_FAILPOINT="before-sync:1:kill")
        == load()
    )


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"OCPPTAP_RELAY__WORKERS": "many"}, "relay.workers: Input should be a valid integer"),
        ({"OCPPTAP_JOURNAL__SYNC_MS": "0"}, "journal: sync_ms must be between 1 and 60000"),
        ({"OCPPTAP_RELAY__ROUTES": "[{"}, "OCPPTAP_RELAY__ROUTES: not JSON"),
        ({"OCPPTAP_DATA": "x", "OCPPTAP_DATA__Y": "z"}, "OCPPTAP_DATA__Y: data is a value already"),
    ],
)
def test_a_wrong_value_is_one_line(environment: dict[str, str], said: str) -> None:
    found = problem(**environment)
    assert found.startswith(said)
    assert "\n" not in found


def test_all_that_is_wrong_is_said_at_once() -> None:
    assert len(problem({"relay": {"a": 1, "b": 2}}).splitlines()) == 2


@pytest.mark.parametrize("content", [b"relay = ", b"\xff", b"[relay]\nlisten = 'a'\nlisten = 'b'\n"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.toml").write_bytes(content)
    assert problem({}, tmp_path / "bad.toml").startswith(str(tmp_path / "bad.toml"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert problem({}, tmp_path / "none.toml") == f"{tmp_path / 'none.toml'}: No such file or directory"


def test_what_is_printed_can_be_read_back(tmp_path: Path) -> None:
    given = load(
        {
            "relay": {"routes": [{"match": "/a", "upstream": 'ws://a"ü'}]},
            "analyzers": {"silence": {"grace_seconds": 3}},
        }
    )
    (tmp_path / "printed.toml").write_text(config.as_toml(given))
    assert config.as_dict(load({}, tmp_path / "printed.toml")) == config.as_dict(given)


def test_secrets_are_not_printed() -> None:
    flags = {"admin": {"token": "hush"}, "store": {"url": "clickhouse://me:hush@host:9000/db"}}
    printed = tomllib.loads(config.as_toml(load(flags)))
    assert "hush" not in str(printed)
    assert printed["store"]["url"] == "clickhouse://me:********@host:9000/db"


@pytest.mark.parametrize("url", ["embedded", "https://host:8443/db", "clickhouse://me@host/db"])
def test_a_url_without_a_password_is_shown_as_it_is(url: str) -> None:
    assert config.without_password(url) == url


FROM_ELSEWHERE = {
    "data",
    "store",
    "run",
    "worker",
    "life",
    "listeners",
    "journal",
    "analyzers",
    "sites",
    "charge_points",
    "charge_point_limit",
    "log_format",
    "log_level",
}


@pytest.mark.parametrize(("part", "section"), [(RelaySettings, "relay"), (RecorderSettings, "recorder")])
def test_every_setting_of_a_part_can_be_set(part: Any, section: str) -> None:
    wanted = {field.name for field in dataclasses.fields(part)} - FROM_ELSEWHERE
    assert wanted <= set(config.as_dict(load())[section])


def test_defaults_are_those_of_the_parts() -> None:
    recorder = config.as_dict(load())["recorder"]
    assert all(getattr(RecorderSettings(), name) == value for name, value in recorder.items())
