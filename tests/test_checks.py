from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from proxy import checks
from proxy.checks import check, host_and_port, warnings
from proxy.config import Config, ConfigError, load


def configured(**sections: Any) -> Config:
    relay = {"upstream": "ws://127.0.0.1:9", **sections.pop("relay", {})}
    return load(None, {}, {"relay": relay, **sections})


def problem(**sections: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        check(configured(**sections))
    return str(caught.value)


def test_one_upstream_is_enough() -> None:
    check(configured())


def test_routes_alone_are_enough() -> None:
    check(configured(relay={"upstream": "", "routes": [{"match": "DE*", "upstream": "ws://de"}]}))


@pytest.mark.parametrize(
    ("relay", "said"),
    [
        ({"upstream": ""}, "relay.upstream is missing"),
        ({"upstream": "http://csms"}, "relay.upstream: the upstream URL does not begin with ws://"),
        ({"upstream": "ws://me:secret@csms"}, "relay.upstream: the upstream URL has a user or password"),
        (
            {"routes": [{"match": "/a?b", "upstream": "ws://x"}]},
            "relay.routes '/a?b': route '/a?b': the query",
        ),
        ({"listen": "9000"}, "relay.listen: '9000' is not host:port"),
        ({"listen": "::1:9000"}, "relay.listen: '::1:9000': write an IPv6 address in brackets"),
        ({"listen": "localhost:99999"}, "relay.listen: 'localhost:99999' is not host:port"),
        ({"workers": 0}, "relay.workers must be between 1 and 64"),
        ({"drain_seconds": -1}, "relay.drain_seconds must be between"),
    ],
)
def test_what_the_relay_cannot_do_is_one_line(relay: dict[str, Any], said: str) -> None:
    found = problem(relay=relay)
    assert found.startswith(said)
    assert "\n" not in found


def test_admin_for_others_needs_a_token() -> None:
    assert problem(admin={"listen": "0.0.0.0:9180"}).endswith("set admin.token")
    check(configured(admin={"listen": "0.0.0.0:9180", "token": "hush"}))


@pytest.mark.parametrize(
    ("store", "said"),
    [
        ({"url": "postgres://h"}, "store.url: is none of: embedded"),
        (
            {"url": "clickhouse://me:hush/@h:9000/db"},
            "store.url: no database's name (letters, digits, _); a password's own / @",
        ),
        ({"url": "clickhouse://h/db?sure=1"}, "store.url: unknown option 'sure'"),
        ({"url": "https://h/db", "port": 8123}, "store.port is for the embedded store: a server has its own"),
        ({"port": 65536}, "store.port must be between 1 and 65535, or 0 for none"),
        ({"cluster": "main"}, "store.cluster, store.storage_policy and store.cold_volume are a server's"),
        ({"url": "https://h/db", "cluster": "a'b"}, "store.cluster: \"a'b\" is no cluster's name"),
        (
            {"url": "https://h/db", "cold_volume": "cold"},
            "store.cold_volume and store.cold_after_days: set both",
        ),
        ({"keep_days": {"charge_points": 3}}, "store.keep_days: rows of 'charge_points' do not expire"),
        ({"keep_days": {"frames": -1}}, "store.keep_days.frames must be between 0 (for ever) and"),
    ],
)
def test_what_no_store_can_be_is_one_line(store: dict[str, Any], said: str) -> None:
    found = problem(store=store)
    assert found.startswith(said)
    assert "\n" not in found
    assert "hush" not in found


def test_stores_that_can_be() -> None:
    check(configured(store={"url": "clickhouse://me:hush@a,b:9440/db?secure=1", "cluster": "main"}))
    check(configured(store={"port": 8123, "keep_days": {"frames": 0, "fleet_minutes": 30}}))


@pytest.mark.parametrize(
    ("analyzers", "said"),
    [
        ({"silenc": {}}, "unknown setting analyzers.silenc: did you mean analyzers.silence?"),
        (
            {"silence": {"grace": 1}},
            "unknown setting analyzers.silence.grace: did you mean analyzers.silence.grace_seconds?",
        ),
        (
            {"silence": {"grace_seconds": "long"}},
            "analyzers.silence: Expected `int`, got `str` - at `$.grace_seconds`",
        ),
    ],
)
def test_analyzers_settings_are_checked_without_running_them(analyzers: Any, said: str) -> None:
    assert problem(analyzers=analyzers) == said


def test_an_analyzer_can_be_switched_off() -> None:
    check(configured(analyzers={"silence": {"enabled": False}}))


@pytest.fixture
def pems(tmp_path: Path) -> dict[str, str]:
    """Files: certificate and key of one, key of another, a CA."""
    authority = trustme.CA()
    one, other = authority.issue_cert("localhost"), authority.issue_cert("localhost")
    blobs = {
        "certificate": one.cert_chain_pems[0],
        "key": one.private_key_pem,
        "other_key": other.private_key_pem,
        "ca": authority.cert_pem,
    }
    for name, blob in blobs.items():
        blob.write_to_path(tmp_path / name)
    return {name: str(tmp_path / name) for name in blobs}


def test_a_fitting_pair_is_fine(pems: dict[str, str]) -> None:
    tls = {"certificate": pems["certificate"], "key": pems["key"], "upstream_ca": pems["ca"]}
    check(configured(relay={"tls": tls}))


@pytest.mark.parametrize(
    ("certificate", "key", "said"),
    [
        ("certificate", "other_key", "is not the one of"),
        ("certificate", "", "certificate and key go together"),
        ("key", "key", "not PEM"),
        ("/nowhere", "key", "/nowhere: No such file or directory"),
        ("certificate", "/", "/: Is a directory"),
    ],
)
def test_a_wrong_certificate_or_key_is_one_line(
    pems: dict[str, str], certificate: str, key: str, said: str
) -> None:
    found = problem(
        relay={"tls": {"certificate": pems.get(certificate, certificate), "key": pems.get(key, key)}}
    )
    assert found.startswith("relay.tls.certificate: ")
    assert said in found
    assert "\n" not in found


@pytest.mark.parametrize(("file", "said"), [("key", "not PEM"), ("/nowhere", "No such file")])
def test_a_wrong_ca_is_one_line(pems: dict[str, str], file: str, said: str) -> None:
    assert said in problem(relay={"tls": {"upstream_ca": pems.get(file, file)}})


@pytest.mark.parametrize(
    ("text", "expected"),
    [(":9000", ("0.0.0.0", 9000)), ("[::1]:1", ("::1", 1)), ("a.b:0", ("a.b", 0))],
)
def test_host_and_port(text: str, expected: tuple[str, int]) -> None:
    assert host_and_port(text) == expected


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def to(listener: socket.socket, host: str = "127.0.0.1") -> Config:
    return configured(relay={"upstream": f"ws://{host}:{listener.getsockname()[1]}/x"})


def test_a_csms_that_is_there_needs_no_words(listener: socket.socket) -> None:
    assert warnings(to(listener), []) == []


def test_a_csms_that_is_not_there_is_a_warning() -> None:
    assert warnings(configured(), []) == [
        "upstream ws://127.0.0.1:9 cannot be reached now: Connection refused"
    ]


def test_a_csms_without_an_address_is_a_warning() -> None:
    [warning] = warnings(configured(relay={"upstream": "ws://csms.invalid"}), [])
    assert warning.startswith("upstream ws://csms.invalid cannot be reached now: ")


def test_a_csms_that_does_not_answer_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "REACH_SECONDS", 0.05)
    monkeypatch.setattr(checks, "_look", lambda *_: None)
    assert "no answer within" in warnings(configured(), [])[0]


@pytest.mark.parametrize("ours", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_csms_that_is_ourselves_is_an_error(listener: socket.socket, ours: str, host: str) -> None:
    with pytest.raises(ConfigError, match="is ocpptap itself"):
        warnings(to(listener, host), [(ours, listener.getsockname()[1])])


def test_the_same_port_on_another_machine_is_not_ourselves() -> None:
    assert not checks._is_ours("192.0.2.1", 9000, [("0.0.0.0", 9000), ("127.0.0.1", 9000)])
