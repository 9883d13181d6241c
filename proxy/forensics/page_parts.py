"""The pieces of a page: its head and foot, a session's own head, lines between the lanes. Pure.

What peers sent comes in as text and goes out escaped (`markup`).
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from proxy.forensics import lines
from proxy.forensics.events import Chapter, Found, us
from proxy.forensics.markup import cut, escaped
from proxy.forensics.page_look import SCRIPT, STYLE
from proxy.forensics.timeline import Row

BRIEF: Final = 150
"""Characters of a payload that stand beside its arrow."""
ERRORS: Final = frozenset({4, 5})
_SECOND: Final = 1_000_000
_FASTEST_US: Final = 1_000
_LATEST_US: Final = 30 * _SECOND
_STEPS: Final = 40
"""Of the latency histogram, per factor of ten."""
_STATUS: Final = re.compile(r'"status"\s*:\s*"([A-Za-z]{1,40})"')
_TYPES: Final = {2: "CALL", 3: "CALLRESULT", 4: "CALLERROR", 5: "CALLRESULTERROR", 6: "SEND"}
_RANKS: Final = {"critical": 0, "warning": 1, "info": 2}
_MOST_LISTED: Final = 12
_FINE: Final = frozenset({"Accepted", "Scheduled", "Unlocked", "Available", "Ok", "Operative"})


class Sums(msgspec.Struct):
    """What is counted while the page is written; bounded."""

    sessions: int = 0
    messages: int = 0
    calls: int = 0
    unanswered: int = 0
    errors: int = 0
    violations: int = 0
    findings: int = 0
    gaps: int = 0
    bytes: int = 0
    slowest_us: int = 0
    slowest: str = ""
    latencies: dict[int, int] = {}
    listed: list[tuple[str, Found]] = []
    is_cut: int = 0

    def took(self, latency_us: int, anchor: str) -> None:
        step = int(math.log10(max(latency_us, 1)) * _STEPS)
        self.latencies[step] = self.latencies.get(step, 0) + 1
        if latency_us > self.slowest_us:
            self.slowest_us, self.slowest = latency_us, anchor

    def found(self, anchor: str, finding: Found) -> None:
        """The worst ones are listed above all, in the order in which they came."""
        self.listed = [*self.listed, (anchor, finding)]
        if len(self.listed) > _MOST_LISTED:
            mildest = max(reversed(self.listed), key=lambda one: _rank(one[1]))
            self.listed = [one for one in self.listed if one is not mildest]

    @property
    def median_us(self) -> int:
        left = sum(self.latencies.values()) // 2
        for step, count in sorted(self.latencies.items()):
            left -= count
            if left < 0:
                return min(int(10 ** ((step + 0.5) / _STEPS)), self.slowest_us)
        return 0


def begin(first: Chapter | None, heading: Mapping[str, str]) -> str:
    name = escaped(first.head.charge_point) if first else ""
    device = "" if first is None else " ".join(filter(None, (first.head.vendor, first.head.model)))
    title = f"transaction {escaped(heading['transaction'])}" if heading else name
    sub = " · ".join(filter(None, (name if heading else "", escaped(device), _firmware(first))))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><meta name="referrer" content="no-referrer">'
        f'<title>{title} · ocpptap</title><style>{STYLE}</style></head><body>\n<div class="top">'
        f'<span class="brand">ocpptap · session timeline</span><h1><bdi>{title}</bdi></h1>'
        f'<p class="sub"><bdi>{sub}</bdi></p>{_facts(heading)}</div>{_TOOLS}<main>\n'
    )


def _firmware(first: Chapter | None) -> str:
    return f"firmware {escaped(first.head.firmware)}" if first and first.head.firmware else ""


_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; script-src 'sha256-"
    + base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    + "'"
)
_TOOLS: Final = (
    '<div class="tools" hidden><input type="search" placeholder="Filter: action, id, text" aria-label="Filter">'
    '<label><input type="checkbox" data-hide="ping" checked> pings</label>'
    '<label><input type="checkbox" data-hide="still" checked> silence</label>'
    '<label><input type="checkbox" data-only> only what is wrong</label>'
    "<button>Unfold or fold all</button></div>"
)
LANES: Final = (
    '<div class="lanes"><span></span><div><span class="cp" title="charge point">{0}</span>'
    '<span class="cs" title="CSMS">CSMS {1}</span></div><span></span></div>'
)


def _facts(facts: Mapping[str, str]) -> str:
    told = "".join(
        f"<div><dt>{escaped(name)}</dt><dd><bdi>{escaped(text)}</bdi></dd></div>"
        for name, text in facts.items()
        if text
    )
    return f'<dl class="facts">{told}</dl>' if told else ""


def session_head(chapter: Chapter) -> str:
    """The session's own: who, from where to where, how the handshake went."""
    header = chapter.header
    version = f"OCPP {header['ocpp_version']}" if header["ocpp_version"] else ""
    badges = (version, header["state"], header["compression"], header["tls_version"])
    told = "".join(f'<span class="badge">{escaped(badge)}</span>' for badge in badges if badge)
    return (
        f"<header><h2>Session <code>{escaped(header['connection_id'])}</code> {told}</h2>"
        f"{_facts(_facts_of(chapter))}{_handshake(chapter)}</header>"
    )


