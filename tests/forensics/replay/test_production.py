from __future__ import annotations

import pytest

from proxy.forensics.replay.production import production
from proxy.heads.routes import parse_upstream

NAMES = {"csms.example": {"10.0.0.7"}, "staging.example": {"10.0.0.7"}, "localhost": {"127.0.0.1", "::1"}}


def is_production(target: str, *upstreams: str) -> bool:
    return bool(production(parse_upstream(target), upstreams, lambda host: frozenset(NAMES.get(host, ()))))


@pytest.mark.parametrize(
    ("target", "upstream"),
    [
        ("ws://csms.example", "ws://csms.example"),
        ("ws://CSMS.example/other/path", "ws://csms.example/ocpp"),
        ("ws://csms.example:80", "ws://csms.example"),
        ("wss://csms.example", "ws://csms.example:443"),
        ("ws://10.0.0.7", "ws://csms.example"),
        ("ws://csms.example", "ws://10.0.0.7"),
        ("ws://localhost:9", "ws://127.0.0.1:9"),
        ("ws://127.0.0.2:9", "ws://[::1]:9"),
        ("ws://[2001:db8::1]", "ws://[2001:db8:0:0::1]"),
    ],
)
def test_the_same_csms_by_another_word(target: str, upstream: str) -> None:
    assert is_production(target, "ws://other", upstream)


@pytest.mark.parametrize(
    ("target", "upstream"),
    [
        ("ws://csms.example:8080", "ws://csms.example"),
        ("ws://staging.example", "ws://csms.example"),
        ("ws://10.0.0.8", "ws://csms.example"),
        ("ws://10.0.0.8", "ws://10.0.0.7"),
        ("ws://unknown.example", "ws://10.0.0.7"),
        ("ws://csms.example", ""),
        ("ws://csms.example", "nonsense"),
    ],
)
def test_another_csms(target: str, upstream: str) -> None:
    assert not is_production(target, upstream)


def test_it_is_named() -> None:
    url = production(parse_upstream("ws://a"), ["", "ws://b", "ws://A/x"], lambda host: frozenset())
    assert url == "ws://a/x"
