"""The diagram is Mermaid whatever peers send: each line has one of a few forms, and texts hold nothing of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from proxy.forensics.events import Chapter, Found, Gap, moment
from proxy.forensics.mermaid import diagram
from tests.forensics.chaptered import BEGIN, CP, CSMS, HOSTILE, SECOND, chapter, frame, talk

TEXT = r"(?:[^#;%<>\"`{}\[\]|~\\\x00-\x1f\x7f]|#\d+;)+"
LINES = (
    re.compile("sequenceDiagram"),
    re.compile(rf" {{4}}participant (?:CP|CSMS) as {TEXT}"),
    re.compile(rf" {{4}}(?:CP|CSMS)(?:->>|-->>|-x|--x|-\))(?:CP|CSMS): {TEXT}"),
    re.compile(rf" {{4}}Note over (?:CP|CSMS|CP,CSMS): {TEXT}(?:<br/>{TEXT})*"),
)
"""What Mermaid's grammar of sequence diagrams allows, as far as we use it: `#` only as a character's number."""


def drawn(chapters: Iterable[Chapter]) -> list[str]:
    lines = list(diagram(chapters))
    for line in lines:
        assert any(form.fullmatch(line) for form in LINES), line
    return lines


def test_calls_answers_errors_and_findings_are_drawn() -> None:
    at = moment(BEGIN + 5 * SECOND)
    frames = [
        frame(1, CP, [2, "m1", "BootNotification", {}]),
        frame(2, CSMS, [3, "m1", {"status": "Accepted"}], answers=1, latency_us=20_000),
        frame(3, CSMS, [2, "m2", "Reset", {"type": "Soft"}], verdict=3, rule="enum", pointer="/type"),
        frame(4, CP, [4, "m2", "NotSupported", "", {}], answers=3, latency_us=20_000),
        frame(9, CP, [2, "m3", "Heartbeat", {}]),
    ]
    told = chapter(
        frames, [Gap(at, at, "hole", "", 90, "lost")], [Found(at, "warning", "fault", "FT-01", "broken", "")]
    )
    lines = [line.strip() for line in drawn([told])]
    assert lines[0] == "sequenceDiagram"
    assert lines[1:3] == ["participant CP as CP_1", "participant CSMS as CSMS csms.example:9000"]
    assert "CP->>CSMS: 08:00:01 BootNotification" in lines
    assert "CSMS-->>CP: 08:00:02 Accepted (+20.0 ms)" in lines
    assert "Note over CSMS: violation: enum at /type" in lines
    assert any(line.startswith("CP--xCSMS: 08:00:04 CALLERROR #34;NotSupported#34;") for line in lines)
    assert "Note over CP,CSMS: not seen: 90 bytes (hole): lost" in lines
    assert "Note over CP,CSMS: WARNING FT-01 fault: broken" in lines
    assert "CP-xCSMS: 08:00:09 Heartbeat (no answer seen)" in lines
    assert "closed 20" in lines[-1]


@given(st.text(max_size=60))
def test_any_text_is_only_text(text: str) -> None:
    hostile = text + HOSTILE
    frames = [
        frame(1, CP, [2, hostile, hostile, {}], rule=hostile, verdict=3),
        frame(2, CSMS, [4, hostile, hostile, hostile, {}], answers=1, latency_us=1),
        frame(3, CP, hostile.encode("utf-8", "surrogatepass")),
    ]
    at = moment(BEGIN)
    told = chapter(
        frames,
        [Gap(at, at, hostile, "", 0, hostile)],
        [Found(at, "info", hostile, hostile, hostile, "")],
        charge_point=hostile,
        upstream=hostile,
        closed_reason=hostile,
        remote_address=hostile,
    )
    assert len(drawn([told])) > 6


def test_an_empty_name_is_still_a_line() -> None:
    drawn([chapter([frame(1, CP, [2, "m", "", {}])], charge_point="", upstream="")])
    assert drawn([]) == ["sequenceDiagram"]


def test_five_hundred_messages_and_a_word_of_the_rest() -> None:
    lines = drawn([chapter(talk(400)), chapter(talk(3))])
    assert sum(">>" in line for line in lines) == 500
    assert "the diagram is full: some 300 more frames" in lines[-2]
    assert "further sessions are not shown" in lines[-1]


def test_notes_are_bounded_too() -> None:
    at = moment(BEGIN)
    found = [Found(at, "info", "fault", "FT-01", "again", "")] * 5_000
    assert len(drawn([chapter(talk(1), findings=found)])) < 300
