"""Where a charge point is led: whole segments, first match wins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.heads.request import Rejection
from proxy.heads.routes import Chosen, Route, Routes, Upstream, parse_upstream

CSMS = parse_upstream("ws://csms.example:8080/base")


def routes(*matches: str) -> Routes:
    return Routes(Route(match, CSMS) for match in matches)


def chosen(table: Routes, target: bytes) -> tuple[str, str]:
    verdict = table.choose(target)
    assert isinstance(verdict, Chosen), verdict
    return verdict.route, verdict.charge_point


def refused(table: Routes, target: bytes) -> str:
    verdict = table.choose(target)
    assert isinstance(verdict, Rejection), verdict
    return verdict.reason


@pytest.mark.parametrize(
    ("match", "target", "charge_point"),
    [
        ("/", b"/CP_1", "CP_1"),
        ("/", b"//CP_1", "CP_1"),
        ("/a", b"/a/CP_1", "CP_1"),
        ("/a/", b"/a/CP_1?x=/b/c", "CP_1"),
        ("/a", b"//a//CP_1", "CP_1"),
        ("/a", b"/%61/CP_1", "CP_1"),
        ("/a/b", b"/a/b/c/CP%7C1", "CP|1"),
        ("/a b", b"/a%20b/CP_1", "CP_1"),
        ("/a", b"/a", "a"),
        ("/ocpp/{charge_point}/v16", b"/ocpp/CP_1/v16", "CP_1"),
        ("/ocpp/{charge_point}/v16", b"/ocpp/K%C3%B6ln/v16/", "Köln"),
        ("/{charge_point}", b"/CP_1", "CP_1"),
        ("/{charge_point}/x", b"/%7Bcharge_point%7D/x", "{charge_point}"),
        ("DE*", b"/any/where/DE_7", "DE_7"),
        ("DE?7", b"/DE%207", "DE 7"),
        ("[AB]*", b"/B1", "B1"),
        ("*", b"/x", "x"),
        ("K*n", b"/K%C3%B6ln", "Köln"),
    ],
)
def test_a_route_matches(match: str, target: bytes, charge_point: str) -> None:
    assert chosen(routes(match), target) == (match, charge_point)


@pytest.mark.parametrize(
    ("match", "target"),
    [
        ("/a", b"/ab"),
        ("/a", b"/ab/CP_1"),
        ("/a", b"/b/a/CP_1"),
        ("/a", b"/A/CP_1"),
        ("/a", b"/CP_1?/a/"),
        ("/a/b", b"/a/CP_1"),
        ("/csms.example", b"/csms.example.evil/CP_1"),
        ("/ocpp/{charge_point}/v16", b"/ocpp/CP_1/v1"),
        ("/ocpp/{charge_point}/v16", b"/ocpp/CP_1/v160"),
        ("/ocpp/{charge_point}/v16", b"/ocpp/CP_1/v16/x"),
        ("/ocpp/{charge_point}/v16", b"/ocpp/v16"),
        ("/ocpp/{charge_point}/v16", b"/x/ocpp/CP_1/v16"),
        ("DE*", b"/de_7"),
        ("DE*", b"/DE/CP_1"),
        ("DE", b"/DE_7"),
    ],
)
def test_a_route_does_not_match_a_neighbour(match: str, target: bytes) -> None:
    assert refused(routes(match), target) == "no_route"


def test_the_first_route_wins() -> None:
    table = routes("/a/{charge_point}/x", "DE*", "/a", "/")
    assert chosen(table, b"/a/DE_1/x") == ("/a/{charge_point}/x", "DE_1")
    assert chosen(table, b"/a/DE_1") == ("DE*", "DE_1")
    assert chosen(table, b"/a/FR_1") == ("/a", "FR_1")
    assert chosen(table, b"/FR_1") == ("/", "FR_1")


def test_a_route_leads_to_its_upstream() -> None:
    other = parse_upstream("wss://other.example")
    verdict = Routes([Route("/a", CSMS), Route("/", other)]).choose(b"/CP_1")
    assert isinstance(verdict, Chosen)
    assert verdict.upstream is other


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (b"/", "empty_identity"),
        (b"/a/../b", "dot_segment"),
        (b"/a%2fb", "encoded_separator"),
        (b"/" + b"x" * 256, "identity_too_long"),
    ],
)
def test_a_path_is_judged_before_it_is_led(target: bytes, reason: str) -> None:
    assert refused(routes("/"), target) == reason


def test_an_empty_table_leads_nowhere() -> None:
    verdict = Routes().choose(b"/CP_1")
    assert isinstance(verdict, Rejection)
    assert (verdict.status, verdict.reason) == (404, "no_route")


@pytest.mark.parametrize(
    ("match", "fault"),
    [
        ("", "empty"),
        ("DE/*", "begins with /"),
        ("ocpp/{charge_point}", "begins with /"),
        ("/a/../b", "'..'"),
        ("/a?b", "query"),
        ("/{charge_point}/{charge_point}", "once"),
        ("/cp-{charge_point}", "whole segment"),
        ("/{id}", "braces"),
        ("/a%2Fb", "%2F"),
    ],
)
def test_a_route_that_could_never_match_is_a_fault(match: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault) as raised:
        Route(match, CSMS)
    assert "\n" not in str(raised.value)


@given(st.binary(max_size=80))
def test_any_target_is_led_or_refused(target: bytes) -> None:
    verdict = routes("/a", "/x/{charge_point}", "[a-", "*").choose(target)
    assert isinstance(verdict, (Chosen, Rejection))


# --- upstreams ---


@pytest.mark.parametrize(
    ("url", "upstream"),
    [
        ("ws://csms", Upstream(False, "csms", 80)),
        ("WSS://CSMS.example/", Upstream(True, "csms.example", 443)),
        ("ws://csms:9000/ocpp/", Upstream(False, "csms", 9000, b"/ocpp")),
        ("wss://csms:80/a/b", Upstream(True, "csms", 80, b"/a/b")),
        ("ws://[::1]:9000/a%20b", Upstream(False, "::1", 9000, b"/a%20b")),
        ("wss://[2001:DB8::0:1]", Upstream(True, "2001:db8::1", 443)),
        ("ws://192.0.2.1:65535", Upstream(False, "192.0.2.1", 65535)),
        ("ws://my_csms.internal.", Upstream(False, "my_csms.internal.", 80)),
        ("ws://csms/a@b:c", Upstream(False, "csms", 80, b"/a@b:c")),
    ],
)
def test_an_upstream_is_read(url: str, upstream: Upstream) -> None:
    assert parse_upstream(url) == upstream
    assert parse_upstream(upstream.url) == upstream


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("", "ws://"),
        ("csms:9000", "ws://"),
        ("http://csms", "ws://"),
        ("wsx://csms", "ws://"),
        ("ws://", "host"),
        ("ws:///path", "host"),
        ("ws://user:geheim@csms", "password"),
        ("ws://csms/?a=b", "query"),
        ("ws://csms#a", "fragment"),
        ("ws://csms:0", "port"),
        ("ws://csms:65536", "port"),
        ("ws://csms:", "host"),
        ("ws://csms:http", "host"),
        ("ws://cs ms", "blank"),
        ("ws://csms\n", "blank"),
        ("ws://münchen.example", "punycode"),
        ("ws://[::g]", "host"),
        ("ws://[1:2]", "IPv6"),
        ("ws://a,b", "host"),
        ("ws://csms/a/../b", "'..'"),
    ],
)
def test_a_wrong_upstream_is_one_line_without_the_password(url: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault) as raised:
        parse_upstream(url)
    assert "\n" not in str(raised.value)
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("ws://csms", "csms"),
        ("ws://csms:443", "csms:443"),
        ("wss://csms:443", "csms"),
        ("ws://[::1]:9000", "[::1]:9000"),
    ],
)
def test_the_default_port_is_left_out_of_the_authority(url: str, authority: str) -> None:
    assert parse_upstream(url).authority == authority
