"""A page of sessions: all of it is there, nothing of a peer's is markup, and a real browser opens it."""

from __future__ import annotations

import html.parser
import re
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.forensics.events import Found, Gap, moment
from proxy.forensics.markup import escaped, indented
from proxy.forensics.page import Limits, write
from proxy.forensics.tape import Frame
from tests.forensics.chaptered import (
    BEGIN,
    CP,
    CSMS,
    HOSTILE,
    SECOND,
    browsed,
    chapter,
    frame,
    needs_browser,
    paged,
    talk,
)


def _at(seconds: float) -> str:
    return moment(BEGIN + round(seconds * SECOND))


def example() -> list[Frame]:
    """A call with its answer, an error, one without an answer, pings, silence, what is no message."""
    return [
        frame(1, CP, [2, "m1", "BootNotification", {"chargePointVendor": "V"}]),
        frame(2, CSMS, [3, "m1", {"status": "Accepted"}], answers=1, latency_us=1_500_000),
        frame(3, CSMS, [2, "m2", "Reset", {"type": "Soft"}]),
        frame(4, CP, [4, "m2", "NotSupported", "not now", {}], answers=3, latency_us=20_000),
        frame(5, CP, [2, "m3", "Heartbeat", {}]),
        frame(6, CP, b"", opcode=9, verdict=0),
        frame(7, CSMS, b"", opcode=10, verdict=0),
        frame(8, CP, b"[2,", after=400, rule="not JSON"),
    ]


GAPS = [Gap(_at(100), _at(110), "hole", "from_csms", 90, "stream offsets jump")]
FINDINGS = [
    Found(
        _at(9),
        "critical",
        "fault",
        "FT-01",
        "CP_1: connector 1 reports GroundFailure",
        "",
        frames=(3,),
        count=2,
    )
]


