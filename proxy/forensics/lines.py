"""Events of a timeline as lines for people, `width` columns at most: time, frame number, direction, what. Pure.

What peers sent is escaped (`printable`), and cut where the line ends; the frame's number finds the rest with `query`.
What makes a message worth a look stands below it on a line of its own, and is never cut. An answer stands right below
its call, with the time it took in place of the time of day.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Any, Final

from proxy.forensics.find import iso
from proxy.forensics.timeline import Event, Pings, Row, Said
from proxy.log import printable

NARROWEST: Final = 60
_TIME: Final = 15
_NUMBER: Final = 7
_INDENT: Final = " " * (_TIME + _NUMBER + 5)
"""Up to where a call's action stands."""
_ARROWS: Final = {"from_charge_point": "→", "from_csms": "←"}
_SENDERS: Final = {"from_charge_point": "the charge point", "from_csms": "the CSMS"}
_GONE: Final = {"erased": "gone", "quarantined": "in <data>/quarantine"}
"""Kinds of gaps whose bytes were seen."""
_WHO: Final = {"charge_point": "the charge point", "csms": "the CSMS", "proxy": "ocpptap"}
_KINDS: Final = {
    "part": "part of a frame",
    "opaque": "bytes that are no frames",
    "tail": "left over at the close",
}
_OPCODES: Final = {0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}
_REPLIES: Final = {4: "CALLERROR", 5: "CALLRESULTERROR"}
_CALLRESULT: Final = 3
_BINARY: Final = 2
_CLOSE: Final = 8
_LONG: Final = 10_000_000
"""us from which on a duration is told in seconds."""
_PIECE: Final = 1_000
"""Characters that `printable` takes whole."""
_WHITE: Final = re.compile(r"\s*[\r\n]\s*")
_STRING: Final = r'"(?:[^"\\]|\\.)*+"'
_FRONT: Final = re.compile(
    rf"\[\s*(?:[26]\s*,\s*{_STRING}\s*,\s*{_STRING}|3\s*,\s*{_STRING}|[45]\s*,\s*{_STRING})\s*,\s*"
)
"""What stands before a message's payload: type and id, of a CALL its action, too."""


def opening(header: dict[str, Any], width: int) -> list[str]:
    """Who, and from where to where."""
    return [line for text in _opening(header) for line in _wrapped(printable(text), width, "  ")]


def _opening(header: dict[str, Any]) -> Iterator[str]:
    version = f"OCPP {header['ocpp_version']}" if header["ocpp_version"] else ""
    device = " ".join(filter(None, (header["vendor"], header["model"])))
    firmware = f"firmware {header['firmware']}" if header["firmware"] else ""
    parts = (header["charge_point"], device, firmware, version, f"session {header['connection_id']}")
    yield " · ".join(filter(None, parts))
    to = f" to {header['upstream']}" if header["upstream"] else ""
    way = f"from {header['remote_address']} {header['target']}{to}"
    extras = (way, header["tls_version"], header["compression"])
    yield f"opened {iso(header['opened'])} {', '.join(filter(None, extras))}"
    if header["state"] != "refused":
        yield f"the CSMS was dialled in {took(header['dial_us'])} and answered after {took(header['handshake_us'])}"


def closing(header: dict[str, Any], width: int) -> list[str]:
    """Who closed first and how."""
    return _wrapped(printable(ending(header)), width, "  ")


def ending(header: dict[str, Any]) -> str:
    """The same as one line, not escaped."""
    last = iso(header["last"])
    if header["state"] == "open":
        return "still open"
    if header["state"] == "refused":
        times = f" {header['count']} times until {last}" if int(header["count"]) > 1 else ""
        status = f" with HTTP status {header['status']}" if header["status"] else ""
        by = _WHO.get(header["closed_by"], "nobody known")
        return f"refused{times} by {by}{status}: {header['closed_reason']}"
    who = _WHO.get(header["closed_by"], "nobody known")
    reason = f": {header['closed_reason']}" if header["closed_reason"] else ""
    code = f" · close code {header['close_code']}" if header["close_code"] else ""
    up, down = header["frames_from_charge_point"], header["frames_from_csms"]
    counts = f"{up} frames up, {down} down"
    return f"closed {last} · {who} first ({header['closed_how']}{reason}){code} · {counts}"


def event(found: Event, width: int) -> list[str]:
    """Its lines."""
    if isinstance(found, Pings):
        return [_pings(found)]
    if isinstance(found, Said):
        return _said(found, width)
    lines = _message(found.call, _time(found.at), f"{_arrow(found.call)} ", width)
    return lines + (_answer(found.answer, width) if found.answer else [f"{_INDENT}  no answer seen here"])


