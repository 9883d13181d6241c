from __future__ import annotations

import math
from typing import Any

import pytest

from proxy.forensics.replay import asked
from tests.forensics.replay.talks import BEGIN, CP, SECOND, call, recording

WORDS: dict[str, Any] = {
    "role": "charge-point",
    "to": "ws://x",
    "listen": "",
    "follow": False,
    "source": ("a",),
    "charge_point": "",
    "since": "",
    "until": "",
    "speed": "",
    "shift_time": False,
}


@pytest.mark.parametrize(("text", "speed"), [("", math.inf), ("max", math.inf), ("1", 1.0), ("2.5", 2.5)])
def test_speed(text: str, speed: float) -> None:
    assert asked.speed(text) == speed


@pytest.mark.parametrize("text", ["0", "-1", "fast", "nan", "inf", "1x"])
def test_no_speed(text: str) -> None:
    with pytest.raises(ValueError, match="--speed"):
        asked.speed(text)


def test_id_tags() -> None:
    assert asked.id_tags(["A=B", "C==D"]) == {"A": "B", "C": "=D"}
    for wrong in ("A", "=B", "A="):
        with pytest.raises(ValueError, match="RECORDED=NEW"):
            asked.id_tags([wrong])


def test_headers_and_authorization() -> None:
    assert asked.headers(["X-Tenant: a b"], "Basic x") == [("X-Tenant", "a b"), ("Authorization", "Basic x")]
    assert asked.headers([], "") == []


@pytest.mark.parametrize(
    "line", ["", "no colon", "a b: c", "X: a\r\nY: b", "Host: x", "Sec-WebSocket-Key: x"]
)
def test_no_header(line: str) -> None:
    with pytest.raises(ValueError, match="header"):
        asked.headers([line], "")


def test_a_wrong_authorization_is_not_repeated() -> None:
    with pytest.raises(ValueError, match="Authorization") as wrong:
        asked.headers([], "Basic secret\nX")
    assert "secret" not in str(wrong.value)


@pytest.mark.parametrize(("speed", "begins"), [(1.0, 0.0), (2.0, -10.0), (math.inf, -20.0)])
def test_times_are_moved_so_that_the_recording_ends_with_its_replay(speed: float, begins: float) -> None:
    told = recording((CP, call(1, "A")), (CP, call(2, "B")), step=10.0)
    now = BEGIN + 5_000 * SECOND
    assert BEGIN + asked.shift([told], now, speed) == now + begins * SECOND


@pytest.mark.parametrize(
    ("name", "wanted", "format"),
    [
        ("-", "", "text"),
        ("a.JSON", "", "json"),
        ("a.html", "", "html"),
        ("a.html", "json", "json"),
        ("a", "", "text"),
    ],
)
def test_the_format_of_a_report(name: str, wanted: str, format: str) -> None:
    assert asked.report_format(name, wanted) == format


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"role": "csms", "to": "", "listen": ":9"},
        {"source": (), "charge_point": "*"},
        {"source": (), "follow": True},
        {"source": (), "follow": True, "charge_point": "DE*"},
    ],
)
def test_what_goes_together(words: dict[str, Any]) -> None:
    assert asked.misfit(WORDS | words) == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"to": ""}, "needs a target"),
        ({"role": "csms", "to": ""}, "needs an address"),
        ({"role": "csms", "listen": ":9"}, "--to goes with"),
        ({"listen": ":9"}, "--listen goes with"),
        ({"source": ()}, "name a SESSION"),
        ({"charge_point": "a"}, "a SESSION or a FILE, or"),
        ({"follow": True}, "takes what passes now"),
        ({"follow": True, "source": (), "speed": "1"}, "is live"),
        (
            {"follow": True, "source": (), "role": "csms", "to": "", "listen": ":9"},
            "goes with --as charge-point",
        ),
    ],
)
def test_what_does_not(words: dict[str, Any], said: str) -> None:
    assert said in asked.misfit(WORDS | words)
