"""The charge point's request head: one rule, one table (DESIGN 3.1).

*Reject only what two parsers could frame or route differently; everything else is the CSMS's business,
is passed on, and noted.* RULES is that rule: each row is a thing two parsers read differently. NOTES is the
rest. Rows are regular expressions over the bytes as received, tried in order, the first hit decides; each
is linear in the head's length. `.` matches every byte, letters match without case.

A Rejection is ours: its status, a reason from a bounded set (the metric's label), and one sentence of our
own that says what is wrong and how to mend it. Nothing the peer sent stands in it.
"""

from __future__ import annotations

import enum
import re
from typing import Final, NamedTuple

import msgspec

from proxy.heads.fields import HEAD_LIMIT, HEADERS_LIMIT, Headers, end_of_head, fields, first
from proxy.heads.response import plain_text

__all__ = [
    "HEADERS_LIMIT",
    "HEAD_LIMIT",
    "NOTES",
    "REASONS",
    "RULES",
    "Rejection",
    "Request",
    "Scope",
    "answer",
    "end_of_head",
    "judge",
    "parse_request",
    "path_of",
]

IDENTITY_LIMIT: Final = 255
"""Longest charge point identity, bytes after decoding. That OCPP allows 48 is the CSMS's business."""


class Request(msgspec.Struct, frozen=True, gc=False):
    """A head that every parser frames and routes alike. `notes`: oddities, passed on."""

    raw: bytes
    target: bytes
    headers: Headers
    notes: tuple[str, ...] = ()

    def get(self, name_lower: bytes) -> bytes | None:
        return first(self.headers, name_lower)


class Rejection(msgspec.Struct, frozen=True, gc=False):
    status: int
    reason: str
    detail: str


class Scope(enum.Enum):
    """Which bytes a row looks at."""

    HEAD = "the whole head"
    PATH = "the target without its query"
    IDENTITY = "the charge point's identity, decoded"
    ROUTE = "the route that was chosen"


class Rule(NamedTuple):
    scope: Scope
    status: int
    reason: str
    pattern: bytes
    sentence: str


