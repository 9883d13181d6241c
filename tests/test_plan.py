from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from proxy.admin.settings import AdminProcess
from proxy.config import Config, load
from proxy.plan import Taken, make_plan, next_plan
from proxy.recorder.settings import RecorderSettings
from proxy.relay.settings import RelaySettings, RouteSettings
from proxy.supervisor.settings import Plan

TAKEN = Taken(
    Path("/data"), 7, 3, ((4, "0.0.0.0:9000"), (5, "0.0.0.0:9000")), (6, "127.0.0.1:9180"), 1000, 800
)


def configured(*overrides: dict[str, Any]) -> Config:
    relay = {"upstream": "ws://csms", "workers": 2}
    merged: dict[str, Any] = {"relay": relay}
    for sections in overrides:
        for section, keys in sections.items():
            merged[section] = {**merged.get(section, {}), **keys}
    return load(None, {}, merged)


def as_read(made: Plan) -> Plan:
    """By the supervisor."""
    return msgspec.json.decode(msgspec.json.encode(made), type=Plan)


def plan(**sections: Any) -> Plan:
    return as_read(make_plan(configured(sections), TAKEN, ("check",)))


def reloaded(**sections: Any) -> Plan:
    return as_read(next_plan(plan(), configured(sections)))


def settings(of: Plan, name: str) -> dict[str, Any]:
    return next(child.settings for child in of.children if child.name == name)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("relay-0", RelaySettings),
        ("relay-1", RelaySettings),
        ("recorder", RecorderSettings),
        ("admin", AdminProcess),
    ],
)
def test_every_part_understands_its_settings(name: str, kind: type) -> None:
    assert msgspec.convert(settings(plan(), name) | {"life": 1}, kind)


def test_workers_differ_in_number_and_listener() -> None:
    workers = [msgspec.convert(settings(plan(), name), RelaySettings) for name in ("relay-0", "relay-1")]
    assert [(worker.worker, worker.listeners[0].fd) for worker in workers] == [(0, 4), (1, 5)]
    assert {(worker.run, worker.data, worker.limits.descriptors) for worker in workers} == {
        (7, "/data", 1000)
    }


def test_the_upstream_is_the_last_route() -> None:
    made = plan(relay={"routes": [{"match": "DE*", "upstream": "ws://de"}]})
    routes = msgspec.convert(settings(made, "relay-0"), RelaySettings).routes
    assert routes == (RouteSettings("DE*", "ws://de"), RouteSettings("/", "ws://csms"))


@pytest.mark.parametrize(
    ("sections", "child", "key", "value"),
    [
        ({"relay": {"upstream": "ws://new"}}, "relay-1", "routes", [{"match": "/", "upstream": "ws://new"}]),
        ({"journal": {"retain_seconds": 9}}, "recorder", "journal", None),
        ({"analyzers": {"silence": {"grace_seconds": 1}}}, "recorder", "analyzers", None),
        ({"log": {"level": "debug"}}, "admin", "log_level", "debug"),
    ],
)
def test_what_may_change_while_running_does(sections: Any, child: str, key: str, value: Any) -> None:
    after = reloaded(**sections)
    assert settings(after, child)[key] != settings(plan(), child)[key]
    assert value is None or settings(after, child)[key] == value
    assert after.notes == ()


@pytest.mark.parametrize(
    ("sections", "note"),
    [
        ({"relay": {"workers": 1}}, "relay.workers needs a restart"),
        ({"relay": {"listen": "0.0.0.0:1"}}, "relay.listen needs a restart"),
        ({"journal": {"max_bytes": 2**40}}, "journal.max_bytes needs a restart"),
        ({"admin": {"token": "t"}}, "admin.token needs a restart"),
        ({"store": {"url": "https://x"}}, "store.url needs a restart"),
    ],
)
def test_what_needs_a_restart_is_said_and_stays(sections: Any, note: str) -> None:
    after = reloaded(**sections)
    assert after.notes == (note,)
    assert [child.settings for child in after.children] == [child.settings for child in plan().children]


def test_it_is_said_again_next_time() -> None:
    wanted = configured({"relay": {"workers": 1}})
    assert next_plan(next_plan(plan(), wanted), wanted).notes == ("relay.workers needs a restart",)


def test_certificates_may_change_but_tls_stays_on_or_off() -> None:
    on = {"certificate": "a.pem", "key": "a.key"}
    other = {"certificate": "b.pem", "key": "b.key"}
    before = make_plan(configured({"relay": {"tls": on}}), TAKEN, ())
    renewed = next_plan(before, configured({"relay": {"tls": other}}))
    assert settings(renewed, "relay-0")["tls"]["certificate"] == "b.pem"
    assert "relay.tls.certificate needs a restart" in reloaded(relay={"tls": on}).notes


def test_a_reload_without_a_change_changes_nothing() -> None:
    assert reloaded() == plan()
