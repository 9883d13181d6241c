"""What the CSMS gets differs in three headers at most; what is kept holds no secret."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.heads.fields import fields
from proxy.heads.forward import Forwarding, HostHeader, Switch, redacted, upstream_head
from proxy.heads.request import Request, parse_request
from proxy.heads.routes import parse_upstream

CSMS = parse_upstream("wss://csms.example/base/")
UNTOUCHED = Forwarding(HostHeader.KEEP, Switch.OFF, Switch.OFF)
TRUSTING = Forwarding(trusted=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")))
CHARGE_POINT, BALANCER = "198.51.100.7", "192.0.2.1"


def request(*lines: bytes, target: bytes = b"/CP_1") -> Request:
    parsed = parse_request(b"\r\n".join((b"GET %s HTTP/1.1" % target, *lines, b"", b"")))
    assert isinstance(parsed, Request), parsed
    return parsed


def forwarded(*lines: bytes, by: Forwarding = TRUSTING, to: str = CHARGE_POINT) -> list[bytes]:
    """The header lines as the CSMS gets them."""
    wire = upstream_head(request(*lines), CSMS, by, to, "http")
    start, *rest = wire.split(b"\r\n")
    assert start == b"GET /base/CP_1 HTTP/1.1"
    assert rest[-2:] == [b"", b""]
    return rest[:-2]


def test_with_all_switches_off_only_the_base_path_is_put_before() -> None:
    lines = (b"hOST:  a", b"X-Forwarded-For:evil ", b"x-odd:  a \t b\t", b"X-Empty:", b"X: \xff")
    assert forwarded(*lines, by=UNTOUCHED) == list(lines)


def test_the_raw_target_follows_the_base_path() -> None:
    wire = upstream_head(request(target=b"//RDAM%7c1/?a=/b"), CSMS, UNTOUCHED, CHARGE_POINT, "http")
    assert wire == b"GET /base//RDAM%7c1/?a=/b HTTP/1.1\r\n\r\n"


def test_host_is_replaced_in_its_place_and_spelling() -> None:
    by = Forwarding(HostHeader.UPSTREAM, Switch.OFF, Switch.OFF)
    assert forwarded(b"A: 1", b"hOst:proxy:9000", b"B: 2", by=by) == [b"A: 1", b"hOst: csms.example", b"B: 2"]


def test_a_missing_host_is_the_csms_business() -> None:
    by = Forwarding(HostHeader.UPSTREAM, Switch.OFF, Switch.OFF)
    assert forwarded(b"A: 1", by=by) == [b"A: 1"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_charge_points_address_and_scheme_are_added(scheme: str) -> None:
    wire = upstream_head(
        request(b"A: 1"), CSMS, Forwarding(), CHARGE_POINT, "https" if scheme == "https" else "http"
    )
    tail = f"A: 1\r\nX-Forwarded-For: {CHARGE_POINT}\r\nX-Forwarded-Proto: {scheme}\r\n\r\n"
    assert wire.endswith(tail.encode())


FORGED = (
    b"x-forwarded-for: 203.0.113.9",
    b"A: 1",
    b"X-FORWARDED-PROTO: https",
    b"X-Forwarded-For: 10.0.0.1",
    b"B: 2",
)


def test_forged_copies_are_replaced() -> None:
    expected = [b"x-forwarded-for: 198.51.100.7", b"A: 1", b"X-FORWARDED-PROTO: http", b"B: 2"]
    assert forwarded(*FORGED) == expected


def test_copies_of_a_trusted_balancer_are_kept_and_appended_to() -> None:
    expected = [*FORGED[:3], b"X-Forwarded-For: 10.0.0.1, 192.0.2.1", b"B: 2"]
    assert forwarded(*FORGED, to=BALANCER) == expected


def test_an_empty_copy_is_begun() -> None:
    lines = forwarded(b"X-Forwarded-For: ", to=BALANCER)
    assert lines == [b"X-Forwarded-For: 192.0.2.1", b"X-Forwarded-Proto: http"]


def test_each_switch_turns_one_header() -> None:
    only_for = Forwarding(HostHeader.KEEP, Switch.ON, Switch.OFF)
    only_proto = Forwarding(HostHeader.KEEP, Switch.OFF, Switch.ON)
    assert forwarded(b"Host: a", by=only_for) == [b"Host: a", b"X-Forwarded-For: 198.51.100.7"]
    assert forwarded(b"Host: a", by=only_proto) == [b"Host: a", b"X-Forwarded-Proto: http"]


@pytest.mark.parametrize(
    ("remote", "written", "trusted"),
    [
        ("192.0.2.200", b"192.0.2.200", True),
        ("::ffff:192.0.2.200", b"192.0.2.200", True),
        ("192.0.3.1", b"192.0.3.1", False),
        ("2001:db8::1", b"2001:db8::1", True),
        ("2001:0DB9::1", b"2001:db9::1", False),
        ("fe80::1%eth0", b"fe80::1", False),
        ("", b"unknown", False),
        ("/run/socket", b"unknown", False),
    ],
)
def test_trust_goes_by_network(remote: str, written: bytes, trusted: bool) -> None:
    (line, _) = forwarded(b"X-Forwarded-For: a", to=remote)
    assert line == b"X-Forwarded-For: " + (b"a, " if trusted else b"") + written


def test_settings_may_be_plain_words() -> None:
    by = Forwarding(HostHeader("keep"), Switch("off"), Switch("off"))
    assert by == UNTOUCHED


# --- properties ---

TOUCHED = {b"host", b"x-forwarded-for", b"x-forwarded-proto"}
names = st.sampled_from(
    [b"Host", b"HOST", b"X-Forwarded-For", b"x-forwarded-FOR", b"X-Forwarded-Proto", b"X-A", b"a", b"X.b"]
)
texts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=12)
header_lines = st.lists(
    st.builds(lambda name, text: name + b":" + text.encode("latin-1"), names, texts), max_size=8
)
forwardings = st.builds(
    Forwarding,
    st.sampled_from(HostHeader),
    st.sampled_from(Switch),
    st.sampled_from(Switch),
    st.sampled_from([(), TRUSTING.trusted]),
)


def untouched(lines: list[bytes]) -> list[bytes]:
    return [line for line in lines if line.partition(b":")[0].lower() not in TOUCHED]


@given(header_lines, forwardings, st.sampled_from([CHARGE_POINT, BALANCER]))
def test_at_most_three_headers_differ(lines: list[bytes], by: Forwarding, remote: str) -> None:
    parsed = parse_request(b"\r\n".join((b"GET /CP_1 HTTP/1.1", *lines, b"", b"")))
    assume(isinstance(parsed, Request))
    assert isinstance(parsed, Request)
    wire = upstream_head(parsed, CSMS, by, remote, "https")
    sent = wire[:-4].split(b"\r\n")[1:]
    assert untouched(sent) == untouched(lines)
    again = parse_request(wire)
    assert isinstance(again, Request)
    assert again.target == b"/base/CP_1"


@given(header_lines)
def test_untouched_means_identical(lines: list[bytes]) -> None:
    raw = b"\r\n".join((b"GET /CP_1 HTTP/1.1", *lines, b"", b""))
    parsed = parse_request(raw)
    assume(isinstance(parsed, Request))
    assert isinstance(parsed, Request)
    bare = parse_upstream("ws://csms")
    assert upstream_head(parsed, bare, UNTOUCHED, BALANCER, "http") == raw


# --- redacted ---


def kept(*lines: bytes) -> list[bytes]:
    head = b"\r\n".join((b"GET /authorization/CP:1 HTTP/1.1", *lines, b"X: authorization: Basic x", b"", b""))
    start, *rest = redacted(head).split(b"\r\n")
    assert start == b"GET /authorization/CP:1 HTTP/1.1"
    assert rest[-3:] == [b"X: authorization: Basic x", b"", b""]
    return rest[:-3]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"Authorization: Basic QUwxMDAwOgABAgMEBQYH////////////////", b"Authorization: Basic (36 bytes)"),
        (b"authorization:bearer  abc ", b"authorization:bearer (3 bytes)"),
        (b"Proxy-Authorization: Digest a=b, c=d", b"Proxy-Authorization: Digest (8 bytes)"),
        (b"Authorization: basic", b"Authorization: basic (0 bytes)"),
        (b"Authorization:", b"Authorization:unknown (0 bytes)"),
        (b"Authorization: topsecret", b"Authorization: unknown (9 bytes)"),
        (b"Authorization: Basically abc", b"Authorization: unknown (13 bytes)"),
        (b"Authorization: ///secret", b"Authorization: unknown (9 bytes)"),
        (b"X-Authorization: abc", b"X-Authorization: unknown (3 bytes)"),
        (b"Authorization : Basic abc", b"Authorization : Basic (3 bytes)"),
        (b" Authorization: Basic abc", b" Authorization: Basic (3 bytes)"),
        (b"Authorization Basic abc", b"Authorization Basic (3 bytes)"),
        (b"Authorization: Basic a\rb", b"Authorization: Basic (3 bytes)"),
        (b"Authorization: Basic abc\r\n def", b"Authorization: Basic (9 bytes)"),
        (b"Authorization: Basic abc\n\tdef", b"Authorization: Basic (8 bytes)"),
        (b"A: 1\nAuthorization: Basic abc\nB: 2", b"A: 1\nAuthorization: Basic (3 bytes)\nB: 2"),
        (b"A: 1\rAuthorization: Basic abc", b"A: 1\rAuthorization: Basic (3 bytes)"),
        (b"Authorization\x00: Basic abc", b"Authorizationunknown (12 bytes)"),
        (b"Cookie: session=abc", b"Cookie: unknown (11 bytes)"),
        (b"set-cookie: a=b; Path=/", b"set-cookie: unknown (11 bytes)"),
        (b"X-Api-Key: abc", b"X-Api-Key: unknown (3 bytes)"),
        (b"Ocp-Apim-Subscription-Key: abc", b"Ocp-Apim-Subscription-Key: unknown (3 bytes)"),
        (b"X-Auth-Token: abc", b"X-Auth-Token: unknown (3 bytes)"),
        (b"X-Client-Secret : abc", b"X-Client-Secret : unknown (3 bytes)"),
        (b"Sec-WebSocket-Key: abc", b"Sec-WebSocket-Key: abc"),
        (b"Accept: x-api-key: abc", b"Accept: x-api-key: abc"),
    ],
)
def test_only_scheme_and_length_of_credentials_are_kept(line: bytes, expected: bytes) -> None:
    assert b"\r\n".join(kept(line)) == expected


def test_a_secret_folded_behind_its_name_is_masked() -> None:
    assert kept(b"Authorization:", b" Basic abc") == [b"Authorization:", b" Basic (3 bytes)"]


def test_a_head_without_request_line_is_masked_too() -> None:
    assert redacted(b"Authorization: Basic abc\r\n\r\n") == b"Authorization: Basic (3 bytes)\r\n\r\n"


def test_two_lines_are_two_secrets() -> None:
    lines = kept(b"Authorization: Basic abc", b"authorization: Bearer defg")
    assert lines == [b"Authorization: Basic (3 bytes)", b"authorization: Bearer (4 bytes)"]


secrets = st.binary(min_size=4, max_size=40).filter(lambda secret: not set(secret) & set(b"\n"))
before_secret = st.sampled_from([b"Basic ", b"", b"Bearer\t", b"\t", b"Basic \r\n ", b"\r\n ", b"Weird "])
around = st.sampled_from([b"", b"A: 1\r\n", b"\r\n", b"A\n", b"A\r", b"GET / HTTP/1.1\r\n", b" ", b"X-"])


@given(around, st.sampled_from([b"Authorization:", b"PROXY-authorization : "]), before_secret, secrets)
def test_what_is_kept_never_holds_the_secret(lead: bytes, name: bytes, scheme: bytes, secret: bytes) -> None:
    head = b"GET /CP_1 HTTP/1.1\r\n%s%s%s%s\r\n\r\n" % (lead, name, scheme, secret)
    visible = secret.strip()
    assume(len(visible) >= 4 and visible not in head.replace(secret, b"", 1) + b"unknown ( bytes)")
    assert visible not in redacted(head)


@given(st.binary(max_size=200))
def test_any_bytes_can_be_kept(head: bytes) -> None:
    assert isinstance(redacted(head), bytes)


@given(header_lines)
def test_a_head_without_credentials_is_kept_whole(lines: list[bytes]) -> None:
    raw = b"\r\n".join((b"GET /CP_1 HTTP/1.1", *lines, b"", b""))
    assert redacted(raw) == raw
    assert fields(redacted(raw)) == fields(raw)
