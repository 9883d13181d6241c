"""The CSMS's answer: passed on whatever it is, as long as its end can be told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.heads.fields import HEAD_LIMIT, end_of_head
from proxy.heads.response import (
    NO_BODY,
    REASONS,
    BadResponse,
    Body,
    BodyKind,
    Response,
    accept_of,
    answer,
    mismatches,
    parse_response,
)

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 1.3
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
UPGRADE = (b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Accept: " + ACCEPT)
UNTIL_CLOSE = Body(BodyKind.UNTIL_CLOSE)
CHUNKED = Body(BodyKind.CHUNKED)


def head(line: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join((line, *fields, b"", b""))


def answered(line: bytes, *fields: bytes) -> Response:
    response = parse_response(head(line, *fields))
    assert isinstance(response, Response), response
    return response


def length(count: int) -> Body:
    return Body(BodyKind.LENGTH, count)


def switched(*fields: bytes) -> Response:
    return answered(b"HTTP/1.1 101 Switching Protocols", *UPGRADE, *fields)


@pytest.mark.parametrize(
    ("status", "fields", "body"),
    [
        (101, UPGRADE, NO_BODY),
        (101, (*UPGRADE, b"Content-Length: 5", b"Transfer-Encoding: chunked"), NO_BODY),
        (100, (b"Content-Length: 5",), NO_BODY),
        (103, (), NO_BODY),
        (204, (b"Content-Length: 5",), NO_BODY),
        (304, (b"Transfer-Encoding: chunked",), NO_BODY),
        (200, (b"Content-Length: 5",), length(5)),
        (401, (b"content-length:0",), length(0)),
        (404, (b"Content-Length: 007",), length(7)),
        (404, (b"Content-Length : 9",), length(9)),
        (503, (b"Content-Length: 5, 5",), length(5)),
        (503, (b"Content-Length: 5", b"Content-Length: 5"), length(5)),
        (503, (b"Content-Length: 999999999999999999",), length(10**18 - 1)),
        (503, (b"Transfer-Encoding: chunked",), CHUNKED),
        (503, (b"transfer-encoding: gzip, Chunked",), CHUNKED),
        (503, (b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"), CHUNKED),
        (503, (b"Transfer-Encoding: chunked, gzip",), UNTIL_CLOSE),
        (503, (b"Transfer-Encoding: identity",), UNTIL_CLOSE),
        (503, (b"Transfer-Encoding: xchunked", b"Content-Length: 5"), UNTIL_CLOSE),
        (503, (b"Transfer-Encoding: chunked", b"Content-Length: 5"), CHUNKED),
        (503, (b"Transfer-Encoding: chunked", b"Content-Length: no"), CHUNKED),
        (503, (b"Transfer-Encoding:",), UNTIL_CLOSE),
        (403, (), UNTIL_CLOSE),
    ],
)
def test_the_body_ends_as_rfc_9112_says(status: int, fields: tuple[bytes, ...], body: Body) -> None:
    assert answered(b"HTTP/1.1 %d x" % status, *fields).body == body


def test_http_1_0_knows_no_chunks() -> None:
    assert answered(b"HTTP/1.0 503 x", b"Transfer-Encoding: chunked").body == UNTIL_CLOSE
    assert answered(b"HTTP/1.0 503 x", b"Content-Length: 5").body == length(5)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"x",
        b"-1",
        b"+5",
        b"0x5",
        b"5 5",
        b"5, 6",
        b"5;",
        b"\xd9\xa5",
        b"\xb2",
        b"1e3",
        b"1" * 19,
        b"9" * 5000,
    ],
)
def test_a_length_that_is_none_cannot_be_framed(value: bytes) -> None:
    bad = parse_response(head(b"HTTP/1.1 404 x", b"Content-Length: " + value))
    assert isinstance(bad, BadResponse)
    assert bad.reason == "content_length"


def test_two_lengths_that_differ_cannot_be_framed() -> None:
    bad = parse_response(head(b"HTTP/1.1 404 x", b"Content-Length: 5", b"content-length: 6"))
    assert isinstance(bad, BadResponse)
    assert bad.reason == "content_length"


@pytest.mark.parametrize(
    ("reason", "raw"),
    [
        ("status_line", b"\r\n\r\n"),
        ("status_line", head(b"SSH-2.0-OpenSSH_9.2")),
        ("status_line", head(b"ICY 200 OK")),
        ("status_line", head(b"HTTP/2 200")),
        ("status_line", head(b"HTTP/2.0 101 x")),
        ("status_line", head(b"HTTP/1.1 20 OK")),
        ("status_line", head(b"HTTP/1.1 2000 OK")),
        ("status_line", head(b"HTTP/1.1 099 OK")),
        ("status_line", head(b"HTTP/1.1 OK")),
        ("status_line", head(b" HTTP/1.1 200 OK")),
        ("status_line", head(b"http/1.1 200 OK")),
        ("status_line", b"\x15\x03\x03\x00\x02\x02\x46\r\n\r\n"),
        ("head_unfinished", b""),
        ("head_unfinished", b"HTTP/1.1 101 x\r\n"),
        ("head_unfinished", head(b"HTTP/1.1 101 x") + b"\x81\x00"),
        ("head_too_long", head(b"HTTP/1.1 101 x", b"X: " + b"x" * HEAD_LIMIT)),
        ("head_too_long", b"x" * (HEAD_LIMIT + 1)),
    ],
)
def test_what_cannot_be_framed_is_bad(reason: str, raw: bytes) -> None:
    bad = parse_response(raw)
    assert isinstance(bad, BadResponse)
    assert (bad.reason, bad.reason in REASONS) == (reason, True)
    assert bad.detail
    assert bad.detail.isprintable()


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"HTTP/1.1 101", 101),
        (b"HTTP/1.1 404 ", 404),
        (b"HTTP/1.1  503  Busy \xff", 503),
        (b"HTTP/1.1 999 x", 999),
    ],
)
def test_an_odd_status_line_is_read(line: bytes, status: int) -> None:
    assert answered(line).status == status


@pytest.mark.parametrize(
    ("opens", "line", "fields"),
    [
        (True, b"HTTP/1.1 101 x", UPGRADE),
        (True, b"HTTP/1.1 101 x", (b"upgrade:WebSocket",)),
        (True, b"HTTP/1.0 101 x", (b"Upgrade : websocket",)),
        (False, b"HTTP/1.1 101 x", ()),
        (False, b"HTTP/1.1 101 x", (b"Upgrade: h2c",)),
        (False, b"HTTP/1.1 101 x", (b"Upgrade: websockets",)),
        (False, b"HTTP/1.1 101 x", (b"X-Upgrade: websocket",)),
        (False, b"HTTP/1.1 200 OK", UPGRADE),
        (False, b"HTTP/1.1 102 x", UPGRADE),
        (False, b"HTTP/1.1 426 x", UPGRADE),
    ],
)
def test_only_a_101_that_switches_to_websocket_opens_the_tunnel(
    opens: bool, line: bytes, fields: tuple[bytes, ...]
) -> None:
    assert answered(line, *fields).opens_tunnel == opens


@pytest.mark.parametrize(
    ("status", "interim"), [(100, True), (102, True), (103, True), (199, True), (101, False), (200, False)]
)
def test_an_interim_answer_is_followed_by_another(status: int, interim: bool) -> None:
    assert answered(b"HTTP/1.1 %d x" % status).interim == interim


@pytest.mark.parametrize(
    ("note", "raw"),
    [
        ("response: HTTP/1.0", head(b"HTTP/1.0 404 x")),
        ("response: line ends without CR", b"HTTP/1.1 404 x\nX: 1\n\n"),
        ("response: CR without LF", head(b"HTTP/1.1 404 x", b"X: a\rb")),
        ("response: folded header line", head(b"HTTP/1.1 404 x", b"X: a", b" b")),
        ("response: control bytes", head(b"HTTP/1.1 404 x", b"X: a\x00b")),
        ("response: header line without a colon", head(b"HTTP/1.1 404 x", b"none")),
        ("response: blank in a header name", head(b"HTTP/1.1 404 x", b"X : 1")),
        ("response: more than 100 headers", head(b"HTTP/1.1 404 x", *[b"X: 1"] * 101)),
        ("response: 101 without Upgrade: websocket", head(b"HTTP/1.1 101 x", b"Connection: upgrade")),
        ("response: 101 without Connection: upgrade", head(b"HTTP/1.1 101 x", b"Upgrade: websocket")),
        ("response: 101 that announces a body", head(b"HTTP/1.1 101 x", *UPGRADE, b"Content-Length: 0")),
        (
            "response: Sec-WebSocket-Protocol repeated",
            head(b"HTTP/1.1 101 x", *UPGRADE, *[b"Sec-WebSocket-Protocol: ocpp1.6"] * 2),
        ),
        (
            "response: Content-Length beside Transfer-Encoding",
            head(b"HTTP/1.1 404 x", b"Content-Length: 1", b"Transfer-Encoding: chunked"),
        ),
    ],
)
def test_what_is_odd_is_passed_on_and_noted(note: str, raw: bytes) -> None:
    response = parse_response(raw)
    assert isinstance(response, Response)
    assert (response.raw, response.notes) == (raw, (note,))


def test_a_proper_answer_has_no_notes() -> None:
    assert switched(b"Sec-WebSocket-Protocol: ocpp1.6").notes == ()
    assert (
        answered(b"HTTP/1.1 401 Unauthorized", b"WWW-Authenticate: Basic", b"Content-Length: 0").notes == ()
    )


# --- against the request ---

ASKED = (
    (b"Sec-WebSocket-Key", KEY),
    (b"Sec-WebSocket-Protocol", b"ocpp2.0.1,ocpp1.6"),
    (b"Sec-WebSocket-Extensions", b"permessage-deflate; client_max_window_bits"),
)


def test_the_accept_of_the_standards_own_example() -> None:
    assert accept_of(KEY) == ACCEPT


@pytest.mark.parametrize(
    ("notes", "response"),
    [
        ((), switched()),
        ((), switched(b"Sec-WebSocket-Protocol: ocpp1.6")),
        ((), switched(b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9")),
        ((), answered(b"HTTP/1.1 404 x", b"Sec-WebSocket-Protocol: soap")),
        (("response: no Sec-WebSocket-Accept",), answered(b"HTTP/1.1 101 x", b"Upgrade: websocket")),
        (
            ("response: wrong Sec-WebSocket-Accept",),
            answered(b"HTTP/1.1 101 x", b"Upgrade: websocket", b"Sec-WebSocket-Accept: no"),
        ),
        (("response: subprotocol not offered",), switched(b"Sec-WebSocket-Protocol: ocpp2.1")),
        (("response: extension not offered",), switched(b"Sec-WebSocket-Extensions: x")),
    ],
)
def test_what_the_charge_point_did_not_ask_for_is_noted(notes: tuple[str, ...], response: Response) -> None:
    assert mismatches(ASKED, response) == notes


def test_without_a_key_no_accept_is_right() -> None:
    assert mismatches((), switched()) == ("response: wrong Sec-WebSocket-Accept",)


# --- our own ---


@pytest.mark.parametrize(
    ("status", "phrase"), [(502, b"Bad Gateway"), (503, b"Service Unavailable"), (504, b"Gateway Timeout")]
)
def test_our_own_answer_is_complete(status: int, phrase: bytes) -> None:
    wire = answer(status, "connect_refused", "the CSMS refused the connection", 30)
    own = parse_response(wire[: end_of_head(wire)])
    body = b"ocpptap: connect_refused: the CSMS refused the connection\n"
    assert isinstance(own, Response)
    assert wire.startswith(b"HTTP/1.1 %d %s\r\n" % (status, phrase))
    assert wire.endswith(b"\r\n\r\n" + body)
    assert own.body == length(len(body))
    assert (own.get(b"connection"), own.get(b"retry-after")) == (b"close", b"30")


def test_without_a_time_there_is_no_retry_after() -> None:
    assert b"Retry-After" not in answer(502, "bad_head", "no", None)


@given(
    st.one_of(
        st.binary(max_size=200), st.binary(max_size=80).map(lambda junk: head(b"HTTP/1.1 200 OK", junk))
    )
)
def test_any_bytes_get_a_verdict(raw: bytes) -> None:
    verdict = parse_response(raw)
    assert isinstance(verdict, BadResponse) or verdict.raw == raw
