"""The CSMS's answer: judged tolerantly, framed exactly (DESIGN 3.3), and the answers we give in its place.

The answer is the CSMS's: it is passed on byte for byte. Bad is only what cannot be framed, that is where
nobody can say where it ends; what is merely odd becomes a note. How the body is delimited follows
RFC 9112 6.3; a 101 has none, what follows it belongs to the tunnel.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import re
from http import HTTPStatus
from typing import Final

import msgspec

from proxy.heads.fields import (
    HEAD_LIMIT,
    HEADERS_LIMIT,
    Headers,
    elements,
    end_of_head,
    fields,
    first,
    tokens,
    values,
)

_SWITCHING_PROTOCOLS: Final = 101
_WITHOUT_BODY: Final = frozenset({204, 304})
_LENGTH_DIGITS: Final = 18
"""A Content-Length of more digits is no length (int64 holds 18 in full); it also keeps int() cheap."""
_ACCEPT_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.([01]) +([1-9]\d\d)(?=[ \r\n])")


class BodyKind(enum.Enum):
    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    UNTIL_CLOSE = "until_close"


class Body(msgspec.Struct, frozen=True, gc=False):
    """How the bytes behind the head end. `length` counts for LENGTH only."""

    kind: BodyKind
    length: int = 0


NO_BODY: Final = Body(BodyKind.NONE)


class Response(msgspec.Struct, frozen=True, gc=False):
    """A head that can be framed. `notes`: oddities, passed on."""

    raw: bytes
    status: int
    headers: Headers
    body: Body
    notes: tuple[str, ...] = ()

    def get(self, name_lower: bytes) -> bytes | None:
        return first(self.headers, name_lower)

    @property
    def opens_tunnel(self) -> bool:
        """101 alone does not: it must switch to websocket (Envoy CVE-2024-23326 took less)."""
        return self.status == _SWITCHING_PROTOCOLS and b"websocket" in tokens(self.headers, b"upgrade")

    @property
    def interim(self) -> bool:
        """Another head follows (RFC 9110 15.2)."""
        return self.status < 200 and self.status != _SWITCHING_PROTOCOLS


class BadResponse(msgspec.Struct, frozen=True, gc=False):
    """Nobody can say where this answer ends. `reason` is one of REASONS."""

    reason: str
    detail: str


_BAD: Final = {
    "head_too_long": f"the CSMS's response head is longer than {HEAD_LIMIT} bytes",
    "head_unfinished": "the CSMS's response head has no blank line, or bytes behind it",
    "status_line": "the CSMS's answer is not HTTP/1.1: check the upstream's port, and ws:// or wss://",
    "content_length": "the CSMS's Content-Length is no number, or is said twice and differs (RFC 9112 6.3)",
}
REASONS: Final = tuple(_BAD)


def parse_response(head: bytes) -> Response | BadResponse:
    """Judge one head of the CSMS, interim or final, with its blank line."""
    if len(head) > HEAD_LIMIT:
        return _bad("head_too_long")
    if end_of_head(head) != len(head):
        return _bad("head_unfinished")
    line = _STATUS_LINE.match(head)
    if line is None:
        return _bad("status_line")
    headers, status = fields(head), int(line[2])
    body = _body(status, line[1], headers)
    if body is None:
        return _bad("content_length")
    return Response(head, status, headers, body, _notes(head, status, headers))


def _bad(reason: str) -> BadResponse:
    return BadResponse(reason, _BAD[reason])


# --- the body (RFC 9112 6.3) ---


def _body(status: int, minor: bytes, headers: Headers) -> Body | None:
    """The answer to a GET is delimited by the first rule that applies; None: it cannot be delimited."""
    if status < 200 or status in _WITHOUT_BODY:
        return NO_BODY
    codings = tokens(headers, b"transfer-encoding")
    if codings:
        # HTTP/1.0 knows no transfer codings: its framing is taken as faulty, to the end (RFC 9112 6.1).
        chunked = minor == b"1" and codings[-1] == b"chunked"
        return Body(BodyKind.CHUNKED if chunked else BodyKind.UNTIL_CLOSE)
    if values(headers, b"content-length"):
        return _length_body(set(elements(headers, b"content-length")))
    return Body(BodyKind.UNTIL_CLOSE)


def _length_body(lengths: set[bytes]) -> Body | None:
    """One number, said once or several times alike."""
    if len(lengths) != 1:
        return None
    (digits,) = lengths
    if not digits.isdigit() or len(digits) > _LENGTH_DIGITS:
        return None
    return Body(BodyKind.LENGTH, int(digits))


# --- notes: what is odd and passed on ---

_HEAD_NOTES: Final = (
    ("response: HTTP/1.0", re.compile(rb"\AHTTP/1\.0")),
    ("response: line ends without CR", re.compile(rb"(?<!\r)\n")),
    ("response: CR without LF", re.compile(rb"\r(?!\n)")),
    ("response: folded header line", re.compile(rb"\n[ \t]")),
    ("response: control bytes", re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")),
    ("response: header line without a colon", re.compile(rb"\n(?!\r?\n|[ \t])[^:\n]+\n")),
    ("response: blank in a header name", re.compile(rb"\n[^: \t\r\n]+[ \t]")),
)


def _notes(head: bytes, status: int, headers: Headers) -> tuple[str, ...]:
    found = [note for note, pattern in _HEAD_NOTES if pattern.search(head)]
    if len(headers) > HEADERS_LIMIT:
        found.append(f"response: more than {HEADERS_LIMIT} headers")
    judge = _tunnel_notes if status == _SWITCHING_PROTOCOLS else _answer_notes
    return (*found, *judge(headers))


def _tunnel_notes(headers: Headers) -> list[str]:
    """RFC 6455 4.2.2, RFC 9110 15.2: what a 101 must and must not have."""
    present = {name.strip().lower() for name, _ in headers}
    notes = []
    if b"websocket" not in tokens(headers, b"upgrade"):
        notes.append("response: 101 without Upgrade: websocket")
    if b"upgrade" not in tokens(headers, b"connection"):
        notes.append("response: 101 without Connection: upgrade")
    if present & {b"content-length", b"transfer-encoding"}:
        notes.append("response: 101 that announces a body")
    if len(values(headers, b"sec-websocket-protocol")) > 1:
        notes.append("response: Sec-WebSocket-Protocol repeated")
    return notes


def _answer_notes(headers: Headers) -> list[str]:
    if values(headers, b"transfer-encoding") and values(headers, b"content-length"):
        return ["response: Content-Length beside Transfer-Encoding"]
    return []


def mismatches(asked: Headers, response: Response) -> tuple[str, ...]:
    """What the CSMS's 101 says that this request did not ask for (RFC 6455 4.1); passed on and noted."""
    if not response.opens_tunnel:
        return ()
    key, accept = first(asked, b"sec-websocket-key"), response.get(b"sec-websocket-accept")
    notes = []
    if accept is None:
        notes.append("response: no Sec-WebSocket-Accept")
    elif accept != accept_of(key or b""):
        notes.append("response: wrong Sec-WebSocket-Accept")
    if not _offered(asked, response, b"sec-websocket-protocol"):
        notes.append("response: subprotocol not offered")
    if not _offered(asked, response, b"sec-websocket-extensions"):
        notes.append("response: extension not offered")
    return tuple(notes)


