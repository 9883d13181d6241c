"""`ocpptap show`: the timeline of a session for people: calls with their answers, pings, gaps and findings in place.

Rows come in pages, in the order of time, which is the order of the table: a session of months needs little memory and
reads nothing twice. Lines are given out as they are made. What a line looks like: lines.py.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from proxy.forensics import lines
from proxy.forensics.find import NotFound, find_session, rows
from proxy.forensics.timeline import Row, folded, joined, whole
from proxy.forensics.typed import EARLIEST, LATEST, moment
from proxy.log import printable
from proxy.store.client import Store

_SIZE: Final = 4 << 20
"""Bytes of text that a page has at most."""
_LEAST_CUT: Final = 500
_MOST_ROWS: Final = 2_000
_PAGES_AT_ONCE: Final = 200
_SESSIONS_AT_ONCE: Final = 500
_MOST: Final = 2**64 - 1

_HEADER: Final = """
SELECT connection_id, charge_point, source, journal, toString(at) AS opened, toString(connections.last_at) AS last,
  state, status, count, ocpp_version, remote_address, target, upstream, dial_us, handshake_us, tls_version,
  compression, subprotocol, vendor, model, firmware, close_code, closed_by, closed_how, closed_reason,
  frames_from_charge_point, frames_from_csms, notes
FROM (SELECT * FROM all_connections FINAL WHERE connection_id = {connection:String} AND source = {source:String})
  AS connections
"""
_ROWS: Final = """
WITH length(found.text) > 0 OR kind IN ('frame', 'part') AND opcode IN (0, 1) AND rsv = 0 AS readable,
  if(length(found.text) > 0, found.text, payload) AS said
SELECT frame_no, toString(found.at) AS at, direction, kind, opcode, found.fin = 1 AS fin, message_type, message_id,
  action, answers, latency_us, verdict, rule, pointer, clause, found.redacted = 1 AS redacted,
  found.truncated = 1 AS truncated, length(said) AS size,
  if(readable, toValidUTF8(substring(said, 1, {cut:UInt32})), '') AS text,
  if(readable, '', lower(hex(substring(said, 1, 32)))) AS raw
FROM (
  SELECT * FROM all_frames
  WHERE charge_point = {charge_point:String} AND source = {source:String} AND connection_id = {connection:String}
    AND at >= {after_at:DateTime64(6, 'UTC')} AND at <= {last_at:DateTime64(6, 'UTC')}
    AND (at > {after_at:DateTime64(6, 'UTC')} OR frame_no > {after:UInt64})
    AND (at < {last_at:DateTime64(6, 'UTC')} OR frame_no <= {last:UInt64})
    AND (kind != 'tail' OR length(payload) > 0)
) AS found ORDER BY found.at, frame_no
"""
_PAGES: Final = """
SELECT toString(found.at) AS at, frame_no
FROM (
  SELECT *, row_number() OVER (ORDER BY at, frame_no) AS place
  FROM (
    SELECT at, frame_no FROM all_frames
    WHERE charge_point = {charge_point:String} AND source = {source:String} AND connection_id = {connection:String}
      AND at >= {after_at:DateTime64(6, 'UTC')} AND at <= {until:DateTime64(6, 'UTC')}
      AND (at > {after_at:DateTime64(6, 'UTC')} OR frame_no > {after:UInt64})
    ORDER BY charge_point, at, connection_id, frame_no LIMIT {limit:UInt32}
  )
) AS found WHERE place % {page:UInt32} = 0 ORDER BY place
"""
"""The last row of each page. The inner order is the table's own: no more is read than is asked for."""
_GAPS: Final = """
SELECT toString(gaps.at) AS at, toString(until_at) AS until, kind, direction, bytes, reason FROM all_gaps AS gaps
WHERE source = {source:String} AND journal = {journal:String}
  AND (connection_id = {connection:String} OR connection_id = '' AND bytes = 0)
  AND until_at >= {since:DateTime64(6, 'UTC')} AND gaps.at <= {until:DateTime64(6, 'UTC')}
ORDER BY gaps.at, batch, gap_no LIMIT 100000
"""
_FINDINGS: Final = """
SELECT toString(findings.at) AS at, toString(severity) AS severity, analyzer, rule, message,
  ifNull(toString(cleared_at), '') AS cleared, observed, limit, basis, count, transaction_id, connector_id,
  arrayMap(place -> place.2, arrayFilter(place -> place.1 = {connection:String}, evidence)) AS frames
FROM all_findings AS findings FINAL
WHERE source = {source:String} AND charge_point = {charge_point:String} AND has(evidence.1, {connection:String})
  AND findings.at >= {since:DateTime64(6, 'UTC')} AND findings.at <= {until:DateTime64(6, 'UTC')}
ORDER BY findings.at, finding_id LIMIT 100000
"""
_SESSIONS: Final = """
SELECT connection_id, toString(connections.at) AS at FROM connections
WHERE charge_point = {charge_point:String}
  AND connections.at >= {after_at:DateTime64(6, 'UTC')}
  AND (connections.at > {after_at:DateTime64(6, 'UTC')} OR connection_id > {after:String})
  AND (state = 'open' OR connections.last_at >= {since:DateTime64(6, 'UTC')})
  AND connections.at <= {until:DateTime64(6, 'UTC')}
ORDER BY connections.at, connection_id LIMIT {limit:UInt32}
"""
"""Of an open session `last_at` is when its row was last written: it may have said more since."""