def gap(row: dict[str, Any], width: int) -> list[str]:
    """What was not seen."""
    return _aside(row["at"], gap_text(row), width)


def gap_text(row: dict[str, Any]) -> str:
    """The same as one line, not escaped."""
    size = (
        f"{row['bytes']} bytes of {_SENDERS.get(row['direction'], 'both')}" if int(row["bytes"]) else "time"
    )
    until = "" if row["until"] == row["at"] else f" until {iso(row['until'])}"
    return f"gap ({row['kind']}): {size} {_GONE.get(row['kind'], 'not seen')}{until}: {row['reason']}"


def finding(row: dict[str, Any], width: int) -> list[str]:
    """What an analyzer says."""
    over = f" (over: {iso(row['cleared'])})" if row["cleared"] else ""
    return _aside(
        row["at"], f"{row['severity']} {row['rule']} {row['analyzer']}: {row['message']}{over}", width
    )


def _aside(at: str, text: str, width: int) -> list[str]:
    """What no peer said."""
    first, *more = _wrapped(printable(text), width - len(_INDENT), "  ")
    return [f"{_time(at):{_TIME}}  {'':{_NUMBER}} ! {first}", *(_INDENT + line for line in more)]


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False) or [""]


# colours

_BOLD, _DIM, _RED, _YELLOW, _BLUE, _MAGENTA, _CYAN = "1", "2", "31", "33", "34", "35", "36"
_COLOURS: Final = tuple(
    (re.compile(pattern), colours)
    for pattern, colours in (
        (r"(?P<dim>.{24} )(?P<what>! critical .*)", {"dim": _DIM, "what": _RED}),
        (r"(?P<dim>.{24} )(?P<what>! warning .*)", {"dim": _DIM, "what": _YELLOW}),
        (r"(?P<dim>.{24} )(?P<what>! gap .*)", {"dim": _DIM, "what": _MAGENTA}),
        (r"(?P<dim>.{24} )(?P<what>! .*)", {"dim": _DIM, "what": _CYAN}),
        (r" {27}(?P<what>! (?:violation|unparseable).*|  no answer seen here)", {"what": _RED}),
        (r" {27}(?P<what>! .*)", {"what": _YELLOW}),
        (r"(?P<dim>.{24} · .*)", {"dim": _DIM}),
        (r"(?P<dim>.{24} )(?P<what>. {3}CALL(?:RESULT)?ERROR)(?P<rest> .*)?", {"dim": _DIM, "what": _RED}),
        (r"(?P<dim>.{24} )(?P<what>→ {3})(?P<rest>.*)", {"dim": _DIM, "what": _BLUE}),
        (r"(?P<dim>.{24} )(?P<what>← {3})(?P<rest>.*)", {"dim": _DIM, "what": _MAGENTA}),
        (r"(?P<dim>.{24} )(?P<what>→ \S+)(?P<rest>.*)", {"dim": _DIM, "what": f"{_BOLD};{_BLUE}"}),
        (r"(?P<dim>.{24} )(?P<what>← \S+)(?P<rest>.*)", {"dim": _DIM, "what": f"{_BOLD};{_MAGENTA}"}),
        (r"(?P<what>\d{4}-\d\d-\d\d \(UTC\)|\S.* · session .*)", {"what": _BOLD}),
    )
)
"""A line as it is made here -> the colours of its parts. Peers' text is escaped, and stands behind what is matched."""


def coloured(line: str) -> str:
    """For a terminal (ECMA-48). Nothing but colour is added."""
    for pattern, colours in _COLOURS:
        found = pattern.fullmatch(line)
        if found is not None:
            return "".join(
                f"\x1b[{colours[name]}m{text}\x1b[0m" if name in colours else text
                for name, text in _parts(found)
            )
    return line


def _parts(found: re.Match[str]) -> Iterator[tuple[str, str]]:
    """Of the line: the parts that have a name, and what stands between them."""
    at = 0
    for name in found.re.groupindex:
        begin, end = found.span(name)
        if begin >= 0:
            yield "", found.string[at:begin]
            yield name, found.string[begin:end]
            at = end
    yield "", found.string[at:]


# messages and frames


def _said(found: Said, width: int) -> list[str]:
    if not found.late:
        return _message(found.row, _time(found.at), f"{_arrow(found.row)} ", width)
    what = f"{_arrow(found.row)} answers {found.row.answers} after {took(found.row.latency_us or 0)}: "
    return _message(found.row, _time(found.at), what, width)