def accept_of(key: bytes) -> bytes:
    """The Sec-WebSocket-Accept that belongs to a Sec-WebSocket-Key (RFC 6455 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + _ACCEPT_GUID, usedforsecurity=False).digest())


def _offered(asked: Headers, response: Response, name_lower: bytes) -> bool:
    return _names(response.headers, name_lower) <= _names(asked, name_lower)


def _names(headers: Headers, name_lower: bytes) -> set[bytes]:
    """The members without their parameters."""
    return {element.partition(b";")[0].strip() for element in elements(headers, name_lower)}


# --- our own answers ---


def plain_text(status: int, text: str, headers: Headers = ()) -> bytes:
    """A complete HTTP/1.1 response that ends the connection. It says who speaks: it is not the CSMS."""
    body = f"ocpptap: {text}\n".encode()
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode(),
        b"Server: ocpptap",
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Length: %d" % len(body),
        b"Connection: close",
        *(b": ".join(field) for field in headers),
    ]
    return b"\r\n".join((*lines, b"", body))


def answer(status: int, reason: str, text: str, retry_after_seconds: int | None) -> bytes:
    """Our own 502/503/504. `reason` is the metric's label; both stand in the one line of the body."""
    retry = () if retry_after_seconds is None else ((b"Retry-After", b"%d" % retry_after_seconds),)
    return plain_text(status, f"{reason}: {text}", retry)