def _facts_of(chapter: Chapter) -> dict[str, str]:
    header = chapter.header
    facts = {
        "opened": f"{header['opened'][:23]} UTC",
        "lasted": lasted(us(header["last"]) - us(header["opened"])),
        "from": header["remote_address"],
        "path": header["target"],
        "to": header["upstream"],
    }
    if chapter.is_refused:
        return facts | {"refused": lines.ending(header)}
    return facts | {
        "CSMS dialled in": lines.took(header["dial_us"]),
        "answered after": lines.took(header["handshake_us"]),
        "end": lines.ending(header),
    }


def _handshake(chapter: Chapter) -> str:
    heads = [
        head.decode("utf-8", "replace") for head in (chapter.head.request_head, chapter.head.response_head)
    ]
    if not any(heads):
        return ""
    told = (escaped(head.replace("\r\n", "\n").rstrip("\n")) for head in heads if head)
    boxes = "".join(f'<pre dir="ltr">{head}</pre>' for head in told)
    return f'<details class="heads"><summary>Handshake</summary>{boxes}</details>'


def host_of(upstream: str) -> str:
    return upstream.partition("://")[2] or upstream


def line(kind: str, time: str, text: str) -> str:
    return f'<div class="r {kind}"><span class="t">{time}</span><span class="w">{text}</span></div>\n'


def aside(at: str, text: str, anchor: str) -> str:
    name = f' id="{anchor}"' if anchor else ""
    return f'<div class="r aside"{name}><span class="t">{time_of(at)}</span><span class="w">{text}</span></div>\n'


def finding_box(found: Found) -> str:
    again = f"{found.count} times" if found.count > 1 else ""
    over = f"over since {found.cleared[:19]}" if found.cleared else ""
    proof = "frames " + ", ".join(map(str, found.frames[:10])) if found.frames else ""
    below = " · ".join(filter(None, (found.basis, again, over, proof)))
    return (
        f'<div class="f {escaped(found.severity)}"><strong>{escaped(found.severity)} {escaped(found.rule)} '
        f"{escaped(found.analyzer)}</strong> <bdi>{escaped(found.message)}</bdi><small>{escaped(below)}</small></div>"
    )


def name_of(row: Row) -> str:
    """What a message is called on its arrow."""
    if not row.answers:
        return f"<b>{escaped(cut(lines.name_text(row), BRIEF))}</b>"
    if row.message_type in ERRORS:
        return f'<b class="err">{escaped(lines.name_text(row))}</b>'
    found = _STATUS.search(row.text)
    status = found[1] if found else ""
    return f'<b class="{"ok" if status in _FINE else "odd"}">{escaped(status)}</b>' if status else ""