class Span(msgspec.Struct, frozen=True):
    """`since` and `until` as ISO 8601 UTC, '' = no limit."""

    since: str = ""
    until: str = ""

    def params(self) -> dict[str, str]:
        """Raises ValueError for a time that is none."""
        return {"since": moment(self.since, EARLIEST), "until": moment(self.until, LATEST)}


class Look(msgspec.Struct, frozen=True):
    """How it is shown: columns a line may take, rows that are asked for at once."""

    width: int = 120
    rows: int = _MOST_ROWS

    @property
    def cut(self) -> int:
        """Bytes of a message that are asked for: a character may take four."""
        return max(_LEAST_CUT, 4 * self.width)

    @property
    def page(self) -> int:
        return max(1, min(self.rows, _SIZE // self.cut))


ALWAYS: Final = Span()
LOOK: Final = Look()


def show_session(store: Store, prefix: str, span: Span = ALWAYS, look: Look = LOOK) -> Iterator[str]:
    """Lines of the session whose id begins with `prefix`. Raises NotFound, StoreError, ValueError."""
    params = span.params()
    session = find_session(store, prefix)
    return _shown(store, session.connection_id, session.source, params, look)


def show_charge_point(store: Store, charge_point: str, span: Span, look: Look = LOOK) -> Iterator[str]:
    """Lines of each session and refusal of `charge_point` in `span`, oldest first. Raises as `show_session`."""
    params = span.params()
    found = _sessions(store, charge_point, params)
    first = next(found, None)
    if first is None:
        at_that_time = "" if span == ALWAYS else " at that time"
        raise NotFound(
            f"no session of {printable(charge_point)!r} in the store{at_that_time}; `ocpptap sessions` lists them"
        )
    return _several(store, itertools.chain((first,), found), params, look)


def _several(store: Store, connections: Iterable[str], span: dict[str, str], look: Look) -> Iterator[str]:
    for number, connection in enumerate(connections):
        if number:
            yield ""
        yield from _shown(store, connection, "", span, look)


def _sessions(store: Store, charge_point: str, span: dict[str, str]) -> Iterator[str]:
    after_at, after, full = moment("", EARLIEST), "", True
    while full:
        params = span | {"after_at": after_at, "after": after, "limit": str(_SESSIONS_AT_ONCE)}
        found = rows(store, _SESSIONS, charge_point=charge_point, **params)
        yield from (row["connection_id"] for row in found)
        full = len(found) == _SESSIONS_AT_ONCE
        if full:
            after_at, after = found[-1]["at"], found[-1]["connection_id"]


def header_of(store: Store, connection: str, source: str) -> dict[str, Any]:
    """The newest row of a connection that there is."""
    (header,) = rows(store, _HEADER, connection=connection, source=source)
    return header


def gaps_of(store: Store, header: dict[str, Any], span: dict[str, str]) -> list[dict[str, Any]]:
    """What was not seen of the session while it lived."""
    within = _within(span, header)
    which = {"source": header["source"], "connection": header["connection_id"]}
    return rows(store, _GAPS, journal=header["journal"], **which, **within)


def findings_of(store: Store, header: dict[str, Any], span: dict[str, str]) -> list[dict[str, Any]]:
    """Findings that frames of the session prove."""
    which = {name: header[name] for name in ("charge_point", "source")}
    return rows(store, _FINDINGS, connection=header["connection_id"], **which, **_within(span, header))


def _shown(store: Store, connection: str, source: str, span: dict[str, str], look: Look) -> Iterator[str]:
    header = header_of(store, connection, source)
    yield from lines.opening(header, look.width)
    if header["state"] != "refused":
        yield from _timeline(store, header, _within(span, header), look)
    yield from lines.closing(header, look.width)


def _within(span: dict[str, str], header: dict[str, Any]) -> dict[str, str]:
    """The part of `span` in which the session lived: what nobody observed before or after is not its gap."""
    until = span["until"] if header["state"] == "open" else min(span["until"], header["last"])
    return {"since": max(span["since"], header["opened"]), "until": until}


def _timeline(store: Store, header: dict[str, Any], within: dict[str, str], look: Look) -> Iterator[str]:
    who = {name: header[name] for name in ("charge_point", "source")}
    which = who | within | {"connection": header["connection_id"]}
    gaps = ((row["at"], lines.gap(row, look.width)) for row in gaps_of(store, header, within))
    findings = ((row["at"], lines.finding(row, look.width)) for row in findings_of(store, header, within))
    events = (
        (found.at, lines.event(found, look.width))
        for found in folded(joined(whole(_frames(store, which, look))))
    )
    yield ""
    yield from by_day(heapq.merge(events, gaps, findings, key=lambda pair: pair[0]))
    yield ""


def _without(params: dict[str, str], *names: str) -> dict[str, str]:
    return {key: value for key, value in params.items() if key not in names}


def by_day(dated: Iterable[tuple[str, list[str]]]) -> Iterator[str]:
    """The lines, a date above those of each day."""
    day = ""
    for at, some in dated:
        if at[:10] != day:
            day = at[:10]
            yield f"{day} (UTC)"
        yield from some


def _frames(store: Store, which: dict[str, str], look: Look) -> Iterator[Row]:
    for bounds in _pages(store, which, look):
        found = rows(store, _ROWS, **_without(which, "since", "until"), **bounds, cut=str(look.cut))
        yield from map(_row, found)


def _pages(store: Store, which: dict[str, str], look: Look) -> Iterator[dict[str, str]]:
    """Between which rows each page stands: after `after`, up to `last`."""
    after_at, after, full = which["since"], "0", True
    asked = {"page": str(look.page), "limit": str(look.page * _PAGES_AT_ONCE)}
    while full:
        params = _without(which, "since") | asked
        found = rows(store, _PAGES, **params, after_at=after_at, after=after)
        for end in found:
            last_at, last = end["at"], str(end["frame_no"])
            yield {"after_at": after_at, "after": after, "last_at": last_at, "last": last}
            after_at, after = last_at, last
        full = len(found) == _PAGES_AT_ONCE
    yield {"after_at": after_at, "after": after, "last_at": which["until"], "last": str(_MOST)}


def _row(found: dict[str, Any]) -> Row:
    return msgspec.convert(found | {"raw": bytes.fromhex(found["raw"])}, Row, strict=False)
