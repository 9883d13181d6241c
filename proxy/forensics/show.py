"""`ocpptap show`: the timeline of a session for people: calls with their answers, pings, gaps and findings in place.

Whatever peers sent is escaped, and cut where it is long. Rows come in pages: a session of months needs little memory.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
import orjson

from proxy.forensics.find import find_session, iso, rows
from proxy.forensics.timeline import Event, Exchange, Pings, Row, folded, joined
from proxy.forensics.typed import EARLIEST, LATEST, moment
from proxy.log import printable
from proxy.store.client import Store

_PAGE: Final = 2_000
_CUT: Final = 2_000
"""Bytes of a message that are asked for; what a line shows of them: `_WIDTH` characters."""
_WIDTH: Final = 200
_ARROWS: Final = {"from_charge_point": "→", "from_csms": "←"}
_OPCODES: Final = {0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}
_PAYLOAD_AT: Final = {2: 3, 3: 2, 6: 3}
"""Message type -> where its payload stands in the array."""

_HEADER: Final = """
SELECT connection_id, charge_point, source, toString(at) AS opened, toString(connections.last_at) AS last, state,
  ocpp_version, subprotocol, remote_address, target, upstream, dial_us, handshake_us, tls_version, compression,
  vendor, model, firmware, close_code, closed_by, closed_how, closed_reason, frames_from_charge_point, frames_from_csms
FROM (SELECT * FROM all_connections FINAL WHERE connection_id = {connection:String} AND source = {source:String})
  AS connections
"""
_ROWS: Final = """
SELECT frame_no, toString(at) AS at, direction, kind, opcode, message_type, message_id, action, answers, latency_us,
  verdict, rule, pointer, clause, redacted = 1 AS redacted, truncated = 1 AS truncated,
  length(if(text != '', text, payload)) AS size,
  toValidUTF8(substring(if(text != '', text, payload), 1, {cut:UInt32})) AS text
FROM all_frames
WHERE connection_id = {connection:String} AND source = {source:String} AND charge_point = {charge_point:String}
  AND frame_no > {after:UInt64} AND kind != 'tail'
  AND at >= {since:DateTime64(6, 'UTC')} AND at <= {until:DateTime64(6, 'UTC')}
ORDER BY frame_no, stream_offset LIMIT {limit:UInt32}
"""
_GAPS: Final = """
SELECT toString(at) AS at, toString(until_at) AS until, kind, direction, bytes, reason FROM all_gaps
WHERE source = {source:String} AND (connection_id = {connection:String} OR connection_id = '' AND bytes = 0)
  AND until_at >= {since:DateTime64(6, 'UTC')} AND at <= {until:DateTime64(6, 'UTC')}
ORDER BY at, batch, gap_no LIMIT 10000
"""
_FINDINGS: Final = """
SELECT toString(findings.at) AS at, severity, analyzer, rule, message FROM all_findings AS findings FINAL
WHERE source = {source:String} AND charge_point = {charge_point:String}
  AND has(evidence.1, {connection:String})
  AND findings.at >= {since:DateTime64(6, 'UTC')} AND findings.at <= {until:DateTime64(6, 'UTC')}
ORDER BY findings.at LIMIT 10000
"""
_SESSIONS: Final = """
SELECT connection_id FROM connections
WHERE charge_point = {charge_point:String} AND state != 'refused'
  AND connections.last_at >= {since:DateTime64(6, 'UTC')} AND at <= {until:DateTime64(6, 'UTC')}