def about(row: Row) -> str:
    """What stands above a message's text."""
    whole = "" if not lines.is_cut(row) else f" · its first {len(row.text):,} characters"
    named = f"id {row.message_id}" if row.message_id else ""
    kind = _TYPES.get(row.message_type) or lines.kind_text(row)
    told = (kind, named, f"frame {row.frame_no}", f"{row.size:,} bytes{whole}", row.at[11:])
    return escaped(" · ".join(filter(None, told)))


def verdict_of(row: Row) -> str:
    told = lines.judged_text(row)
    kind = "v" if row.verdict == "erratum" else "v bad"
    return f'<span class="a {kind}">{escaped(told)}</span>'.replace("a v", "v", 1) if told else ""


def latency_bar(latency_us: int | None) -> str:
    if latency_us is None:
        return ""
    span = math.log10(_LATEST_US / _FASTEST_US)
    width = min(1.0, max(0.0, math.log10(max(latency_us, 1) / _FASTEST_US) / span))
    kind = "late" if latency_us >= 10 * _SECOND else "slow" if latency_us >= _SECOND else ""
    return f'<u class="{kind}" style="--w:{width * 100:.0f}%"></u>{lines.took(latency_us)}'


def time_of(at: str) -> str:
    return f'<time datetime="{at.replace(" ", "T")}Z">{at[11:23]}</time>'


def lasted(us_: int) -> str:
    """A duration for people."""
    seconds = us_ // _SECOND
    if seconds < 60:
        return f"{us_ / _SECOND:.1f} s" if seconds < 10 else f"{seconds} s"
    parts = (
        (seconds // 86_400, "d"),
        (seconds // 3_600 % 24, "h"),
        (seconds // 60 % 60, "min"),
        (seconds % 60, "s"),
    )
    told = [f"{number} {unit}" for number, unit in parts if number]
    return " ".join(told[:2])


# the end


def _rank(found: Found) -> int:
    return _RANKS.get(found.severity, 3)


def summary(sums: Sums) -> str:
    tiles: Iterable[tuple[Any, str, str]] = (
        (sums.sessions, "sessions" if sums.sessions != 1 else "session", ""),
        (f"{sums.messages:,}", "messages", ""),
        (f"{sums.calls:,}", "calls", ""),
        (sums.unanswered, "unanswered", "bad" if sums.unanswered else ""),
        (sums.errors, "errors", "warn" if sums.errors else ""),
        (sums.violations, "violations", "warn" if sums.violations else ""),
        (lines.took(sums.median_us) if sums.latencies else "-", "median", ""),
        (lines.took(sums.slowest_us) if sums.latencies else "-", "slowest", ""),
        (sums.findings, "findings", "bad" if any(f.severity == "critical" for _, f in sums.listed) else ""),
        (sums.gaps, "gaps", "warn" if sums.gaps else ""),
    )
    told = "".join(
        f'<div class="tile {kind}"><b>{value}</b><span>{name}</span></div>' for value, name, kind in tiles
    )
    listed = sorted(sums.listed, key=lambda one: _rank(one[1]))
    found = "".join(f'<li><a href="#{anchor}">{finding_box(finding)}</a></li>' for anchor, finding in listed)
    more = sums.findings - len(sums.listed)
    found += f'<li class="sub">and {more} more, each in its place</li>' if more > 0 else ""
    return f'<div class="sum"><div class="tiles">{told}</div><ul class="found">{found}</ul></div>'


def end() -> str:
    text = "Times are UTC, observed by ocpptap between charge point and CSMS: what was seen, not what was delivered."
    return f"<footer>{text}</footer><script>{SCRIPT}</script></body></html>\n"