def _answer(row: Row, width: int) -> list[str]:
    after = "" if row.latency_us is None else f"+{took(row.latency_us)}"
    return _message(row, after, f"{_arrow(row)}   ", width)


def _message(row: Row, when: str, what: str, width: int) -> list[str]:
    name = name_text(row)
    begin = f"{when:>{_TIME}}  {row.frame_no:>{_NUMBER}} {what}{printable(name)}{' ' if name else ''}"
    end = "".join(f" ({word})" for word in marks(row))
    return [(begin + _cut(row, width - len(begin) - len(end))).rstrip() + end, *_judged(row, width)]


def name_text(row: Row) -> str:
    """What it is called beside its arrow; "" of an answer, which stands below its call."""
    return _REPLIES.get(row.message_type) or ("" if row.answers else row.action or kind_text(row))


def kind_text(row: Row) -> str:
    """Of what has no action."""
    if row.kind != "frame":
        return _KINDS.get(row.kind, row.kind)
    if row.message_type:
        return "CALLRESULT" if row.message_type == _CALLRESULT else "message"
    if row.verdict == "unparseable" and row.opcode < _BINARY:
        return ""
    return _OPCODES.get(row.opcode, f"frame with opcode {row.opcode}")


def marks(row: Row) -> Iterator[str]:
    """What is to be known of the row itself, whatever it says."""
    if row.fragments > 1:
        yield f"{row.fragments} frames" if row.fin else f"{row.fragments} frames, no end"
    elif not row.fin and row.kind == "frame":
        yield "no end"
    if row.redacted:
        yield "secret masked"
    if row.truncated:
        yield "cut short"


def _judged(row: Row, width: int) -> list[str]:
    """What is wrong with it, where something is."""
    text = judged_text(row)
    told = _wrapped(printable(f"! {text}"), width - len(_INDENT), "  ") if text else []
    return [_INDENT + line for line in told]


def judged_text(row: Row) -> str:
    """The same as one line, not escaped; "" where nothing is."""
    if row.verdict in ("", "ok"):
        return ""
    why = (row.rule, f"at {row.pointer}" if row.pointer else "", f"({row.clause})" if row.clause else "")
    return ": ".join(filter(None, (row.verdict, " ".join(filter(None, why)))))


def _cut(row: Row, room: int) -> str:
    whole = payload_text(row)
    text = _printable(whole[: max(room, 1)])
    if len(whole) <= room >= len(text) and not is_cut(row):
        return text
    size = f"… ({_count(row.size, 'byte')})"
    return text[: max(room - len(size), 0)] + size


def _printable(text: str) -> str:
    """`printable` of a text of any length."""
    return "".join(printable(text[at : at + _PIECE]) for at in range(0, len(text), _PIECE))


def is_cut(row: Row) -> bool:
    """The store gave us less than there is."""
    return bool(row.text) and len(row.text.encode()) < row.size


def payload_text(row: Row) -> str:
    """The payload alone where it is one, as it was written; of a close code and reason, else the first bytes."""
    if row.text:
        text = _WHITE.sub(" ", row.text)
        front = _FRONT.match(text) if row.message_type else None
        payload = text[front.end() :].rstrip() if front else text
        return payload.removesuffix("]").rstrip() if front and not is_cut(row) else payload
    if row.opcode == _CLOSE and row.kind == "frame" and len(row.raw) >= 2:
        return f"{int.from_bytes(row.raw[:2], 'big')} {row.raw[2:].decode(errors='replace')}".rstrip()
    if row.redacted or not row.size:
        return _count(row.size, "byte")
    return f"{row.raw.hex()}{'…' if row.size > len(row.raw) else ''} ({_count(row.size, 'byte')})"


def _arrow(row: Row) -> str:
    return _ARROWS.get(row.direction, "?")


def _pings(run: Pings) -> str:
    return f"{_time(run.at)}  {run.first.frame_no:>{_NUMBER}} · {pings_text(run)}"


def pings_text(run: Pings) -> str:
    """How many there were, and until when."""
    counts = [_count(run.pings, "ping"), _count(run.pongs, "pong")]
    until = f" until {_time(run.last.at)[:8]}" if run.pings + run.pongs > 2 else ""
    return ", ".join(filter(None, counts)) + until


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}" if number else ""


def _time(at: str) -> str:
    return at[11:26]


def took(us: int | str) -> str:
    """A duration as it stands in a line."""
    return f"{int(us) / 1_000:.1f} ms" if int(us) < _LONG else f"{int(us) / 1_000_000:.1f} s"
