"""The `connections` row: what the relay said about a connection, what its lanes counted, how it ended.

The relay has replaced credentials in headers (`heads.forward.redacted`); passwords and tokens in URLs, the target's
query for one, are masked here.
"""

from __future__ import annotations

from typing import Any, Final

from proxy.heads.connection import Closed, Flow, Opened, Refused, Tls
from proxy.heads.extensions import Deflate, subprotocol
from proxy.names import Direction
from proxy.ocpp.secrets import mask_url
from proxy.pipeline.batch import Row
from proxy.pipeline.connection import Connection, version_of
from proxy.pipeline.identity import Identity
from proxy.pipeline.rows import STATES, row_of
from proxy.tables import TABLES

_NO_TLS: Final = Tls()
_UP, _DOWN = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS
_MOST_RTT: Final = 2**32 - 1
_BLANK: Final[dict[str, Any]] = {
    column: "" if "String" in kind else 0 for column, kind in TABLES["connections"].items()
}


def open_row(connection: Connection, batch: int) -> Row:
    """The connection as it stands, still open."""
    return row_of("connections", _known(connection, batch) | {"state": STATES["open"]})


def closed_row(connection: Connection, closed: Closed, batch: int) -> Row:
    """The connection as it ended."""
    ends = {
        "state": STATES["closed"],
        "last_at": connection.time.at,
        "closed_by": closed.closed_by,
        "closed_how": closed.how,
        "closed_reason": closed.reason,
        "rtt_us": min(closed.rtt_us, _MOST_RTT),
        "upstream_rtt_us": min(closed.upstream_rtt_us, _MOST_RTT),
    }
    flows = _flow(_UP, closed.from_charge_point) | _flow(_DOWN, closed.from_csms)
    return row_of("connections", _known(connection, batch) | ends | flows)


def refused_row(identity: Identity, refused: Refused, batch: int) -> Row:
    """A handshake that ended without a tunnel."""
    told = {
        "state": STATES["refused"],
        "status": refused.status,
        "count": refused.count,
        "closed_by": refused.refused_by,
        "closed_reason": refused.reason,
    }
    opened = Opened(
        charge_point=refused.charge_point,
        target=refused.target,
        remote_address=refused.remote_address,
        upstream=refused.upstream,
        request_head=refused.request_head,
        response_head=refused.response_head,
        tls=refused.tls,
    )
    return row_of("connections", _nothing(identity, batch) | _heads(opened) | told)


def _known(connection: Connection, batch: int) -> dict[str, Any]:
    up, down = connection.lanes[_UP], connection.lanes[_DOWN]
    boot = connection.conversation.boot
    learnt = {
        "last_at": connection.last_at,
        "status": 101,
        "close_code": connection.close_code,
        "frames_from_charge_point": up.frames,
        "frames_from_csms": down.frames,
        "rows_from_charge_point": up.chain.rows,
        "rows_from_csms": down.chain.rows,
        "bytes_from_charge_point": up.expected,
        "bytes_from_csms": down.expected,
        "last_link_from_charge_point": up.chain.link,
        "last_link_from_csms": down.chain.link,
        "ocpp_version": version_of(connection.opened),
        "subprotocol": subprotocol(connection.opened.response_head),
        "compression": _compression(connection.deflate),
        "vendor": boot.vendor,
        "model": boot.model,
        "firmware": boot.firmware,
    }
    return _nothing(connection.identity, batch) | _heads(connection.opened) | learnt


def _heads(opened: Opened) -> dict[str, Any]:
    tls, upstream_tls = opened.tls or _NO_TLS, opened.upstream_tls or _NO_TLS
    return {
        "charge_point": opened.charge_point,
        "target": _without_secrets(opened.target),
        "remote_address": opened.remote_address,
        "upstream": opened.upstream,
        "upstream_address": opened.upstream_address,
        "request_head": _without_secrets(opened.request_head),
        "response_head": _without_secrets(opened.response_head),
        "tls_version": tls.version,
        "tls_cipher": tls.cipher,
        "tls_sni": tls.sni,
        "tls_client_subject": tls.peer_subject,
        "upstream_tls_version": upstream_tls.version,
        "upstream_tls_cipher": upstream_tls.cipher,
        "upstream_tls_subject": upstream_tls.peer_subject,
        "dial_us": opened.dial_us,
        "handshake_us": opened.handshake_us,
        "notes": opened.notes,
    }


def _without_secrets(head: bytes) -> bytes:
    """A head or a target: any bytes."""
    return mask_url(head.decode("latin-1")).encode("latin-1")


def _flow(direction: Direction, flow: Flow) -> dict[str, Any]:
    word = direction.label
    return {f"handed_{word}": flow.handed, f"buffered_{word}": flow.buffered}


def _compression(deflate: Deflate | None) -> str:
    return "" if deflate is None else "permessage-deflate"


def _nothing(identity: Identity, batch: int) -> dict[str, Any]:
    """Every column, empty but for what is known of any connection."""
    return _BLANK | {
        "at": identity.at,
        "last_at": identity.at,
        "batch": batch,
        "run": identity.run,
        "worker": identity.worker,
        "count": 1,
        "connection_id": identity.connection_id,
        "journal": identity.journal,
        "source_connection_id": identity.connection_id if identity.source else "",
        "source": identity.source,
    }
