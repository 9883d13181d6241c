from __future__ import annotations

import html.parser
import json
import re
from typing import Any

import pytest

from proxy.forensics.replay import page, report
from proxy.forensics.replay.diff import Change, Kind
from proxy.forensics.replay.outcome import Outcome, Who
from proxy.forensics.replay.report import Story
from tests.forensics.replay.talks import CP, CSMS, call, told

STORY = Story("charge point", "ws://target/ocpp", "max", ("message ids: the recorded ones",), 1.5)
HOSTILE = "<script>alert('x')</script>\x00\"&\u202e\n"


def outcome(*changes: Change, charge_point: str = "CP_1") -> Outcome:
    found, (said,) = Outcome(), told((CP, call(1, "Authorize")))
    tally = found.of(CP, "Authorize")
    tally.calls = tally.compared = 4
    tally.differing = int(bool(changes))
    tally.recorded.add(0.010)
    tally.new.add(0.020)
    found.charge_points = found.connections = 1
    found.sent = 4
    for change in changes:
        found.differs(Who(charge_point, "5e551234").difference(change, said))
    return found


VALUE = Change(Kind.VALUE, "$.idTagInfo.status", '"Accepted"', '"Blocked"')


def test_a_replay_that_is_the_same_says_so_first() -> None:
    lines = report.as_text(STORY, outcome()).splitlines()
    assert lines[:2] == [
        "replayed as charge point against ws://target/ocpp, speed max, 1.5 s",
        "no difference: 1 charge point, 1 session, 4 messages sent, 4 calls compared, 0 of them differ",
    ]


def test_a_difference_is_a_line_with_its_place() -> None:
    text = report.as_text(STORY, outcome(VALUE))
    assert '  CP_1 5e551234 #1 Authorize m1: $.idTagInfo.status: recorded "Accepted", now "Blocked"' in text
    assert "1 difference:" in text


def test_actions_are_told_with_divergence_and_latency() -> None:
    line = report.as_text(STORY, outcome(VALUE)).split("THEN p50")[1].splitlines()[1]
    assert re.split("  +", line)[:6] == ["Authorize", "from_charge_point", "4", "4", "1", "25.0 %"]
    assert re.split("  +", line)[6:] == ["10.0 ms", "10.0 ms", "20.0 ms", "20.0 ms"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change(Kind.MISSING_ANSWER, "", "{}"), "missing answer: recorded {}"),
        (Change(Kind.LATE, "", "", "31.0 s"), "late: now 31.0 s"),
        (Change(Kind.LATE), "late"),
        (Change(Kind.VALUE, "$.a", "", "1"), "$.a: not recorded, now 1"),
        (Change(Kind.VALUE, "$.a", "1", ""), "$.a: recorded 1, now missing"),
        (Change(Kind.ERROR, "", "{}", '"X"'), 'error instead of result: recorded {}, now "X"'),
        (Change(Kind.CONNECTION, "", "ocpp1.6", "ocpp2.0.1"), "connection: ocpp2.0.1 (recorded: ocpp1.6)"),
    ],
)
def test_each_kind_in_words(change: Change, words: str) -> None:
    assert report.what(outcome(change).differences[0]) == words


def test_the_text_is_cut_and_says_so() -> None:
    text = report.as_text(STORY, outcome(*[VALUE] * (report.MOST_LINES + 7)))
    assert text.count("$.idTagInfo.status") == report.MOST_LINES
    assert "... and 7 more" in text


def test_what_was_left_out_and_noticed_is_listed() -> None:
    found = outcome()
    found.left_out["pings"] = 3
    found.note("odd things", 2)
    text = report.as_text(STORY, found)
    assert "left out of the recording:\n  3 pings" in text
    assert "noticed:\n  2 odd things\n  message ids: the recorded ones" in text


def test_the_json_is_one_object_with_everything() -> None:
    told = json.loads(report.as_json(STORY, outcome(VALUE)))
    assert (told["same"], told["differences"], told["kinds"]) == (False, 1, {"value": 1})
    (found,) = told["found"]
    assert found == {
        "kind": "value",
        "charge_point": "CP_1",
        "session": "5e551234",
        "frame_no": 1,
        "at": "2027-01-15T08:00:00.100Z",
        "from": "from_charge_point",
        "action": "Authorize",
        "message_id": "m1",
        "path": "$.idTagInfo.status",
        "recorded": '"Accepted"',
        "new": '"Blocked"',
    }
    (action,) = told["actions"]
    assert (action["divergence"], action["recorded_ms"]["p50"]) == (0.25, pytest.approx(10, rel=0.01))


def test_the_most_divergent_action_comes_first() -> None:
    found = outcome(VALUE)
    found.of(CSMS, "Reset").compared = found.of(CSMS, "Reset").differing = 1
    assert [action for _, action, _ in report.by_action(found)] == ["Reset", "Authorize"]


class Tags(html.parser.HTMLParser):
    """What a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, Any]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def seen(text: str) -> Tags:
    tags = Tags()
    tags.feed(text)
    return tags


def test_the_page_stands_alone() -> None:
    tags = seen(page.as_html(STORY, outcome(VALUE)))
    assert not {"script", "link", "img", "iframe"} & {*tags.tags}
    assert not {"src", "href", "onclick"} & {name for name, _ in tags.attributes}


def test_a_page_says_what_the_text_says() -> None:
    text = page.as_html(STORY, outcome(VALUE))
    assert all(
        word in text for word in ("$.idTagInfo.status", "Blocked", "Authorize", "25.0 %", "ws://target")
    )


def test_what_peers_say_is_escaped_everywhere() -> None:
    change = Change(Kind.VALUE, HOSTILE, HOSTILE, HOSTILE)
    found = outcome(change, charge_point=HOSTILE)
    found.of(CSMS, HOSTILE).calls = 1
    story = Story("charge point", "ws://x", "max", (HOSTILE,))
    tags = seen(page.as_html(story, found))
    assert "script" not in tags.tags
    for text in (page.as_html(story, found), report.as_text(story, found)):
        assert not {"\x00", "\u202e"} & {*text}


def test_a_page_is_cut_and_says_so() -> None:
    text = page.as_html(STORY, outcome(*[VALUE] * (page.MOST_ROWS + 7)))
    assert text.count("$.idTagInfo.status") == page.MOST_ROWS
    assert "7 more are not shown" in text