# fmt: off
RULES: Final = (
    # --- what is this? ---
    Rule(Scope.HEAD, 400, "tls", rb"\A\x16\x03",
         "this port speaks plain HTTP, not TLS: use ws://, or give ocpptap a certificate"),
    Rule(Scope.HEAD, 400, "proxy_protocol", rb"\A(?:PROXY |\r?\n)",
         "a PROXY header or an empty line comes first: switch the PROXY protocol off in the load balancer"),
    # --- where does the head end? RFC 9112 2.2, 5 ---
    Rule(Scope.HEAD, 431, "head_too_long", rb"\A.{%d}" % (HEAD_LIMIT + 1),
         f"the request head is longer than {HEAD_LIMIT} bytes: send fewer or shorter headers"),
    Rule(Scope.HEAD, 408, "head_unfinished", rb"\A(?!.*\n\r?\n)",
         "the request head did not end: finish it with an empty line, CR LF CR LF"),
    Rule(Scope.HEAD, 400, "bytes_behind_head", rb"\n\r?\n(?!\Z)",
         "bytes stand behind the head: send nothing before the answer"),
    Rule(Scope.HEAD, 400, "control_byte", rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]",
         "a control byte stands in the head: send printable characters only"),
    Rule(Scope.HEAD, 400, "bare_lf", rb"\n(?<!\r\n)",
         "a line ends with LF alone: end each line with CR LF"),
    Rule(Scope.HEAD, 400, "bare_cr", rb"\r(?!\n)",
         "a CR stands without LF: end each line with CR LF"),
    # --- the request line, RFC 9112 3 ---
    Rule(Scope.HEAD, 400, "request_line", rb"\A(?![^ \t\r]+ [^ \t\r]+ [^ \t\r]+\r\n)",
         "the request line is not 'GET target HTTP/1.1': write a space in the path as %20"),
    Rule(Scope.HEAD, 400, "http_version", rb"\A[^\r]*\r(?<!(?-i: HTTP/1\.1)\r)",
         "the version is not HTTP/1.1: a WebSocket handshake needs it (RFC 6455 4.1)"),
    Rule(Scope.HEAD, 405, "head_method", rb"\A(?-i:HEAD) ",
         "a WebSocket handshake is a GET, not a HEAD"),
    Rule(Scope.HEAD, 405, "method", rb"\A(?!(?-i:GET) )",
         "a WebSocket handshake is a GET: send that method, in capitals"),
    Rule(Scope.HEAD, 400, "target_form", rb"\A[^ ]+ (?!/)",
         "the target is not a path: send 'GET /path/identity HTTP/1.1', without scheme and host"),
    # --- the header lines, RFC 9112 5 ---
    Rule(Scope.HEAD, 431, "too_many_headers", rb"\A[^\n]*\n(?:[^\r]+\r\n){%d}" % (HEADERS_LIMIT + 1),
         f"there are more than {HEADERS_LIMIT} headers: send fewer"),
    Rule(Scope.HEAD, 400, "folded_line", rb"\n[ \t]",
         "a header is folded over two lines: write it in one (RFC 9112 5.2)"),
    Rule(Scope.HEAD, 400, "header_line", rb"\n(?!\r)[^:\r]*\r|\n:",
         "a header line has no colon or no name: write 'Name: value'"),
    Rule(Scope.HEAD, 400, "header_name", rb"\n[^: \t\r\x80-\xff]*[ \t\x80-\xff]",
         "a blank or a byte above 127 stands in a header name: write 'Name: value' (RFC 9112 5.1)"),
    # --- to whom, and how long? RFC 9112 3.2, 6.1; RFC 9110 7.6.1, 7.8 ---
    Rule(Scope.HEAD, 400, "two_hosts", rb"\nhost:.*\nhost:",
         "there is more than one Host header: send one (RFC 9112 3.2)"),
    Rule(Scope.HEAD, 400, "content_length", rb"\ncontent-length:(?![ \t]*0[ \t]*\r)",
         "a WebSocket handshake has no body: leave Content-Length out"),
    Rule(Scope.HEAD, 400, "transfer_encoding", rb"\ntransfer-encoding:",
         "a WebSocket handshake has no body: leave Transfer-Encoding out"),
    Rule(Scope.HEAD, 400, "upgrade", rb"\nupgrade:(?![ \t,]*(?:websocket[ \t]*(?:,[ \t,]*|(?=\r)))*\r)",
         "Upgrade names another protocol: send 'Upgrade: websocket'"),
    Rule(Scope.HEAD, 400, "connection",
         rb"\nconnection:(?:[^\r]*[ \t,])?(?:authorization|host|x-forwarded-(?:for|proto))[ \t]*[,\r]",
         "Connection names a header that must reach the CSMS: send 'Connection: Upgrade'"),
    # --- which path is it? RFC 3986 3.3, 5.2.4, 6.2.2 ---
    Rule(Scope.PATH, 400, "dot_segment", rb"(?:\A|/)(?:\.|%2e){1,2}(?:;[^/]*)?(?:/|\Z)",
         "the path has a segment '.' or '..': send the path it stands for"),
    Rule(Scope.PATH, 400, "encoded_separator", rb"%2f|%5c|\\",
         "the path has a %2F, %5C or backslash: an identity may contain neither slash nor backslash"),
    Rule(Scope.PATH, 400, "encoded_nul", rb"%00",
         "the path has a %00: an identity may not contain it"),
    Rule(Scope.PATH, 400, "fragment", rb"#",
         "the path has a '#': write it as %23"),
    # --- whose connection is it, and where to? DESIGN 3.2, 3.5 ---
    Rule(Scope.IDENTITY, 400, "empty_identity", rb"\A\Z",
         "the path names no charge point: end the URL with its identity"),
    Rule(Scope.IDENTITY, 400, "identity_too_long", rb"\A.{%d}" % (IDENTITY_LIMIT + 1),
         f"the charge point's identity is longer than {IDENTITY_LIMIT} bytes: shorten it"),
    Rule(Scope.ROUTE, 404, "no_route", rb"\A\Z",
         "no route leads from this path to a CSMS: check the URL, or add a route"),
)
# fmt: on

REASONS: Final = tuple(rule.reason for rule in RULES)


_NAME: Final = rb"a-z0-9!#$%&'*+.^_`|~\-"  # RFC 9110 5.6.2


