"""HTTP heads without whom they are about. Pure.

What the handshake is judged by stays: versions, subprotocols, extensions, who made the software. Names of hosts,
addresses and all else are replaced, and the accept key fits its key again.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Final

from proxy.forensics.anonymous.pseudonyms import Pseudonyms
from proxy.forensics.anonymous.texts import Texts

_LINE: Final = re.compile(r"([^\r\n]*)(\r?\n|\Z)")
_REQUEST: Final = re.compile(r"([A-Z]+)( +)(\S+)(.*)", re.DOTALL)
_STATUS: Final = re.compile(r"HTTP/[0-9.]{1,4} +[0-9]{3}(?![0-9])")
_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455 4.2.2."""
_KEPT: Final = frozenset(
    {
        "user-agent", "server", "upgrade", "connection", "sec-websocket-version", "sec-websocket-protocol",
        "sec-websocket-extensions", "date", "content-length", "content-type", "transfer-encoding", "keep-alive",
        "accept", "accept-encoding", "cache-control", "pragma",
    }
)  # fmt: skip
_KNOWN: Final = _KEPT | {
    "host", "origin", "authorization", "proxy-authorization", "cookie", "set-cookie", "location", "via", "forwarded",
    "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-real-ip", "x-request-id",
    "sec-websocket-key", "sec-websocket-accept", "www-authenticate", "x-api-key", "referer", "accept-language",
}  # fmt: skip
_HOSTS: Final = frozenset({"host", "x-forwarded-host", "x-forwarded-for", "x-real-ip"})
_KEY: Final = "sec-websocket-key"
_ACCEPT: Final = "sec-websocket-accept"


class Heads:
    """`names` gives other names, `texts` reads texts for them."""

    def __init__(self, names: Pseudonyms, texts: Texts) -> None:
        self._names = names
        self._texts = texts

    def request(self, head: bytes) -> bytes:
        """A charge point's."""
        return self._head(head, self._request_line, {})

    def response(self, head: bytes, request: bytes) -> bytes:
        """The CSMS's, to `request` as it was."""
        keys = (_value(line) for line in request.decode("latin-1").splitlines() if _name(line) == _KEY)
        accepts = {accept_of(key): accept_of(self._key(key)) for key in keys}
        return self._head(head, self._status_line, accepts)

    def _head(self, head: bytes, first: Callable[[str], str], accepts: dict[str, str]) -> bytes:
        lines = _LINE.findall(head.decode("utf-8", "replace"))
        told = [
            (self._field(line, accepts) if number else first(line)) + end
            for number, (line, end) in enumerate(lines)
        ]
        return "".join(told).encode()

    def _request_line(self, line: str) -> str:
        found = _REQUEST.fullmatch(line)
        if found is None:
            return self._texts.http(line)
        method, blanks, target, rest = found.groups()
        return f"{self._texts.http(method)}{blanks}{self._texts.url(target)}{self._texts.http(rest)}"

    def _status_line(self, line: str) -> str:
        found = _STATUS.match(line)
        kept = found[0] if found else ""
        return kept + self._texts.http(line[len(kept) :])

    def _field(self, line: str, accepts: dict[str, str]) -> str:
        name, value = _name(line), _value(line)
        if ":" not in line or name not in _KNOWN:
            return self._texts.http(line)
        before, after = line[: line.index(":") + 1], line[line.index(":") + 1 :]
        blanks = after[: len(after) - len(after.lstrip())]
        return before + blanks + self._of(name, value, accepts)

    def _of(self, name: str, value: str, accepts: dict[str, str]) -> str:
        if name in _KEPT:
            return value
        if name == _KEY:
            return self._key(value)
        if name == _ACCEPT:
            return accepts.get(value) or self._key(value)
        if name in _HOSTS:
            return ",".join(self._host(part) for part in value.split(","))
        return self._texts.http(value)

    def _host(self, part: str) -> str:
        bare = part.strip()
        return part.replace(bare, self._texts.host(bare)) if bare else part

    def _key(self, key: str) -> str:
        """Another nonce."""
        return base64.b64encode(self._names.noise(key.encode().ljust(16))[:16]).decode()


def accept_of(key: str) -> str:
    """RFC 6455 4.2.2."""
    return base64.b64encode(hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()).decode()


def _name(line: str) -> str:
    return line.partition(":")[0].strip().lower()


def _value(line: str) -> str:
    return line.partition(":")[2].strip()
