"""One rule: reject only what two parsers could frame or route differently; pass on and note the rest."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import SecurityError
from websockets.http11 import Request as WebSocketsRequest
from websockets.streams import StreamReader

from proxy.heads.fields import HEAD_LIMIT, HEADERS_LIMIT
from proxy.heads.request import (
    NOTES,
    REASONS,
    RULES,
    Rejection,
    Request,
    answer,
    end_of_head,
    parse_request,
)

LINE = b"GET /ocpp/CP_1 HTTP/1.1"
HANDSHAKE = (
    b"Host: proxy:9000",
    b"Upgrade: websocket",
    b"Connection: Upgrade",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Protocol: ocpp2.0.1, ocpp1.6",
)


def head(*extra: bytes, line: bytes = LINE, without: bytes = b"-") -> bytes:
    kept = [field for field in HANDSHAKE if not field.lower().startswith(without)]
    return b"\r\n".join((line, *kept, *extra, b"", b""))


def to(target: bytes) -> bytes:
    return head(line=b"GET %s HTTP/1.1" % target)


def instead(field: bytes) -> bytes:
    """The handshake with another value of one field."""
    return head(field, without=field.partition(b":")[0].lower())


def padded(length: int) -> bytes:
    return head(b"X-Pad: " + b"x" * (length - len(head(b"X-Pad: "))))


def with_headers(count: int) -> bytes:
    return head(*(b"X-%d: 1" % number for number in range(count - len(HANDSHAKE))))


CONTROLS = [byte for byte in range(256) if (byte < 0x20 and byte not in b"\t\n\r") or byte == 0x7F]
PLACES: dict[str, Callable[[bytes], bytes]] = {
    "name": lambda byte: head(b"X-A%sB: 1" % byte),
    "behind the name": lambda byte: head(b"Content-Length%s: 5" % byte),
    "value": lambda byte: head(b"X-A: a%sb" % byte),
    "target": lambda byte: to(b"/ocpp/CP%s1" % byte),
    "version": lambda byte: head(line=LINE + byte),
}

REJECTED: list[tuple[str, bytes]] = [
    ("tls", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40)),
    ("tls", b"\x16\x03\x01\r\n\r\n"),
    ("proxy_protocol", b"PROXY TCP4 192.0.2.1 192.0.2.2 5000 9000\r\n" + head()),
    ("proxy_protocol", b"\r\n\r\n"),
    ("proxy_protocol", b"\r\n\r\n\x00\r\nQUIT\n\x21\x11"),
    ("proxy_protocol", b"\r\n" + head()),
    ("proxy_protocol", b"\n\n"),
    ("head_too_long", padded(HEAD_LIMIT + 1)),
    ("head_too_long", to(b"/" + b"x" * 65536)),
    ("head_too_long", b"x" * (HEAD_LIMIT + 1)),
    ("head_unfinished", b""),
    ("head_unfinished", b"G"),
    ("head_unfinished", head()[:-1]),
    ("head_unfinished", head()[:-2]),
    ("head_unfinished", b"GET /CP_1\r\n"),
    ("head_unfinished", b"\x00\xff"),
    ("bytes_behind_head", head() + b"GET /CP_2 HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("bytes_behind_head", head() + b"\x81\x80abcd"),
    ("bytes_behind_head", head() + b"\r\n"),
    ("bare_lf", head().replace(b"\r\n", b"\n")),
    ("bare_lf", head(b"X: 1\nTransfer-Encoding: chunked")),
    ("bare_lf", head()[:-2] + b"\n"),
    ("bare_lf", LINE + b"\nHost: x\r\n\r\n"),
    ("bare_cr", head(b"X: 1\rTransfer-Encoding: chunked")),
    ("bare_cr", head(b"X\r: 1")),
    ("bare_cr", head(line=b"GET /CP_1\r HTTP/1.1")),
    ("bare_cr", head(b"X: 1\r\r\nY: 2")),
    ("request_line", b"GET\r\n\r\n"),
    ("request_line", b"GET /CP_1\r\n\r\n"),
    ("request_line", to(b"/ocpp/CP 1")),
    ("request_line", to(b"")),
    ("request_line", head(line=b"GET  /CP_1 HTTP/1.1")),
    ("request_line", head(line=b"GET\t/CP_1\tHTTP/1.1")),
    ("request_line", head(line=b"GET /CP_1\tx HTTP/1.1")),
    ("request_line", head(line=b"GET /CP_1 HTTP/1.1 ")),
    ("request_line", head(line=b" GET /CP_1 HTTP/1.1")),
    ("request_line", head(line=b" ")),
    ("http_version", head(line=b"GET /CP_1 HTTP/1.0")),
    ("http_version", head(line=b"GET /CP_1 HTTP/0.9")),
    ("http_version", head(line=b"GET /CP_1 HTTP/1.2")),
    ("http_version", head(line=b"GET /CP_1 HTTP/1.11")),
    ("http_version", head(line=b"GET /CP_1 HTTP/01.1")),
    ("http_version", head(line=b"GET /CP_1 http/1.1")),
    ("http_version", head(line=b"GET /CP_1 xHTTP/1.1")),
    ("http_version", b"PRI * HTTP/2.0\r\n\r\n"),
    ("http_version", head(line=b"GET /CP_1 RTSP/1.0")),
    ("head_method", head(line=b"HEAD /CP_1 HTTP/1.1")),
    *(
        ("method", head(line=method + b" /CP_1 HTTP/1.1"))
        for method in (b"POST", b"PUT", b"OPTIONS", b"CONNECT", b"get", b"Get", b"head", b"GETT", b"G\xe9T")
    ),
    ("target_form", to(b"http://proxy:9000/CP_1")),
    ("target_form", to(b"ws://proxy:9000/CP_1")),
    ("target_form", to(b"csms:443")),
    ("target_form", to(b"*")),
    ("target_form", to(b"CP_1")),
    ("target_form", to(b"?id=CP_1")),
    ("target_form", to(b"\\CP_1")),
    ("too_many_headers", with_headers(HEADERS_LIMIT + 1)),
    ("too_many_headers", with_headers(200)),
    ("folded_line", head(b"X: 1", b" 2")),
    ("folded_line", head(b"X: 1", b"\t2")),
    ("folded_line", head(b" X: 1")),
    ("folded_line", LINE + b"\r\n Host: x\r\n\r\n"),
    ("folded_line", head(b"Transfer-Encoding:", b" chunked")),
    ("header_line", head(b"no colon")),
    ("header_line", head(b"nocolon")),
    ("header_line", head(b": no name")),
    ("header_line", head(b":")),
    ("header_line", head(b"GET /CP_2 HTTP/1.1")),
    ("header_name", head(b"Content-Length : 0")),
    ("header_name", head(b"Content-Length\t: 0")),
    ("header_name", head(b"Content-Length\xa0: 5")),
    ("header_name", head(b"Content-Length\x85: 5")),
    ("header_name", head(b"H\xc3\xb6st: a")),
    ("header_name", head(b"X Y: 1")),
    ("two_hosts", head(b"Host: proxy:9000")),
    ("two_hosts", head(b"hOST: other")),
    ("two_hosts", head(b"Host:")),
    *(
        ("content_length", head(b"Content-Length:" + value))
        for value in (
            b" 5", b"5", b"", b" ", b" +0", b" -0", b" 0x0", b" 00", b" 0, 0", b" 0,5", b" 0;", b" 0 0",
            b" 1e0", b" \xd9\xa0", b" 0\xa0", b" 10", b" 9" * 400,
        )
    ),
    ("content_length", head(b"Content-Length: 0", b"content-length: 5")),
    ("content_length", head(b"CONTENT-LENGTH: 5", b"Content-Length: 0")),
    *(
        ("transfer_encoding", head(b"Transfer-Encoding:" + value))
        for value in (b" chunked", b"chunked", b" identity", b" chunked, identity", b"", b" \xa0chunked", b"x")
    ),
    ("transfer_encoding", head(b"transfer-ENCODING: chunked")),
    ("transfer_encoding", head(b"Content-Length: 0", b"Transfer-Encoding: chunked")),
    *(
        ("upgrade", instead(b"Upgrade:" + value))
        for value in (
            b" h2c", b"h2c", b" TLS/1.2", b" websocket, h2c", b" h2c, websocket", b" websocket/13",
            b" websockets", b" webSocket;x", b" \"websocket\"", b" websocket websocket", b" web socket",
            b" websocketwebsocket", b" websocket\xa0",
        )
    ),
    ("upgrade", head(b"Upgrade: h2c")),
    ("upgrade", head(b"UPGRADE:h2c", without=b"upgrade")),
    *(
        ("connection", instead(b"Connection:" + value))
        for value in (
            b" Upgrade, Authorization", b" Upgrade,Authorization", b"authorization", b" AUTHORIZATION",
            b" Upgrade, Host", b" keep-alive, x-forwarded-for", b" X-Forwarded-Proto",
        )
    ),
    ("connection", head(b"Connection: Authorization")),
    *(
        ("dot_segment", to(target))
        for target in (
            b"/ocpp/../admin", b"/..", b"/../", b"/ocpp/..", b"/ocpp/.", b"/./CP_1", b"/ocpp/%2e%2e/admin",
            b"/ocpp/%2E%2e/admin", b"/ocpp/.%2E", b"/ocpp/%2e./x", b"/ocpp/%2e", b"/ocpp/..;/admin",
            b"/ocpp/..;a=b/admin", b"/ocpp/..?x=1", b"//../x",
        )
    ),
    *(
        ("encoded_separator", to(target))
        for target in (b"/ocpp/%2f..%2f", b"/ocpp%2FCP_1", b"/a%5cb", b"/a%5Cb", b"/a\\b", b"/a\\..\\b")
    ),
    *(("encoded_nul", to(target)) for target in (b"/CP%00", b"/CP_1%00/x", b"/%00")),
    *(("fragment", to(target)) for target in (b"/CP_1#", b"/CP_1#/CP_2", b"/CP_1#a?b")),
]  # fmt: skip

ACCEPTED: list[tuple[str, bytes]] = [
    ("", head()),
    ("", head(b"X-Unknown: anything (at) all")),
    ("", head(b"Authorization: Basic QUwxMDAwOgABAgMEBQYH////////////////")),
    ("", head(b"X: a  b \t c")),
    ("", head(b"X:")),
    ("", head(b"X:  \t ")),
    ("", head(b"X-A: 1", b"X-A: 2")),
    ("", head(b"X-Forwarded-For: 192.0.2.9")),
    ("", head(b"Origin: http://evil.example")),
    ("", head(b"Transfer_Encoding: chunked")),
    ("", head(b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=999")),
    ("", head(*(b"Sec-WebSocket-Extensions: x" for _ in range(90)))),
    ("", with_headers(HEADERS_LIMIT)),
    ("", padded(HEAD_LIMIT)),
    ("", instead(b"Upgrade:WebSocket")),
    ("", instead(b"Upgrade: websocket ,, websocket,")),
    ("", instead(b"Connection: keep-alive, Upgrade")),
    ("", instead(b"Connection: keep-alive,upgrade , x-authorization")),
    ("", instead(b"Sec-WebSocket-Protocol: soap")),
    ("", instead(b"Sec-WebSocket-Protocol: ocpp1.6,ocpp2.0.1")),
    ("", instead(b"Host: [::1]:9000")),
    *(
        ("request: odd Host", instead(b"Host:" + host))
        for host in (b"", b" ws://proxy:9000/", b" a, b", b" user@proxy", b" proxy:port", b" a b")
    ),
    *(
        ("", to(target))
        for target in (
            b"/", b"/CP_1", b"/CP%7C1", b"/RDAM%20123", b"/CP:1", b"/a:b@c", b"/CP_1?../%2f%00#\\", b"/CP..1",
            b"/...", b"/..a", b"/a;..", b"/" + b"x" * 255, b"/" + b"x" * 256, b"/%f0%9f%94%8c", b"/%ff",
            b"/ws:/h/CP_1", b"/a+b", b"/?CP_1", b"/CP_1?", b"/CP%23", b"/%2e%2e%2e", b"/<script>",
            b"/'\"", b"/{}", b"/CP_1/",
        )
    ),
    ("request: no Host", head(without=b"host")),
    ("request: no Upgrade", head(without=b"upgrade")),
    ("request: Upgrade repeated", head(b"Upgrade: WebSocket")),
    ("request: Connection does not name Upgrade", head(without=b"connection")),
    ("request: Connection does not name Upgrade", instead(b"Connection: notupgrade")),
    ("request: Connection does not name Upgrade", instead(b"Connection: close, upgradex")),
    ("request: no Sec-WebSocket-Key", head(without=b"sec-websocket-key")),
    ("request: Sec-WebSocket-Key repeated", head(b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")),
    *(
        ("request: odd Sec-WebSocket-Key", instead(b"Sec-WebSocket-Key: " + key))
        for key in (b"", b"x", b"x" * 23, b"x" * 24, b"x" * 8192, b"dGhlIHNhbXBsZSBub25jZR==", b"dGhl IH==")
    ),
    ("request: no Sec-WebSocket-Version", head(without=b"sec-websocket-version")),
    ("request: Sec-WebSocket-Version repeated", head(b"Sec-WebSocket-Version: 13")),
    *(
        ("request: Sec-WebSocket-Version is not 13", instead(b"Sec-WebSocket-Version: " + version))
        for version in (b"", b"0", b"7", b"8", b"777", b"13, 8", b"013")
    ),
    ("request: no Sec-WebSocket-Protocol", head(without=b"sec-websocket-protocol")),
    ("request: Authorization repeated", head(b"Authorization: Basic a", b"authorization: Basic b")),
    ("request: Content-Length of 0", head(b"Content-Length: 0")),
    ("request: Content-Length of 0", head(b"Content-Length:\t0 ", b"Content-Length: 0")),
    ("request: odd character in a header name", head(b"X(Y): 1")),
    ("request: odd character in a header name", head(b"\"Host\": 1")),
    ("request: byte above 127 in a header value", head(b"X: \xff")),
    ("request: byte above 127 in a header value", head(b"X: gr\xc3\xbcn\x85\xa0")),
    ("request: byte above 127 in the target", to(b"/CP_\xc3\xa4")),
    ("request: byte above 127 in the target", to(b"/CP_\xff")),
    ("request: '//' in the path", to(b"//CP_1")),
    ("request: '//' in the path", to(b"/ocpp//CP_1")),
    ("request: '//' in the path", to(b"/ws://192.0.2.1:9000/CP_1/SERIAL")),
    ("request: '%' without two hexadecimal digits", to(b"/CP%")),
    ("request: '%' without two hexadecimal digits", to(b"/CP%4/x")),
    ("request: '%' without two hexadecimal digits", to(b"/CP%41%zz")),
    ("request: path encoded twice", to(b"/CP%252f")),
]  # fmt: skip


def accepted(raw: bytes) -> Request:
    verdict = parse_request(raw)
    assert isinstance(verdict, Request), verdict
    return verdict


def rejected(raw: bytes) -> Rejection:
    verdict = parse_request(raw)
    assert isinstance(verdict, Rejection), verdict
    return verdict


@pytest.mark.parametrize(("reason", "raw"), REJECTED)
def test_what_two_parsers_read_differently_is_rejected(reason: str, raw: bytes) -> None:
    assert rejected(raw).reason == reason


@pytest.mark.parametrize("byte", CONTROLS)
@pytest.mark.parametrize("place", PLACES)
def test_a_control_byte_is_rejected_wherever_it_stands(place: str, byte: int) -> None:
    assert rejected(PLACES[place](bytes([byte]))).reason == "control_byte"


@pytest.mark.parametrize("byte", range(0x20, 0x7F))
def test_every_printable_byte_may_stand_in_a_value(byte: int) -> None:
    assert accepted(head(b"X-A: a%cb" % byte)).get(b"x-a") == b"a%cb" % byte


@pytest.mark.parametrize(("note", "raw"), ACCEPTED)
def test_everything_else_is_passed_on_and_noted(note: str, raw: bytes) -> None:
    request = accepted(raw)
    assert request.raw == raw
    assert request.notes == ((note,) if note else ())


def test_each_row_of_the_rule_and_each_note_has_its_example() -> None:
    elsewhere = {"control_byte", "empty_identity", "identity_too_long", "no_route"}
    assert {reason for reason, _ in REJECTED} == set(REASONS) - elsewhere
    assert {note for note, _ in ACCEPTED if note} == {note for note, _ in NOTES}


def test_a_request_has_its_fields_as_sent() -> None:
    request = accepted(head(b"x-Odd:  a  b\t"))
    assert request.target == b"/ocpp/CP_1"
    assert len(request.headers) == len(HANDSHAKE) + 1
    assert request.headers[-1] == (b"x-Odd", b"a  b")
    assert request.get(b"x-odd") == b"a  b"
    assert request.get(b"x-none") is None


def test_reasons_are_labels_and_sentences_are_lines() -> None:
    assert len(set(REASONS)) == len(REASONS) == len(RULES)
    for rule in RULES:
        assert re.fullmatch(r"[a-z][a-z_]+", rule.reason)
        assert re.fullmatch(r"[ -~]{20,110}", rule.sentence)
        assert 400 <= rule.status < 500


@pytest.mark.parametrize("rule", RULES, ids=REASONS)
def test_a_rejection_is_a_complete_answer(rule: tuple[object, int, str, bytes, str]) -> None:
    _, status, reason, _, sentence = rule
    wire = answer(Rejection(status, reason, sentence))
    end = end_of_head(wire)
    lines, body = wire[:end].split(b"\r\n"), wire[end:]
    assert re.fullmatch(rb"HTTP/1\.1 %d [A-Za-z -]+" % status, lines[0])
    assert b"Connection: close" in lines
    assert (b"Allow: GET" in lines) == (status == 405)
    text = f"ocpptap: {reason}: {sentence}\n".encode()
    assert b"Content-Length: %d" % len(text) in lines
    assert body == (b"" if reason == "head_method" else text)


SPACES = b"b" + b" " * 16000 + b"x"


@pytest.mark.parametrize(
    "raw",
    [
        *(
            instead(name + b": " + SPACES)
            for name in (b"Upgrade", b"Connection", b"Sec-WebSocket-Protocol", b"X")
        ),
        instead(b"Connection:" + b"host   " * 2200),
        instead(b"Upgrade:" + b"websocket," * 1580),
        instead(b"Content-Length:" + b" " * 15000 + b"0x"),
        head(SPACES),
        to(SPACES),
        to(b"/" + b"%41" * 5300),
        to(b"/" + b"..;" * 5300),
        b"\n" * 16384,
        b"\r" * 16384,
        b"host:\n" * 2700,
        b" " * 32000,
    ],
)
def test_a_head_made_to_be_slow_is_judged_all_the_same(raw: bytes) -> None:
    """Thirty times: a quadratic rule took seconds for each."""
    for _ in range(30):
        assert isinstance(parse_request(raw[:HEAD_LIMIT]), (Request, Rejection))
        assert isinstance(parse_request(raw), (Request, Rejection))


# --- properties ---

pieces = st.sampled_from(
    [
        *(field + b"\r\n" for field in HANDSHAKE),
        LINE + b"\r\n",
        *(bytes([byte]) for byte in range(256)),
        b"\r\n", b"\r\n\r\n", b" ", b": ", b"Content-Length: 0\r\n", b"Transfer-Encoding:", b"chunked",
        b"/..", b"%2f", b"//", b"X: 1\r\n", b"HTTP/1.1", b"GET ", b",",
    ]
)  # fmt: skip
junk = st.lists(pieces, max_size=12).map(b"".join)


@st.composite
def nearly_handshakes(draw: st.DrawFn) -> bytes:
    """A handshake with junk put in at one to three places."""
    raw = head()
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(raw)))
        raw = raw[:at] + draw(st.one_of(junk, st.binary(max_size=3))) + raw[at + draw(st.integers(0, 3)) :]
    return raw


anything = st.one_of(st.binary(max_size=200), junk, nearly_handshakes())


@given(anything)
@settings(max_examples=400)
def test_any_bytes_get_a_verdict(raw: bytes) -> None:
    verdict = parse_request(raw)
    if isinstance(verdict, Rejection):
        assert verdict.reason in REASONS
        assert answer(verdict).startswith(b"HTTP/1.1 4")
    else:
        assert verdict.raw == raw
        assert end_of_head(raw) == len(raw)


@given(nearly_handshakes())
@settings(max_examples=400)
def test_the_lines_of_an_accepted_head_are_its_fields(raw: bytes) -> None:
    request = parse_request(raw)
    if isinstance(request, Request):
        _, *lines = raw[:-4].split(b"\r\n")
        assert [(name, value) for name, value in request.headers] == [
            (line.split(b":", 1)[0], line.split(b":", 1)[1].strip(b" \t")) for line in lines
        ]


Seen = tuple[bytes, list[tuple[bytes, bytes]], bytes]


def as_websockets(raw: bytes) -> Seen | None:
    """Target, fields and rest in the eyes of the websockets library; None: it refuses."""
    stream = StreamReader()
    stream.feed_data(raw)
    stream.feed_eof()
    parsing = WebSocketsRequest.parse(stream.read_line)
    try:
        next(parsing)
    except StopIteration as done:
        found = [(name.encode(), value.encode("latin-1")) for name, value in done.value.headers.raw_items()]
        return done.value.path.encode(), found, bytes(stream.buffer)
    except (ValueError, EOFError, SecurityError, NotImplementedError):
        return None
    raise AssertionError("the head was not finished")


def as_aiohttp(parser: type, loop: asyncio.AbstractEventLoop, raw: bytes) -> Seen | None:
    """The same in the eyes of aiohttp; two messages in one head are a failure."""
    try:
        messages, _, rest = parser(BaseProtocol(loop), loop, 2**16).feed_data(raw)
    except HttpProcessingError:
        return None
    ((message, _body),) = messages
    return message.path.encode("utf-8", "surrogateescape"), list(message.raw_headers), rest


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


def assert_seen_alike(raw: bytes, seen: Seen | None) -> None:
    """Another parser refuses the head, or frames and routes it as we do."""
    request = parse_request(raw)
    if isinstance(request, Request) and seen is not None:
        target, found, rest = seen
        assert (target, rest) == (request.target, b"")
        assert found == list(request.headers)


@given(nearly_handshakes())
@settings(max_examples=400)
def test_websockets_sees_the_request_that_we_see(raw: bytes) -> None:
    assert_seen_alike(raw, as_websockets(raw) if isinstance(parse_request(raw), Request) else None)


@pytest.mark.parametrize("parser", [HttpRequestParser, HttpRequestParserPy])
@given(raw=nearly_handshakes())
@settings(max_examples=200)
def test_aiohttp_sees_the_request_that_we_see(
    parser: type, loop: asyncio.AbstractEventLoop, raw: bytes
) -> None:
    assert_seen_alike(raw, as_aiohttp(parser, loop, raw) if isinstance(parse_request(raw), Request) else None)


@pytest.mark.parametrize(("note", "raw"), ACCEPTED)
def test_other_parsers_see_each_accepted_head_alike(
    loop: asyncio.AbstractEventLoop, note: str, raw: bytes
) -> None:
    assert_seen_alike(raw, as_websockets(raw))
    assert_seen_alike(raw, as_aiohttp(HttpRequestParser, loop, raw))
    assert_seen_alike(raw, as_aiohttp(HttpRequestParserPy, loop, raw))