def _absent(name: bytes) -> bytes:
    return rb"\A(?!.*\n%s:)" % name


def _twice(name: bytes) -> bytes:
    return rb"\n%s:.*\n%s:" % (name, name)


def _not(name: bytes, value: bytes) -> bytes:
    return rb"\n%s:(?![ \t]*%s[ \t]*\r)" % (name, value)


def _names_no(name: bytes, token: bytes) -> bytes:
    return rb"\A(?!.*\n%s:(?:[^\r]*[ \t,])?%s[ \t]*[,\r])" % (name, token)


# fmt: off
NOTES: Final = (
    ("request: no Host", _absent(b"host")),
    ("request: odd Host", _not(b"host", rb"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?")),
    ("request: no Upgrade", _absent(b"upgrade")),
    ("request: Upgrade repeated", _twice(b"upgrade")),
    ("request: Connection does not name Upgrade", _names_no(b"connection", b"upgrade")),
    ("request: no Sec-WebSocket-Key", _absent(b"sec-websocket-key")),
    ("request: Sec-WebSocket-Key repeated", _twice(b"sec-websocket-key")),
    ("request: odd Sec-WebSocket-Key", _not(b"sec-websocket-key", rb"(?-i:[A-Za-z0-9+/]{21}[AQgw]==)")),
    ("request: no Sec-WebSocket-Version", _absent(b"sec-websocket-version")),
    ("request: Sec-WebSocket-Version repeated", _twice(b"sec-websocket-version")),
    ("request: Sec-WebSocket-Version is not 13", _not(b"sec-websocket-version", b"13")),
    ("request: no Sec-WebSocket-Protocol", _absent(b"sec-websocket-protocol")),
    ("request: Authorization repeated", _twice(b"authorization")),
    ("request: Content-Length of 0", rb"\ncontent-length:"),
    ("request: odd character in a header name", rb"\n[%s]*[^%s:\r]" % (_NAME, _NAME)),
    ("request: byte above 127 in a header value", rb"\n[^:\r]+:[^\r\x80-\xff]*[\x80-\xff]"),
    ("request: byte above 127 in the target", rb"\A[^\r\x80-\xff]*[\x80-\xff]"),
    ("request: '//' in the path", rb"\A[^ ]+ [^ ?]*//"),
    ("request: '%' without two hexadecimal digits", rb"\A[^ ]+ [^ ]*%(?![0-9a-f]{2})"),
    ("request: path encoded twice", rb"\A[^ ]+ [^ ?]*%25[0-9a-f]{2}"),
)
# fmt: on


def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


_RULES_OF: Final = {
    scope: tuple(
        (_compiled(rule.pattern), Rejection(rule.status, rule.reason, rule.sentence))
        for rule in RULES
        if rule.scope is scope
    )
    for scope in Scope
}
_NOTES: Final = tuple((note, _compiled(pattern)) for note, pattern in NOTES)


def judge(scope: Scope, subject: bytes) -> Rejection | None:
    """The first row of this scope that `subject` offends."""
    for pattern, rejection in _RULES_OF[scope]:
        if pattern.search(subject):
            return rejection
    return None


def parse_request(head: bytes) -> Request | Rejection:
    """Judge one head with its blank line. Given an unfinished one (at the deadline), says what it was."""
    rejection = judge(Scope.HEAD, head)
    if rejection:
        return rejection
    target = head.split(b" ", 2)[1]
    rejection = judge(Scope.PATH, path_of(target))
    if rejection:
        return rejection
    notes = tuple(note for note, pattern in _NOTES if pattern.search(head))
    return Request(head, target, fields(head), notes)


def path_of(target: bytes) -> bytes:
    return target.partition(b"?")[0]


def answer(rejection: Rejection) -> bytes:
    """The rejection on the wire; the connection ends with it."""
    allow = ((b"Allow", b"GET"),) if rejection.status == 405 else ()  # RFC 9110 15.5.6
    wire = plain_text(rejection.status, f"{rejection.reason}: {rejection.detail}", allow)
    if rejection.reason == "head_method":  # RFC 9110 9.3.2: the answer to a HEAD is its head
        return wire[: end_of_head(wire)]
    return wire