ORDER BY at LIMIT 1000
"""


class Span(msgspec.Struct, frozen=True):
    """`since` and `until` as ISO 8601 UTC, '' = no limit."""

    since: str = ""
    until: str = ""

    def params(self) -> dict[str, str]:
        """Raises ValueError for a time that is none."""
        return {"since": moment(self.since, EARLIEST), "until": moment(self.until, LATEST)}


ALWAYS: Final = Span()


def show_session(store: Store, prefix: str, span: Span = ALWAYS) -> Iterator[str]:
    """Lines of the session whose id begins with `prefix`. Raises NotFound, StoreError, ValueError."""
    session = find_session(store, prefix)
    return _shown(store, session.connection_id, session.source, span)


def show_charge_point(store: Store, charge_point: str, span: Span) -> Iterator[str]:
    """Lines of each session of `charge_point` in `span`, oldest first."""
    found = rows(store, _SESSIONS, charge_point=charge_point, **span.params())
    if not found:
        yield f"no session of {printable(charge_point)} at that time; `ocpptap sessions` lists them"
    for row in found:
        yield from _shown(store, row["connection_id"], "", span)
        yield ""


def _shown(store: Store, connection: str, source: str, span: Span) -> Iterator[str]:
    (header,) = rows(store, _HEADER, connection=connection, source=source)
    which = {"connection": connection, "source": source, **span.params()}
    mine = which | {"charge_point": header["charge_point"]}
    yield from _opening(header)
    yield ""
    asides = heapq.merge(_gaps(rows(store, _GAPS, **which)), _findings(rows(store, _FINDINGS, **mine)))
    events = ((_began(event), _event(event)) for event in folded(joined(_frames(store, mine))))
    for _, lines in heapq.merge(events, asides, key=lambda pair: pair[0]):
        yield from lines
    yield ""
    yield _closing(header)


def _frames(store: Store, which: dict[str, str]) -> Iterator[Row]:
    after, full = 0, True
    while full:
        params = which | {"after": str(after), "limit": str(_PAGE), "cut": str(_CUT)}
        found = [msgspec.convert(row, Row, strict=False) for row in rows(store, _ROWS, **params)]
        yield from found
        full = len(found) == _PAGE
        after = found[-1].frame_no if found else after


# lines


def _opening(header: dict[str, Any]) -> Iterator[str]:
    who = " ".join(filter(None, (header["vendor"], header["model"], header["firmware"])))
    version = f"OCPP {header['ocpp_version']}" if header["ocpp_version"] else "no subprotocol"
    parts = (header["charge_point"], f"session {header['connection_id']}", version, who)
    yield " · ".join(printable(part) for part in parts if part)
    took = f"dialled in {_ms(header['dial_us'])}, answered after {_ms(header['handshake_us'])}"
    extras = "".join(f", {header[name]}" for name in ("tls_version", "compression") if header[name])
    yield (
        f"{iso(header['opened'])} opened from {printable(header['remote_address'])} to "
        f"{printable(header['target'])}, upstream {printable(header['upstream'])}, {took}{printable(extras)}"
    )


def _closing(header: dict[str, Any]) -> str:
    up, down = header["frames_from_charge_point"], header["frames_from_csms"]
    counted = f"{up} frames from the charge point, {down} from the CSMS"
    if header["state"] == "open":
        return f"{iso(header['last'])} still open; when its row was last written: {counted}"
    code = f", close code {header['close_code']}" if header["close_code"] else ""
    reason = f" ({printable(header['closed_reason'])})" if header["closed_reason"] else ""
    ended = f"ended by {header['closed_by']}, {header['closed_how']}{code}{reason}"
    return f"{iso(header['last'])} {ended}; {counted}"


def _began(event: Event) -> str:
    if isinstance(event, Exchange):
        return event.call.at
    return event.first.at if isinstance(event, Pings) else event.row.at


def _event(event: Event) -> list[str]:
    if isinstance(event, Pings):
        return [_pings(event)]
    if isinstance(event, Exchange):
        none = f"{'':27}(no answer here)"
        return [_message(event.call), none if event.answer is None else _answer(event.answer)]
    return [_answer(event.row, f"answers #{event.row.answers} ")] if event.late else [_message(event.row)]


def _message(row: Row) -> str:
    what = row.action or (_OPCODES.get(row.opcode, row.kind) if row.kind == "frame" else row.kind)
    return _line(row, _ARROWS[row.direction], f"{printable(what)}{_judged(row)} {_said(row)}")


def _answer(row: Row, belongs: str = "") -> str:
    took = "" if row.latency_us is None else f"{_ms(row.latency_us)}"
    return _line(row, f"  {_ARROWS[row.direction]}", f"{belongs}{took}{_judged(row)} {_said(row)}")


def _line(row: Row, arrow: str, what: str) -> str:
    return f"{row.at[11:26]}  #{row.frame_no:<7} {arrow} {what}".rstrip()


def _pings(run: Pings) -> str:
    until = f" until {run.last.at[11:19]}" if run.pings + run.pongs > 2 else ""
    return f"{run.first.at[11:26]}  #{run.first.frame_no:<7} · {run.pings} pings, {run.pongs} pongs{until}"


def _judged(row: Row) -> str:
    """What is wrong with it."""
    if row.verdict in ("", "ok"):
        return ""
    why = " ".join(filter(None, (row.rule, row.pointer, f"({row.clause})" if row.clause else "")))
    return f" [{row.verdict}{': ' + printable(why) if why else ''}]"


def _said(row: Row) -> str:
    """The payload alone, where it can be read, else the text; cut."""
    text = printable(_payload(row))
    if len(text) > _WIDTH or row.size > _CUT:
        text = f"{text[:_WIDTH]}… ({row.size} bytes)"
    return text + (" (secret masked)" if row.redacted else "") + (" (cut short)" if row.truncated else "")


def _payload(row: Row) -> str:
    place = _PAYLOAD_AT.get(row.message_type)
    if place is None or row.size > _CUT:
        return row.text
    try:
        array = orjson.loads(row.text)
    except orjson.JSONDecodeError:
        return row.text
    return orjson.dumps(array[place]).decode() if isinstance(array, list) and len(array) > place else ""


def _ms(us: int | str) -> str:
    return f"{int(us) / 1000:.1f} ms"


def _gaps(found: Iterable[dict[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    for row in found:
        size = f" {row['bytes']} bytes {row['direction']}" if int(row["bytes"]) else ""
        yield (
            row["at"],
            [
                f"{row['at'][11:26]}  gap: {row['kind']}{size} until {row['until'][11:26]}: {printable(row['reason'])}"
            ],
        )


def _findings(found: Iterable[dict[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    for row in found:
        yield (
            row["at"],
            [
                f"{row['at'][11:26]}  {row['severity']} {row['analyzer']} {row['rule']}: {printable(row['message'])}"
            ],
        )