class Reader(html.parser.HTMLParser):
    """Which elements there are, and whether they are closed."""

    VOID = frozenset({"meta", "input", "br"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def test_everything_is_there() -> None:
    page, written = paged([chapter(example(), GAPS, FINDINGS)])
    text = " ".join(" ".join(read(page).text).split())
    assert (written.sessions, written.messages, written.is_cut) == (1, 6, 0)
    for words in (
        "CP_1 · ocpptap",
        "Voltwerk DC-Tower 50",
        "BootNotification",
        "Accepted",
        "1500.0 ms",
        "CALLERROR",
        "no answer seen here",
        "1 ping, 1 pong",
        "of silence",
        "90 bytes of the CSMS not seen",
        "unparseable: not JSON",
        "critical FT-01 fault",
        "2 times",
        "GET /ocpp/CP_1 HTTP/1.1",
        "the charge point first (fin)",
        "close code 1000",
    ):
        assert words in text, words


def test_it_stands_alone() -> None:
    page, _ = paged([chapter(example(), GAPS, FINDINGS)])
    assert not re.search(r'(?:src|href)\s*=\s*"(?!#)', page)
    assert "@import" not in page
    assert "url(" not in page
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy.startswith("default-src 'none'")
    assert "'unsafe-inline'" not in policy.partition("script-src")[2]


def test_a_hostile_peer_is_only_text() -> None:
    plain = read(paged([chapter(example(), GAPS, FINDINGS)])[0])
    frames = [
        frame(1, CP, [2, HOSTILE, HOSTILE, {HOSTILE: HOSTILE}], pointer=HOSTILE, rule=HOSTILE, verdict=3),
        frame(2, CSMS, [4, HOSTILE, HOSTILE, HOSTILE, {}], answers=1, latency_us=1),
        frame(3, CP, HOSTILE.encode()),
        frame(4, CSMS, b"\x03\xe8" + HOSTILE.encode(), opcode=8),
    ]
    gaps = [Gap(_at(3), _at(4), HOSTILE, "", 0, HOSTILE)]
    findings = [Found(_at(3), HOSTILE, HOSTILE, HOSTILE, HOSTILE, "", HOSTILE, HOSTILE, HOSTILE)]
    heads = dict.fromkeys(
        ("charge_point", "vendor", "model", "firmware", "target", "remote_address", "upstream", "closed_reason",
         "ocpp_version", "compression", "connection_id"), HOSTILE
    )  # fmt: skip
    page, _ = paged([chapter(frames, gaps, findings, request_head=HOSTILE.encode(), **heads)])
    hostile = read(page)
    assert hostile.tags <= plain.tags | {"small"}
    assert hostile.attributes <= plain.attributes
    assert page.count("<script>") == 1
    assert not set(page) & {"\0", "\u202e", "\u2066"}
    assert "<script>alert(1)</script>" in "".join(hostile.text)


@given(st.text(max_size=30))
def test_escaping_gives_text(text: str) -> None:
    reader = Reader()
    reader.feed(f'<p title="{escaped(text)}">{escaped(text)}</p>')
    assert reader.tags == {"p"}
    assert reader.attributes == {"title"}


def test_json_stands_in_lines_each_token_as_it_was() -> None:
    told = indented('{"a":1.50,"b":["x, {y}",{"long":"' + "z" * 90 + '"}],"e":"\\u0041"}')
    assert told.splitlines()[:2] == ["{", '  "a": 1.50,']
    assert "1.50" in told
    assert '"\\u0041"' in told
    assert indented('{"a":1,"b":"c"}') == '{"a": 1, "b": "c"}'
    assert indented("no json {") == "no json {"


@given(st.text('{}[],:"ab \\\n1.', max_size=40))
def test_lines_lose_nothing_but_blanks(text: str) -> None:
    blank = re.compile(r"\s")
    assert sorted(blank.sub("", indented("{" + text))) == sorted(blank.sub("", "{" + text))


# bounds


def test_a_full_page_says_where_it_ends() -> None:
    page, written = paged([chapter(talk(30)), chapter(talk(30))], Limits(messages=20))
    assert (written.sessions, written.messages, written.is_cut) == (1, 20, 1)
    assert "it is full: 3" in page
    assert "more frames of this session are not shown; narrow it with --since and --until" in page
    assert "Further sessions are not shown" in page
    read(page)


def test_the_worst_findings_stand_above_all() -> None:
    mild = [Found(_at(second), "info", "fault", "FT-02", f"mild {second}", "") for second in range(20)]
    page, _ = paged([chapter(example(), findings=[*mild, *FINDINGS])])
    above = page.partition('<ul class="found"')[2]
    assert above.index("GroundFailure") < above.index("mild 0")
    assert "mild 15" not in above
    assert "and 9 more, each in its place" in above


def test_messages_and_sessions_are_bounded() -> None:
    large = frame(1, CP, [2, "m", "DataTransfer", {"data": "x" * 5_000}])
    page, _ = paged([chapter([large])], Limits(text=1_000))
    assert "x" * 1_001 not in page
    assert "its first 1,000 characters" in page
    _, written = paged([chapter([large])] * 9, Limits(total=2_500))
    assert written.is_cut == 1
    _, written = paged([chapter([])] * 9, Limits(sessions=4))
    assert (written.sessions, written.is_cut) == (4, 1)


def test_memory_does_not_grow_with_the_page(tmp_path: Path) -> None:
    def peak(calls: int) -> int:
        told = chapter(())
        tracemalloc.start()
        with (tmp_path / "page.html").open("wb") as file:
            write([type(told)(told.head, told.header, calls, talk(calls))], file)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(4_000) < 3 * peak(400) + 200_000


# in a browser


@needs_browser
def test_a_browser_shows_it_without_a_word_of_complaint(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    frames = [*example(), frame(9, CP, [2, HOSTILE, HOSTILE, {HOSTILE: HOSTILE}], after=401)]
    path.write_text(paged([chapter(frames, GAPS, FINDINGS)])[0])
    document, console = browsed(path, "--dump-dom")
    assert console == ""
    assert 'class="tools"><input' in document  # the script has run: filters are shown
    assert len(re.findall('<details class="x ', document)) == 5
    assert "<img" not in document


@needs_browser
@pytest.mark.parametrize("calls", [10_000])
def test_a_browser_opens_twenty_thousand_messages(tmp_path: Path, calls: int) -> None:
    path = tmp_path / "page.html"
    page, written = paged([chapter(talk(calls))])
    path.write_text(page)
    document, console = browsed(path, "--dump-dom")
    assert console == ""
    assert written.is_cut == 0
    assert document.count('<details class="x ') == calls
    picture = tmp_path / "page.png"
    browsed(path, "--window-size=1280,900", f"--screenshot={picture}")
    assert picture.stat().st_size > 10_000
