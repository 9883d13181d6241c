"""What the relay knows of a connection, as it stands in the journal (DESIGN 3.6).

The relay writes these values, the recorder reads them; the journal between carries bytes.
Encoded as MessagePack maps: a field may be added with a default, never renamed or removed.
"""

from __future__ import annotations

import re
from typing import Final, TypeVar

import msgspec


class Tls(msgspec.Struct, frozen=True, omit_defaults=True):
    """One leg's TLS session. Empty strings: not offered or not known."""

    version: str = ""
    cipher: str = ""
    sni: str = ""
    peer_subject: str = ""


class Opened(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tunnel opened: both heads were exchanged and the CSMS answered 101.

    `request_head` is the charge point's head, `response_head` the CSMS's, both as received but for the
    value of Authorization, which is replaced by its scheme and length.
    """

    charge_point: str
    target: bytes = b""
    remote_address: str = ""
    upstream: str = ""
    upstream_address: str = ""
    request_head: bytes = b""
    response_head: bytes = b""
    tls: Tls | None = None
    upstream_tls: Tls | None = None
    dial_us: int = 0
    handshake_us: int = 0
    notes: tuple[str, ...] = ()


_AUTHORIZATION: Final = re.compile(rb"^authorization[ \t]*:", re.IGNORECASE | re.MULTILINE)


def security_profile(opened: Opened) -> int:
    """As the charge point's leg shows it (OCPP-J 1.6 security §3, 2.x A00): 0 nothing, 1 password, 2 TLS and password
    (or TLS alone), 3 TLS with a client's certificate."""
    if opened.tls is not None:
        return 3 if opened.tls.peer_subject else 2
    return 1 if _AUTHORIZATION.search(opened.request_head) else 0


class Refused(msgspec.Struct, frozen=True, omit_defaults=True):
    """A handshake that ended otherwise. `status` 0: closed without an answer.

    `refused_by`: charge_point (gave up), csms (its answer was passed on) or proxy (our verdict).
    `count` stands for so many like it from this address since the last record (rate limit), itself included.
    """

    charge_point: str = ""
    target: bytes = b""
    remote_address: str = ""
    upstream: str = ""
    request_head: bytes = b""
    response_head: bytes = b""
    tls: Tls | None = None
    status: int = 0
    refused_by: str = "proxy"
    reason: str = ""
    count: int = 1


class Flow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One direction's bytes at the close: written to the journal, handed to the kernel of the other leg, still here."""

    journalled: int = 0
    handed: int = 0
    buffered: int = 0


class Closed(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a tunnel ended. `closed_by`: charge_point, csms or proxy; `how`: fin, rst, timeout or error."""

    closed_by: str
    how: str
    reason: str = ""
    from_charge_point: Flow = Flow()
    from_csms: Flow = Flow()
    rtt_us: int = 0
    upstream_rtt_us: int = 0


class Missed(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why bytes are not in the journal: payload of a GAP record.

    `connection` 0 and direction 0 in the record's head: the whole worker, from here on.
    `until` is the stream offset after the last byte missed; the record's offset is the first one.
    `connections` counts connections that came and went unseen.
    """

    reason: str
    until: int = 0
    since_at: int = 0
    connections: int = 0


T = TypeVar("T", Opened, Refused, Closed, Missed)


def encode(value: Opened | Refused | Closed | Missed) -> bytes:
    return msgspec.msgpack.encode(value)


def decode(data: bytes, kind: type[T]) -> T:
    """Raises msgspec.ValidationError or DecodeError when `data` is not a `kind`."""
    return msgspec.msgpack.decode(data, type=kind)
