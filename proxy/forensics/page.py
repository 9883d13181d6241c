"""Sessions as one HTML page that stands alone: no network, and no script is needed to read it.

Two lanes, charge point and CSMS; a call and its answer stand together, with the time it took; pings and silence are
folded; gaps and findings stand in their place. Written as it is made: memory does not grow with the page. Whatever
peers sent is text (`markup`), and the page's policy allows no script but its own.

Bounded: 20,000 messages, 500 sessions, 64 KiB of a message, 48 MiB of messages; where it ends, it says so.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import BinaryIO, Final

import msgspec

from proxy.forensics import lines
from proxy.forensics.events import Chapter, Found, Gap, Happening, happenings, us
from proxy.forensics.markup import cut, escaped, indented
from proxy.forensics.page_parts import (
    BRIEF,
    ERRORS,
    LANES,
    Sums,
    about,
    aside,
    begin,
    end,
    finding_box,
    host_of,
    lasted,
    latency_bar,
    line,
    name_of,
    session_head,
    summary,
    time_of,
    verdict_of,
)
from proxy.forensics.timeline import Exchange, Pings, Row, Said

CHUNK: Final = 80
"""Rows that a browser lays out together."""
SILENCE_US: Final = 20_000_000
"""From which on time is folded."""
_SECOND: Final = 1_000_000
_LANE: Final = {"from_charge_point": "cp", "from_csms": "cs"}
_WAY: Final = {"from_charge_point": "go", "from_csms": "come"}


class Limits(msgspec.Struct, frozen=True):
    """The most that a page holds. `text`: bytes of one message; `total`: of all."""

    messages: int = 20_000
    sessions: int = 500
    text: int = 64 << 10
    total: int = 48 << 20


LIMITS: Final = Limits()


class Written(msgspec.Struct, frozen=True):
    """`is_cut`: there was more than a page holds."""

    sessions: int
    messages: int
    is_cut: int


def write(
    chapters: Iterable[Chapter],
    out: BinaryIO,
    heading: Mapping[str, str] | None = None,
    seen: Callable[[int], None] = lambda count: None,
    limits: Limits = LIMITS,
) -> Written:
    """`heading`: what is said of a transaction. Raises what reading the chapters raises."""
    page = _Page(seen, limits)
    for piece in page.pieces(chapters, heading or {}):
        out.write(piece.encode("utf-8", "replace"))
    return Written(page.sums.sessions, page.sums.messages, page.sums.is_cut)


class _Page:
    def __init__(self, seen: Callable[[int], None], limits: Limits) -> None:
        self.sums = Sums()
        self._seen = seen
        self._limits = limits
        self._rows = 0

    def pieces(self, chapters: Iterable[Chapter], heading: Mapping[str, str]) -> Iterator[str]:
        coming = iter(chapters)
        first = next(coming, None)
        yield begin(first, heading)
        for chapter in itertools.chain(() if first is None else (first,), coming):
            if self.sums.sessions == self._limits.sessions or self.sums.is_cut:
                self.sums.is_cut = 1
                yield f'<p class="cutoff">Further sessions are not shown: {_NARROW}</p>'
                break
            self.sums.sessions += 1
            yield from self._chapter(chapter)
        yield "</main>"
        yield summary(self.sums)
        yield end()

    def _chapter(self, chapter: Chapter) -> Iterator[str]:
        yield f'<section id="s{self.sums.sessions}">{session_head(chapter)}'
        if not chapter.is_refused:
            yield LANES.format(escaped(chapter.head.charge_point), escaped(host_of(chapter.head.upstream)))
            yield from _chunks(self._timeline(chapter))
        yield "</section>"

    def _timeline(self, chapter: Chapter) -> Iterator[str]:
        self._rows, day, before = 0, "", 0
        told = happenings(chapter, self._limits.text, self._read)
        for happening in told:
            if self._is_full():
                self.sums.is_cut = 1
                left = max(chapter.count - self._rows, 0)
                more = f"{left:,} more frames of this session are" if left else "the rest is"
                yield f'<p class="cutoff">The page ends here, it is full: {more} not shown; {_NARROW}</p>'
                return
            at = us(happening.at)
            if happening.at[:10] != day:
                day = happening.at[:10]
                yield line("day", "", f"{day} (UTC)")
            elif at - before >= SILENCE_US:
                yield line("still", "", f"{lasted(at - before)} of silence")
            before = max(before, at, _end_of(happening))
            yield self._told(happening)
        yield line("end", time_of(chapter.header["last"]), escaped(lines.ending(chapter.header)))

    def _read(self, count: int) -> None:
        self._rows += count
        self._seen(count)

    def _is_full(self) -> bool:
        return self.sums.messages >= self._limits.messages or self.sums.bytes >= self._limits.total

    def _told(self, happening: Happening) -> str:
        if isinstance(happening, Exchange):
            return self._exchange(happening)
        if isinstance(happening, Said):
            return self._said(happening)
        if isinstance(happening, Pings):
            return line("ping", time_of(happening.at), lines.pings_text(happening))
        return self._gap(happening) if isinstance(happening, Gap) else self._found(happening)

    # messages

    def _exchange(self, exchange: Exchange) -> str:
        call, answer = exchange.call, exchange.answer
        self.sums.calls += 1
        arrows = [self._arrow(call, "call")]
        if answer is None:
            self.sums.unanswered += 1
            arrows.append('<span class="a no">no answer seen here</span>')
        else:
            arrows.append(self._arrow(answer, "ans"))
            self.sums.took(answer.latency_us or 0, self._anchor(call))
        wrong = answer is None or _is_wrong(call) or _is_wrong(answer)
        rows = [call] if answer is None else [call, answer]
        return self._details(rows, arrows, wrong, "" if answer is None else latency_bar(answer.latency_us))

    def _said(self, said: Said) -> str:
        row = said.row
        late = f" answers {row.answers} after {lines.took(row.latency_us or 0)}" if said.late else ""
        return self._details(
            [row], [self._arrow(row, "ans" if row.answers else "call", late)], _is_wrong(row), ""
        )

    def _details(self, rows: list[Row], arrows: list[str], wrong: object, bar: str) -> str:
        first = rows[0]
        kinds = " ".join(filter(None, ("x", _LANE.get(first.direction, "cp"), "bad" if wrong else "")))
        payloads = "".join(map(self._payload, rows))
        judged = "".join(map(verdict_of, rows))
        return (
            f'<details class="{kinds}" id="{self._anchor(first)}"><summary><span class="t">{time_of(first.at)} '
            f'<span class="n">{first.frame_no}</span></span><span class="w">{"".join(arrows)}{judged}</span>'
            f'<span class="l">{bar}</span></summary><div class="q">{payloads}</div></details>\n'
        )

    def _anchor(self, row: Row) -> str:
        return f"s{self.sums.sessions}f{row.frame_no}"

    def _arrow(self, row: Row, part: str, more: str = "") -> str:
        self.sums.messages += 1
        kind = f"a {_WAY.get(row.direction, 'go')} {_LANE.get(row.direction, 'cp')} {part}"
        name, brief = name_of(row), escaped(cut(lines.payload_text(row)[:BRIEF], BRIEF))
        marks = "".join(f' <span class="badge">{escaped(mark)}</span>' for mark in lines.marks(row))
        return f'<span class="{kind}">{name}{escaped(more)}<i><bdi>{brief}</bdi></i>{marks}</span>'

    def _payload(self, row: Row) -> str:
        self.sums.errors += row.message_type in ERRORS
        self.sums.violations += _is_wrong(row) and row.message_type not in ERRORS
        self.sums.bytes += len(row.text)
        shown = escaped(indented(lines.payload_text(row)))
        return f'<h4>{about(row)}</h4><pre class="j" dir="ltr">{shown}</pre>'

    # what no peer said

    def _gap(self, gap: Gap) -> str:
        self.sums.gaps += 1
        text = escaped(lines.gap_text(msgspec.structs.asdict(gap) | {"bytes": gap.size}))
        return aside(gap.at, f'<div class="f gap"><strong>not seen</strong> {text}</div>', "")

    def _found(self, found: Found) -> str:
        self.sums.findings += 1
        anchor = f"n{self.sums.findings}"
        self.sums.found(anchor, found)
        return aside(found.at, finding_box(found), anchor)


_NARROW: Final = "narrow it with --since and --until."


def _is_wrong(row: Row) -> bool:
    return row.message_type in ERRORS or row.verdict not in ("", "ok", "erratum")


def _end_of(happening: Happening) -> int:
    """When its last part was seen."""
    if isinstance(happening, Exchange) and happening.answer is not None:
        return us(happening.answer.at)
    if isinstance(happening, Pings):
        return us(happening.last.at)
    return us(happening.until) if isinstance(happening, Gap) else 0


def _chunks(rows: Iterator[str]) -> Iterator[str]:
    while several := "".join(itertools.islice(rows, CHUNK)):
        yield f'<div class="k">{several}</div>\n'
